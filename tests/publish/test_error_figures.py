"""Errors of a learner: confusion, reliability and F1 against scikit-learn and against probabilities that are known."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from sklearn.metrics import confusion_matrix, f1_score

from vacuagym.publish import error_figures
from vacuagym.publish.error_figures import Predictions
from vacuagym.publish.figures import CLASS_COLOURS
from vacuagym.schema import CLASSES


def predictions(rows=6000, classes=3, seed=0):
    """Predictions whose probabilities are right, with random weights and margins; the first rows have no margin."""
    rng = np.random.default_rng(seed)
    p = np.zeros((rows, len(CLASSES)))
    p[:, :classes] = rng.dirichlet([0.5] * classes, rows)
    truth = np.array([rng.choice(len(CLASSES), p=row) for row in p])
    margin = np.exp(rng.random(rows))
    margin[: rows // 10] = np.nan
    return Predictions(truth, p, rng.choice([1.0, 0.5, 0.25], rows), margin)


def test_confusion_is_that_of_scikit_learn():
    found = predictions()
    expected = confusion_matrix(found.truth, found.said, sample_weight=found.weight, normalize="true")
    assert error_figures.confusion(found)[:3, :3] == pytest.approx(expected)
    assert np.isnan(error_figures.confusion(found)[3:]).all()


def test_probabilities_that_are_right_are_on_the_diagonal_and_others_are_not():
    found = predictions(30_000)
    points = error_figures.reliability(found, 0)
    assert len(points) == 10 and np.abs(points[:, 0] - points[:, 1]).max() < 0.06
    assert (np.abs(points[:, 0] - (np.arange(10) + 0.5) / 10) < 0.05).all()
    sure = found._replace(p=np.where(found.p > 0.5, 1.0, 0.0))
    (low, high) = error_figures.reliability(sure, 0)[[0, -1]]
    assert (low[0], high[0]) == (0.0, 1.0) and high[1] < 0.95


def test_f1_by_margin_is_that_of_scikit_learn_in_every_bin():
    found = predictions()
    points = error_figures.f1_by_margin(found, 1)
    assert len(points) == 6 and (np.diff(points[:, 0]) > 0).all()
    edges = np.nanquantile(found.margin, np.linspace(0, 1, 7))
    for (middle, f1), low, high in zip(points, edges, edges[1:], strict=False):
        rows = (found.margin >= low) & (found.margin <= high)
        assert middle == pytest.approx(np.median(found.margin[rows]), rel=0.01)
        values = f1_score(
            found.truth[rows], found.said[rows], labels=[1], average=None, sample_weight=found.weight[rows]
        )
        assert f1 == pytest.approx(values[0], abs=0.01)


def test_rare_classes_have_no_points():
    few = predictions(50)
    assert len(error_figures.f1_by_margin(few, 1)) == 0
    assert len(error_figures.reliability(few, 6)) == 1  # all rows have p = 0


@pytest.mark.parametrize(("text", "columns"), [("distance", 3), ("", 2)])
def test_a_row_of_panels_for_each_dataset(text, columns):
    found = {"ks": predictions(seed=1), "cicy3": predictions(seed=2)}
    figure = error_figures.errors(found, {"ks": "ks", "cicy3": "cicy3"}, text)
    assert len(figure.axes) == 2 * columns
    first, reliability = figure.axes[:2]
    assert first.get_title() == "Weight systems (ks)"
    assert [label.get_text() for label in first.get_yticklabels()] == list(CLASSES[:3])
    shares = [f"{share:.0%}" for share in error_figures.confusion(found["ks"])[:3, :3].ravel()]
    assert [label.get_text() for label in first.texts] == shares
    assert [to_hex(line.get_color()).upper() for line in reliability.lines[1:]] == list(CLASS_COLOURS.values())[:3]


def test_no_rows_are_empty_panels():
    nothing = Predictions(np.zeros(0, int), np.zeros((0, len(CLASSES))), np.zeros(0), np.zeros(0))
    figure = error_figures.errors({"ks": nothing}, {"ks": "ks"}, "distance")
    assert not any(axis.texts for axis in figure.axes)
