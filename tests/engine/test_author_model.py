"""The double well, written as an author of a model would: known answers, and tables that hold what they declare."""

import hashlib
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from vacuagym import engine, models
from vacuagym.engine import certify as certificates
from vacuagym.engine import labels as labelling
from vacuagym.engine.search import CLIMB, CONVERGED, DESCEND, NEWTON, STALLED
from vacuagym.tables.columns import Ragged, n_rows, take


def _load(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


QUARTIC = _load("quartic").module()
MODEL, PARAMETERS = models.resolve("toy_eft")
ONE = np.zeros(1, dtype=np.int64)


def _mixed(geometries=60):
    return {"geometry_id": np.arange(geometries), "n_moduli": (2 + (np.arange(geometries) * 7) % 9).astype(np.int32)}


def _label(features, n_draws=3):
    return engine.label(MODEL, PARAMETERS, 1, "ks", features, n_draws, 3)


def _digest(table):
    state = hashlib.sha256()
    for name, column in table.items():
        for array in (column.values, column.offsets) if isinstance(column, Ragged) else (column,):
            state.update(name.encode() + np.ascontiguousarray(array).tobytes())
    return state.hexdigest()


def test_minima_saddle_and_barrier_of_the_double_well():
    """V = sum (x^2 - 1)^2 in two dimensions: minima (+-1, +-1), H = 8, V = 0; saddles (0, +-1), V = 1; top (0, 0), H = -4."""
    solver, c = labelling.Solver(QUARTIC, 2), np.zeros((1, 2))
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
    heights, _ = labelling.barrier_heights(
        solver, 2, c, ONE, np.array([[-1.0, 1.0]]), np.zeros(1), np.array([[1.0, 1.0]])
    )
    assert heights[0] == pytest.approx(1.0, abs=1e-12)


def _tilted(tilt, reference, others):
    starts = np.array([[[reference], *([x] for x in others)]])
    return labelling.solve_block(QUARTIC, labelling.Solver(QUARTIC, 1), np.array([[tilt]]), starts)


def test_tilted_well_is_metastable_with_the_barrier_of_its_cubic():
    row = _tilted(0.5, 1.1, [0.9, -0.9, -1.2])
    low, top, high = np.sort(np.roots([4.0, 0.0, -4.0, 0.5]).real)
    height = ((top**2 - 1) ** 2 + 0.5 * top) - ((high**2 - 1) ** 2 + 0.5 * high)
    assert row["stability"][0] == "metastable" and row["n_distinct_minima"][0] == 2
    assert row["critical_point"].values[0] == pytest.approx(high, abs=1e-12)
    assert row["barrier"][0] == pytest.approx(height, abs=1e-12)
    row = _tilted(0.5, -1.1, [0.9, -0.9, -1.2])
    assert row["stability"][0] == "stable" and np.isnan(row["barrier"][0])
    assert row["critical_point"].values[0] == pytest.approx(low, abs=1e-12)


def test_lower_vacuum_at_infinity_makes_a_minimum_metastable(monkeypatch):
    assert _tilted(0.0, 1.0, [1.0])["stability"][0] == "stable"
    monkeypatch.setattr(QUARTIC, "VALUE_AT_INFINITY", -1.0)
    assert _tilted(0.0, 1.0, [1.0])["stability"][0] == "metastable"


def test_where_two_critical_points_merge_nothing_is_proved():
    """At tilt 8 / (3 sqrt 3) minimum and maximum merge at x = 1 / sqrt 3, where V'' = 0."""
    x = 1 / np.sqrt(3.0)
    _, report = labelling.Solver(QUARTIC, 1).certify(np.array([[8 * x / 3]]), ONE, np.array([[x]]))
    assert report[0, certificates.CERTIFIED] == 0 and report[0, certificates.GAP] == 0


def test_search_without_a_critical_point_stalls():
    c = np.zeros((1, MODEL.n_couplings(2)))
    c[0, [1, 3, 5, 7, 8]] = [1.0, 1.0, 1e-8, 1.0, 1.0]  # a linear potential
    _, _, outcomes, turns = labelling.Solver(MODEL, 2).search(NEWTON, c, ONE, np.ones((1, 2)))
    assert outcomes[0] == STALLED and turns[0] == labelling.MAX_TURNS[NEWTON]


def test_table_has_the_declared_columns_and_types():
    features = _mixed()
    features["n_moduli"][3] = 0
    table = _label(features)
    columns = engine.label_columns(MODEL)
    assert [column.name for column in columns] == list(table)
    for column in columns:
        values = table[column.name]
        if isinstance(values, Ragged):
            assert column.type == f"list<{values.values.dtype}>", column.name
        else:
            assert column.type == ("string" if values.dtype.kind == "U" else str(values.dtype)), column.name
        assert n_rows({column.name: values}) == 180
    has_point = ~np.isin(table["stability"], ["runaway", "failed"])
    lengths = np.diff(table["critical_point"].offsets)
    np.testing.assert_array_equal(lengths, np.where(has_point, table["n_fields"], 0))
    np.testing.assert_array_equal(table["n_pos"] + table["n_neg"] + table["n_flat"], lengths)
    np.testing.assert_array_equal(table["certified"], has_point & (table["stability"] != "marginal"))
    assert (table["barrier"][np.isfinite(table["barrier"])] > 0).all()


@pytest.mark.parametrize("bad", [0, -4, np.nan])
def test_bad_input_fails_alone(bad):
    features = _mixed()
    good = _label(features)
    features["n_moduli"] = features["n_moduli"].astype(np.float64)
    features["n_moduli"][7] = bad
    table = _label(features)
    assert n_rows(table) == 180 and (table["stability"][21:24] == "failed").all()
    assert (table["failure_reason"][21:24] == labelling.BAD_SIZE).all()
    others = np.r_[0:21, 24:180]
    ours, theirs = take(table, others), take(good, others)
    assert all(np.array_equal(ours[name], theirs[name]) for name in ("stability", "n_iterations", "n_distinct_minima"))
    assert ours["critical_point"].values.tobytes() == theirs["critical_point"].values.tobytes()


@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_poisoned_couplings_do_not_touch_their_neighbours_in_the_lanes(poison):
    rows, n = 24, 3
    c, starts = np.full((rows, n), 0.2), np.random.default_rng(0).uniform(-1, 1, (rows, 4, n))
    solver = labelling.Solver(QUARTIC, n)
    good = labelling.solve_block(QUARTIC, solver, c, starts)
    c[5, 1] = poison
    table = labelling.solve_block(QUARTIC, solver, c, starts)
    assert table["stability"][5] == "failed" and table["failure_reason"][5] == labelling.NOT_FINITE
    others = np.delete(np.arange(rows), 5)
    for name in ("stability", "potential_value", "certificate_radius", "barrier"):
        assert table[name][others].tobytes() == good[name][others].tobytes(), name


def test_size_of_blocks_changes_nothing(monkeypatch):
    table = _label(_mixed())
    monkeypatch.setattr(labelling, "BLOCK_ROWS", 5)
    assert _digest(_label(_mixed())) == _digest(table)


def test_more_draws_keep_the_first_ones():
    few, many = _label(_mixed(), n_draws=2), _label(_mixed(), n_draws=3)
    assert _digest(few) == _digest(take(many, np.flatnonzero(many["sample"] < 2)))
