"""Check the counts of the labels against the thresholds of the configuration."""

from pathlib import Path

from _job import job

with job(snakemake):
    from vacuagym.publish.validation import validate_labels

    validate_labels(Path(snakemake.input[0]), snakemake.params.thresholds, Path(snakemake.output[0]))
