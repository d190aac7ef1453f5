"""Metrics of predictions and their intervals: functions of arrays, which know of no task, table or file.

Rows come in duplicate groups, and each group counts once: a row weighs 1 / (rows of its group). So a score is a function of
the weights of groups, 1 for each, or how often a resample drew it.

Scores do not depend on an order, of rows or groups, not even in the last bit. All that is summed is first rounded to
multiples of a power of two so coarse that no sum of it is rounded: values of rows to multiples of 2^-27 (`_GRID`), means
of groups and weights of rows to about G 2^-53 of the largest, for G groups. This moves a score by some 1e-9.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from vacuagym.tables.arrays import Ragged

_GRID = 2.0**-27  # sums of up to 2^20 numbers below 2^6 are exact
_TINY = 2.0**-52  # least probability in a log loss
_BLOCK = 2**18  # weights of groups in memory at a time
_N_LEFT_OUT = 300  # times that groups are left out for the skewness, at most


# --- records ----------------------------------------------------------------------------------------------------------


class Metric(NamedTuple):
    """What a number says about predictions."""

    name: str
    meaning: str  # one sentence
    higher_is_better: bool | None  # None: the best value is 0
    needs_probabilities: bool = False


class Interval(NamedTuple):
    """A score and the ends of its 95 % interval; NaN where there is none."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Scores:
    """The scores of predictions, as a function of the weights of duplicate groups.

    Parameters
    ----------
    names : tuple of str
        Of the metrics.
    groups : int array (groups,)
        Labels of the groups that have rows, ascending.
    at : callable
        From weights, float64 array (n, groups) of whole numbers that sum to at most the number of groups, to float64 array
        (n, metrics); NaN where a metric is not defined.
    """

    names: tuple[str, ...]
    groups: np.ndarray
    at: Callable[[np.ndarray], np.ndarray]

    def values(self) -> dict[str, float]:
        """The scores, each group counted once."""
        return dict(zip(self.names, self.at(np.ones((1, len(self.groups))))[0].tolist(), strict=True))


@dataclass(frozen=True)
class Tally:
    """Sums over the rows of each group that determine the scores. Tallies of disjoint rows add up, without rounding.

    Parameters
    ----------
    names : tuple of str
        Of the metrics.
    rows : int64 array (groups,)
    sums : float64 array (groups, sums)
    finish : callable
        From weights (...,) and weighted sums (..., sums) to scores (..., metrics).
    """

    names: tuple[str, ...]
    rows: np.ndarray
    sums: np.ndarray
    finish: Callable[[np.ndarray, np.ndarray], np.ndarray]

    def __add__(self, other: "Tally") -> "Tally":
        return replace(self, rows=self.rows + other.rows, sums=self.sums + other.sums)

    def scores(self, groups: np.ndarray | None = None) -> Scores:
        """The scores of the rows.

        Parameters
        ----------
        groups : int array (groups,), optional
            Labels of the groups, ascending; their positions by default. Those without rows are left out.
        """
        there = np.flatnonzero(self.rows)
        means = _summable(self.sums[there] / self.rows[there, None])
        finish = self.finish

        def at(weights: np.ndarray) -> np.ndarray:
            return finish(weights.sum(axis=-1), weights @ means)

        return Scores(self.names, there if groups is None else groups[there], at)


@dataclass(frozen=True)
class Kind:
    """What is predicted, and the metrics of it.

    Parameters
    ----------
    name : str
    metrics : tuple of Metric
    headline : str
        The metric that ranks predictions.
    score : callable
        ``score(truth, predicted, probabilities, group, targets)`` to `Scores`. Its function says which arrays a kind takes;
        targets, names of the columns of the truth, are given to kinds with metrics of each target. There is at least one
        row, group holds any integers, and all numbers are finite.
    per_target : tuple of Metric
        Metrics of each column of the truth; their names get the column's, as in h11_mae.
    """

    name: str
    metrics: tuple[Metric, ...]
    headline: str
    score: Callable[..., Scores]
    per_target: tuple[Metric, ...] = ()

    def all_metrics(self, targets: Iterable[str] = ()) -> tuple[Metric, ...]:
        """The metrics of predictions of these targets, in the order of the scores."""
        named = (metric._replace(name=f"{target}_{metric.name}") for target in targets for metric in self.per_target)
        return (*self.metrics, *named)


