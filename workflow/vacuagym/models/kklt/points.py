"""Supersymmetric points: candidates at leading order, followed through the phases, then made exact.

W = W0 + sum_p A_p exp(-a_p T_p) over the rigid divisors, T_p = Q_pi T_i, E_p = A_p exp(-a_p T_p) / W0, w = W / W0 and
Y = volume + xi / 2. With a basis B of the classes among the rigid divisors, t = sum_B lambda_p Q_p and Q_q = sum_B M_qp Q_p,

    D_iW = 0 for all i  <=>  a_p E_p = -N_p for p in B,  N_p = lambda_p w / 2Y + sum_{q not in B} M_qp a_q E_q.

At leading order the terms of B stand alone and a_p tau_p = ln|A_p / W0| + ln(2Y a_p / |lambda_p|) >= that of every other
term: a vertex of the polyhedron of the tau at which all terms are small enough.
"""

from collections import namedtuple

import numpy as np

from vacuagym.models.kklt.angles import argument, cosine_sine, modulus
from vacuagym.models.kklt.dense import eliminate, substitute
from vacuagym.models.kklt.phases import NONE, enter_phase, smallest_curve
from vacuagym.numerics.compiled import njit
from vacuagym.numerics.elementary import exp, log, sqrt

_TWO_PI = 6.283185307179586
_SMALLEST_STEP = 1.0 / 256.0
_MAX_NEWTON = 8
_CLOSE, _EXACT = 1e-9, 1e-13  # relative steps of Newton's method on the way, and at the end
MAX_CANDIDATES = 64

# The couplings of a row with what they multiply; r rigid divisors, R toric divisors, n classes.
#   classes : (r, n) float64, Q of the rigid divisors
#   effective : (R, n) float64, Q of all toric divisors
#   rates   : (r,) float64, a_p = 2 pi / c_p
#   logs    : (r,) float64, ln |A_p / W0|
#   angles  : (r,) float64, arg A_p
#   xi      : float
Theory = namedtuple("Theory", "classes effective rates logs angles xi")

# A straight line of n sums of four-cycles, sum_i charges_ki tau_i, to be followed.
#   charges      : (n, n) float64
#   start, goals : (n,) float64, the sums at its start and at its end
#   inverse      : (n, n) float64, Q_B^-1 with lambda = t Q_B^-1, if ln(2Y a_p / |lambda_p|) belongs to the goals; else (0, 0)
#   signs, rates : (n,) float64, the signs of lambda to be kept, and a_p; else (0,)
#   xi           : float
Line = namedtuple("Line", "charges start goals inverse signs rates xi")

FOUND, LEFT, STUCK = 0, 1, 2  # followed to the end; out of the certified phases; Newton's method failed


@njit(cache=True)
def geometry_at(kappa, t, matrix, tau):
    """Write kappa_ij = kappa_ijk t^k and tau_i = kappa_ij t^j / 2; returns the volume."""
    n, volume = len(t), 0.0
    for i in range(n):
        tau[i] = 0.0
        for j in range(n):
            matrix[i, j] = 0.0
            for k in range(n):
                matrix[i, j] += kappa[i, j, k] * t[k]
            tau[i] += 0.5 * matrix[i, j] * t[j]
        volume += tau[i] * t[i] / 3.0
    return volume


# --- candidates -------------------------------------------------------------------------------------------------------


