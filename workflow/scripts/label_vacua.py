"""Label one shard: draw couplings, find critical points, classify them."""

from pathlib import Path

from _job import job, log_row_range, named

with job(snakemake):
    from vacuagym.models.build import label_vacua

    log_row_range(snakemake, "labels")
    label_vacua(Path(snakemake.input.features), **named(snakemake.output), recipe=snakemake.params.recipe)
