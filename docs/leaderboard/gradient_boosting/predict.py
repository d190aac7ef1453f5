"""Predict `stability` with gradient boosting on all inputs that are numbers, and on the ranges of the lists.

Usage: predict.py FOLDER SPLIT OUT, for example predict.py results iid gradient_boosting.parquet

A list counts as its smallest, mean and largest element. Each dataset has a model of its own; where a split holds out a
dataset, one model is trained on all the others.
"""

import sys

import polars as pl
from polars import selectors
from sklearn.ensemble import HistGradientBoostingClassifier

import vacuagym
from vacuagym.benchmark.loading import LoadedTask
from vacuagym.benchmark.splits import SPLITS

SEED = 0
ROWS = 80_000  # to train on, at most


def inputs(task: LoadedTask, rows: pl.DataFrame) -> pl.DataFrame:
    """All that a learner may see of some rows, as numbers."""
    geometries = task.geometries.select("dataset", "geometry_id", *ranges(task.geometry_lists))
    rows = rows.join(geometries, on=["dataset", "geometry_id"], how="left", maintain_order="left")
    return rows.select(*task.inputs, *ranges(task.draw_lists), selectors.by_name(geometries.columns[2:]))


def ranges(lists: list[str]) -> list[pl.Expr]:
    """Smallest, mean and largest element of columns of lists."""
    return [
        expression.name.suffix(f"_{name}")
        for name, expression in (
            ("min", pl.col(lists).list.min()),
            ("mean", pl.col(lists).list.mean()),
            ("max", pl.col(lists).list.max()),
        )
    ]


def predictions(task: LoadedTask) -> pl.DataFrame:
    """Train on a task; the keys of its test rows, and the probability of each class."""
    train = task.train.sample(min(ROWS, len(task.train)), seed=SEED)
    model = HistGradientBoostingClassifier(max_features=0.5, early_stopping=False, random_state=SEED)
    model.fit(inputs(task, train).to_numpy(), train["stability"].to_numpy())
    p = model.predict_proba(inputs(task, task.test).to_numpy())
    n_parameters = sum(tree.nodes.size for trees in model._predictors for tree in trees)
    print(f"{', '.join(task.datasets)}: {len(train):,} rows, {n_parameters:,} nodes of trees")
    return task.test.select(task.keys).with_columns(
        pl.Series(f"p_{name}", p[:, k]) for k, name in enumerate(model.classes_)
    )


def main(folder: str, split: str, out: str) -> None:
    """Write the predictions of a split."""
    whole = vacuagym.load_task("stability", split=split, folder=folder)
    datasets = [None] if SPLITS[split].holds_out else whole.datasets  # None: all of them, the held out one for `test`
    tasks = [vacuagym.load_task("stability", dataset, split, folder) for dataset in datasets]
    pl.concat(predictions(task) for task in tasks if len(task.test)).write_parquet(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
