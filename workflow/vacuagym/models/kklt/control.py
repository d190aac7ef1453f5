"""How well the corrections that the potential leaves out are controlled at a point, in string frame.

Worldsheet instantons on a curve C are suppressed by exp(-2 pi s), s = sqrt(g_s) C·t. Curves that move on all of the threefold
or on a divisor that they shrink to a point are *potent*: there are ever more of them in multiples of their class, and s has to be
of order one. Curves that flop, and those that rule a divisor, come in a known number N and in no multiples: they shift tau_i by
N C_i Li2(exp(-2 pi s)) / (2 pi)^2, which has to be small beside tau_i (Candelas, de la Ossa, Green, Parkes 1991).
"""

import numpy as np

from vacuagym.geometry.polytopes import DIM
from vacuagym.models.kklt.phases import holds_orbit
from vacuagym.numerics.compiled import njit
from vacuagym.numerics.elementary import exp

_TWO_PI = 6.283185307179586
POTENT = -1.0  # instead of a number of curves
_TERMS = 60  # of the dilogarithm


@njit(cache=True)
def _dilogarithm(x):
    """Li2(x), 0 <= x <= 1, to 2 %."""
    total, power = 0.0, 1.0
    for k in range(1, _TERMS + 1):
        power *= x
        total += power / (k * k)
    return total


@njit(cache=True)
def _triple(kappa, a, b, c):
    """kappa of three classes (n,)."""
    total = 0.0
    for i in range(len(a)):
        for j in range(len(b)):
            for k in range(len(c)):
                total += kappa[i, j, k] * a[i] * b[j] * c[k]
    return total


@njit(cache=True)
def count_curves(space, classes, euler, wall):
    """The number of curves of a wall's class that the threefold has, or POTENT.

    Parameters
    ----------
    space : phases.Space
        The phase in use.
    classes : float64 (R, n)
        Q of all toric divisors.
    euler : int64 (R,)
        chi(O_D) of these.
    wall : int
        Of the fan of the phase.

    Returns
    -------
    float
        0 where the class is a sum of others, or its curve does not lie in the threefold.
    """
    fan, n_rays = space.fan, space.sizes[0]
    degrees, extended = fan.curves[wall], fan.sizes[0] > DIM
    positive = negative = 0
    first = second = total = largest = face = np.int64(0)
    for p in range(fan.sizes[1]):
        total += degrees[p]
        largest = max(largest, abs(degrees[p]))
        if degrees[p] > 0:
            positive += 1
        elif degrees[p] < 0:
            negative += 1
            first, second = p, first
            face |= np.int64(1) << p
    if negative == 0 or (negative == 1 and (positive > 2 or extended)):
        return POTENT
    if (
        negative == 1
    ):  # the toric divisor k is ruled by curves of the class; the threefold's is, too, or holds some of them
        if not _is_ruled(fan, first, degrees):
            return 0.0  # the class is a sum of others, which are counted
        if total == 0:
            return 2.0 * abs(euler[first])
        if total > 1 or largest > 1:
            return POTENT
        end = 0
        while degrees[end] <= 0:
            end += 1
        ends = classes[end]
        count = -_triple(space.kappa, classes[end], classes[end], classes[first])
        for p in range(n_rays):
            count += _triple(space.kappa, ends, classes[first], classes[p])
        return count
    if negative == 2 and first < n_rays and second < n_rays:  # the curves are where the two divisors meet
        count = 0.0
        for p in range(n_rays):
            if degrees[p] != 0:
                count = abs(_triple(space.kappa, classes[first], classes[second], classes[p]) / degrees[p])
        for p in range(n_rays):
            if abs(_triple(space.kappa, classes[first], classes[second], classes[p])) != count * abs(degrees[p]):
                return 0.0  # they meet in other curves, too: the class is a sum of others
        return count
    if negative == fan.sizes[0] - 1:  # a curve of the toric variety: is it on the threefold?
        return 1.0 if holds_orbit(space, face) else 0.0
    return POTENT


@njit(cache=True)
def _is_ruled(fan, divisor, degrees):
    """Whether each cone at a divisor holds exactly one of the rays of positive degree: whether the curve is a fibre of it."""
    for cone in range(fan.sizes[2]):
        if (fan.cones[cone] >> divisor) & 1:
            ends = 0
            for p in range(fan.sizes[1]):
                ends += degrees[p] > 0 and (fan.cones[cone] >> p) & 1
            if ends != 1:
                return False
    return True


@njit(cache=True)
def sizes_of(space, t):
    """The degrees of a class t (n,) on the curves of the walls of the phase in use, float64 (walls,)."""
    fan = space.fan
    sizes = np.zeros(fan.sizes[3])
    for wall in range(len(sizes)):
        for i in range(len(t)):
            sizes[wall] += fan.curves[wall, space.basis[i]] * t[i]
    return sizes


@njit(cache=True)
def volumes_of(classes, tau):
    """The volumes of divisors with the classes (R, n) where the basis has tau (n,), float64 (R,)."""
    volumes = np.zeros(len(classes))
    for p in range(len(classes)):
        for i in range(len(tau)):
            volumes[p] += classes[p, i] * tau[i]
    return volumes


@njit(cache=True)
def curves_at(space, classes, euler, string_coupling_root, curves, volumes):
    """Sizes of the curves at a point.

    Parameters
    ----------
    space, classes, euler
        As of `count_curves`; the phase of the point is in use.
    string_coupling_root : float
        sqrt(g_s).
    curves, volumes : float64 (walls,), (R,)
        Sizes of the curves and of the toric divisors, in Einstein frame; see `sizes_of` and `volumes_of`.

    Returns
    -------
    potent : float
        The smallest potent curve in string frame; infinity if there is none.
    smallest : float
        The smallest curve in string frame.
    shift : float
        The largest shift of the tau of a toric divisor by the other curves, relative to tau.
    """
    fan, n, n_rays = space.fan, len(space.basis), space.sizes[0]
    shifts, potent, smallest = np.zeros(n_rays), np.inf, np.inf
    for wall in range(fan.sizes[3]):
        new = True
        for other in range(wall):
            same = True
            for i in range(n):
                same = same and fan.curves[wall, space.basis[i]] == fan.curves[other, space.basis[i]]
            new = new and not same
            if same:
                break
        if not new:
            continue
        size = curves[wall] * string_coupling_root
        smallest = min(smallest, size)
        count = count_curves(space, classes, euler, wall)
        if count == POTENT:
            potent = min(potent, size)
        else:
            factor = count * _dilogarithm(exp(-_TWO_PI * size)) / (_TWO_PI * _TWO_PI)
            for p in range(n_rays):
                shifts[p] += factor * abs(fan.curves[wall, p])
    largest = 0.0
    for p in range(n_rays):
        largest = max(largest, shifts[p] / (string_coupling_root * string_coupling_root * volumes[p]))
    return potent, smallest, largest
