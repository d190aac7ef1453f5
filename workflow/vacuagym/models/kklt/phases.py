"""The phases of a threefold: its toric varieties on both sides of flops, each certified before it is used.

A class t of divisors inside the movable cone belongs to one smooth model of the threefold X, in which it is ample; models
differ by flops. Two kinds of toric variety are tried for it, both with the fan of the heights of t:

- *hypersurface*: the rays of X's polytope, the anticanonical hypersurface P = 0. Some cones may stick out of the facets of
  the polytope (a vex fan).
- *extended*: where v_i + v_j is a ray and i, j lie on no common facet, every monomial of P has a factor x_i or x_j. With
  L and R the largest monomials, multiples of x_i and x_j, such that P = L A + R B, z = A / R = -B / L is one more Cox
  generator. X is then L z + B = 0 = R z - A in the variety with the ray (0, -1) of z and the rays
  (v_p, 1 - l_p - r_p), l and r the exponents of L and R.

The certificate: on each orbit of the torus a general system of equations with the given monomials is smooth and of the
expected dimension unless an equation vanishes there identically (Bernstein, Kushnirenko, Khovanskii); there the linear
terms decide. So the variety found is smooth, agrees with X outside curves, and has t as an ample class: it is the model
of X that belongs to t.
"""

from collections import namedtuple

import numpy as np

from vacuagym.geometry.polytopes import DIM, new_polytope
from vacuagym.geometry.triangulations import new_fan as new_star
from vacuagym.geometry.triangulations import restore
from vacuagym.models.kklt.dense import eliminate, substitute
from vacuagym.models.kklt.fans import MAX_DIM, MAX_RAYS, fill_fan, intersect, new_fan
from vacuagym.numerics.compiled import njit

_MAX_MONOMIALS = 1024
_MAX_PAIRS = 64
_ANY = 2  # monomials are counted up to here
_NO_RAYS = np.int64(0)  # as bits

# The monomials of one equation, as far as faces of fans can tell them apart.
#   absent : (_MAX_MONOMIALS,) int64, bit p is set if x_p has the exponent 0
#   linear : (_MAX_MONOMIALS,) int64, bit p is set if x_p has the exponent 1
#   counts : (_MAX_MONOMIALS,) int64, how many monomials there are of this kind, at most _ANY
#   size   : (1,) int64
Equation = namedtuple("Equation", "absent linear counts size")

# A threefold; R rays, n = R - 4 classes. Of the phase at hand: fan, kappa, sizes[2]: -1 or the pair in use.
#   rays      : (R, 4) int64
#   basis     : (n,) int64, the rays whose divisors are the basis
#   place     : (MAX_RAYS,) int64, position of a ray in the basis, -1 if it is not in it
#   corners   : (MAX_DIM,) int64, the four rays outside the basis, and z
#   exponents : (m, R) int64, of the monomials
#   pairs     : (_MAX_PAIRS, 3) int64, rays i < j on no common facet, and the ray v_i + v_j
#   sizes     : (3,) int64, (R, number of pairs, phase)
#   fan       : fans.Fan
#   equations : Equation of P, and the two of the extended variety
#   factors   : (2, MAX_RAYS) int64, the class of each equation of the phase in use as a sum of divisors
#   heights   : (MAX_RAYS,) float64, scratch
#   seen      : (2^MAX_RAYS,) bool, scratch: faces seen; all False between calls
#   faces     : (2^MAX_RAYS,) int64, scratch: these faces
Space = namedtuple(
    "Space", "rays basis place corners exponents pairs sizes fan whole first second factors heights seen faces kappa"
)
HYPERSURFACE, NONE = -1, -2  # values of sizes[2] besides the number of a pair


@njit(cache=True)
def _new_equation():
    return Equation(
        np.empty(_MAX_MONOMIALS, np.int64),
        np.empty(_MAX_MONOMIALS, np.int64),
        np.empty(_MAX_MONOMIALS, np.int64),
        np.zeros(1, np.int64),
    )


@njit(cache=True)
def new_room():
    """Workspace for `space_of`: a polytope and its dual, their star triangulation, a fan and the rest."""
    return (
        new_polytope(),
        new_polytope(),
        new_star(),
        new_fan(),
        (_new_equation(), _new_equation(), _new_equation()),
        np.zeros(1 << MAX_RAYS, np.bool_),
        np.empty(1 << MAX_RAYS, np.int64),
    )


