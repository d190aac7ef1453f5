"""In: the configuration. Out: what the rules ask about it. Datasets, shards, rows, threads, memory."""

from vacuagym.config import checked
from vacuagym.errors import InputError
from vacuagym.geometry import COUNTS
from vacuagym.provenance import source_hash
from vacuagym.run_order import limited, shard_ranges
from vacuagym.splits import SPLITS, splits_of

try:
    config.update(checked(config))
except InputError as error:
    raise WorkflowError(str(error)) from None


SOURCES = {
    dataset: settings["source"]
    for dataset, settings in config["datasets"].items()
    if settings
}
DATASETS = [dataset for dataset in COUNTS if dataset in SOURCES]
SHARDS = {
    dataset: {
        f"{part:05d}": rows
        for part, rows in enumerate(
            shard_ranges(
                limited(COUNTS[dataset], config["n_limit"]), config["shard_rows"]
            )
        )
    }
    for dataset in DATASETS
}


wildcard_constraints:
    dataset="|".join(COUNTS),
    part=r"\d{5}",
    split="|".join(SPLITS),


def shards_of(table):
    """Paths of every shard of a table ("features", "labels", "stability"), dataset by dataset."""
    return [
        f"results/{table}/{dataset}/part-{part}.parquet"
        for dataset in DATASETS
        for part in SHARDS[dataset]
    ]


def rows_of_shard(wildcards):
    """Rows of the run order, start and stop, of a shard. Depends on n_limit for the last shard alone."""
    return SHARDS[wildcards.dataset][wildcards.part]


def published_list(wildcards):
    """Files of the published list a dataset is read from; none if it is generated."""
    source = SOURCES[wildcards.dataset]
    if source == "generate":
        return []
    path = Path(source)
    return sorted(map(str, path.glob("*.ip*"))) if path.is_dir() else [source]


def threads_of(rule):
    """Threads a rule may use."""
    return config["resources"][rule]["threads"]


def mem_mb_of(rule):
    """Memory a rule may use, in MB; a job that ran out of it gets as much again at each further attempt."""
    return lambda wildcards, attempt: config["resources"][rule]["mem_mb"] * attempt
