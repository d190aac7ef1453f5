"""Score every baseline on one dataset and split."""

from pathlib import Path

from _job import by_dataset, job

with job(snakemake):
    from vacuagym.benchmark.baselines import score_baselines

    score_baselines(
        by_dataset(snakemake.input.features),
        by_dataset(snakemake.input.labels),
        Path(snakemake.input.split),
        snakemake.params.recipe,
        Path(snakemake.output[0]),
    )
