"""Compute one shard of exact features."""

from pathlib import Path

from _job import inputs, job, say_rows

with job(snakemake):
    from vacuagym import steps

    say_rows(snakemake, "features")
    ((geometries, of_geometries),) = inputs(snakemake).items()
    steps.build_features(geometries, of_geometries, Path(snakemake.output[0]), snakemake.params.made_by)
