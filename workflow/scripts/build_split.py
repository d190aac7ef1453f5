"""Give every geometry of the run its part in one split."""

from _job import job

with job(snakemake) as (features, [out]):
    from vacuagym.benchmark.splits import build_split

    build_split(features, out, snakemake.params.recipe)
