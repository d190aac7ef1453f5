"""Scan what searches find and learn on one dataset."""

from _job import job, named

with job(snakemake) as (_, [out]):
    from vacuagym.benchmark.search import scan_active_learning

    scan_active_learning(named(snakemake.input), snakemake.params.recipe, out)