@njit(cache=True)
def _add_monomial(equation, exponents):
    """Add a monomial, exponents (R,)."""
    absent = linear = np.int64(0)
    for p in range(len(exponents)):
        if exponents[p] == 0:
            absent |= np.int64(1) << p
        elif exponents[p] == 1:
            linear |= np.int64(1) << p
    size = equation.size[0]
    for m in range(size):
        if equation.absent[m] == absent and equation.linear[m] == linear:
            equation.counts[m] = _ANY
            return
    equation.absent[size], equation.linear[size], equation.counts[size] = absent, linear, 1
    equation.size[0] = size + 1


@njit(cache=True)
def space_of(rays, heights, basis, room):
    """A `Space` of a row of features, and the class of the heights in it.

    Parameters
    ----------
    rays, heights, basis : int64 (R, 4), (R,), (n,)
        As in the features.
    room : tuple
        See `new_room`; the space is kept in it.

    Returns
    -------
    space : Space
        No phase is in use yet.
    inside : float64 (n,)
        Inside the Kähler cone of the star triangulation that the heights induce.
    """
    polytope, dual, star, fan, equations, seen, faces = room
    n_rays, n = len(rays), len(basis)
    restore(rays, heights, polytope, dual, star)
    place, corners, pairs = np.full(MAX_RAYS, -1), np.empty(MAX_DIM, np.int64), np.empty((_MAX_PAIRS, 3), np.int64)
    for i in range(n):
        place[basis[i]] = i
    count = 0
    for p in range(n_rays):
        if place[p] < 0:
            corners[count] = p
            count += 1
    corners[DIM] = n_rays
    exponents = np.ones((dual.sizes[0], n_rays), np.int64)
    for m in range(dual.sizes[0]):
        for p in range(n_rays):
            for c in range(DIM):
                exponents[m, p] += dual.points[m, c] * rays[p, c]
    n_pairs = 0
    for i in range(n_rays):
        for j in range(i + 1, n_rays):
            if star.facets[i] & star.facets[j]:
                continue
            for k in range(n_rays):
                same = True
                for c in range(DIM):
                    same = same and rays[i, c] + rays[j, c] == rays[k, c]
                if same and n_pairs < _MAX_PAIRS:
                    pairs[n_pairs, 0], pairs[n_pairs, 1], pairs[n_pairs, 2] = i, j, k
                    n_pairs += 1
    whole, first, second = equations
    whole.size[0] = 0
    for m in range(len(exponents)):
        _add_monomial(whole, exponents[m])
    space = Space(
        rays,
        basis,
        place,
        corners,
        exponents,
        pairs,
        np.array([n_rays, n_pairs, NONE]),
        fan,
        whole,
        first,
        second,
        np.zeros((2, MAX_RAYS), np.int64),
        np.zeros(MAX_RAYS),
        seen,
        faces,
        np.zeros((n, n, n)),
    )
    return space, _class_of(space, heights)


@njit(cache=True)
def _class_of(space, heights):
    """The class sum of height times divisor in the basis, float64 (n,): heights that vanish outside the basis."""
    matrix, order, linear = np.empty((DIM, DIM)), np.empty(DIM, np.int64), np.empty(DIM)
    for k in range(DIM):
        linear[k] = heights[space.corners[k]]
        for c in range(DIM):
            matrix[k, c] = space.rays[space.corners[k], c]
    eliminate(matrix, order)
    substitute(matrix, order, linear)
    inside = np.empty(len(space.basis))
    for i in range(len(inside)):
        inside[i] = heights[space.basis[i]]
        for c in range(DIM):  # integers, since the rays outside the basis are a basis of the lattice
            inside[i] -= np.rint(linear[c]) * space.rays[space.basis[i], c]
    return inside


@njit(cache=True)
def classes_of(space):
    """The classes of all toric divisors in the basis, float64 (R, n), exactly.

    With v_b = sum_k m_bk v_k, k the four rays outside the basis, the linear relations give D_k = -sum_b m_bk D_b.
    """
    n = len(space.basis)
    classes, matrix = np.zeros((space.sizes[0], n)), np.empty((DIM, DIM))
    order, solution = np.empty(DIM, np.int64), np.empty(DIM)
    for k in range(DIM):
        for c in range(DIM):
            matrix[c, k] = space.rays[space.corners[k], c]
    eliminate(matrix, order)
    for i in range(n):
        classes[space.basis[i], i] = 1.0
        for c in range(DIM):
            solution[c] = space.rays[space.basis[i], c]
        substitute(matrix, order, solution)
        for k in range(DIM):
            classes[space.corners[k], i] = -np.rint(solution[k])
    return classes


# --- the certificate --------------------------------------------------------------------------------------------------