# --- sums without rounding --------------------------------------------------------------------------------------------


def _on_grid(values: np.ndarray) -> np.ndarray:
    """Values of rows, below 2^6, as their groups sum them."""
    return np.round(np.asarray(values, dtype=np.float64) / _GRID) * _GRID


def _summable(values: np.ndarray, terms: int | None = None) -> np.ndarray:
    """Each column of values (terms, ...) rounded such that no sum of as many values of it, in any order, is rounded."""
    largest = np.abs(values).max(axis=0, initial=0.0)
    bits = np.frexp(largest)[1] + (terms or len(values)).bit_length() - 53
    return np.ldexp(np.round(np.ldexp(values, -bits)), bits)


def _by_group(group: np.ndarray, n_groups: int, columns: Iterable[np.ndarray]) -> np.ndarray:
    """Sums of columns (rows,) over the rows of each group, float64 array (n_groups, columns)."""
    return np.stack([np.bincount(group, column, n_groups) for column in columns], axis=1)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """A quotient; NaN where the denominator is 0."""
    there = denominator > 0
    return np.divide(numerator, denominator, out=np.full(np.shape(numerator), np.nan), where=there)


def _numbered(group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The labels of groups, ascending, and for each row the position of its own."""
    return np.unique(np.asarray(group), return_inverse=True)


def _names(kind: str, targets: Iterable[str] = (), probabilities: bool = True) -> tuple[str, ...]:
    metrics = KINDS[kind].all_metrics(targets)
    return tuple(metric.name for metric in metrics if probabilities or not metric.needs_probabilities)


# --- classes ----------------------------------------------------------------------------------------------------------


def tally_classes(truth, predicted, probabilities, group, n_groups: int, n_classes: int) -> Tally:
    """Tally predicted classes.

    There is no expected calibration error. Noise within its bins adds to it, so that its estimate is above the truth at
    any number of rows, and an interval around it misses the truth: that of a calibrated model is never 0. Overconfidence
    is a mean over rows, without bins; its estimate has no bias.

    Parameters
    ----------
    truth, predicted : int array (rows,)
        From 0 to n_classes - 1.
    probabilities : float array (rows, n_classes), optional
    group : int array (rows,)
        From 0 to n_groups - 1.
    n_groups, n_classes : int

    Returns
    -------
    Tally
        Of the metrics of the kind classes, those of probabilities only if there are any.
    """
    rows, hit = np.arange(len(truth)), np.equal(truth, predicted)
    counts = [
        np.bincount(group[where] * n_classes + classes[where], minlength=n_groups * n_classes).reshape(n_groups, -1)
        for classes, where in ((truth, slice(None)), (predicted, slice(None)), (truth, hit))
    ]
    sums = []
    if probabilities is not None:
        p = np.asarray(probabilities, dtype=np.float64)
        loss = -np.log(np.clip(p[rows, truth], _TINY, 1.0))
        brier = np.sum(p * p, axis=1) - 2 * p[rows, truth] + 1
        columns = (loss, brier, p[rows, predicted] - hit)
        sums = [_by_group(group, n_groups, map(_on_grid, columns))]

    def finish(weight: np.ndarray, sums: np.ndarray) -> np.ndarray:
        true, said, hit = (sums[..., k * n_classes : (k + 1) * n_classes] for k in range(3))
        f1, recall = (_mean_ratio(*ratio, where=true > 0) for ratio in ((2 * hit, true + said), (hit, true)))
        return np.stack([f1, recall, *np.moveaxis(sums[..., 3 * n_classes :] / weight[..., None], -1, 0)], axis=-1)

    names = _names("classes", probabilities=probabilities is not None)
    return Tally(names, np.bincount(group, minlength=n_groups), np.concatenate([*counts, *sums], axis=1), finish)


def _mean_ratio(numerator: np.ndarray, denominator: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Mean over the last axis of some quotients."""
    return np.where(where, _ratio(numerator, denominator), 0.0).sum(-1) / where.sum(-1)


def _score_classes(truth, predicted, probabilities, group, targets=()) -> Scores:
    """Score predicted classes: int arrays (rows,) from 0, and possibly probabilities, float array (rows, classes)."""
    groups, group = _numbered(group)
    n_classes = int(max(np.max(truth), np.max(predicted))) + 1
    return tally_classes(truth, predicted, probabilities, group, len(groups), n_classes).scores(groups)


# --- yes or no --------------------------------------------------------------------------------------------------------


def _score_binary(truth, predicted, probabilities, group, targets=()) -> Scores:
    """Score probabilities that something is so, float array (rows,), where truth is bool (rows,); predicted is not read."""
    truth, p = np.asarray(truth, dtype=bool), np.asarray(probabilities, dtype=np.float64)
    groups, group = _numbered(group)
    rows = np.bincount(group)
    loss = -np.log(np.maximum(np.where(truth, p, 1 - p), _TINY))
    sums = _by_group(group, len(groups), map(_on_grid, (loss, (p - truth) ** 2)))
    means = Tally(_names("binary")[2:], rows, sums, lambda weight, sums: sums / weight[..., None]).scores()

    order = np.argsort(-p, kind="stable")
    group, truth = group[order], truth[order]
    share = _summable(1 / rows)[group]
    ends = np.flatnonzero(np.append(p[order][1:] != p[order][:-1], True))  # rows of equal probability stand together

    def ranks(weights: np.ndarray) -> tuple[float, float]:
        weight = weights[group] * share
        true, said = np.cumsum(weight * truth)[ends], np.cumsum(weight)[ends]
        positive, negative = true[-1], said[-1] - true[-1]
        if positive == 0:
            return np.nan, np.nan
        new, false = np.diff(true, prepend=0), said - true
        precision = np.divide(true, said, out=np.zeros(len(ends)), where=said > 0)
        before = (
            false + np.concatenate([[0], false[:-1]])
        ) / 2  # false rows before each true one, half of those beside it
        area = 1 - np.sum(new * before) / (positive * negative) if negative > 0 else np.nan
        return np.sum(new * precision) / positive, area

    def at(weights: np.ndarray) -> np.ndarray:
        return np.concatenate([np.array([ranks(row) for row in weights]), means.at(weights)], axis=1)

    return Scores(_names("binary"), groups, at)


# --- numbers ----------------------------------------------------------------------------------------------------------


def _r2(weight, truth, squares, errors):
    """1 - errors / variance, from weighted sums of the truth, its squares, and squared errors; NaN if it is constant."""
    return 1 - _ratio(errors, squares - truth * truth / weight)


def tally_integers(truth, predicted, group, n_groups: int, targets) -> Tally:
    """Tally predicted integers.

    Parameters
    ----------
    truth, predicted : int array (rows, targets)
        Sums of squares over a group are exact below 2^53.
    group : int array (rows,)
        From 0 to n_groups - 1.
    n_groups : int
    targets : sequence of str
        Names of the columns.

    Returns
    -------
    Tally
    """
    truth = np.asarray(truth, dtype=np.float64)  # squares of far-off integers would overflow
    error = np.abs(predicted - truth)
    columns = [np.all(error == 0, axis=1)]
    for y, e in zip(truth.T, error.T, strict=True):
        columns += [e == 0, e, y, y * y, e * e]

    def finish(weight: np.ndarray, sums: np.ndarray) -> np.ndarray:
        values = [sums[..., 0] / weight]
        for k in range(len(targets)):
            exact, error, *moments = np.moveaxis(sums[..., 1 + 5 * k : 6 + 5 * k], -1, 0)
            values += [exact / weight, error / weight, _r2(weight, *moments)]
        return np.stack(values, axis=-1)

    sums = _by_group(group, n_groups, columns)
    return Tally(_names("integers", targets), np.bincount(group, minlength=n_groups), sums, finish)


def _score_integers(truth, predicted, probabilities, group, targets=()) -> Scores:
    """Score predicted integers, int arrays (rows, targets)."""
    groups, group = _numbered(group)
    return tally_integers(truth, predicted, group, len(groups), targets).scores(groups)


def _score_number(truth, predicted, probabilities, group, targets=()) -> Scores:
    """Score predicted numbers, float arrays (rows,)."""
    truth, predicted = (np.asarray(values, dtype=np.float64) for values in (truth, predicted))
    groups, group = _numbered(group)
    error, y = np.abs(predicted - truth), truth - (truth.min() + truth.max()) / 2  # R2 loses no digits to a far mean
    columns = [_summable(column, 2**20) for column in (error, y, y * y, error * error)]

    def finish(weight: np.ndarray, sums: np.ndarray) -> np.ndarray:
        error, *moments = np.moveaxis(sums, -1, 0)
        return np.stack([_r2(weight, *moments), error / weight, np.sqrt(moments[-1] / weight)], axis=-1)

    return Tally(_names("number"), np.bincount(group), _by_group(group, len(groups), columns), finish).scores(groups)


# --- lists ------------------------------------------------------------------------------------------------------------


def tally_lists(truth: Ragged, predicted: Ragged, group, n_groups: int) -> Tally:
    """Tally predicted lists of integers.

    Parameters
    ----------
    truth, predicted : Ragged
        One list per row.
    group : int array (rows,)
        From 0 to n_groups - 1.
    n_groups : int

    Returns
    -------
    Tally
    """
    lengths, found = (np.diff(column.offsets).astype(np.int64) for column in (truth, predicted))
    fits = lengths == found
    row = np.repeat(np.arange(len(lengths)), lengths)
    within = np.arange(len(row)) - np.repeat(truth.offsets[:-1], lengths)
    there = fits[row]
    place = predicted.offsets[row[there]] + within[there]
    equal = np.bincount(row[there], truth.values[there] == predicted.values[place], len(lengths))
    share = np.where(fits, np.divide(equal, lengths, out=np.ones(len(lengths)), where=lengths > 0), 0.0)
    sums = _by_group(group, n_groups, (share == 1, _on_grid(share)))
    rows = np.bincount(group, minlength=n_groups)
    return Tally(_names("lists"), rows, sums, lambda weight, sums: sums / weight[..., None])


def _score_lists(truth, predicted, probabilities, group, targets=()) -> Scores:
    """Score predicted lists of integers, two `Ragged`."""
    groups, group = _numbered(group)
    return tally_lists(truth, predicted, group, len(groups)).scores(groups)


# --- the kinds --------------------------------------------------------------------------------------------------------

_EXACT = Metric("exact", "Share of rows predicted exactly.", True)
_MAE = Metric("mae", "Mean absolute error.", False)
_R2 = Metric("r2", "1 - sum of squared errors / sum of squared deviations of the truth from its mean.", True)

KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "classes",
            (
                Metric("macro_f1", "Mean F1 of the classes that occur.", True),
                Metric("balanced_accuracy", "Mean recall of the classes that occur.", True),
                Metric("log_loss", "Mean -ln p(true class), p at least 2^-52.", False, True),
                Metric("brier", "Mean sum over classes of (p - 1 if true, p if not)^2.", False, True),
                Metric(
                    "overconfidence", "Mean p(predicted class), minus the share of rows that are right.", None, True
                ),
            ),
            "macro_f1",
            _score_classes,
        ),
        Kind(
            "binary",
            (
                Metric("average_precision", "Mean precision at the rank of each true row.", True, True),
                Metric("roc_auc", "Probability that a true row ranks above a false one.", True, True),
                Metric("log_loss", "Mean -ln p(what is so), p at least 2^-52.", False, True),
                Metric("brier", "Mean (p - 1 if true, p if not)^2.", False, True),
            ),
            "average_precision",
            _score_binary,
        ),
        Kind(
            "integers",
            (Metric("exact", "Share of rows with all integers predicted exactly.", True),),
            "exact",
            _score_integers,
            (_EXACT, _MAE, _R2),
        ),
        Kind(
            "number",
            (_R2, _MAE, Metric("rmse", "Root of the mean squared error.", False)),
            "r2",
            _score_number,
        ),
        Kind(
            "lists",
            (
                Metric("exact", "Share of lists predicted exactly.", True),
                Metric(
                    "element_accuracy", "Mean share of equal elements of a list; 0 for a list of another length.", True
                ),
            ),
            "exact",
            _score_lists,
        ),
    )
}


