"""Fans of toric varieties in any phase, in four or five dimensions: from heights to cones, curves and intersections.

The fan of heights h is the one over which the largest convex function with f(v_p) <= h_p is linear on each cone. It is
found by gift wrapping: from a cone across each of its walls to the next one. Cones and sets of rays are bits of a word.
All of it but the comparison of heights is exact.
"""

from collections import namedtuple
from math import gcd

import numpy as np

from vacuagym.numerics.compiled import njit

MAX_DIM = 5
MAX_RAYS = 16
MAX_CONES = 1024
MAX_WALLS = MAX_CONES * MAX_DIM // 2
_PRIME = (1 << 31) - 1
# an arbitrary direction, and arbitrary weights of a vector inside a cone: any would do that are in no special position
_DIRECTION = (1_234_567_891, 987_654_321, 192_837_465, 564_738_291, 1_029_384_756)
_WEIGHTS = (1.0, 1.3217, 0.7391, 1.1713, 0.8969)
_NONE = np.int64(
    -1
)  # of the type of all indices: numba would compile what it calls with a literal for that literal too

# A fan; R rays, T cones, W walls; sizes = (dimension, R, T, W, rays used as bits).
#   rays       : (MAX_RAYS, MAX_DIM) int64
#   cones      : (MAX_CONES,) int64, bit p is set if the cone has ray p
#   members    : (MAX_CONES, MAX_DIM) int64, its rays
#   volumes    : (MAX_CONES,) int64, D = |det| of its rays
#   duals      : (MAX_CONES, MAX_DIM, MAX_DIM) int64, D times the basis dual to its rays
#   curves     : (MAX_WALLS, MAX_RAYS) int64, primitive degrees of the divisors on the curve of each wall
#   facet_cone : (2^MAX_RAYS,) int64, scratch: a cone that has this facet; -1 between calls
#   sizes      : (5,) int64
Fan = namedtuple("Fan", "rays cones members volumes duals curves facet_cone sizes")


@njit(cache=True)
def new_fan():
    """Room for a `Fan`."""
    return Fan(
        np.zeros((MAX_RAYS, MAX_DIM), np.int64),
        np.empty(MAX_CONES, np.int64),
        np.empty((MAX_CONES, MAX_DIM), np.int64),
        np.empty(MAX_CONES, np.int64),
        np.empty((MAX_CONES, MAX_DIM, MAX_DIM), np.int64),
        np.empty((MAX_WALLS, MAX_RAYS), np.int64),
        np.full(1 << MAX_RAYS, -1, np.int64),
        np.zeros(5, np.int64),
    )


@njit(cache=True)
def _dot(d, a, b):
    total = a[0] * b[0]
    for c in range(1, d):
        total += a[c] * b[c]
    return total


@njit(cache=True)
def _exchange(fan, source, place, ray, target):
    """Write cone ``target``: cone ``source`` with ``ray`` in the place of one of its rays. They may be the same."""
    d = fan.sizes[0]
    old, volume = fan.duals[source], fan.volumes[source]
    pivot = _dot(d, old[place], fan.rays[ray])
    sign = 1 if pivot > 0 else -1
    duals = fan.duals[target]
    for k in range(d):
        if k != place:
            slope = _dot(d, old[k], fan.rays[ray])
            for c in range(d):
                duals[k, c] = sign * (pivot * old[k, c] - slope * old[place, c]) // volume
    for c in range(d):
        duals[place, c] = sign * old[place, c]
    fan.members[target] = fan.members[source]
    fan.members[target, place] = ray
    fan.volumes[target] = abs(pivot)
    mask = np.int64(0)
    for k in range(d):
        mask |= np.int64(1) << fan.members[target, k]
    fan.cones[target] = mask


@njit(cache=True)
def _invert(fan, cone, corners):
    """Write a cone from its rays ``corners`` (d,), which are linearly independent."""
    d = fan.sizes[0]
    left, right = np.empty((d, d), np.int64), np.eye(d, dtype=np.int64)
    for k in range(d):
        for c in range(d):
            left[c, k] = fan.rays[corners[k], c]
    before = np.int64(1)
    for k in range(d):  # elimination without fractions (Bareiss 1968)
        row = k
        while left[row, k] == 0:
            row += 1
        for c in range(d):
            left[k, c], left[row, c] = left[row, c], left[k, c]
            right[k, c], right[row, c] = right[row, c], right[k, c]
        pivot = left[k, k]
        for r in range(d):
            if r != k:
                factor = left[r, k]
                for c in range(d):
                    left[r, c] = (pivot * left[r, c] - factor * left[k, c]) // before
                    right[r, c] = (pivot * right[r, c] - factor * right[k, c]) // before
        before = pivot
    sign = 1 if before > 0 else -1
    mask = np.int64(0)
    for k in range(d):
        fan.members[cone, k] = corners[k]
        mask |= np.int64(1) << corners[k]
        for c in range(d):
            fan.duals[cone, k, c] = sign * right[k, c]
    fan.cones[cone], fan.volumes[cone] = mask, abs(before)


