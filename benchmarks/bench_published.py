"""Hodge numbers of complete intersections under the protocols of published results, beside the split `iid`.

    .venv/bin/python benchmarks/bench_published.py [--results results] [--seed 0]

The baseline `gradient_boosting` learns `cicy3_hodge` from the padded configuration matrix on the training part of each
protocol, and predicts its test part, as it stands and with the rows and columns of each matrix permuted at random. The
table has the shares of test geometries whose number is exactly right after rounding. Protocols need all geometries of
cicy3; of a smaller run they divide what is there.
"""

import argparse
from pathlib import Path

import numpy as np

import vacuagym
from vacuagym.benchmark.baselines import BASELINES
from vacuagym.benchmark.splits import PROTOCOLS

TASK, METRICS = "cicy3_hodge", ("h11_exact", "h21_exact")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=Path("results"), help="results of a run, or a release")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print("| protocol | trained on | tested on | `h11` | `h21` | `h11`, permuted | `h21`, permuted |")
    print("|---|---|---|---|---|---|---|")
    for split in (*PROTOCOLS, "iid"):
        task = vacuagym.load_task(TASK, split=split, folder=options.results)
        tests = (task.test, task.permuted(0))
        scores = [share for answer in predicted(task, tests, options.seed) for share in exact(task, answer)]
        shares = " | ".join(f"{share:.3f}".removeprefix("0") for share in scores)
        print(f"| `{split}` | {len(task.train):,} | {len(task.test):,} | {shares} |")


def predicted(task, tests, seed):
    """Predictions of each of the tables of test rows: one fit per Hodge number."""
    x, found = numbers(task, task.train), [{} for _ in tests]
    for target in task.targets:
        model = BASELINES["gradient_boosting"].regressor(seed, len(x)).fit(x, task.train[target].to_numpy())
        for answer, rows in zip(found, tests, strict=True):
            answer[target] = np.rint(model.predict(numbers(task, rows))).astype(int)
    return found


def numbers(task, rows):
    """The inputs of the task as numbers, float64 (rows, columns)."""
    return task.task.numbers.of(rows)


def exact(task, answer):
    """The shares of exact predictions."""
    metrics = task.evaluate(answer, n_resamples=2)["metrics"]
    return [metrics[name]["value"] for name in METRICS]


if __name__ == "__main__":
    main()
