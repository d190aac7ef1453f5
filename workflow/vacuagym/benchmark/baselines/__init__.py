"""The baselines, simple models on what a learner may see; and the step that scores them on the test part of a dataset.

A model is fitted on the training part of the dataset it is tested on, or of the other datasets where a split holds out
the whole dataset; then it sees only the features that all of them have.
"""

import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl

from vacuagym import models
from vacuagym.benchmark.baselines.base import Baseline
from vacuagym.benchmark.baselines.inputs import Inputs, inputs_of
from vacuagym.benchmark.baselines.rows import DUPLICATE_GROUP as DUPLICATE_GROUP
from vacuagym.benchmark.baselines.rows import TARGET, Rows, Sample
from vacuagym.benchmark.metrics import Interval, interval
from vacuagym.benchmark.predictions import TRUTH, probability_columns
from vacuagym.benchmark.scoring import class_code, score, write_scores
from vacuagym.benchmark.splits import SPLITS
from vacuagym.benchmark.tasks import TASKS
from vacuagym.benchmark.tasks.base import Target, Task
from vacuagym.errors import InputError as InputError
from vacuagym.geometry import FAMILIES
from vacuagym.registry import Registry
from vacuagym.schema import CLASSES, KEY, Column
from vacuagym.tables.frames import read_run

BLOCK_ROWS = 2_000  # predicted at a time, whatever the shards: not even rounding depends on them
BASELINES = Registry(
    "baseline",
    __name__,
    "BASELINES",
    "standard",
)

COLUMNS = (
    Column("task", "string", "1", "Name of the task.", role=KEY),
    Column("split", "string", "1", "Name of the split.", role=KEY),
    Column("dataset", "string", "1", "Family of the geometries the model is tested on.", role=KEY),
    Column("model", "string", "1", "Name of the baseline.", role=KEY),
    Column("seed", "int64", "1", "Seed of the sample of training rows and of the model.", role=KEY),
    Column("metric", "string", "1", "Name of the metric.", role=KEY),
    Column(
        "value", "float64", "1", "Value of the metric on the scored rows of the test part; NaN if it is not defined."
    ),
    Column("low", "float64", "1", "Lower end of its 95 % interval; given for the first seed, NaN for the others."),
    Column("high", "float64", "1", "Upper end of that interval."),
    Column("n_train", "int64", "1", "Rows the model is fitted on."),
    Column("n_test", "int64", "1", "Rows it is scored on."),
    Column("n_parameters", "int64", "1", "Numbers that are fitted: weights, or nodes of trees."),
)


