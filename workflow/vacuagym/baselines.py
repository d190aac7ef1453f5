"""Reference scores: simple models on what a learner may see, the features of a geometry and the couplings of a draw.

A model is fitted on the training part of the dataset it is tested on, or of the other datasets where a split holds out
the whole dataset; then it sees only the features that all of them have.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vacuagym import evaluation, geometry
from vacuagym.errors import InputError
from vacuagym.models import Labeller
from vacuagym.splits import PARTS
from vacuagym.tables.columns import Column, Columns, Ragged, concatenate, n_rows, take
from vacuagym.tables.shards import BATCH_ROWS, read_metadata, read_rows

COLUMNS = (
    Column("split", "string", "1", "Name of the split."),
    Column("dataset", "string", "1", "Family of the geometries the model is tested on."),
    Column("model", "string", "1", "Name of the baseline."),
    Column("seed", "int64", "1", "Seed of the sample of training rows and of the model."),
    Column("n_train", "int64", "1", "Rows the model is fitted on."),
    Column("n_test", "int64", "1", "Scored rows of the test part."),
    Column("macro_f1", "float64", "1", "Mean F1 of the classes that occur among the true or the predicted ones."),
    Column("balanced_accuracy", "float64", "1", "Mean recall of the classes that occur."),
    Column("log_loss", "float64", "nat", "Mean -ln p(true class), p at least 2^-52."),
    Column(
        "expected_calibration_error",
        "float64",
        "1",
        "Mean |confidence - accuracy| of 15 equal bins of the largest probability.",
        "arXiv:1706.04599",
    ),
)

Shards = Mapping[str, Sequence[tuple[Path, Path]]]  # by dataset: paths of the features and the labels of each shard

# what a model sees
COUPLINGS, N_MODULI, TABLE, CYCLE = "couplings", "n_moduli", "table", "cycle"
SEES = {
    "majority": N_MODULI,  # and does not look
    "n_moduli_only": N_MODULI,
    "couplings_only": COUPLINGS,
    "logistic_regression": TABLE,
    "mlp": TABLE,
    "gradient_boosting": TABLE,
    "gradient_boosting_cyclic": CYCLE,
}

BLOCK_ROWS = 2_000  # rows predicted at a time

CYCLIC = "fth6d"  # the dataset whose geometries are cycles of curves
_NO_NUMBERS = ("triple_intersection_indices", "self_intersections")  # an index, and a cycle: not sets of numbers
_LOWEST = -12  # self-intersection of a curve
_SYMBOLS = 2 - _LOWEST  # self-intersections -12 ... -1, 0 and above together
_LAGS = (1, 2)


def new_model(name: str, seed: int, rows: int):
    """A baseline of SEES for so many training rows, not yet fitted; scikit-learn's own settings, but for its cost."""
    from sklearn.dummy import DummyClassifier
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import QuantileTransformer

    # couplings and topological numbers span many orders of magnitude: to linear models they go by their rank
    by_rank = QuantileTransformer(n_quantiles=min(200, rows), output_distribution="normal", random_state=seed)
    if name == "majority":
        return DummyClassifier(strategy="prior")
    if name == "logistic_regression":
        return make_pipeline(by_rank, LogisticRegression(max_iter=500))
    if name == "mlp":
        return make_pipeline(by_rank, MLPClassifier((64, 64), alpha=1e-3, max_iter=60, random_state=seed))
    return HistGradientBoostingClassifier(max_features=0.5, early_stopping=False, random_state=seed)


# --- what a learner sees ----------------------------------------------------------------------------------------------


class Inputs(NamedTuple):
    """Which columns become the numbers a model is given."""

    features: tuple[Column, ...]
    couplings: tuple[Column, ...]
    cyclic: bool  # whether the cycle of curves is seen as well

    @property
    def sees(self) -> np.ndarray:
        """What the columns of `matrix` belong to: COUPLINGS, N_MODULI, TABLE or CYCLE; str (columns,)."""
        kinds = [N_MODULI if column.name == "n_moduli" else TABLE for column in self.features for _ in _width(column)]
        kinds += [COUPLINGS for column in self.couplings for _ in _width(column)]
        cycle = _SYMBOLS * (_SYMBOLS + 1) // 2 * len(_LAGS) + (len(_ON_CURVES) if self.ray else 0)
        return np.array(kinds + [CYCLE] * (cycle if self.cyclic else 0))

    @property
    def ray(self) -> bool:
        """Whether a Kähler parameter is drawn for each curve."""
        return any(column.name == "ray" for column in self.couplings)


