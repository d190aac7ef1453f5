"""Proofs that a zero of a system exists near a computed point, and what it is.

With Z an approximate inverse of the Jacobian J, |1 - Z J| <= 1/2 on a box of half-width rho and |Z F| < rho / 2 at its centre,
there is exactly one zero of F in the box (Krawczyk 1969; Rump 2010). F and J are enclosed in ball arithmetic. The coordinates
are adapted to the point: t = S y with a matrix S for which y_p changes as a_p tau_p does, p in B. In the integer basis the
numbers cancel too much.
"""

from collections import namedtuple

import numpy as np

from vacuagym.models.kklt.balls import Balls, at, new_balls, nought, put, shape_of
from vacuagym.models.kklt.dense import cholesky, eliminate, substitute
from vacuagym.models.kklt.points import exponentials, geometry_at
from vacuagym.models.kklt.potential import Jet, fill_geometry, fill_jet, hold_axion
from vacuagym.numerics.compiled import njit
from vacuagym.numerics.elementary import exp

_UNIT = 2.0**-52
_WIDEST = 1e-3  # half-width of a box; volumes then change by less than 1 % for exponents above 1

# A point in adapted coordinates; r rigid divisors, n classes. Balls but for basis and terms.
#   basis   : (n, n) float64, S
#   kappa   : (n, n, n), triple intersection numbers
#   charges : (r, n), a_p Q_p
#   y       : (n,)
#   terms   : (r,), E_p
Frame = namedtuple("Frame", "basis kappa charges y terms")


@njit(cache=True)
def _ball_jet(n, r):
    """Room for a `Jet` of balls."""
    return Jet(
        new_balls(2 * n),
        new_balls((2 * n, 2 * n)),
        new_balls(4),
        np.empty((n, n)),
        new_balls((n, n)),
        new_balls(n),
        new_balls(r),
        new_balls((r, n)),
        new_balls(n),
        new_balls(n),
        new_balls((n, n)),
        new_balls(2 * n),
        new_balls(2 * n),
        new_balls(2 * n),
        new_balls(2 * n),
        new_balls(2 * n),
        new_balls(2 * n),
        new_balls(2 * n),
        new_balls((2 * n, n)),
        new_balls((2 * n, n)),
    )


@njit(cache=True)
def _inverse(matrix):
    """An approximate inverse (m, m); NaN if there is none."""
    m = len(matrix)
    factors, order, x, inverse = matrix.copy(), np.empty(m, np.int64), np.empty(m), np.full((m, m), np.nan)
    if eliminate(factors, order) != 0.0:
        for k in range(m):
            x[:] = 0.0
            x[k] = 1.0
            substitute(factors, order, x)
            inverse[:, k] = x
    return inverse


@njit(cache=True)
def _enclose_inverse(matrix):
    """Balls (m, m) that hold the inverse of a matrix; radii are infinite or NaN where that is not proved.

    With R close to the inverse and E = 1 - A R, A^-1 = R + R (E + E^2 + ...).
    """
    m = len(matrix)
    close = _inverse(matrix)
    rest = np.empty((m, m))
    norm = 0.0
    for i in range(m):
        total = 0.0
        for j in range(m):
            entry, size = 1.0 if i == j else 0.0, 1.0
            for k in range(m):
                entry -= matrix[i, k] * close[k, j]
                size += abs(matrix[i, k] * close[k, j])
            rest[i, j] = abs(entry) + 2.0 * m * _UNIT * size
            total += rest[i, j]
        norm = max(norm, total) if total == total else np.inf
    inverse = new_balls((m, m))
    for i in range(m):
        largest = 0.0
        for j in range(m):
            spread = 0.0
            for k in range(m):
                spread += abs(close[i, k]) * rest[k, j]
            largest = max(largest, spread)
        for j in range(m):
            inverse.centre[i, j] = close[i, j]
            inverse.radius[i, j] = 1.1 * largest / (1.0 - norm) if norm < 0.9 else np.inf
    return inverse


@njit(cache=True)
def _transpose_product(matrix, kappa):
    """Balls kappa'_bca = kappa_iab S_ic: one index into the new basis, and on to the end; three times make all of them."""
    n = len(matrix)
    product = new_balls((n, n, n))
    for a in range(n):
        for b in range(n):
            for c in range(n):
                total = nought(product)
                for i in range(n):
                    total += at(kappa, (i, a, b)) * matrix[i, c]
                put(product, (a, b, c), total)
    return product


