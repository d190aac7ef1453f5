"""Give every geometry of the run its part in one split."""

from pathlib import Path

from _job import job

with job(snakemake):
    from vacuagym.benchmark.splits import build_split

    build_split([Path(path) for path in snakemake.input], Path(snakemake.output[0]), snakemake.params.recipe)
