"""Active learning: which rows to ask the label model about next, and what the answers are worth.

The pool is a sample of rows of the training part: features and couplings are known, labels are not. Each round fits a
model on the labels asked for so far, scores it on the test part, and asks the label model about a batch of rows. A row
that turns out not to be scored has cost a label and teaches nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from vacuagym import models
from vacuagym.benchmark.baselines import BASELINES, fit
from vacuagym.benchmark.baselines.base import CYCLE
from vacuagym.benchmark.baselines.inputs import Inputs, inputs_of
from vacuagym.benchmark.baselines.rows import Rows
from vacuagym.benchmark.metrics import tally_classes
from vacuagym.benchmark.scored import is_scored, label_reads
from vacuagym.benchmark.scoring import SCORE_COLUMNS, class_code, write_scores
from vacuagym.errors import InputError
from vacuagym.geometry import FAMILIES
from vacuagym.models.base import Labeller
from vacuagym.schema import CLASSES, KEY, Column, names_of
from vacuagym.tables.arrays import concatenate, take
from vacuagym.tables.frames import read_run
from vacuagym.tables.shards import read_rows

LEARNER = "logistic_regression"  # of the baselines: cheap, and good when labels are few

COLUMNS = (
    Column("dataset", "string", "1", "Family of the geometries.", role=KEY),
    Column("strategy", "string", "1", "How rows are chosen: random, margin or entropy.", role=KEY),
    Column("seed", "int64", "1", "Seed of the pool, of the rows asked for first, and of random choices.", role=KEY),
    Column("asked", "int64", "1", "Labels asked for so far.", role=KEY),
    Column("n_train", "int64", "1", "Scored rows among them, on which the model is fitted."),
    *SCORE_COLUMNS,
)

Oracle = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


# --- how urgent it is to know the label of a row: from class probabilities (rows, classes) to float64 (rows,) -----------


def random(p: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """No row is more urgent than another."""
    return rng.random(len(p))


def margin(p: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Minus the lead of the likeliest class."""
    top = np.partition(p, -2, axis=1)
    return top[:, -2] - top[:, -1]


