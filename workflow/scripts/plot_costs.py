"""Plot memory and speed of the run's jobs so far."""

from pathlib import Path

from _job import job, named

with job(snakemake):
    from vacuagym.publish.score_figures import plot_costs

    plot_costs(Path("logs/memory.tsv"), named(snakemake.output))
