"""Compile the code of a family or of the label model, so that no other job has to."""

from _job import job

with job(snakemake) as (_, [done]):
    from vacuagym.models.build import compile_code

    compile_code(snakemake.wildcards.code)
    done.touch()
