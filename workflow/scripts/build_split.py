"""Assign every geometry of the run to a part of one split."""

from pathlib import Path

from _job import job, recipes

with job(snakemake):
    from vacuagym import steps

    tables = recipes(snakemake)
    features = {Path(path): tables[path] for path in snakemake.input}
    steps.build_split(features, Path(snakemake.output[0]), snakemake.params.made_by)
