"""A small run of one dataset, made once for all tests of the benchmark."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from vacuagym.benchmark.splits import build_split
from vacuagym.fingerprints import fingerprint_of
from vacuagym.geometry import FAMILIES
from vacuagym.geometry.run_order import run_order, shard_ranges
from vacuagym.models import labeller
from vacuagym.tables.arrays import take
from vacuagym.tables.shards import new_shard, read_recipe


class Run(NamedTuple):
    """Shards of features and labels, a split, and the label model's settings and seed."""

    features: list[Path]
    labels: list[Path]
    split: Path
    model: dict
    seed: int

    def tables(self) -> dict[str, list[Path]]:
        """What `read_run` reads."""
        return {"features": self.features, "labels": self.labels, "splits": [self.split]}

    def recipe(self, table: str, dataset: str, settings: dict) -> dict:
        """Recipe of a table that is made from all of these."""
        paths = [self.split, *self.features, *self.labels]
        found = [read_recipe(path)[2] for path in paths]
        made = {"table": table, "split": self.split.stem, "dataset": dataset, "model": self.model, "seed": self.seed}
        return made | {"settings": settings, "inputs": {recipe["table"]: fingerprint_of(recipe) for recipe in found}}


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def cicy_run(tmp_path_factory) -> Run:
    """Features and labels of 240 geometries of cicy3, two draws each, in shards of 130, and the iid split."""
    folder, family = tmp_path_factory.mktemp("cicy3"), FAMILIES["cicy3"]
    model, seed = {"name": "supergravity", "draws": 2, "starts": 1}, 5
    ids = run_order(family.count, family.name)[:240]
    geometries, label_model = take(family.functions.generate(), ids), labeller(model, seed)
    run = Run([], [], folder / "iid.parquet", model, seed)
    for number, (start, stop) in enumerate(shard_ranges(240, 130)):
        table = {"dataset": np.full(stop - start, family.name), "geometry_id": ids[start:stop]}
        table |= family.functions.features(take(geometries, np.arange(start, stop)))
        features, labels = (folder / name / "cicy3" / f"part-{number:05d}.parquet" for name in ("features", "labels"))
        with new_shard(features, family.feature_columns, {"table": "features/cicy3", "rows": [start, stop]}) as write:
            write(table)
        reads = label_model.model.reads(family)
        with new_shard(labels, label_model.model.columns, {"table": "labels/cicy3", "rows": [start, stop]}) as write:
            write(label_model.label(family, {name: table[name] for name in reads}))
        run.features.append(features)
        run.labels.append(labels)
    inputs = {"features/cicy3": fingerprint_of({"table": "features/cicy3"})}
    recipe = {"table": "splits", "split": "iid", "thresholds": None, "inputs": inputs}
    recipe |= {"families": {"cicy3": "cicy3"}, "geometries": {"cicy3": 240}}
    build_split(run.features, run.split, recipe)
    return run
