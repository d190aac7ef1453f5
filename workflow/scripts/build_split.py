"""Assign every geometry of the run to a part of one split."""

from pathlib import Path

from _job import job

with job(snakemake):
    from vacuagym import steps

    features = [(Path(path).parent.name, Path(path)) for path in snakemake.input]
    steps.build_split(snakemake.wildcards.split, features, Path(snakemake.output[0]), snakemake.params.code)
