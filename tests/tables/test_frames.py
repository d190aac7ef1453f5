"""Frames: rows in the sizes asked for, and draws beside their geometries as a join by key would have them."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vacuagym.errors import InputError
from vacuagym.schema import DATASET, GEOMETRY_ID, GEOMETRY_KEYS, PART, PARTS, SAMPLE, Column
from vacuagym.tables.frames import hash_expression, read_draws, read_frames, read_geometries, read_run, to_arrow
from vacuagym.tables.hashing import hash_rows
from vacuagym.tables.shards import arrow_schema, new_shard

FEATURES = (DATASET, GEOMETRY_ID, Column("h11", "int32", "1", ""), Column("curves", "list<int32>", "1", ""))
LABELS = (DATASET, GEOMETRY_ID, SAMPLE, Column("stability", "string", "1", ""), Column("flux", "float64", "1", ""))
SIZES = {"ks": (23, 9), "cicy3": (14,)}  # geometries of each shard
DRAWS = 3


def write(path, columns, frame, group_rows=5):
    schema = arrow_schema(columns, {"table": path.parent.name})
    with new_shard(path, columns, {"table": path.parent.name}) as put:
        for start in range(0, len(frame), group_rows):
            put(to_arrow(frame.slice(start, group_rows), schema))
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Shards, two splits, and all draws joined by key."""
    folder, rng = tmp_path_factory.mktemp("run"), np.random.default_rng(3)
    features, labels, geometries, draws = [], [], [], []
    for dataset, sizes in SIZES.items():
        ids = rng.permutation(1000)[: sum(sizes)]
        curves = [list(range(id_ % 4)) for id_ in ids.tolist()]
        frame = pl.DataFrame({"dataset": dataset, "geometry_id": ids, "h11": ids % 7, "curves": curves})
        draw = frame.select(pl.col("dataset", "geometry_id").repeat_by(DRAWS).explode()).with_columns(
            sample=pl.int_range(pl.len()) % DRAWS,
            stability=pl.Series(rng.choice(["stable", "saddle", "failed"], len(ids) * DRAWS)),
            flux=pl.Series(rng.random(len(ids) * DRAWS)),
        )
        geometries.append(frame)
        draws.append(draw)
        start = 0
        for number, size in enumerate(sizes):
            name = f"{dataset}/part-{number}.parquet"
            features.append(write(folder / "features" / name, FEATURES, frame.slice(start, size)))
            of_shard = draw.slice(start * DRAWS, size * DRAWS)
            labels.append(write(folder / "labels" / name, LABELS, of_shard, 7))
            start += size
    geometries, splits = pl.concat(geometries), {}
    for split in ("iid", "ood_euler"):
        geometries = geometries.with_columns(pl.Series(split, rng.choice(PARTS, len(geometries))))
        table = geometries.select("dataset", "geometry_id", pl.col(split).alias("part"))
        splits[split] = write(folder / "splits" / f"{split}.parquet", (*GEOMETRY_KEYS, PART), table, 11)
    joined = geometries.join(pl.concat(draws), on=["dataset", "geometry_id"], maintain_order="left")
    return features, labels, splits, joined


def run_of(run):
    features, labels, splits, _ = run
    return read_run({"features": features, "labels": labels, "splits": splits.values()})


@given(st.integers(0, 23), st.integers(0, 23), st.integers(1, 30))
def test_rows_come_in_the_sizes_asked_for(run, a, b, rows):
    path, (start, stop) = run[0][0], sorted((a, b))
    frames = list(read_frames(path, ["geometry_id", "curves"], rows, start, stop))
    assert [len(frame) for frame in frames[:-1]] == [rows] * (len(frames) - 1)
    assert sum(map(len, frames)) == stop - start and all(0 < len(frame) <= rows for frame in frames)
    if frames:
        expected = pl.read_parquet(path).slice(start, stop - start)
        assert pl.concat(frames).select("geometry_id", "curves").equals(expected.select("geometry_id", "curves"))


