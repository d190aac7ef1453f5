"""Score every baseline on one dataset and split."""

from _job import job, named

with job(snakemake) as (_, [out]):
    from vacuagym.benchmark.baselines import score_baselines

    score_baselines(named(snakemake.input), snakemake.params.recipe, out)
