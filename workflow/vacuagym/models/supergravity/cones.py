"""The Kähler cone of a toric variety: its centre, and random points in it.

The cone is all t with s_w = sum_i degree_wi t^i > 0 for the curves w, one for each triangle of the triangulation, each of
which meets a few divisors. Two points are
asked for, both on the slice where the mean of s is 1:

- the *centre*, the minimum of sum_w (s_w - log s_w): the analytic centre of the slice (Nesterov and Nemirovskii,
  Interior-Point Polynomial Algorithms, 1994);
- a *random point*, from the density exp(-sum_w s_w) on the cone, brought to the slice: Gibbs sweeps from the centre.
"""

from collections import namedtuple

import numpy as np

from vacuagym.geometry.triangulations import DIM, MAX_TETRAHEDRA, restore, walls
from vacuagym.numerics.compiled import njit
from vacuagym.numerics.elementary import exp, log
from vacuagym.numerics.linalg import factor, solve

SWEEPS = 2
_MAX_STEPS = 50  # of Newton's method; some ten are enough
_CENTRAL = 1e-6  # squared length of the last Newton step in the metric of the Hessian

# A cone in n classes with m curves; both lists hold the same k entries.
#   by_curve : (m + 1,) int64, the entries of curve w are by_curve[w]:by_curve[w + 1] of the next two
#   classes  : (k,) int64
#   degrees  : (k,) float64
#   by_class : (n + 1,) int64, the entries of class i are by_class[i]:by_class[i + 1] of the next two
#   curves   : (k,) int64
#   of_class : (k,) float64, degrees
Cone = namedtuple("Cone", "by_curve classes degrees by_class curves of_class")


@njit(cache=True)
def cone_of(rays, heights, basis, polytope, dual, fan):
    """The `Cone` of a row of features, and a class inside.

    Parameters
    ----------
    rays, heights, basis : int (4 R,), (R,), (n,)
        As in the features.
    polytope, dual, fan : Polytope, Polytope, Fan
        Workspace.

    Returns
    -------
    cone : Cone
        The Kähler cone of the toric variety.
    inside : float64 (n,)
        The class of the heights.
    """
    n, n_rays = len(basis), len(heights)
    restore(rays.reshape(n_rays, DIM), heights, polytope, dual, fan)
    members, degrees = (
        np.empty((2 * MAX_TETRAHEDRA, DIM + 1), np.int64),
        np.empty((2 * MAX_TETRAHEDRA, DIM + 1), np.int64),
    )
    m = walls(fan, members, degrees)
    place = np.full(n_rays, -1)
    for i in range(n):
        place[basis[i]] = i
    by_curve, by_class = np.zeros(m + 1, np.int64), np.zeros(n + 1, np.int64)
    for w in range(m):
        by_curve[w + 1] = by_curve[w]
        for k in range(DIM + 1):
            i = place[members[w, k]]
            if i >= 0 and degrees[w, k] != 0:
                by_curve[w + 1] += 1
                by_class[i + 1] += 1
    for i in range(n):
        by_class[i + 1] += by_class[i]
    size = by_curve[m]
    cone = Cone(by_curve, np.empty(size, np.int64), np.empty(size), by_class, np.empty(size, np.int64), np.empty(size))
    filled, entry = by_class[:n].copy(), 0
    for w in range(m):
        for k in range(DIM + 1):
            i = place[members[w, k]]
            if i >= 0 and degrees[w, k] != 0:
                cone.classes[entry], cone.degrees[entry] = i, degrees[w, k]
                cone.curves[filled[i]], cone.of_class[filled[i]] = w, degrees[w, k]
                entry += 1
                filled[i] += 1
    return cone, _class_of_heights(heights, place, fan)


@njit(cache=True)
def _class_of_heights(heights, place, fan):
    """The class sum of height times divisor in the basis, float64 (n,), exact but for the last conversion.

    The gauge in which the heights of the rays outside the basis vanish: excesses over the tetrahedron of these rays.
    """
    inside = np.empty(len(heights) - DIM)
    t, found = 0, False
    while not found:
        if t == fan.sizes[2]:
            raise ValueError("the rays outside the basis are no tetrahedron of the triangulation")
        found = True
        for k in range(DIM):
            found = found and place[fan.tetrahedra[t, k]] < 0
        t += not found
    lift = fan.lifts[t]
    for r in range(len(heights)):
        if place[r] >= 0:
            value = lift[0] * fan.heights[r]
            for c in range(DIM):
                value -= lift[1 + c] * fan.rays[r, c]
            inside[place[r]] = value / lift[0]
    return inside


@njit(cache=True)
def curve_sizes(cone, t, s):
    """Write s_w of each curve at t to ``s`` (m,); returns the smallest."""
    smallest = np.inf
    for w in range(len(s)):
        s[w] = 0.0
        for k in range(cone.by_curve[w], cone.by_curve[w + 1]):
            s[w] += cone.degrees[k] * t[cone.classes[k]]
        smallest = min(smallest, s[w])
    return smallest


