"""Check the counts of the labels against the thresholds of the configuration."""

from _job import job

with job(snakemake) as ([counts], [out]):
    from vacuagym.publish.validation import validate_labels

    validate_labels(counts, snakemake.params.thresholds, out)