def score_baselines(tables: Mapping[str, Sequence[Path]], recipe: dict, out: Path) -> None:
    """Score every baseline with every seed on the test part of a dataset.

    Parameters
    ----------
    tables : mapping of str to sequence of Path
        Of the run's features, labels and split, see `read_run`.
    recipe : dict
        Of ``out``: task, split, dataset, model, seed, and settings: train_rows, the sizes of the samples a model is fitted
        on, the largest alone where the split shifts the distribution; test_rows, the rows it is scored on at most; and
        seeds, how many there are.
    out : Path
        The table to write.

    Raises
    ------
    InputError
        A table is damaged or of another run.
    """
    run, dataset, settings = read_run(tables, recipe), recipe["dataset"], recipe["settings"]
    [split] = run.splits.values()
    task, held_out = TASKS[recipe["task"]], SPLITS[recipe["split"]].holds_out
    families = {shard.dataset: shard.family for shard in run.shards}
    trained = [name for name, family in families.items() if family != held_out] if held_out else [dataset]
    model = models.labeller(recipe["model"], recipe["seed"]).model
    inputs = inputs_of(task, [FAMILIES[families[name]] for name in dict.fromkeys([*trained, dataset])], model)
    train = Rows([shard for shard in run.shards if shard.dataset in trained], split, inputs)
    test = Rows(run.by_dataset()[dataset], split, inputs)

    table, there = [], set(inputs.groups.tolist())
    if reason := _why_not(task, train, test, recipe["split"]):
        print(f"notice: {reason}; not scored")
        write_scores(table, COLUMNS, recipe, out)
        return
    [test] = test.samples("test", settings["test_rows"], [0])
    keys = {name: recipe[name] for name in ("task", "split", "dataset")}
    wanted = settings["train_rows"]
    if SPLITS[recipe["split"]].shifts:
        wanted = [max(wanted)]  # a learning curve is for rows of one distribution
    samples = train.samples("train", max(wanted), range(settings["seeds"]))
    for seed, sample in enumerate(samples):
        sizes = sorted({min(size, len(sample.table)) for size in wanted})
        for size, baseline in product(sizes, BASELINES.values()):
            rows = sample.some(size, seed)
            if not baseline.applies(there) or _is_of_one_class(task, rows.table):
                continue
            start = time.monotonic()
            predict, n_parameters = fit(baseline, seed, inputs, rows)
            found = score(task.targets, predict(test))
            seconds = time.monotonic() - start
            ends = interval({dataset: found}).mean if seed == 0 else {}
            of_model = {"model": baseline.name, "seed": seed}
            counts = {"n_train": size, "n_test": len(test.table), "n_parameters": n_parameters}
            for name, value in found.values().items():
                low, high = ends.get(name, Interval(value, math.nan, math.nan))[1:]
                table.append(keys | of_model | counts | {"metric": name, "value": value, "low": low, "high": high})
            name, value = next(iter(found.values().items()))
            print(
                f"{baseline.name}, {size:,} rows, seed {seed}: {name} {value:.4f}, {n_parameters:,} parameters, {seconds:.1f} s"
            )
    write_scores(table, COLUMNS, recipe, out)


def _why_not(task: Task, train: Rows, test: Rows, split: str) -> str:
    """Why a task cannot be scored with so few geometries; empty if it can be."""
    first = TARGET + next(iter(task.target_columns))
    for rows, part in ((train, "train"), (test, "test")):
        datasets = ", ".join(dict.fromkeys(shard.dataset for shard in rows.shards))
        found = [frame[first].unique() for frame in rows.read(part, with_inputs=False) if len(frame)]
        if not found:
            return f"split {split} has no rows of {datasets} in its part {part}"
        if part == "train" and _is_of_one_class(task, pl.DataFrame({first: pl.concat(found)})):
            return f"split {split} has training rows of {datasets} of one class alone"
    return ""


def _is_of_one_class(task: Task, table: pl.DataFrame) -> bool:
    """Whether there is nothing to learn from rows: the classes to predict are all the same."""
    target = task.targets[0]
    return target.kind in ("classes", "binary") and table[TARGET + next(iter(target.columns))].n_unique() < 2


def fit(baseline: Baseline, seed: int, inputs: Inputs, rows: Sample) -> tuple[Callable[[Sample], pl.DataFrame], int]:
    """Fit a baseline to every target of a task.

    Parameters
    ----------
    baseline : Baseline
    seed : int
    inputs : Inputs
        What the columns of the samples are.
    rows : Sample
        To train on.

    Returns
    -------
    predict : callable
        From a `Sample` to a frame as `vacuagym.benchmark.scoring.score` takes it: truth, predictions, duplicate_group.
    n_parameters : int
    """
    seen = np.flatnonzero(np.isin(inputs.groups, baseline.sees)) if baseline.sees else np.arange(1)
    fitted = []
    for target in inputs.task.targets:
        x = rows.elements[target.kind] if target.elements else rows.x[:, seen]
        fitted.append([_fitted(baseline, seed, target, x, y) for y in _values(target, rows.table)])

    def predict(sample: Sample) -> pl.DataFrame:
        frame = sample.table.rename({TARGET + name: TRUTH + name for name in inputs.task.target_columns})
        for target, estimators in zip(inputs.task.targets, fitted, strict=True):
            x = sample.elements[target.kind] if target.elements else sample.x[:, seen]
            frame = frame.with_columns(_predicted(target, estimators, x, sample))
        return frame

    return predict, sum(_n_parameters(estimator) for some in fitted for estimator in some)


