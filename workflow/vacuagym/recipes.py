"""What a run consists of: every table it makes, with its recipe, from the configuration alone.

The *recipe* of a table says everything its rows depend on. The rule hands it to its job, the job does what it says and
keeps it in the table's metadata. Among the recipe's ``inputs`` are the fingerprints of the recipes of the tables it is
made from: whoever reads those tables compares. So a table of another configuration, seed or code is made again or
refused, and never mixed in. Shards of one table differ in ``rows`` alone, which the fingerprint leaves out.
"""

from collections.abc import Iterable, Mapping
from itertools import product

from vacuagym.benchmark.splits import protocols_of, splits_of
from vacuagym.benchmark.tasks import TASKS
from vacuagym.fingerprints import fingerprint_of, source_hash
from vacuagym.geometry import FAMILIES
from vacuagym.geometry.run_order import SHARD_ROWS, limited, shard_ranges
from vacuagym.models import MODELS

_TABLES = ("tables", "schema", "registry")
# The parts of the package that the rows of a table depend on, besides its inputs.
CODE = {
    "geometries": ("geometry", "numerics", *_TABLES),
    "features": ("geometry", "numerics", *_TABLES),
    "labels": ("models", "numerics", "geometry/family", *_TABLES),
    "splits": ("benchmark/splits", "geometry/family", *_TABLES),
    "baselines": ("benchmark", *_TABLES),
    "active_learning": ("benchmark", "models", "numerics", *_TABLES),
}


def datasets_of(config: dict) -> tuple[str, ...]:
    """The datasets of a run, in a fixed order."""
    return tuple(name for name in FAMILIES if config["datasets"].get(name))


def limit_of(config: dict, dataset: str) -> int | None:
    """Most geometries of a dataset that the run takes; None for all."""
    limit = config["n_limit"]
    return limit[dataset] if isinstance(limit, dict) else limit


def geometries_of(config: dict, dataset: str) -> int:
    """Number of geometries of a dataset in the run."""
    return limited(FAMILIES[dataset].count, limit_of(config, dataset))


def tables_of(config: dict) -> dict[str, dict]:
    """The recipe of every table of a run, by its path in the folder of the run.

    Every recipe holds ``table`` (its name), ``code`` (hash of the sources) and ``inputs`` (name of a table: fingerprint of
    its recipe). Shards also hold ``dataset`` and ``rows`` (start and stop in the run order), geometries ``source``, labels
    ``model`` and ``seed``, splits ``split``, ``thresholds`` and ``geometries`` (how many of each dataset).
    """
    code, tables = {table: source_hash(*parts) for table, parts in CODE.items()}, {}

    def add(folder, recipe, rows, shard_rows=config["shard_rows"]):
        for number, (start, stop) in enumerate(shard_ranges(rows, shard_rows)):
            path = f"{folder}/{recipe['table']}/part-{number:05d}.parquet"
            tables[path] = recipe | {"rows": [start, stop]}
        return {recipe["table"]: fingerprint_of(recipe)}

    features = {}
    for dataset in datasets_of(config):
        rows, source = geometries_of(config, dataset), config["datasets"][dataset]["source"]
        recipe = {"table": f"geometries/{dataset}", "dataset": dataset, "source": source, "inputs": {}}
        inputs = add("resources", recipe | {"code": code["geometries"]}, FAMILIES[dataset].count, SHARD_ROWS)
        recipe = {"table": f"features/{dataset}", "dataset": dataset, "inputs": inputs}
        inputs = add("results", recipe | {"code": code["features"]}, rows)
        features |= inputs
        recipe = {"dataset": dataset, "inputs": inputs, "model": config["model"], "seed": config["seed"]}
        for table in ("labels", "stability"):
            add("results", recipe | {"table": f"{table}/{dataset}", "code": code["labels"]}, rows)
    recipe = {"table": "splits", "code": code["splits"], "inputs": features}
    recipe["geometries"] = {dataset: geometries_of(config, dataset) for dataset in datasets_of(config)}
    for split in splits_of(datasets_of(config)):
        thresholds = config["splits"][split.name] if split.measure else None
        tables[f"results/splits/{split.name}.parquet"] = recipe | {"split": split.name, "thresholds": thresholds}
    for protocol in protocols_of(datasets_of(config)):
        tables[f"results/protocols/{protocol.name}.parquet"] = {
            "table": "protocols",
            "code": code["splits"],
            "split": protocol.name,
            "thresholds": None,
            "inputs": {f"features/{protocol.family}": features[f"features/{protocol.family}"]},
            "geometries": {protocol.family: geometries_of(config, protocol.family)},
        }
    return tables


def scores_of(config: dict, tables: Mapping[str, dict]) -> dict[str, dict]:
    """The recipe of every table of scores, by its path; they are made on request, and are none of `tables_of` the run.

    Besides ``table``, ``code`` and ``inputs`` each holds ``split``, ``dataset``, ``task`` (baselines), ``model``, ``seed`` and ``settings``.
    """
    datasets, divisions = datasets_of(config), ("splits", "protocols")
    inputs = {recipe["table"]: fingerprint_of(recipe) for recipe in tables.values() if recipe["table"] not in divisions}
    scores = {}

    def add(path, table, split, dataset, **more):
        recipe = {"table": table, "code": source_hash(*CODE[table]), "settings": config[table]}
        recipe["inputs"] = inputs | {"splits": fingerprint_of(tables[f"results/splits/{split}.parquet"])}
        recipe |= {"split": split, "dataset": dataset, "model": config["model"], "seed": config["seed"]}
        scores[f"results/{path}/{dataset}.parquet"] = recipe | more

    columns = MODELS[config["model"]["name"]].columns
    for task in TASKS.values():
        known = [name for name in datasets if task.applies(name, (*FAMILIES[name].feature_columns, *columns))]
        for split, dataset in product(splits_of(datasets), known):
            if split.holds_out is None or (split.holds_out == dataset and len(known) > 1):
                add(f"baselines/{task.name}/{split.name}", "baselines", split.name, dataset, task=task.name)
    for dataset in datasets:
        add("active_learning", "active_learning", "iid", dataset)
    return scores


def paths_of(tables: Iterable[str], name: str) -> list[str]:
    """Those of the paths that belong to the table ``name``: geometries/ks, features, features/ks, labels, splits, …"""
    return [path for path in tables if path.partition("/")[2].startswith(f"{name}/")]


def geometries_for(tables: Mapping[str, dict], features: str) -> list[str]:
    """The shards of geometries that hold the rows of a shard of features."""
    recipe = tables[features]
    start, stop = recipe["rows"]
    paths = paths_of(tables, f"geometries/{recipe['dataset']}")
    return [path for path in paths if tables[path]["rows"][0] < stop and start < tables[path]["rows"][1]]
