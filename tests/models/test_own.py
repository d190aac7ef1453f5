"""Labels and parts of one's own geometries: those of the same geometries in the complete datasets, or in a longer list."""

import sys
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vacuagym.benchmark.splits import SPLITS, build_split
from vacuagym.config import read_config
from vacuagym.geometry import FAMILIES
from vacuagym.geometry.build import build_features, build_geometries
from vacuagym.models import labeller
from vacuagym.models.build import label_vacua
from vacuagym.recipes import geometries_for, paths_of, tables_of
from vacuagym.tables.arrays import n_rows, take
from vacuagym.tables.shards import arrow_schema, record_batch

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from subpolytopes import subpolytopes, unimodular

LISTS = {
    "ks": "5 1 1 1 1 1\n18 1 1 1 6 9\n24 1 1 2 8 12\n",
    "fth6d": "bases = {{-1,-1,-1}};\n",
    "cicy3": None,  # twelve matrices with rows and columns in another order
}
CONFIG = {"n_limit": None, "seed": 11}
OF_A_SPLIT = ("iid", "ood_euler", "ood_complexity")


def run(folder, dataset, family, source, **settings):
    """The tables of a run of one dataset of one's own: features, labels, stability, and each split by its name."""
    mine = {dataset: {"family": family, "source": str(source)}}
    tables = tables_of(read_config(CONFIG, {"datasets": dict.fromkeys(LISTS) | mine}, settings))
    of = {kind: paths_of(tables, kind) for kind in ("geometries", "features", "labels", "stability")}
    build_geometries([folder / path for path in of["geometries"]], tables[of["geometries"][-1]])
    for features, labels, stability in zip(of["features"], of["labels"], of["stability"], strict=True):
        sources = [folder / path for path in geometries_for(tables, features)]
        build_features(sources, folder / features, tables[features])
        label_vacua(folder / features, folder / labels, folder / stability, tables[labels])
    for split in OF_A_SPLIT:
        if (path := f"results/splits/{split}.parquet") not in tables:
            continue  # nothing of the family is held out
        build_split([folder / features for features in of["features"]], folder / path, tables[path])
        of[split] = [path]
    return {
        name: pl.concat([pl.read_parquet(folder / path) for path in paths])
        for name, paths in of.items()
        if name != "geometries"
    }


def positions(name, geometries, table):
    """Rows of a complete list that are the geometries of a table of features."""
    column = FAMILIES[name].geometry_columns[-1].name
    known = np.split(geometries[column].values, geometries[column].offsets[1:-1])
    sizes = {k: tuple(row.tolist()) for k, row in enumerate(known)}
    shapes = geometries["n_factors"].tolist() if name == "cicy3" else [0] * len(known)
    place = {(shapes[k], entries): k for k, entries in sizes.items()}
    mine = table["n_factors"].to_list() if name == "cicy3" else [0] * len(table)
    return np.array([place[shape, tuple(row)] for shape, row in zip(mine, table[column].to_list(), strict=True)])


