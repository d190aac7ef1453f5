"""The search on another potential than the toy's: a tilted double well, with known answers."""

import hashlib
import importlib.util
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from numba.core.extending import register_jitable

from vacuagym.geometry import FAMILIES
from vacuagym.models.toy_eft import certificates
from vacuagym.models.toy_eft import labels as labelling
from vacuagym.models.toy_eft.barriers import barrier_heights
from vacuagym.models.toy_eft.columns import label_columns
from vacuagym.models.toy_eft.search import CLIMB, CONVERGED, DESCEND, NEWTON
from vacuagym.tables.arrays import Ragged, n_rows

ONE = np.zeros(1, dtype=np.int64)


@pytest.fixture(scope="module")
def wells():
    """The potential of wells.py, under a name that changes with it: compiled code is cached by this name."""
    path = Path(__file__).with_name("wells.py")
    name = f"wells_{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def tilted(potential, tilt, reference, others):
    """The labels of one row with one field."""
    starts = np.array([[[reference], *([x] for x in others)]])
    return labelling.solve_block(labelling.Solver(potential, 1), np.array([[tilt]]), starts)


def test_the_potential_gives_a_table_of_its_columns(wells):
    ids = np.arange(40)
    features = {"geometry_id": ids, "geometry_key": ids, "n_moduli": (ids % 4).astype(np.int32)}
    table = labelling.label({"tilt": 0.5}, 1, FAMILIES["ks"], features, 2, 3, potential=wells)
    columns = label_columns(wells.REGIMES, wells.COUPLINGS)
    assert [column.name for column in columns] == list(table)
    for column in columns:
        values = table[column.name]
        if isinstance(values, Ragged):
            assert column.type == f"list<{values.values.dtype}>", column.name
        else:
            assert column.type == ("string" if values.dtype.kind == "U" else str(values.dtype)), column.name
        assert n_rows({column.name: values}) == 80
    without = np.repeat(features["n_moduli"] == 0, 2)
    assert (table["stability"][without] == "failed").all() and np.isnan(table["tilt"][without]).all()
    assert (np.abs(table["tilt"][~without]) <= 0.5).all() and table["certified"][~without].all()
    # Newton's method leads from 0 to the only maximum, n negative eigenvalues
    assert (table["stability"][~without] == "unstable").all()


def test_minima_saddle_and_barrier_of_the_double_well(wells):
    """V = sum (x^2 - 1)^2 in two dimensions: minima (+-1, +-1), H = 8, V = 0; saddles (0, +-1), V = 1; top (0, 0), H = -4."""
    solver, c = labelling.Solver(wells, 2), np.zeros((1, 1))
    starts = np.array([[0.3, 0.4], [-0.2, 0.9], [1.5, -1.2]])
    ends, values, outcomes, _ = solver.search(DESCEND, c, np.zeros(3, dtype=np.int64), starts)
    assert (outcomes == CONVERGED).all()
    np.testing.assert_allclose(np.abs(ends), 1.0, atol=1e-12)
    np.testing.assert_allclose(values, 0.0, atol=1e-12)
    saddle, value, outcomes, _ = solver.search(CLIMB, c, ONE, np.array([[-0.8, 1.0]]), np.array([[1.0, 0.0]]))
    assert outcomes[0] == CONVERGED and value[0] == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_allclose(saddle, [[0.0, 1.0]], atol=1e-12)
    points = np.array([[1.0, -1.0], [0.0, 1.0], [0.0, 0.0]])
    _, report = solver.certify(c, np.zeros(3, dtype=np.int64), points)
    np.testing.assert_array_equal(report[:, certificates.CERTIFIED], 1)
    np.testing.assert_array_equal(report[:, certificates.N_NEGATIVE], [0, 1, 2])
    np.testing.assert_allclose(report[:, certificates.SMALLEST], [8, -4, -4], rtol=1e-12)
    np.testing.assert_allclose(report[:, certificates.LARGEST], [8, 8, -4], rtol=1e-12)
    gap = report[:, certificates.GAP]
    assert (gap <= [8, 4, 4]).all() and (gap > 2).all()
    heights, _ = barrier_heights(solver, c, ONE, np.array([[-1.0, 1.0]]), np.zeros(1), np.array([[1.0, 1.0]]))
    assert heights[0] == pytest.approx(1.0, abs=1e-12)


