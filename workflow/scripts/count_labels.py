"""Count the labels of the run."""

from _job import job, named

with job(snakemake) as (_, [out]):
    from vacuagym.publish.label_counts import count_labels

    count_labels(named(snakemake.input), out)
