"""Scan how active learning learns on one dataset."""

from pathlib import Path

from _job import job

with job(snakemake):
    from vacuagym import steps

    steps.scan_active_learning(
        snakemake.wildcards.dataset,
        [Path(path) for path in snakemake.input.features],
        [Path(path) for path in snakemake.input.labels],
        Path(snakemake.input.split),
        Path(snakemake.output[0]),
        snakemake.params.model,
        snakemake.params.seed,
        snakemake.params.settings,
        snakemake.params.code,
    )
