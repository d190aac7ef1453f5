"""Large-volume vacua: against the textbook, 50 digits of the full potential, and known geometries."""

import sys
from collections import Counter
from pathlib import Path

import mpmath
import numpy as np
import pytest

from vacuagym.models.kklt import labels, lvs, phases, points, potential

sys.path.insert(0, str(Path(__file__).parent))
from kklt_theories import LARGE_VOLUME, Exact, favourable, label, rows_of, space_of, theory_of

P11169 = 540 * 1.2020569031595942 / (2 * (2 * np.pi) ** 3)  # xi at g_s = 1


def swiss_cheese(cube, rate, size, xi):
    """The reduced threefold of one diagonal divisor: kappa, theory and cubes."""
    units, kappa = np.eye(2)[1:], np.zeros((2, 2, 2))
    kappa[0, 0, 0], kappa[1, 1, 1] = 1.0, cube
    theory = points.Theory(units, units, np.array([rate]), np.array([size]), np.array([0.7]), xi)
    return kappa, theory, np.array([cube])


def vacuum(cube, rate, size, xi, uplift=0.0, power=4 / 3):
    """tau_s, volume, V, half-width and sign of the vacuum, and its jet."""
    kappa, theory, cubes = swiss_cheese(cube, rate, size, xi)
    t, theta, jet = np.empty(2), np.empty(2), potential.new_jet(2, 1)
    half_width, sign = lvs.reduced_vacuum(kappa, theory, cubes, uplift, power, t, theta, jet)
    return cube * t[1] ** 2 / 2, jet.numbers[2], jet.numbers[0] + jet.numbers[1], half_width, sign, jet


def test_textbook_vacuum():
    """hep-th/0502058 with volume = (tau_b^(3/2) - tau_s^(3/2)) / 9 sqrt(2), W0 = A = g_s = 1, a = 2 pi, chi = -540."""
    tau, volume, value, half_width, sign, jet = vacuum(36.0, 2 * np.pi, 0.0, P11169)
    assert tau == pytest.approx(4.162713679684, rel=1e-12)
    assert volume == pytest.approx(4246871869.58, rel=1e-11)
    assert value == pytest.approx(-2.4491566849e-31, rel=1e-10)
    assert sign == -1 and half_width < 1e-9
    with mpmath.workdps(40):  # masses differ by 10^13
        metric = mpmath.matrix(jet.metric.tolist())
        factor = mpmath.cholesky(metric) ** -1
        of_t = mpmath.matrix(jet.hessian[:2, :2].tolist())
        lightest = min(mpmath.eigsy(factor * of_t * factor.T, eigvals_only=True)) / 2
    assert float(lightest) * -3 / value == pytest.approx(40.237, abs=1e-3)
    tau_10, volume_10, value_10, *_ = vacuum(36.0, 2 * np.pi / 10, 0.0, P11169 / 0.1**1.5)
    assert tau_10 == pytest.approx(10 * tau, rel=1e-9)
    assert value_10 == pytest.approx(value / 1000, rel=1e-9)


@pytest.mark.parametrize("size", [0.0, 25.0, 60.0])
def test_the_exact_vacuum_tends_to_the_one_at_leading_order(size):
    kappa, theory, cubes = swiss_cheese(9.0, 2 * np.pi, size, P11169 / 0.3**1.5)
    exponents = np.empty(1)
    log_volume = lvs.leading_order(theory, cubes, 0.0, 4 / 3, exponents)
    if size > 50.0:
        assert np.isnan(log_volume)  # the volume would be smaller than 1
        return
    tau, volume, *_ = vacuum(9.0, 2 * np.pi, size, P11169 / 0.3**1.5)
    assert np.log(volume) == pytest.approx(log_volume, abs=10 * theory.xi / volume + 1e-9)
    assert 2 * np.pi * tau == pytest.approx(exponents[0], abs=10 * theory.xi / volume + 1e-9)


def test_an_uplift_makes_a_minimum_above_zero_and_then_none():
    """A V of the volume's power 3 and an uplift of 4/3 leave V > 0 in a narrow range alone; without a point above it."""
    _, volume, value, *_ = vacuum(9.0, 2 * np.pi, 10.0, P11169 / 0.5**1.5)
    unit, signs = -value * volume ** (4 / 3), []
    for factor in np.linspace(0.0, 12.0, 97):
        *_, lifted, half_width, sign, _ = vacuum(9.0, 2 * np.pi, 10.0, P11169 / 0.5**1.5, factor * unit)
        signs.append(0 if np.isnan(half_width) else sign)
        assert sign == 0 or (lifted > 0) == (sign > 0)
    assert signs == sorted(signs, key=(-1, 1, 0).index)
    assert Counter(signs).keys() == {-1, 0, 1}


def example(geometry):
    """The features of one of the threefolds by which all code is compiled."""
    return {name: np.array(values[geometry]) for name, values in (labels._EXAMPLES | labels._EXAMPLE_NUMBERS).items()}


def test_the_contraction_of_a_known_threefold():
    """The base of P_{1,1,1,6,9}[18] has E^3 = 9, and H^3 = 9 for the class H with H E = 0."""
    row = example(1)
    space, inside = space_of(row)
    classes, rigid = phases.classes_of(space), row["holomorphic_euler_characteristics"] == 1
    (found,) = lvs.contractions(space, classes, rigid, inside)
    assert found.is_full and found.cubes.tolist() == [9.0] and found.cube == 9.0
    assert np.flatnonzero(rigid).tolist() == found.divisors.tolist()


