"""Plot the geometries and the labels of the run."""

from _job import job, named

with job(snakemake) as ([counts], _):
    from vacuagym.publish.figures import plot_figures

    plot_figures(counts, named(snakemake.output))