@njit(cache=True)
def adapt(kappa, theory, subset, t, theta):
    """The `Frame` of a point in which y_p changes as a_p tau_p does, p in B.

    Parameters
    ----------
    kappa : float64 (n, n, n)
        Integers.
    theory : points.Theory
        The couplings.
    subset : int64 (n,)
        B, a basis of the classes among the rigid divisors.
    t, theta : float64 (n,), (n,)
        The point.
    """
    n = len(t)
    matrix, tau, slope = np.empty((n, n)), np.empty(n), np.empty((n, n))
    geometry_at(kappa, t, matrix, tau)
    for k in range(n):
        for j in range(n):
            slope[k, j] = 0.0
            for i in range(n):
                slope[k, j] += theory.rates[subset[k]] * theory.classes[subset[k], i] * matrix[i, j]
    basis = _inverse(slope)
    return frame_of(kappa, theory, basis, _enclose_inverse(basis), t, theta)


@njit(cache=True)
def frame_of(kappa, theory, basis, back, t, theta):
    """The `Frame` of a point in the coordinates y of t = S y; basis (n, n) is S, back balls (n, n) that hold its inverse."""
    r, n = theory.classes.shape
    matrix, tau = np.empty((n, n)), np.empty(n)
    geometry_at(kappa, t, matrix, tau)
    exact = Balls(kappa + 0.0j, np.zeros((n, n, n)))
    for _ in range(3):
        exact = _transpose_product(basis, exact)
    charges, y, terms = new_balls((r, n)), new_balls(n), new_balls(r)
    for a in range(n):
        total = nought(y)
        for i in range(n):
            total += at(back, (a, i)) * t[i]
        put(y, a, total)
        for p in range(r):
            total = nought(y)
            for i in range(n):
                total += at(back, (a, i)) * (theory.rates[p] * theory.classes[p, i])
            put(charges, (p, a), total)
    exponentials(theory, tau, theta, terms.centre)
    for p in range(r):
        size = abs(theory.logs[p]) + abs(theory.angles[p]) + 8.0
        for i in range(n):
            charge, of_tau = theory.rates[p] * abs(theory.classes[p, i]), 0.0
            for j in range(n):
                for k in range(n):
                    of_tau += 0.5 * abs(kappa[i, j, k] * t[j] * t[k])
            size += charge * (of_tau + abs(theta[i]))
        error = (2.0 * n + 8.0) * _UNIT * size  # of the exponent and the angle; their terms go through fewer roundings
        value = terms.centre[p]
        terms.radius[p] = (abs(value.real) + abs(value.imag)) * (exp(min(error, 100.0)) - 1.0)
    return Frame(basis, exact, charges, y, terms)


@njit(cache=True)
def _widen(frame, half_width, jet):
    """The point's coordinates and E_p on a box: y and phi within half_width; fills the geometry of the jet."""
    r, n = shape_of(frame.charges)
    y, terms = new_balls(n), new_balls(r)
    for i in range(n):
        y.centre[i], y.radius[i] = frame.y.centre[i], frame.y.radius[i] + half_width
    fill_geometry(frame.kappa, frame.charges, y, jet)
    for p in range(r):
        change = 0.0
        for i in range(n):
            change += abs(jet.slope.centre[p, i].real) + jet.slope.radius[p, i]
        change *= 2.0 * half_width  # of exponent and angle together
        value = frame.terms.centre[p]
        size = abs(value.real) + abs(value.imag) + frame.terms.radius[p]
        terms.centre[p] = value
        terms.radius[p] = frame.terms.radius[p] + 1.01 * size * (exp(min(change, 100.0)) - 1.0)
    return y, terms


@njit(cache=True)
def _step_bound(inverse, residual):
    """At least the largest entry of |Z F|."""
    largest = 0.0
    for i in range(len(inverse)):
        centre, spread = 0.0, 0.0
        for k in range(len(inverse)):
            product = inverse[i, k] * residual.centre[k].real
            centre += product
            spread += abs(inverse[i, k]) * residual.radius[k] + 2.0 * len(inverse) * _UNIT * abs(product)
        total = abs(centre) + spread
        largest = max(largest, total) if total == total else np.inf
    return largest


