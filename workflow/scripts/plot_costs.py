"""Plot memory and speed of the run's jobs so far."""

from _job import job, memory_table, named

with job(snakemake):
    from vacuagym.publish.score_figures import plot_costs

    plot_costs(memory_table(snakemake), named(snakemake.output))
