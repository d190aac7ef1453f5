"""Compute one shard of exact features."""

from pathlib import Path

from _job import job, say_rows

with job(snakemake):
    from vacuagym import steps

    say_rows(snakemake, "features")
    start, stop = snakemake.params.rows
    steps.build_features(
        snakemake.wildcards.dataset,
        Path(snakemake.input[0]),
        Path(snakemake.output[0]),
        start,
        stop,
        snakemake.params.code,
    )
