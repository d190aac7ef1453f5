"""What a run consists of: every table it makes, and what makes it, from the configuration alone.

``made_by`` of a table says everything its rows depend on. The rule hands it to its job as a parameter, the job does what
it says and keeps it in the table's metadata, and whoever reads the table compares. So a table of another configuration,
seed, code or row range is made again or refused, and never mixed in.
"""

from collections.abc import Iterable, Mapping

from vacuagym.geometry import COUNTS
from vacuagym.provenance import fingerprint, source_hash
from vacuagym.run_order import limited, shard_ranges
from vacuagym.splits import splits_of

# The parts of the package that the rows of a table depend on, besides its inputs.
CODE = {
    "geometries": ("geometry", "tables", "run_order", "steps"),
    "features": ("geometry", "tables", "steps"),
    "labels": ("engine", "models", "tables", "steps"),
    "splits": ("splits", "tables", "steps"),
    "baselines": ("baselines", "evaluation", "tables", "steps"),
    "active_learning": ("active_learning", "baselines", "evaluation", "engine", "models", "tables", "steps"),
}


def datasets_of(config: dict) -> tuple[str, ...]:
    """The datasets of a run, in a fixed order."""
    return tuple(dataset for dataset in COUNTS if config["datasets"].get(dataset))


def ranges_of(config: dict, dataset: str) -> dict[str, tuple[int, int]]:
    """Rows of the run order, start and stop, of each shard of a dataset, by the shard's number (five digits)."""
    rows = limited(COUNTS[dataset], config["n_limit"])
    return {f"{part:05d}": rows for part, rows in enumerate(shard_ranges(rows, config["shard_rows"]))}


def tables_of(config: dict) -> dict[str, dict]:
    """``made_by`` of every table of a run, by its path in the folder of the run.

    Every ``made_by`` holds ``table`` (its name), ``code`` (hash of the sources) and ``inputs`` (fingerprint of the
    ``made_by`` of what it is made from); shards also ``dataset`` and ``rows``, labels also ``model`` and ``seed``, splits
    ``split`` and ``thresholds``.
    """
    code = {table: source_hash(*parts) for table, parts in CODE.items()}
    geometries, features, labels = {}, {}, {}
    for dataset in datasets_of(config):
        made = {"table": f"geometries/{dataset}", "dataset": dataset, "code": code["geometries"]}
        source = config["datasets"][dataset]["source"]
        geometries[f"resources/geometries/{dataset}.parquet"] = made | {"source": source, "inputs": fingerprint()}
        for part, rows in ranges_of(config, dataset).items():
            shard = {"dataset": dataset, "rows": list(rows)}
            # a list that was read and one that was generated hold the same geometries
            of_geometries = shard | {"code": code["features"], "inputs": fingerprint(made)}
            of_geometries["table"] = f"features/{dataset}"
            features[f"results/features/{dataset}/part-{part}.parquet"] = of_geometries
            of_features = shard | {"code": code["labels"], "inputs": fingerprint(of_geometries)}
            of_features |= {"model": config["model"], "seed": config["seed"]}
            for table in ("labels", "stability"):
                labels[f"results/{table}/{dataset}/part-{part}.parquet"] = of_features | {"table": f"{table}/{dataset}"}
    inputs = fingerprint(list(features.values()))
    of_features = {"table": "splits", "code": code["splits"], "inputs": inputs}
    splits = {
        f"results/splits/{split}.parquet": of_features | {"split": split, "thresholds": config["splits"].get(split)}
        for split in splits_of(datasets_of(config))
    }
    return geometries | features | labels | splits


def scores_of(config: dict, tables: Mapping[str, dict]) -> dict[str, dict]:
    """``made_by`` of every table of scores, by its path; they are made on request, and are none of `tables_of` the run.

    Besides ``table``, ``code`` and ``inputs`` each holds ``split``, ``dataset``, ``model``, ``seed`` and ``settings``.
    """
    datasets = datasets_of(config)
    labels = {name: fingerprint([tables[path] for path in paths_of(tables, f"labels/{name}")]) for name in datasets}

    def made_by(table, split, dataset, seen):
        made = {"table": table, "code": source_hash(*CODE[table]), "settings": config[table]}
        # the features are among what the labels are made by
        made["inputs"] = fingerprint(tables[f"results/splits/{split}.parquet"], [labels[name] for name in seen])
        return made | {"split": split, "dataset": dataset, "model": config["model"], "seed": config["seed"]}

    baselines = {
        f"results/baselines/{split}/{dataset}.parquet": made_by("baselines", split, dataset, datasets)
        for split in splits_of(datasets)
        for dataset in datasets
        if split.removeprefix("ood_dataset_") in (split, dataset)  # its test part has rows of the dataset
    }
    return baselines | {
        f"results/active_learning/{dataset}.parquet": made_by("active_learning", "iid", dataset, [dataset])
        for dataset in datasets
    }


def paths_of(tables: Iterable[str], name: str) -> list[str]:
    """Those of the paths that are of the table ``name``: features, features/ks, …, labels, stability, splits, baselines."""
    return [path for path in tables if path.startswith(f"results/{name}/")]
