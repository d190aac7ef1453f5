"""Describe every column of every table of the run."""

from pathlib import Path

from _job import job

with job(snakemake):
    from vacuagym.publish.dictionary import build_data_dictionary

    build_data_dictionary(snakemake.params.datasets, snakemake.params.model, Path(snakemake.output[0]))
