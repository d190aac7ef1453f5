"""Scan how active learning learns on one dataset."""

from _job import job, named

with job(snakemake) as (_, [out]):
    from vacuagym.benchmark.active_learning import scan_active_learning

    scan_active_learning(named(snakemake.input), snakemake.params.recipe, out)
