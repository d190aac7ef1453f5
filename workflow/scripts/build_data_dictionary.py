"""Describe every column of every table of the run."""

from pathlib import Path

from _job import job

with job(snakemake):
    from vacuagym import steps

    steps.build_data_dictionary(snakemake.params.datasets, snakemake.params.model, Path(snakemake.output[0]))