@njit(cache=True)
def _lift(fan, cone, heights, lift):
    """Write D times the linear function with the heights of the cone's rays to ``lift``."""
    d = fan.sizes[0]
    for c in range(d):
        lift[c] = 0.0
        for k in range(d):
            lift[c] += heights[fan.members[cone, k]] * fan.duals[cone, k, c]


@njit(cache=True)
def _first_cone(fan, corners, heights):
    """Write to cone 0 a cone of the fan of heights, by the simplex method; returns whether there is one.

    It is the one that holds a vector inside the cone over the rays ``corners``.
    """
    d, n_rays = fan.sizes[0], fan.sizes[1]
    inside, lift, first = np.zeros(d), np.empty(d), np.int64(0)
    for k in range(d):
        for c in range(d):
            inside[c] += _WEIGHTS[k] * fan.rays[corners[k], c]
    _invert(fan, first, corners)
    for _ in range(10 * MAX_RAYS):
        _lift(fan, first, heights, lift)
        enters = _NONE
        for p in range(n_rays):
            if not (fan.cones[0] >> p) & 1:
                if fan.volumes[0] * heights[p] < _dot(d, lift, fan.rays[p]):
                    enters = p
                    break
        if enters < 0:
            return True
        leaves, least = _NONE, np.inf
        for k in range(d):
            slope = _dot(d, fan.duals[0, k], fan.rays[enters])
            if slope > 0:
                ratio = _dot(d, fan.duals[0, k], inside) / slope
                if ratio < least:
                    leaves, least = k, ratio
        if leaves < 0:
            return False
        _exchange(fan, first, leaves, enters, first)
    return False


@njit(cache=True)
def fill_fan(fan, corners, heights):
    """Fill a fan from its rays: the fan of heights.

    Parameters
    ----------
    fan : Fan
        With rays and the first two of sizes; output: the rest.
    corners : int64 (d,)
        Any linearly independent rays.
    heights : float64 (R,)
        Of the rays.

    Returns
    -------
    float
        The smallest degree of the class of the heights on a curve; -inf where the fan does not use all rays, some heights
        are tied, or there is no room. If it is positive, the cones and curves are those of the fan of the heights, and
        their class is inside its Kähler cone.
    """
    d, n_rays = fan.sizes[0], fan.sizes[1]
    fan.sizes[2:] = 0
    if not _first_cone(fan, corners, heights):
        return -np.inf
    lift, used, smallest = np.empty(d), fan.cones[0], np.inf
    count, done, n_walls = np.int64(1), np.int64(0), np.int64(0)
    for k in range(d):
        fan.facet_cone[fan.cones[0] & ~(np.int64(1) << fan.members[0, k])] = 0
    while done < count and smallest > 0.0:
        _lift(fan, done, heights, lift)
        for place in range(d):
            facet = fan.cones[done] & ~(np.int64(1) << fan.members[done, place])
            if fan.facet_cone[facet] != done:
                continue  # the wall has its two cones
            dual, volume = fan.duals[done, place], fan.volumes[done]
            nearest, least = _NONE, np.inf
            for p in range(n_rays):
                far = -_dot(d, dual, fan.rays[p])
                if far > 0:
                    ratio = (volume * heights[p] - _dot(d, lift, fan.rays[p])) / far
                    if ratio < least:
                        nearest, least = p, ratio
            if nearest < 0 or n_walls == MAX_WALLS:
                smallest = -np.inf
                break
            smallest = min(smallest, _add_curve(fan, done, nearest, heights, n_walls))
            n_walls += 1
            cone = facet | np.int64(1) << nearest
            target = _NONE
            for k in range(done + 1, count):
                if fan.cones[k] == cone:
                    target = k
            if target < 0:
                if count == MAX_CONES:
                    smallest = -np.inf
                    break
                target = count
                _exchange(fan, done, place, nearest, target)
                used |= cone
                count += 1
                for k in range(d):
                    side = cone & ~(np.int64(1) << fan.members[target, k])
                    if fan.facet_cone[side] < 0:
                        fan.facet_cone[side] = target
            fan.facet_cone[facet] = -2
        done += 1
    for cone in range(count):
        for k in range(d):
            fan.facet_cone[fan.cones[cone] & ~(np.int64(1) << fan.members[cone, k])] = -1
    fan.sizes[2], fan.sizes[3], fan.sizes[4] = count, n_walls, used
    return smallest if used == (np.int64(1) << n_rays) - 1 else -np.inf


