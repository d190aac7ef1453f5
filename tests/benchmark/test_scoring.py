"""Scores, against scikit-learn and known cases; and what a file of predictions is refused for."""

import json
import shutil
import warnings

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss

from vacuagym.benchmark import scoring
from vacuagym.benchmark.scoring import bootstrap, class_code, evaluate, metrics, tally, write_scores
from vacuagym.benchmark.splits import COLUMNS
from vacuagym.cli import cli
from vacuagym.errors import InputError
from vacuagym.schema import CLASSES, DRAW_KEYS, GEOMETRY_KEYS, Column
from vacuagym.tables.frames import collect_tables
from vacuagym.tables.shards import new_shard


def test_codes_are_positions_of_classes():
    frame = pl.DataFrame({"stability": [*CLASSES[::-1], "Stable"]})
    assert frame[:7].select(class_code()).to_series().to_list() == [6, 5, 4, 3, 2, 1, 0]
    with pytest.raises(pl.exceptions.PolarsError):
        frame.select(class_code())


# --- metrics ----------------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32), st.integers(1, 60), st.integers(1, 7))
def test_metrics_are_those_of_scikit_learn(seed, rows, classes):
    rng = np.random.default_rng(seed)
    truth, predicted = rng.integers(0, classes, (2, rows))
    p = rng.dirichlet(np.full(7, 0.3), rows)
    found = metrics(tally(truth, predicted, p)[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes that are predicted and never true
        assert found["macro_f1"] == pytest.approx(f1_score(truth, predicted, average="macro", zero_division=0))
        assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(truth, predicted))
        assert found["log_loss"] == pytest.approx(log_loss(truth, p, labels=range(7)))


@given(st.integers(0, 2**32))
def test_calibration_error_by_its_definition(seed):
    rng = np.random.default_rng(seed)
    truth, p = rng.integers(0, 7, 50), rng.dirichlet(np.full(7, 0.5), 50)
    expected = 0.0
    for low in range(scoring.N_BINS):
        inside = [i for i in range(50) if low <= scoring.N_BINS * max(p[i]) < low + 1]
        if inside:
            accuracy = np.mean([np.argmax(p[i]) == truth[i] for i in inside])
            expected += len(inside) / 50 * abs(accuracy - np.mean([max(p[i]) for i in inside]))
    assert metrics(tally(truth, truth, p)[0])["expected_calibration_error"] == pytest.approx(expected)


def test_perfect_and_hopeless_predictions():
    truth = np.array([0, 0, 1, 2])
    sure = np.eye(7)[truth]
    assert {k: float(v) for k, v in metrics(tally(truth, truth, sure)[0]).items()} == {
        "macro_f1": 1.0,
        "balanced_accuracy": 1.0,
        "log_loss": 0.0,
        "expected_calibration_error": 0.0,
    }
    wrong = np.array([1, 1, 2, 0])
    found = metrics(tally(truth, wrong, np.eye(7)[wrong])[0])
    assert found["macro_f1"] == found["balanced_accuracy"] == 0.0
    assert found["log_loss"] == pytest.approx(52 * np.log(2)) and found["expected_calibration_error"] == 1.0


@given(st.integers(0, 2**32))
def test_tallies_of_groups_add_up(seed):
    rng = np.random.default_rng(seed)
    truth, predicted, group = rng.integers(0, 7, 40), rng.integers(0, 7, 40), rng.integers(0, 5, 40)
    p = rng.dirichlet(np.ones(7), 40)
    by_group = tally(truth, predicted, p, group, 5)
    assert by_group.sum(axis=0) == pytest.approx(tally(truth, predicted, p)[0])
    assert by_group[3] == pytest.approx(tally(*(a[group == 3] for a in (truth, predicted, p)))[0])


def test_intervals_are_those_of_a_binomial_share():
    # two classes, 400 groups each, half of each right: the recall's standard error is 0.5 / sqrt(400) / sqrt(2)
    truth = np.repeat([0, 1], 400)
    predicted = np.where(np.arange(800) % 2, truth, 1 - truth)
    groups = tally(truth, predicted, None, np.arange(800), 800)
    low, high = bootstrap(groups, 4000, 1)["balanced_accuracy"]
    assert (low + high) / 2 == pytest.approx(0.5, abs=0.005)
    assert high - low == pytest.approx(2 * 1.96 * 0.5 / np.sqrt(800), rel=0.08)
    # rows that repeat within their group say nothing new
    again = tally(np.tile(truth, 9), np.tile(predicted, 9), None, np.tile(np.arange(800), 9), 800)
    assert bootstrap(again, 4000, 1)["balanced_accuracy"] == pytest.approx((low, high))


# --- predictions in a file --------------------------------------------------------------------------------------------

GROUP = Column("duplicate_group", "int64", "1", "")
LABELS = (*DRAW_KEYS, Column("stability", "string", "1", ""), Column("controlled", "bool", "1", ""))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of 60 geometries each of ks and cicy3 with two draws; geometries 40 to 59 are the test part."""
    results = tmp_path_factory.mktemp("run") / "results"
    rng = np.random.default_rng(0)
    for dataset in ("ks", "cicy3"):
        names = {"dataset": np.full(60, dataset), "geometry_id": np.arange(60)}
        draws = {name: np.repeat(column, 2) for name, column in names.items()}
        draws |= {"sample": np.tile(np.arange(2, dtype=np.int32), 60)}
        draws |= {"stability": rng.choice(["stable", "saddle", "marginal"], 120), "controlled": rng.random(120) < 0.8}
        for part in range(2):  # shards of 30 geometries
            mine, mine_drawn = slice(30 * part, 30 * part + 30), slice(60 * part, 60 * part + 60)
            name = f"{dataset}/part-{part:05d}.parquet"
            with new_shard(results / "features" / name, (*GEOMETRY_KEYS, GROUP), {}) as write:
                write({key: column[mine] for key, column in (names | {"duplicate_group": np.arange(60) // 4}).items()})
            with new_shard(results / "labels" / name, LABELS, {}) as write:
                write({key: column[mine_drawn] for key, column in draws.items()})
    with new_shard(results / "splits" / "iid.parquet", COLUMNS, {}) as write:
        for dataset in ("ks", "cicy3"):
            part = np.repeat(["train", "val", "test"], 20)
            write({"dataset": np.full(60, dataset), "geometry_id": np.arange(60), "part": part})
    return results


def truth_of(results):
    """The label rows of the test part, by another way than `load_truth`."""
    tables = [pl.read_parquet(results / "labels" / dataset / "*.parquet") for dataset in ("ks", "cicy3")]
    return pl.concat(tables).filter(pl.col("geometry_id") >= 40)


def test_scored_rows_are_decided_and_controlled(run, tmp_path):
    truth = truth_of(run)
    truth.sample(fraction=1, shuffle=True, seed=1).write_parquet(tmp_path / "p.parquet")
    report = evaluate(tmp_path / "p.parquet", "iid", run)
    scored = truth.filter("controlled", pl.col("stability") != "marginal")
    assert (report["rows"], report["scored"], report["groups"]) == (80, len(scored), 10)
    assert report["metrics"].keys() == {"macro_f1", "balanced_accuracy"}
    assert report["metrics"]["macro_f1"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert {name: entry["rows"] for name, entry in report["classes"].items()} == dict(
        scored["stability"].value_counts().iter_rows()
    )


def test_scores_of_a_file_are_those_of_its_scored_rows(run, tmp_path):
    rng = np.random.default_rng(2)
    truth = truth_of(run)
    p = rng.dirichlet(np.ones(3), len(truth)).astype(np.float32)
    names = ["stable", "saddle", "failed"]
    predictions = truth.select("dataset", "geometry_id", "sample").with_columns(
        stability=pl.Series([names[i] for i in p.argmax(axis=1)]),
        **{f"p_{name}": pl.Series(p[:, i]) for i, name in enumerate(names)},
    )
    predictions.sample(fraction=1, shuffle=True, seed=3).write_parquet(tmp_path / "p.parquet")
    report = evaluate(tmp_path / "p.parquet", "iid", run)
    kept = (truth["controlled"] & (truth["stability"] != "marginal")).to_numpy()
    y, guess = truth["stability"].to_numpy()[kept], predictions["stability"].to_numpy()[kept]
    assert report["metrics"]["macro_f1"]["value"] == pytest.approx(f1_score(y, guess, average="macro"))
    code = np.array([names.index(name) for name in y])
    exact = p[kept].astype(np.float64)
    expected = log_loss(code, exact / exact.sum(axis=1, keepdims=True), labels=range(3))
    assert report["metrics"]["log_loss"]["value"] == pytest.approx(expected, rel=1e-6)
    for metric in report["metrics"].values():
        assert metric["low"] < metric["value"] < metric["high"]
    assert evaluate(tmp_path / "p.parquet", "iid", run) == report
    one = evaluate_frame(predictions.filter(pl.col("dataset") == "ks"), run, tmp_path, datasets=["ks"])
    assert one["datasets"] == ["ks"] and one["rows"] == 40


def evaluate_frame(frame, run, folder, **options):
    frame.write_parquet(folder / "frame.parquet")
    return evaluate(folder / "frame.parquet", "iid", run, **options)


def set_cell(name, value):
    return lambda t: t.with_columns(
        pl.when(pl.int_range(pl.len()) == 5).then(value).otherwise(pl.col(name)).alias(name)
    )


BAD = {
    "missing rows": (lambda t: t.slice(3), "misses 3 of the 40 rows of ks in test of iid, as geometry_id 40, sample 0"),
    "missing dataset": (lambda t: t.filter(pl.col("dataset") == "ks"), "misses 40 of the 40 rows of cicy3"),
    "duplicate rows": (
        lambda t: pl.concat([t, t[7:8]]),
        "predicts 1 rows of ks in test of iid more than once, as geometry_id 43, sample 1",
    ),
    "another part": (
        set_cell("geometry_id", pl.lit(10)),
        "not those of ks in test of iid, as geometry_id 10, sample 1",
    ),
    "unknown sample": (set_cell("sample", pl.lit(2)), "not those of ks in test of iid, as geometry_id 42, sample 2"),
    "negative sample": (set_cell("sample", pl.lit(-1)), "not those of ks in test of iid, as geometry_id 42, sample -1"),
    "unknown geometry": (
        set_cell("geometry_id", pl.lit(201_230)),
        "not those of ks in test of iid, as geometry_id 201230, sample 1",
    ),
    "unknown dataset": (set_cell("dataset", pl.lit("kss")), "row 5: has 'kss' in dataset, expected one of ks, cicy3"),
    "unknown class": (set_cell("stability", pl.lit("Stable")), "row 5: has 'Stable' in stability"),
    "empty class": (set_cell("stability", pl.lit(None)), "row 5: has no value in stability"),
    "no dataset": (set_cell("dataset", pl.lit(None)), "row 5: has no value in dataset"),
    "no class": (lambda t: t.drop("stability"), "misses the columns stability"),
    "fractional id": (
        lambda t: t.with_columns(pl.col("geometry_id").cast(float)),
        "Float64 in geometry_id, expected integers",
    ),
    "nothing": (lambda t: t.head(0), "holds no prediction"),
    "NaN": (set_cell("p_stable", pl.lit(float("nan"))), "row 5: has probabilities [nan, 0.5], not all in 0 to 1"),
    "negative": (set_cell("p_stable", pl.lit(-0.5)), "row 5: has probabilities [-0.5, 0.5]"),
    "sum": (set_cell("p_stable", pl.lit(0.4)), "row 5: has probabilities that sum to 0.9, not to 1"),
    "text": (lambda t: t.with_columns(p_saddle=pl.lit("0.5")), "in p_saddle, expected numbers"),
    "unknown probability": (lambda t: t.rename({"p_saddle": "p_sadle"}), "has the column p_sadle; the classes are"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_predictions_are_refused(run, tmp_path, case):
    change, message = BAD[case]
    good = truth_of(run).drop("controlled").with_columns(p_stable=pl.lit(0.5), p_saddle=pl.lit(0.5))
    assert evaluate_frame(good, run, tmp_path)["scored"] > 0
    with pytest.raises(InputError) as error:
        evaluate_frame(change(good), run, tmp_path)
    assert message in str(error.value) and "frame.parquet" in str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "ood_hodge"}, "is none of the run"),
        ({"part": "tests"}, "it has train, val, test"),
        ({"datasets": ["fth6d"]}, "it has ks, cicy3"),
    ],
)
def test_unknown_splits_parts_and_datasets_are_refused(run, tmp_path, options, message):
    truth_of(run).write_parquet(tmp_path / "p.parquet")
    with pytest.raises(InputError, match=message):
        evaluate(tmp_path / "p.parquet", **({"split": "iid", "results": run} | options))


def test_what_is_no_parquet_is_refused(run, tmp_path):
    (tmp_path / "p.parquet").write_text("dataset,geometry_id\n")
    with pytest.raises(InputError, match="cannot be read as parquet"):
        evaluate(tmp_path / "p.parquet", "iid", run)


def test_a_column_that_stands_twice_is_named(run, tmp_path):
    table = truth_of(run).drop("controlled").to_arrow()
    pq.write_table(table.append_column("stability", table["stability"]), tmp_path / "p.parquet")
    with pytest.raises(InputError, match="p.parquet: .*'stability' has more than one occurrence"):
        evaluate(tmp_path / "p.parquet", "iid", run)


def test_command_line(run, tmp_path):
    truth_of(run).write_parquet(tmp_path / "p.parquet")
    command = ["evaluate", str(tmp_path / "p.parquet"), "--split", "iid", "--results", str(run)]
    done = CliRunner().invoke(cli, command)
    assert done.exit_code == 0 and "macro_f1                    1.0000  1.0000 to 1.0000" in done.output
    done = CliRunner().invoke(cli, [*command, "--json", "--resamples", "10"])
    assert json.loads(done.output)["datasets"] == ["ks", "cicy3"]
    done = CliRunner().invoke(cli, [*command, "--dataset", "ks"])
    assert isinstance(done.exception, InputError) and "has 'cicy3' in dataset, expected one of ks" in str(
        done.exception
    )


def test_labels_from_two_runs_are_refused(run, tmp_path):
    """A shard that a run with other shards has left holds rows of the test part again."""
    shutil.copytree(run, tmp_path / "results")
    folder = tmp_path / "results" / "labels" / "ks"
    shutil.copy(folder / "part-00001.parquet", folder / "part-00002.parquet")
    with pytest.raises(
        InputError, match="labels that hold 80 rows of ks in test of iid more than once, as geometry_id 40"
    ):
        evaluate_frame(truth_of(run), tmp_path / "results", tmp_path)


# --- tables of scores -------------------------------------------------------------------------------------------------


def test_tables_are_collected_in_their_order(tmp_path):
    columns = (Column("split", "string", "1", ""), Column("seed", "int64", "1", ""), Column("f1", "float64", "1", ""))
    rows = [{"split": f"s{k}", "seed": 7 - k, "f1": 0.1 * k} for k in range(5)]
    paths = [tmp_path / "b.parquet", tmp_path / "a.parquet"]
    write_scores(rows[:3], columns, {}, paths[0])
    write_scores(rows[3:], columns, {}, paths[1])
    collect_tables(paths, tmp_path / "all.csv")
    assert pl.read_csv(tmp_path / "all.csv").to_dicts() == rows
    paths[0].write_bytes(paths[0].read_bytes()[:-1])
    with pytest.raises(InputError, match=r"b\.parquet"):
        collect_tables(paths, tmp_path / "all.csv")
