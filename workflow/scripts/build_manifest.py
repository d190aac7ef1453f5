"""Check the tables of the run against each other and hash every file into its manifest."""

from pathlib import Path

from _job import job

with job(snakemake) as (_, [out]):
    from vacuagym.publish.manifest import build_manifest
    from vacuagym.recipes import tables_of

    files = [snakemake.input[name] for name in ("dictionary", "content", "edition")]
    build_manifest(Path(), tables_of(snakemake.config), files, snakemake.config, out)