@njit(cache=True)
def _is_close_to_one(left, middle, right, limit):
    """Whether each row of |1 - L M R| is proved to add up to less than the limit; L, R numbers, M balls."""
    m = len(left)
    half, spread = np.empty((m, m)), np.empty((m, m))
    for i in range(m):
        for j in range(m):
            half[i, j] = spread[i, j] = 0.0
            for k in range(m):
                product = left[i, k] * middle.centre[k, j].real
                half[i, j] += product
                spread[i, j] += abs(left[i, k]) * middle.radius[k, j] + 2.0 * m * _UNIT * abs(product)
    for i in range(m):
        distance = 0.0
        for j in range(m):
            entry, error = -1.0 if i == j else 0.0, 0.0
            for k in range(m):
                product = half[i, k] * right[k, j]
                entry += product
                error += spread[i, k] * abs(right[k, j]) + 2.0 * m * _UNIT * abs(product)
            distance += abs(entry) + error
        if not distance < limit:
            return False
    return True


@njit(cache=True)
def _is_positive(hessian):
    """Whether all symmetric matrices in the balls (m, m) are proved to be positive definite.

    With L L^T close to the centre and R close to L^-1, R H R^T is close to 1 for all of these H.
    """
    m = len(hessian.radius)
    factor, inverse = np.zeros((m, m)), np.zeros((m, m))
    if not cholesky(hessian.centre.real.copy(), factor):
        return False
    for k in range(m):
        inverse[k, k] = 1.0 / factor[k, k]
        for i in range(k + 1, m):
            for j in range(k, i):
                inverse[i, k] -= factor[i, j] * inverse[j, k]
            inverse[i, k] /= factor[i, i]
    return _is_close_to_one(inverse, hessian, inverse.T.copy(), 0.9)


@njit(cache=True)
def _stays_inside(space, frame, t, half_width):
    """Whether the box is inside the cone of the phase in use."""
    fan, n = space.fan, len(t)
    for w in range(fan.sizes[3]):
        size = spread = 0.0
        for i in range(n):
            degree = fan.curves[w, space.basis[i]]
            size += degree * t[i]
            spread += 2.0 * n * _UNIT * abs(degree * t[i])
        for a in range(n):
            change = 0.0
            for i in range(n):
                change += fan.curves[w, space.basis[i]] * frame.basis[i, a]
                spread += 2.0 * n * _UNIT * abs(fan.curves[w, space.basis[i]] * frame.basis[i, a]) * half_width
            spread += abs(change) * half_width
        if not size > spread:
            return False
    return True


@njit(cache=True)
def _has_metric(volume, xi):
    """Whether K_ij is positive definite at a volume, and at all that differ from it by 1 %: Y > 0 and 4 V0 > xi."""
    return volume + 0.5 * xi > 0.02 * (volume + abs(xi)) and 4.0 * volume - xi > 0.05 * (volume + abs(xi))


# --- supersymmetric points --------------------------------------------------------------------------------------------


@njit(cache=True)
def _fill_susy(frame, xi, y, terms, jet):
    """-2Y D_iW / W0 to the gradient of a jet, real then imaginary parts, and its Jacobian to the Hessian.

    It is 2Y sum_p a_p Q_pi E_p + y^i w, where dE_p = -slope_pj E_p by y^j, -i slope_pj E_p by phi^j. The geometry is filled.
    """
    r, n = shape_of(frame.charges)
    volume, w = nought(y), 1.0 + nought(terms)
    for i in range(n):
        volume += at(jet.tau, i) * at(y, i)
    two_y = 2.0 * volume / 3.0 + xi
    for p in range(r):
        w += at(terms, p)
    for i in range(n):
        flow = nought(terms)
        for p in range(r):
            flow += at(frame.charges, (p, i)) * at(terms, p)
        value = two_y * flow + at(y, i) * w
        put(jet.gradient, i, value)
        for j in range(n):
            entry = nought(terms)
            for p in range(r):
                entry += (two_y * at(frame.charges, (p, i)) + at(y, i)) * (at(jet.slope, (p, j)) * at(terms, p))
            put(jet.hessian, (i, n + j), -1j * entry)
            entry = 2.0 * at(jet.tau, j) * flow - entry
            if i == j:
                entry += w
            put(jet.hessian, (i, j), entry)
    for i in range(n):
        value = jet.gradient.centre[i]
        jet.gradient.centre[i], jet.gradient.centre[n + i] = value.real, value.imag
        jet.gradient.radius[n + i] = jet.gradient.radius[i]
        for j in range(2 * n):
            value = jet.hessian.centre[i, j]
            jet.hessian.centre[i, j], jet.hessian.centre[n + i, j] = value.real, value.imag
            jet.hessian.radius[n + i, j] = jet.hessian.radius[i, j]


