"""The supergravity model against published vacua, the general potential, brute force and its own exact symmetries."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vacuagym.errors import InputError
from vacuagym.geometry import FAMILIES
from vacuagym.models.parameters import pack
from vacuagym.models.supergravity import MODEL, THREEFOLDS, labels, lattices, priors, ray, solve
from vacuagym.models.supergravity.columns import CLASSES, VACUUM_TYPES
from vacuagym.models.supergravity.priors import alpha_prime
from vacuagym.tables.arrays import Ragged, ragged, take

sys.path.insert(0, str(Path(__file__).parent))
from full_potential import (
    Theory,
    derivatives,
    follow,
    four_cycles,
    masses_squared,
    refine,
    supersymmetry,
    value,
    volume,
)

TETRAQUADRIC = np.array(
    [[[2.0 * (len({i, j, k}) == 3) for i in range(4)] for j in range(4)] for k in range(4)]
)  # P1^4[2,2,2,2]: d_rst = 2 for three different factors
WORK = np.empty(ray.N_WORK)


def problem(log_ratio, xi_ratio, uplift, power, sign=1.0):
    return ray.Problem(*map(float, (log_ratio, xi_ratio, uplift, power, sign)))


def critical_points(given_problem, low=1.0, high=1e6):
    """x of all critical points, and whether the search is complete."""
    roots = np.empty((ray.MAX_ROOTS, 4))
    n, complete, *_ = ray.find_zeros(ray.SLOPE, given_problem, low, high, WORK, roots)
    return roots[:n, 0].copy(), complete


def ray_masses(given_problem, x):
    return ray.masses_at(given_problem, x, WORK)


# --- KKLT: K = -3 ln(T + Tbar) is kappa = 1/36, since then volume^2 = (2 tau)^3 -------------------------------------------

KKLT_W0, KKLT_RATE = 1e-4, 0.1


def kklt(uplift=0.0):
    """The problem of hep-th/0301240 with V = ... + uplift / sigma^3 = 8 uplift / volume^2."""
    return problem(np.log(1.0 / KKLT_W0), 0.0, 8.0 * uplift / KKLT_W0**2, 2.0)


def kklt_value(given_problem, x):
    return ray_masses(given_problem, x).potential * KKLT_W0**2 / (8.0 * (x / KKLT_RATE) ** 3)


def test_kklt_vacuum():
    (x,), complete = critical_points(kklt(), high=300.0)
    masses = ray_masses(kklt(), x)
    assert complete
    assert x / KKLT_RATE == pytest.approx(113.589124073558, rel=1e-13)
    assert kklt_value(kklt(), x) == pytest.approx(-1.99657689577396e-15, rel=1e-12)
    to_bf = 3.0 / abs(masses.potential)
    assert masses.ray * to_bf == pytest.approx((2 * x + 1) * (2 * x + 4), rel=1e-11)
    assert masses.ray * to_bf == pytest.approx(633.6887, rel=1e-6)
    assert masses.ray_axion * to_bf == pytest.approx(2 * x * (2 * x + 3), rel=1e-11)
    assert masses.ray_axion * to_bf == pytest.approx(584.2530, rel=1e-6)


def test_kklt_uplifted():
    (minimum, top), complete = critical_points(kklt(3e-9))
    assert complete
    assert minimum / KKLT_RATE == pytest.approx(114.894, rel=1e-5)
    assert kklt_value(kklt(3e-9), minimum) == pytest.approx(1.7665e-17, rel=1e-4)
    assert top / KKLT_RATE == pytest.approx(139.28, rel=1e-4)


@pytest.mark.parametrize(("uplift", "kind"), [(2.97321228507534e-9, "minkowski"), (7.86124349153289e-9, "runaway")])
def test_kklt_class_boundaries(uplift, kind):
    below, above = (critical_points(kklt(uplift * (1 + shift)))[0] for shift in (-1e-9, 1e-9))
    if kind == "minkowski":
        assert kklt_value(kklt(uplift * (1 - 1e-9)), below[0]) < 0 < kklt_value(kklt(uplift * (1 + 1e-9)), above[0])
    else:
        assert len(below) == 2
        assert len(above) == 0


@pytest.mark.parametrize("kappa", [1.0, 5.0, 36.0])
def test_volume_form_of_the_kaehler_potential_rescales_kklt(kappa):
    """K = -2 ln volume: V is multiplied by 36 kappa at the same sigma."""
    theory = Theory(np.full((1, 1, 1), kappa), 0.0, -KKLT_W0, np.ones(1), np.full(1, KKLT_RATE))
    t = np.sqrt(2 * 113.589124073558 / kappa) * np.ones(1)
    assert derivatives(theory, t).value == pytest.approx(-1.99657689577396e-15 * 36 * kappa, rel=1e-9)
    assert np.abs(supersymmetry(theory, t) * four_cycles(theory.kappa, t))[0] < 1e-12 * KKLT_W0


# --- the large-volume vacuum on P_{1,1,1,6,9} (hep-th/0502058) ------------------------------------------------------------


def large_volume(rate=2 * np.pi, string_coupling=1.0):
    """volume = (tau_b^(3/2) - tau_s^(3/2)) / (9 sqrt 2) is kappa_bbb = kappa_sss = 36 with t^s < 0; no instanton on tau_b."""
    kappa = np.zeros((2, 2, 2))
    kappa[0, 0, 0] = kappa[1, 1, 1] = 36.0
    return Theory(kappa, alpha_prime(-540, string_coupling), -1.0, np.array([0.0, 1.0]), np.array([0.0, rate]))


def newton(theory, t):
    """Newton's method for dV = 0 in ln |t|."""
    for _ in range(60):
        d = derivatives(theory, t)
        gradient = t * d.gradient
        hessian = np.outer(t, t) * d.hessian + np.diag(gradient)
        scale = 1.0 / np.sqrt(np.abs(np.diag(hessian)))
        step = scale * np.linalg.solve(hessian * np.outer(scale, scale), -gradient * scale)
        t = t * np.exp(np.clip(step, -0.3, 0.3))
        if np.abs(step).max() < 1e-15:
            break
    return t