@njit(cache=True)
def _count(equation, absent, linear):
    """How many monomials have no variable of ``absent`` and the power 1 of each of ``linear``, sets of bits; up to _ANY."""
    count = 0
    for m in range(equation.size[0]):
        if equation.absent[m] & absent == absent and equation.linear[m] & linear == linear:
            count += equation.counts[m]
            if count >= _ANY:
                return _ANY
    return count


@njit(cache=True)
def _monomials(equation, face):
    """How many monomials of an equation do not vanish on the orbit of a face, up to _ANY."""
    return _count(equation, face, _NO_RAYS)


@njit(cache=True)
def _linear_terms(equation, face, ray):
    """How many monomials are linear in x_ray and do not vanish otherwise on the orbit of a face, up to _ANY."""
    bit = np.int64(1) << ray
    return _count(equation, face & ~bit, bit)


@njit(cache=True)
def holds_orbit(space, face):
    """Whether all equations of the phase in use vanish on the orbit of a face."""
    if space.sizes[2] == HYPERSURFACE:
        return _monomials(space.whole, face) == 0
    return _monomials(space.first, face) == 0 and _monomials(space.second, face) == 0


@njit(cache=True)
def _index(fan, face):
    """The index of the lattice that the rays of a face span in all lattice points of their span; 1 if it is smooth."""
    d, size = fan.sizes[0], 0
    rows = np.empty((MAX_DIM, MAX_DIM), np.int64)
    for p in range(fan.sizes[1]):
        if (face >> p) & 1:
            for c in range(d):
                rows[size, c] = fan.rays[p, c]
            size += 1
    index = np.int64(1)
    for r in range(size):  # column operations make it lower triangular
        for c in range(r + 1, d):
            while rows[r, c] != 0:
                q = rows[r, r] // rows[r, c]
                for k in range(r, size):
                    rows[k, r], rows[k, c] = rows[k, c], rows[k, r] - q * rows[k, c]
        index *= abs(rows[r, r])
    return index


@njit(cache=True)
def _is_good_at(fan, face, size, first, second):
    """Whether the threefold is smooth on the orbit of a face with ``size`` rays, and contains no surface there."""
    dimension, n_equations = fan.sizes[0] - size, fan.sizes[0] - 3
    of_first = _monomials(first, face)
    of_second = _monomials(second, face) if n_equations == 2 else 0
    if of_first == 1 or of_second == 1:
        return True  # a monomial has no zero there
    held = (of_first > 0) + (of_second > 0)  # equations that do not vanish identically
    if held > dimension:
        return True  # more general equations than dimensions have no common zero
    if _index(fan, face) != 1:
        return False
    if held == n_equations:
        return True
    if dimension - held > 1:
        return False
    if held == 0 and n_equations == 2:
        return _has_rank_two(fan, face, dimension, first, second)
    slopes = 0
    for p in range(fan.sizes[1]):
        if (face >> p) & 1:
            terms = _linear_terms(second if of_first > 0 else first, face, p)
            if terms == 1:
                return True
            slopes += terms > 0
    return slopes + held > dimension


@njit(cache=True)
def _has_rank_two(fan, face, dimension, first, second):
    """Whether the linear terms of two equations that vanish on an orbit, a point or a curve, are independent on all of it."""
    of_first = of_second = either = 0
    for p in range(fan.sizes[1]):
        if (face >> p) & 1:
            f, g = _linear_terms(first, face, p) > 0, _linear_terms(second, face, p) > 0
            of_first += f
            of_second += g
            either += f or g
    if dimension == 0:
        return of_first > 0 and of_second > 0 and either > 1
    if of_first > 1 and of_second > 1:
        return either > 2
    return _stands_alone(fan, face, first, second) or _stands_alone(fan, face, second, first)


@njit(cache=True)
def _stands_alone(fan, face, first, second):
    """Whether the first equation has one linear term, a monomial, and the other's linear terms in other x have no common zero."""
    alone, others, monomial = -1, 0, False
    for p in range(fan.sizes[1]):
        if (face >> p) & 1:
            terms = _linear_terms(first, face, p)
            if terms > 1 or (terms == 1 and alone >= 0):
                return False
            if terms == 1:
                alone = p
    for p in range(fan.sizes[1]):
        if (face >> p) & 1 and p != alone:
            terms = _linear_terms(second, face, p)
            others += terms > 0
            monomial = monomial or terms == 1
    return alone >= 0 and (monomial or others > 1)


