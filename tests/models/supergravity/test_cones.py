"""The cone of a row against the triangulation, its centre against scipy, random points against their distributions."""

import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.optimize
import scipy.stats

from vacuagym.geometry.polytopes import new_polytope
from vacuagym.geometry.triangulations import kahler_cone, new_fan, triangulate
from vacuagym.models.supergravity import cones, rays
from vacuagym.models.supergravity.cones import Cone

sys.path.insert(0, str(Path(__file__).parent))
from full_potential import four_cycles
from threefolds import TORIC, dense_kappa, rows_of, some_features


@pytest.fixture(scope="module", params=TORIC)
def rows(request):
    return rows_of(some_features(request.param, 20)) + rows_of(some_features(request.param, 3, 30, 80))


def cone_of(row):
    columns = (np.asarray(row[name], np.int64) for name in ("rays", "heights", "basis"))
    return cones.cone_of(*columns, new_polytope(), new_polytope(), new_fan())


def degrees_of(cone):
    """Both lists of a cone as matrices (curves, classes)."""
    m, n = len(cone.by_curve) - 1, len(cone.by_class) - 1
    one, other = np.zeros((2, m, n))
    one[np.repeat(np.arange(m), np.diff(cone.by_curve)), cone.classes] = cone.degrees
    other[cone.curves, np.repeat(np.arange(n), np.diff(cone.by_class))] = cone.of_class
    return one, other


def orthant(n):
    entries, ones = np.arange(n), np.ones(n)
    ends = np.arange(n + 1)
    return Cone(ends, entries, ones, ends, entries, ones)


def centre_of(cone, inside):
    t, s = inside.copy(), np.empty(len(cone.by_curve) - 1)
    cones.centre(cone, t, s)
    return t, s


def random_point(cone, t, s, rng):
    t, s = t.copy(), s.copy()
    cones.random_point(cone, rng.random(cones.SWEEPS * len(t)), t, s)
    return t, s


def test_cone_is_that_of_the_triangulation(rows):
    for row in rows:
        cone, inside = cone_of(row)
        by_curve, by_class = degrees_of(cone)
        assert np.array_equal(by_curve, by_class)
        assert np.array_equal(np.unique(by_curve, axis=0), kahler_cone(row))
        threefold = triangulate(np.reshape(row["rays"], (-1, 4)))
        assert np.array_equal(threefold.rays.ravel(), row["rays"]) and np.array_equal(threefold.basis, row["basis"])
        assert np.array_equal(inside, threefold.interior_point)
        assert (by_curve @ inside > 0).all()


def test_centre_is_the_analytic_centre(rows):
    for row in rows:
        cone, inside = cone_of(row)
        degrees, _ = degrees_of(cone)
        t, s = centre_of(cone, inside)
        assert (s > 0).all() and s.mean() == pytest.approx(1.0, rel=1e-12)
        assert s == pytest.approx(degrees @ t, rel=1e-9)
        gradient, hessian = degrees.T @ (1.0 - 1.0 / s), degrees.T @ (degrees / s[:, None] ** 2)
        assert np.sqrt(gradient @ np.linalg.solve(hessian, gradient)) < 1e-3
        assert (np.abs(gradient) < 2e-3 * np.sqrt(np.diag(hessian))).all()


def test_centre_against_scipy(rows):
    for row in rows[:6]:
        cone, inside = cone_of(row)
        degrees, _ = degrees_of(cone)

        def barrier(t, degrees=degrees):
            s = degrees @ t
            return np.sum(s - np.log(s)) if (s > 0).all() else np.inf

        found = scipy.optimize.minimize(
            barrier,
            inside / np.mean(degrees @ inside),
            jac=lambda t, degrees=degrees: degrees.T @ (1.0 - 1.0 / (degrees @ t)),
            hess=lambda t, degrees=degrees: degrees.T @ (degrees / (degrees @ t)[:, None] ** 2),
            method="trust-exact",
            options={"gtol": 1e-9},
        )
        t, s = centre_of(cone, inside)
        assert s == pytest.approx(degrees @ found.x, rel=5e-3)
        assert barrier(t) <= found.fun + 1e-6


@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_centre_of_the_orthant(n):
    t, s = centre_of(orthant(n), np.exp(np.random.default_rng(n).normal(0, 3, n)))
    assert t == pytest.approx(np.ones(n), abs=2e-3) and np.array_equal(s, t)


