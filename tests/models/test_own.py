"""Labels and parts of one's own geometries: those of the same geometries in the complete datasets."""

import numpy as np
import polars as pl
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

LISTS = {
    "ks": "5 1 1 1 1 1\n18 1 1 1 6 9\n24 1 1 2 8 12\n",
    "fth6d": "bases = {{-1,-1,-1}};\n",
    "cicy3": None,  # twelve matrices with rows and columns in another order
}
CONFIG = {"n_limit": None, "seed": 11}


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
    others = dict.fromkeys(LISTS)
    config = read_config(CONFIG, {"datasets": others | {"mine": {"family": name, "source": str(tmp_path / "my.txt")}}})
    tables = tables_of(config)
    (source,), (features,) = (paths_of(tables, f"{table}/mine") for table in ("geometries", "features"))
    (labels,), (stability,) = (paths_of(tables, f"{table}/mine") for table in ("labels", "stability"))
    build_geometries([tmp_path / source], tables[source])
    build_features(
        [tmp_path / path for path in geometries_for(tables, features)], tmp_path / features, tables[features]
    )
    label_vacua(tmp_path / features, tmp_path / labels, tmp_path / stability, tables[labels])

    mine = pl.read_parquet(tmp_path / features)
    expected = take(geometries, positions(name, geometries, mine))
    expected = family.functions.features(expected)
    schema = arrow_schema(family.features, {})
    expected_frame = pl.from_arrow(record_batch(expected, schema))
    assert set(mine["dataset"]) == {"mine"} and len(mine) == n_rows(expected)
    assert mine.drop("dataset", "geometry_id").equals(expected_frame)

    model = labeller(config["model"], config["seed"])
    batch = expected | {"geometry_id": np.arange(len(mine))}
    table = model.label(family, {column: batch[column] for column in model.model.reads(family)})
    wanted = pl.from_arrow(record_batch(table, arrow_schema(model.model.columns, {})))
    found = pl.read_parquet(tmp_path / labels)
    assert set(found["dataset"]) == {"mine"} and set(wanted["dataset"]) == {name}
    assert found.drop("dataset", "geometry_id").equals(wanted.drop("dataset", "geometry_id"), null_equal=True)
    assert set(pl.read_parquet(tmp_path / stability)["dataset"]) == {"mine"}

    for split in ("iid", "ood_euler"):
        path = f"results/splits/{split}.parquet"
        build_split([tmp_path / features], tmp_path / path, tables[path])
        threshold = family.thresholds.get(split)
        parts = expected_frame.select(part=SPLITS[split].part(family, threshold))["part"]
        assert pl.read_parquet(tmp_path / path)["part"].to_list() == parts.to_list()
