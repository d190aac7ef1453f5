"""Generate a dataset's geometries or read its published list."""

from pathlib import Path

from _job import job

with job(snakemake):
    from vacuagym.geometry.build import build_geometries

    build_geometries([Path(path) for path in snakemake.output], snakemake.params.recipe)
