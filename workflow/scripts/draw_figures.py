"""Draw the geometries and the labels of the run."""

from pathlib import Path

from _job import by_dataset, job

with job(snakemake):
    from vacuagym import figures

    out = {name: Path(path) for name, path in snakemake.output.items()}
    figures.draw_figures(by_dataset(snakemake.input.features), Path(snakemake.input.validation), out)
