"""Search under a budget: which rows to ask the label model about next, and what the answers are worth.

The pool is a sample of rows of the training part: features and couplings are known, labels are not. Each round fits a
learner on the answers so far and asks the label model about a batch of rows. Counted are the goals found, such as vacua of
one kind, and measured is how well the learner scores on the test part. A row that turns out not to be scored has cost a
call and teaches nothing about classes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from vacuagym import models
from vacuagym.benchmark.baselines import BASELINES, fit_classes
from vacuagym.benchmark.baselines.inputs import inputs_of
from vacuagym.benchmark.baselines.rows import DUPLICATE_GROUP, TARGET, Rows
from vacuagym.benchmark.metrics import tally_classes
from vacuagym.benchmark.scored import is_scored, label_reads
from vacuagym.benchmark.scoring import SCORE_COLUMNS, class_code, class_scores, write_scores
from vacuagym.benchmark.tasks import TASKS
from vacuagym.errors import InputError
from vacuagym.geometry import FAMILIES
from vacuagym.geometry.family import Family
from vacuagym.models.base import Labeller
from vacuagym.schema import CLASSES, KEY, Column, names_of
from vacuagym.tables.arrays import concatenate, take
from vacuagym.tables.frames import read_run
from vacuagym.tables.shards import read_rows

LEARNER = BASELINES["linear"]  # cheap, and good when labels are few

COLUMNS = (
    Column("dataset", "string", "1", "Family of the geometries.", role=KEY),
    Column("strategy", "string", "1", "How rows are chosen: random, greedy or uncertainty.", role=KEY),
    Column("seed", "int64", "1", "Seed of the pool, of the rows asked for first, and of random choices.", role=KEY),
    Column("asked", "int64", "1", "Rows that the label model was asked about so far.", role=KEY),
    Column("found", "int64", "1", "Goals of the label model among them; with supergravity, controlled dS minima."),
    Column("n_train", "int64", "1", "Scored rows among them, on which the classes are learnt."),
    *SCORE_COLUMNS,
)


class Answers(NamedTuple):
    """What the label model says about rows, one entry each."""

    classes: np.ndarray  # int8, positions in CLASSES
    scored: np.ndarray  # bool
    goal: np.ndarray  # bool


Oracle = Callable[[np.ndarray], Answers]
Predict = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Round:
    """What is known after some calls.

    Parameters
    ----------
    asked : int array (rows,)
        Positions in the pool, in the order in which they were asked about.
    answers : Answers
        Of these.
    classes : callable
        From inputs to probabilities of CLASSES, as of `fit_classes` on the scored rows.
    goal : callable
        From inputs to the probability of a goal, float64 array (rows,), by a fit on all rows.
    """

    asked: np.ndarray
    answers: Answers
    classes: Predict
    goal: Predict


# --- how urgent it is to know the label of rows: from inputs (rows, columns) to float64 (rows,) -------------------------


def random(known: Round, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """No row is more urgent than another."""
    return rng.random(len(x))


def greedy(known: Round, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The probability of a goal; random as long as nothing is known about it."""
    return known.goal(x) if len(np.unique(known.answers.goal)) == 2 else rng.random(len(x))


