"""Compile the code of a family or of the label model, so that no other job has to."""

from pathlib import Path

from _job import job

with job(snakemake):
    from vacuagym.models.build import compile_code

    compile_code(snakemake.wildcards.code)
    Path(snakemake.output[0]).touch()
