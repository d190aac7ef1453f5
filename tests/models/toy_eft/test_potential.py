"""The toy potential: derivatives and bounds against complex steps and 50-digit arithmetic."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vacuagym.models.parameters import pack
from vacuagym.models.toy_eft import MODEL, potential
from vacuagym.numerics.compiled import njit
from vacuagym.numerics.philox import draw_key, fill_uniform

PARAMETERS = {name: parameter.default for name, parameter in MODEL.parameters.items()}
PACKED = pack(PARAMETERS)


@njit
def _draw(n, parameters, key, geometry, uniforms, c):
    fill_uniform(key, geometry, 0, 0, uniforms)
    return potential.draw(n, parameters, uniforms, c)


def draw(n, geometry, packed=PACKED):
    c = np.empty(potential.n_couplings(n))
    return _draw(n, packed, draw_key(3, "test"), geometry, np.empty(potential.n_uniforms(n)), c), c


def value_of(n, c, x):
    """V written down independently, for any kind of numbers with square root, exp and power from mpmath or numpy."""
    lib = mpmath if isinstance(x[0], (mpmath.mpf, mpmath.mpc)) else np
    amplitude, rate, uplift, power, quartic, delta, shift = (type(x[0])(float(v)) for v in c[:7])
    b, m, mixing = c[7 : 7 + n], c[7 + n : 7 + 2 * n], c[7 + 2 * n :]
    value = sum(float(m[i]) ** 2 * x[i] ** 2 + float(b[i]) * x[i] + quartic * x[i] ** 4 for i in range(n))
    if lib is mpmath:
        value = sum(
            mpmath.mpf(float(m[i])) ** 2 * x[i] ** 2 + float(b[i]) * x[i] + quartic * x[i] ** 4 for i in range(n)
        )
    k = 0
    for i in range(n):
        for j in range(i + 1):
            value += (1 if i == j else 2) * float(mixing[k]) * x[i] * x[j]
            k += 1
    r2 = sum(xi * xi for xi in x)
    length = sum(lib.sqrt(xi * xi + delta) for xi in x)
    return value + shift * r2 - amplitude * lib.exp(-rate * length) + uplift / (1 + r2) ** power


def derivatives(n, c, x):
    """Value, gradient and symmetric Hessian by the model, uncompiled."""
    state = np.concatenate([x, np.zeros(n)]).astype(x.dtype)
    if not np.iscomplexobj(x):
        potential.reset(n, c, state)
    gradient, hessian = np.zeros(n, dtype=x.dtype), np.zeros((n, n), dtype=x.dtype)
    work = np.zeros(2 * n, dtype=x.dtype)
    value = potential.derivatives(n, c, state, gradient, hessian, work)
    return value, gradient, np.tril(hessian) + np.tril(hessian, -1).T, state, work


NUMBERS = st.integers(0, 10**6)
# at the width of the cusp, near it, and away from it
COMPONENTS = st.one_of(st.floats(-3, 3), st.floats(-1e-3, 1e-3), st.just(0.0))


@st.composite
def problems(draw_from):
    n = draw_from(st.integers(2, 6))
    _, c = draw(n, draw_from(NUMBERS))
    return n, c, np.array(draw_from(st.lists(COMPONENTS, min_size=n, max_size=n)))


@given(problems())
@settings(max_examples=100, deadline=None)
def test_value_gradient_and_hessian_against_complex_steps(problem):
    n, c, x = problem
    value, gradient, hessian, _, _ = derivatives(n, c, x)
    assert value == pytest.approx(value_of(n, c, x), rel=1e-12, abs=1e-11)
    for i in range(n):
        shifted = x.astype(np.complex128)
        shifted[i] += 1e-30j
        assert gradient[i] == pytest.approx(value_of(n, c, shifted).imag / 1e-30, rel=1e-10, abs=1e-10)
        expected = derivatives(n, c, shifted)[1].imag / 1e-30
        np.testing.assert_allclose(hessian[i], expected, rtol=1e-8, atol=1e-8)


def _exact(n, c, x, order):
    """The gradient or Hessian at x from differences of V in 120-digit arithmetic."""
    h = mpmath.mpf(10) ** -30

    def value(*moves):
        y = [mpmath.mpf(float(v)) for v in x]
        for i, sign in moves:
            y[i] += sign * h
        return value_of(n, c, y)

    if order == 1:
        return [(value((i, 1)) - value((i, -1))) / (2 * h) for i in range(n)]
    pairs = [(1, 1), (1, -1), (-1, 1), (-1, -1)]
    return [[sum(s * t * value((i, s), (j, t)) for s, t in pairs) / (4 * h * h) for j in range(n)] for i in range(n)]


@given(problems())
@settings(max_examples=25, deadline=None)
def test_rounding_errors_are_within_their_bounds(problem):
    n, c, x = problem
    _, gradient, hessian, state, work = derivatives(n, c, x)
    gradient_bound, hessian_bound = potential.rounding(n, c, state, work)
    with mpmath.workdps(120):
        error = [gradient[i] - g for i, g in enumerate(_exact(n, c, x, 1))]
        assert mpmath.sqrt(sum(e * e for e in error)) <= gradient_bound
        exact = _exact(n, c, x, 2)
        assert mpmath.sqrt(sum((hessian[i, j] - exact[i][j]) ** 2 for i in range(n) for j in range(n))) <= hessian_bound


@given(problems(), st.floats(1e-9, 1.0), st.integers(0, 2**32))
@settings(max_examples=100, deadline=None)
def test_third_derivative_is_within_its_bound_on_the_ball(problem, radius, seed):
    n, c, x = problem
    bound = potential.third_derivative(n, c, derivatives(n, c, x)[3], radius)
    rng = np.random.default_rng(seed)
    for _ in range(10):
        u, v = rng.standard_normal((2, n))
        v /= np.linalg.norm(v)
        # towards the cusps too, where the third derivative is largest
        y = x + radius * rng.uniform() * u / np.linalg.norm(u) if rng.uniform() < 0.5 else x
        with mpmath.workdps(60):
            line = [mpmath.mpf(float(value)) for value in y]
            third = mpmath.diff(
                lambda t, line=line, v=v: value_of(n, c, [a + t * b for a, b in zip(line, v, strict=True)]),
                0,
                3,
                h=mpmath.mpf(10) ** -12,
            )
        assert abs(third) <= bound * (1 + 1e-6)


def test_third_derivative_bound_is_tight_at_a_cusp():
    """At the point of the largest |s'''|, in one direction, the bound is within a factor of two."""
    n, c = 2, draw(2, 0)[1]
    c[:7] = [1.0, 1.0, 0.0, 1.0, 0.0, 1e-8, 0.0]
    x = np.array([0.5e-4, 1.0])
    bound = potential.third_derivative(n, c, derivatives(n, c, x)[3], 1e-9)
    with mpmath.workdps(60):
        third = mpmath.diff(lambda t: value_of(n, c, [x[0] + t, mpmath.mpf(1)]), 0, 3, h=mpmath.mpf(10) ** -12)
    assert bound / 2 < abs(third) <= bound


@given(st.integers(2, 6), NUMBERS, st.integers(0, 2**32))
@settings(max_examples=200, deadline=None)
def test_where_it_escapes_the_potential_falls_along_the_ray(n, geometry, seed):
    _, c = draw(n, geometry, pack(PARAMETERS | {"regime_weights": (0.0, 0.0, 0.0, 1.0)}))
    x = 5.0 * np.random.default_rng(seed).standard_normal(n)
    _, gradient, _, state, work = derivatives(n, c, x)
    if potential.escapes(n, c, state, gradient, work):
        values = np.array([value_of(n, c, s * x) for s in np.geomspace(1, 1e4, 200)])
        assert (np.diff(values) < 0).all() and values[-1] < -1e6


def test_a_coercive_potential_never_escapes():
    for geometry in range(50):
        regime, c = draw(3, geometry)
        if potential.REGIMES[regime] == "runaway":
            continue
        x = np.full(3, 50.0)
        _, gradient, _, state, work = derivatives(3, c, x)
        assert not potential.escapes(3, c, state, gradient, work)


def test_draws_are_in_their_ranges_and_exact_in_single_precision():
    n = 5
    seen = np.zeros(4)
    for geometry in range(2000):
        regime, c = draw(n, geometry)
        seen[regime] += 1
        np.testing.assert_array_equal(c, c.astype(np.float32))
        name = f"shift_{potential.REGIMES[regime]}"
        low, high = PARAMETERS[name]
        assert low <= c[6] <= high
        assert c[0] == 0 or PARAMETERS["instanton_amplitude"][0] <= c[0] <= PARAMETERS["instanton_amplitude"][1]
        assert (c[4] == 0) == (potential.REGIMES[regime] == "runaway")
        assert (np.abs(c[7 : 7 + n]) <= PARAMETERS["tilt"]).all()
        assert (c[7 + n : 7 + 2 * n] >= PARAMETERS["mass"][0]).all()
    weights = np.array(PARAMETERS["regime_weights"])
    assert (np.abs(seen / 2000 - weights) < 5 * np.sqrt(weights * (1 - weights) / 2000)).all()


def test_number_of_fields():
    n = potential.n_fields({"n_moduli": np.array([1, 2, 7, 491, 0, -3, np.nan])}, PARAMETERS)
    np.testing.assert_array_equal(n, [2, 2, 7, 16, 0, 0, 0])


def test_coupling_columns_hold_every_coupling():
    n = 4
    couplings = np.array([draw(n, geometry)[1] for geometry in range(30)])
    columns = potential.coupling_columns(n, couplings)
    assert [column.name for column in potential.COUPLINGS] == list(columns)
    for row, c in enumerate(couplings):
        scalars = [columns[column.name][row] for column in potential.COUPLINGS[:7]]
        lists = [
            columns[k].values[columns[k].offsets[row] : columns[k].offsets[row + 1]] for k in ("tilt", "mass", "mixing")
        ]
        lists[2] = lists[2] if len(lists[2]) else np.zeros(10)
        np.testing.assert_array_equal(np.concatenate([scalars, *lists]), c)
