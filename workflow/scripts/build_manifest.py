"""Check the tables of the run against each other and hash every file into its manifest."""

from pathlib import Path

from _job import job, recipes

with job(snakemake):
    from vacuagym import steps

    files = snakemake.input.files
    steps.build_manifest(Path(), recipes(snakemake), [files], snakemake.config, Path(snakemake.output[0]))
