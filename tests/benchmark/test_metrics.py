"""Metrics against scikit-learn and brute force, what they do not depend on, and what their intervals hold."""

import math
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

from vacuagym.benchmark.metrics import KINDS, compare, interval, tally_classes, tally_integers, tally_lists
from vacuagym.tables.arrays import Ragged, ragged, take

TARGETS = ("h11", "h21")
few_rows = settings(max_examples=40, deadline=None)


# --- rows of each kind ------------------------------------------------------------------------------------------------


def classes(rng, rows):
    p = rng.dirichlet(np.full(4, 0.5), rows)
    return {"truth": rng.integers(0, 4, rows), "predicted": p.argmax(axis=1), "probabilities": p}


def binary(rng, rows):
    truth = rng.random(rows) < 0.4
    p = np.round(np.clip(rng.normal(0.3 + 0.3 * truth, 0.3), 0, 1), 1)  # many ties
    return {"truth": truth, "probabilities": p}


def integers(rng, rows):
    truth = rng.poisson(30, (rows, 2))
    return {"truth": truth, "predicted": truth + rng.integers(-1, 2, (rows, 2))}


def number(rng, rows):
    truth = 1e4 + rng.normal(size=rows)
    return {"truth": truth, "predicted": truth + rng.normal(size=rows)}


def lists(rng, rows):
    truth = [rng.integers(0, 3, rng.integers(0, 5)) for _ in range(rows)]
    predicted = [list(row) + [0] * int(rng.integers(0, 4) == 0) for row in truth]
    predicted = [np.where(rng.random(len(row)) < 0.2, 7, row).astype(int) for row in predicted]
    return {"truth": ragged(truth, np.int64), "predicted": ragged(predicted, np.int64)}


ROWS = {kind.__name__: kind for kind in (classes, binary, integers, number, lists)}


def score(kind, columns, group):
    targets = TARGETS if KINDS[kind].per_target else ()
    names = ("truth", "predicted", "probabilities")
    return KINDS[kind].score(*(columns.get(name) for name in names), group, targets)


def rows_of(kind, seed, rows=60, groups=12):
    """Rows in groups of very different sizes."""
    rng = np.random.default_rng(seed)
    return ROWS[kind](rng, rows), np.floor(groups * rng.random(rows) ** 3).astype(int)


def weights_of(group):
    """The weight of each row: its groups count the same."""
    _, number, rows = np.unique(group, return_inverse=True, return_counts=True)
    return 1 / rows[number]


# --- values -----------------------------------------------------------------------------------------------------------


@few_rows
@given(st.integers(0, 2**32), st.integers(1, 80))
def test_classes_are_scored_as_by_scikit_learn(seed, rows):
    columns, group = rows_of("classes", seed, rows)
    truth, predicted, p = columns.values()
    weight, found = weights_of(group), score("classes", columns, group).values()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes that are predicted and never true
        expected = {
            "macro_f1": sk.f1_score(truth, predicted, labels=np.unique(truth), average="macro", sample_weight=weight),
            "balanced_accuracy": sk.balanced_accuracy_score(truth, predicted, sample_weight=weight),
            "log_loss": sk.log_loss(truth, p, labels=range(4), sample_weight=weight),
            "brier": np.average(np.sum((p - np.eye(4)[truth]) ** 2, axis=1), weights=weight),
            "overconfidence": np.average(p.max(axis=1) - (truth == predicted), weights=weight),
        }
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-7)
    del columns["probabilities"]
    assert score("classes", columns, group).values() == {name: found[name] for name in list(found)[:2]}


@few_rows
@given(st.integers(0, 2**32), st.integers(2, 80))
def test_yes_or_no_is_scored_as_by_scikit_learn(seed, rows):
    columns, group = rows_of("binary", seed, rows)
    columns["truth"][:2] = [True, False]
    given, weight = (*columns.values(),), weights_of(group)
    assert score("binary", columns, group).values() == pytest.approx(
        {
            "average_precision": sk.average_precision_score(*given, sample_weight=weight),
            "roc_auc": sk.roc_auc_score(*given, sample_weight=weight),
            "log_loss": sk.log_loss(*given, sample_weight=weight),
            "brier": sk.brier_score_loss(*given, sample_weight=weight),
        },
        rel=1e-6,
        abs=1e-7,
    )


