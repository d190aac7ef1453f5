"""Score every baseline on one dataset and split."""

from pathlib import Path

from _job import inputs, job

with job(snakemake):
    from vacuagym import steps

    steps.score_baselines(inputs(snakemake), Path(snakemake.output[0]), snakemake.params.made_by)
