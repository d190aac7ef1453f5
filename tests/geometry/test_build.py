"""Geometries and features in shards: each job reads its own part, whatever the size of the shards and the limit."""

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from vacuagym import recipes
from vacuagym.config import read_config
from vacuagym.errors import InputError
from vacuagym.geometry import FAMILIES, build
from vacuagym.geometry.build import build_features, build_geometries
from vacuagym.geometry.run_order import own_order, run_order
from vacuagym.recipes import geometries_for, paths_of, tables_of
from vacuagym.tables.arrays import take

ONLY = {"ks": None, "fth6d": None}


def built(folder, **settings):
    """Make the tables of geometries and features of cicy3 in a folder."""
    tables = tables_of(read_config({"datasets": ONLY} | settings))
    geometries = paths_of(tables, "geometries/cicy3")
    build_geometries([folder / path for path in geometries], tables[geometries[0]])
    for path in paths_of(tables, "features/cicy3"):
        build_features([folder / source for source in geometries_for(tables, path)], folder / path, tables[path])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Features of 250 geometries in shards of 100, from shards of 120 geometries."""
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "SHARD_ROWS", 120)
        patch.setattr(recipes, "SHARD_ROWS", 120)
        built(folder, n_limit=250, shard_rows=100)
    return folder


def read(folder, table):
    return pl.concat(pl.read_parquet(path) for path in sorted((folder / table).glob("part-*.parquet")))


def test_shards_of_geometries_hold_every_geometry_once_in_run_order(folder):
    geometries = read(folder, "resources/geometries/cicy3")
    count = FAMILIES["cicy3"].count
    assert geometries["geometry_id"].to_list() == run_order(count, "cicy3").tolist()
    assert len(list(folder.glob("resources/geometries/cicy3/*.parquet"))) == -(-count // 120)


def test_features_are_those_of_the_first_geometries_of_the_run_order(folder):
    features = read(folder, "results/features/cicy3")
    assert features["geometry_id"].to_list() == run_order(FAMILIES["cicy3"].count, "cicy3")[:250].tolist()
    geometries = read(folder, "resources/geometries/cicy3").head(250)
    table = FAMILIES["cicy3"].functions.generate()
    matrices = np.split(table["configuration"].values, table["configuration"].offsets[1:-1])
    matrices = [matrices[i] for i in geometries["geometry_id"]]
    assert all((a == b).all() for a, b in zip(matrices, features["configuration"].to_list(), strict=True))


def test_other_shards_give_the_same_rows(folder, tmp_path):
    built(tmp_path, n_limit=250, shard_rows=7000)
    for table in ("resources/geometries/cicy3", "results/features/cicy3"):
        assert read(tmp_path, table).equals(read(folder, table))


def test_a_job_of_features_reads_and_checks_its_own_part_alone(folder, tmp_path):
    """Rows 100 to 200 are in the first two shards of geometries; others may be damaged, and these may not."""
    tables = tables_of(read_config({"datasets": ONLY, "n_limit": 250, "shard_rows": 100}))
    target = "results/features/cicy3/part-00001.parquet"
    sources = [tmp_path / f"part-{number:05d}.parquet" for number in (0, 1)]
    for source in sources:
        source.write_bytes((folder / "resources/geometries/cicy3" / source.name).read_bytes())
    build_features(sources, tmp_path / "out.parquet", tables[target])
    assert (tmp_path / "out.parquet").read_bytes() == (folder / target).read_bytes()
    with pytest.raises(InputError, match="holds no row 120 of the run order"):
        build_features(sources[:1], tmp_path / "short.parquet", tables[target])
    data = bytearray(sources[1].read_bytes())
    data[len(data) // 2] ^= 1
    sources[1].write_bytes(data)
    with pytest.raises(InputError, match="part-00001.parquet: is damaged"):
        build_features(sources, tmp_path / "other.parquet", tables[target])
    assert not any((tmp_path / name).exists() for name in ("short.parquet", "other.parquet"))


def test_the_limit_decides_the_rows_before_a_table_is_opened(folder, tmp_path):
    """The recipe names the rows; row groups beyond them are not touched, and may be destroyed."""
    tables = tables_of(read_config({"datasets": ONLY, "n_limit": 3, "shard_rows": 7000}))
    built(tmp_path, n_limit=3, shard_rows=7000)
    target = "results/features/cicy3/part-00000.parquet"
    assert tables[target]["rows"] == [0, 3]
    assert pq.read_metadata(tmp_path / target).num_rows == 3
    assert pl.read_parquet(tmp_path / target).equals(read(folder, "results/features/cicy3").head(3))


def test_geometries_from_elsewhere_are_refused(folder, tmp_path):
    tables = tables_of(read_config({"datasets": ONLY, "n_limit": 250, "shard_rows": 100}))
    target = "results/features/cicy3/part-00001.parquet"
    with pytest.raises(InputError, match="no input here"):
        build_features([folder / target], tmp_path / "out.parquet", tables[target])


def matrices(rows):
    """Configurations as text, without the fields of the published list."""
    table = FAMILIES["cicy3"].functions.generate()
    chosen = take(table, np.array(rows))
    parts = np.split(chosen["configuration"].values, chosen["configuration"].offsets[1:-1])
    parts = [part.reshape(m, -1) for m, part in zip(chosen["n_factors"], parts, strict=True)]
    return "\n\n".join("\n".join(f"{{{', '.join(map(str, row))}}}" for row in part.tolist()) for part in parts)


def built_of_ones_own(folder, source, monkeypatch, shard_rows=4, n_limit=None, **settings):
    """Geometries and features of the dataset mine, in shards of geometries of 5 rows, two scratch files at a time."""
    monkeypatch.setattr(build, "SHARD_ROWS", 5)
    monkeypatch.setattr(recipes, "SHARD_ROWS", 5)
    monkeypatch.setattr(build, "_OPEN_SHARDS", 2)
    datasets = ONLY | {"cicy3": None, "mine": {"family": "cicy3", "source": str(source)}}
    tables = tables_of(read_config({"datasets": datasets, "n_limit": n_limit, "shard_rows": shard_rows} | settings))
    geometries = paths_of(tables, "geometries/mine")
    build_geometries([folder / path for path in geometries], tables[geometries[-1]])
    for path in paths_of(tables, "features/mine"):
        build_features([folder / source for source in geometries_for(tables, path)], folder / path, tables[path])
    return tables


def test_geometries_of_ones_own_stand_in_shards_in_their_run_order(tmp_path, monkeypatch):
    (tmp_path / "my.txt").write_text(matrices(range(100, 123)))
    tables = built_of_ones_own(tmp_path / "all", tmp_path / "my.txt", monkeypatch)
    order = own_order(np.arange(23), 23, "mine")
    geometries, features = (
        read(tmp_path / "all", f"{where}/mine") for where in ("resources/geometries", "results/features")
    )
    assert geometries["geometry_id"].to_list() == features["geometry_id"].to_list() == order.tolist()
    assert len(paths_of(tables, "geometries/mine")) == 5 and set(features["dataset"]) == {"mine"}
    names = {path.name for path in (tmp_path / "all" / "resources" / "geometries" / "mine").iterdir()}
    assert names == {f"part-{k:05d}.parquet" for k in range(5)}  # no scratch file is left

    limited = built_of_ones_own(tmp_path / "few", tmp_path / "my.txt", monkeypatch, shard_rows=7, n_limit=12)
    assert [tables[path] for path in paths_of(limited, "geometries/mine")][:2] == [
        limited[path] for path in paths_of(limited, "geometries/mine")
    ][:2]
    assert read(tmp_path / "few", "resources/geometries/mine").equals(geometries.head(12))
    assert read(tmp_path / "few", "results/features/mine").equals(features.head(12))


def test_a_limit_leaves_other_geometries_alone_even_if_they_are_none(tmp_path, monkeypatch):
    first = own_order(np.arange(1), 3, "mine")[0]
    (tmp_path / "my.txt").write_text("\n\n".join("{5}" if k == first else "{4}" for k in range(3)))
    built_of_ones_own(tmp_path, tmp_path / "my.txt", monkeypatch, n_limit=1)
    with pytest.raises(InputError, match=r"my.txt, line \d: '\{4\}' is no Calabi-Yau threefold"):
        built_of_ones_own(tmp_path, tmp_path / "my.txt", monkeypatch)


def test_another_list_makes_other_recipes(tmp_path, monkeypatch):
    found = []
    for text in (matrices(range(5)), matrices(range(1, 6)), matrices(range(5)) + "\n"):
        (tmp_path / "my.txt").write_text(text)
        found.append(built_of_ones_own(tmp_path, tmp_path / "my.txt", monkeypatch))
    labels = "results/labels/mine/part-00000.parquet"
    assert found[0][labels] != found[1][labels]
