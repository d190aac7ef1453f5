"""Put tables with the same columns into one CSV."""

from pathlib import Path

from _job import job

with job(snakemake):
    from vacuagym.tables.frames import collect_tables

    collect_tables([Path(path) for path in snakemake.input], Path(snakemake.output[0]))
