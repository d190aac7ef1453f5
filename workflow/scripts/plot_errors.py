"""Fit a baseline and plot its errors."""

from _job import job, named

with job(snakemake) as (_, [out]):
    from vacuagym.publish.error_figures import plot_errors

    plot_errors(named(snakemake.input), snakemake.params.model, out)
