"""Classes of every part of every split, against counts by another way; parts that nothing can be learned from."""

import numpy as np
import polars as pl
import pytest

from vacuagym.benchmark.class_counts import CLASS_COLUMNS, count_split_classes
from vacuagym.benchmark.scored import SCORED, is_scored, label_reads
from vacuagym.benchmark.splits import SPLITS
from vacuagym.errors import InputError
from vacuagym.schema import CLASSES, DATASET, DRAW_KEYS, GEOMETRY_ID, GEOMETRY_KEYS, PART, Column
from vacuagym.tables.frames import to_arrow
from vacuagym.tables.shards import arrow_schema, new_shard

STABILITY, CONTROLLED = Column("stability", "string", "1", ""), Column("controlled", "bool", "1", "")
LABELS = (*DRAW_KEYS, STABILITY, CONTROLLED)
DRAWS, SIZES = 2, {"ks": 60, "fth6d": 40}
NAMES = ("iid", "ood_dataset_ks")


def write(path, columns, frame):
    with new_shard(path, columns, {"table": path.parent.name}) as put:
        put(to_arrow(frame, arrow_schema(columns, {"table": path.parent.name})))
    return path


def a_run(seed=0):
    """Draws of two datasets with their parts in two splits; class and control are chance."""
    rng, frames = np.random.default_rng(seed), []
    for dataset, size in SIZES.items():
        ids, rows = np.repeat(rng.permutation(500)[:size], DRAWS), size * DRAWS
        frames.append(
            pl.DataFrame(
                {
                    "dataset": np.full(rows, dataset),
                    "geometry_id": ids,
                    "sample": np.tile(np.arange(DRAWS), size).astype(np.int32),
                    "stability": rng.choice(["stable", "saddle", "runaway", "marginal"], rows),
                    "controlled": rng.random(rows) < 0.8,
                    "iid": np.array(SPLITS["iid"].parts)[ids % 3],
                    "ood_dataset_ks": np.array(["ood_val", "test"] if dataset == "ks" else ["train", "val"])[ids % 2],
                }
            )
        )
    return pl.concat(frames)


def tables_of(folder, draws, shard_geometries=1000, columns=LABELS):
    """Write a run in shards; its tables."""
    features, labels = [], []
    for (dataset,), rows in draws.group_by("dataset", maintain_order=True):
        for number, start in enumerate(range(0, len(rows), shard_geometries * DRAWS)):
            shard = rows.slice(start, shard_geometries * DRAWS)
            name = f"{dataset}/part-{number:05d}.parquet"
            labels.append(write(folder / "labels" / name, columns, shard))
            geometries = shard.gather_every(DRAWS)
            features.append(write(folder / "features" / name, (DATASET, GEOMETRY_ID), geometries))
    splits = {}
    for split in NAMES:
        table = draws.gather_every(DRAWS).rename({split: "part"})
        splits[split] = write(folder / "splits" / f"{split}.parquet", (*GEOMETRY_KEYS, PART), table)
    return {"features": features, "labels": labels, "splits": list(splits.values())}


def test_counts_are_those_of_a_count_row_by_row(tmp_path, capsys):
    draws, out = a_run(), tmp_path / "classes.csv"
    count_split_classes(tables_of(tmp_path, draws, 17), 40, out)
    table = pl.read_csv(out)
    assert table.columns == [column.name for column in CLASS_COLUMNS]
    parts = {split: list(SPLITS[split].parts) for split in NAMES}
    assert parts == {"iid": ["train", "val", "test"], "ood_dataset_ks": ["train", "val", "ood_val", "test"]}
    assert len(table) == (3 + 4) * 3 * len(CLASSES)
    for split, found in table.group_by("split", maintain_order=True):
        assert found["part"].unique(maintain_order=True).to_list() == parts[split[0]]
    rows = draws.to_dicts()
    for split, part, dataset, geometries, drawn, scored, stability, count, share in table.iter_rows():
        mine = [row for row in rows if row[split] == part and dataset in (row["dataset"], "all")]
        classes = [row["stability"] for row in mine if row["controlled"] and row["stability"] != "marginal"]
        assert geometries == len({(row["dataset"], row["geometry_id"]) for row in mine})
        assert (drawn, scored, count) == (len(mine), len(classes), classes.count(stability))
        assert share == pytest.approx(count / len(classes) if classes else 0.0)
    assert f"iid, test: {len(draws.filter(iid='test')) // DRAWS} geometries" in capsys.readouterr().out