def test_tilted_well_is_metastable_with_the_barrier_of_its_cubic(wells):
    row = tilted(wells, 0.5, 1.1, [0.9, -0.9, -1.2])
    low, top, high = np.sort(np.roots([4.0, 0.0, -4.0, 0.5]).real)
    height = ((top**2 - 1) ** 2 + 0.5 * top) - ((high**2 - 1) ** 2 + 0.5 * high)
    assert row["stability"][0] == "metastable" and row["n_distinct_minima"][0] == 2
    assert row["critical_point"].values[0] == pytest.approx(high, abs=1e-12)
    assert row["barrier"][0] == pytest.approx(height, abs=1e-12)
    row = tilted(wells, 0.5, -1.1, [0.9, -0.9, -1.2])
    assert row["stability"][0] == "stable" and np.isnan(row["barrier"][0])
    assert row["critical_point"].values[0] == pytest.approx(low, abs=1e-12)


def test_lower_vacuum_at_infinity_makes_a_minimum_metastable(wells, monkeypatch):
    assert tilted(wells, 0.0, 1.0, [1.0])["stability"][0] == "stable"
    monkeypatch.setattr(wells, "VALUE_AT_INFINITY", -1.0)
    assert tilted(wells, 0.0, 1.0, [1.0])["stability"][0] == "metastable"


@register_jitable
def escapes_beyond(n, c, state, gradient, work):
    return state[0] > 1.5


def test_an_escape_is_lower_if_it_has_no_bottom_or_a_lower_one(wells):
    """The wells, with the region x > 1.5 declared to lead to infinity."""
    potential = type(sys)("open_wells")
    vars(potential).update(vars(wells) | {"escapes": escapes_beyond})
    for at_infinity, stability in ((math.inf, "metastable"), (1.0, "stable"), (-1.0, "metastable")):
        potential.VALUE_AT_INFINITY = at_infinity
        row = tilted(potential, 0.0, -1.0, [-1.1, 2.0])
        assert row["stability"][0] == stability and row["minimization_success"][0]
        # without a descent to a minimum: a runaway, but where the reference is a certified minimum
        assert tilted(potential, 0.0, 0.0, [2.0, 3.0])["stability"][0] == "runaway"
        assert tilted(potential, 0.0, -1.0, [2.0, 3.0])["stability"][0] == stability


def test_where_no_descent_ends_the_point_of_newton_is_still_classified(wells, monkeypatch):
    monkeypatch.setattr(labelling, "MAX_TURNS", labelling.MAX_TURNS | {DESCEND: 1})
    row = tilted(wells, 0.0, 0.1, [0.5, -0.5])
    assert row["stability"][0] == "unstable" and row["certified"][0] and not row["minimization_success"][0]
    monkeypatch.setattr(labelling, "MAX_TURNS", labelling.MAX_TURNS | {DESCEND: 1, NEWTON: 1})
    row = tilted(wells, 0.0, 0.1, [0.5, -0.5])
    assert row["stability"][0] == "failed" and row["failure_reason"][0] == labelling.NO_END
    assert not len(row["critical_point"].values) and np.isnan(row["potential_value"][0])


def test_where_two_critical_points_merge_nothing_is_proved(wells):
    """At tilt 8 / (3 sqrt 3) minimum and maximum merge at x = 1 / sqrt 3, where V'' = 0."""
    x = 1 / np.sqrt(3.0)
    _, report = labelling.Solver(wells, 1).certify(np.array([[8 * x / 3]]), ONE, np.array([[x]]))
    assert report[0, certificates.CERTIFIED] == 0 and report[0, certificates.GAP] == 0


@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_poisoned_couplings_do_not_touch_their_neighbours_in_the_lanes(wells, poison):
    rows, n = 24, 3
    c, starts = np.full((rows, 1), 0.2), np.random.default_rng(0).uniform(-1, 1, (rows, 4, n))
    solver = labelling.Solver(wells, n)
    good = labelling.solve_block(solver, c, starts)
    c[5] = poison
    table = labelling.solve_block(solver, c, starts)
    assert table["stability"][5] == "failed" and table["failure_reason"][5] == labelling.NOT_FINITE
    others = np.delete(np.arange(rows), 5)
    for name in ("stability", "potential_value", "certificate_radius", "barrier"):
        assert table[name][others].tobytes() == good[name][others].tobytes(), name
