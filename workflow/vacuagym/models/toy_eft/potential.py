"""The toy effective field theory: n real fields with masses, mixing, a cusp-like instanton term, an uplift and a quartic.

    V(x) = sum m_i^2 x_i^2 + x^T Lambda x + mu |x|^2 + b . x - A exp(-a sum s(x_i)) + D / (1 + |x|^2)^p + gamma sum x_i^4,
    s(x) = sqrt(x^2 + delta)

The number of fields is the number of Kähler moduli, at least 2 and at most ``max_fields``. Nothing else of the geometry
enters. Units are arbitrary. `interface` says what each function is for.
"""

import numpy as np
from numba.core.extending import register_jitable

from vacuagym.models.parameters import offsets
from vacuagym.models.toy_eft import PARAMETERS
from vacuagym.models.toy_eft.columns import COUPLINGS
from vacuagym.models.toy_eft.columns import REGIMES as REGIMES
from vacuagym.models.toy_eft.simd import any_lane
from vacuagym.numerics.elementary import absolute, exp, log, maximum, sqrt, where
from vacuagym.tables.arrays import Ragged

VALUE_AT_INFINITY = np.inf  # there is no vacuum: V grows in every direction, or falls without bound

# couplings c: A, a, D, p, gamma, delta, mu, then b (n), m (n), Lambda (lower triangle by rows)
_A, _RATE, _D, _P, _GAMMA, _DELTA, _MU, _VECTORS = range(8)


def n_fields(features, parameters):
    """Number of fields (rows,), int32, of each geometry; 0 where n_moduli is not a positive number."""
    n_moduli = np.asarray(features["n_moduli"], dtype=np.float64)
    good = n_moduli >= 1  # False for NaN
    return np.where(good, np.clip(np.where(good, n_moduli, 1), 2, parameters["max_fields"]), 0).astype(np.int32)


def n_couplings(n):
    """Length of the array of couplings of n fields."""
    return _VECTORS + 2 * n + n * (n + 1) // 2


def n_uniforms(n):
    """How many uniform draws `draw` uses."""
    return n_couplings(n) + 4


def n_state(n):
    """Length of a state: the fields and one dual variable for each cusp."""
    return 2 * n


def n_work(n):
    """Length of the workspace of `derivatives`: slope and curvature of each cusp."""
    return 2 * n


_OFFSET = offsets(PARAMETERS)
_WEIGHTS, _MASS, _SHIFT = _OFFSET["regime_weights"], _OFFSET["mass"], _OFFSET["shift_generic"]
_MIXING, _MIXED, _TILT, _TILTED = (_OFFSET[k] for k in ("mixing", "mixing_fraction", "tilt", "tilt_fraction"))
_AMPLITUDE, _INSTANTON, _RATES = (_OFFSET[k] for k in ("instanton_amplitude", "instanton_fraction", "instanton_rate"))
_UPLIFT, _POWER, _QUARTIC = _OFFSET["uplift"], _OFFSET["uplift_power"], _OFFSET["quartic"]
_QUARTIC_RUNAWAY, _SOFTENING, _RADIUS = _OFFSET["quartic_runaway"], _OFFSET["softening"], _OFFSET["start_radius"]


@register_jitable
def _between(parameters, offset, u):
    # rounded to float32, so that the published couplings are exactly the ones used
    low, high = parameters[offset], parameters[offset + 1]
    return np.float64(np.float32(low + (high - low) * u))


@register_jitable
def _symmetric(half_width, u):
    return np.float64(np.float32(half_width * (2.0 * u - 1.0)))


