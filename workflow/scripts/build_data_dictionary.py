"""Describe every column of every table of the run."""

from _job import job

with job(snakemake) as (_, [out]):
    from vacuagym.publish.dictionary import build_data_dictionary

    build_data_dictionary(snakemake.params.datasets, snakemake.params.model, out)
