"""A tilted double well in n dimensions, V = sum (x_i^2 - 1)^2 + c x_i, as a potential whose answers are known on paper."""

import math

import numpy as np
from numba.core.extending import register_jitable

from vacuagym.numerics.elementary import absolute
from vacuagym.numerics.linalg import largest_entry
from vacuagym.schema import COUPLING, Column

REGIMES, VALUE_AT_INFINITY = ("tilted",), math.inf
COUPLINGS = (Column("tilt", "float64", "1", "Tilt c of the wells.", role=COUPLING),)


def n_fields(features, values):
    return np.clip(features["n_moduli"], 0, 8).astype(np.int32)


def n_couplings(n):
    return 1


def n_state(n):
    return n


n_work = n_uniforms = n_couplings


def coupling_columns(n, couplings):
    return {"tilt": couplings[:, 0]}


@register_jitable
def draw(n, parameters, uniforms, c):
    c[0] = parameters[0] * (2.0 * uniforms[0] - 1.0)
    return 0


@register_jitable
def start(n, parameters, c, number, uniforms, x):
    for i in range(n):
        x[i] = 2.0 * uniforms[i] - 1.0 if number > 0 else 0.0


@register_jitable
def derivatives(n, c, x, gradient, hessian, work):
    value = 0.0
    for i in range(n):
        well = x[i] * x[i] - 1.0
        value += well * well + c[0] * x[i]
        gradient[i] = 4.0 * x[i] * well + c[0]
        for j in range(i):
            hessian[i, j] = 0.0
        hessian[i, i] = 12.0 * x[i] * x[i] - 4.0
    return value


@register_jitable
def third_derivative(n, c, x, radius):
    return 24.0 * (largest_entry(n, x) + radius)


@register_jitable
def rounding(n, c, x, work):
    size = 1.0 + largest_entry(n, x) + absolute(c[0])
    return 1e-14 * n * size * size * size, 1e-14 * n * size * size


@register_jitable
def reset(n, c, state):
    """The state is the fields alone."""


@register_jitable
def extend(n, c, state, step, work):
    """The state is the fields alone."""


@register_jitable
def escapes(n, c, state, gradient, work):
    """Never: the potential is bounded from below."""
    return state[0] < state[0]
