"""The baselines, simple models on what a learner may see; and the step that scores them on the test part of a dataset.

A model is fitted on the training part of the dataset it is tested on, or of the other datasets where a split holds out
the whole dataset; then it sees only the features that all of them have.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from vacuagym import models
from vacuagym.benchmark.baselines.base import CYCLE, Baseline
from vacuagym.benchmark.baselines.inputs import Inputs, inputs_of
from vacuagym.benchmark.baselines.rows import Rows
from vacuagym.benchmark.scoring import N_TALLY, SCORE_COLUMNS, class_code, scores, tally, write_scores
from vacuagym.benchmark.splits import SPLITS
from vacuagym.errors import InputError
from vacuagym.geometry import FAMILIES
from vacuagym.registry import Registry
from vacuagym.schema import CLASSES, KEY, Column
from vacuagym.tables.frames import read_run
from vacuagym.tables.shards import in_blocks

BLOCK_ROWS = 2_000  # predicted at a time, whatever the shards: not even rounding depends on them
BASELINES = Registry(
    "baseline",
    __name__,
    "BASELINES",
    "standard",
)

COLUMNS = (
    Column("split", "string", "1", "Name of the split.", role=KEY),
    Column("dataset", "string", "1", "Family of the geometries the model is tested on.", role=KEY),
    Column("model", "string", "1", "Name of the baseline.", role=KEY),
    Column("seed", "int64", "1", "Seed of the sample of training rows and of the model.", role=KEY),
    Column("n_train", "int64", "1", "Rows the model is fitted on."),
    *SCORE_COLUMNS,
)


def score_baselines(tables: Mapping[str, Sequence[Path]], recipe: dict, out: Path) -> None:
    """Score every baseline with every seed on the test part of a dataset.

    Parameters
    ----------
    tables : mapping of str to sequence of Path
        Of the run's features, labels and split, see `read_run`.
    recipe : dict
        Of ``out``: split, dataset, model, seed, and settings: train_rows, the rows a model is fitted on at most, and
        seeds, how many there are.
    out : Path
        The table to write.

    Raises
    ------
    InputError
        A table is damaged or of another run; there are no rows to train or test on, or only of one class.
    """
    run, dataset, settings = read_run(tables, recipe), recipe["dataset"], recipe["settings"]
    [split] = run.splits.values()
    families, held_out = {shard.dataset: shard.family for shard in run.shards}, SPLITS[recipe["split"]].holds_out
    trained = [name for name, family in families.items() if family != held_out] if held_out else [dataset]
    model = models.labeller(recipe["model"], recipe["seed"]).model
    inputs = inputs_of([FAMILIES[families[name]] for name in dict.fromkeys([*trained, dataset])], model)
    train = Rows([shard for shard in run.shards if shard.dataset in trained], split, model, inputs)
    test = Rows(run.by_dataset()[dataset], split, model, inputs)

    fitted, n_train = {}, 0
    for seed in range(settings["seeds"]):  # one sample at a time in memory
        x, rows = train.sample("train", settings["train_rows"], seed)
        n_train, classes = len(x), rows["class"].to_numpy()
        if len(np.unique(classes)) < 2:
            reason = f"has scored training rows of {', '.join(trained)} of fewer than two classes; raise n_limit"
            raise InputError(f"split {recipe['split']}", reason)
        for baseline in BASELINES.values():
            if inputs.cycle or CYCLE not in baseline.sees:
                fitted[baseline.name, seed] = fit(baseline, seed, inputs, x, classes)
    print(f"{len(inputs.groups)} inputs, {n_train:,} training rows of {', '.join(trained)}")

    tallies = {key: np.zeros(N_TALLY) for key in fitted}
    for rows in in_blocks(test.read("test"), BLOCK_ROWS, pl.concat):
        x, truth = inputs.matrix(rows), rows.select(class_code()).to_series().to_numpy()
        for key, predict in fitted.items():
            p = predict(x)
            tallies[key] += tally(truth, p.argmax(axis=1), p)[0]
    if not any(total.any() for total in tallies.values()):
        raise InputError(f"split {recipe['split']}", f"has no scored row of {dataset} in its test part; raise n_limit")
    keys = {"split": recipe["split"], "dataset": dataset}
    table = [
        keys | {"model": name, "seed": seed, "n_train": n_train} | scores(tallies[name, seed])
        for name, seed in sorted(fitted, key=lambda key: list(BASELINES).index(key[0]))
    ]
    write_scores(table, COLUMNS, recipe, out)


def fit(
    baseline: Baseline, seed: int, inputs: Inputs, x: np.ndarray, classes: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """Fit a baseline.

    Parameters
    ----------
    baseline : Baseline
    seed : int
    inputs : Inputs
        What the columns of ``x`` are.
    x : float64 array (rows, columns)
    classes : int array (rows,)
        Positions in CLASSES.

    Returns
    -------
    callable
        From inputs to probabilities of CLASSES, float64 array (rows, classes).
    """
    from sklearn.exceptions import ConvergenceWarning

    seen = np.flatnonzero(np.isin(inputs.groups, baseline.sees))
    model = baseline.make(seed, len(x))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the number of passes is bounded on purpose
        model.fit(x[:, seen], classes)

    def predict(rows: np.ndarray) -> np.ndarray:
        p = np.zeros((len(rows), len(CLASSES)))
        p[:, model.classes_] = model.predict_proba(rows[:, seen])
        return p

    return predict