def large_volume_vacuum(theory, rate):
    alpha, xi = 1 / (9 * np.sqrt(2)), theory.xi
    x = 10.0
    for _ in range(200):  # the leading closed form: xi = 32 alpha tau^(3/2) x (x - 1) / (4 x - 1)^2, x = a tau
        tau = (xi * (4 * x - 1) ** 2 / (32 * alpha * x * (x - 1))) ** (2 / 3)
        x = rate * tau
    v = 3 * alpha * np.sqrt(tau) * np.exp(x) * (x - 1) / (rate * (4 * x - 1))
    big = (v / alpha) ** (2 / 3)
    return newton(theory, np.array([np.sqrt(big / 18), -np.sqrt(tau / 18)]))


def volume_mode(theory, t):
    """m^2 L^2 of the lighter of two moduli. The other's is 4e13 times as large: doubles would leave three digits of this."""
    if np.finfo(np.longdouble).eps > 1e-18:
        pytest.skip("this machine has no floating-point numbers beyond doubles")
    theory = Theory(*(np.longdouble(part) for part in theory))
    t = np.longdouble(t)
    for _ in range(3):  # Newton steps in ln |t|
        d = derivatives(theory, t)
        gradient, hessian = t * d.gradient, np.outer(t, t) * d.hessian + np.diag(t * d.gradient)
        t = t * np.exp(-_adjugate(hessian) @ gradient / _determinant(hessian))
    d = derivatives(theory, t)
    sum_of_both = np.trace(_adjugate(d.metric) @ d.hessian) / _determinant(d.metric)
    product = _determinant(d.hessian) / _determinant(d.metric)
    lighter = product / (sum_of_both / 2 + np.sqrt(sum_of_both**2 / 4 - product))
    return float(3 * (lighter / 2) / abs(d.value))


def _determinant(matrix):
    return matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0]


def _adjugate(matrix):
    return np.array([[matrix[1, 1], -matrix[0, 1]], [-matrix[1, 0], matrix[0, 0]]])


def test_large_volume_vacuum():
    theory = large_volume()
    t = large_volume_vacuum(theory, 2 * np.pi)
    d = derivatives(theory, t)
    assert theory.xi == pytest.approx(1.30842606, rel=1e-8)
    assert four_cycles(theory.kappa, t)[1] == pytest.approx(4.162713679684, rel=1e-11)
    assert volume(theory.kappa, t) == pytest.approx(4246871869.58, rel=1e-9)
    assert d.value == pytest.approx(-2.4491566849e-31, rel=1e-9)
    assert volume_mode(theory, t) == pytest.approx(40.237, abs=5e-4)
    axions = masses_squared(d.axion_hessian, d.metric)
    assert np.abs(axions[0]) < 1e-12 * axions[1]  # the volume axion is flat


