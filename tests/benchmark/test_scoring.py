"""Scores of predictions as people have them: files, frames, arrays; and what they are refused for."""

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from sklearn.metrics import f1_score, log_loss

import vacuagym
from vacuagym.benchmark.scoring import class_code, write_scores
from vacuagym.benchmark.splits import COLUMNS
from vacuagym.cli import cli
from vacuagym.errors import InputError
from vacuagym.publish.dictionary import as_csv
from vacuagym.schema import CLASSES, COUPLING, DRAW_KEYS, FEATURE, GEOMETRY_KEYS, KEY, Column
from vacuagym.tables.frames import collect_tables
from vacuagym.tables.shards import new_shard

FEATURES = (
    *GEOMETRY_KEYS,
    Column("duplicate_group", "int64", "1", "", role=KEY),
    Column("h11", "int32", "1", "", role=FEATURE),
)
LABELS = (
    *DRAW_KEYS,
    Column("flux", "float64", "1", "", role=COUPLING),
    Column("stability", "string", "1", ""),
    Column("controlled", "bool", "1", ""),
)


def test_codes_are_positions_of_classes():
    frame = pl.DataFrame({"stability": [*CLASSES[::-1], "Stable"]})
    assert frame[:-1].select(class_code()).to_series().to_list() == list(range(len(CLASSES)))[::-1]
    with pytest.raises(pl.exceptions.PolarsError):
        frame.select(class_code())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of 60 geometries each of ks and cicy3 with two draws; geometries 40 to 59 are the test part."""
    results = tmp_path_factory.mktemp("run") / "results"
    rng = np.random.default_rng(0)
    for dataset in ("ks", "cicy3"):
        names = {"dataset": np.full(60, dataset), "geometry_id": np.arange(60)}
        draws = {name: np.repeat(column, 2) for name, column in names.items()}
        draws |= {"sample": np.tile(np.arange(2, dtype=np.int32), 60), "flux": rng.random(120)}
        draws |= {"stability": rng.choice(["stable", "saddle", "marginal"], 120), "controlled": rng.random(120) < 0.8}
        names |= {"duplicate_group": np.arange(60) // 4, "h11": np.arange(60, dtype=np.int32)}
        for part in range(2):  # shards of 30 geometries
            mine, mine_drawn = slice(30 * part, 30 * part + 30), slice(60 * part, 60 * part + 60)
            name = f"{dataset}/part-{part:05d}.parquet"
            with new_shard(results / "features" / name, FEATURES, {}) as write:
                write({key: column[mine] for key, column in names.items()})
            with new_shard(results / "labels" / name, LABELS, {}) as write:
                write({key: column[mine_drawn] for key, column in draws.items()})
    with new_shard(results / "splits" / "iid.parquet", COLUMNS, {}) as write:
        for dataset in ("ks", "cicy3"):
            part = np.repeat(["train", "val", "test"], 20)
            write({"dataset": np.full(60, dataset), "geometry_id": np.arange(60), "part": part})
    tables = {f"{table}/{d}": c for d in ("ks", "cicy3") for table, c in (("features", FEATURES), ("labels", LABELS))}
    rows = [(table, *column) for table, columns in tables.items() for column in columns]
    (results / "data_dictionary.csv").write_text(as_csv(rows))
    return results


@pytest.fixture
def task(run):
    return vacuagym.load_task("stability", folder=run)


def truth_of(results):
    """The label rows of the test part, by another way than the loader."""
    tables = [pl.read_parquet(results / "labels" / dataset / "*.parquet") for dataset in ("ks", "cicy3")]
    return pl.concat(tables).filter(pl.col("geometry_id") >= 40).drop("flux")


def scored(rows):
    return rows.filter("controlled", pl.col("stability") != "marginal")


def group_weights(rows):
    """Every group counts once."""
    return rows.select(1 / pl.len().over("dataset", pl.col("geometry_id") // 4)).to_series().to_numpy()


# --- what is loaded ---------------------------------------------------------------------------------------------------


def test_a_task_has_scored_rows_and_no_target_in_its_test(run, task):
    assert task.inputs == ["h11", "flux"] and task.geometry_lists == []
    assert task.train.columns == [*task.keys, "h11", "flux", "stability"]
    assert task.test.columns == [*task.keys, "h11", "flux"]
    assert task.test.select(task.keys).equals(scored(truth_of(run)).select(task.keys))
    every = pl.concat([task.train, task.val, task.rows("test")])
    assert set(every["stability"]) == {"stable", "saddle"} and not every.select(task.keys).is_duplicated().any()
    assert task.ood_val.is_empty()


def test_a_task_says_what_it_is(run, task):
    expected = f"<stability on ks, cicy3; split iid in {run}; 2 inputs; to predict: stability>"
    assert repr(task) == expected


def test_what_one_dataset_tests_on_no_other_trains_on(run, tmp_path):
    folder = Path(shutil.copytree(run, tmp_path / "results"))
    parts = {"ks": np.repeat(["train", "val", "test"], 20), "cicy3": np.repeat(["test", "train", "val"], 20)}
    with new_shard(folder / "splits" / "iid.parquet", COLUMNS, {}) as write:
        for dataset, part in parts.items():
            write({"dataset": np.full(60, dataset), "geometry_id": np.arange(60), "part": part})
    alone = [vacuagym.load_task("stability", dataset, folder=folder).train for dataset in ("ks", "cicy3")]
    both = vacuagym.load_task("stability", folder=folder)
    # geometries 0 to 19 of ks have the groups that cicy3 tests on; those of cicy3's training part are no test
    assert [len(rows) > 0 for rows in alone] == [True, True]
    assert both.train.equals(alone[1])
    assert both.val.equals(pl.concat(vacuagym.load_task("stability", name, folder=folder).val for name in parts))


# --- scores -----------------------------------------------------------------------------------------------------------


def test_scores_are_means_over_datasets_of_rows_weighted_by_group(run, task):
    rng = np.random.default_rng(2)
    truth = scored(truth_of(run))
    p = rng.dirichlet(np.ones(3), len(truth))
    names = ["stable", "saddle", "failed"]
    said = pl.Series("stability", [names[i] for i in p.argmax(axis=1)])
    predictions = truth.select(task.keys).with_columns(said, **{f"p_{n}": p[:, i] for i, n in enumerate(names)})
    report = task.evaluate(predictions.sample(fraction=1, shuffle=True, seed=3))
    for dataset, found in report["datasets"].items():
        mine = (truth["dataset"] == dataset).to_numpy()
        rows, guess, q = truth.filter(mine), said.filter(mine), p[mine]
        weight, code = group_weights(rows), [names.index(name) for name in rows["stability"]]
        there = rows["stability"].unique()  # failed, which is predicted too, has no F1
        f1 = f1_score(rows["stability"], guess, labels=there, average="macro", sample_weight=weight)
        assert found["metrics"]["macro_f1"]["value"] == pytest.approx(f1)
        loss = log_loss(code, q, labels=range(3), sample_weight=weight)
        assert found["metrics"]["log_loss"]["value"] == pytest.approx(loss, rel=1e-6)
        assert (
            found["rows"] == len(rows) and found["classes"]["stable"]["rows"] == (rows["stability"] == "stable").sum()
        )
    for name, metric in report["metrics"].items():
        values = [found["metrics"][name]["value"] for found in report["datasets"].values()]
        assert metric["value"] == pytest.approx(np.mean(values)) and metric["low"] < metric["value"] < metric["high"]
    assert task.evaluate(predictions) == report
    assert report["edition"]["edition"] == "custom"


def test_two_predictions_are_compared_row_by_row(run, task):
    right = task.rows("test").drop("h11", "flux")
    wrong = right.with_columns(stability=pl.lit("stable"))
    report = task.evaluate(right, against=wrong)
    alone = task.evaluate(wrong)
    difference = 1.0 - alone["metrics"]["macro_f1"]["value"]
    assert report["difference"]["macro_f1"]["value"] == pytest.approx(difference)
    assert report["difference"]["macro_f1"]["low"] > 0
    assert set(task.evaluate(right, against=right)["difference"]["macro_f1"].values()) == {0.0}


def test_files_frames_and_arrays_score_alike(run, task, tmp_path):
    good = (
        task.rows("test")
        .drop("h11", "flux")
        .with_columns(stability=pl.when(pl.col("geometry_id") % 3 == 0).then(pl.lit("saddle")).otherwise("stability"))
    )
    expected = task.evaluate(good)
    good.write_parquet(tmp_path / "p.parquet")
    good.write_csv(tmp_path / "p.csv")
    pandas = good.to_pandas()
    for same in (
        tmp_path / "p.parquet",
        str(tmp_path / "p.csv"),
        good.lazy(),
        good.with_columns(pl.col("geometry_id", "sample").cast(float)),  # as a merge of pandas leaves them
        good.with_columns(pl.col("stability").cast(pl.Categorical), other=pl.lit(1)),
        pandas,
        pandas["stability"],
        good["stability"].to_numpy(),
        good["stability"].to_list(),
        good["stability"],
        {"stability": good["stability"].to_numpy()},
        good.select("stability"),
    ):
        assert task.evaluate(same) == expected
    probabilities = np.stack([(good["stability"] == name).cast(float).to_numpy() for name in CLASSES], axis=1)
    found = task.evaluate(probabilities)
    assert found["metrics"]["macro_f1"] == expected["metrics"]["macro_f1"]


def test_the_hash_is_that_of_the_predictions_that_are_scored(run, task, tmp_path):
    rows = truth_of(run)
    keys = ["dataset", "geometry_id", "sample"]
    rows = rows.select(*keys, pl.col("stability").replace("marginal", "stable"))
    hashes = {
        task.evaluate(frame)["predictions"] for frame in (rows, rows.reverse(), rows.select(*keys[::-1], "stability"))
    }
    rows.write_csv(tmp_path / "predictions.csv")
    hashes |= {task.evaluate(tmp_path / "predictions.csv")["predictions"]}
    part = task.test.select(keys).join(rows, on=keys)  # the rows that take part alone
    hashes |= {task.evaluate(part)["predictions"]}
    assert len(hashes) == 1
    other = part.with_columns(
        stability=pl.when(pl.int_range(pl.len()) == 3).then(pl.lit("failed")).otherwise("stability")
    )
    assert task.evaluate(other)["predictions"] not in hashes


def test_rows_that_take_no_part_may_be_predicted_too(run, task):
    every = truth_of(run).drop("controlled")
    assert task.evaluate(every)["metrics"]["macro_f1"]["value"] == 1.0
    one = vacuagym.load_task("stability", dataset="ks", folder=run)
    assert one.evaluate(every.filter(dataset="ks").drop("dataset"))["datasets"].keys() == {"ks"}


def set_cell(name, value):
    return lambda t: t.with_columns(
        pl.when(pl.int_range(pl.len()) == 5).then(value).otherwise(pl.col(name)).alias(name)
    )


BAD = {
    "missing rows": (lambda t: t.slice(3), "rows of ks in the part test of iid, as geometry_id 40, sample 0"),
    "missing dataset": (
        lambda t: t.filter(dataset="ks"),
        "rows of cicy3 in the part test of iid; to score one dataset",
    ),
    "duplicate rows": (
        lambda t: pl.concat([t, t[7:8]]),
        "predicts 1 rows of ks in the part test of iid more than once",
    ),
    "another part": (set_cell("geometry_id", pl.lit(10)), "not in ks in the part test of iid, as geometry_id 10"),
    "unknown sample": (set_cell("sample", pl.lit(7)), "not in ks in the part test of iid"),
    "negative sample": (set_cell("sample", pl.lit(-1)), "not in ks in the part test of iid"),
    "unknown geometry": (set_cell("geometry_id", pl.lit(201_230)), "as geometry_id 201230"),
    "unknown dataset": (set_cell("dataset", pl.lit("kss")), "row 5: has 'kss' in dataset, expected one of ks, cicy3"),
    "unknown class": (set_cell("stability", pl.lit("Stable")), "row 5: has 'Stable' in stability"),
    "empty class": (set_cell("stability", pl.lit(None)), "row 5: has None in stability"),
    "no dataset": (set_cell("dataset", pl.lit(None)), "row 5: has None in dataset"),
    "dataset left out": (lambda t: t.drop("dataset"), "misses the key dataset of its rows"),
    "sample left out": (lambda t: t.drop("sample"), "misses the key sample of its rows"),
    "keys left out": (lambda t: t.select("stability")[1:], "rows without dataset, geometry_id, sample, but"),
    "no class": (
        lambda t: t.drop("stability", "p_stable", "p_saddle"),
        "misses stability; expected the columns dataset, geometry_id, sample, stability, or probabilities p_stable, "
        "p_metastable, p_saddle, p_unstable, p_runaway, p_marginal, p_failed, p_not_applicable; it has dataset, geom",
    ),
    "fractional id": (
        lambda t: t.with_columns(pl.col("geometry_id") + 0.5),
        "row 0: has 40.5 in geometry_id, expected an",
    ),
    "text id": (lambda t: t.with_columns(pl.col("geometry_id").cast(str)), "String in geometry_id, expected integers"),
    "nothing": (lambda t: t.head(0), "has the right columns and no row"),
    "NaN": (set_cell("p_stable", pl.lit(float("nan"))), "row 5: has probabilities [nan, 0.5], not all in 0 to 1"),
    "negative": (set_cell("p_stable", pl.lit(-0.5)), "row 5: has probabilities [-0.5, 0.5]"),
    "sum": (set_cell("p_stable", pl.lit(0.4)), "row 5: has probabilities that sum to 0.9, not to 1"),
    "text": (lambda t: t.with_columns(p_saddle=pl.lit("0.5")), "in p_saddle, expected numbers"),
    "unknown probability": (lambda t: t.rename({"p_saddle": "p_sadle"}), "has the column p_sadle; known are"),
    "contradiction": (
        lambda t: t.with_columns(pl.lit("runaway").alias("stability")),
        "row 0: predicts runaway, but another class has a larger probability",
    ),
    "numbers for classes": (lambda t: t.with_columns(stability=pl.lit(3)), "in stability, expected text"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_predictions_are_refused(run, task, tmp_path, case):
    change, message = BAD[case]
    good = scored(truth_of(run)).drop("controlled").with_columns(p_stable=pl.lit(0.5), p_saddle=pl.lit(0.5))
    task.evaluate(good)
    path = tmp_path / "frame.parquet"
    change(good).write_parquet(path)
    with pytest.raises(InputError) as error:
        task.evaluate(path)
    assert message in str(error.value) and str(path) in str(error.value)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(3), "hold 3 rows without dataset, geometry_id, sample"),
        (np.zeros((2, 2)), r"shape \(2, 2\), expected \(rows, 8\): p_stable.* a column p_<class> of each class"),
        ({"stability": ["stable"], "p_stable": [1.0, 0.0]}, "are no columns of equal length"),
    ],
)
def test_bad_arrays_are_refused(task, array, message):
    with pytest.raises(InputError, match=message):
        task.evaluate(array)


def test_parts_have_the_names_of_the_hub_too(run, task):
    rows = task.val.drop("h11", "flux")
    assert task.evaluate(rows, part="validation") == task.evaluate(rows, part="val")
    with pytest.raises(InputError, match="'tests': is unknown; known are train, val, ood_val, test"):
        task.evaluate(rows, part="tests")
    with pytest.raises(InputError, match="has no row of stability to score in its part ood_val"):
        task.evaluate(rows, part="ood_val")


def test_what_is_no_parquet_is_refused(task, tmp_path):
    (tmp_path / "p.parquet").write_text("dataset,geometry_id\n")
    with pytest.raises(InputError, match="cannot be read as parquet"):
        task.evaluate(tmp_path / "p.parquet")
    with pytest.raises(InputError, match="cannot be read as CSV"):
        task.evaluate(tmp_path / "none.csv")


def test_a_column_that_stands_twice_is_named(run, task, tmp_path):
    table = truth_of(run).drop("controlled").to_arrow()
    pq.write_table(table.append_column("stability", table["stability"]), tmp_path / "p.parquet")
    with pytest.raises(InputError, match="p.parquet: .*'stability' has more than one occurrence"):
        task.evaluate(tmp_path / "p.parquet")


def test_command_line(run, tmp_path):
    truth_of(run).drop("controlled").write_parquet(tmp_path / "p.parquet")
    command = ["evaluate", str(tmp_path / "p.parquet"), "--split", "iid", "--results", str(run)]
    done = CliRunner().invoke(cli, command)
    assert done.exit_code == 0 and "stability, test part of iid, edition custom" in done.output
    assert done.output.count("1.0000  1.0000 to 1.0000") == 6
    done = CliRunner().invoke(cli, [*command, "--json", "--resamples", "10"])
    assert list(json.loads(done.output)["datasets"]) == ["ks", "cicy3"]
    done = CliRunner().invoke(cli, [*command, "--against", str(tmp_path / "p.parquet")])
    assert "difference of macro_f1" in done.output
    done = CliRunner().invoke(cli, [*command, "--dataset", "ks"])
    assert isinstance(done.exception, InputError)
    assert "has 'cicy3' in dataset, expected one of ks; name the dataset" in str(done.exception)


# --- tables of scores -------------------------------------------------------------------------------------------------


def test_tables_are_collected_in_their_order(tmp_path):
    columns = (Column("split", "string", "1", ""), Column("seed", "int64", "1", ""), Column("f1", "float64", "1", ""))
    rows = [{"split": f"s{k}", "seed": 7 - k, "f1": 0.1 * k} for k in range(5)]
    paths = [tmp_path / "b.parquet", tmp_path / "a.parquet"]
    write_scores(rows[:3], columns, {}, paths[0])
    write_scores(rows[3:], columns, {}, paths[1])
    collect_tables(paths, tmp_path / "all.csv", edition="mini")
    assert pl.read_csv(tmp_path / "all.csv").to_dicts() == [{"edition": "mini"} | row for row in rows]
    paths[0].write_bytes(paths[0].read_bytes()[:-1])
    with pytest.raises(InputError, match=r"b\.parquet"):
        collect_tables(paths, tmp_path / "all.csv")