@njit(cache=True)
def to_slice(t, s):
    """Scale t (n,) and its curves s (m,) so that the mean of s is 1."""
    scale = len(s) / s.sum()
    for i in range(len(t)):
        t[i] *= scale
    for w in range(len(s)):
        s[w] *= scale


@njit(cache=True)
def centre(cone, t, s):
    """Move t from a point inside the cone to its centre, by Newton's method with exact line search.

    Every step stays inside, so that t is a point inside the cone even if the steps end early.

    Parameters
    ----------
    cone : Cone
    t : float64 (n,)
        In: inside the cone. Out: the centre.
    s : float64 (m,)
        Output: its curves.
    """
    n, m = len(t), len(s)
    hessian, work = np.empty((n, n)), np.empty((2, n))
    step, slopes, trial = np.empty(n), np.empty(m), np.empty(m)
    moved = np.empty(n)
    curve_sizes(cone, t, s)
    to_slice(t, s)
    for _ in range(_MAX_STEPS):
        for i in range(n):
            step[i] = 0.0
            for j in range(n):
                hessian[i, j] = 0.0
        for w in range(m):
            inverse = 1.0 / s[w]
            for k in range(cone.by_curve[w], cone.by_curve[w + 1]):
                i, degree = cone.classes[k], cone.degrees[k]
                step[i] -= degree * (1.0 - inverse)
                for other in range(cone.by_curve[w], cone.by_curve[w + 1]):
                    hessian[i, cone.classes[other]] += degree * inverse * cone.degrees[other] * inverse
        moved[:] = step
        factor(n, hessian, work, 1e-12, True)
        solve(n, hessian, step)
        decrement = 0.0
        for i in range(n):
            decrement += moved[i] * step[i]
        if not decrement > _CENTRAL:
            break
        curve_sizes(cone, step, slopes)
        length = _line_search(s, slopes)
        while length > 0.0:  # rounding can leave the cone
            for i in range(n):
                moved[i] = t[i] + length * step[i]
            if curve_sizes(cone, moved, trial) > 0.0:
                break
            length = 0.5 * length if length > 1e-6 else 0.0
        if length == 0.0:
            break
        t[:] = moved
        s[:] = trial
    to_slice(t, s)


@njit(cache=True)
def _line_search(s, slopes):
    """The length that minimises sum (s + length slopes) - log(s + length slopes), to a few digits."""
    longest = np.inf
    for w in range(len(s)):
        if slopes[w] < 0.0:
            longest = min(longest, -s[w] / slopes[w])
    low, high = 0.0, 0.99 * longest
    length = min(1.0, 0.5 * longest)
    for _ in range(8):
        first = second = 0.0
        for w in range(len(s)):
            ratio = slopes[w] / (s[w] + length * slopes[w])
            first += slopes[w] - ratio
            second += ratio * ratio
        if first > 0.0:
            high = length
        else:
            low = length
        length -= first / second
        if not low < length < high:
            length = 0.5 * (low + high) if high < np.inf else 2.0 * low
    return length


@njit(cache=True)
def random_point(cone, uniforms, t, s):
    """Move t from a point inside the cone to a random one, by Gibbs sweeps.

    Along a class the density is that of an exponential distribution, cut off where a curve shrinks to nothing.

    Parameters
    ----------
    cone : Cone
    uniforms : float64 (at least SWEEPS n,)
        Uniform draws on [0, 1).
    t, s : float64 (n,), (m,)
        In: a point inside the cone, and its curves. Out: the random point on the slice.
    """
    n, used = len(t), 0
    for _ in range(SWEEPS):
        for i in range(n):
            first, last = cone.by_class[i], cone.by_class[i + 1]
            low, high, rate = -np.inf, np.inf, 0.0
            for k in range(first, last):
                bound = -s[cone.curves[k]] / cone.of_class[k]
                rate += cone.of_class[k]
                if cone.of_class[k] > 0.0:
                    low = max(low, bound)
                else:
                    high = min(high, bound)
            move = _cut_exponential(low, high, rate, uniforms[used])
            used += 1
            t[i] += move
            for k in range(first, last):
                s[cone.curves[k]] += move * cone.of_class[k]
    curve_sizes(cone, t, s)
    to_slice(t, s)


@njit(cache=True)
def _cut_exponential(low, high, rate, u):
    """A draw from the density exp(-rate x) on (low, high), from a uniform one; the end on the falling side may be infinite."""
    span = abs(rate) * (high - low)
    if not span > 1e-9:
        return low + u * (high - low)
    fallen = 1.0 - u * (1.0 - exp(-span)) if span < 700.0 else 1.0 - u
    return low - log(fallen) / rate if rate > 0.0 else high - log(fallen) / rate
