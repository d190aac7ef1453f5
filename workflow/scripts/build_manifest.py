"""Check the tables of the run against each other and hash every file into its manifest."""

from pathlib import Path

from _job import job

with job(snakemake):
    from vacuagym.publish.manifest import build_manifest
    from vacuagym.recipes import tables_of

    files = [snakemake.input.dictionary]
    build_manifest(Path(), tables_of(snakemake.config), files, snakemake.config, Path(snakemake.output[0]))
