"""Label one shard: draw couplings, find critical points, classify them."""

from _job import job, log_row_range

with job(snakemake) as ([features, _], [labels, stability]):
    from vacuagym.models.build import label_vacua

    log_row_range(snakemake)
    label_vacua(features, labels, stability, snakemake.params.recipe)
