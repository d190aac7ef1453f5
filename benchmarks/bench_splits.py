"""What each split costs: macro-F1 on the same test rows, trained on the split's training part or in distribution.

    .venv/bin/python benchmarks/bench_splits.py [--results results] [--rows 20000] [--seeds 3]

Both trainings have the same number of rows. The rows of the second come from all geometries outside the test rows'
duplicate groups. A split whose cost is not above noise tests nothing.
"""

import argparse
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import f1_score

from vacuagym.benchmark.baselines.inputs import inputs_of
from vacuagym.benchmark.loading import load_task
from vacuagym.benchmark.splits import SPLITS
from vacuagym.geometry import FAMILIES
from vacuagym.models import MODELS


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=Path("results"), help="results of a run")
    parser.add_argument("--rows", type=int, default=20_000, help="training rows, at most")
    parser.add_argument("--seeds", type=int, default=3, help="samples of training rows")
    parser.add_argument("--model", default="supergravity", help="label model of the run")
    options = parser.parse_args()
    print(f"{'split':22}{'test of':10}{'test rows':>10}{'shifted':>9}{'in distribution':>17}{'cost':>8}{'sd':>7}")
    for split in SPLITS.values():
        for dataset in FAMILIES if split.holds_out is None else [split.holds_out]:
            if split.name != "iid":
                print_cost(split, dataset, options)


def print_cost(split, dataset, options):
    """Print one line of the table."""
    test = rows_of(split, dataset, "test", options)
    others = [name for name in FAMILIES if (name != dataset) == (split.holds_out is not None)]
    train = pl.concat([rows_of(split, name, "train", options) for name in others])
    iid = load_task("stability", dataset, "iid", options.results)
    known = set(iid.truth(dataset, "train")["geometry_id"].to_list())
    inside = rows_of(split, dataset, "train", options) if split.holds_out is None else test.clear()
    near = pl.concat([inside, test]).filter(pl.col("geometry_id").is_in(known))
    test = test.filter(~pl.col("geometry_id").is_in(known))
    inputs = inputs_of([FAMILIES[name] for name in dict.fromkeys([*others, dataset])], MODELS[options.model])
    scores = []
    for seed in range(options.seeds):
        rows = min(options.rows, len(train), len(near))
        pair = [fitted(inputs, table.sample(rows, seed=seed), test, seed) for table in (train, near)]
        scores.append(pair)
    (far, close), spread = np.mean(scores, axis=0), np.std(np.diff(scores, axis=1), ddof=1)
    print(
        f"{split.name:22}{dataset:10}{len(test):>10,}{far:>9.3f}{close:>17.3f}{close - far:>8.3f}{spread:>7.3f}",
        flush=True,
    )


def rows_of(split, dataset, part, options):
    """Scored rows of a part, with inputs and class."""
    wanted = dataset if split.holds_out is None else None
    task = load_task("stability", wanted, split.name, options.results)
    inputs = inputs_of([FAMILIES[dataset]], MODELS[options.model])
    names = [*inputs.feature_names, *inputs.coupling_names]
    return task.truth(dataset, part, names)


def fitted(inputs, train, test, seed):
    """Macro-F1 of gradient boosting."""
    model = HistGradientBoostingClassifier(max_features=0.5, early_stopping=False, random_state=seed)
    model.fit(inputs.matrix(train), train["stability"].to_list())
    return f1_score(test["stability"].to_list(), model.predict(inputs.matrix(test)), average="macro")


if __name__ == "__main__":
    main()