@few_rows
@given(st.integers(0, 2**32), st.integers(3, 80))
def test_numbers_are_scored_as_by_scikit_learn(seed, rows):
    columns, group = rows_of("integers", seed, rows)
    truth, predicted = columns.values()
    weight = weights_of(group)
    expected = {"exact": np.average(np.all(truth == predicted, axis=1), weights=weight)}
    for name, y, guess in zip(TARGETS, truth.T, predicted.T, strict=True):
        expected[f"{name}_exact"] = sk.accuracy_score(y, guess, sample_weight=weight)
        expected[f"{name}_mae"] = sk.mean_absolute_error(y, guess, sample_weight=weight)
        expected[f"{name}_r2"] = sk.r2_score(y, guess, sample_weight=weight) if len(set(y)) > 1 else math.nan
    assert score("integers", columns, group).values() == pytest.approx(expected, rel=1e-6, abs=1e-7, nan_ok=True)

    columns, group = rows_of("number", seed, rows)
    given, weight = (*columns.values(),), weights_of(group)
    assert score("number", columns, group).values() == pytest.approx(
        {
            "r2": sk.r2_score(*given, sample_weight=weight),
            "mae": sk.mean_absolute_error(*given, sample_weight=weight),
            "rmse": sk.root_mean_squared_error(*given, sample_weight=weight),
        },
        rel=1e-6,
    )


@few_rows
@given(st.integers(0, 2**32), st.integers(1, 80))
def test_lists_by_brute_force(seed, rows):
    columns, group = rows_of("lists", seed, rows)
    truth, predicted = (
        [column.values[a:b].tolist() for a, b in zip(column.offsets[:-1], column.offsets[1:], strict=True)]
        for column in columns.values()
    )
    share = [
        0.0 if len(y) != len(guess) else np.mean([a == b for a, b in zip(y, guess, strict=True)]) if y else 1.0
        for y, guess in zip(truth, predicted, strict=True)
    ]
    exact = [y == guess for y, guess in zip(truth, predicted, strict=True)]
    assert score("lists", columns, group).values() == pytest.approx(
        {name: np.average(column, weights=weights_of(group)) for name, column in zip(("exact", "element_accuracy"), (exact, share), strict=True)},
        abs=1e-7,
    )  # fmt: skip


def test_perfect_and_hopeless_predictions():
    truth, group = np.array([0, 0, 1, 2]), np.array([5, 5, 6, 9])
    sure = score("classes", {"truth": truth, "predicted": truth, "probabilities": np.eye(3)[truth]}, group)
    assert list(sure.values().values()) == [1.0, 1.0, 0.0, 0.0, 0.0]
    wrong = np.array([1, 1, 2, 0])
    found = score("classes", {"truth": truth, "predicted": wrong, "probabilities": np.eye(3)[wrong]}, group).values()
    assert list(found.values()) == pytest.approx([0.0, 0.0, 52 * np.log(2), 2.0, 1.0])
    ranked = score("binary", {"truth": truth == 0, "probabilities": np.array([0.9, 0.8, 0.1, 0.2])}, group).values()
    assert ranked["average_precision"] == ranked["roc_auc"] == 1.0
    assert list(interval({"a": sure}).mean["macro_f1"]) == [1.0, 1.0, 1.0]


def test_integers_far_off_do_not_overflow():
    columns = {"truth": np.array([[1, 2], [3, 4]]), "predicted": np.array([[1, 2], [3 + 10**12, 4]])}
    found = score("integers", columns, np.arange(2)).values()
    assert found["h11_mae"] == 5e11 and found["h11_r2"] == pytest.approx(-5e23) and found["h21_r2"] == 1.0


def test_what_is_not_defined_is_nan():
    group = np.arange(4)
    none = score("binary", {"truth": np.zeros(4, bool), "probabilities": np.full(4, 0.5)}, group).values()
    assert math.isnan(none["average_precision"]) and math.isnan(none["roc_auc"])
    assert none["log_loss"] == pytest.approx(np.log(2))
    everything = score("binary", {"truth": np.ones(4, bool), "probabilities": np.full(4, 0.5)}, group).values()
    assert everything["average_precision"] == 1.0 and math.isnan(everything["roc_auc"])
    constant = {"truth": np.full(4, 0.1), "predicted": np.arange(4.0)}
    assert math.isnan(score("number", constant, group).values()["r2"])


@pytest.mark.parametrize("kind", KINDS)
def test_metrics_are_described_in_the_order_of_the_scores(kind):
    columns, group = rows_of(kind, 0)
    metrics = KINDS[kind].all_metrics(TARGETS if KINDS[kind].per_target else ())
    assert score(kind, columns, group).names == tuple(metric.name for metric in metrics)
    assert KINDS[kind].headline in score(kind, columns, group).values()
    assert KINDS[kind].name == kind