# --- intervals --------------------------------------------------------------------------------------------------------


class Report(NamedTuple):
    """Scores with their intervals, by metric: of each family, and of the mean over families."""

    families: dict[str, dict[str, Interval]]
    mean: dict[str, Interval]


def interval(families: Mapping[str, Scores], n_resamples: int = 1000, seed: int = 0) -> Report:
    """Scores with intervals of 95 %, from resampling whole groups with replacement.

    The ends are bias-corrected and accelerated (BCa): Efron, J. Am. Stat. Assoc. 82 (1987) 171, equations 3.9 and 7.3.
    Where few groups decide, a spread is itself uncertain. So the normal quantiles there are replaced by Student's, with
    the degrees of freedom that the fourth moment of the influences gives: Satterthwaite, Biometrics Bull. 2 (1946) 110.

    Parameters
    ----------
    families : mapping of str to Scores
        With the same metrics. Families are resampled independently; the resamples of one do not depend on the others.
    n_resamples, seed : int

    Returns
    -------
    Report
        The mean is NaN where the score of a family is. Ends are NaN where a family has a single group.
    """
    names = next(iter(families.values())).names
    parts = {name: _resampled(name, scores, n_resamples, seed) for name, scores in families.items()}
    return Report(
        {name: dict(zip(names, _intervals(part), strict=True)) for name, part in parts.items()},
        dict(zip(names, _intervals(_mean_of(list(parts.values()))), strict=True)),
    )


