"""What is said of a run: totals are those of its files, explanations those of its dictionary."""

import numpy as np
import polars as pl
import pytest

from vacuagym.benchmark.splits import COLUMNS
from vacuagym.errors import InputError
from vacuagym.geometry import FAMILIES
from vacuagym.models import MODELS
from vacuagym.publish import manifest
from vacuagym.publish.overview import describe, status
from vacuagym.tables.shards import new_shard


@pytest.fixture
def run(tmp_path):
    """A folder with two split tables, a dictionary of two datasets, and the records of three jobs."""
    results = tmp_path / "results"
    for split, rows in (("iid", 1200), ("ood_euler", 34)):
        with new_shard(results / "splits" / f"{split}.parquet", COLUMNS, {"table": "splits"}) as write:
            write({"dataset": np.full(rows, "ks"), "geometry_id": np.arange(rows), "part": np.full(rows, "val")})
    tables = {f"features/{dataset}": FAMILIES[dataset].feature_columns for dataset in ("ks", "fth6d")}
    tables |= {f"labels/{dataset}": MODELS["supergravity"].columns for dataset in ("ks", "fth6d")}
    tables["splits"] = COLUMNS
    entries = [{"table": table} | column._asdict() for table, columns in tables.items() for column in columns]
    pl.DataFrame(entries).rename({"name": "column"}).write_csv(results / "data_dictionary.csv")
    memory = tmp_path / "memory.tsv"
    memory.write_text(
        "rule\twildcards\tmem_mb\tpeak_mb\trows\tseconds\nbuild_split\tsplit=iid\t300\t90.5\t0\t1.0\n"
        "build_manifest\t\t200\t78.0\t0\t2.0\nbuild_split\tsplit=ood_euler\t300\t86.2\t0\t1.0\n"
    )
    return results, memory


def test_status_of_a_run_without_and_with_a_manifest(run):
    results, memory = run
    lines = list(status(results, memory))
    assert "not complete" in lines[0] and "n_limit" not in "\n".join(lines)
    shards = sorted(results.rglob("*.parquet"))
    size = sum(path.stat().st_size for path in shards) / 1e6
    assert ["splits", "2", "1,234", f"{size:.2f}"] in [line.split() for line in lines]
    assert ["build_split", "2", "90", "300"] in [line.split() for line in lines]
    assert ["build_manifest", "1", "78", "200"] in [line.split() for line in lines]
    config = {"seed": 7, "model": {"name": "supergravity", "draws": 3}, "n_limit": None}
    entries = [
        {"path": path.relative_to(results).as_posix(), "schema": "splits", "rows": 617, "bytes": 10**7}
        for path in shards
    ]
    described = {"version": "0", **config, "config": config, "schemas": {}, "shards": entries, "files": []}
    (results / "manifest.json").write_text("".join(manifest.as_text(described)))
    lines = list(status(results, memory))
    assert lines[:2] == ["version 0, seed 7, n_limit null", "model supergravity, 3 draws per geometry"]
    assert ["splits", "2", "1,234", "20.00"] in [line.split() for line in lines]
    assert "and data_dictionary.csv" in lines and max(map(len, lines)) <= 80
    memory.unlink()
    assert list(status(results, memory)) == lines[: lines.index("and data_dictionary.csv") + 1]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (None, ["features/ks", "labels/fth6d", "dataset: ks, fth6d", "task: stability", "split: iid", "class: stable"]),
        ("ks", ["201,230 geometries. Kreuzer–Skarke", "features/ks", "labels/ks"]),
        ("labels/ks", ["stability: string, outcome", "condensate_rank: float32, coupling"]),
        ("h11", ["h11: int32, feature, in features/ks", "features/fth6d", "Hodge number"]),
        ("potential_value", ["outcome, in labels/ks, labels/fth6d", "Unit: M_P^4."]),
        ("fth6d_gauge", ["a task, one row per geometry. Predict, from", "It predicts gauge_algebras, h11"]),
        ("stability", ["a task, one row per draw", "ranked by macro_f1", "stability: string, outcome, in labels/ks"]),
        ("iid", ["a split. 70/15/15", "geometries train val ood_val test ks 0 1,200 0 0"]),
        ("cicy3_random_30", ["a split. A random 30%"]),
        ("runaway", ["runaway: a class of supergravity: no critical point exists"]),
        ("gauge_algebras", ["gauge_algebras: what the task fth6d_gauge predicts"]),
        ("ads_susy", ["vacuum_type: string, outcome, in labels/ks", "ads_susy: V < 0, D_iW = 0"]),
    ],
)
def test_every_kind_of_name_is_described_in_80_columns(run, name, expected):
    lines = list(describe(run[0], name))
    text = " ".join(" ".join(lines).split())
    for part in expected:
        assert part in text
    assert max(map(len, lines)) <= 80
    if name == "ks":
        assert "fth6d" not in text
    if name is None:
        assert f"{'splits':<20}{len(COLUMNS):>4} columns" in lines
    if name == "labels/ks":
        assert len([line for line in lines if line[0] != " "]) == len(MODELS["supergravity"].columns)
    if name == "runaway":
        assert "toy_eft" not in text  # which means something else by it


def test_unknown_names_come_with_those_that_are_close(run):
    with pytest.raises(InputError, match="do you mean .*stability"):
        list(describe(run[0], "stabilty"))
    with pytest.raises(InputError, match="describe without a name lists what there is"):
        list(describe(run[0], "zzzzzz"))


def test_a_missing_or_foreign_dictionary_is_named(run):
    path = run[0] / "data_dictionary.csv"
    path.write_text("table,column\nsplits,part\n")
    with pytest.raises(InputError, match="data_dictionary.csv: is no table with the columns table, column, type"):
        list(describe(run[0], "part"))
    path.write_text("")
    with pytest.raises(InputError, match="data_dictionary.csv: is no table"):
        list(describe(run[0], "part"))
    path.unlink()
    with pytest.raises(InputError, match="data_dictionary.csv: cannot be read.*run the workflow first"):
        list(describe(run[0], None))


def test_a_memory_table_of_another_version_is_named(run):
    run[1].write_text("rule\tpeak\nbuild_split\t90\n")
    with pytest.raises(InputError, match="memory.tsv: is no table with the columns rule, peak_mb, mem_mb"):
        list(status(*run))
    run[1].write_text("rule\tpeak_mb\tmem_mb\nbuild_split\t90\tmany\n")
    with pytest.raises(InputError, match="memory.tsv.*many"):
        list(status(*run))
