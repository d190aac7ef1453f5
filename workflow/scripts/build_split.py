"""Assign every geometry of the run to a part of one split."""

from pathlib import Path

from _job import inputs, job

with job(snakemake):
    from vacuagym import steps

    steps.build_split(inputs(snakemake), Path(snakemake.output[0]), snakemake.params.made_by)
