"""Score every baseline on one dataset and split."""

from pathlib import Path

from _job import job

with job(snakemake):
    from vacuagym import steps

    steps.score_baselines(
        snakemake.wildcards.split,
        snakemake.wildcards.dataset,
        [Path(path) for path in snakemake.input.features],
        [Path(path) for path in snakemake.input.labels],
        Path(snakemake.input.split),
        Path(snakemake.output[0]),
        snakemake.params.model,
        snakemake.params.settings,
        snakemake.params.code,
    )