def fit_classes(
    baseline: Baseline, seed: int, x: np.ndarray, classes: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """Fit the classifier of a baseline to all inputs; a function from inputs to probabilities of CLASSES (rows, classes)."""
    estimator = _estimator(baseline.classifier, seed, x, classes)
    return lambda rows: _of_classes(estimator, estimator.predict_proba(rows))


def _values(target: Target, table: pl.DataFrame) -> list[np.ndarray]:
    """What estimators are fitted to, one array each: classes as positions, lists element by element."""
    names = [TARGET + name for name in target.columns]
    if target.kind == "classes":
        return [table.select(class_code(name=names[0])).to_series().to_numpy()]
    if target.kind == "lists":
        return [table[names[0]].explode(empty_as_null=False).to_numpy().astype(np.float64)]
    return [
        table[name].to_numpy() if target.kind == "binary" else table[name].to_numpy().astype(np.float64)
        for name in names
    ]


def _fitted(baseline: Baseline, seed: int, target: Target, x: np.ndarray, y: np.ndarray):
    make = baseline.classifier if target.kind in ("classes", "binary") else baseline.regressor
    return _estimator(make, seed, x, y)


def _estimator(make: Callable, seed: int, x: np.ndarray, y: np.ndarray):
    from sklearn.exceptions import ConvergenceWarning

    estimator = make(seed, len(x))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the number of passes is bounded on purpose
        return estimator.fit(x, y)


def _predicted(target: Target, estimators: Sequence, x: np.ndarray, sample: Sample) -> list[pl.Series]:
    """The columns of predictions of a target."""
    blocks = [x[start : start + BLOCK_ROWS] for start in range(0, len(x), BLOCK_ROWS)]
    names = list(target.columns)
    if target.kind in ("classes", "binary"):
        p = np.concatenate([estimators[0].predict_proba(block) for block in blocks])
    if target.kind == "binary":
        return [pl.Series(probability_columns(target)[0], p[:, 1])]
    if target.kind == "classes":
        of_classes = _of_classes(estimators[0], p)
        said = pl.Series(names[0], np.array(CLASSES)[of_classes.argmax(axis=1)])
        return [said, *(pl.Series(name, of_classes[:, k]) for k, name in enumerate(probability_columns(target)))]
    values = [np.concatenate([estimator.predict(block) for block in blocks]) for estimator in estimators]
    if target.kind == "number":
        return [pl.Series(names[0], values[0])]
    whole = [np.rint(value).astype(np.int64) for value in values]
    if target.kind == "lists":
        return [pl.Series(names[0], np.split(whole[0], np.cumsum(sample.lengths[target.kind])[:-1]))]
    return [pl.Series(name, value) for name, value in zip(names, whole, strict=True)]


def _of_classes(estimator, p: np.ndarray) -> np.ndarray:
    of_classes = np.zeros((len(p), len(CLASSES)))
    of_classes[:, estimator.classes_] = p
    return of_classes


def _n_parameters(estimator) -> int:
    """Weights of a linear model or a network, nodes of trees."""
    last = estimator
    for attribute in ("regressor_", "steps"):
        if hasattr(last, attribute):
            last = getattr(last, attribute)
            last = last[-1][1] if attribute == "steps" else last
    if hasattr(last, "coefs_"):
        return sum(array.size for array in (*last.coefs_, *last.intercepts_))
    if hasattr(last, "coef_"):
        return int(np.size(last.coef_) + np.size(last.intercept_))
    trees = getattr(last, "_predictors", ())
    return sum(len(tree.nodes) for some in trees for tree in some)