@njit(cache=True)
def candidates(theory, log_flux, subsets, tau):
    """The vertices of the polyhedron a_p tau_p >= ln|A_p / W0| + ln(2 n L / 3), L = -ln|W0|.

    Parameters
    ----------
    theory : Theory
        The couplings.
    log_flux : float
        ln |W0|, negative.
    subsets, tau : int64 (MAX_CANDIDATES, n), float64 (MAX_CANDIDATES, n)
        Output: the rigid divisors B of each vertex, and the vertex.

    Returns
    -------
    count : int
        How many vertices there are; MAX_CANDIDATES + 1 if there is no room for them.
    spans : bool
        Whether the rigid divisors span the classes.
    """
    r, n = theory.classes.shape
    count, spans = 0, False
    if r < n:
        return count, spans
    bounds = np.empty(r)
    for p in range(r):
        bounds[p] = (theory.logs[p] + log(-2.0 * n * log_flux / 3.0)) / theory.rates[p]
    chosen = np.arange(n)
    matrix, order, x = np.empty((n, n)), np.empty(n, np.int64), np.empty(n)
    more = True
    while more:
        for i in range(n):
            matrix[i] = theory.classes[chosen[i]]
            x[i] = bounds[chosen[i]]
        if abs(eliminate(matrix, order)) > 0.5:  # it is an integer
            spans = True
            substitute(matrix, order, x)
            inside = True
            for p in range(r):
                if not inside:
                    break
                tight = False
                for i in range(n):
                    tight = tight or chosen[i] == p
                if not tight:
                    size = 0.0
                    for i in range(n):
                        size += theory.classes[p, i] * x[i]
                    inside = size >= bounds[p]
            if inside:
                if count == MAX_CANDIDATES:
                    return count + 1, spans
                subsets[count], tau[count] = chosen, x
                count += 1
        place = n - 1  # the next subset in lexicographic order
        while place >= 0 and chosen[place] == r - n + place:
            place -= 1
        more = place >= 0
        if more:
            chosen[place] += 1
            for i in range(place + 1, n):
                chosen[i] = chosen[i - 1] + 1
    return count, spans


@njit(cache=True)
def is_effective(theory, tau):
    """Whether tau is positive on all toric divisors; if not, no point of the movable cone has these four-cycles."""
    for p in range(len(theory.effective)):
        size = 0.0
        for i in range(len(tau)):
            size += theory.effective[p, i] * tau[i]
        if not size > 0.0:
            return False
    return True


# --- following --------------------------------------------------------------------------------------------------------


@njit(cache=True)
def stay(space, t):
    """Make sure that the phase in use is that of t; returns whether there is a certified one, and whether it is a new one."""
    if space.sizes[2] != NONE and smallest_curve(space, t) > 0.0:
        return True, False
    return enter_phase(space, t), True


@njit(cache=True)
def _solve(space, line, to, t):
    """Newton's method for the point at ``to`` of a line, from t; returns FOUND, LEFT or STUCK, and the changes of the phase."""
    n, changed = len(t), 0
    matrix, order, tau = np.empty((n, n)), np.empty(n, np.int64), np.empty(n)
    jacobian, step = np.empty((n, n)), np.empty(n)
    for _ in range(_MAX_NEWTON):
        y = geometry_at(space.kappa, t, matrix, tau) + 0.5 * line.xi
        jacobian[:] = 0.0
        for k in range(n):
            goal, x = line.goals[k], 0.0
            for i in range(n):
                x += line.charges[k, i] * tau[i]
            if len(line.inverse) > 0:
                weight = 0.0
                for i in range(n):
                    weight += line.inverse[i, k] * t[i]
                if not (y > 0.0 and weight * line.signs[k] > 0.0):
                    return STUCK, changed
                goal += log(2.0 * y * line.rates[k] / abs(weight))
                for j in range(n):
                    jacobian[k, j] = to * (line.inverse[j, k] / weight - tau[j] / y)
            step[k] = (1.0 - to) * line.start[k] + to * goal - x
            for j in range(n):
                for i in range(n):
                    jacobian[k, j] += line.charges[k, i] * matrix[i, j]
        if eliminate(jacobian, order) == 0.0:
            return STUCK, changed
        substitute(jacobian, order, step)
        size = largest = 0.0
        for i in range(n):
            size, largest = max(size, abs(t[i])), max(largest, abs(step[i]))
            t[i] += step[i]
        if not largest < 0.5 * size:
            return STUCK, changed
        certified, new = stay(space, t)
        changed += new
        if not certified:
            return LEFT, changed
        if largest < _CLOSE * size:
            return FOUND, changed
    return STUCK, changed


