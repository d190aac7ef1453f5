"""Generate a dataset's geometries or read its published list."""

from _job import job

with job(snakemake) as (_, shards):
    from vacuagym.geometry.build import build_geometries

    build_geometries(shards, snakemake.params.recipe)
