"""Active learning: which rows to ask the label model about next, and what the answers are worth.

The pool are drawn rows of the training part, features and couplings known, labels not. Each round fits a model on the
labels asked for so far, scores it on the test part, and asks the label model about a batch of rows. A row that turns
out not to be scored has cost a label and teaches nothing.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from vacuagym import baselines, evaluation
from vacuagym.errors import InputError
from vacuagym.models import Labeller
from vacuagym.tables.columns import Column, Columns, concatenate, take
from vacuagym.tables.shards import read_rows

LEARNER = "logistic_regression"  # of the baselines: cheap, and good when labels are few
SPLIT = "iid"

COLUMNS = (
    Column("dataset", "string", "1", "Family of the geometries."),
    Column("strategy", "string", "1", "How rows are chosen: random, margin or entropy."),
    Column("seed", "int64", "1", "Seed of the pool, of the rows asked for first, and of random choices."),
    Column("asked", "int64", "1", "Labels asked for so far."),
    Column("n_train", "int64", "1", "Scored rows among them, on which the model is fitted."),
    *(column for column in baselines.COLUMNS if column.name in ("n_test", *evaluation.METRICS)),
)


def random(p: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Urgency of rows, float (rows,): none is more urgent than another."""
    return rng.random(len(p))


def margin(p: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Urgency of rows of class probabilities p (rows, classes): minus the lead of the likeliest class."""
    top = np.partition(p, -2, axis=1)
    return top[:, -2] - top[:, -1]


def entropy(p: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Urgency of rows of class probabilities p (rows, classes): the entropy of the prediction, in nats."""
    return -np.sum(p * np.log(np.maximum(p, np.finfo(np.float64).tiny)), axis=1)


STRATEGIES = {"random": random, "margin": margin, "entropy": entropy}


def scan(
    dataset: str,
    shards: baselines.Shards,
    split_path: Path,
    labeller: Labeller,
    model: Mapping,
    model_seed: int,
    settings: Mapping,
) -> list[dict]:
    """Learning curves of every strategy and seed on a dataset: a row a round, with the columns COLUMNS.

    Parameters
    ----------
    model, model_seed : the label model's draws and starts, and its seed, as they made the label tables.
    settings : pool_rows, test_rows, first_rows, batch_rows, rounds, seeds.

    Raises
    ------
    InputError : the pool or the test part is empty, or the labels asked for first are of one class.
    """
    parts = evaluation.load_parts(split_path, dataset)
    inputs = baselines.inputs_of([dataset], labeller)

    def sample(choice, rows, seed):
        x, table = baselines.sample_rows(inputs, shards, {dataset: choice}, rows, seed)
        if not table:
            raise InputError(f"split {SPLIT}", f"has no rows of {dataset} to train and test on; raise n_limit")
        return x, table

    x_test, test = sample(baselines.scored_in_part(parts, "test"), settings["test_rows"], 0)
    truth = evaluation.class_codes(test["stability"])
    curves = []
    for seed in range(settings["seeds"]):
        x, pool = sample(baselines.in_part(parts, "train"), settings["pool_rows"], seed)
        ask = oracle(dataset, shards, pool, labeller, model, model_seed)
        for name, strategy in STRATEGIES.items():
            rng = np.random.default_rng(seed)
            asked = rng.choice(len(x), min(settings["first_rows"], len(x)), replace=False)
            classes, scored = ask(asked)
            for _ in range(settings["rounds"] + 1):
                if len(np.unique(classes[scored])) < 2:
                    raise InputError(
                        "config key active_learning.first_rows",
                        f"{len(asked)} rows of {dataset} have one class alone; ask for more of them first",
                    )
                predict = baselines.fit(LEARNER, seed, inputs, x[asked[scored]], classes[scored])
                p = predict(x_test)
                tally = evaluation.tally(truth, p.argmax(axis=1), p)[0]
                curves.append(
                    {"dataset": dataset, "strategy": name, "seed": seed, "asked": len(asked)}
                    | {"n_train": int(np.count_nonzero(scored)), "n_test": len(truth)}
                    | {metric: float(value) for metric, value in evaluation.metrics(tally).items()}
                )
                rest = np.setdiff1d(np.arange(len(x)), asked)
                if len(rest) == 0:
                    break
                urgency = strategy(predict(x[rest]), rng)
                new = rest[np.argsort(-urgency, kind="stable")[: settings["batch_rows"]]]
                answers = ask(new)
                asked = np.concatenate([asked, new])
                classes, scored = (np.concatenate(pair) for pair in zip((classes, scored), answers, strict=True))
        print(f"{dataset}, seed {seed}: {len(x):,} rows in the pool, up to {len(asked):,} asked for")
    return curves


def oracle(
    dataset: str, shards: baselines.Shards, pool: Columns, labeller: Labeller, model: Mapping, model_seed: int
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """A function from rows of the pool, int (n,), to their classes (positions in CLASSES) and whether they are scored.

    It runs the label model on the geometries of these rows, and on no others.
    """
    wanted = np.unique(pool["geometry_id"])
    tables = []
    for features, _ in shards[dataset]:
        for batch in read_rows(features, labeller.reads(dataset)):
            tables.append(take(batch, np.flatnonzero(np.isin(batch["geometry_id"], wanted))))
    geometries = concatenate(tables)
    order = np.argsort(geometries["geometry_id"])
    geometries = take(geometries, order)

    def ask(rows):
        ids, position = np.unique(pool["geometry_id"][rows], return_inverse=True)
        chosen = take(geometries, np.searchsorted(geometries["geometry_id"], ids))
        labels = labeller.label(model_seed, dataset, chosen, model["draws"], model["starts"])
        at = position * model["draws"] + pool["sample"][rows]
        return evaluation.class_codes(labels["stability"])[at], evaluation.scored(labels)[at]

    return ask
