"""A model as an author writes it: the double well V = sum (x_i^2 - 1)^2 + tilt_i x_i, everything known in closed form."""

import math
from types import ModuleType

import numpy as np
from numba.core.extending import register_jitable

from vacuagym.engine.elementary import absolute
from vacuagym.engine.model import Parameter, never_escapes, no_extend, no_reset
from vacuagym.tables.columns import Column, Ragged


@register_jitable
def draw(n, parameters, uniforms, c):
    for i in range(n):
        c[i] = parameters[0] * (2.0 * uniforms[i] - 1.0)
    return 0


@register_jitable
def start(n, parameters, c, number, uniforms, x):
    for i in range(n):
        x[i] = 2.0 * uniforms[i] - 1.0 if number > 0 else 0.0


@register_jitable
def derivatives(n, c, x, gradient, hessian, work):
    value = 0.0
    for i in range(n):
        value += (x[i] * x[i] - 1.0) * (x[i] * x[i] - 1.0) + c[i] * x[i]
        gradient[i] = 4.0 * x[i] * (x[i] * x[i] - 1.0) + c[i]
        for j in range(i):
            hessian[i, j] = 0.0
        hessian[i, i] = 12.0 * x[i] * x[i] - 4.0
    return value


@register_jitable
def third_derivative(n, c, x, radius):
    largest = 0.0
    for i in range(n):
        largest += absolute(x[i])
    return 24.0 * (largest + radius)


@register_jitable
def rounding(n, c, x, work):
    size = 1.0
    for i in range(n):
        size += x[i] * x[i] + absolute(c[i])
    return 1e-14 * size * size, 1e-14 * size


def module():
    """The model as an object that the engine takes."""
    model = ModuleType("quartic")
    model.NAME, model.READS, model.REGIMES, model.VALUE_AT_INFINITY = "quartic", ("n_moduli",), ("only",), math.inf
    model.PARAMETERS = {"tilt": Parameter(0.0, 0.0, 1.0, "largest absolute tilt")}
    model.COUPLINGS = (Column("tilt", "list<float64>", "1", "tilt of each well"),)
    model.n_fields = lambda features, parameters: np.asarray(features["n_moduli"]).astype(np.int32)
    model.n_couplings = model.n_state = model.n_work = model.n_uniforms = lambda n: n
    model.pack = lambda parameters: np.array([parameters["tilt"]])
    model.coupling_columns = lambda n, c: {"tilt": Ragged(c.ravel(), np.arange(len(c) + 1, dtype=np.int32) * n)}
    model.draw, model.start, model.derivatives = draw, start, derivatives
    model.third_derivative, model.rounding = third_derivative, rounding
    model.reset, model.extend, model.escapes = no_reset, no_extend, never_escapes
    return model
