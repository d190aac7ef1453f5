"""Count the labels of the run."""

from pathlib import Path

from _job import by_dataset, by_stem, job

with job(snakemake):
    from vacuagym.publish.dictionary import inputs_of, read_dictionary
    from vacuagym.publish.label_counts import count_labels

    features = by_dataset(snakemake.input.features)
    dictionary = read_dictionary(Path(snakemake.input.dictionary))
    count_labels(
        features,
        by_dataset(snakemake.input.labels),
        by_dataset(snakemake.input.stability),
        by_stem(snakemake.input.splits),
        {dataset: inputs_of(dictionary, dataset) for dataset in features},
        Path(snakemake.output[0]),
    )
