"""Put tables with the same columns into one CSV."""

from pathlib import Path

from _job import inputs, job

with job(snakemake):
    from vacuagym import steps

    steps.collect_tables(inputs(snakemake), Path(snakemake.output[0]))
