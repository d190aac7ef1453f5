"""Count the labels of the run and check them against the thresholds of the configuration."""

from pathlib import Path

from _job import by_dataset, job

with job(snakemake):
    from vacuagym import release, validation

    features, labels = by_dataset(snakemake.input.features), by_dataset(snakemake.input.labels)
    dictionary = release.read_dictionary(Path(snakemake.input.dictionary))
    validation.validate_labels(
        features,
        labels,
        {Path(path).stem: Path(path) for path in snakemake.input.splits},
        {dataset: release.inputs_of(dictionary, dataset) for dataset in features},
        snakemake.params.thresholds,
        Path(snakemake.output[0]),
    )