def uncertainty(known: Round, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The entropy of the predicted class, in nats."""
    p = known.classes(x)
    return -np.sum(p * np.log(np.maximum(p, np.finfo(np.float64).tiny)), axis=1)


STRATEGIES = {"random": random, "greedy": greedy, "uncertainty": uncertainty}


# --- the search -------------------------------------------------------------------------------------------------------


def scan_active_learning(tables: Mapping[str, Sequence[Path]], recipe: dict, out: Path) -> None:
    """Scan what every strategy and seed finds and learns on a dataset.

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
    family = FAMILIES[shards[0].family]
    inputs = inputs_of(TASKS["stability"], [family], labeller.model)
    inputs = replace(inputs, cycle=None, oracle=())  # of which the learner sees nothing
    rows = Rows(shards, split, inputs)
    test = rows.sample("test", settings["test_rows"], 0)
    truth, table = test.table.select(class_code(name=f"{TARGET}stability")).to_series().to_numpy(), []
    groups, group = np.unique(test.table[DUPLICATE_GROUP], return_inverse=True)
    for seed in range(settings["seeds"]):
        pool = rows.sample("train", settings["pool_rows"], seed, only_scored=False)
        ask = oracle(family, [shard.features for shard in shards], pool.table, labeller)
        for strategy in STRATEGIES:
            for known in search(strategy, seed, pool.x, ask, settings):
                p = known.classes(test.x)
                counts = {
                    "asked": len(known.asked),
                    "found": int(np.count_nonzero(known.answers.goal)),
                    "n_train": int(np.count_nonzero(known.answers.scored)),
                }
                keys = {"dataset": dataset, "strategy": strategy, "seed": seed}
                found = tally_classes(truth, p.argmax(axis=1), p, group, len(groups), len(CLASSES))
                table.append(keys | counts | class_scores(found))
            last = table[-1]
            print(
                f"{dataset}, seed {seed}, {strategy}: {last['found']:,} {labeller.model.goal_text} in {last['asked']:,}"
            )
    write_scores(table, COLUMNS, recipe, out)


def search(strategy: str, seed: int, x: np.ndarray, ask: Oracle, settings: Mapping) -> Iterator[Round]:
    """The rounds of one search, until the pool is used up. The number of goals among the answers is what it has found.

    Parameters
    ----------
    strategy : str
        One of STRATEGIES.
    seed : int
    x : float64 array (rows, columns)
        Inputs of the pool.
    ask : callable
        Of `oracle`.
    settings : mapping
        first_rows, batch_rows, rounds.

    Yields
    ------
    Round

    Raises
    ------
    InputError
        The labels asked for so far are of one class.
    """
    rng = np.random.default_rng(seed)
    asked = rng.choice(len(x), min(settings["first_rows"], len(x)), replace=False)
    answers = ask(asked)
    for _ in range(settings["rounds"] + 1):
        known = _learn(seed, x, asked, answers)
        yield known
        rest = np.setdiff1d(np.arange(len(x)), asked)
        if len(rest) == 0:
            return
        urgency = STRATEGIES[strategy](known, x[rest], rng)
        new = rest[np.argsort(-urgency, kind="stable")[: settings["batch_rows"]]]
        asked = np.concatenate([asked, new])
        answers = Answers(*map(np.concatenate, zip(answers, ask(new), strict=True)))


def _learn(seed: int, x: np.ndarray, asked: np.ndarray, answers: Answers) -> Round:
    classes, scored, goal = answers
    if len(np.unique(classes[scored])) < 2:
        reason = f"the first {len(asked)} rows of the pool have labels of one class alone; ask for more of them first"
        raise InputError("config key active_learning.first_rows", reason)

    def predict_goal(rows: np.ndarray) -> np.ndarray:
        return fit_classes(LEARNER, seed, x[asked], goal.astype(int))(rows)[:, 1]

    return Round(asked, answers, fit_classes(LEARNER, seed, x[asked[scored]], classes[scored]), predict_goal)


def oracle(family: Family, features: Sequence[Path], pool: pl.DataFrame, labeller: Labeller) -> Oracle:
    """A function that labels rows of the pool, running the label model on their geometries and on no others.

    Parameters
    ----------
    family : Family
    features : sequence of Path
        The shards of a dataset of the family.
    pool : DataFrame
        geometry_id and sample of the rows of the pool.
    labeller : Labeller

    Returns
    -------
    callable
        From positions in the pool, int array (n,), to `Answers`.
    """
    model = labeller.model
    reads = label_reads(names_of(model.columns))
    geometry_ids, samples = pool["geometry_id"].to_numpy(), pool["sample"].to_numpy()
    batches = (batch for path in features for batch in read_rows(path, model.reads(family)))
    geometries = concatenate(
        [take(batch, np.flatnonzero(np.isin(batch["geometry_id"], geometry_ids))) for batch in batches]
    )
    geometries = take(geometries, np.argsort(geometries["geometry_id"]))
    is_goal = pl.all_horizontal(pl.col(name) == value for name, value in model.goal.items())

    def ask(rows: np.ndarray) -> Answers:
        ids, position = np.unique(geometry_ids[rows], return_inverse=True)
        chosen = take(geometries, np.searchsorted(geometries["geometry_id"], ids))
        labels = labeller.label(family, chosen)
        answers = pl.DataFrame({name: labels[name] for name in {*reads, *model.goal}})
        answers = answers[position * labeller.draws + samples[rows]]
        columns = answers.select(classes=class_code(), scored=is_scored(reads), goal=is_goal)
        return Answers(*(column.to_numpy() for column in columns))

    return ask
