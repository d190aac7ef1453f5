"""Write the release: data, dataset card, datasheet, Croissant description."""

from pathlib import Path

from _job import by_dataset, job

with job(snakemake):
    from vacuagym import release

    release.build_release(
        by_dataset(snakemake.input.features),
        by_dataset(snakemake.input.labels),
        {Path(path).stem: Path(path) for path in snakemake.input.splits},
        Path(snakemake.input.dictionary),
        Path(snakemake.input.manifest),
        Path(snakemake.input.validation),
        Path(snakemake.output[0]),
    )