def test_random_points_of_the_orthant_are_exponential():
    """n exponential numbers over their mean: each, over n, has a beta distribution."""
    n, rng = 4, np.random.default_rng(0)
    points = np.array([random_point(orthant(n), np.ones(n), np.ones(n), rng)[0] for _ in range(4_000)])
    assert points.mean(axis=1) == pytest.approx(np.ones(4_000))
    for i in range(n):
        assert scipy.stats.kstest(points[:, i] / n, scipy.stats.beta(1, n - 1).cdf).pvalue > 1e-3
    assert np.corrcoef(points.T)[np.triu_indices(n, 1)] == pytest.approx(-1 / (n - 1), abs=0.05)


def test_sweeps_keep_the_distribution():
    """Of a cone with three curves in two classes: s = (x, y, x + y) has the density exp(-2 x - 2 y), and stays there."""
    degrees = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    by_curve, by_class = np.array([0, 1, 2, 4]), np.array([0, 2, 4])
    cone = Cone(by_curve, np.array([0, 1, 0, 1]), np.ones(4), by_class, np.array([0, 2, 1, 2]), np.ones(4))
    rng, shares = np.random.default_rng(1), []
    for t in rng.exponential(0.5, (4_000, 2)):
        point, s = random_point(cone, t, degrees @ t, rng)
        assert s == pytest.approx(degrees @ point) and s.mean() == pytest.approx(1.0)
        shares.append(point[0] / point.sum())
    assert scipy.stats.kstest(shares, "uniform").pvalue > 1e-3


def test_random_points_are_inside(rows):
    rng = np.random.default_rng(2)
    for row in rows:
        cone, inside = cone_of(row)
        degrees, _ = degrees_of(cone)
        centre, sizes = centre_of(cone, inside)
        points = np.array([random_point(cone, centre, sizes, rng)[0] for _ in range(20)])
        assert (points @ degrees.T > 0).all()
        assert (points @ degrees.T).mean(axis=1) == pytest.approx(np.ones(20))
        assert len(np.unique(points, axis=0)) == (1 if len(centre) == 1 else 20)


def test_divisors_and_their_coefficients_are_positive_inside(rows):
    rng = np.random.default_rng(3)
    for row in rows:
        cone, inside = cone_of(row)
        centre, sizes = centre_of(cone, inside)
        kappa = dense_kappa(row)
        for t in [centre, *(random_point(cone, centre, sizes, rng)[0] for _ in range(5))]:
            assert (t > 0).all() and (four_cycles(kappa, t) > 0).all()
            work = rays.workspace(len(t))
            triples = np.asarray(row["triple_intersection_indices"], np.int64)
            rays.intersect(triples, np.asarray(row["triple_intersection_numbers"], np.int64), t, work)
            assert work.tau == pytest.approx(four_cycles(kappa, t), rel=1e-9)
            assert work.matrix == pytest.approx(np.einsum("ijk,k->ij", kappa, t), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("low", "high"), [(-0.3, 1.7), (-2.0, 0.001), (-1e-3, 400.0)])
@pytest.mark.parametrize("rate", [0.0, 1e-12, 1e-4, 2.0, 30.0, -1e-12, -1e-4, -2.0, -30.0])
def test_cut_exponential(low, high, rate):
    u = np.linspace(0.0, 1.0, 101)[:-1]
    found = np.array([cones._cut_exponential(low, high, rate, x) for x in u])
    span = abs(rate) * (high - low)
    if span < 1e-9:
        expected = low + (high - low) * u
    elif rate > 0:
        expected = scipy.stats.truncexpon.ppf(u, span, low, 1 / rate)
    else:
        expected = -scipy.stats.truncexpon.ppf(u, span, -high, -1 / rate)
    assert found == pytest.approx(expected, rel=1e-7, abs=1e-7 * (high - low))


@pytest.mark.parametrize("rate", [0.01, 1.0, 50.0])
def test_cut_exponential_with_an_infinite_end(rate):
    u = np.linspace(0.0, 1.0, 101)[:-1]
    expected = scipy.stats.expon.ppf(u, -0.4, 1 / rate)
    assert [cones._cut_exponential(-0.4, np.inf, rate, x) for x in u] == pytest.approx(expected)
    assert [cones._cut_exponential(-np.inf, 0.4, -rate, x) for x in u] == pytest.approx(-expected)
    assert np.isfinite(cones._cut_exponential(-0.4, np.inf, rate, 1.0 - 2.0**-53))
