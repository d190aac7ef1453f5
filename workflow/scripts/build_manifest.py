"""Check the tables of the run against each other and hash every file into its manifest."""

from pathlib import Path

from _job import job

with job(snakemake) as (_, [out]):
    from vacuagym.publish.manifest import build_manifest
    from vacuagym.recipes import tables_of

    def place(path):
        top, _, rest = path.partition("/")
        return Path(snakemake.params.folders[top], rest)

    files = [f"results/{Path(snakemake.input[name]).name}" for name in ("dictionary", "content", "edition")]
    build_manifest(place, tables_of(snakemake.config), files, snakemake.config, out)
