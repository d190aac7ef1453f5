"""Shards: column projection, row ranges, atomic commit, damage."""

import io
import os
import resource
import signal
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vacuagym.errors import InputError
from vacuagym.fingerprints import fingerprint_of
from vacuagym.schema import Column
from vacuagym.tables import shards
from vacuagym.tables.arrays import Ragged, n_rows, ragged, take
from vacuagym.tables.shards import (
    check_input,
    in_blocks,
    is_made_by,
    new_scratch,
    new_shard,
    read_recipe,
    read_rows,
    read_scratch,
    record_batch,
    temporary_files,
    write_text,
)

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
from vacuagym.schema import Column
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


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6), st.integers(1, 100), st.integers(2, 5))
def test_scratch_gives_back_what_was_written_in_blocks_of_so_many_rows(tmp_path_factory, sizes, block_rows, held):
    folder = tmp_path_factory.mktemp("scratch")
    schema = shards.arrow_schema(COLUMNS, {})
    stops = np.cumsum(sizes)
    rows = record_batch(batch(0, int(stops[-1])), schema)
    for name, cuts in {"folder/once": [len(rows)], "in pieces": sizes}.items():
        with new_scratch(folder / name, schema) as write:
            for size, stop in zip(cuts, np.cumsum(cuts), strict=True):
                write(rows[int(stop - size) : int(stop)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "HELD_TABLES", held)
        blocks = list(in_blocks(read_scratch(folder / "in pieces"), block_rows))
    assert pa.Table.from_batches(blocks, schema).equals(pa.Table.from_batches([rows], schema))
    assert blocks == list(in_blocks(read_scratch(folder / "folder" / "once"), block_rows))
    assert all(len(block) == block_rows for block in blocks[:-1]) and all(0 < len(b) <= block_rows for b in blocks)


def test_a_batch_of_other_columns_is_refused():
    with pytest.raises(ValueError, match="half"):
        record_batch(
            {name: column for name, column in batch(0, 3).items() if name != "half"}, shards.arrow_schema(COLUMNS, {})
        )


def test_a_row_group_of_many_small_batches_takes_the_memory_of_its_rows(tmp_path):
    schema = shards.arrow_schema(COLUMNS, {})
    with new_scratch(tmp_path / "rows", schema) as write:
        for _ in range(20_000):
            write(record_batch(batch(0, 1), schema))
    program = f"""
from pathlib import Path
from vacuagym.job import limit_libraries, peak_memory_mb
limit_libraries(1)
from vacuagym.tables.shards import in_blocks, read_scratch
next(in_blocks(read_scratch(Path({str(tmp_path / "rows")!r})), 1))
before = peak_memory_mb()
[group] = in_blocks(read_scratch(Path({str(tmp_path / "rows")!r})), 1 << 30)
print(len(group), peak_memory_mb() - before)
"""
    found = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    rows, megabytes = found.split()
    assert int(rows) == 20_000 and float(megabytes) < 10  # all pieces at a time would take 80


def test_a_shard_that_fails_leaves_nothing_and_keeps_the_old_one(tmp_path):
    path = tmp_path / "part.parquet"
    with new_shard(path, COLUMNS, {"table": "old"}) as write:
        write(batch(0, 10))
    with pytest.raises(RuntimeError), new_shard(path, COLUMNS, {"table": "new"}) as write:
        write(batch(0, 5))
        raise RuntimeError("killed")
    assert [file.name for file in tmp_path.iterdir()] == ["part.parquet"]
    assert read_recipe(path)[2] == {"table": "old"}


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
        read_recipe(foreign)


RECIPE = {"table": "features/toy", "rows": [0, 300], "seed": 1, "code": "ab" * 32}


def write(path, rows=300):
    with new_shard(path, COLUMNS, RECIPE) as write_batch:
        for start in range(0, rows, 100):
            write_batch(batch(start, start + 100))


def test_a_reader_takes_what_its_recipe_expects_and_says_which_columns_it_reads(tmp_path, capsys):
    path = tmp_path / "part.parquet"
    write(path)
    reader = {"table": "labels/toy", "seed": 1, "inputs": {"features/toy": fingerprint_of(RECIPE)}}
    assert check_input(path, reader, ["id", "half"]) == RECIPE
    assert capsys.readouterr().out == f"{path}: reads 2 of 5 columns: id, half\n"
    assert read_recipe(path) == (300, [column.name for column in COLUMNS], RECIPE)


def test_a_table_is_known_by_the_recipe_in_its_footer(tmp_path):
    path, foreign = tmp_path / "part.parquet", tmp_path / "foreign.parquet"
    write(path)
    assert is_made_by(path, RECIPE) and not is_made_by(path, RECIPE | {"seed": 2})
    pq.write_table(pq.read_table(path).replace_schema_metadata(None), foreign)
    assert not is_made_by(foreign, RECIPE) and not is_made_by(tmp_path / "none.parquet", RECIPE)
    path.write_bytes(path.read_bytes()[:-9])
    assert not is_made_by(path, RECIPE)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"inputs": {"features/toy": "0" * 64}}, "it was made with another configuration or code; delete it and run"),
        ({"inputs": {"features/toy": "0" * 64}, "seed": 2}, "its seed is 1, expected 2; delete it and run again"),
        ({"inputs": {"features/ks": "0" * 64}}, "is a table of features/toy, which is no input here"),
    ],
)
def test_a_table_of_another_run_is_refused(tmp_path, changes, expected):
    write(tmp_path / "part.parquet")
    with pytest.raises(InputError, match=expected):
        check_input(tmp_path / "part.parquet", {"seed": 1} | changes)


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(InputError, match="none.parquet: cannot be read .No such file.*run again"):
        check_input(tmp_path / "none.parquet", {"inputs": {}})


