"""Count the classes of every part of every split."""

from pathlib import Path

from _job import by_dataset, by_stem, job

with job(snakemake):
    from vacuagym.benchmark.class_counts import count_split_classes

    count_split_classes(
        by_dataset(snakemake.input.features),
        by_dataset(snakemake.input.labels),
        by_stem(snakemake.input.splits),
        snakemake.params.min_geometries,
        Path(snakemake.output[0]),
    )