def inputs_of(datasets: Sequence[str], labeller: Labeller) -> Inputs:
    """The features that all the datasets have, and the couplings of a label model. No outcome is an input."""
    tables = [{column.name: column for column in geometry.family(dataset).FEATURES} for dataset in datasets]
    features = tuple(
        column
        for name, column in tables[0].items()
        if all(name in table for table in tables) and name != "duplicate_group" and name not in _NO_NUMBERS
    )
    drawn = tuple(c for c in labeller.columns if c.name in labeller.couplings and c.type != "string")
    return Inputs(features, drawn, list(datasets) == [CYCLIC])


def _width(column: Column) -> range:
    return range(3 if column.type.startswith("list") else 1)


def matrix(inputs: Inputs, features: Columns, labels: Columns) -> np.ndarray:
    """Inputs of rows, float64 (rows, columns): numbers, minimum, mean and maximum of lists, statistics of the cycle.

    features, labels : columns of the same rows, in the same order.
    """
    columns = [(column, features) for column in inputs.features] + [(column, labels) for column in inputs.couplings]
    blocks = [_numbers(table[column.name]) for column, table in columns]
    if inputs.cyclic:
        blocks.append(cycle_pairs(features["self_intersections"]))
        if inputs.ray:
            blocks.append(cycle_areas(features["self_intersections"], labels["ray"]))
    return np.concatenate(blocks, axis=1)


def _numbers(column) -> np.ndarray:
    if not isinstance(column, Ragged):
        return column.astype(np.float64)[:, None]
    lengths, values = np.diff(column.offsets), column.values.astype(np.float64)
    out = np.zeros((len(lengths), 3))  # an empty list has a term switched off
    there = lengths > 0
    starts = column.offsets[:-1][there]
    for i, ufunc in enumerate((np.minimum, np.add, np.maximum)):
        out[there, i] = ufunc.reduceat(values, starts) if len(starts) else 0.0
    out[there, 1] /= lengths[there]
    return out


def cycle_pairs(curves: Ragged) -> np.ndarray:
    """How often two self-intersections stand one and two apart on each cycle; the same for rotations and reflections.

    Returns
    -------
    float64 (rows, lags * 105) : by unordered pairs of -12 ... -1 and 0 or above.
    """
    rows = len(curves.offsets) - 1
    row, following = _cycle(curves)
    symbol = np.minimum(curves.values.astype(np.int64), 0) - _LOWEST
    low, high = np.triu_indices(_SYMBOLS)
    number = np.zeros((_SYMBOLS, _SYMBOLS), dtype=np.int64)
    number[low, high] = number[high, low] = np.arange(len(low))
    blocks, partner = [], np.arange(len(symbol))
    for _ in _LAGS:
        partner = following[partner]
        pair = row * len(low) + number[symbol, symbol[partner]]
        blocks.append(np.bincount(pair, minlength=rows * len(low)).reshape(rows, len(low)))
    return np.concatenate(blocks, axis=1).astype(np.float64)


_ON_CURVES = ("least area", "mean area", "least area off the section", "self-intersection", "weighted degree")


def cycle_areas(curves: Ragged, ray: Ragged) -> np.ndarray:
    """Statistics of the Kähler class j = sum t^i D_i on the curves: a circular convolution of t with (1, D_i^2, 1).

    Parameters
    ----------
    curves : self-intersections D_i^2 (n), cyclic. ray : t^0 of the section, then t of the curves 2 … n - 1; those of
        curves 0 and 1 are zero (see docs/supergravity.md).

    Returns
    -------
    float64 (rows, 5) : with t scaled to have t^0 = 1, logarithms of the least and mean area j·D_i, of the least
        (j + t^0 c1)·D_i, of j^2, and of j·c1 = sum j·D_i.
    """
    row, following = _cycle(curves)
    starts = curves.offsets[:-1]
    square, t = curves.values.astype(np.float64), np.zeros(len(curves.values))
    inner = np.ones(len(t), dtype=bool)
    inner[starts] = inner[starts + 1] = False
    section = np.ones(len(ray.values), dtype=bool)
    section[ray.offsets[:-1]] = False
    t[inner] = ray.values[section]
    t /= ray.values[ray.offsets[:-1]][row]
    preceding = np.empty_like(following)
    preceding[following] = np.arange(len(t))
    area = square * t + t[preceding] + t[following]
    counts = np.diff(curves.offsets)
    total = np.add.reduceat(area, starts)
    columns = (
        np.minimum.reduceat(area, starts),
        total / counts,
        np.minimum.reduceat(area + square + 2, starts),
        np.add.reduceat(t * area, starts),
        total,
    )
    return np.log(np.maximum(np.stack(columns, axis=1), np.finfo(np.float64).tiny))


