"""Label one shard: draw couplings, find critical points, classify them."""

from pathlib import Path

from _job import inputs, job, say_rows

with job(snakemake):
    from vacuagym import steps

    say_rows(snakemake, "labels")
    ((features, of_features),) = inputs(snakemake).items()
    steps.label_vacua(
        features,
        of_features,
        Path(snakemake.output.labels),
        Path(snakemake.output.stability),
        snakemake.params.made_by,
    )
