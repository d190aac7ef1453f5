"""What each split costs: the score of trees on the same test rows, trained on the split's training part or in distribution.

    .venv/bin/python benchmarks/bench_splits.py [--results results] [--rows 10000] [--seeds 3] [--tasks stability …]

Both trainings have the same number of rows, and as many test rows, drawn at random, are scored. The rows of the second
training come from all geometries outside the test rows' duplicate groups. A split whose cost is not above noise in any task
tests nothing.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from vacuagym.benchmark.baselines import BASELINES, fit
from vacuagym.benchmark.baselines.inputs import inputs_of
from vacuagym.benchmark.baselines.rows import TARGET, sample_of
from vacuagym.benchmark.loading import load_task
from vacuagym.benchmark.scoring import score
from vacuagym.benchmark.splits import SPLITS
from vacuagym.benchmark.tasks import TASKS
from vacuagym.errors import InputError
from vacuagym.geometry import COMPLETE_FAMILIES, FAMILIES
from vacuagym.models import MODELS

METRICS = ("macro_f1", "average_precision", "exact", "h11_r2", "h21_r2", "r2")  # those that a task has
COLUMNS = (
    f"{'split':20}{'test of':9}{'metric':20}{'test rows':>10}{'shifted':>9}{'in distribution':>17}{'cost':>8}{'sd':>7}"
)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=Path("results"), help="results of a run")
    parser.add_argument("--rows", type=int, default=10_000, help="rows to train on and to score, at most")
    parser.add_argument("--seeds", type=int, default=3, help="samples of training rows")
    parser.add_argument("--model", default="supergravity", help="label model of the run")
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=list(TASKS))
    options = parser.parse_args()
    for task in options.tasks:
        print(f"{task}\n{COLUMNS}")
        for split in SPLITS.values():
            for dataset in COMPLETE_FAMILIES if split.holds_out is None else [split.holds_out]:
                if split.name != "iid":
                    print_cost(TASKS[task], split, dataset, options)


def print_cost(task, split, dataset, options):
    """Print one line of the table, unless the task is not about the dataset or the split."""
    wanted = dataset if split.holds_out is None else None
    try:
        shifted = load_task(task.name, wanted, split.name, options.results)
        iid = load_task(task.name, dataset, "iid", options.results)
    except InputError:
        return
    others = [name for name in shifted.datasets if (name != dataset) == (split.holds_out is not None)]
    families = [FAMILIES[name] for name in dict.fromkeys([*others, dataset])]
    inputs = replace(inputs_of(task, families, MODELS[options.model]), oracle=())

    def rows(loaded, name, part):
        found = loaded.truth(name, part, inputs.reads)
        return found.with_columns(pl.col(column).alias(TARGET + column) for column in task.target_columns)

    train = pl.concat([rows(shifted, name, "train") for name in others])
    test = rows(shifted, dataset, "test")
    if test.is_empty():  # the split holds out nothing of this dataset
        return
    known = pl.col("geometry_id").is_in(set(iid.truth(dataset, "train")["geometry_id"].to_list()))
    inside = train if split.holds_out is None else test.clear()
    near, test = pl.concat([inside, test]).filter(known), test.filter(~known)
    size, scores = min(options.rows, len(train), len(near)), []
    scored = sample_of(inputs, test.sample(min(len(test), options.rows), seed=0))
    for seed in range(options.seeds):
        pair = [sample_of(inputs, table.sample(size, seed=seed)) for table in (train, near)]
        fits = [fit(BASELINES["gradient_boosting"], seed, inputs, sample)[0] for sample in pair]
        found = [score(task.targets, predict(scored)).values() for predict in fits]
        scores.append([[values.get(name, np.nan) for name in METRICS] for values in found])
    cost = np.diff(scores, axis=1)[:, 0]
    for k, name in enumerate(METRICS):
        if name in found[0]:
            far, close = np.mean(scores, axis=0)[:, k]
            print(
                f"{split.name:20}{dataset:9}{name:20}{len(test):>10,}{far:>9.3f}{close:>17.3f}{cost[:, k].mean():>8.3f}"
                f"{cost[:, k].std(ddof=1):>7.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
