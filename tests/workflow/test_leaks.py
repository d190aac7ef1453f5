"""What a stranger's model learns who takes every numeric column of a configuration but keys and targets."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import polars.selectors as columns
import pytest
import yaml
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import average_precision_score, f1_score, r2_score
from threadpoolctl import threadpool_limits

from vacuagym.benchmark.loading import LoadedTask, load_task

ROOT = Path(__file__).parents[2]
N_LIMIT = 300
DATASETS = ("ks", "cicy3", "fth6d")
TASKS = [  # those with a target that is a number or a class
    *((task, dataset) for task in ("stability", "barrier") for dataset in (None, *DATASETS)),
    ("cicy3_hodge", "cicy3"),
    ("ks_hodge", "ks"),
    ("ks_transversality", "ks"),
    ("fth6d_gauge", "fth6d"),
]
EACH_TASK = pytest.mark.parametrize(("name", "dataset"), TASKS)
SETTINGS = {"random_state": 0, "max_iter": 30, "early_stopping": False}
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """The release of a run of some hundred geometries of each family."""
    folder = tmp_path_factory.mktemp("leaks")
    command = [sys.executable, "-m", "snakemake", "-s", ROOT / "Snakefile", "--directory", folder, "--cores", "2"]
    done = subprocess.run(
        [*command, "release", "--config", f"n_limit={N_LIMIT}"], cwd=ROOT, capture_output=True, text=True,
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "results" / "release"


def configuration(release: Path, name: str) -> dict[str, pl.DataFrame]:
    """The rows that `datasets` would load by a name, by part."""
    head = yaml.safe_load((release / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    (config,) = [config for config in head["configs"] if config["config_name"] == name]
    return {
        entry["split"]: pl.concat(
            pl.read_parquet(path, columns=config["columns"])
            for pattern in entry["path"]
            for path in sorted(release.glob(pattern))
        )
        for entry in config["data_files"]
    }


def name_of(task: str, dataset: str | None) -> str:
    """The configuration of a task on the split iid."""
    by_dataset = task in ("stability", "barrier")
    words = [task if task != "stability" else None, dataset if by_dataset else None, "iid"]
    return "-".join(word for word in words if word)


def numbers(rows: pl.DataFrame, task: LoadedTask) -> pl.DataFrame:
    """Every column of numbers but keys and targets."""
    return rows.select(
        (columns.numeric() | columns.boolean()) - columns.by_name(*task.keys, *task.targets, require_all=False)
    )


def score(task: LoadedTask, train: pl.DataFrame, test: pl.DataFrame, truth: pl.DataFrame) -> float:
    """Score of gradient boosting on the inputs given, for the last target of the task that is no list."""
    *_, target = [name for name in task.targets if task.train[name].dtype != pl.List]
    y, y_test = task.train[target].to_numpy(), truth[target].to_numpy()
    x, x_test = (rows.select(pl.all().cast(pl.Float64)).to_numpy() for rows in (train, test))
    if not x.shape[1]:  # nothing to learn from
        x, x_test = np.zeros((len(y), 1)), np.zeros((len(y_test), 1))
    if y.dtype.kind in "if":
        return r2_score(y_test, HistGradientBoostingRegressor(**SETTINGS).fit(x, y).predict(x_test))
    model = HistGradientBoostingClassifier(**SETTINGS).fit(x, y)
    if y.dtype == bool:
        return average_precision_score(y_test, model.predict_proba(x_test)[:, -1])
    return f1_score(y_test, model.predict(x_test), average="macro")


def scores(release, name, dataset, widen=None):
    """Scores on the inputs of a task, and on every number of its configuration, widened by other columns."""
    task, found = load_task(name, dataset, folder=release), configuration(release, name_of(name, dataset))
    truth, widen = task.rows("test"), widen or (lambda rows: rows)
    theirs = [
        numbers(widen(rows.select(task.keys).join(found[part], on=task.keys, maintain_order="left")), task)
        for rows, part in ((task.train, "train"), (task.test, "test"))
    ]
    own = [numbers(rows.select(task.inputs), task) for rows in (task.train, task.test)]
    return score(task, *own, truth), score(task, *theirs, truth)


@EACH_TASK
def test_all_numbers_of_a_configuration_say_no_more_than_the_inputs_of_the_task(release, name, dataset):
    honest, greedy = scores(release, name, dataset)
    assert greedy <= honest + 0.01


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_outcomes_are_a_leak_that_this_finds(release, dataset):
    outcomes = pl.concat(configuration(release, f"{dataset}-iid-outcomes").values())
    keys = ["dataset", "geometry_id", "sample"]
    honest, greedy = scores(
        release, "stability", dataset, lambda rows: rows.join(outcomes, on=keys, maintain_order="left")
    )
    assert greedy > honest + 0.1


@pytest.mark.parametrize(("name", "dataset"), [("cicy3_hodge", "cicy3"), ("ks_hodge", "ks"), ("fth6d_gauge", "fth6d")])
def test_the_other_features_are_a_leak_that_this_finds(release, name, dataset):
    features = pl.concat(pl.read_parquet(path) for path in sorted((release / "features" / dataset).glob("*.parquet")))
    keys = ["dataset", "geometry_id"]

    def widen(rows):
        others = [column for column in features.columns if column not in rows.columns]
        return rows.join(features.select(*keys, *others), on=keys, maintain_order="left")

    honest, greedy = scores(release, name, dataset, widen)
    assert greedy > honest + 0.1