@njit(cache=True)
def _follow(space, line, length, t):
    """Move t to the end of a line, first by ``length`` of it; returns FOUND, LEFT or STUCK, and the steps with a new phase."""
    trial, done, flops = np.empty(len(t)), 0.0, 0
    while done < 1.0:
        to = min(1.0, done + length)
        trial[:] = t
        status, changed = _solve(space, line, to, trial)
        if status == FOUND:
            t[:] = trial
            done, length = to, min(2.0 * length, 1.0)
            flops += changed > 0
        else:
            length *= 0.5
            if changed > 0 and not enter_phase(space, t):
                return LEFT, flops
            if length < _SMALLEST_STEP:
                return status, flops
    return FOUND, flops


@njit(cache=True)
def follow_cycles(space, t, target, flops):
    """Move t along the straight line of four-cycles to those of ``target``, up to a factor at the start.

    Parameters
    ----------
    space : Space
        The phase of t is in use; on return that of the new t.
    t : float64 (n,)
        In: inside the movable cone; out: the point.
    target : float64 (n,)
        tau.
    flops : int64 (1,)
        Changes of the phase are added.

    Returns
    -------
    int
        FOUND, LEFT or STUCK.
    """
    n = len(t)
    start, here, there = np.empty(n), 0.0, 0.0
    geometry_at(space.kappa, t, np.empty((n, n)), start)
    for i in range(n):
        here += start[i] * t[i]
        there += target[i] * t[i]
    scale = there / here
    if not scale > 0.0:
        return STUCK
    for i in range(n):
        t[i] *= sqrt(scale)
        start[i] *= scale
    nothing = np.empty(0)
    status, changes = _follow(space, Line(np.eye(n), start, target, np.empty((0, 0)), nothing, nothing, 0.0), 0.25, t)
    flops[0] += changes
    return status


# --- the exact point --------------------------------------------------------------------------------------------------


@njit(cache=True)
def basis_of(theory, subset, inverse, expansion):
    """Write Q_B^-1 (n, n) of a subset of the rigid divisors, and M (r, n) with Q_q = sum_B M_qp Q_p."""
    r, n = theory.classes.shape
    matrix, order, x = np.empty((n, n)), np.empty(n, np.int64), np.empty(n)
    for k in range(n):
        for i in range(n):
            matrix[k, i] = theory.classes[subset[k], i]
    eliminate(matrix, order)
    for k in range(n):
        x[:] = 0.0
        x[k] = 1.0
        substitute(matrix, order, x)
        inverse[:, k] = x
    for q in range(r):
        for k in range(n):
            expansion[q, k] = 0.0
            for i in range(n):
                expansion[q, k] += theory.classes[q, i] * inverse[i, k]


@njit(cache=True)
def real_point(space, theory, subset, t):
    """Move t from a vertex to a_p tau_p = ln|A_p / W0| + ln(2Y a_p / |lambda_p|), p in B: the point without other terms.

    The right-hand side is followed from its value at t, with the signs of lambda_p kept. Returns FOUND, LEFT or STUCK.
    """
    r, n = theory.classes.shape
    inverse, charges, tau = np.empty((n, n)), np.empty((n, n)), np.empty(n)
    start, signs, goals, rates = np.zeros(n), np.zeros(n), np.empty(n), np.empty(n)
    basis_of(theory, subset, inverse, np.empty((r, n)))
    geometry_at(space.kappa, t, np.empty((n, n)), tau)
    for k in range(n):
        p = subset[k]
        goals[k], rates[k] = theory.logs[p], theory.rates[p]
        for i in range(n):
            charges[k, i] = theory.rates[p] * theory.classes[p, i]
            start[k] += charges[k, i] * tau[i]
            signs[k] += inverse[i, k] * t[i]
    status, _ = _follow(space, Line(charges, start, goals, inverse, signs, rates, theory.xi), 0.5, t)
    return status


@njit(cache=True)
def exponentials(theory, tau, theta, terms):
    """Write E_p (r,) complex."""
    for p in range(len(terms)):
        x, angle = theory.logs[p], theory.angles[p]
        for i in range(len(tau)):
            x -= theory.rates[p] * theory.classes[p, i] * tau[i]
            angle -= theory.rates[p] * theory.classes[p, i] * theta[i]
        size, (c, s) = exp(x), cosine_sine(angle)
        terms[p] = complex(size * c, size * s)


