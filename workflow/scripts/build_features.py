"""Compute one shard of exact features."""

from pathlib import Path

from _job import job, log_row_range

with job(snakemake):
    from vacuagym.geometry.build import build_features

    log_row_range(snakemake, "features")
    geometries = [Path(path) for path in snakemake.input.geometries]
    build_features(geometries, Path(snakemake.output[0]), snakemake.params.recipe)
