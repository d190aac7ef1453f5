"""Scan how active learning learns on one dataset."""

from pathlib import Path

from _job import by_dataset, job

with job(snakemake):
    from vacuagym.benchmark.active_learning import scan_active_learning

    scan_active_learning(
        by_dataset(snakemake.input.features),
        by_dataset(snakemake.input.labels),
        Path(snakemake.input.split),
        snakemake.params.recipe,
        Path(snakemake.output[0]),
    )