def test_rows_have_a_fixed_order_and_shards_do_not_change_the_bytes(tmp_path):
    for size in (1000, 7):
        count_split_classes(tables_of(tmp_path / str(size), a_run(), size), 40, tmp_path / f"{size}.csv")
    assert (tmp_path / "1000.csv").read_bytes() == (tmp_path / "7.csv").read_bytes()
    table = pl.read_csv(tmp_path / "7.csv")
    assert table["stability"].to_list() == [*CLASSES] * (len(table) // len(CLASSES))
    assert table["dataset"].unique(maintain_order=True).to_list() == [*SIZES, "all"]


def one_class(draws):
    held = pl.col("iid") == "val"
    return draws.with_columns(pl.when(held).then(pl.lit("stable")).otherwise("stability").alias("stability"))


def nothing_scored(draws):
    return draws.with_columns(pl.when(pl.col("iid") == "val").then(False).otherwise("controlled").alias("controlled"))


def empty(draws):
    return draws.with_columns(pl.col("iid").replace("val", "train"))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (one_class, "part val of iid has no class but stable, with {} geometries of the run"),
        (nothing_scored, "part val of iid has no scored row, with {} geometries of the run"),
        (empty, "part val of iid is empty, with 0 geometries of the run"),
    ],
)
def test_a_part_without_two_classes_is_an_error_of_a_run_that_is_large_enough(tmp_path, capsys, change, expected):
    draws, out = change(a_run()), tmp_path / "classes.csv"
    expected = expected.format(len(draws.filter(iid="val")) // DRAWS)
    tables = tables_of(tmp_path, draws)
    smallest = min(SIZES.values())
    with pytest.raises(InputError, match="raise n_limit") as error:
        count_split_classes(tables, smallest, out)
    assert expected in str(error.value) and not out.exists()
    count_split_classes(tables, smallest + 1, out)
    assert f"notice: {expected}" in capsys.readouterr().out
    assert pl.read_csv(out).filter(split="iid", part="val", dataset="all")["count"].sum() == (
        len(draws.filter(iid="val", stability="stable", controlled=True)) if change is one_class else 0
    )


@pytest.mark.parametrize("geometries", [1, 5, 6])
def test_the_smallest_runs_are_counted(tmp_path, geometries):
    draws = pl.concat(rows.head(geometries * DRAWS) for _, rows in a_run().group_by("dataset", maintain_order=True))
    count_split_classes(tables_of(tmp_path, draws), 500, tmp_path / "classes.csv")
    table = pl.read_csv(tmp_path / "classes.csv").filter(dataset="all", stability="stable")
    assert table.group_by("split").agg(pl.sum("geometries"))["geometries"].to_list() == [2 * geometries] * 2


def test_labels_without_a_column_of_control_are_all_controlled(tmp_path):
    draws = a_run()
    count_split_classes(tables_of(tmp_path, draws, columns=LABELS[:-1]), 40, tmp_path / "classes.csv")
    table = pl.read_csv(tmp_path / "classes.csv").filter(dataset="all", split="iid")
    assert table["count"].sum() == len(draws.filter(pl.col("stability") != "marginal"))


@pytest.mark.parametrize("control", [True, False])
def test_what_is_scored(control):
    columns = ["sample", "stability", "controlled", "exponent"] if control else ["sample", "stability"]
    assert label_reads(columns) == (["stability", "controlled"] if control else ["stability"])
    rows = [(name, good) for name in CLASSES for good in (True, False)]
    frame = pl.DataFrame(rows, ["stability", "controlled"], orient="row").select(label_reads(columns))
    scored = frame.select(is_scored(columns))[:, 0].to_list()
    decided = {"stable", "metastable", "saddle", "unstable", "runaway"}
    assert scored == [name in decided and (good or not control) for name, good in rows]


def test_a_release_says_which_rows_are_scored():
    """Its labels have the answer, and not the column of control."""
    columns = ["sample", "stability", SCORED.name]
    frame = pl.DataFrame({"stability": ["stable", "stable", "failed"], SCORED.name: [True, False, False]})
    assert frame.select(is_scored(columns)).to_series().to_list() == [True, False, False]