def test_one_class_has_no_contraction():
    (row,) = rows_of(favourable(1, 1, 1, seed=4))
    space, inside = space_of(row)
    assert lvs.contractions(space, phases.classes_of(space), np.ones(5, bool), inside) == []


@pytest.fixture(scope="module")
def features():
    return favourable(60, 2, 4, seed=1)


@pytest.fixture(scope="module")
def table(features):
    return label(features, 6, **LARGE_VOLUME)


def test_full_vacua_stand_at_fifty_digits(features, table):
    """The row's point is near a critical point of V with all rigid divisors, whose Hessian has one direction without slope."""
    rows, checked = rows_of(features), 0
    for number, row in enumerate(rows_of(table)):
        if row["vacuum_type"] != "lvs_ads" or row["volume"] > 1e12:
            continue
        geometry = rows[number // 6]
        n, (space, inside) = int(geometry["n_fields"]), space_of(geometry)
        classes = phases.classes_of(space)
        ways = lvs.contractions(space, classes, geometry["holomorphic_euler_characteristics"] == 1, inside)
        assert any(phases.enter_phase(space, way.t) and way.is_full for way in ways)
        exact = Exact(space.kappa.copy(), theory_of(geometry, row, classes), 0.0, 4 / 3)
        with mpmath.workdps(50):
            point = [mpmath.mpf(x) for x in (*row["kahler_parameters"], *row["axions"])]
            step = mpmath.mpf("1e-14")
            for _ in range(3):
                gradient, hessian = exact.derivatives(point[:n], point[n:], step)
                values, vectors = mpmath.eigsy(hessian)
                flat = int(np.argmin([abs(x) for x in values]))
                assert abs(values[flat]) < abs(mpmath.mpf(row["potential_scaled"])) * mpmath.mpf("1e-12")
                assert all(x > 0 for k, x in enumerate(values) if k != flat)
                slopes = vectors.T * gradient
                move = [0 if k == flat else slopes[k] / values[k] for k in range(2 * n)]
                moved = vectors * mpmath.matrix(move)
                point = [x - y for x, y in zip(point, moved, strict=True)]
            assert max(abs(x) for x in moved) < mpmath.mpf("1e-15")
            _, volume, *_ = exact.parts(point[:n], point[n:])
            value = exact.value(point[:n], point[n:])
        assert float(volume) == pytest.approx(row["volume"], rel=1e-6)
        assert float(value) * float(volume) ** 2 == pytest.approx(row["potential_scaled"], rel=1e-5)
        assert row["n_pos"] == 2 * n - 1 and row["n_flat"] == 1 and row["min_eigenvalue"] == 0.0
        checked += 1
    assert checked >= 3


def test_vacua_with_flat_directions(features, table):
    """They are found where the rigid divisors do not span the classes, and are unstable as all these rows are."""
    kinds = Counter(table["vacuum_type"].tolist())
    assert kinds["lvs_partial"] >= 3
    for number, row in enumerate(rows_of(table)):
        if row["vacuum_type"] == "lvs_partial":
            n = int(features["n_fields"][number // 6])
            space, _ = space_of(rows_of(features)[number // 6])
            rigid = rows_of(features)[number // 6]["holomorphic_euler_characteristics"] == 1
            assert np.linalg.matrix_rank(phases.classes_of(space)[rigid]) < n
            assert row["stability"] == "unstable" and not row["minimization_success"]
            assert len(row["kahler_parameters"]) == 0 and row["n_pos"] + row["n_flat"] == 2 * n and row["n_pos"] == 3
            assert row["volume"] > 1 and row["xi_ratio"] > 0


def known(ways, order):
    """By the rays of the divisors before reordering, what depends on no basis: their kappa and, if it is unique, the rest's."""
    return {
        frozenset(order[way.divisors].tolist()): (sorted(way.cubes), way.cube if way.is_full else None) for way in ways
    }


def test_contractions_do_not_depend_on_order_and_bases_and_those_found_not_on_the_start(features):
    """Which ones are found depends on the start: a path may leave the certified phases."""
    rng, compared = np.random.default_rng(7), Counter()
    for geometry in rows_of(features):
        space, inside = space_of(geometry)
        rigid = geometry["holomorphic_euler_characteristics"] == 1
        found = known(lvs.contractions(space, phases.classes_of(space), rigid, inside), np.arange(len(rigid)))
        order = rng.permutation(len(rigid))
        rays = np.reshape(geometry["rays"], (-1, 4))[order].astype(int)
        bases = (np.sort(rng.permutation(len(rigid))[4:]) for _ in range(100))
        basis = next(some for some in bases if abs(round(np.linalg.det(np.delete(rays, some, axis=0)))) == 1)
        space, inside = space_of({"rays": rays.ravel(), "heights": geometry["heights"][order], "basis": basis})
        classes = phases.classes_of(space)
        assert known(lvs.contractions(space, classes, rigid[order], inside), order) == found
        start = inside / np.abs(inside).max() + 0.3 * rng.normal(size=len(inside))
        if phases.enter_phase(space, start) and np.einsum("ijk,i,j,k", space.kappa, start, start, start) > 0:
            again = known(lvs.contractions(space, classes, rigid[order], start), order)
            for divisors in found.keys() & again.keys():
                assert again[divisors] == found[divisors]
                compared[found[divisors][1] is not None] += 1
    assert compared[True] >= 5 and compared[False] >= 10, compared