@njit(cache=True)
def _is_smooth(space, first, second):
    """Whether the certificate holds in the fan at hand."""
    fan, seen, faces = space.fan, space.seen, space.faces
    d, count, good = fan.sizes[0], 0, True
    for cone in range(fan.sizes[2]):
        for part in range(1, 1 << d):
            face = size = np.int64(0)
            for k in range(d):
                if (part >> k) & 1:
                    face |= np.int64(1) << fan.members[cone, k]
                    size += 1
            if size < 2 or seen[face]:
                continue
            seen[face] = True
            faces[count] = face
            count += 1
            good = good and _is_good_at(fan, face, size, first, second)
    for k in range(count):
        seen[faces[k]] = False
    return good


# --- the phase of a class ---------------------------------------------------------------------------------------------


@njit(cache=True)
def enter_phase(space, t):
    """Make the phase of a class the one in use: fan, curves and triple intersection numbers.

    Parameters
    ----------
    space : Space
        Its fan, kappa and phase are set.
    t : float64 (n,)
        The class.

    Returns
    -------
    bool
        Whether a certified phase was found; else there is none in use.
    """
    fan, n_rays = space.fan, space.sizes[0]
    heights = space.heights[: n_rays + 1]
    heights[:] = 0.0
    for i in range(len(t)):
        heights[space.basis[i]] = t[i]
    fan.sizes[0], fan.sizes[1] = DIM, n_rays
    for p in range(n_rays):
        for c in range(DIM):
            fan.rays[p, c] = space.rays[p, c]
    everything = (np.int64(1) << n_rays) - 1
    smallest = fill_fan(fan, space.corners[:DIM], heights[:n_rays])
    if smallest > 0.0 and _is_smooth(space, space.whole, space.whole):
        space.factors[0], space.factors[1] = 1, 0
        intersect(fan, space.factors, space.place, space.kappa)
        space.sizes[2] = HYPERSURFACE
        return True
    used = fan.sizes[4]
    for pair in range(space.sizes[1]):
        i, _, k = space.pairs[pair]
        if everything & ~used & ~(np.int64(1) << k):
            continue  # another ray is missing
        _extend(space, i)
        if fill_fan(fan, space.corners, heights) > 0.0 and _is_smooth(space, space.first, space.second):
            intersect(fan, space.factors, space.place, space.kappa)
            space.sizes[2] = pair
            return True
    space.sizes[2] = NONE
    return False


@njit(cache=True)
def _common_factor(exponents, other, factor):
    """Write the greatest common factor of the monomials that ``other`` does not divide; all are exponents, the last two (R,)."""
    factor[:] = -1
    for m in range(len(exponents)):
        if not _divides(other, exponents[m]):
            for p in range(len(factor)):
                factor[p] = exponents[m, p] if factor[p] < 0 else min(factor[p], exponents[m, p])


@njit(cache=True)
def _divides(factor, exponents):
    for p in range(len(factor)):
        if exponents[p] < factor[p]:
            return False
    return True


@njit(cache=True)
def _extend(space, i):
    """Rays and equations of the extended variety in which x_i is a factor of the first monomial."""
    fan, n_rays = space.fan, space.sizes[0]
    left, right, powers = np.zeros(n_rays, np.int64), np.empty(n_rays, np.int64), np.empty(n_rays + 1, np.int64)
    left[i] = 1
    _common_factor(space.exponents, left, right)
    _common_factor(space.exponents, right, left)
    fan.sizes[0], fan.sizes[1] = DIM + 1, n_rays + 1
    space.factors[:] = 0
    space.factors[0, n_rays] = space.factors[1, n_rays] = 1
    for p in range(n_rays):
        fan.rays[p, DIM] = 1 - left[p] - right[p]
        space.factors[0, p], space.factors[1, p] = left[p], right[p]
    fan.rays[n_rays, :DIM] = 0
    fan.rays[n_rays, DIM] = -1
    for equation, factor, other in ((space.first, left, right), (space.second, right, left)):  # factor z + B_other
        equation.size[0] = 0
        powers[:n_rays] = factor
        powers[n_rays] = 1
        _add_monomial(equation, powers)
        powers[n_rays] = 0
        for m in range(len(space.exponents)):
            if _divides(other, space.exponents[m]):
                for p in range(n_rays):
                    powers[p] = space.exponents[m, p] - other[p]
                _add_monomial(equation, powers)


@njit(cache=True)
def smallest_curve(space, t):
    """The smallest degree of a class on the curves of the phase in use; positive inside its cone."""
    fan, smallest = space.fan, np.inf
    for w in range(fan.sizes[3]):
        size = 0.0
        for i in range(len(t)):
            size += fan.curves[w, space.basis[i]] * t[i]
        smallest = min(smallest, size)
    return smallest