def _cycle(curves: Ragged) -> tuple[np.ndarray, np.ndarray]:
    """Row of each curve, and position of the next one on its cycle."""
    lengths = np.diff(curves.offsets)
    row = np.repeat(np.arange(len(lengths)), lengths)
    following = np.arange(1, len(row) + 1)
    following[curves.offsets[1:] - 1] = curves.offsets[:-1]
    return row, following


# --- rows -------------------------------------------------------------------------------------------------------------


def read_inputs(inputs: Inputs, shards: Sequence[tuple[Path, Path]], wanted) -> Iterator[tuple[np.ndarray, Columns]]:
    """Stream label rows with their inputs.

    Parameters
    ----------
    shards : paths of features and labels of each shard.
    wanted : (label rows) -> bool (rows,): which to keep.

    Yields
    ------
    matrix of the inputs, and the label columns that `evaluation.reads` names; rows in the order of the tables.
    """
    names = [column.name for column in inputs.features] + (["self_intersections"] if inputs.cyclic else [])
    for features, labels in shards:
        (geometries, *_), (rows, known, _) = read_metadata(features), read_metadata(labels)
        draws = rows // max(geometries, 1)
        reads = dict.fromkeys([*evaluation.reads(known), *(column.name for column in inputs.couplings)])
        pairs = zip(
            read_rows(features, ["geometry_id", *names]),
            read_rows(labels, list(reads), batch_rows=BATCH_ROWS * draws),
            strict=True,
        )
        for feature_rows, label_rows in pairs:
            index = np.repeat(np.arange(n_rows(feature_rows)), draws)
            if not np.array_equal(feature_rows["geometry_id"][index], label_rows["geometry_id"]):
                raise InputError(labels, f"does not hold the geometries of {features}; delete both and run again")
            kept = np.flatnonzero(wanted(label_rows))
            if len(kept):
                label_rows = take(label_rows, kept)
                x = matrix(inputs, take(feature_rows, index[kept]), label_rows)
                yield x, {name: label_rows[name] for name in evaluation.reads(known)}


def in_blocks(stream: Iterator[tuple[np.ndarray, Columns]], rows: int = BLOCK_ROWS):
    """The rows of `read_inputs` in blocks of a fixed size, so that not even rounding depends on the shards."""
    rest = None
    for x, table in stream:
        if rest:
            x, table = np.concatenate([rest[0], x]), concatenate([rest[1], table])
        starts = range(0, len(x) - rows + 1, rows)
        for start in starts:
            yield x[start : start + rows], take(table, np.arange(start, start + rows))
        whole = rows * len(starts)
        rest = x[whole:], take(table, np.arange(whole, len(x)))
    if rest and len(rest[0]):
        yield rest


def in_part(parts: np.ndarray, part: str) -> Callable[[Columns], np.ndarray]:
    """A choice of rows for `read_inputs`: those of a part; parts by geometry_id, as of `evaluation.load_parts`."""
    code = PARTS.tolist().index(part)
    return lambda rows: parts[rows["geometry_id"]] == code


def scored_in_part(parts: np.ndarray, part: str) -> Callable[[Columns], np.ndarray]:
    """A choice of rows for `read_inputs`: the scored ones of a part."""
    inside = in_part(parts, part)
    return lambda rows: inside(rows) & evaluation.scored(rows)


def sample_rows(inputs: Inputs, shards: Shards, wanted: Mapping[str, Callable], limit: int, seed: int):
    """A sample of the wanted rows of datasets, of at most ``limit`` rows; holds nothing but these.

    Parameters
    ----------
    shards, wanted : by dataset; the paths of its shards, and the choice of rows as of `read_inputs`.

    Returns
    -------
    x, rows : inputs (n, columns) and label columns of the sample, in the order of the tables.
    """
    total = sum(
        np.count_nonzero(choice(batch))
        for dataset, choice in wanted.items()
        for _, labels in shards[dataset]
        for batch in read_rows(labels, evaluation.reads(read_metadata(labels)[1]))
    )
    chosen = np.sort(np.random.default_rng(seed).choice(total, min(limit, total), replace=False))
    first, blocks, tables = 0, [np.empty((0, len(inputs.sees)))], []
    for dataset, choice in wanted.items():
        for x, rows in read_inputs(inputs, shards[dataset], choice):
            low, high = np.searchsorted(chosen, [first, first + len(x)])
            blocks.append(x[chosen[low:high] - first])
            tables.append(take(rows, chosen[low:high] - first))
            first += len(x)
    return np.concatenate(blocks), concatenate(tables) if tables else {}