@pytest.mark.parametrize("geometries", [1, 4, 100])
def test_draws_stand_beside_their_geometry_and_its_parts(run, geometries):
    features, labels, splits, joined = run
    frames = [
        frame
        for shard in run_of(run).shards
        for frame in read_draws(shard, ["h11", "curves"], ["stability", "flux"], splits, geometries)
    ]
    assert max(map(len, frames)) == min(geometries, 23) * DRAWS
    found = pl.concat(frames).with_columns(pl.col(*splits).cast(pl.String))
    assert (
        found.select(joined.columns)
        .sort("dataset", "geometry_id", "sample")
        .equals(joined.sort("dataset", "geometry_id", "sample"), null_equal=True)
    )
    assert found.select("geometry_id", "sample").equals(joined.select("geometry_id", "sample"))


def test_nothing_is_read_but_keys_and_the_columns_asked_for(run):
    features, labels, splits, _ = run
    shard = run_of(run).shards[0]
    assert set(next(read_draws(shard, ["h11"], [])).columns) == {"dataset", "geometry_id", "sample", "h11"}
    assert set(next(read_geometries(shard, [], splits)).columns) - {"dataset"} == {"geometry_id", *splits}


def test_tables_in_another_order_are_refused_by_name(run, tmp_path):
    features, labels, splits, _ = run
    ks = pl.read_parquet(labels[0])
    moved = pl.concat([ks.slice(DRAWS, DRAWS), ks.slice(0, DRAWS), ks.slice(2 * DRAWS)])
    bad = write(tmp_path / "labels" / "moved.parquet", LABELS, moved)
    shard = run_of(run).shards[0]
    with pytest.raises(InputError, match="moved.parquet.*does not have the geometries of the features in their order"):
        list(read_draws(shard._replace(labels=bad), [], ["flux"]))
    parts = pl.read_parquet(splits["iid"])
    bad = write(tmp_path / "splits" / "turned.parquet", (*GEOMETRY_KEYS, PART), parts.reverse())
    with pytest.raises(InputError, match="turned.parquet.*does not have the geometries"):
        list(read_geometries(shard, [], {"iid": bad}))


def test_shards_know_their_place_and_refuse_incomplete_labels(run, tmp_path):
    features, labels, _, _ = run
    shards = run_of(run).shards
    assert [(s.dataset, s.start, s.geometries, s.draws) for s in shards] == [
        ("ks", 0, 23, DRAWS),
        ("ks", 23, 9, DRAWS),
        ("cicy3", 32, 14, DRAWS),
    ]
    short = write(tmp_path / "short.parquet", LABELS, pl.read_parquet(labels[2])[:-1])
    with pytest.raises(InputError, match="short.parquet.*has 41 rows for 14 geometries"):
        read_run({"features": features, "labels": [*labels[:2], short], "splits": []})


def test_arrow_has_the_schema_and_the_rows(run):
    columns = (Column("part", "string", "1", ""), Column("n", "int16", "1", ""), Column("list", "list<int32>", "1", ""))
    schema = arrow_schema(columns, {"table": "test"})
    rows = {"list": [[1, 2], [], [3]], "part": ["val", "train", "val"], "n": [1, 2, 3]}
    frame = pl.DataFrame(rows).with_columns(pl.col("part").cast(pl.Enum(PARTS)), pl.col("n").cast(pl.Int16))
    batch = to_arrow(pl.concat([frame[:1], frame[1:]], rechunk=False), schema)
    assert batch.schema.equals(schema, check_metadata=True)
    assert batch.to_pydict() == {name: rows[name] for name in ("part", "n", "list")}


@given(st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=20), st.text(max_size=9))
def test_the_hash_is_the_one_of_arrays(values, salt):
    column = np.array(values, dtype=np.int64)
    found = pl.DataFrame({"x": column}).select(hash_expression(pl.col("x"), salt))["x"]
    assert found.to_list() == hash_rows([column], salt).tolist()
