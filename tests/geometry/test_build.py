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
from vacuagym.geometry.run_order import run_order
from vacuagym.recipes import geometries_for, paths_of, tables_of

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
