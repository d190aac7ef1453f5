"""Check the tables of the run against each other and hash every file into its manifest."""

from pathlib import Path

from _job import job

with job(snakemake) as (_, [out]):
    from vacuagym.publish.manifest import build_manifest
    from vacuagym.recipes import tables_of

    build_manifest(Path(), tables_of(snakemake.config), [snakemake.input.dictionary], snakemake.config, out)
