"""Draw memory and speed of the run's jobs so far."""

from pathlib import Path

from _job import job

with job(snakemake):
    from vacuagym import figures

    figures.draw_costs(Path("logs"), {name: Path(path) for name, path in snakemake.output.items()})