# --- scores -----------------------------------------------------------------------------------------------------------


def fit(name: str, seed: int, inputs: Inputs, x: np.ndarray, classes: np.ndarray):
    """Fit a baseline on inputs (rows, columns) and classes (rows,).

    Returns
    -------
    A function from inputs to probabilities of CLASSES, float64 (rows, classes).
    """
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    seen = visible(inputs, SEES[name])
    model = new_model(name, seed, len(x))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the number of passes is bounded on purpose
        model.fit(x[:, seen], classes)

    def probabilities(rows: np.ndarray) -> np.ndarray:
        p = np.zeros((len(rows), len(evaluation.CLASSES)))
        p[:, model.classes_] = model.predict_proba(rows[:, seen])
        return p

    return probabilities


def visible(inputs: Inputs, sees: str) -> np.ndarray:
    """Which columns of a matrix belong to what a model sees, int (n,)."""
    kinds = {CYCLE: (N_MODULI, TABLE, COUPLINGS, CYCLE), TABLE: (N_MODULI, TABLE, COUPLINGS)}.get(sees, (sees,))
    return np.flatnonzero(np.isin(inputs.sees, kinds))


def score_baselines(
    split: str,
    dataset: str,
    shards: Shards,
    split_path: Path,
    labeller: Labeller,
    train_rows: int,
    n_seeds: int,
) -> list[dict]:
    """Scores of every baseline on the test part of a dataset: a row a model and seed, with the columns COLUMNS.

    Parameters
    ----------
    shards : of all datasets of the run.
    train_rows : rows a model is fitted on, at most. n_seeds : seeds 0 … n_seeds - 1.

    Raises
    ------
    InputError : there are no rows to train or test on, or only of one class.
    """
    parts = {name: evaluation.load_parts(split_path, name) for name in shards}
    trained = [name for name in shards if (name != dataset) == (split == f"ood_dataset_{dataset}")]
    inputs, seeds = inputs_of(dict.fromkeys([*trained, dataset]), labeller), range(n_seeds)
    wanted = {name: scored_in_part(parts[name], "train") for name in trained}
    models = [name for name, sees in SEES.items() if sees != CYCLE or inputs.cyclic]
    fitted, n_train = {}, 0
    for seed in seeds:  # one sample at a time in memory
        x, rows = sample_rows(inputs, shards, wanted, train_rows, seed)
        classes = evaluation.class_codes(rows["stability"]) if rows else np.empty(0, dtype=np.int8)
        n_train = len(x)
        if len(np.unique(classes)) < 2:
            raise InputError(
                f"split {split}",
                f"has scored training rows of {', '.join(trained)} of fewer than two classes; raise n_limit",
            )
        fitted |= {(name, seed): fit(name, seed, inputs, x, classes) for name in models}
    print(f"{split}, {dataset}: {x.shape[1]} inputs, {n_train:,} training rows of {', '.join(trained)}")
    tallies = {key: np.zeros(evaluation.N_TALLY) for key in fitted}
    for x, rows in in_blocks(read_inputs(inputs, shards[dataset], scored_in_part(parts[dataset], "test"))):
        truth = evaluation.class_codes(rows["stability"])
        for key, probabilities in fitted.items():
            p = probabilities(x)
            tallies[key] += evaluation.tally(truth, p.argmax(axis=1), p)[0]
    n_test = evaluation.rows_of(tallies[models[0], 0])
    if n_test == 0:
        raise InputError(f"split {split}", f"has no scored row of {dataset} in its test part; raise n_limit")
    return [
        {"split": split, "dataset": dataset, "model": name, "seed": seed, "n_train": n_train}
        | {"n_test": n_test}
        | {metric: float(value) for metric, value in evaluation.metrics(tallies[name, seed]).items()}
        for name in models
        for seed in seeds
    ]
