"""The critical point of the potential that a supersymmetric point turns into while the uplift is raised.

The branch is followed by its arc length in the exponents a_p T_p and the uplift (Keller 1977), so that it can be followed
round a fold: where the uplift falls along the branch before the drawn one is reached, the branch has ended.
"""

import numpy as np

from vacuagym.models.kklt.dense import eliminate, substitute
from vacuagym.models.kklt.points import FOUND, LEFT, STUCK, stay
from vacuagym.models.kklt.potential import derivatives
from vacuagym.numerics.compiled import njit
from vacuagym.numerics.elementary import exp, log, sqrt

ENDED = 3  # besides FOUND, LEFT and STUCK: the branch ends below the drawn uplift
_LONGEST, _SHORTEST, _FIRST = 0.5, 1e-4, 0.25  # steps
_MAX_STEPS, _MAX_NEWTON = 200, 8
_CLOSE, _EXACT = 1e-6, 1e-12  # changes of exponents at which Newton's method has converged, on the way and at the end


@njit(cache=True)
def _metric(theory, matrix, metric):
    """Write the metric (n, n) of the sum of squared changes of the exponents, of t as of phi."""
    r, n = theory.classes.shape
    metric[:] = 0.0
    slope = np.empty(n)
    for p in range(r):
        for i in range(n):
            slope[i] = 0.0
            for j in range(n):
                slope[i] += theory.rates[p] * theory.classes[p, j] * matrix[i, j]
        for i in range(n):
            for j in range(n):
                metric[i, j] += slope[i] * slope[j]


@njit(cache=True)
def _product(metric, a, b):
    """The product of two steps (2n,) in the metric."""
    n, total = len(metric), 0.0
    for i in range(n):
        for j in range(n):
            total += metric[i, j] * (a[i] * b[j] + a[n + i] * b[n + j])
    return total


@njit(cache=True)
def _move(matrix, step, t, theta):
    """Add a step in t and phi."""
    n = len(t)
    for i in range(n):
        for j in range(n):
            theta[i] += matrix[i, j] * step[n + j]
    for i in range(n):
        t[i] += step[i]


@njit(cache=True)
def find_critical(space, theory, uplift, power, t, theta, jet, close):
    """Newton's method on dV = 0 at a fixed uplift.

    Parameters
    ----------
    t, theta : float64 (n,), (n,)
        In: near the point; out: the point, if it is found.
    jet : Jet
        Output: V at the point before the last step.
    close : float
        The change of the exponents at which it has converged.

    Returns
    -------
    int
        FOUND, LEFT or STUCK.
    """
    n = len(t)
    matrix, order, step, metric = np.empty((2 * n, 2 * n)), np.empty(2 * n, np.int64), np.empty(2 * n), np.empty((n, n))
    before = np.inf
    for _ in range(_MAX_NEWTON):
        derivatives(space.kappa, theory, uplift, power, t, theta, jet)
        matrix[:] = jet.hessian
        for i in range(2 * n):
            step[i] = -jet.gradient[i]
        if eliminate(matrix, order) == 0.0:
            return STUCK
        substitute(matrix, order, step)
        _metric(theory, jet.matrix, metric)
        size = sqrt(_product(metric, step, step))
        if not size < 2.0:
            return STUCK
        _move(jet.matrix, step, t, theta)
        certified, _ = stay(space, t)
        if not certified:
            return LEFT
        if size < close or (size < 1e3 * close and size >= before):
            return FOUND
        before = size
    return STUCK


