"""Scan how active learning learns on one dataset."""

from pathlib import Path

from _job import inputs, job

with job(snakemake):
    from vacuagym import steps

    steps.scan_active_learning(inputs(snakemake), Path(snakemake.output[0]), snakemake.params.made_by)
