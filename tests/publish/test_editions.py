"""Editions: hashes of values alone, in blocks that shards do not change."""

import json
import shutil

import numpy as np
import polars as pl
import pytest

from vacuagym.benchmark.splits import COLUMNS
from vacuagym.benchmark.values import values_sha256
from vacuagym.config import read_config
from vacuagym.errors import InputError
from vacuagym.geometry import COMPLETE_FAMILIES, FAMILIES
from vacuagym.geometry.run_order import run_order
from vacuagym.models import labeller
from vacuagym.publish import editions
from vacuagym.publish.editions import content_of, differences, hash_content, name_of, read_content
from vacuagym.recipes import splits_in
from vacuagym.schema import DRAW_KEYS, GEOMETRY_KEYS, Column
from vacuagym.tables.arrays import concatenate, ragged, take
from vacuagym.tables.frames import read_run
from vacuagym.tables.shards import arrow_schema, new_shard, record_batch

FEATURES = (*GEOMETRY_KEYS, Column("x", "float64", "1", ""), Column("many", "list<int16>", "1", ""))
LABELS = (*DRAW_KEYS, Column("stability", "string", "1", ""))
DRAWS = 2


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch, tmp_path):
    monkeypatch.setattr(editions, "BLOCK", 10)
    monkeypatch.setattr(editions, "RECORDS", tmp_path / "editions")
    (tmp_path / "editions").mkdir()


def tables_of(folder, rows, shard_rows, recipe="a", changed=None):
    """A run of two datasets; the files by table."""
    found = {"features": [], "labels": [], "splits": []}
    for dataset in ("ks", "cicy3"):
        ids = np.random.default_rng(len(dataset)).permutation(1000)[:rows]
        x = np.where(ids % 7 == 0, np.nan, ids / 3)
        if changed is not None and dataset == "cicy3":
            x[changed] = 0.5
        for number, start in enumerate(range(0, rows, shard_rows)):
            some = ids[start : start + shard_rows]
            keys, name = {"dataset": np.full(len(some), dataset), "geometry_id": some}, f"part-{number:05d}.parquet"
            found["features"].append(folder / "features" / dataset / name)
            with new_shard(found["features"][-1], FEATURES, {"table": recipe}) as write:
                many = ragged([np.arange(i % 5) for i in some], np.int16)
                write(keys | {"x": x[start : start + shard_rows], "many": many})
            found["labels"].append(folder / "labels" / dataset / name)
            with new_shard(found["labels"][-1], LABELS, {"table": recipe}) as write:
                drawn = {key: np.repeat(column, DRAWS) for key, column in keys.items()}
                sample = np.tile(np.arange(DRAWS, dtype=np.int32), len(some))
                write(drawn | {"sample": sample, "stability": np.where(drawn["geometry_id"] % 3, "stable", "saddle")})
    found["splits"].append(folder / "splits" / "iid.parquet")
    with new_shard(found["splits"][0], COLUMNS, {}) as write:
        for dataset in ("ks", "cicy3"):
            ids = np.random.default_rng(len(dataset)).permutation(1000)[:rows]
            part = np.where(ids % 2, "train", "test")
            write({"dataset": np.full(rows, dataset), "geometry_id": ids, "part": part})
    return found


def test_values_alone_decide(tmp_path):
    content = content_of(read_run(tables_of(tmp_path / "a", 35, 35)))
    assert content.keys() == {
        (t, d, b) for t in ("features", "labels", "splits") for d in ("ks", "cicy3") for b in range(4)
    }
    assert [content["labels", "ks", b][0] for b in range(4)] == [20, 20, 20, 10]
    assert content_of(read_run(tables_of(tmp_path / "b", 35, 8, recipe="other"))) == content
    other = content_of(read_run(tables_of(tmp_path / "c", 35, 8, changed=27)))
    assert {key for key in content if content[key] != other[key]} == {("features", "cicy3", 2)}


