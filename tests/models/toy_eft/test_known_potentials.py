"""Labels of potentials whose critical points are known on paper."""

import numpy as np
import pytest
from scipy.optimize import brentq

from vacuagym.models.toy_eft import potential as toy
from vacuagym.models.toy_eft.labels import NOT_FINITE, Solver, solve_block

DELTA = 1e-8
STARTS = [[0.0, 0.0], [0.05, 0.03], [-1.1, -0.7], [0.8, -0.9], [-0.6, 1.0]]  # the reference, then one in each quadrant


def label(mass=(1.0, 2.0), shift=0.0, tilt=(0.0, 0.0), mixing=(0.0, 0.0, 0.0), quartic=0.25, amplitude=0.0, rate=1.0):
    """The label, as a dict of its row, of two fields without uplift."""
    couplings = np.array([[amplitude, rate, 0.0, 1.0, quartic, DELTA, shift, *tilt, *mass, *mixing]])
    table = solve_block(Solver(toy, 2), couplings, np.array([STARTS]))
    point = table.pop("critical_point").values
    return {name: column[0] for name, column in table.items() if isinstance(column, np.ndarray)} | {"point": point}


def test_a_convex_potential_is_stable():
    row = label()
    assert row["stability"] == "stable" and row["certified"]
    assert (row["n_pos"], row["n_neg"], row["n_flat"], row["n_distinct_minima"]) == (2, 0, 0, 1)
    assert row["potential_value"] == 0.0 and row["point"].tolist() == [0.0, 0.0]
    assert (row["min_eigenvalue"], row["max_eigenvalue"]) == pytest.approx((2, 8), rel=1e-11)
    assert 1.9 < row["min_abs_eigenvalue_bound"] <= 2
    assert np.isnan(row["barrier"])


def test_a_tilted_quadratic_has_its_minimum_where_linear_algebra_says():
    form, tilt = np.array([[1.0 + 0.25, 0.5], [0.5, 4.0 - 0.5]]), np.array([1.5, -0.75])
    row = label(tilt=tilt, mixing=(0.25, 0.5, -0.5), quartic=0.0)
    true = np.linalg.solve(-2 * form, tilt)
    assert row["stability"] == "stable" and row["certified"]
    np.testing.assert_allclose(row["point"], true, atol=1e-15)
    assert np.linalg.norm(row["point"] - true) <= row["certificate_radius"] + 1e-15
    assert row["potential_value"] == pytest.approx(0.5 * tilt @ true, rel=1e-14)
    np.testing.assert_allclose([row["min_eigenvalue"], row["max_eigenvalue"]], np.linalg.eigvalsh(2 * form), rtol=1e-11)


def test_between_two_wells_is_a_saddle():
    row = label(shift=-3.0)  # -2 x^2 + x^4 / 4 + y^2 + y^4 / 4
    assert row["stability"] == "saddle" and row["certified"]
    assert (row["n_pos"], row["n_neg"], row["n_distinct_minima"]) == (1, 1, 2)
    assert (row["min_eigenvalue"], row["max_eigenvalue"]) == pytest.approx((-4, 2), rel=1e-11)


def test_among_four_wells_is_a_maximum():
    row = label(shift=-6.0)  # -5 x^2 - 2 y^2 + (x^4 + y^4) / 4
    assert row["stability"] == "unstable" and row["certified"]
    assert (row["n_pos"], row["n_neg"], row["n_distinct_minima"]) == (0, 2, 4)


def test_a_cusp_above_two_wells_is_metastable_with_the_barrier_of_the_line_between():
    """On the axis y = 0, V = -2 x^2 + x^4 / 4 - exp(-s(x) - s(0)): the cusp at 0, a barrier, a well near x = 2."""

    def value(x):
        return -2 * x**2 + x**4 / 4 - np.exp(-np.sqrt(x**2 + DELTA) - np.sqrt(DELTA))

    def slope(x):
        s = np.sqrt(x**2 + DELTA)
        return -4 * x + x**3 + x / s * np.exp(-s - np.sqrt(DELTA))

    top = brentq(slope, 0.01, 1.0, xtol=1e-15)
    row = label(shift=-3.0, amplitude=1.0)
    assert row["stability"] == "metastable" and row["certified"]
    assert (row["n_pos"], row["n_distinct_minima"]) == (2, 3)
    assert row["potential_value"] == pytest.approx(value(0.0), rel=1e-15)
    assert row["min_eigenvalue"] == pytest.approx(-4 + np.exp(-2e-4) / 1e-4, rel=1e-9)
    assert row["barrier"] == pytest.approx(value(top) - value(0.0), rel=1e-12)


def test_a_cusp_above_an_abyss_is_metastable():
    row = label(shift=-3.0, amplitude=1.0, quartic=0.0)
    assert row["stability"] == "metastable" and row["certified"] and row["n_pos"] == 2


def test_falling_without_bound_is_a_runaway():
    row = label(shift=-3.0, quartic=0.0)  # -2 x^2 + y^2
    assert row["stability"] == "runaway"
    assert not row["minimization_success"] and not row["certified"] and not len(row["point"])
    assert np.isnan(row["potential_value"]) and row["failure_reason"] == ""


@pytest.mark.parametrize(
    ("potential", "signs"),
    [
        ({"shift": -1.0}, (1, 0)),  # x^4 / 4 + 3 y^2 + y^4 / 4
        ({"mass": (0.0, 0.0)}, (0, 0)),  # (x^4 + y^4) / 4
        ({"mass": (2.0, 1.0), "shift": -4.0}, (0, 1)),  # x^4 / 4 - 3 y^2 + y^4 / 4: a valley that falls both ways
        ({"mass": (0.0, 2.0), "quartic": 0.0}, (1, 0)),  # 4 y^2: a flat direction
        ({"mass": (1.0, 1.0), "mixing": (0.0, 1.0, 0.0), "quartic": 0.0}, (1, 0)),  # (x + y)^2
        ({"mass": (0.7, 1.3), "mixing": (0.0, 0.91, 0.0), "quartic": 0.0}, (1, 0)),  # (0.7 x + 1.3 y)^2, rounded
        ({"mass": (0.7, 1.3), "mixing": (0.0, 0.91, 0.0), "tilt": (0.7, 1.3), "quartic": 0.0}, (1, 0)),
    ],
)
def test_a_singular_hessian_is_marginal(potential, signs):
    row = label(**potential)
    assert row["stability"] == "marginal" and not row["certified"] and row["failure_reason"] == ""
    assert (row["n_pos"], row["n_neg"]) == signs and row["n_flat"] == 2 - sum(signs)
    assert np.isnan(row["certificate_radius"]) and row["min_abs_eigenvalue_bound"] == 0
    assert row["grad_norm"] < 1e-12 and row["minimization_success"]


def test_couplings_that_are_not_finite_fail_with_the_reason():
    row = label(tilt=(np.nan, 0.0))
    assert row["stability"] == "failed" and row["failure_reason"] == NOT_FINITE
    assert not row["minimization_success"] and not row["certified"]
