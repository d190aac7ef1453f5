"""Shards: column projection, row ranges, atomic commit, damage."""

import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vacuagym.errors import InputError
from vacuagym.tables.columns import Column, Ragged, n_rows, ragged, take
from vacuagym.tables.shards import new_shard, read_metadata, read_rows

COLUMNS = (
    Column("id", "int64", "1", "An id."),
    Column("curves", "list<int16>", "1", "A list."),
    Column("name", "string", "1", "A text."),
    Column("odd", "bool", "1", "A flag."),
    Column("half", "float64", "1", "A number."),
)


def batch(start, stop):
    ids = np.arange(start, stop)
    return {
        "id": ids,
        "curves": ragged([np.arange(i % 4) + i for i in ids], np.int16),
        "name": np.array([f"γ{i}" for i in ids], dtype="U8"),
        "odd": ids % 2 == 1,
        "half": ids / 2,
    }


@pytest.fixture(scope="module")
def shard(tmp_path_factory):
    path = tmp_path_factory.mktemp("shards") / "part-00000.parquet"
    with new_shard(path, COLUMNS, {"table": "test"}) as write:
        for start in range(0, 500, 100):
            write(batch(start, start + 100))
    return path


@given(st.integers(0, 500), st.integers(0, 500), st.integers(1, 300))
def test_any_row_range_comes_back_as_written(shard, a, b, batch_rows):
    start, stop = min(a, b), max(a, b)
    batches = list(read_rows(shard, ["curves", "id", "name", "odd", "half"], start, stop, batch_rows))
    assert all(n_rows(found) <= batch_rows for found in batches)
    ids = np.concatenate([np.empty(0, int), *(found["id"] for found in batches)])
    assert ids.tolist() == list(range(start, stop))
    for found in batches:
        expected = batch(found["id"][0], found["id"][-1] + 1)
        assert found["curves"].values.tolist() == expected["curves"].values.tolist()
        assert found["curves"].offsets.tolist() == expected["curves"].offsets.tolist()
        for name in ("name", "odd", "half"):
            assert found[name].dtype.kind == expected[name].dtype.kind
            assert found[name].tolist() == expected[name].tolist()


def test_reading_and_writing_leave_pandas_alone(shard, tmp_path):
    program = f"""
import sys
from pathlib import Path
from vacuagym.tables.columns import Column
from vacuagym.tables.shards import new_shard, read_rows
columns = [Column(name, type_, "1", "") for name, type_ in {[column[:2] for column in COLUMNS]}]
with new_shard(Path({str(tmp_path / "copy.parquet")!r}), columns, {{"table": "test"}}) as write:
    for batch in read_rows(Path({str(shard)!r}), [column.name for column in columns]):
        write(batch)
sys.exit("pandas" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True)
    assert pq.read_table(tmp_path / "copy.parquet").equals(pq.read_table(shard))


@given(st.lists(st.integers(0, 19), max_size=30))
def test_take_picks_rows(index):
    table = batch(0, 20)
    found = take(table, np.array(index, dtype=np.int64))
    assert found["id"].tolist() == index
    rows = [table["curves"].values[a:b].tolist() for a, b in zip(*offsets(table["curves"]), strict=True)]
    assert [found["curves"].values[a:b].tolist() for a, b in zip(*offsets(found["curves"]), strict=True)] == [
        rows[i] for i in index
    ]


def offsets(column: Ragged):
    return column.offsets[:-1], column.offsets[1:]


def test_a_shard_that_fails_leaves_nothing_and_keeps_the_old_one(tmp_path):
    path = tmp_path / "part.parquet"
    with new_shard(path, COLUMNS, {"table": "old"}) as write:
        write(batch(0, 10))
    with pytest.raises(RuntimeError), new_shard(path, COLUMNS, {"table": "new"}) as write:
        write(batch(0, 5))
        raise RuntimeError("killed")
    assert [file.name for file in tmp_path.iterdir()] == ["part.parquet"]
    assert read_metadata(path)[2] == {"table": "old"}


def test_the_same_rows_give_the_same_bytes(tmp_path):
    for name in "ab":
        with new_shard(tmp_path / name, COLUMNS, {"table": "test"}) as write:
            write(batch(0, 100))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_damage_and_missing_columns_are_named(shard, tmp_path):
    with pytest.raises(InputError, match="misses the columns \\['h11'\\]"):
        list(read_rows(shard, ["id", "h11"]))
    with pytest.raises(InputError, match="has 500 rows, rows 0 to 501"):
        list(read_rows(shard, ["id"], 0, 501))
    cut = tmp_path / "cut.parquet"
    cut.write_bytes(shard.read_bytes()[:-20])
    with pytest.raises(InputError, match="cut.parquet.*not a complete parquet file"):
        list(read_rows(cut, ["id"]))
    foreign = tmp_path / "foreign.parquet"
    pq.write_table(pq.read_table(shard).replace_schema_metadata(None), foreign)
    with pytest.raises(InputError, match="not written by this workflow"):
        read_metadata(foreign)