def compare(
    first: Mapping[str, Scores], second: Mapping[str, Scores], n_resamples: int = 1000, seed: int = 0
) -> Report:
    """Differences first - second of the scores of two predictions of the same rows, with intervals as of `interval`.

    Both are scored on the same resamples.

    Parameters
    ----------
    first, second : mapping of str to Scores
        By family.
    n_resamples, seed : int

    Returns
    -------
    Report
        Of the metrics that both have.

    Raises
    ------
    ValueError
        The two are not of the same families and groups.
    """
    if first.keys() != second.keys() or any(
        not np.array_equal(scores.groups, second[name].groups) for name, scores in first.items()
    ):
        raise ValueError("expected two predictions of the same families and groups")
    return interval({name: _difference(scores, second[name]) for name, scores in first.items()}, n_resamples, seed)


def _difference(first: Scores, second: Scores) -> Scores:
    names = tuple(name for name in first.names if name in second.names)
    a, b = ([scores.names.index(name) for name in names] for scores in (first, second))
    return Scores(names, first.groups, lambda weights: first.at(weights)[:, a] - second.at(weights)[:, b])


class _Resamples(NamedTuple):
    """Scores, those of resamples, and sums of powers of the influence that groups have on the scores."""

    value: np.ndarray  # (metrics,)
    drawn: np.ndarray  # (resamples, metrics)
    second: np.ndarray  # (metrics,), the sum of squares: the variance of the score
    third: np.ndarray  # (metrics,)
    doubt: np.ndarray  # (metrics,), the squared variance / its degrees of freedom


