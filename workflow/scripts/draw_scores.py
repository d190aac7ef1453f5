"""Draw the scores of the baselines and the learning curves of active learning."""

from pathlib import Path

from _job import job

with job(snakemake):
    from vacuagym import figures

    figures.draw_scores(
        Path(snakemake.input.baselines),
        Path(snakemake.input.active_learning),
        {name: Path(path) for name, path in snakemake.output.items()},
    )
