"""What a run consists of: every table it makes, with its recipe, from the configuration alone.

The *recipe* of a table says everything its rows depend on. The rule hands it to its job, the job does what it says and
keeps it in the table's metadata. Among the recipe's ``inputs`` are the fingerprints of the recipes of the tables it is
made from: whoever reads those tables compares. So a table of another configuration, seed or code is made again or
refused, and never mixed in. Shards of one table differ in ``rows`` alone, which the fingerprint leaves out.
"""

from collections.abc import Iterable, Mapping
from itertools import product
from pathlib import Path

from vacuagym.benchmark.splits import protocols_of, splits_of, splits_that_leak
from vacuagym.benchmark.tasks import TASKS
from vacuagym.fingerprints import fingerprint_of, source_hash
from vacuagym.geometry import FAMILIES, in_order, is_own
from vacuagym.geometry.run_order import SHARD_ROWS, limited, shard_ranges
from vacuagym.geometry.sources import look
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


def datasets_of(config: dict) -> dict[str, str]:
    """The datasets of a run in a fixed order, each with the name of its family."""
    settings = config["datasets"]
    return {name: settings[name]["family"] for name in in_order(settings) if settings[name]}


def count_of(config: dict, dataset: str) -> int:
    """Number of geometries in the source of a dataset.

    Raises
    ------
    InputError
        A file of a dataset of one's own cannot be read, or holds no geometries of the family.
    """
    settings = config["datasets"][dataset]
    family = FAMILIES[settings["family"]]
    return look(family, Path(settings["source"])).rows if is_own(dataset, family.name) else family.count


def limit_of(config: dict, dataset: str) -> int | None:
    """Most geometries of a dataset that the run takes; None for all."""
    limit = config["n_limit"]
    return limit[dataset] if isinstance(limit, dict) else limit


def geometries_of(config: dict, dataset: str) -> int:
    """Number of geometries of a dataset in the run."""
    return limited(count_of(config, dataset), limit_of(config, dataset))


def notes_of(config: dict) -> list[str]:
    """What is left out because of the user's own datasets, for people."""
    datasets, notes = datasets_of(config), []
    for split in splits_that_leak(datasets.values()):
        notes.append(f"no split {split.name}: other families of the run may have polytopes of {split.holds_out}, too")
    for split, thresholds in config["splits"].items():
        free = [name for name, family in datasets.items() if is_own(name, family) and thresholds[name] is None]
        if free:
            notes.append(f"{split} holds out nothing of {', '.join(free)}, which has no threshold")
    return notes


def tables_of(config: dict) -> dict[str, dict]:
    """The recipe of every table of a run, by its path in the folder of the run.

    Every recipe holds ``table`` (its name), ``code`` (hash of the sources) and ``inputs`` (name of a table: fingerprint of
    its recipe). Shards also hold ``dataset``, ``family`` and ``rows`` (start and stop in the run order), geometries
    ``source``, labels ``model`` and ``seed``, splits ``split``, and by dataset ``families``, ``thresholds`` and
    ``geometries`` (how many there are).
    """
    code, tables = {table: source_hash(*parts) for table, parts in CODE.items()}, {}

    def add(folder, recipe, rows, shard_rows=config["shard_rows"]):
        for number, (start, stop) in enumerate(shard_ranges(rows, shard_rows)):
            path = f"{folder}/{recipe['table']}/part-{number:05d}.parquet"
            tables[path] = recipe | {"rows": [start, stop]}
        return {recipe["table"]: fingerprint_of(recipe)}

    features = {}
    for dataset, family in datasets_of(config).items():
        keys, rows = {"dataset": dataset, "family": family}, geometries_of(config, dataset)
        recipe = keys | {
            "table": f"geometries/{dataset}",
            "source": config["datasets"][dataset]["source"],
            "inputs": {},
        }
        if is_own(dataset, family):
            found, made = look(FAMILIES[family], Path(recipe["source"])), rows
            recipe |= {"count": found.rows, "source_sha256": found.sha256}
        else:
            made = count_of(config, dataset)
        inputs = add("resources", recipe | {"code": code["geometries"]}, made, SHARD_ROWS)
        recipe = keys | {"table": f"features/{dataset}", "inputs": inputs}
        inputs = add("results", recipe | {"code": code["features"]}, rows)
        features |= inputs
        recipe = keys | {"inputs": inputs, "model": config["model"], "seed": config["seed"]}
        for table in ("labels", "stability"):
            add("results", recipe | {"table": f"{table}/{dataset}", "code": code["labels"]}, rows)
    recipe = {"table": "splits", "code": code["splits"], "inputs": features}
    recipe["families"] = datasets_of(config)
    recipe["geometries"] = {dataset: geometries_of(config, dataset) for dataset in datasets_of(config)}
    for split in splits_of(datasets_of(config).values()):
        thresholds = config["splits"][split.name] if split.measure else None
        tables[f"results/splits/{split.name}.parquet"] = recipe | {"split": split.name, "thresholds": thresholds}
    for protocol in protocols_of(datasets_of(config)):
        tables[f"results/protocols/{protocol.name}.parquet"] = {
            "table": "protocols",
            "code": code["splits"],
            "split": protocol.name,
            "thresholds": None,
            "families": {protocol.family: protocol.family},
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
        known = {
            name: family
            for name, family in datasets.items()
            if task.applies(family, (*FAMILIES[family].feature_columns, *columns))
        }
        for split, (dataset, family) in product(splits_of(datasets.values()), known.items()):
            if split.holds_out is None or (split.holds_out == family and len(set(known.values())) > 1):
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