def test_a_run_is_named_after_the_edition_it_belongs_to(tmp_path):
    whole, first = tables_of(tmp_path / "a", 35, 35), tables_of(tmp_path / "b", 10, 4)
    stamp = tmp_path / "edition.json"
    hash_content(whole, tmp_path / "content.csv", stamp)
    assert json.loads(stamp.read_text())["edition"] == "custom"
    shutil.copy(tmp_path / "content.csv", editions.RECORDS / "1.0.csv")
    assert read_content(editions.RECORDS / "1.0.csv") == content_of(read_run(whole))
    names = {}
    for name, tables in {
        "all": whole,
        "first": first,
        "more": tables_of(tmp_path / "c", 20, 20),
        "changed": tables_of(tmp_path / "d", 35, 35, changed=3),
    }.items():
        hash_content(tables, tmp_path / "content.csv", stamp)
        names[name] = json.loads(stamp.read_text())["edition"]
    assert names == {"all": "1.0.0", "first": "mini", "more": "custom", "changed": "custom"}
    (editions.RECORDS / "1.0.csv").rename(editions.RECORDS / "kklt-2.1.csv")
    hash_content(first, tmp_path / "content.csv", stamp)
    assert json.loads(stamp.read_text())["edition"] == "kklt-mini"
    assert sorted(name for name, _ in editions.known_stamps().values()) == ["kklt-2.1.0", "kklt-mini"]


def test_differences_name_table_dataset_and_block(tmp_path):
    content = content_of(read_run(tables_of(tmp_path / "a", 35, 35)))
    with pytest.raises(InputError, match="edition '1.0': is unknown; there are none"):
        list(differences(content, "1.0"))
    hash_content(tables_of(tmp_path / "b", 35, 35), editions.RECORDS / "1.0.csv", tmp_path / "edition.json")
    assert list(differences(content, "1.0")) == [] and name_of(content) == "1.0.0"
    changed = content_of(read_run(tables_of(tmp_path / "c", 35, 35, changed=27)))
    assert list(differences(changed, "1.0")) == [
        "features of cicy3: 1 of 4 blocks of 10 geometries are not those of edition 1.0, the first is 2"
    ]


# --- the recorded editions --------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("edition, name", [*(("1.0", name) for name in COMPLETE_FAMILIES), ("kklt-1.0", "ks")])
def test_sampled_blocks_are_those_of_the_recorded_edition(monkeypatch, edition, name):
    """Made again one block at a time, from nothing; a change of values needs a new edition."""
    monkeypatch.undo()
    family, known = FAMILIES[name], read_content(editions.RECORDS / f"{edition}.csv")
    config = read_config(editions.RECORDS / f"{edition}.yaml")
    model, splits = labeller(config["model"], config["seed"]), splits_in(config)
    geometries, order = family.functions.generate(), run_order(family.count, name)
    last = -(-family.count // editions.BLOCK) - 1
    for block in (0, last // 2, last):
        ids = order[block * editions.BLOCK : (block + 1) * editions.BLOCK]
        keys = {"dataset": np.full(len(ids), name), "geometry_id": ids}
        halves = [take(geometries, half) for half in np.array_split(ids, 2)]
        table = keys | concatenate([family.functions.features(half) for half in halves])
        features = frame_of(family.feature_columns, table)
        labels = frame_of(
            model.model.columns, model.label(family, {key: table[key] for key in model.model.reads(family)})
        )
        thresholds = {split.name: (config["splits"].get(split.name) or {}).get(name) for split in splits}
        parts = features.select(
            "geometry_id", **{split.name: split.part(family, thresholds[split.name]) for split in splits}
        )
        for kind, frame in (("features", features), ("labels", labels), ("splits", parts)):
            assert known[kind, name, block] == (len(frame), values_sha256(frame)), (kind, name, block)


def frame_of(columns, table):
    return pl.from_arrow(record_batch(table, arrow_schema(columns, {})))
