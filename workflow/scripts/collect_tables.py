"""Put tables with the same columns into one CSV."""

from _job import job

with job(snakemake) as (tables, [out]):
    from vacuagym.tables.frames import collect_tables

    collect_tables(tables, out)
