"""Search and active learning on real geometries and labels."""

import numpy as np
import polars as pl
import pytest

from vacuagym.benchmark.baselines.inputs import inputs_of
from vacuagym.benchmark.baselines.rows import Rows
from vacuagym.benchmark.search import (
    COLUMNS,
    STRATEGIES,
    Answers,
    Round,
    greedy,
    oracle,
    random,
    scan_active_learning,
    search,
    uncertainty,
)
from vacuagym.benchmark.tasks import TASKS
from vacuagym.errors import InputError
from vacuagym.geometry import FAMILIES
from vacuagym.models import MODELS, base, labeller
from vacuagym.schema import CLASSES, UNDECIDED, names_of
from vacuagym.tables.frames import read_run
from vacuagym.tables.shards import read_recipe

SETTINGS = {"pool_rows": 250, "test_rows": 100, "first_rows": 40, "batch_rows": 30, "rounds": 3, "seeds": 2}


@pytest.fixture
def scan(cicy_run, tmp_path):
    """A function from changed settings to the rows of the table of learning curves."""

    def scanned(**changed):
        recipe = cicy_run.recipe("active_learning", "cicy3", SETTINGS | changed)
        out = tmp_path / "active_learning.parquet"
        scan_active_learning(cicy_run.tables(), recipe, out)
        assert read_recipe(out)[2] == recipe
        return pl.read_parquet(out).to_dicts()

    return scanned


def test_labels_made_on_demand_are_those_of_the_run(cicy_run, monkeypatch):
    label_model = labeller(cicy_run.model, cicy_run.seed)
    rows = Rows(
        read_run(cicy_run.tables()).shards,
        cicy_run.split,
        inputs_of(TASKS["stability"], [FAMILIES["cicy3"]], label_model.model),
    )
    pool = rows.sample("train", 250, 0, only_scored=False).table
    asked = np.random.default_rng(1).permutation(len(pool))[:60]
    labelled, label = [], base.Labeller.label

    def watched(self, family, features):
        labelled.extend(features["geometry_id"].tolist())
        return label(self, family, features)

    monkeypatch.setattr(base.Labeller, "label", watched)
    classes, scored, goal = oracle(FAMILIES["cicy3"], cicy_run.features, pool, label_model)(asked)
    assert sorted(labelled) == sorted(set(pool["geometry_id"][asked]))  # these geometries, each once, and no others
    labels = pl.concat([pl.read_parquet(path) for path in cicy_run.labels])
    expected = pool[asked].join(labels, on=["geometry_id", "sample"], maintain_order="left")
    assert [CLASSES[code] for code in classes] == pool["target stability"][asked].to_list()
    assert scored.tolist() == expected.select(
        ~pl.col("stability").is_in(UNDECIDED) & pl.col("controlled")
    ).to_series().to_list()  # fmt: skip
    minima = (pl.col("vacuum_type") == "ds_minimum") & pl.col("controlled")
    assert goal.tolist() == expected.select(minima).to_series().to_list()
    assert 0 < np.count_nonzero(goal) < np.count_nonzero(scored) < 60


def test_learning_curves(scan):
    curves = scan()
    assert scan(seeds=1) == curves[: len(curves) // 2]
    assert list(curves[0]) == names_of(COLUMNS)
    assert [(row["seed"], row["strategy"], row["asked"]) for row in curves] == [
        (seed, strategy, 40 + 30 * k)
        for seed in range(2)
        for strategy in ("random", "greedy", "uncertainty")
        for k in range(4)
    ]
    assert all(row["n_train"] <= row["asked"] for row in curves)
    first = {(row["seed"], row["macro_f1"]) for row in curves if row["asked"] == 40}
    assert len(first) == 2  # all strategies of a seed begin alike
    assert all(row["found"] <= row["n_train"] for row in curves)
    mean = [np.mean([row["log_loss"] for row in curves if row["asked"] == asked]) for asked in (40, 130)]
    assert mean[1] < mean[0]


def test_a_pool_that_is_used_up_ends_the_curve(scan):
    assert [row["asked"] for row in scan(pool_rows=75, rounds=9, seeds=1)] == 3 * [40, 70, 75]


def test_one_class_among_the_first_is_an_error(scan, tmp_path):
    with pytest.raises(InputError, match="active_learning.first_rows: the first 1 rows of the pool have labels of one"):
        scan(first_rows=1)
    assert not list(tmp_path.iterdir())


def known(p, goals, p_goal):
    answers = Answers(np.zeros(len(goals), int), np.ones(len(goals), bool), np.array(goals))
    return Round(np.arange(len(goals)), answers, lambda x: p, lambda x: p_goal)


def test_urgency():
    p = np.array([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.4, 0.3, 0.3]])
    p_goal, x = np.array([0.2, 0.9, 0.1]), np.zeros((3, 1))
    now, rng = known(p, [True, False], p_goal), np.random.default_rng(0)
    expected = [np.log(2), 0.0, -0.4 * np.log(0.4) - 0.6 * np.log(0.3)]
    assert uncertainty(now, x, rng) == pytest.approx(expected)
    assert greedy(now, x, rng).tolist() == p_goal.tolist()
    assert not np.array_equal(random(now, x, rng), random(now, x, rng))
    before = known(p, [False, False], p_goal)
    assert not np.array_equal(greedy(before, x, rng), greedy(before, x, rng))


def test_greedy_finds_what_can_be_learnt():
    """Goals are one row in ten, where the first input is large; random finds its share of them, greedy nearly all."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 3))
    goal = x[:, 0] > np.quantile(x[:, 0], 0.9)
    settings = {"first_rows": 50, "batch_rows": 25, "rounds": 10}

    def found(strategy):
        asked_before, founds = [], []
        for now in search(
            strategy, 1, x, lambda rows: Answers(goal[rows].astype(int), rows >= 0, goal[rows]), settings
        ):
            assert now.asked[: len(asked_before)].tolist() == asked_before and len(set(now.asked)) == len(now.asked)
            assert now.answers.goal.tolist() == goal[now.asked].tolist()
            asked_before = now.asked.tolist()
            founds.append(np.count_nonzero(now.answers.goal))
        assert len(asked_before) == 300 and len(founds) == 11
        return founds[-1]

    assert found("random") < 50 and found("greedy") > 170 and found("uncertainty") < found("greedy")
    assert list(STRATEGIES) == ["random", "greedy", "uncertainty"]


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.name)
def test_goals_are_said_by_columns_of_the_labels(model):
    assert set(model.goal) <= set(names_of(model.columns)) and model.goal_text