def test_large_volume_rescaling():
    """a -> a / 10, g_s -> 0.1: tau_s x 10, V / 1000, the same m^2 L^2."""
    one, other = large_volume(), large_volume(0.2 * np.pi, 0.1)
    t = large_volume_vacuum(one, 2 * np.pi)
    s = large_volume_vacuum(other, 0.2 * np.pi)
    assert four_cycles(other.kappa, s)[1] == pytest.approx(10 * four_cycles(one.kappa, t)[1], rel=1e-11)
    first, second = derivatives(one, t), derivatives(other, s)
    assert second.value == pytest.approx(first.value / 1000, rel=1e-9)
    heavy = [masses_squared(d.hessian, d.metric)[1] / abs(d.value) for d in (first, second)]
    assert heavy[0] == pytest.approx(heavy[1], rel=1e-9)
    assert volume_mode(one, t) == pytest.approx(volume_mode(other, s), rel=1e-9)


# --- the general potential ----------------------------------------------------------------------------------------------


def random_theory(rng, n=4):
    kappa = TETRAQUADRIC[:n, :n, :n]
    return Theory(
        kappa,
        rng.normal(0, 1),
        -rng.uniform(0.1, 1),
        rng.uniform(0.2, 2, n),
        rng.uniform(0.02, 0.2, n),
        rng.uniform(0, 1),
    ), rng.uniform(0.7, 2.0, n)


def planted(rng):
    """A supersymmetric point put on the tetraquadric by choosing A_i = -t^i W e^(a_i tau_i) / (2 a_i volume)."""
    t, rates = np.exp(rng.uniform(-0.5, 1.5, 4)), 2 * np.pi / rng.uniform(1, 40, 4)
    v, tau, w = volume(TETRAQUADRIC, t), four_cycles(TETRAQUADRIC, t), rng.choice([-1, 1]) * 10 ** rng.uniform(-6, 0)
    amplitudes = -t * w * np.exp(rates * tau) / (2 * rates * v)
    return Theory(TETRAQUADRIC, 0.0, w - np.sum(amplitudes * np.exp(-rates * tau)), amplitudes, rates), t, w


def test_planted_supersymmetric_points():
    rng, n_tachyonic, lowest = np.random.default_rng(7), 0, 0.0
    for _ in range(400):
        theory, t, w = planted(rng)
        d = derivatives(theory, t)
        v = volume(TETRAQUADRIC, t)
        assert d.value == pytest.approx(-3 * w**2 / v**2, rel=1e-10)
        # critical: gradient in ln t small against the curvature times rounding
        assert np.all(np.abs(t * d.gradient) <= 1e-10 * np.abs(np.outer(t, t) * d.hessian).max())
        modes = np.concatenate([masses_squared(d.hessian, d.metric), masses_squared(d.axion_hessian, d.metric)])
        lowest = min(lowest, 3 * modes.min() / abs(d.value))
        n_tachyonic += modes.min() < 0
    assert lowest >= -2.25
    assert 0 < n_tachyonic < 400


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_derivatives_against_complex_step(seed):
    rng = np.random.default_rng(seed)
    theory, t = random_theory(rng)
    d, h, none = derivatives(theory, t), 1e-30, np.zeros(4)
    assert value(theory, t, none) == pytest.approx(d.value, rel=1e-12, abs=1e-13)
    gradient = np.array([value(theory, t + 1j * h * e, none).imag / h for e in np.eye(4)])
    hessian = np.array([derivatives(theory, t + 1j * h * e).gradient.imag / h for e in np.eye(4)])
    assert np.abs(gradient - d.gradient).max() <= 1e-10 * np.abs(gradient).max()
    assert np.abs(hessian - d.hessian).max() <= 1e-10 * np.abs(hessian).max()
    # V is even in the axions: a real and an imaginary step together leave an error of order step^4
    k, step = np.einsum("ijk,k->ij", theory.kappa, t), np.longdouble(1e-3)
    wide = Theory(*(np.asarray(part, np.clongdouble) for part in theory))

    def along(phi):
        values = [value(wide, np.clongdouble(t), k @ (unit * step * phi)) for unit in (1, 1j)]
        return float((values[0] - values[1]).real / step**2)

    pairs = np.array([[along(a + b) - along(a - b) for a in np.eye(4)] for b in np.eye(4)]) / 4
    tolerance = 1e-10 if np.finfo(np.longdouble).eps < 1e-18 else 1e-8
    assert np.abs(pairs - d.axion_hessian).max() <= tolerance * np.abs(pairs).max()
    slope = np.array([value(theory, t + 0j, k @ (1j * h * e)).imag / h for e in np.eye(4)])
    assert np.abs(slope).max() == 0.0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_inverse_metric_identity(seed):
    """K^ij K_i K_j - 3 = 3 xi / (4 volume - xi), with K^ij the inverse of the metric."""
    rng = np.random.default_rng(seed)
    theory, t = random_theory(rng)
    v, k = volume(theory.kappa, t), np.einsum("ijk,k->ij", theory.kappa, t)
    y = v + theory.xi / 2
    in_tau = -np.linalg.inv(k) / (4 * y) + np.outer(t, t) / (8 * y * y)
    slope = -t / (2 * y)
    assert slope @ np.linalg.solve(in_tau, slope) - 3 == pytest.approx(3 * theory.xi / (4 * v - theory.xi), abs=1e-9)
    assert k @ in_tau @ k == pytest.approx(derivatives(theory, t).metric, rel=1e-10)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_invariance_under_relabelling_and_rescaling_of_divisors(seed):
    """D_i -> c_i D_p(i) with a_i -> a_i / c_i: V, inertia and masses stay."""
    rng = np.random.default_rng(seed)
    theory, t = random_theory(rng)
    order, c = rng.permutation(4), rng.uniform(0.5, 3.0, 4)
    kappa = theory.kappa[np.ix_(order, order, order)] * np.einsum("i,j,k->ijk", c, c, c)
    other = theory._replace(kappa=kappa, amplitudes=theory.amplitudes[order], rates=theory.rates[order] / c)
    one, two = derivatives(theory, t), derivatives(other, t[order] / c)
    assert two.value == pytest.approx(one.value, rel=1e-11, abs=1e-13)
    for block in ("hessian", "axion_hessian"):
        masses = [masses_squared(getattr(d, block), d.metric) for d in (one, two)]
        assert masses[0] == pytest.approx(masses[1], rel=1e-8, abs=1e-9 * np.abs(masses[0]).max())


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_invariance_under_change_of_basis_of_h2(seed):
    """Without instantons, which single out divisors, V and the masses know nothing of the basis of H^2."""
    rng = np.random.default_rng(seed)
    theory, t = random_theory(rng)
    theory = theory._replace(amplitudes=np.zeros(4))
    change = np.tril(rng.integers(-2, 3, (4, 4)), -1) + np.eye(4)  # unimodular
    change = change @ (np.triu(rng.integers(-2, 3, (4, 4)), 1) + np.eye(4))
    kappa = np.einsum("ijk,ia,jb,kc->abc", theory.kappa, change, change, change)
    one, two = derivatives(theory, t), derivatives(theory._replace(kappa=kappa), np.linalg.solve(change, t))
    assert two.value == pytest.approx(one.value, rel=1e-10, abs=1e-10)
    assert two.metric == pytest.approx(change.T @ one.metric @ change, rel=1e-8, abs=1e-9)
    assert two.hessian == pytest.approx(change.T @ one.hessian @ change, rel=1e-8, abs=1e-8)