def test_a_shard_rewritten_by_another_program_is_refused(shard, tmp_path):
    """With other types, missing values, other rows: whatever it holds now, it is not what was written."""
    table = pq.read_table(shard)
    half = [None if value == 3 else value for value in table["half"].to_pylist()]
    changed = {
        "older schema": table.drop_columns(["odd"]),
        "wrong type": table.set_column(0, "id", table["id"].cast("float32")),
        "missing value": table.set_column(4, "half", [half]),
        "duplicate rows": table.take([0, 0, *range(2, 500)]),
        "no change": table,
    }
    for name, altered in changed.items():
        pq.write_table(altered, tmp_path / name)
        with pytest.raises(InputError, match="not written by this workflow|does not have the sha256"):
            read_recipe(tmp_path / name)


def test_every_corruption_is_found(tmp_path):
    path = tmp_path / "part.parquet"
    write(path)
    good = path.read_bytes()
    random = np.random.default_rng(7)
    places = [*range(len(good) - 300, len(good)), *random.integers(0, len(good), 300)]
    for place in places:
        for bad in (
            good[:place],
            good[:place] + bytes([good[place] ^ (1 << random.integers(8))]) + good[place + 1 :],
            good[:place] + good[place + 1 :],
            good[:place] + bytes(100) + good[place:],
        ):
            path.write_bytes(bad)
            with pytest.raises(InputError, match="run again"):
                read_recipe(path)
    path.write_bytes(good)
    read_recipe(path)


