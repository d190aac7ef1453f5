"""Plot the geometries and the labels of the run."""

from pathlib import Path

from _job import job, named

with job(snakemake):
    from vacuagym.publish.figures import plot_figures

    plot_figures(Path(snakemake.input[0]), named(snakemake.output))