def _resampled(name: str, scores: Scores, n_resamples: int, seed: int) -> _Resamples:
    n = len(scores.groups)
    value = scores.at(np.ones((1, n)))[0]
    if n == 1:
        none = np.full_like(value, np.nan)
        return _Resamples(value, np.full((n_resamples, len(value)), np.nan), none, none, none)
    drawn = np.concatenate([scores.at(weights) for weights in _draws(n, n_resamples, [seed, *name.encode()])])
    influence = value - np.concatenate([scores.at(weights) for weights in _left_out(n)])
    there = ~np.isnan(influence)
    influence = np.where(there, influence, 0.0)
    influence = np.where(there, influence - influence.sum(0) / np.maximum(there.sum(0), 1), 0.0)
    second, third, fourth = (np.sum(influence**power, axis=0) for power in (2, 3, 4))
    excess = np.maximum(fourth - 3 * second**2 / len(influence), 0.0)  # it adds up, like the others, where groups do
    return _Resamples(value, drawn, second, third, second**2 / n + excess / 2)


def _mean_of(parts: Sequence[_Resamples]) -> _Resamples:
    """The mean over families that are resampled independently."""
    powers = zip(zip(*parts, strict=True), (1, 1, 2, 3, 4), strict=True)
    return _Resamples(*(sum(values) / len(parts) ** power for values, power in powers))