def test_following_leads_to_untied_couplings_and_back():
    """From a supersymmetric point of a ray to equal A_i and other N_i: D_iW = 0 still holds, and the way back closes."""
    rng, n_followed = np.random.default_rng(2), 0
    for _ in range(20):
        direction = np.exp(rng.uniform(-0.3, 0.3, 4))
        tau, v = four_cycles(TETRAQUADRIC, direction), volume(TETRAQUADRIC, direction)
        tied = Theory(TETRAQUADRIC, 0.05, -1e-6, direction * tau / (3 * v), 2 * np.pi * tau.min() / (20 * tau))
        (x,) = (r for r in critical_points(problem(np.log(1e6), 0.0, 0.0, 4 / 3), high=200.0)[0])
        t = refine(tied, direction * np.sqrt(x / (tied.rates[0] * tau[0])))
        untied = tied._replace(amplitudes=np.full(4, 0.25), rates=tied.rates * np.exp(rng.uniform(-0.05, 0.05, 4)))
        end = follow(tied, untied, t)
        if end is None:
            continue
        n_followed += 1
        w = abs(untied.w0)
        assert np.abs(supersymmetry(untied, end) * four_cycles(TETRAQUADRIC, end)).max() < 1e-9 * w
        assert follow(untied, tied, end) == pytest.approx(t, rel=1e-8)
    assert n_followed >= 15


# --- the ray ------------------------------------------------------------------------------------------------------------


def random_problem(rng):
    log_ratio = rng.uniform(2, 70)
    xi_ratio = rng.choice([-1, 0, 1]) * 10 ** rng.uniform(-3, 2.5)
    x = log_ratio + np.log(1 + log_ratio)
    uplift = rng.choice([0, 1]) * 10 ** rng.uniform(-1, 1) / x**3
    return problem(log_ratio, xi_ratio, uplift, rng.choice([4 / 3, 2.0, 8 / 3]), rng.choice([-1.0, 1.0]))


