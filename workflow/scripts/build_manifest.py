"""Hash every file of the run into its manifest."""

from pathlib import Path

from _job import job

with job(snakemake):
    from vacuagym import steps

    shards = [Path(path) for path in snakemake.input]
    steps.build_manifest(Path("results"), shards, snakemake.config, Path(snakemake.output[0]))
