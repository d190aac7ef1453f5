"""Count the classes of every part of every split."""

from _job import job, named

with job(snakemake) as (_, [out]):
    from vacuagym.benchmark.class_counts import count_split_classes

    count_split_classes(named(snakemake.input), snakemake.params.min_geometries, out)
