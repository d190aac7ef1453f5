"""Plot where the classes of the label model lie, and a potential of each class."""

from _job import job, named

with job(snakemake):
    from vacuagym.publish.portraits import plot_portraits

    plot_portraits(named(snakemake.input), snakemake.params.model, named(snakemake.output))