def slope_of(given_problem, x):
    """V' on an array of x, from the formula of the module's docstring by numerical differentiation of exact V: an oracle."""
    log_ratio, r1, d1, p, sign = given_problem

    def v(x):
        r, e = r1 * x**-1.5, sign * np.exp(log_ratio - x)
        n = 4 / 3 * (2 + r) ** 2 * x**2 * e**2 + 8 * (2 + r) * x * (e**2 - e) + 3 * r * (1 - e) ** 2
        return x**-3.0 * (4 * n / ((2 + r) ** 2 * (4 - r)) + d1 * x ** (1.5 * (2 - p)))

    return v(x * (1 + 1e-30j)).imag / 1e-30


def test_no_critical_point_is_missed():
    """Brute force: sign changes of V' on a fine grid are exactly the zeros found."""
    rng, n_found = np.random.default_rng(3), 0
    for _ in range(400):
        given_problem = random_problem(rng)
        low = max(1.0, abs(given_problem.r1) ** (2 / 3) * (1 + 1e-9))
        found, complete = critical_points(given_problem, low, 600.0)
        grid = np.geomspace(low, 600.0, 200_001)
        slopes = slope_of(given_problem, grid)
        changes = np.flatnonzero(slopes[:-1] * slopes[1:] < 0)
        assert complete
        assert len(found) == len(changes), given_problem
        assert np.all((grid[changes] <= found * (1 + 1e-12)) & (found * (1 - 1e-12) <= grid[changes + 1]))
        n_found += len(found)
    assert n_found > 200


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.floats(1e-6, 1.0), st.floats(0, 1))
def test_enclosures_enclose(seed, where, width, inside):
    """50-digit values of V, V' and the supersymmetry condition lie within the bounds on boxes around them."""
    import mpmath

    given_problem = random_problem(np.random.default_rng(seed))
    low = max(1.0, abs(given_problem.r1) ** (2 / 3))
    x1 = low * (600 / low) ** where if low < 600 else low
    x2 = x1 * (1 + width)
    x = x1 + inside * (x2 - x1)
    log_ratio, r1, d1, p, sign = map(mpmath.mpf, given_problem)
    for sum_, factor in ((ray.SLOPE, float(p)), (ray.VALUE, 1.0), (ray.SUSY, 1.0)):
        bounds = ray.enclose_sum(sum_, given_problem, x1, x2, WORK)
        with mpmath.workdps(50):
            point = mpmath.mpf(x)
            shift = 2 if (given_problem.log_ratio - x1) + (given_problem.log_ratio - x2) > 0 else 0
            r, e = r1 * point ** mpmath.mpf(-1.5), mpmath.exp(log_ratio - point)
            delta = mpmath.mpf(factor) * d1 * point ** (mpmath.mpf(1.5) * (2 - p))
            exact = sum(
                mpmath.mpf(float(c))
                * r ** int(i)
                * point ** int(j)
                * sign ** int(k)
                * e ** (int(k) - shift)
                * delta ** int(m)
                for (i, j, k, m), c in zip(sum_.terms, sum_.coefficients, strict=True)
            )
            assert bounds[0] <= exact <= bounds[1] or not np.isfinite(bounds).all()


def ragged_features(rows):
    """A feature table of the CICYs given as (kappa, c2, euler number)."""
    ordered = [np.array([t for t in np.argwhere(k) if (np.diff(t) >= 0).all()]) for k, *_ in rows]
    return {
        "geometry_id": np.arange(len(rows)) + 1000,
        "n_moduli": np.array([len(k) for k, *_ in rows], dtype=np.int32),
        "euler_characteristic": np.array([chi for *_, chi in rows], dtype=np.int32),
        "is_favourable": np.ones(len(rows), dtype=bool),
        "n_fields": np.array([len(k) for k, *_ in rows], dtype=np.int32),
        "triple_intersection_indices": ragged([t.ravel() for t in ordered], np.int16),
        "triple_intersection_numbers": ragged([k[*t.T] for (k, *_), t in zip(rows, ordered, strict=True)], np.int32),
        "second_chern_numbers": ragged([c2 for _, c2, _ in rows], np.int32),
    }


BICUBIC = np.array([[[3.0 * (len({i, j, k}) == 2) for i in range(2)] for j in range(2)] for k in range(2)])
CICYS = ragged_features(
    [
        (np.full((1, 1, 1), 5), [50], -200),
        (TETRAQUADRIC, [24, 24, 24, 24], -128),
        (BICUBIC, [36, 36], -162),
    ]
)
CICY_KAPPAS = (np.full((1, 1, 1), 5.0), TETRAQUADRIC, BICUBIC)

