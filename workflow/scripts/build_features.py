"""Compute one shard of exact features."""

from _job import job, log_row_range

with job(snakemake) as ([*geometries, _], [out]):
    from vacuagym.geometry.build import build_features

    log_row_range(snakemake)
    build_features(geometries, out, snakemake.params.recipe)
