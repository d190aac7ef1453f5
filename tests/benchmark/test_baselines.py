"""What learners see, and the baselines' scores, on real geometries and labels."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from vacuagym.benchmark import baselines
from vacuagym.benchmark.baselines import BASELINES, COLUMNS, score_baselines
from vacuagym.benchmark.baselines.base import COUPLINGS, N_MODULI, ORACLE
from vacuagym.benchmark.baselines.inputs import inputs_of
from vacuagym.benchmark.baselines.rows import Rows
from vacuagym.benchmark.cycles import cycle_pairs
from vacuagym.benchmark.metrics import KINDS
from vacuagym.benchmark.splits import COLUMNS as SPLIT_COLUMNS
from vacuagym.benchmark.tasks import TASKS
from vacuagym.errors import InputError
from vacuagym.geometry import FAMILIES
from vacuagym.models import MODELS
from vacuagym.schema import COUPLING, GEOMETRY_KEYS, KEY, OUTCOME, names_of
from vacuagym.tables.arrays import concatenate, ragged, take
from vacuagym.tables.frames import read_run
from vacuagym.tables.shards import in_blocks, new_shard, read_recipe, read_rows

MODEL, TASK = MODELS["supergravity"], TASKS["stability"]
BASES = (  # self-intersections of the curves of toric bases: P2, F_3, blow-ups of F_1 and of F_0
    (1, 1, 1),
    (0, 3, 0, -3),
    (0, 0, -1, -1, -1),
    (-1, -1, -1, -1, -1, -1),
    (0, -1, -1, -2, 0),
)


@pytest.fixture
def two_baselines(monkeypatch):
    monkeypatch.setattr(baselines, "BASELINES", {name: BASELINES[name] for name in ("majority", "gradient_boosting")})


@pytest.fixture(scope="module")
def score(tmp_path_factory):
    """A function that scores the baselines on a run, and returns the rows of the table."""

    def scored(run, train_rows=(300,), seeds=2, task="stability"):
        settings = {"train_rows": list(train_rows), "test_rows": 1000, "seeds": seeds}
        recipe = run.recipe("baselines", "cicy3", settings) | {"task": task}
        out = tmp_path_factory.mktemp("scores") / "scores.parquet"
        score_baselines(run.tables(), recipe, out)
        assert read_recipe(out)[2] == recipe
        return pl.read_parquet(out).to_dicts()

    return scored


@pytest.fixture(scope="module")
def table(cicy_run, score):
    return score(cicy_run)


def rows_of(run, **changed):
    run = run._replace(**changed)
    return Rows(read_run(run.tables()).shards, run.split, inputs_of(TASK, [FAMILIES["cicy3"]], MODEL))


def all_inputs(rows):
    """Inputs of all rows of the training part."""
    return np.concatenate([rows.inputs.matrix(frame) for frame in rows.read("train", only_scored=False)])


def write_split(path, parts):
    """A split of geometries (dataset, geometry_id, part)."""
    with new_shard(path, SPLIT_COLUMNS, {"table": "splits"}) as write:
        write(
            {
                name: np.array(column)
                for name, column in zip(names_of(SPLIT_COLUMNS), zip(*parts, strict=True), strict=True)
            }
        )


# --- inputs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.name)
@pytest.mark.parametrize("datasets", [("ks",), ("cicy3",), ("fth6d",), ("ks", "cicy3", "fth6d")])
def test_no_outcome_and_no_key_is_an_input(model, datasets):
    inputs = inputs_of(TASK, [FAMILIES[dataset] for dataset in datasets], model)
    roles = {column.name: column.role for column in model.columns}
    assert {roles[name] for name in names_of(inputs.couplings)} == {COUPLING}
    assert {roles[name] for name in ("stability", "potential_value", "n_pos", "certified")} == {OUTCOME}
    assert {roles[name] for name in ("dataset", "geometry_id", "sample")} == {KEY}
    assert {"h11", "h21", "euler_characteristic", "n_moduli"} <= set(names_of(inputs.features))
    assert not set(names_of(inputs.features)) & {"duplicate_group", "geometry_id", "dataset"}
    for dataset in datasets:
        assert set(names_of(inputs.features)) <= set(names_of(FAMILIES[dataset].features))


def test_inputs_do_not_depend_on_outcomes(cicy_run, tmp_path):
    """Every outcome column of the label tables is overwritten; the inputs stay."""
    outcomes, paths = names_of(MODEL.columns, OUTCOME), []
    for path in cicy_run.labels:
        batch = concatenate(list(read_rows(path, names_of(MODEL.columns))))
        shuffled = take(batch, np.roll(np.arange(len(batch["sample"])), 7))
        paths.append(tmp_path / "cicy3" / path.name)
        with new_shard(paths[-1], MODEL.columns, {}) as write:
            write({name: (shuffled if name in outcomes else batch)[name] for name in batch})
    found = all_inputs(rows_of(cicy_run))
    assert found.shape[1] == len(inputs_of(TASK, [FAMILIES["cicy3"]], MODEL).groups) and np.isfinite(found).all()
    assert np.array_equal(found, all_inputs(rows_of(cicy_run, labels=paths)))


def test_numbers_of_a_row(cicy_run):
    """Flat columns as they are; minimum, mean and maximum of lists; against another reader of the tables."""
    rows = rows_of(cicy_run)
    inputs, x = rows.inputs, all_inputs(rows)
    features, labels = (
        pl.concat([pl.read_parquet(path) for path in paths]) for paths in (cicy_run.features, cicy_run.labels)
    )
    parts = pl.read_parquet(cicy_run.split).filter(pl.col("part") == "train")
    joined = labels.join(features, on="geometry_id", maintain_order="left").join(parts, on="geometry_id", how="semi")
    position = 0
    for column in (*inputs.features, *inputs.couplings):
        values = joined[column.name]
        if column.type.startswith("list"):
            expected = [values.list.min(), values.list.mean(), values.list.max()]
        else:
            expected = [values]
        for one in expected:
            assert x[:, position] == pytest.approx(one.cast(pl.Float64).to_numpy(), rel=1e-12), column.name
            position += 1
    assert position == np.count_nonzero(inputs.groups != ORACLE)
    assert x[:, inputs.groups == N_MODULI][:, 0].tolist() == joined["n_moduli"].to_list()
    drawn = sum(3 if column.type.startswith("list") else 1 for column in inputs.couplings)
    assert np.count_nonzero(inputs.groups == COUPLINGS) == drawn


@given(st.sampled_from(BASES), st.integers(0, 5), st.booleans())
def test_pairs_on_a_cycle_are_the_same_for_rotations_and_reflections(base, turn, flip):
    moved = np.roll(base, turn)[:: -1 if flip else 1]
    found = cycle_pairs(ragged([base, moved], np.int16))
    assert np.array_equal(found[0], found[1])
    assert found[0].sum() == 2 * len(base)


def test_pairs_tell_orders_of_the_same_curves_apart():
    found = cycle_pairs(ragged([(0, -1, -2, -1, -2, 1), (0, -1, -1, -2, -2, 1)], np.int16))
    assert not np.array_equal(found[0], found[1])


# --- rows -------------------------------------------------------------------------------------------------------------


def test_a_sample_is_of_the_scored_rows_of_the_part(cicy_run):
    rows = rows_of(cicy_run)
    labels = pl.concat([pl.read_parquet(path) for path in cicy_run.labels])
    parts = pl.read_parquet(cicy_run.split)
    train = labels.join(parts, on="geometry_id", maintain_order="left").filter(pl.col("part") == "train")
    scored = train.filter("controlled", ~pl.col("stability").is_in(["marginal", "failed"]))
    for expected, only_scored in ((train, False), (scored, True)):
        [every] = rows.samples("train", 10**6, [0], only_scored)
        assert every.table.select("geometry_id", "sample").equals(expected.select("geometry_id", "sample"))
        assert every.table["target stability"].equals(expected["stability"], check_names=False)
        some, other = rows.samples("train", 50, [3, 4], only_scored)
        at = [every.table.rows().index(row) for row in some.table.rows()]
        assert len(some.x) == 50 and at == sorted(at) and np.array_equal(some.x, every.x[at])
        assert not some.table.equals(other.table)
        assert some.table.equals(rows.samples("train", 50, [3], only_scored)[0].table)


@given(st.lists(st.integers(0, 9)), st.integers(1, 7))
def test_blocks_are_the_rows_in_order(sizes, rows):
    stops = np.cumsum(sizes, dtype=int).tolist()
    frames = [pl.DataFrame({"n": range(stop - size, stop)}) for size, stop in zip(sizes, stops, strict=True)]
    found = list(in_blocks(frames, rows, pl.concat))
    assert [len(block) for block in found[:-1]] == [rows] * (len(found) - 1)
    assert all(0 < len(block) <= rows for block in found)
    assert [i for block in found for i in block["n"]] == list(range(sum(sizes)))


# --- scores -----------------------------------------------------------------------------------------------------------


def test_every_baseline_is_scored_with_every_seed(table):
    metrics = [metric.name for metric in KINDS["classes"].metrics]
    assert [(row["seed"], row["model"], row["metric"]) for row in table] == [
        (seed, name, metric) for seed in range(2) for name in BASELINES for metric in metrics
    ]
    for row in table:  # an interval for the first seed
        assert row["low"] <= row["value"] <= row["high"] if row["seed"] == 0 else math.isnan(row["low"])
        assert (row["n_parameters"] == 0) == (row["model"] == "majority")
    assert list(table[0]) == names_of(COLUMNS)
    assert len({row["n_test"] for row in table}) == 1 and all(row["n_train"] <= 300 for row in table)


def test_tasks_of_other_kinds_are_scored_too(cicy_run, score):
    """A tree that sees the configuration matrix predicts better than the median, lists element by element."""
    for task, metric in (("cicy3_hodge", "h11_mae"), ("cicy3_intersections", "element_accuracy"), ("barrier", "mae")):
        table = pl.DataFrame(score(cicy_run, [150], 1, task)).filter(metric=metric)
        found = dict(table.select("model", "value").iter_rows())
        better, worse = found["gradient_boosting"], found["majority"]
        assert better > worse if metric == "element_accuracy" else better < worse
    assert ("oracle_features" in found) and "couplings_only" in found


def test_a_learning_curve_has_a_point_for_each_size_but_no_more_than_there_are_rows(cicy_run, score, two_baselines):
    rows = pl.DataFrame(score(cicy_run, [40, 150, 10**6], 1)).filter(metric="macro_f1")
    assert rows["model"].to_list() == ["majority", "gradient_boosting"] * 3
    all_rows = rows_of(cicy_run).samples("train", 10**6, [0])[0]
    assert rows["n_train"].unique().sort().to_list() == [40, 150, len(all_rows.table)]


def test_smaller_samples_are_among_larger_ones_with_the_elements_of_their_lists(cicy_run):
    inputs = inputs_of(TASKS["cicy3_intersections"], [FAMILIES["cicy3"]], MODEL)
    [rows] = Rows(read_run(cicy_run.tables()).shards, cicy_run.split, inputs).samples("train", 60, [0])
    few, more = rows.some(10, 3), rows.some(25, 3)
    names = more.table["geometry_id"].to_list()
    assert len(names) == 25 and set(few.table["geometry_id"]) < set(names)
    assert sorted(names, key=rows.table["geometry_id"].to_list().index) == names
    [kind] = rows.elements
    stops = np.cumsum(rows.lengths[kind])
    at = rows.table["geometry_id"].to_list().index(names[7])
    first = more.lengths[kind][:7].sum()
    expected = rows.elements[kind][stops[at] - rows.lengths[kind][at] : stops[at]]
    assert np.array_equal(more.elements[kind][first : first + len(expected)], expected)
    assert rows.some(60, 3).table.equals(rows.table)


def test_an_unknown_baseline_is_an_error():
    with pytest.raises(InputError, match="'gradient_bosting': is unknown; known are majority"):
        BASELINES["gradient_bosting"]


def test_the_majority_is_scored_as_scikit_learn_does_with_every_duplicate_group_counted_once(cicy_run, table):
    parts = pl.read_parquet(cicy_run.split)
    groups = pl.concat(
        [pl.read_parquet(path, columns=["geometry_id", "duplicate_group"]) for path in cicy_run.features]
    )
    labels = pl.concat([pl.read_parquet(path) for path in cicy_run.labels]).join(parts, on="geometry_id")
    labels = labels.join(groups, on="geometry_id", maintain_order="left")
    labels = labels.filter("controlled", ~pl.col("stability").is_in(["marginal", "failed"]))
    test = labels.filter(pl.col("part") == "test")
    truth, weight = test["stability"].to_list(), test.select(1 / pl.len().over("duplicate_group")).to_series().to_list()
    train = labels.filter(pl.col("part") == "train")["stability"].to_list()
    assert table[0]["n_test"] == len(truth)
    most = max(set(train), key=train.count)
    scored = {"sample_weight": weight, "average": "macro"}
    found = {row["metric"]: row["value"] for row in table[:5]}
    assert found["macro_f1"] == pytest.approx(f1_score(truth, [most] * len(truth), **scored), abs=1e-8)
    assert found["balanced_accuracy"] == pytest.approx(1 / len(set(truth)))
    assert sum(weight) == pytest.approx(test["duplicate_group"].n_unique())
    assert test["duplicate_group"].n_unique() < len(truth)


def test_a_learner_that_sees_more_scores_better(table):
    mean = mean_f1(table)
    assert mean["n_moduli_only"] < mean["couplings_only"] < mean["gradient_boosting"]  # one learner, more columns
    assert mean["majority"] < min(mean["linear"], mean["mlp"])
    assert mean["gradient_boosting"] < mean["oracle_features"]  # what decides


def mean_f1(table):
    """Mean macro-F1 of each model over the seeds."""
    rows = pl.DataFrame(table).filter(metric="macro_f1").group_by("model").agg(pl.mean("value"))
    return dict(rows.iter_rows())


def test_scores_are_the_same_for_other_shards(cicy_run, score, table, two_baselines, tmp_path):
    whole = {}
    for name, columns in (("features", FAMILIES["cicy3"].feature_columns), ("labels", MODEL.columns)):
        whole[name] = [tmp_path / name / "cicy3" / "part-00000.parquet"]
        with new_shard(whole[name][0], columns, {"table": f"{name}/cicy3"}) as write:
            for path in getattr(cicy_run, name):
                # in row groups of 65 geometries, as no run would write them
                for batch in read_rows(path, names_of(columns), batch_rows=65 if name == "features" else 130):
                    write(batch)
    again = score(cicy_run._replace(**whole))
    expected = [row for row in table if row["model"] in ("majority", "gradient_boosting")]
    assert pl.DataFrame(again).equals(pl.DataFrame(expected), null_equal=True)


def test_a_held_out_dataset_is_scored_by_what_others_teach(cicy_run, score, two_baselines, tmp_path):
    """The split holds out cicy3: another family, here the same geometries under another name, is what is trained on."""
    others = {"features": [], "labels": []}
    for name, columns in (("features", FAMILIES["cicy3"].feature_columns), ("labels", MODEL.columns)):
        for path in getattr(cicy_run, name):
            others[name].append(tmp_path / name / "ks" / path.name)
            with new_shard(others[name][-1], columns, {"table": f"{name}/ks"}) as write:
                batch = concatenate(list(read_rows(path, names_of(columns))))
                write(batch | {"dataset": np.full(len(batch["dataset"]), "ks")})
    ids = pl.concat([pl.read_parquet(path, columns=["geometry_id"]) for path in others["features"]])["geometry_id"]
    parts = [(name, i, part) for name, part in (("ks", "train"), ("cicy3", "test")) for i in ids]
    split = tmp_path / "ood_dataset_cicy3.parquet"
    write_split(split, parts)
    both = {name: [*paths, *getattr(cicy_run, name)] for name, paths in others.items()}
    rows = score(cicy_run._replace(split=split, **both), train_rows=[50, 200], seeds=1)
    assert {row["n_train"] for row in rows} == {200}  # no learning curve where the distribution shifts
    mean = mean_f1(rows)
    assert mean["gradient_boosting"] > mean["majority"]


@pytest.mark.parametrize(
    ("part", "message"),
    [("test", "has no rows of cicy3 in its part train"), ("train", "has no rows of cicy3 in its part test")],
)
def test_too_few_rows_are_not_scored(cicy_run, score, two_baselines, tmp_path, capsys, part, message):
    keys = pl.read_parquet(cicy_run.split, columns=names_of(GEOMETRY_KEYS)).rows()
    write_split(tmp_path / "iid.parquet", [(*key, part) for key in keys])
    assert score(cicy_run._replace(split=tmp_path / "iid.parquet"), [50], 1) == []
    assert f"notice: split iid {message}; not scored" in capsys.readouterr().out


def test_one_class_is_not_scored(cicy_run, score, two_baselines, tmp_path, capsys):
    paths = []
    for path in cicy_run.labels:
        batch = concatenate(list(read_rows(path, names_of(MODEL.columns))))
        paths.append(tmp_path / "cicy3" / path.name)
        with new_shard(paths[-1], MODEL.columns, {"table": "labels/cicy3"}) as write:
            write(batch | {"stability": np.full(len(batch["stability"]), "stable")})
    assert score(cicy_run._replace(labels=paths), [50], 1) == []
    assert "split iid has training rows of cicy3 of one class alone; not scored" in capsys.readouterr().out


def test_rows_of_no_draw_are_in_no_sample(cicy_run, tmp_path):
    """Of geometries to which the label model does not apply: they have no couplings to learn from."""
    paths = []
    for path in cicy_run.labels:
        batch = concatenate(list(read_rows(path, names_of(MODEL.columns))))
        out = np.arange(len(batch["stability"])) % 3 == 0
        paths.append(tmp_path / "cicy3" / path.name)
        with new_shard(paths[-1], MODEL.columns, {"table": "labels/cicy3"}) as write:
            write(batch | {"stability": np.where(out, "not_applicable", batch["stability"])})
    before, after = (
        rows_of(cicy_run, labels=labels).samples("train", 10**6, [0], only_scored=False)[0].table
        for labels in (cicy_run.labels, paths)
    )
    assert len(after) < 0.7 * len(before) and "not_applicable" not in after["target stability"]


def test_tables_of_another_run_are_not_scored(cicy_run, tmp_path):
    settings = {"train_rows": [50], "test_rows": 50, "seeds": 1}
    recipe = cicy_run.recipe("baselines", "cicy3", settings) | {"task": "stability"}
    for name in recipe["inputs"]:
        other = recipe | {"inputs": recipe["inputs"] | {name: "another"}}
        with pytest.raises(InputError, match="does not belong to this run"):
            score_baselines(cicy_run.tables(), other, tmp_path / "out.parquet")
    assert not list(tmp_path.iterdir())