# --- what scores do not depend on ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@few_rows
@given(st.integers(0, 2**32), st.integers(1, 60))
def test_scores_do_not_depend_on_an_order(kind, seed, rows):
    """Not even in the last bit."""
    columns, group = rows_of(kind, seed, rows)
    rng, expected = np.random.default_rng(seed), str(score(kind, columns, group).values())
    order = rng.permutation(rows)
    assert str(score(kind, take(columns, order), group[order]).values()) == expected
    assert str(score(kind, columns, (2**40 * rng.permutation(12))[group]).values()) == expected


@pytest.mark.parametrize("kind", KINDS)
@few_rows
@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(2, 7))
def test_rows_that_repeat_within_their_group_say_nothing_new(kind, seed, rows, times):
    columns, group = rows_of(kind, seed, rows)
    again = np.concatenate([np.arange(rows)] + (times - 1) * [np.flatnonzero(group < 5)])
    expected, found = (score(kind, take(columns, some), group[some]) for some in (np.arange(rows), again))
    weights = np.random.default_rng(seed).multinomial(len(expected.groups), np.full(len(expected.groups), 1 / len(expected.groups)), 5).astype(float)  # fmt: skip
    if kind == "binary":
        assert found.at(weights) == pytest.approx(expected.at(weights), nan_ok=True)
    else:
        assert str(found.at(weights).tolist()) == str(expected.at(weights).tolist())


@pytest.mark.parametrize("kind", KINDS)
@few_rows
@given(st.integers(0, 2**32))
def test_a_weight_is_how_often_a_group_stands_there(kind, seed):
    columns, group = rows_of(kind, seed)
    scores = score(kind, columns, group)
    rng = np.random.default_rng(seed)
    drawn = rng.choice(scores.groups, len(scores.groups))
    parts = [np.flatnonzero(group == label) for label in drawn]
    rows, labels = np.concatenate(parts), np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    weights = np.array([[np.count_nonzero(drawn == label) for label in scores.groups]], dtype=float)
    expected = list(score(kind, take(columns, rows), labels).values().values())
    assert scores.at(weights)[0].tolist() == pytest.approx(expected, rel=1e-6, abs=1e-7, nan_ok=True)


@few_rows
@given(st.integers(0, 2**32), st.integers(0, 60))
def test_tallies_of_disjoint_rows_add_up(seed, cut):
    """To the last bit."""
    for kind, tally in (
        ("classes", lambda c, g: tally_classes(c["truth"], c["predicted"], c["probabilities"], g, 15, 4)),
        ("integers", lambda c, g: tally_integers(c["truth"], c["predicted"], g, 15, TARGETS)),
        ("lists", lambda c, g: tally_lists(c["truth"], c["predicted"], g, 15)),
    ):
        columns, group = rows_of(kind, seed)
        parts = [(take(columns, part), group[part]) for part in (np.arange(cut), np.arange(cut, 60))]
        total = tally(*parts[1]) + tally(*parts[0])
        assert str(total.scores().values()) == str(score(kind, columns, group).values())
        assert total.scores().groups.tolist() == sorted(set(group.tolist()))


def test_no_large_library_is_loaded():
    code = "import vacuagym.benchmark.metrics, sys; print({'sklearn', 'polars', 'pandas', 'numba'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


# --- intervals --------------------------------------------------------------------------------------------------------


def right_or_wrong(right, group=None):
    """Scores of the kind lists of one element each: exact is the share that is right."""
    right = np.asarray(right)
    offsets = np.arange(len(right) + 1, dtype=np.int32)
    columns = {"truth": Ragged(np.ones(len(right), int), offsets), "predicted": Ragged(right.astype(int), offsets)}
    return score("lists", columns, np.arange(len(right)) if group is None else group)


def test_intervals_are_those_of_a_binomial_share():
    right = np.arange(800) % 4 > 0
    value, low, high = interval({"a": right_or_wrong(right)}, 4000).mean["exact"]
    assert value == 0.75 and (low + high) / 2 == pytest.approx(0.75, abs=0.003)
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(0.75 * 0.25 / 800), rel=0.06)
    again = right_or_wrong(np.tile(right, 9), np.tile(np.arange(800), 9))
    assert interval({"a": again}, 4000).mean["exact"] == (value, low, high)


