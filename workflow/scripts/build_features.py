"""Compute one shard of exact features."""

from pathlib import Path

from _job import job, recipes, say_rows

with job(snakemake):
    from vacuagym import steps

    say_rows(snakemake, "features")
    geometries, features = snakemake.input[0], snakemake.output[0]
    steps.build_features(Path(geometries), recipes(snakemake)[geometries], Path(features), snakemake.params.made_by)
