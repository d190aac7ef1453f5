"""The toy potential against an independent evaluation in 40 digits, differentiated numerically."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vacuagym import models
from vacuagym.engine.draws import draw_key, fill_uniform
from vacuagym.errors import InputError
from vacuagym.models import toy_eft


def problem(n, geometry):
    """Couplings (n_couplings,) and a point (n,) drawn as the engine draws them."""
    _, parameters = models.resolve("toy_eft")
    uniforms, couplings = np.empty(toy_eft.n_uniforms(n)), np.empty(toy_eft.n_couplings(n))
    fill_uniform(draw_key(1, "test"), geometry, 0, 0, uniforms)
    toy_eft.draw(n, toy_eft.pack(parameters), uniforms, couplings)
    return couplings, 4 * uniforms[:n] - 2


def potential(couplings, n):
    """V of the docstring of the model, term by term, in multi-precision arithmetic."""
    amplitude, rate, uplift, power, quartic, softening, shift = map(mpmath.mpf, couplings[:7].tolist())
    tilt, mass = couplings[7 : 7 + n].tolist(), couplings[7 + n : 7 + 2 * n].tolist()
    mixing = couplings[7 + 2 * n :].tolist()

    def value(*x):
        total = -amplitude * mpmath.exp(-rate * sum(mpmath.sqrt(y * y + softening) for y in x))
        total += uplift / (1 + sum(y * y for y in x)) ** power
        for i in range(n):
            total += (mpmath.mpf(mass[i]) ** 2 + shift) * x[i] ** 2 + tilt[i] * x[i] + quartic * x[i] ** 4
            for j in range(n):
                low, high = min(i, j), max(i, j)
                total += mixing[high * (high + 1) // 2 + low] * x[i] * x[j]
        return total

    return value


def analytic(couplings, x):
    n = len(x)
    state = np.concatenate([x, np.zeros(n)])
    gradient, hessian, work = np.zeros(n), np.zeros((n, n)), np.zeros(2 * n)
    toy_eft.reset(n, couplings, state)
    value = toy_eft.derivatives(n, couplings, state, gradient, hessian, work)
    return value, gradient, np.tril(hessian) + np.tril(hessian, -1).T


@settings(max_examples=25)
@given(st.integers(2, 4), st.integers(0, 10**6))
def test_value_gradient_and_hessian(n, geometry):
    couplings, x = problem(n, geometry)
    value, gradient, hessian = analytic(couplings, x)
    with mpmath.workdps(40):
        exact = potential(couplings, n)
        point = [mpmath.mpf(y) for y in x.tolist()]
        scale = 1 + abs(float(exact(*point)))
        assert float(exact(*point)) == pytest.approx(value, abs=1e-12 * scale)
        for i in range(n):
            order = tuple(int(k == i) for k in range(n))
            assert float(mpmath.diff(exact, point, order)) == pytest.approx(gradient[i], rel=1e-8, abs=1e-8 * scale)
            for j in range(n):
                order = tuple(int(k == i) + int(k == j) for k in range(n))
                assert float(mpmath.diff(exact, point, order)) == pytest.approx(
                    hessian[i, j], rel=1e-8, abs=1e-8 * scale
                )


@settings(max_examples=20)
@given(st.integers(2, 4), st.integers(0, 10**6), st.floats(1e-3, 0.3), st.integers(0, 100))
def test_third_derivative_stays_below_its_bound(n, geometry, radius, seed):
    couplings, x = problem(n, geometry)
    state = np.concatenate([x, np.zeros(n)])
    bound = toy_eft.third_derivative(n, couplings, state, radius)
    random = np.random.default_rng(seed)
    direction, offset = random.normal(size=(2, n))
    direction /= np.linalg.norm(direction)
    y = x + offset / np.linalg.norm(offset) * radius * random.random()
    with mpmath.workdps(40):
        exact = potential(couplings, n)
        line = [mpmath.mpf(v) for v in direction.tolist()]
        along = mpmath.diff(
            lambda t: exact(*(mpmath.mpf(a) + t * b for a, b in zip(y.tolist(), line, strict=True))), 0, 3
        )
    assert abs(float(along)) <= bound


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"masss": 1}, "mass, "),
        ({"mass": (2, 1)}, "lower end"),
        ({"mass": 3}, "2 numbers"),
        ({"quartic": (0.1, 1e9)}, "within"),
        ({"max_fields": "x"}, "a number"),
    ],
)
def test_bad_parameters_are_named(parameters, expected):
    with pytest.raises(InputError, match="config key model.parameters") as error:
        models.resolve("toy_eft", parameters)
    assert expected in str(error.value)