CURVES = ([1, 1, 1], [3, 0, -3, 0], [12, 0, -12, 0], [0, 0, 0, 0], [-1] * 6, [2, 0, -3, -1, -1])


def base_features(curves_of):
    """A feature table of toric bases, for the columns the model reads."""
    return {
        "geometry_id": np.arange(len(curves_of)) + 5,
        "n_moduli": np.array([len(c) - 1 for c in curves_of], dtype=np.int32),
        "euler_characteristic": np.full(len(curves_of), -540, dtype=np.int32),
        "self_intersections": ragged(curves_of, np.int16),
        "n_tensor_multiplets": np.array([len(c) - 3 for c in curves_of], dtype=np.int32),
    }


BASES = base_features(CURVES[:5])


def base_kappa(curves):
    """kappa_ijk of E = section + pi*c1 and D_2 ... D_{n-1}, as a dense tensor."""
    n = len(curves)
    meets = np.diag(np.array(curves, dtype=float))
    for i in range(n):
        meets[i, (i + 1) % n] += 1
        meets[(i + 1) % n, i] += 1
    kappa = np.zeros((n - 1,) * 3)
    kappa[0, 0, 0] = 12 - n
    for a in range(1, n - 1):
        for index in ((0, 0, a), (0, a, 0), (a, 0, 0)):
            kappa[index] = curves[a + 1] + 2
        for b in range(1, n - 1):
            for index in ((0, a, b), (a, 0, b), (a, b, 0)):
                kappa[index] = meets[a + 1, b + 1]
    return kappa


PARAMETERS = {name: parameter.default for name, parameter in MODEL.parameters.items()}


def theory_of(table, row, kappa, chi):
    """The row's potential, rebuilt from the published couplings and the geometry alone, and its point."""
    offsets = table["ray"].offsets
    direction = table["ray"].values[offsets[row] : offsets[row + 1]]
    point = table["critical_point"]
    t = point.values[point.offsets[row] : point.offsets[row + 1]]
    tau, v = four_cycles(kappa, direction), volume(kappa, direction)
    amplitudes = direction * tau / (3 * v) * (1 - 2 * table["axion_branch"][row])
    ranks = float(table["condensate_rank"][row]) * tau / tau.min()
    g_s, flux = float(table["string_coupling"][row]), 10.0 ** np.float64(table["log10_flux"][row])
    sign = -1 if table["is_mirror"][row] else 1
    theory = Theory(
        kappa, alpha_prime(sign * chi, g_s), -flux, amplitudes, 2 * np.pi / ranks, table["uplift"][row],
        np.float64(table["uplift_power"][row]),
    )  # fmt: skip
    return theory, t, flux