@pytest.mark.parametrize("name", LISTS)
def test_rows_are_those_of_the_complete_dataset(tmp_path, name):
    family, geometries = FAMILIES[name], FAMILIES[name].functions.generate()
    text = LISTS[name]
    if text is None:
        rng, blocks = np.random.default_rng(2), []
        for row in rng.choice(len(geometries["n_factors"]), 12, replace=False):
            start, stop = geometries["configuration"].offsets[row : row + 2]
            q = geometries["configuration"].values[start:stop].reshape(geometries["n_factors"][row], -1)
            q = q[rng.permutation(q.shape[0])][:, rng.permutation(q.shape[1])]
            blocks.append("\n".join(" ".join(map(str, line)) for line in q.tolist()))
        text = "\n\n".join(blocks)
    (tmp_path / "my.txt").write_text(text)
    mine = run(tmp_path, "mine", name, tmp_path / "my.txt")

    expected = family.functions.features(take(geometries, positions(name, geometries, mine["features"])))
    expected_frame = pl.from_arrow(record_batch(expected, arrow_schema(family.features, {})))
    assert set(mine["features"]["dataset"]) == {"mine"} and len(mine["features"]) == n_rows(expected)
    assert mine["features"].drop("dataset", "geometry_id").equals(expected_frame)

    config = read_config(CONFIG)
    model = labeller(config["model"], config["seed"])
    batch = expected | {"geometry_id": np.arange(n_rows(expected))}
    table = model.label(family, {column: batch[column] for column in model.model.reads(family)})
    wanted = pl.from_arrow(record_batch(table, arrow_schema(model.model.columns, {})))
    assert set(mine["labels"]["dataset"]) == {"mine"} and set(wanted["dataset"]) == {name}
    assert mine["labels"].drop("dataset", "geometry_id").equals(wanted.drop("dataset", "geometry_id"), null_equal=True)
    assert set(mine["stability"]["dataset"]) == {"mine"}

    assert [split for split in OF_A_SPLIT if split not in mine] == (["ood_complexity"] if name == "fth6d" else [])
    for split in mine.keys() & set(OF_A_SPLIT):
        parts = expected_frame.select(part=SPLITS[split].part(family, family.thresholds.get(split)))["part"]
        assert mine[split]["part"].to_list() == parts.to_list()


def by_geometry(tables, name, sorted_by=()):
    """The rows of a table with the key of their geometry instead of its name and number, in the order of the keys."""
    keys = tables["features"].select("dataset", "geometry_id", key="geometry_key")
    table = tables[name].join(keys, on=["dataset", "geometry_id"], how="left", validate="m:1")
    return table.drop("dataset", "geometry_id").sort("key", *sorted_by)


@pytest.mark.slow
def test_rows_of_a_thousand_polytopes_are_those_of_the_full_run(tmp_path):
    """1,000 of 3,000 polytopes, against the run of all 3,000.

    The project has no complete list of the family, so the full run is one of a longer list, in which the polytopes have
    other numbers and stand in other shards. The short list is text, in another order, with its dataset named otherwise,
    and each polytope is in another basis of the lattice.
    """
    points = [row for batch in subpolytopes(4_000, 17) for row in np.split(batch.values, batch.offsets[1:-1])]
    listed = pa.array([row.tolist() for row in points], pa.list_(pa.int32()))
    pq.write_table(pa.table({"vertices": listed}), tmp_path / "all.parquet")
    (tmp_path / "full").mkdir()
    full = run(tmp_path / "full", "everything", "polytopes", tmp_path / "all.parquet", n_limit=3_000, shard_rows=700)

    rng = np.random.default_rng(17)
    once = full["features"].unique("geometry_key", maintain_order=True)  # some of the 3,000 are the same polytope
    ids = rng.choice(once["geometry_id"].to_numpy(), 1_000, replace=False)
    lines = []
    for number in ids.tolist():
        of_one = points[number].reshape(-1, 4) @ unimodular(rng)
        lines += [f"{len(of_one)} 4", *(" ".join(map(str, point)) for point in of_one.tolist())]
    (tmp_path / "my.txt").write_text("\n".join(lines))
    (tmp_path / "mine").mkdir()
    mine = run(tmp_path / "mine", "mine", "polytopes", tmp_path / "my.txt")

    chosen = once.filter(pl.col("geometry_id").is_in(ids.tolist()))
    for name, order in {
        "features": (),
        "labels": ("sample",),
        "stability": (),
        **dict.fromkeys(OF_A_SPLIT, ()),
    }.items():
        in_full = full[name].join(chosen, on=["dataset", "geometry_id"], how="semi")
        wanted, found = by_geometry(full | {name: in_full}, name, order), by_geometry(mine, name, order)
        assert len(found) == (3_000 if name == "labels" else 1_000)
        assert found.equals(wanted, null_equal=True), name
    for split in OF_A_SPLIT:
        assert mine[split]["part"].n_unique() > 1, f"{split}: nothing to compare"