@njit(cache=True)
def prove_susy(space, theory, subset, t, theta):
    """Prove that there is one supersymmetric point near a computed one, inside the cone of the phase in use.

    Parameters
    ----------
    space, theory, subset
        As of `points.exact_point`; the phase of t is in use.
    t, theta : float64 (n,), (n,)
        The computed point.

    Returns
    -------
    float
        The half-width of the box that holds it, in a_p tau_p and a_p theta_p of B; NaN if there is no proof.
    """
    r, n = theory.classes.shape
    frame, jet = adapt(space.kappa, theory, subset, t, theta), _ball_jet(n, r)
    volume = fill_geometry(frame.kappa, frame.charges, frame.y, jet)
    _fill_susy(frame, theory.xi, frame.y, frame.terms, jet)
    inverse = _inverse(jet.hessian.centre.real.copy())
    half_width = 4.0 * _step_bound(inverse, jet.gradient)
    if not (half_width < _WIDEST and _has_metric(volume.real, theory.xi)):
        return np.nan
    if not _stays_inside(space, frame, t, half_width):
        return np.nan
    y, terms = _widen(frame, half_width, jet)
    _fill_susy(frame, theory.xi, y, terms, jet)
    return half_width if _is_close_to_one(inverse, jet.hessian, np.eye(2 * n), 0.5) else np.nan


# --- critical points of the potential ---------------------------------------------------------------------------------


@njit(cache=True)
def prove_critical(space, theory, subset, uplift, power, t, theta):
    """Prove that there is one critical point of V near a computed one, whether it is a minimum, and the sign of V there.

    Parameters
    ----------
    space, theory, subset, uplift, power, t, theta
        As of `uplift.find_critical` and `points.exact_point`; the phase of t is in use.

    Returns
    -------
    half_width : float
        As of `prove_susy`; NaN if there is no proof.
    is_minimum : bool
        Whether the Hessian is proved to be positive definite at the critical point.
    sign : int
        The proved sign of V there, or 0.
    """
    frame = adapt(space.kappa, theory, subset, t, theta)
    half_width, is_minimum, sign = prove_in(frame, theory.xi, uplift, power, False)
    if half_width == half_width and _stays_inside(space, frame, t, half_width):
        return half_width, is_minimum, sign
    return np.nan, False, 0


@njit(cache=True)
def prove_in(frame, xi, uplift, power, has_flat_axion):
    """Prove that there is one critical point of V near the point of a frame; without the test that it is inside a cone.

    Parameters
    ----------
    frame : Frame
        Of the computed point.
    xi, uplift, power : float
        As of `potential.derivatives`.
    has_flat_axion : bool
        Whether no term of W depends on the first axion. It is then held where it is.

    Returns
    -------
    half_width, is_minimum, sign
        As of `prove_critical`, for the other coordinates.
    """
    r, n = shape_of(frame.charges)
    jet = _ball_jet(n, r)
    fill_jet(frame.kappa, frame.charges, xi, frame.terms, uplift, power, frame.y, jet)
    if has_flat_axion:
        hold_axion(jet)
    inverse = _inverse(jet.hessian.centre.real.copy())
    half_width = 4.0 * _step_bound(inverse, jet.gradient)
    if not (half_width < _WIDEST and _has_metric(jet.numbers.centre[2].real, xi)):
        return np.nan, False, 0
    y, terms = _widen(frame, half_width, jet)
    fill_jet(frame.kappa, frame.charges, xi, terms, uplift, power, y, jet)
    if has_flat_axion:
        hold_axion(jet)
    if not _is_close_to_one(inverse, jet.hessian, np.eye(2 * n), 0.5):
        return np.nan, False, 0
    value = jet.numbers.centre[0].real + jet.numbers.centre[1].real
    error = 1.01 * (jet.numbers.radius[0] + jet.numbers.radius[1]) + 4.0 * _UNIT * abs(value)
    return half_width, _is_positive(jet.hessian), 1 if value > error else (-1 if value < -error else 0)