def entropy(p: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The entropy of the prediction, in nats."""
    return -np.sum(p * np.log(np.maximum(p, np.finfo(np.float64).tiny)), axis=1)


STRATEGIES = {"random": random, "margin": margin, "entropy": entropy}


# --- learning curves --------------------------------------------------------------------------------------------------


def scan_active_learning(tables: Mapping[str, Sequence[Path]], recipe: dict, out: Path) -> None:
    """Scan the learning curves of every strategy and seed on a dataset.

    Parameters
    ----------
    tables : mapping of str to sequence of Path
        Of the run's features, labels and split, see `read_run`.
    recipe : dict
        Of ``out``: split, dataset, model, seed, and settings: pool_rows, test_rows, first_rows, batch_rows, rounds, seeds.
    out : Path
        The table to write.

    Raises
    ------
    InputError
        A table is damaged or of another run; the pool or the test part is empty, or the labels asked for first are of one
        class.
    """
    dataset, settings = recipe["dataset"], recipe["settings"]
    run = read_run(tables, recipe)
    shards, [split] = run.by_dataset()[dataset], run.splits.values()
    labeller = models.labeller(recipe["model"], recipe["seed"])
    inputs = inputs_of([FAMILIES[dataset]], labeller.model)
    if CYCLE not in BASELINES[LEARNER].sees:
        inputs = replace(inputs, cycle=None)  # most of the numbers there are
    rows = Rows(shards, split, labeller.model, inputs)
    x_test, test = rows.sample("test", settings["test_rows"], 0)
    truth, curves = test["class"].to_numpy(), []
    for seed in range(settings["seeds"]):
        x, pool = rows.sample("train", settings["pool_rows"], seed, only_scored=False)
        ask = oracle(dataset, [shard.features for shard in shards], pool, labeller)
        for strategy in STRATEGIES:
            for asked, n_train, predict in rounds(strategy, seed, inputs, x, ask, settings):
                p = predict(x_test)
                keys = {"dataset": dataset, "strategy": strategy, "seed": seed, "asked": asked, "n_train": n_train}
                group = np.zeros(len(truth), dtype=np.int64) + np.arange(len(truth))
                found = tally_classes(truth, p.argmax(axis=1), p, group, len(truth), len(CLASSES)).scores().values()
                curves.append(keys | {"n_test": len(truth)} | found)
        print(f"{dataset}, seed {seed}: {len(x):,} rows in the pool, up to {curves[-1]['asked']:,} asked for")
    write_scores(curves, COLUMNS, recipe, out)


def rounds(
    strategy: str, seed: int, inputs: Inputs, x: np.ndarray, ask: Oracle, settings: Mapping
) -> Iterator[tuple[int, int, Callable[[np.ndarray], np.ndarray]]]:
    """The rounds of one learning curve, until the pool is used up.

    Parameters
    ----------
    strategy : str
        One of STRATEGIES.
    seed : int
    inputs : Inputs
    x : float64 array (rows, columns)
        Inputs of the pool.
    ask : callable
        Of `oracle`.
    settings : mapping
        first_rows, batch_rows, rounds.

    Yields
    ------
    asked, n_train : int
        Labels asked for so far, and those among them that are scored.
    predict : callable
        What was learnt from these, as of `fit`.

    Raises
    ------
    InputError
        The labels asked for so far are of one class.
    """
    rng = np.random.default_rng(seed)
    asked = rng.choice(len(x), min(settings["first_rows"], len(x)), replace=False)
    classes, scored = ask(asked)
    for _ in range(settings["rounds"] + 1):
        if len(np.unique(classes[scored])) < 2:
            reason = (
                f"the first {len(asked)} rows of the pool have labels of one class alone; ask for more of them first"
            )
            raise InputError("config key active_learning.first_rows", reason)
        predict = fit(BASELINES[LEARNER], seed, inputs, x[asked[scored]], classes[scored])
        yield len(asked), int(np.count_nonzero(scored)), predict
        rest = np.setdiff1d(np.arange(len(x)), asked)
        if len(rest) == 0:
            return
        urgency = STRATEGIES[strategy](predict(x[rest]), rng)
        new = rest[np.argsort(-urgency, kind="stable")[: settings["batch_rows"]]]
        answers = ask(new)
        asked = np.concatenate([asked, new])
        classes, scored = (np.concatenate(pair) for pair in zip((classes, scored), answers, strict=True))


def oracle(dataset: str, features: Sequence[Path], pool: pl.DataFrame, labeller: Labeller) -> Oracle:
    """A function that labels rows of the pool, running the label model on their geometries and on no others.

    Parameters
    ----------
    dataset : str
    features : sequence of Path
        The shards of the dataset.
    pool : DataFrame
        geometry_id and sample of the rows of the pool.
    labeller : Labeller

    Returns
    -------
    callable
        From rows of the pool, int array (n,), to their classes (positions in CLASSES) and whether they are scored.
    """
    family, reads = FAMILIES[dataset], label_reads(names_of(labeller.model.columns))
    geometry_ids, samples = pool["geometry_id"].to_numpy(), pool["sample"].to_numpy()
    batches = (batch for path in features for batch in read_rows(path, labeller.model.reads(family)))
    geometries = concatenate(
        [take(batch, np.flatnonzero(np.isin(batch["geometry_id"], geometry_ids))) for batch in batches]
    )
    geometries = take(geometries, np.argsort(geometries["geometry_id"]))

    def ask(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        ids, position = np.unique(geometry_ids[rows], return_inverse=True)
        chosen = take(geometries, np.searchsorted(geometries["geometry_id"], ids))
        labels = labeller.label(family, chosen)
        answers = pl.DataFrame({name: labels[name] for name in reads})[position * labeller.draws + samples[rows]]
        return answers.select(class_code()).to_series().to_numpy(), answers.select(
            is_scored(reads)
        ).to_series().to_numpy()

    return ask
