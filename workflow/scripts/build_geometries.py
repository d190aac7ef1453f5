"""Generate a dataset's geometries or read its published list."""

from pathlib import Path

from _job import job

with job(snakemake):
    from vacuagym import steps

    steps.build_geometries(Path(snakemake.output[0]), snakemake.params.made_by)
