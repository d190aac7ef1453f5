"""Write the release: data, dataset card, datasheet, Croissant description."""

from pathlib import Path

from _job import by_dataset, by_stem, job

with job(snakemake):
    from vacuagym.publish.release import build_release

    build_release(
        by_dataset(snakemake.input.features),
        by_dataset(snakemake.input.labels),
        by_stem(snakemake.input.splits),
        Path(snakemake.input.dictionary),
        Path(snakemake.input.manifest),
        Path(snakemake.input.validation),
        Path(snakemake.output[0]),
    )