@pytest.mark.parametrize(
    ("dataset", "features", "kappas"),
    [("cicy3", CICYS, CICY_KAPPAS), ("fth6d", BASES, [base_kappa(c) for c in CURVES[:5]])],
    ids=["cicy3", "fth6d"],
)
def test_rows_are_critical_points_of_the_full_potential(dataset, features, kappas):
    """The restriction to the ray is consistent, and the masses across it are those of the full 2n x 2n problem."""
    n_draws = 40
    table = labels.label(PARAMETERS, 11, FAMILIES[dataset], features, n_draws)
    checked = 0
    for row in range(len(table["sample"])):
        if np.isnan(table["potential_value"][row]):
            continue
        kappa = kappas[row // n_draws]
        theory, t, flux = theory_of(table, row, kappa, features["euler_characteristic"][row // n_draws])
        d, v = derivatives(theory, t), volume(kappa, t)
        unit = flux**2 / v**2
        exponent = four_cycles(kappa, t) * theory.rates
        assert exponent == pytest.approx(np.full(len(t), table["exponent"][row]), rel=1e-6)
        assert d.value == pytest.approx(table["potential_value"][row], rel=1e-4, abs=1e-5 * unit)
        assert np.abs(t * d.gradient).max() <= 1e-5 * exponent.max() ** 2 * unit  # couplings are published in float32
        np.linalg.cholesky(d.metric)
        masses = np.concatenate([masses_squared(d.hessian, d.metric), masses_squared(d.axion_hessian, d.metric)]) / unit
        largest = np.abs(masses).max()
        assert masses.min() == pytest.approx(table["min_eigenvalue"][row], rel=1e-3, abs=1e-5 * largest)
        assert masses.max() == pytest.approx(table["max_eigenvalue"][row], rel=1e-3)
        if table["certified"][row] and table["min_abs_eigenvalue_bound"][row] > 1e-4 * largest:
            assert (masses < 0).sum() == table["n_neg"][row]
            assert (masses > 0).sum() == table["n_pos"][row]
        checked += 1
    assert checked > 50


@pytest.mark.parametrize("curves", CURVES)
def test_fibration_ray_lies_in_the_cone(curves):
    n = len(curves)
    t, work = np.empty(n - 1), lattices.workspace(n - 1)
    uniforms = np.random.default_rng(0).random(n)
    smallest = lattices.fibration_ray(np.array(curves), 12.0 - n, 0.5, 0.9, uniforms, t, work)
    kappa, tau, matrix, edges = base_kappa(curves), work.tau, work.matrix, work.edges
    assert matrix == pytest.approx(np.einsum("ijk,k->ij", kappa, t), rel=1e-10)
    assert tau == pytest.approx(four_cycles(kappa, t), rel=1e-10)
    support = np.concatenate([[0.0, 0.0], t[1:]])
    meets = np.roll(support, 1) + np.roll(support, -1) + np.array(curves) * support
    assert meets == pytest.approx(edges, rel=1e-9)  # j·D_i, all n curves, also the two that are not in the basis
    assert np.all(edges + t[0] * (np.array(curves) + 2) >= smallest * (1 - 1e-12))
    assert smallest > 0
    assert np.all(tau > 0)


def test_projective_plane_is_the_large_volume_hypersurface():
    """Over P2: kappa = (9, 3, 1), c2 = (102, 36), hence chi(O_D) = 10 and 3."""
    kappa = base_kappa([1, 1, 1])
    assert (kappa[0, 0, 0], kappa[0, 0, 1], kappa[0, 1, 1], kappa[1, 1, 1]) == (9, 3, 1, 0)
    table = labels.label(PARAMETERS, 1, FAMILIES["fth6d"], base_features([[1, 1, 1]]), 1)
    assert table["divisor_euler_numbers"].values.tolist() == [10, 3]


def test_divisor_euler_numbers_of_known_hypersurfaces():
    table = labels.label(PARAMETERS, 1, FAMILIES["cicy3"], CICYS, 1)
    # quintic 5/6 + 50/12 = 5; tetraquadric: K3 fibres, 2; bicubic: 36/12 = 3
    assert table["divisor_euler_numbers"].values.tolist() == [5, 2, 2, 2, 2, 3, 3]


def test_transverse_spectrum_against_numpy():
    rng = np.random.default_rng(0)
    for curves in CURVES:
        kappa = base_kappa(curves)
        n = len(kappa)
        if n < 3:
            continue
        t, work = np.empty(n), lattices.workspace(n)
        lattices.fibration_ray(np.array(curves), 12.0 - len(curves), 0.5, 0.5, rng.random(n + 1), t, work)
        h = np.sqrt(t / work.tau)
        expected = np.linalg.eigvalsh(work.matrix * np.outer(h, h))
        error, spectrum = lattices.transverse_spectrum(t, work), work.spectrum
        assert expected[-1] == pytest.approx(2.0, rel=1e-12)
        assert np.abs(spectrum - expected[:-1]).max() <= error
        assert np.all(spectrum < 0)


# --- rows ---------------------------------------------------------------------------------------------------------------


def ks_features(n, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "geometry_id": np.arange(n),
        "n_moduli": rng.integers(1, 100, n).astype(np.int32),
        "euler_characteristic": (2 * rng.integers(-250, 251, n)).astype(np.int32),
        "primitive_triple_intersection": rng.integers(1, 400, n).astype(np.int32),
        "primitive_second_chern": rng.integers(10, 400, n).astype(np.int32),
    }


def same(left, right):
    return left.keys() == right.keys() and all(
        np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        for name in left
        for a, b in zip(
            left[name] if isinstance(left[name], Ragged) else (left[name],),
            right[name] if isinstance(right[name], Ragged) else (right[name],),
            strict=True,
        )
    )


@pytest.mark.parametrize(
    ("dataset", "features"), [("ks", ks_features(30)), ("cicy3", CICYS), ("fth6d", BASES)], ids=["ks", "cicy3", "fth6d"]
)
def test_rows_do_not_depend_on_the_batch(dataset, features):
    order = np.random.default_rng(1).permutation(len(features["geometry_id"]))
    whole = labels.label(PARAMETERS, 3, FAMILIES[dataset], features, 4)
    shuffled = labels.label(PARAMETERS, 3, FAMILIES[dataset], take(features, order), 4)
    rows = (order[:, None] * 4 + np.arange(4)).ravel()
    assert same(take(whole, rows), shuffled)
    assert [column.name for column in MODEL.columns] == list(whole)


def test_column_types():
    table = labels.label(PARAMETERS, 3, FAMILIES["cicy3"], CICYS, 2)
    for column in MODEL.columns:
        values = table[column.name]
        found = f"list<{values.values.dtype}>" if isinstance(values, Ragged) else str(values.dtype)
        assert column.type == ("string" if found.startswith("<U") else found), column.name


def test_mirror_of_half_the_weight_systems():
    features = ks_features(500)
    table = labels.label(PARAMETERS, 3, FAMILIES["ks"], features, 4)
    assert 0.45 < table["is_mirror"].mean() < 0.55
    chi = np.repeat(features["euler_characteristic"], 4) * np.where(table["is_mirror"], -1, 1)
    there = ~np.isnan(table["xi_ratio"]) & (chi != 0)
    assert np.all(np.sign(table["xi_ratio"][there]) == -np.sign(chi[there]))
    assert not labels.label(PARAMETERS, 3, FAMILIES["cicy3"], CICYS, 50)["is_mirror"].any()


def test_strict_regime_has_no_instanton_where_no_divisor_is_rigid():
    """Without instantons and with chi < 0, V = 3 xi W0^2 / ... + D / volume^p only falls: a runaway, never a vacuum."""
    table = labels.label(PARAMETERS | {"strict_fraction": 1.0}, 3, FAMILIES["cicy3"], CICYS, 20)
    assert set(table["regime"]) == {"strict"}
    assert set(table["vacuum_type"]) == {"runaway_decompactification"}


def test_classes_of_weight_systems():
    table = labels.label(PARAMETERS, 5, FAMILIES["ks"], ks_features(2000), 2)
    v, kind = table["potential_value"], table["vacuum_type"]
    assert np.all(v[np.char.startswith(kind, "ads")] < 0)
    assert np.all(v[np.char.startswith(kind, "ds")] > 0)
    assert np.all(np.isnan(v[table["stability"] == "runaway"]))
    assert np.all(table["uplift"][kind == "ads_susy"] == 0)
    assert np.all(table["barrier"][kind == "ds_minimum"] > 0)  # V falls to 0 at infinity: there is a barrier
    shares = np.unique(table["stability"], return_counts=True)[1] / len(v)
    assert shares.max() < 0.7
    assert np.mean(np.isin(table["stability"], ["marginal", "failed"])) <= 0.005


def test_draws_are_within_their_ranges():
    rows, packed, rng = priors.new_rows(1000), pack(PARAMETERS), np.random.default_rng(0)
    for row in rows:
        priors.draw(packed, priors.ONE_CLASS, rng.random(priors.N_UNIFORMS), row)
    low, high = PARAMETERS["gauge_rank_one_class"]
    assert rows["rank"].min() >= low * (1 - 1e-6)
    assert rows["rank"].max() <= high * (1 + 1e-6)
    assert abs(np.mean(np.log(rows["rank"])) - np.log(low * high) / 2) < 0.1
    assert 0.1 < np.mean(rows["uplift"] == 0) < 0.2


def test_bad_ray_fails():
    """Two dependent classes: kappa(t) is singular, the row says so."""
    kappa = np.ones((2, 2, 2))
    table = labels.label(PARAMETERS, 1, FAMILIES["cicy3"], ragged_features([(kappa, [10, 10], -10)]), 3)
    assert set(table["stability"]) == {"failed"}
    assert set(table["failure_reason"]) == {labels.NO_RAY}
    assert len(table["critical_point"].values) == 0


def test_numbers_of_types_and_kinds_are_those_of_their_names():
    names = ("failed", "marginal", "ads_susy", "ds_minimum", "runaway_decompactification")
    numbers = (solve.FAILED, solve.MARGINAL, solve.ADS_SUSY, solve.DS_MINIMUM, solve.RUNAWAY)
    assert [list(VACUUM_TYPES)[number] for number in numbers] == list(names)
    assert {class_ for class_, _ in VACUUM_TYPES.values()} == set(CLASSES) - {"unstable"}
    kinds = (priors.ONE_CLASS, priors.NEF_CLASSES, priors.ELLIPTIC_FIBRATION)
    assert [list(THREEFOLDS)[kind] for kind in kinds] == ["one_class", "nef_classes", "elliptic_fibration"]
    assert {family.threefold for family in FAMILIES.values()} <= set(THREEFOLDS)


def test_a_family_of_another_kind_is_an_error():
    other = replace(next(iter(FAMILIES.values())), name="g2", threefold="seven_manifold")
    with pytest.raises(InputError, match="does not apply to the family g2"):
        MODEL.reads(other)
    with pytest.raises(InputError, match="seven_manifold"):
        labels.label(PARAMETERS, 1, other, ks_features(1), 1)
