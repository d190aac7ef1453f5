"""The potential and its critical points on a ray, against published vacua, exact symmetries and brute force."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vacuagym.models.supergravity import ray
from vacuagym.models.supergravity.priors import alpha_prime

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