@njit(cache=True)
def raise_uplift(space, theory, uplift, power, t, theta, jet):
    """Follow a critical point without uplift to the one with the drawn uplift.

    Parameters
    ----------
    space, theory, power
        The phase of t is in use; on return that of the new t.
    uplift : float
        D / |W0|^2, at least 0.
    t, theta : float64 (n,), (n,)
        In: the supersymmetric point; out: the critical point, or the last one before the branch ends or is lost.
    jet : Jet
        Output.

    Returns
    -------
    status : int
        FOUND, LEFT, STUCK or ENDED.
    reached : float
        The uplift at the point.
    """
    n = len(t)
    status = find_critical(space, theory, 0.0, power, t, theta, jet, _EXACT)
    if status != FOUND or uplift == 0.0:
        return status, 0.0
    unit = _typical_uplift(theory, power, jet)
    goal, now, length, direction = uplift / unit, 0.0, _FIRST, 1.0
    matrix, order, metric = np.empty((2 * n, 2 * n)), np.empty(2 * n, np.int64), np.empty((n, n))
    along, rest, tangent = np.empty(2 * n), np.empty(2 * n), np.zeros(2 * n)
    trial, angles = np.empty(n), np.empty(n)
    for _ in range(_MAX_STEPS):
        derivatives(space.kappa, theory, now * unit, power, t, theta, jet)
        matrix[:] = jet.hessian
        if eliminate(matrix, order) == 0.0:
            return STUCK, now * unit
        _push(unit, power, jet, along)
        substitute(matrix, order, along)
        _metric(theory, jet.matrix, metric)
        size = sqrt(1.0 + _product(metric, along, along))
        sign = 1.0 if direction + _product(metric, along, tangent) > 0.0 else -1.0
        if sign < 0.0:
            return ENDED, now * unit
        direction = 1.0 / size
        for i in range(2 * n):
            tangent[i] = along[i] / size
        while True:
            if length < _SHORTEST:
                return status if status != FOUND else STUCK, now * unit
            trial[:], angles[:] = t, theta
            if now + length * direction >= goal:
                for i in range(2 * n):
                    rest[i] = along[i] * (goal - now)
                _move(jet.matrix, rest, trial, angles)
                certified, changed = stay(space, trial)
                status = LEFT
                if certified:
                    status = find_critical(space, theory, uplift, power, trial, angles, jet, _EXACT)
                if status == FOUND:
                    t[:], theta[:] = trial, angles
                    return FOUND, uplift
                derivatives(space.kappa, theory, now * unit, power, t, theta, jet)
            else:
                for i in range(2 * n):
                    rest[i] = tangent[i] * length
                _move(jet.matrix, rest, trial, angles)
                status, to = _correct(
                    space, theory, unit, power, trial, angles, now + length * direction, tangent, direction, metric, jet
                )
                if status == FOUND:
                    t[:], theta[:], now = trial, angles, to
                    length = min(_LONGEST, 1.5 * length)
                    break
                derivatives(space.kappa, theory, now * unit, power, t, theta, jet)
            certified, _ = stay(space, t)
            if not certified:
                return LEFT, now * unit
            derivatives(space.kappa, theory, now * unit, power, t, theta, jet)
            length *= 0.5
    return STUCK, now * unit


@njit(cache=True)
def _typical_uplift(theory, power, jet):
    """An uplift of the size at which branches end: x |w|^2 volume^(p - 2) / p, x the smallest exponent."""
    least = np.inf
    for p in range(len(theory.rates)):
        x = 0.0
        for i in range(len(jet.tau)):
            x += theory.rates[p] * theory.classes[p, i] * jet.tau[i]
        least = min(least, x)
    return max(least, 1.0) / power * jet.numbers[3] * exp((power - 2.0) * log(jet.numbers[2]))


@njit(cache=True)
def _push(unit, power, jet, out):
    """Write minus the derivative of the gradient by the uplift in its unit, (2n,)."""
    n, v = len(jet.tau), jet.numbers[2]
    factor = unit * power * exp(-(power + 1.0) * log(v))
    for i in range(n):
        out[i], out[n + i] = factor * jet.tau[i], 0.0


@njit(cache=True)
def _correct(space, theory, unit, power, t, theta, now, tangent, direction, metric, jet):
    """Newton's method on dV = 0 at fixed arc length; returns FOUND, LEFT or STUCK, and the uplift in its unit."""
    n = len(t)
    matrix, order, along, rest = np.empty((2 * n, 2 * n)), np.empty(2 * n, np.int64), np.empty(2 * n), np.empty(2 * n)
    for _ in range(_MAX_NEWTON):
        derivatives(space.kappa, theory, now * unit, power, t, theta, jet)
        matrix[:] = jet.hessian
        if eliminate(matrix, order) == 0.0:
            return STUCK, now
        _push(unit, power, jet, along)
        for i in range(2 * n):
            rest[i] = -jet.gradient[i]
        substitute(matrix, order, along)
        substitute(matrix, order, rest)
        slope = direction + _product(metric, tangent, along)
        if slope == 0.0:
            return STUCK, now
        change = -_product(metric, tangent, rest) / slope
        for i in range(2 * n):
            rest[i] += change * along[i]
        size = sqrt(_product(metric, rest, rest) + change * change)
        if not size < 1.0:
            return STUCK, now
        now += change
        _move(jet.matrix, rest, t, theta)
        certified, _ = stay(space, t)
        if not certified:
            return LEFT, now
        if size < _CLOSE:
            return FOUND, now
    return STUCK, now