@njit(cache=True)
def exact_point(space, theory, subset, t, theta):
    """Solve D_iW = 0 with all terms, by Newton's method in t and theta on the logarithm of -a_p E_p / N_p.

    Parameters
    ----------
    space, theory, subset
        The phase of t is in use.
    t, theta : float64 (n,), (n,)
        In: the point of `real_point`, and nothing; out: the supersymmetric point.

    Returns
    -------
    int
        FOUND, LEFT or STUCK.
    """
    r, n = theory.classes.shape
    matrix, tau, terms = np.empty((n, n)), np.empty(n), np.empty(r, np.complex128)
    inverse, expansion = np.empty((n, n)), np.empty((r, n))
    jacobian, order, step = np.empty((2 * n, 2 * n)), np.empty(2 * n, np.int64), np.empty(2 * n)
    slope = np.empty((r, n))  # d(a_p tau_p)/dt
    basis_of(theory, subset, inverse, expansion)
    theta[:] = 0.0
    for k in range(n):
        weight = 0.0
        for i in range(n):
            weight += inverse[i, k] * t[i]
        angle = theory.angles[subset[k]] - (0.5 * _TWO_PI if weight > 0.0 else 0.0)
        for i in range(n):
            theta[i] += inverse[i, k] * angle / theory.rates[subset[k]]
    before = np.inf
    for _ in range(4 * _MAX_NEWTON):
        y = geometry_at(space.kappa, t, matrix, tau) + 0.5 * theory.xi
        exponentials(theory, tau, theta, terms)
        w = 1.0 + 0.0j
        for p in range(r):
            w += terms[p]
            for j in range(n):
                slope[p, j] = 0.0
                for i in range(n):
                    slope[p, j] += theory.rates[p] * theory.classes[p, i] * matrix[i, j]
        for k in range(n):
            p, weight = subset[k], 0.0
            for i in range(n):
                weight += inverse[i, k] * t[i]
            rest = weight * w / (2.0 * y)
            for q in range(r):
                if not _contains(subset, q):
                    rest += expansion[q, k] * theory.rates[q] * terms[q]
            if rest == 0.0 or terms[p] == 0.0:
                return STUCK
            ratio = -theory.rates[p] * terms[p] / rest
            step[k], step[n + k] = -log(modulus(ratio)), -argument(ratio)
            for j in range(n):
                of_t = (inverse[j, k] - weight * tau[j] / y) * w / (2.0 * y)
                of_theta = 0.0j
                for q in range(r):
                    factor = weight / (2.0 * y) + (0.0 if _contains(subset, q) else expansion[q, k] * theory.rates[q])
                    of_t -= factor * slope[q, j] * terms[q]
                    of_theta -= factor * 1j * theory.rates[q] * theory.classes[q, j] * terms[q]
                of_t = -slope[p, j] - of_t / rest
                of_theta = -1j * theory.rates[p] * theory.classes[p, j] - of_theta / rest
                jacobian[k, j], jacobian[n + k, j] = of_t.real, of_t.imag
                jacobian[k, n + j], jacobian[n + k, n + j] = of_theta.real, of_theta.imag
        if eliminate(jacobian, order) == 0.0:
            return STUCK
        substitute(jacobian, order, step)
        size = largest = 0.0
        for i in range(n):
            size, largest = max(size, abs(t[i])), max(largest, abs(step[i]))
        for i in range(n):
            largest = max(largest, abs(step[n + i]) * size / (1.0 + abs(theta[i])))
        if not largest < size:
            return STUCK
        for i in range(n):
            t[i] += step[i]
            theta[i] += step[n + i]
        certified, _ = stay(space, t)
        if not certified:
            return LEFT
        if largest < _EXACT * size or (largest < _CLOSE * size and largest >= before):
            return FOUND
        before = largest
    return STUCK


@njit(cache=True)
def _contains(subset, q):
    for p in subset:
        if p == q:
            return True
    return False
