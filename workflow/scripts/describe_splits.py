"""Count the classes of every part of every split; an empty or one-class part ends the job."""

from pathlib import Path

from _job import job

with job(snakemake):
    from vacuagym import steps

    labels = [(Path(path).parent.name, Path(path)) for path in snakemake.input.labels]
    steps.describe_splits(labels, [Path(path) for path in snakemake.input.splits], Path(snakemake.output[0]))