def test_intervals_are_those_of_scipy_at_the_level_of_student():
    """Of a skewed mean. Few groups leave few degrees of freedom: 2 / (relative variance of the variance)."""
    errors = np.random.default_rng(4).lognormal(size=60)
    columns = {"truth": np.zeros(60), "predicted": errors}
    _, low, high = interval({"a": score("number", columns, np.arange(60))}, 20_000).mean["mae"]
    student = 1 - 2 * stats.norm.sf(stats.t.isf(0.025, 2 * 60 / (stats.kurtosis(errors) + 2)))
    found, plain = (
        stats.bootstrap((errors,), np.mean, n_resamples=20_000, confidence_level=level, method="BCa", batch=500, rng=1)
        for level in (student, 0.95)
    )
    expected, plain = list(found.confidence_interval), list(plain.confidence_interval)
    assert [low, high] == pytest.approx(expected, abs=0.03 * (expected[1] - expected[0]))
    assert high - low > 1.08 * (plain[1] - plain[0])


def test_errors_of_skewed_groups_are_covered():
    """One group in a hundred holds a quarter of the rows, and the rows of a group have the same error."""
    rng, held = np.random.default_rng(0), 0
    for replication in range(300):
        sizes = np.where(rng.random(300) < 0.01, 60, 2)
        error = np.repeat(np.exp(rng.normal(size=300)), sizes)
        columns = {"truth": np.zeros(len(error)), "predicted": error}
        scores = score("number", columns, np.repeat(np.arange(300), sizes))
        _, low, high = interval({"a": scores}, 600, replication).mean["mae"]
        held += low <= np.exp(0.5) <= high
    assert 0.915 < held / 300 < 0.985


def test_families_are_resampled_independently():
    rng = np.random.default_rng(1)
    families = {name: right_or_wrong(rng.random(500) < 0.7) for name in "abcd"}
    report = interval(families, 4000)
    assert report == interval(families, 4000) != interval(families, 4000, seed=1)
    for name in families:
        assert report.families[name] == interval({name: families[name]}, 4000).mean
    width = {name: of["exact"].high - of["exact"].low for name, of in report.families.items()}
    value, low, high = report.mean["exact"]
    assert value == pytest.approx(np.mean([of["exact"].value for of in report.families.values()]))
    assert high - low == pytest.approx(np.sqrt(sum(w * w for w in width.values())) / 4, rel=0.05)


def test_differences_are_paired():
    rng = np.random.default_rng(2)
    first = rng.random(600) < 0.8
    second = np.where(rng.random(600) < 0.05, ~first, first)  # right and wrong together, but for a few
    pair = [{"a": right_or_wrong(right)} for right in (first, second)]
    value, low, high = compare(*pair, 4000).mean["exact"]
    assert value == pytest.approx(first.mean() - second.mean())
    spread = np.std(first.astype(int) - second) / np.sqrt(600)
    assert high - low == pytest.approx(2 * 1.96 * spread, rel=0.06)
    assert list(compare(pair[0], pair[0]).mean["exact"]) == [0.0, 0.0, 0.0]
    other = compare(pair[1], pair[0], 4000).mean["exact"]
    assert [-other.value, -other.high, -other.low] == pytest.approx([value, low, high], abs=0.003)


def test_differences_are_of_the_metrics_that_both_have():
    columns, group = rows_of("classes", 0)
    with_p = score("classes", columns, group)
    del columns["probabilities"]
    report = compare({"a": with_p}, {"a": score("classes", columns, group)})
    assert report.mean == {name: (0.0, 0.0, 0.0) for name in ("macro_f1", "balanced_accuracy")}


def test_predictions_of_other_groups_are_not_compared():
    a, b = right_or_wrong([True, False]), right_or_wrong([True, False], np.array([0, 2]))
    for second in ({"a": b}, {"b": a}, {"a": a, "b": a}):
        with pytest.raises(ValueError, match="of the same families and groups"):
            compare({"a": a}, second)


def test_one_group_has_no_interval():
    report = interval({"a": right_or_wrong([True, False], np.array([3, 3])), "b": right_or_wrong([True, False])})
    assert str(report.families["a"]["exact"]) == "Interval(value=0.5, low=nan, high=nan)"
    assert str(report.mean["exact"]) == "Interval(value=0.5, low=nan, high=nan)"
    assert list(report.families["b"]["exact"]) == [0.5, 0.0, 1.0]


@pytest.mark.parametrize("kind", KINDS)
@few_rows
@given(st.integers(0, 2**32), st.integers(2, 8))
def test_few_rows_have_intervals_too(kind, seed, rows):
    columns, group = rows_of(kind, seed, rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = interval({"a": score(kind, columns, group)}, 50)
    for value, low, high in report.mean.values():
        assert math.isnan(value) or math.isnan(low) or low <= high