def _draws(n: int, n_resamples: int, seed) -> Iterator[np.ndarray]:
    """How often resamples draw each of n groups, float64 arrays (some resamples, n)."""
    rng, step = np.random.default_rng(seed), max(_BLOCK // n, 1)
    for start in range(0, n_resamples, step):
        count = min(step, n_resamples - start)
        drawn = rng.integers(0, n, (count, n)) + n * np.arange(count)[:, None]
        yield np.bincount(drawn.ravel(), minlength=count * n).reshape(count, n).astype(np.float64)


def _left_out(n: int) -> Iterator[np.ndarray]:
    """Weights of n groups with each left out once, alone or with others, float64 arrays (some, n)."""
    parts = min(n, _N_LEFT_OUT)
    part, step = np.arange(n) % parts, max(_BLOCK // n, 1)
    for start in range(0, parts, step):
        yield (part != np.arange(start, min(start + step, parts))[:, None]).astype(np.float64)


def _intervals(of: _Resamples) -> list[Interval]:
    by_metric = zip(*of._replace(drawn=of.drawn.T), strict=True)
    return [Interval(float(value), *_ends(value, *rest)) for value, *rest in by_metric]


def _ends(value: float, drawn: np.ndarray, second: float, third: float, doubt: float) -> tuple[float, float]:
    """The ends of an interval, which are scores of resamples; those that have none are left out."""
    drawn = drawn[~np.isnan(drawn)]
    if np.isnan(value) or len(drawn) == 0:
        return math.nan, math.nan
    normal, n = NormalDist(), len(drawn)
    below = (np.count_nonzero(drawn < value) + np.count_nonzero(drawn <= value)) / 2
    bias = normal.inv_cdf(min(max(below, 0.5), n - 0.5) / n)
    if second == 0:
        return float(drawn.min()), float(drawn.max())
    skew, quantile = third / (6 * second**1.5), float(stdtrit(second**2 / doubt, 0.975))
    shifted = [bias + (bias + z) / max(1 - skew * (bias + z), 1e-3) for z in (-quantile, quantile)]
    low, high = np.quantile(drawn, [normal.cdf(z) for z in shifted], method="nearest").tolist()
    return low, high
