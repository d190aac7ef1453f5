"""The figures of a label model: every row where it lies, every critical point of an example."""

import numpy as np
import polars as pl
import pytest
from matplotlib.colors import to_rgba

from vacuagym.models.base import Curve
from vacuagym.publish import figures, portraits

ROWS = pl.DataFrame(
    {
        "stability": ["stable", "saddle", "stable", "saddle", "stable", "stable", "runaway"],
        "proved": [True, True, True, True, False, True, True],
        "x": [1e-3, 1e-4, 1e-5, 0.0, 1e-3, 1e-2, 1e-2],
        "y": [0.1, 3.0, 0.5, 5.0, 0.45, 10.0, float("nan")],
    }
)


def test_rows_are_drawn_where_they_lie_and_left_out_where_they_have_no_place():
    figure = portraits.phases({"ks": ROWS, "cicy3": ROWS[:1]}, {"ks": "ks", "cicy3": "cicy3"}, ("one", "other"))
    left, right = figure.axes
    (dots,) = left.collections
    drawn = {
        (*xy, colour)
        for xy, colour in zip(map(tuple, dots.get_offsets()), map(tuple, dots.get_facecolors()), strict=True)
    }
    there = [
        (row["x"], row["y"], row["stability"]) for row in ROWS.iter_rows(named=True) if row["x"] > 0 and row["y"] > 0
    ]
    assert drawn == {(x, y, to_rgba(figures.CLASS_COLOURS[name])) for x, y, name in there}
    assert len(right.collections[0].get_offsets()) == 1
    assert (left.get_xlabel(), left.get_ylabel(), left.get_title()) == ("one", "other", "Weight systems (ks)")
    assert [text.get_text() for text in figure.legends[0].texts] == ["stable", "saddle"]


def test_the_typical_row_is_proved_and_nearest_to_the_median_of_its_class():
    assert portraits.typical(ROWS) == {"stable": 2, "saddle": 1, "runaway": 6}
    assert portraits.typical(ROWS[:0]) == {}


@pytest.mark.parametrize("critical", [[(2.0, -1.0), (4.0, 0.5)], [(2.0, -1.0), (90.0, 1e-3)], []])
def test_potentials_show_their_critical_points(critical):
    x = np.linspace(1.0, 6.0, 50)
    curve = Curve(x, np.cos(x), np.array(critical).reshape(-1, 2))
    figure = portraits.potentials([portraits.Example("saddle", "ks 3, draw 1", "2 of 8 M² < 0", curve)], ("x", "V"))
    (axis,) = figure.axes
    _, line, dots = axis.lines
    assert (
        line.get_color() == figures.CLASS_COLOURS["saddle"]
        and line.get_xydata().tolist() == np.stack(curve[:2], 1).tolist()
    )
    assert list(map(tuple, dots.get_xydata())) == critical
    low, high = axis.get_ylim()
    assert all(low < value < high for _, value in critical) and low < 0 < high
    assert {text.get_text() for text in axis.texts} == {
        "saddle",
        "2 of 8 M² < 0",
    } and axis.get_title() == "ks 3, draw 1"


def test_no_example_is_an_empty_panel(tmp_path):
    figures.save(portraits.potentials([], ("x", "V")), tmp_path / "empty.png")
    assert (tmp_path / "empty.png").stat().st_size > 0