@register_jitable
def draw(n, parameters, uniforms, c):
    """Fill the couplings c from uniform draws; return the number of the regime."""
    target = uniforms[0] * (
        parameters[_WEIGHTS] + parameters[_WEIGHTS + 1] + parameters[_WEIGHTS + 2] + parameters[_WEIGHTS + 3]
    )
    regime = 0
    reached = parameters[_WEIGHTS]
    while regime < 3 and target >= reached:
        regime += 1
        reached += parameters[_WEIGHTS + regime]
    c[_A] = _between(parameters, _AMPLITUDE, uniforms[1]) if uniforms[2] < parameters[_INSTANTON] else 0.0
    c[_RATE] = _between(parameters, _RATES, uniforms[3])
    c[_D] = _between(parameters, _UPLIFT, uniforms[4])
    c[_P] = _between(parameters, _POWER, uniforms[5])
    c[_GAMMA] = _between(parameters, _QUARTIC_RUNAWAY if regime == 3 else _QUARTIC, uniforms[6])
    c[_DELTA] = np.float64(np.float32(parameters[_SOFTENING]))
    c[_MU] = _between(parameters, _SHIFT + 2 * regime, uniforms[7])
    tilted = uniforms[8] < parameters[_TILTED] or regime == 3
    mixed = uniforms[9] < parameters[_MIXED]
    for i in range(n):
        c[_VECTORS + i] = _symmetric(parameters[_TILT], uniforms[10 + i]) if tilted else 0.0
        c[_VECTORS + n + i] = _between(parameters, _MASS, uniforms[10 + n + i])
    for k in range(n * (n + 1) // 2):
        c[_VECTORS + 2 * n + k] = _symmetric(parameters[_MIXING], uniforms[10 + 2 * n + k]) if mixed else 0.0
    return regime


@register_jitable
def start(n, parameters, c, number, uniforms, x):
    """Fill start x (n,) from n uniform draws; number 0, the reference, is the symmetric point."""
    for i in range(n):
        x[i] = parameters[_RADIUS] * (2.0 * uniforms[i] - 1.0) if number > 0 else 0.0


def coupling_columns(n, couplings):
    """The columns COUPLINGS of an array of couplings (rows, n_couplings(n))."""
    couplings = couplings.astype(np.float32)
    scalars = {column.name: couplings[:, k] for k, column in enumerate(COUPLINGS[:_VECTORS])}
    parts = {"tilt": couplings[:, _VECTORS : _VECTORS + n], "mass": couplings[:, _VECTORS + n : _VECTORS + 2 * n]}
    mixing = couplings[:, _VECTORS + 2 * n :]
    mixed = np.any(mixing != 0, axis=1)
    lists = {name: Ragged(part.ravel(), np.arange(len(part) + 1, dtype=np.int32) * n) for name, part in parts.items()}
    offsets = np.concatenate([[0], np.cumsum(mixed * mixing.shape[1])]).astype(np.int32)
    return scalars | lists | {"mixing": Ragged(mixing[mixed].ravel(), offsets)}


@register_jitable
def derivatives(n, c, state, gradient, hessian, work):
    """Value, gradient (n,) and Hessian (n, n; lower triangle) at the fields state[:n].

    The cusp's curvature s'' = delta / s^3 is exact when the duals state[n:] equal s' (see `reset`). Else it is
    (1 - y s') / s with the duals y: the primal-dual Newton method of Chan, Golub and Mulet (1999,
    doi:10.1137/S1064827596299767), which needs a few steps to settle in a cusp where Newton's needs hundreds.
    """
    slope, curvature = work[:n], work[n : 2 * n]
    delta = c[_DELTA]
    squared = 0.0
    length = 0.0
    for i in range(n):
        x = state[i]
        s = sqrt(x * x + delta)
        inverse = 1.0 / s
        slope[i] = x * inverse
        dual = where(absolute(state[n + i]) > 1.0, where(state[n + i] > 0.0, 1.0, -1.0), state[n + i])
        curvature[i] = (delta * inverse * inverse + (slope[i] - dual) * slope[i]) * inverse
        squared += x * x
        length += s
    t = 1.0 + squared
    power = c[_P]
    instanton = c[_A] * exp(-(c[_RATE] * length))
    uplift = c[_D] * exp(-(power * log(t)))
    pull = instanton * c[_RATE]
    push = 2.0 * power * uplift / t
    bend = 2.0 * (power + 1.0) * push / t
    value = uplift - instanton
    for i in range(n):
        gradient[i] = 0.0
    for i in range(n):
        x = state[i]
        row = _VECTORS + 2 * n + i * (i + 1) // 2
        pulled = pull * c[_RATE] * slope[i]
        bent = bend * x
        force = 0.0
        for j in range(i):
            entry = 2.0 * c[row + j]
            force += entry * state[j]
            gradient[j] += entry * x
            hessian[i, j] = entry + (bent * state[j] - pulled * slope[j])
        mass = c[_VECTORS + n + i]
        entry = 2.0 * (mass * mass + c[_MU] + c[row + i])
        cubed = 4.0 * c[_GAMMA] * (x * x * x)
        tilt = c[_VECTORS + i]
        # the sum over j < i enters V once as x_i force_i; the diagonal with a half; b and the quartic as they are
        value += x * (force + 0.5 * entry * x + tilt + 0.25 * cubed)
        gradient[i] += force + entry * x + tilt + cubed + (pull * slope[i] - push * x)
        hessian[i, i] = entry + 12.0 * c[_GAMMA] * (x * x) + pull * curvature[i] - push + (bent * x - pulled * slope[i])
    return value


@register_jitable
def reset(n, c, state):
    """Set the duals so that the Hessian is exact."""
    for i in range(n):
        state[n + i] = state[i] / sqrt(state[i] * state[i] + c[_DELTA])


@register_jitable
def extend(n, c, state, step, work):
    """Given the step of the fields step[:n], fill the step of the duals: y + dy = s' + s'' dx."""
    for i in range(n):
        step[n + i] = work[i] + work[n + i] * step[i] - state[n + i]


@register_jitable
def escapes(n, c, state, gradient, work):
    """Whether V is proved to fall without bound, and monotonically, along the ray from the fields x outwards.

    Without quartic, d/dr V(r x) = 2 r x^T Q x + b . x + (instanton) + (uplift) for r >= 1, with Q the quadratic form.
    The uplift's part is negative; the instanton's is at most A a exp(-a |x|_1) |x|_1. So the derivative stays negative
    if x^T Q x < 0 and 2 x^T Q x + b . x + A a exp(-a |x|_1) |x|_1 < 0. A relative slack covers rounding.
    """
    outward = 0.0
    linear = 0.0
    for i in range(n):
        outward += state[i] * gradient[i]
        linear += c[_VECTORS + i] * state[i]
    # the slope outwards, with and without b: nothing to prove where V rises
    candidate = (c[_GAMMA] == 0.0) & (outward < 0.0) & (outward < linear)
    if not any_lane(candidate):
        return candidate
    quadratic = 0.0
    size = 0.0
    length = 0.0
    for i in range(n):
        x = state[i]
        row = _VECTORS + 2 * n + i * (i + 1) // 2
        force = 0.0
        weight = 0.0
        for j in range(i):
            force += 2.0 * c[row + j] * state[j]
            weight += 2.0 * absolute(c[row + j] * state[j])
        mass = c[_VECTORS + n + i]
        quadratic += x * (force + (mass * mass + c[_MU] + c[row + i]) * x)
        size += absolute(x) * (weight + (mass * mass + absolute(c[_MU]) + absolute(c[row + i])) * absolute(x))
        size += absolute(c[_VECTORS + i] * x)
        length += absolute(x)
    pull = c[_A] * c[_RATE] * exp(-(c[_RATE] * length)) * length
    slack = 1e-10 * (size + pull)
    return candidate & (quadratic < -slack) & (2.0 * quadratic + linear + pull < -slack)


@register_jitable
def third_derivative(n, c, state, radius):
    """A bound of |D^3 V(y)[v, v, v]|, |v| = 1, over the ball |y - x| <= radius around the fields x."""
    delta = c[_DELTA]
    root = sqrt(delta)
    length = 0.0
    squared = 0.0
    slopes = 0.0
    largest = 0.0
    tau_2 = 0.0
    tau_3 = 0.0
    for i in range(n):
        x = absolute(state[i])
        low, high = maximum(x - radius, 0.0), x + radius
        near, far = 1.0 / sqrt(low * low + delta), 1.0 / sqrt(high * high + delta)
        steepest = delta * (near * near * near)
        tau_2 = maximum(steepest, tau_2)
        # |s'''| = 3 delta x / s^5 has its maximum 0.8587 / delta at x = sqrt(delta) / 2
        at_low = 3.0 * low * steepest * (near * near)
        at_high = 3.0 * high * delta * (far * far * far) * (far * far)
        peak = where((low <= 0.5 * root) & (high >= 0.5 * root), 0.8587 / delta, maximum(at_low, at_high))
        tau_3 = maximum(peak, tau_3)
        slopes += (high * far) * (high * far)
        squared += x * x
        length += sqrt(x * x + delta)
        largest = maximum(high, largest)
    rate = c[_RATE]
    ell = sqrt(slopes)
    pull = c[_A] * rate * exp(-(rate * (length - radius * sqrt(n))))
    distance = sqrt(squared)
    inner, outer = maximum(distance - radius, 0.0), distance + radius
    t = 1.0 + inner * inner
    power = c[_P]
    falling = c[_D] * power * (power + 1.0) * exp(-((power + 2.0) * log(t)))
    return 1.000001 * (
        pull * (tau_3 + 3.0 * rate * ell * tau_2 + rate * rate * ell * ell * ell)
        + 24.0 * c[_GAMMA] * largest
        + falling * (12.0 * outer + 8.0 * (power + 2.0) * outer * outer * outer / t)
    )


@register_jitable
def rounding(n, c, state, work):
    """Bounds of the rounding errors of `derivatives` with exact duals: (Euclidean norm of the gradient's, Frobenius norm
    of the Hessian's). Sums of the absolute values of all terms, times the number of operations a term goes through.
    ``work`` is as `derivatives` left it at this state.
    """
    squared = 0.0
    length = 0.0
    for i in range(n):
        squared += state[i] * state[i]
        length += sqrt(state[i] * state[i] + c[_DELTA])
    t = 1.0 + squared
    power, rate = c[_P], c[_RATE]
    pull = c[_A] * rate * exp(-(rate * length))
    push = 2.0 * power * c[_D] * exp(-(power * log(t))) / t
    bend = 2.0 * (power + 1.0) * push / t
    # relative errors in units of 2^-52: exp's argument carries (n + 2) of a length, its amplitude adds to them
    amplified = (n + 4.0) * (1.0 + rate * length) + 12.0
    amplified_uplift = (n + 4.0) * (1.0 + power * (1.0 + log(t))) + 20.0
    gradient_error = 0.0
    hessian_error = 0.0
    for i in range(n):
        x = absolute(state[i])
        slope = absolute(work[i])
        row = _VECTORS + 2 * n + i * (i + 1) // 2
        mass = c[_VECTORS + n + i]
        entry = 2.0 * (mass * mass + absolute(c[_MU]) + absolute(c[row + i]))
        linear = entry * x + absolute(c[_VECTORS + i])
        bent = bend * x * amplified_uplift
        pulled = pull * rate * slope * amplified
        for j in range(i):
            linear += 2.0 * absolute(c[row + j] * state[j])
            off = 8.0 * absolute(c[row + j]) + bent * absolute(state[j]) + pulled * absolute(work[j])
            hessian_error += 2.0 * off * off
        for j in range(i + 1, n):
            linear += 2.0 * absolute(c[_VECTORS + 2 * n + j * (j + 1) // 2 + i] * state[j])
        quartic = 12.0 * c[_GAMMA] * x * x
        error = (n + 8.0) * (linear + quartic * x) + pull * slope * amplified + push * x * amplified_uplift
        gradient_error += error * error
        diagonal = 8.0 * (entry + quartic) + (push + bend * x * x) * amplified_uplift
        diagonal += pull * (work[n + i] + rate * slope * slope) * amplified
        hessian_error += diagonal * diagonal
    unit = 2.0 * 2.220446049250313e-16
    return unit * sqrt(gradient_error), unit * sqrt(hessian_error)