def in_child(function, *arguments):
    """Exit status of a function run in a process of its own; -9 if it was killed."""
    child = os.fork()
    if child == 0:
        status = 99
        try:
            status = function(*arguments) or 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def write_until_killed(path, boundary):
    """Write a shard; be killed at the given one of all points at which a byte or a name reaches the disk."""
    passed = 0

    def step(before_death=lambda: None):
        nonlocal passed
        if passed == boundary:
            before_death()
            os.kill(os.getpid(), signal.SIGKILL)
        passed += 1

    class File(io.FileIO):
        def write(self, data):
            step(lambda: super(File, self).write(bytes(data)[: len(data) // 2]))
            return super().write(data)

    def stepping(function):
        def call(*arguments):
            step()
            result = function(*arguments)
            step()
            return result

        return call

    shards.open = lambda path, mode: File(path, mode) if mode == "x+b" else open(path, mode)
    os.fsync, os.replace = stepping(os.fsync), stepping(os.replace)
    write(path, 400)


def test_a_kill_at_any_write_leaves_the_old_shard_or_the_new_one(tmp_path):
    path, reference = tmp_path / "new" / "part.parquet", tmp_path / "reference.parquet"
    write(reference, 400)
    path.parent.mkdir()
    boundary, outcomes = 0, []
    while True:
        write(path)
        old = path.read_bytes()
        status = in_child(write_until_killed, path, boundary)
        assert status in (0, -signal.SIGKILL)
        outcomes.append(path.read_bytes() == reference.read_bytes())
        assert outcomes[-1] or path.read_bytes() == old
        write(path, 400)  # the next run
        assert path.read_bytes() == reference.read_bytes()
        assert [file.name for file in path.parent.iterdir()] == ["part.parquet"]
        if status == 0:
            break
        boundary += 1
    assert boundary > 15 and outcomes == sorted(outcomes) and not outcomes[boundary // 2]


def write_within(path, limit):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        write(path, 400)
    except InputError as error:
        return 1 if "cannot be written (File too large); nothing finished is lost" in str(error) else 2


def test_a_short_write_keeps_the_old_shard(tmp_path):
    path = tmp_path / "part.parquet"
    write(path, 400)
    size = path.stat().st_size
    write(path)
    old = path.read_bytes()
    for limit in (*range(0, size, size // 20), size - 1):
        assert in_child(write_within, path, limit) == 1
        assert path.read_bytes() == old and len(list(tmp_path.iterdir())) == 1
    assert in_child(write_within, path, size) == 0
    assert read_recipe(path)[0] == 400


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of 64 kB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small disk takes the rights of root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_or_read_only_disk_is_named_and_keeps_the_old_shard(small_disk):
    path = small_disk / "part.parquet"
    write(path)
    old = path.read_bytes()
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space"):
        filler.write_bytes(bytes(1 << 20))
    with pytest.raises(InputError, match="part.parquet: cannot be written .No space left on device."):
        write(path, 2000)
    with pytest.raises(InputError, match="text.csv: cannot be written .No space left on device."):
        write_text(small_disk / "text.csv", ["x" * 100_000])
    assert path.read_bytes() == old and {file.name for file in small_disk.iterdir()} == {"part.parquet", "filler"}
    filler.unlink()
    write(path, 400)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(InputError, match="part.parquet: cannot be written .Read-only file system."):
        write(path)
    assert read_recipe(path)[0] == 400


def write_often(path):
    for _ in range(60):
        write(path)


def test_writers_of_one_shard_do_not_mix(tmp_path):
    path = tmp_path / "part.parquet"
    write(path)
    expected = path.read_bytes()
    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            try:
                write_often(path)
                os._exit(0)
            finally:
                os._exit(99)
        children.append(child)
    running, seen = set(children), 0
    while running:
        assert path.read_bytes() == expected
        seen += 1
        for child in list(running):
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                assert status == 0
                running.remove(child)
    assert seen > 10 and [file.name for file in tmp_path.iterdir()] == ["part.parquet"]


def test_only_the_unfinished_files_of_the_dead_are_removed(tmp_path):
    path = tmp_path / "part.parquet"
    (tmp_path / ".part.parquet.0000.tmp").write_bytes(b"left by a writer that was killed")
    (tmp_path / ".other.parquet.0000.tmp").write_bytes(b"of another shard")
    with new_shard(path, COLUMNS, {"table": "slow writer"}) as write_batch:
        write_batch(batch(0, 10))
        write(path)
        assert len(temporary_files(tmp_path)) == 1 and len(list(tmp_path.glob(".*.tmp"))) == 2
    assert read_recipe(path)[2] == {"table": "slow writer"}
    assert {file.name for file in tmp_path.iterdir()} == {"part.parquet", ".other.parquet.0000.tmp"}
