"""Label one shard: draw couplings, find critical points, classify them."""

from pathlib import Path

from _job import job, recipes, say_rows

with job(snakemake):
    from vacuagym import steps

    say_rows(snakemake, "labels")
    steps.label_vacua(
        Path(snakemake.input[0]),
        recipes(snakemake)[snakemake.input[0]],
        Path(snakemake.output.labels),
        Path(snakemake.output.stability),
        snakemake.params.made_by,
    )
