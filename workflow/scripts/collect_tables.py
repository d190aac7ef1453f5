"""Put tables with the same columns into one CSV."""

from pathlib import Path

from _job import job

with job(snakemake):
    from vacuagym import steps

    steps.collect_tables([Path(path) for path in snakemake.input], Path(snakemake.output[0]))