@njit(cache=True)
def _add_curve(fan, cone, ray, heights, wall):
    """Write the curve of the wall between a cone and the one with ``ray`` beyond; returns the degree of the heights on it."""
    d, curve = fan.sizes[0], fan.curves[wall]
    curve[:] = 0
    curve[ray] = common = fan.volumes[cone]
    for k in range(d):
        degree = -_dot(d, fan.duals[cone, k], fan.rays[ray])
        curve[fan.members[cone, k]] = degree
        common = gcd(common, degree)
    size = 0.0
    for p in range(fan.sizes[1]):
        curve[p] //= common
        size += curve[p] * heights[p]
    return size


@njit(cache=True)
def _inverse(x):
    """1 / x modulo the prime, by Fermat's theorem."""
    result, square, power = np.int64(1), x % _PRIME, _PRIME - 2
    while power:
        if power & 1:
            result = result * square % _PRIME
        square = square * square % _PRIME
        power >>= 1
    return result


@njit(cache=True)
def intersect(fan, factors, place, kappa):
    """Triple intersection numbers of the toric divisors on a complete intersection in a smooth phase.

    By localisation (Atiyah and Bott 1984): the integral of a class over the toric variety is the sum over its fixed points
    of the class there, divided by the weights of the tangent space. A divisor D_p has the weight ``u_p·xi`` at the cones that
    have p, u the dual basis, and 0 at others. The sum is taken modulo a prime, which is exact for numbers below 2^30.

    Parameters
    ----------
    fan : Fan
        Filled.
    factors : int64 (2, R)
        The classes of the d - 3 equations as sums of divisors.
    place : int64 (R,)
        Position of each ray's divisor in the basis of classes, -1 if it is not in it.
    kappa : float64 (n, n, n)
        Output.
    """
    d = fan.sizes[0]
    weights, classes = np.empty(d, np.int64), np.empty(d, np.int64)
    kappa[:] = 0.0
    for cone in range(fan.sizes[2]):
        volume, product = fan.volumes[cone] % _PRIME, np.int64(1)
        by_first = by_second = np.int64(0)  # the classes of the equations
        for k in range(d):
            weights[k] = 0
            for c in range(d):
                weights[k] = (weights[k] + fan.duals[cone, k, c] % _PRIME * _DIRECTION[c]) % _PRIME
            product = product * weights[k] % _PRIME
            ray = fan.members[cone, k]
            classes[k] = place[ray]
            by_first += weights[k] * factors[0, ray]
            by_second += weights[k] * factors[1, ray]
        by_first %= _PRIME
        by_second %= _PRIME
        # each weight is D times too large, in the numerator, of 3 divisors and d - 3 equations, as in the denominator
        factor = by_first * _inverse(product * volume % _PRIME) % _PRIME
        if d > 4:
            factor = factor * by_second % _PRIME
        for a in range(d):
            for b in range(a + 1):
                for c in range(b + 1):
                    i, j, k = classes[a], classes[b], classes[c]
                    if i >= 0 and j >= 0 and k >= 0:
                        i, j, k = min(i, j, k), i + j + k - min(i, j, k) - max(i, j, k), max(i, j, k)
                        term = weights[a] * weights[b] % _PRIME * weights[c] % _PRIME * factor % _PRIME
                        total = kappa[i, j, k] + term
                        kappa[i, j, k] = total - _PRIME if total >= _PRIME else total
    n = len(kappa)
    for i in range(n):
        for j in range(i, n):
            for k in range(j, n):
                number = kappa[i, j, k]
                number -= _PRIME if 2 * number > _PRIME else 0
                kappa[i, j, k] = kappa[i, k, j] = kappa[j, i, k] = number
                kappa[j, k, i] = kappa[k, i, j] = kappa[k, j, i] = number
