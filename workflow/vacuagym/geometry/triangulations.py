"""Calabi-Yau hypersurfaces in toric varieties: fine regular star triangulations of reflexive 4-polytopes, exactly.

The toric variety has a ray for each lattice point of the polytope on two facets or more; points inside a facet would miss
the hypersurface. Integer heights, one per ray, induce the triangulation: on each facet it is the lower hull of the lifted
points, and the cones over its tetrahedra form the fan. Heights are ``2^14 |v|^2`` plus a pseudo-random number below 2^14.
|v|^2 is strictly convex, so every ray is used: the triangulation is fine. The random part breaks ties; a tie that is left
is detected exactly, and the heights are drawn again.

Rays stand in an order, and in coordinates, that depend on the polytope up to GL(4, Z) alone. So equal polytopes have equal
heights, triangulations and intersection numbers, whatever they were made from.
"""

from collections import namedtuple
from collections.abc import Mapping
from math import gcd
from typing import NamedTuple

import numpy as np

from vacuagym.errors import InputError
from vacuagym.geometry.polytopes import (
    DIM,
    MAX_COORDINATE,
    MAX_POINTS,
    MAX_VERTICES,
    complete_pair,
    count_classes,
    hermite_basis,
    is_hull,
    new_polytope,
    reduce_basis,
    sort_order,
    volume,
)
from vacuagym.numerics.compiled import njit
from vacuagym.tables.arrays import Ragged

MAX_RAYS = 255  # a number that is at most 251 more than 4: the largest min(h11, h21) of the Kreuzer-Skarke list
MAX_TETRAHEDRA = 2048  # 1,248 at most in the families
_SLOTS = 8192  # of the table of triangles, a power of two above 2 MAX_TETRAHEDRA
_MAX_NUMBERS = 4096  # triple intersection numbers of a threefold that are not zero; 2,086 at most in the families
_RANDOM_BITS = 14
_MAX_VOLUME = 1 << 20  # bounds the determinant of any four rays, so that five terms height times determinant fit int64
_ATTEMPTS = 100  # at heights without a tie

# What is known of a fan while it is made. R rays, F facets of the polytope, T tetrahedra; sizes = (R, F, T).
#   rays        : (MAX_RAYS, 4) int64
#   distances   : (MAX_VERTICES, MAX_RAYS) int64, lattice distance of each facet to each ray
#   facets      : (MAX_RAYS,) uint64, bit f is set if the ray is on facet f
#   heights     : (MAX_RAYS,) int64
#   tetrahedra  : (MAX_TETRAHEDRA, 4) int64, rays
#   facet_of    : (MAX_TETRAHEDRA,) int64, the facet that a tetrahedron lies in
#   lifts       : (MAX_TETRAHEDRA, 5) int64, D > 0 and D times the linear function that has the heights on its rays
#   neighbours  : (MAX_TETRAHEDRA, 4) int64, the tetrahedron that shares the triangle opposite to each ray
#   slots       : (_SLOTS, 2) int64, triangles seen once or twice: the key, and 4 tetrahedron + place of the opposite ray
#   sizes       : (3,) int64
Fan = namedtuple("Fan", "rays distances facets heights tetrahedra facet_of lifts neighbours slots sizes")


@njit(cache=True, nogil=True)
def new_fan():
    """Room for a `Fan`."""
    return Fan(
        np.empty((MAX_RAYS, DIM), np.int64),
        np.empty((MAX_VERTICES, MAX_RAYS), np.int64),
        np.empty(MAX_RAYS, np.uint64),
        np.empty(MAX_RAYS, np.int64),
        np.empty((MAX_TETRAHEDRA, DIM), np.int64),
        np.empty(MAX_TETRAHEDRA, np.int64),
        np.empty((MAX_TETRAHEDRA, DIM + 1), np.int64),
        np.empty((MAX_TETRAHEDRA, DIM), np.int64),
        np.empty((_SLOTS, 2), np.int64),
        np.zeros(3, np.int64),
    )


# --- rays in canonical order and coordinates --------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def mix(x):
    """A bijection of uint64, the finaliser of SplitMix64 (Steele, Lea, Flood 2014)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@njit(cache=True, nogil=True)
def _refine(pairing, of_facets, of_rays):
    """Refine colours of facets and rays by the multisets of pairings with coloured rays and facets, until stable.

    Returns
    -------
    The number of different colours of facets, and a hash of all colours.
    """
    n_facets, n_rays = pairing.shape
    before, different = np.int64(0), np.int64(1)
    code = np.uint64(0)
    while different > before:
        before = different
        for r in range(n_rays):
            total = of_rays[r]
            for f in range(n_facets):
                total += mix(of_facets[f] ^ np.uint64(pairing[f, r] + 1))
            of_rays[r] = mix(total)
        code = np.uint64(n_rays)
        different = 0
        for f in range(n_facets):
            total = of_facets[f]
            for r in range(n_rays):
                total += mix(of_rays[r] ^ np.uint64(pairing[f, r] + 1))
            of_facets[f] = mix(total)
            code += mix(of_facets[f])
            new = True
            for g in range(f):
                new = new and of_facets[g] != of_facets[f]
            different += new
    return different, mix(code)


@njit(cache=True, nogil=True)
def canonical_colours(pairing):
    """A colour for each ray, different for different rays, that depends on the polytope up to GL(4, Z) alone.

    Where refinement leaves facets of one colour, each facet of the smallest class in turn gets a colour of its own, and
    the one with the smallest hash of the refined colours is kept. Facets with equal hashes are equivalent under a symmetry
    of the polytope, so it does not matter which of them is taken.

    Parameters
    ----------
    pairing : int64 (facets, rays)
        Lattice distance of each ray to each facet.

    Returns
    -------
    colours : uint64 (rays,)
        The colours.
    code : uint64
        A hash of all colours: equal for equal polytopes.
    """
    n_facets, n_rays = pairing.shape
    of_facets, of_rays = np.zeros(n_facets, np.uint64), np.zeros(n_rays, np.uint64)
    different, code = _refine(pairing, of_facets, of_rays)
    best_facets, best_rays = of_facets, of_rays
    while different < n_facets:
        size, colour = n_facets + 1, np.uint64(0)
        for f in range(n_facets):
            same = 0
            for g in range(n_facets):
                same += of_facets[g] == of_facets[f]
            if same > 1 and (same < size or (same == size and of_facets[f] < colour)):
                size, colour = same, of_facets[f]
        first = True
        for f in range(n_facets):
            if of_facets[f] == colour:
                trial_facets, trial_rays = of_facets.copy(), of_rays.copy()
                trial_facets[f] = mix(colour)
                found, trial = _refine(pairing, trial_facets, trial_rays)
                if first or trial < code:
                    different, code, first = found, trial, False
                    best_facets, best_rays = trial_facets, trial_rays
        of_facets, of_rays = best_facets, best_rays
    return of_rays, code


@njit(cache=True, nogil=True)
def _place_rays(polytope, fan):
    """Fill rays, facets and sizes of a fan from a polytope; returns the colours of its rays and a hash of the polytope."""
    n_points, n_facets = polytope.sizes
    n_rays = 0
    index = np.empty(MAX_RAYS, np.int64)
    for p in range(n_points):
        on = 0
        for f in range(n_facets):
            on += (polytope.hull.incidence[f, p // 64] >> np.uint64(p % 64)) & np.uint64(1)
        if on > 1:
            if n_rays == MAX_RAYS:
                raise ValueError("more rays than there is room for")
            index[n_rays] = p
            n_rays += 1
    pairing = np.empty((n_facets, n_rays), np.int64)
    for f in range(n_facets):
        for r in range(n_rays):
            pairing[f, r] = 1
            for c in range(DIM):
                pairing[f, r] += polytope.normals[f, c] * polytope.points[index[r], c]
    colours, code = canonical_colours(pairing)
    order = np.empty(n_rays, np.int64)
    sort_order(colours, order)
    rays = np.empty((DIM, n_rays), np.int64)
    for r in range(n_rays):
        for c in range(DIM):
            rays[c, r] = polytope.points[index[order[r]], c]
    hermite_basis(rays)
    gram, unused = np.zeros((DIM, DIM), np.int64), np.zeros((DIM, 0), np.int64)
    for i in range(DIM):
        for j in range(DIM):
            for r in range(n_rays):
                gram[i, j] += rays[i, r] * rays[j, r]
    reduce_basis(rays, unused, gram)
    keys = np.zeros(n_rays, np.int64)
    for r in range(n_rays):
        for c in range(DIM):
            if abs(rays[c, r]) >= MAX_COORDINATE:
                raise ValueError("a ray has a coordinate that is too large")
            keys[r] = keys[r] * 2 * MAX_COORDINATE + rays[c, r] + MAX_COORDINATE
    by_key = np.empty(n_rays, np.int64)
    sort_order(keys, by_key)
    sorted_colours = np.empty(n_rays, np.uint64)
    for r in range(n_rays):
        at = order[by_key[r]]
        for c in range(DIM):
            fan.rays[r, c] = rays[c, by_key[r]]
        sorted_colours[r] = colours[at]
        fan.facets[r] = 0
        for f in range(n_facets):
            fan.distances[f, r] = pairing[f, at]
            if pairing[f, at] == 0:
                fan.facets[r] |= np.uint64(1) << np.uint64(f)
    fan.sizes[0], fan.sizes[1] = n_rays, n_facets
    return sorted_colours, code


# --- triangulation ----------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def _ray(fan, r):
    return fan.rays[r, 0], fan.rays[r, 1], fan.rays[r, 2], fan.rays[r, 3]


@njit(cache=True, nogil=True)
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3]


@njit(cache=True, nogil=True)
def _wedge(a, b):
    """The 2x2 minors 01, 02, 03, 12, 13, 23 of two vectors."""
    return (
        a[0] * b[1] - a[1] * b[0],
        a[0] * b[2] - a[2] * b[0],
        a[0] * b[3] - a[3] * b[0],
        a[1] * b[2] - a[2] * b[1],
        a[1] * b[3] - a[3] * b[1],
        a[2] * b[3] - a[3] * b[2],
    )


@njit(cache=True, nogil=True)
def _normal(ab, c):
    """The n with n·x = det(a, b, c, x), from the minors of a and b."""
    return (
        ab[4] * c[2] - ab[3] * c[3] - ab[5] * c[1],
        ab[1] * c[3] - ab[2] * c[2] + ab[5] * c[0],
        ab[2] * c[1] - ab[0] * c[3] - ab[4] * c[0],
        ab[0] * c[2] - ab[1] * c[1] + ab[3] * c[0],
    )


@njit(cache=True, nogil=True)
def _lift(a, b, c, d, heights):
    """D = |det(a, b, c, d)|, and D times the linear function with these heights there.

    The entries may overflow. They wrap around, and so does what is computed from them: sums and products of int64 are
    exact modulo 2^64, and an excess is far smaller: five terms height times determinant.
    """
    ab, cd = _wedge(a, b), _wedge(c, d)
    of_d, of_c, of_b, of_a = _normal(ab, c), _normal(ab, d), _normal(cd, a), _normal(cd, b)
    determinant = _dot(of_d, d)
    sign = 1 if determinant > 0 else -1
    h, i, j, k = sign * heights[0], sign * heights[1], sign * heights[2], sign * heights[3]
    return (
        abs(determinant),
        k * of_d[0] - j * of_c[0] + i * of_b[0] - h * of_a[0],
        k * of_d[1] - j * of_c[1] + i * of_b[1] - h * of_a[1],
        k * of_d[2] - j * of_c[2] + i * of_b[2] - h * of_a[2],
        k * of_d[3] - j * of_c[3] + i * of_b[3] - h * of_a[3],
    )


@njit(cache=True, nogil=True)
def _excess(lift, ray, height):
    """D times how far a lifted ray lies above the hyperplane of a lifted tetrahedron."""
    return lift[0] * height - lift[1] * ray[0] - lift[2] * ray[1] - lift[3] * ray[2] - lift[4] * ray[3]


@njit(cache=True, nogil=True)
def _towards(normal, ray):
    """The normal or its negative, whichever has a positive product with the ray."""
    sign = 1 if _dot(normal, ray) > 0 else -1
    return sign * normal[0], sign * normal[1], sign * normal[2], sign * normal[3]


@njit(cache=True, nogil=True)
def _nearest(fan, candidates, normal, lift):
    """The ray beyond a hyperplane with which the lower hull goes on, -1 if there is none or -2 if two are tied.

    It has the smallest excess per distance, of the rays on all facets ``candidates`` with normal·ray > 0. Fractions are
    compared by quotients, then by remainders, so that nothing overflows.
    """
    best, tied = np.int64(-1), False
    quotient = remainder = distance = np.int64(0)
    for r in range(fan.sizes[0]):
        if fan.facets[r] & candidates != candidates:
            continue
        ray = _ray(fan, r)
        far = _dot(normal, ray)
        if far <= 0:
            continue
        excess = _excess(lift, ray, fan.heights[r])
        q = excess // far
        rest = excess - q * far
        if best >= 0:
            difference = rest * distance - remainder * far if q == quotient else q - quotient
            if difference > 0:
                continue
            tied = difference == 0
        if not tied:
            best, quotient, remainder, distance = r, q, rest, far
    return np.int64(-2) if tied else best


@njit(cache=True, nogil=True)
def _largest_face(fan, inside, skip):
    """The facet whose intersection with the face on all facets ``inside`` is largest, of those not in ``skip``."""
    best, most = -1, 0
    for f in range(fan.sizes[1]):
        bit = np.uint64(1) << np.uint64(f)
        if skip & bit:
            continue
        both, count = inside | bit, 0
        for r in range(fan.sizes[0]):
            count += fan.facets[r] & both == both
        if count > most:
            best, most = f, count
    return np.uint64(1) << np.uint64(best)


@njit(cache=True, nogil=True)
def _closure(fan, face):
    """All facets that hold the face on all facets ``face``."""
    closed = ~np.uint64(0)
    for r in range(fan.sizes[0]):
        if fan.facets[r] & face == face:
            closed &= fan.facets[r]
    return closed


@njit(cache=True, nogil=True)
def _outside(fan, face, smaller):
    """A ray on all facets ``face`` but not on all facets ``smaller``."""
    r = 0
    while not (fan.facets[r] & face == face and fan.facets[r] & smaller != smaller):
        r += 1
    return r


@njit(cache=True, nogil=True)
def _start(fan):
    """Write a first tetrahedron, along a flag vertex - edge - 2-face - facet; returns whether no tie came up.

    Apexes that do not lie in the smaller face, at height 0, make hyperplanes of lines and planes.
    """
    facet = np.uint64(1)
    plane = _closure(fan, facet | _largest_face(fan, facet, facet))
    edge = _closure(fan, plane | _largest_face(fan, plane, plane))
    vertex = edge | _largest_face(fan, edge, edge)
    at = np.int64(0)
    while fan.facets[at] & vertex != vertex:
        at += 1
    a, above, beside = _ray(fan, at), _ray(fan, _outside(fan, facet, plane)), _ray(fan, _outside(fan, plane, edge))
    zero = np.int64(0)

    normal, second, least = _normal(_wedge(above, beside), a), np.int64(-1), zero
    for r in range(fan.sizes[0]):
        far = abs(_dot(normal, _ray(fan, r)))
        if r != at and fan.facets[r] & edge == edge and (second < 0 or far < least):
            second, least = r, far
    b = _ray(fan, second)

    heights = (fan.heights[at], fan.heights[second], zero, zero)
    normal = _towards(_normal(_wedge(a, b), above), beside)
    third = _nearest(fan, plane, normal, _lift(a, b, above, beside, heights))
    if third < 0:
        return False
    c = _ray(fan, third)

    heights = (fan.heights[at], fan.heights[second], fan.heights[third], zero)
    normal = _towards(_normal(_wedge(a, b), c), above)
    fourth = _nearest(fan, facet, normal, _lift(a, b, c, above, heights))
    if fourth < 0:
        return False
    _add_tetrahedron(fan, at, second, third, fourth, zero)
    return True


@njit(cache=True, nogil=True)
def _corners(fan, t):
    a, b, c, d = fan.tetrahedra[t, 0], fan.tetrahedra[t, 1], fan.tetrahedra[t, 2], fan.tetrahedra[t, 3]
    return _ray(fan, a), _ray(fan, b), _ray(fan, c), _ray(fan, d)


@njit(cache=True, nogil=True)
def _triangle(tetrahedron, i):
    """The rays of a tetrahedron but the i-th."""
    return tetrahedron[1 if i == 0 else 0], tetrahedron[2 if i <= 1 else 1], tetrahedron[3 if i <= 2 else 2]


@njit(cache=True, nogil=True)
def _set_lift(fan, t):
    """Fill in a tetrahedron's lift from its heights."""
    lift, h, corners = fan.lifts[t], fan.heights, fan.tetrahedra[t]
    heights = (h[corners[0]], h[corners[1]], h[corners[2]], h[corners[3]])
    lift[0], lift[1], lift[2], lift[3], lift[4] = _lift(*_corners(fan, t), heights)


@njit(cache=True, nogil=True)
def _add_tetrahedron(fan, a, b, c, d, facet):
    """Append a tetrahedron, and join it to those that share its triangles."""
    t = fan.sizes[2]
    if t == MAX_TETRAHEDRA:
        raise ValueError("more tetrahedra than there is room for")
    a, b = min(a, b), max(a, b)
    c, d = min(c, d), max(c, d)
    a, c = min(a, c), max(a, c)
    b, d = min(b, d), max(b, d)
    b, c = min(b, c), max(b, c)
    corners = fan.tetrahedra[t]
    corners[0], corners[1], corners[2], corners[3] = a, b, c, d
    _set_lift(fan, t)
    fan.facet_of[t] = facet
    fan.sizes[2] = t + 1
    for i in range(DIM):
        fan.neighbours[t, i] = -1
        x, y, z = _triangle(corners, i)
        key = x << 16 | y << 8 | z
        slot = np.int64((np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(51))
        while fan.slots[slot, 0] >= 0 and fan.slots[slot, 0] != key:
            slot = (slot + 1) & (_SLOTS - 1)
        if fan.slots[slot, 0] == key:
            other = fan.slots[slot, 1]
            fan.neighbours[t, i] = other // DIM
            fan.neighbours[other // DIM, other % DIM] = t
        else:
            fan.slots[slot, 0], fan.slots[slot, 1] = key, DIM * t + i


@njit(cache=True, nogil=True)
def grow(fan):
    """Triangulate: from rays, facets and heights of a fan to all else; returns whether there was no tie.

    Each triangle that one tetrahedron has gets a second one: the next cell of the lower hull on the same facet or, at the
    facet's boundary, on the next one.
    """
    fan.sizes[2] = 0
    fan.slots[:, 0] = -1
    if not _start(fan):
        return False
    t = 0
    while t < fan.sizes[2]:
        for i in range(DIM):
            if fan.neighbours[t, i] >= 0:
                continue
            a, b, c = _triangle(fan.tetrahedra[t], i)
            inward = _normal(_wedge(_ray(fan, a), _ray(fan, b)), _ray(fan, c))
            inward = _towards(inward, _ray(fan, fan.tetrahedra[t, i]))
            outward = (-inward[0], -inward[1], -inward[2], -inward[3])
            facet = fan.facet_of[t]
            beyond = fan.facets[a] & fan.facets[b] & fan.facets[c] & ~(np.uint64(1) << np.uint64(facet))
            if beyond:
                facet = np.int64(0)
                while not (beyond >> np.uint64(facet)) & np.uint64(1):
                    facet += 1
            r = _nearest(fan, np.uint64(1) << np.uint64(facet), outward, fan.lifts[t])
            if r < 0:
                return False
            _add_tetrahedron(fan, a, b, c, r, facet)
        t += 1
    return True


@njit(cache=True, nogil=True)
def _draw_heights(fan, colours):
    """Heights without ties, and the triangulation they induce."""
    for attempt in range(_ATTEMPTS):
        for r in range(fan.sizes[0]):
            random = mix(colours[r] + np.uint64(attempt)) >> np.uint64(64 - _RANDOM_BITS)
            fan.heights[r] = (_dot(_ray(fan, r), _ray(fan, r)) << _RANDOM_BITS) + np.int64(random)
        if grow(fan):
            return
    raise ValueError("heights without ties were not found")


@njit(cache=True, nogil=True)
def _raise_heights(fan):
    """Add the same integer to all heights, so that the sum of height times divisor is inside the Kähler cone.

    The triangulation stays. On a curve inside a facet nothing changes: its degree is positive, as the lower hull is convex.
    Any other curve has a positive degree once enough of the anticanonical class is added.
    """
    raised = np.int64(0)
    for t in range(fan.sizes[2]):
        for i in range(DIM):
            other, facet = fan.neighbours[t, i], fan.facet_of[t]
            if other < t or fan.facet_of[other] == facet:
                continue
            r = _opposite(fan, other, t)
            excess = _excess(fan.lifts[t], _ray(fan, r), fan.heights[r])
            raised = max(raised, -excess // (fan.lifts[t, 0] * fan.distances[facet, r]) + 1)
    for r in range(fan.sizes[0]):
        fan.heights[r] += raised
        if fan.heights[r] >= 1 << 31:
            raise ValueError("a height is too large")
    for t in range(fan.sizes[2]):
        _set_lift(fan, t)


@njit(cache=True, nogil=True)
def _opposite(fan, t, other):
    """The ray of tetrahedron t that its neighbour ``other`` does not have."""
    i = 0
    while fan.neighbours[t, i] != other:
        i += 1
    return fan.tetrahedra[t, i]


# --- topology of the hypersurface -------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def _add_edge(fan, a, b, ids, edges, n_edges):
    """The number of the edge a < b, a new one if need be; returns it and the number of edges."""
    if ids[a, b] < 0:
        if n_edges == len(edges):
            raise ValueError("more edges than there is room for")
        ids[a, b] = n_edges
        edges[n_edges, 0], edges[n_edges, 1] = a, b
        n_edges += 1
    return ids[a, b], n_edges


@njit(cache=True, nogil=True)
def intersect(fan, normals, numbers, second_chern):
    """Triple intersection numbers and second Chern numbers of the toric divisors on the hypersurface.

    1. Of three different divisors: the lattice length of the dual edge if they are a triangle in a 2-face, else zero.
    2. From these, D_i D_i D_j and D_i D_j D_j of each edge of such a triangle by the linear relations between divisors,
       sum_p v_p D_p D_i D_j = 0, and then D_i D_i D_i by sum_p v_p D_p D_i D_i = 0.
    3. c2·D_i = (sum_jk D_i D_j D_k - sum_j D_i D_j D_j) / 2, and chi = (sum_i D_i^3 - (sum_i D_i)^3) / 3, by adjunction.

    Parameters
    ----------
    fan : Fan
        Triangulated.
    normals : int64 (facets, 4)
        Normals of the facets, in any basis of the dual lattice.
    numbers : int64 (room,)
        Output: the numbers that are not zero, in order, each as ``i << 48 | j << 40 | k << 32 | number + 2^31``, i <= j <= k.
    second_chern : int64 (rays,)
        Output.

    Returns
    -------
    count : int
        How many numbers there are.
    chi : int
        The Euler number.
    """
    n_rays, n_tetrahedra = fan.sizes[0], fan.sizes[2]
    rays = fan.rays
    ids = np.full((n_rays, n_rays), -1, np.int64)
    edges = np.empty((2 * MAX_TETRAHEDRA, 2), np.int64)
    sums = np.zeros((2 * MAX_TETRAHEDRA, DIM), np.int64)
    n_edges = count = 0
    relations = np.zeros((n_rays, DIM), np.int64)
    second_chern[:n_rays] = 0
    mixed = np.int64(0)  # (sum_i D_i)^3 - sum_i D_i^3
    for t in range(n_tetrahedra):
        for i in range(DIM):
            other = fan.neighbours[t, i]
            if other < t or fan.facet_of[other] == fan.facet_of[t]:
                continue
            a, b, c = _triangle(fan.tetrahedra[t], i)
            length = np.int64(0)
            for k in range(DIM):
                length = gcd(length, normals[fan.facet_of[t], k] - normals[fan.facet_of[other], k])
            numbers[count] = _pack(a, b, c, length)
            count += 1
            mixed += 6 * length
            second_chern[a] += length
            second_chern[b] += length
            second_chern[c] += length
            for x, y, z in ((a, b, c), (a, c, b), (b, c, a)):
                e, n_edges = _add_edge(fan, x, y, ids, edges, n_edges)
                for k in range(DIM):
                    sums[e, k] -= length * rays[z, k]
    for e in range(n_edges):
        a, b = edges[e]
        aab, abb = _solve_pair(rays[a], rays[b], sums[e])
        mixed += 3 * (aab + abb)
        second_chern[a] += aab
        second_chern[b] += abb
        for k in range(DIM):
            relations[a, k] -= rays[b, k] * aab
            relations[b, k] -= rays[a, k] * abb
        for x, y, z, number in ((a, a, b, aab), (a, b, b, abb)):
            if number != 0:
                numbers[count] = _pack(x, y, z, number)
                count += 1
    for r in range(n_rays):
        k = 0
        while rays[r, k] == 0:
            k += 1
        cube = relations[r, k] // rays[r, k]
        for k in range(DIM):
            if rays[r, k] * cube != relations[r, k]:
                raise ValueError("intersection numbers do not satisfy the relations between divisors")
        if cube != 0:
            numbers[count] = _pack(r, r, r, cube)
            count += 1
    numbers[:count].sort()
    return count, -mixed // 3


@njit(cache=True, nogil=True)
def _pack(i, j, k, number):
    return i << 48 | j << 40 | k << 32 | (number + (1 << 31))


@njit(cache=True, nogil=True)
def _solve_pair(v, w, total):
    """The integers x, y with x v + y w = total; all (4,) int64."""
    for i in range(DIM):
        for j in range(i):
            minor = v[i] * w[j] - v[j] * w[i]
            if minor != 0:
                x = (total[i] * w[j] - total[j] * w[i]) // minor
                y = (v[i] * total[j] - v[j] * total[i]) // minor
                for k in range(DIM):
                    if x * v[k] + y * w[k] != total[k]:
                        raise ValueError("intersection numbers do not satisfy the relations between divisors")
                return x, y
    raise ValueError("two rays of the fan are parallel")


@njit(cache=True, nogil=True)
def holomorphic_euler(fan, polytope, dual, out):
    """chi(O_D) of each toric divisor D on the hypersurface, from the face of the polytope that its ray is interior to.

    A vertex with g points interior to the dual facet has h(O_D) = (1, 0, g); a point interior to an edge with g points
    interior to the dual 2-face has (1, g, 0); a point interior to a 2-face whose dual edge has g points inside has
    (1 + g, 0, 0). So D is rigid where chi(O_D) = 1, and only there.

    Parameters
    ----------
    fan : Fan
        With rays and facets.
    polytope, dual : Polytope
        The pair.
    out : int64 (rays,)
        Output.
    """
    n_points, n_vertices = dual.sizes
    n_facets = polytope.sizes[1]
    inside = np.zeros((n_vertices, n_vertices), np.int64)  # points interior to a facet of the dual, or to two of them
    for p in range(n_points):
        on, first, second = 0, 0, 0
        for v in range(n_vertices):
            if (dual.hull.incidence[v, p // 64] >> np.uint64(p % 64)) & np.uint64(1):
                on += 1
                first, second = second if on > 1 else v, v
        if on == 1 or on == 2:
            inside[first, second] += 1
    vertices = np.zeros(n_vertices, np.uint64)  # the facets of each vertex
    for v in range(n_vertices):
        for f in range(n_facets):
            if _dot(polytope.normals[f], dual.normals[v]) == -1:
                vertices[v] |= np.uint64(1) << np.uint64(f)
    for r in range(fan.sizes[0]):
        corners, first, second = 0, 0, 0
        for v in range(n_vertices):
            if vertices[v] & fan.facets[r] == fan.facets[r]:
                corners += 1
                first, second = second if corners > 1 else v, v
        if corners == 1:
            out[r] = 1 + inside[first, first]
        elif corners == 2:
            out[r] = 1 - inside[first, second]
        else:
            f = g = -1
            for facet in range(n_facets):
                if (fan.facets[r] >> np.uint64(facet)) & np.uint64(1):
                    f, g = g, facet
            length = np.int64(0)
            for k in range(DIM):
                length = gcd(length, polytope.normals[f, k] - polytope.normals[g, k])
            out[r] = length


@njit(cache=True, nogil=True)
def gauge(fan):
    """The first tetrahedron, in the order of its rays, whose rays are a basis of the lattice.

    The divisors of all other rays are a basis of the toric classes, in which the coefficients of the class of positive
    heights are positive: they are excesses over this tetrahedron.
    """
    best, least = -1, np.int64(0)
    for t in range(fan.sizes[2]):
        if fan.lifts[t, 0] == 1:
            a, b, c, d = fan.tetrahedra[t]
            key = a << 24 | b << 16 | c << 8 | d
            if best < 0 or key < least:
                best, least = t, key
    if best < 0:
        raise ValueError("no tetrahedron of the triangulation has volume 1")
    return best


# --- the cone ---------------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def walls(fan, members, coefficients):
    """The curves of the toric variety, one for each triangle of the triangulation.

    The curve of a triangle abc between tetrahedra abcd and abce has the degrees of the relation between the five rays,
    d and e positive, divided by their greatest common divisor. A class whose degree on all of them is positive is inside
    the Kähler cone of the toric variety, which lies in that of the hypersurface.

    Parameters
    ----------
    fan : Fan
        Triangulated.
    members, coefficients : int64 (2 MAX_TETRAHEDRA, 5)
        Output: five rays, and the degrees of their divisors on the curve; all others are zero.

    Returns
    -------
    int
        The number of curves.
    """
    count, one, zero = 0, np.int64(1), np.int64(0)
    for t in range(fan.sizes[2]):
        a, b, c, d = _corners(fan, t)
        for i in range(DIM):
            other = fan.neighbours[t, i]
            if other < t:
                continue
            e = _opposite(fan, other, t)
            ray, row = _ray(fan, e), coefficients[count]
            row[0] = _excess(_lift(a, b, c, d, (one, zero, zero, zero)), ray, zero)
            row[1] = _excess(_lift(a, b, c, d, (zero, one, zero, zero)), ray, zero)
            row[2] = _excess(_lift(a, b, c, d, (zero, zero, one, zero)), ray, zero)
            row[3] = _excess(_lift(a, b, c, d, (zero, zero, zero, one)), ray, zero)
            row[4] = fan.lifts[t, 0]
            common = zero
            for k in range(DIM + 1):
                common = gcd(common, row[k])
            for k in range(DIM + 1):
                row[k] //= common
                members[count, k] = fan.tetrahedra[t, k] if k < DIM else e
            count += 1
    return count


@njit(cache=True, nogil=True)
def restore(rays, heights, polytope, dual, fan):
    """Triangulate again: fill a fan from its rays and heights, in the order given.

    Parameters
    ----------
    rays, heights : int (R, 4), (R,)
        As of a table of features.
    polytope, dual : Polytope
        Output: the pair; points of the polytope are the rays alone.
    fan : Fan
        Output.

    Raises
    ------
    ValueError
        The rays are not those of a reflexive polytope, or are too many, or the heights have a tie.
    """
    n_rays = len(rays)
    if n_rays > MAX_RAYS:
        raise ValueError("more rays than there is room for")
    for r in range(n_rays):
        for c in range(DIM):
            polytope.points[r, c] = fan.rays[r, c] = rays[r, c]
        fan.heights[r] = heights[r]
    polytope.sizes[0] = n_rays
    if not complete_pair(polytope, dual):
        raise ValueError("the rays do not span a reflexive polytope")
    n_facets = polytope.sizes[1]
    fan.sizes[0], fan.sizes[1] = n_rays, n_facets
    for r in range(n_rays):
        fan.facets[r] = 0
        for f in range(n_facets):
            fan.distances[f, r] = 1
            for c in range(DIM):
                fan.distances[f, r] += polytope.normals[f, c] * rays[r, c]
            if fan.distances[f, r] == 0:
                fan.facets[r] |= np.uint64(1) << np.uint64(f)
    if not grow(fan):
        raise ValueError("the heights do not induce a triangulation: some are tied")


class Threefold(NamedTuple):
    """A Calabi-Yau hypersurface in a toric variety; all arrays int64. R rays, n = R - 4 classes of divisors."""

    rays: np.ndarray  # (R, 4)
    heights: np.ndarray  # (R,); the sum of height times divisor is inside the Kähler cone
    tetrahedra: np.ndarray  # (T, 4) rays, of the triangulation
    basis: np.ndarray  # (n,) rays whose divisors are the basis of the classes below
    interior_point: np.ndarray  # (n,) the class of the heights in the basis
    triple_intersection_indices: np.ndarray  # (k, 3) i <= j <= l of the numbers that are not zero
    triple_intersection_numbers: np.ndarray  # (k,)
    second_chern_numbers: np.ndarray  # (n,)
    holomorphic_euler_characteristics: np.ndarray  # (R,) chi(O_D) of each ray's divisor
    euler_characteristic: int
    wall_rays: (
        np.ndarray
    )  # (w, 5) the five rays of two neighbouring cones of the fan; their curve meets no other divisor
    wall_degrees: np.ndarray  # (w, 5) degrees of the divisors of these rays on the curve


def triangulate(points) -> Threefold:
    """The hypersurface whose toric variety has the points of a reflexive polytope as rays.

    Parameters
    ----------
    points : int array-like (k, 4)
        Points whose convex hull is the polytope: its vertices, or more. Any basis of the lattice will do.

    Returns
    -------
    Threefold
        Rays and all that follows are in coordinates and an order that depend on the polytope up to GL(4, Z) alone.

    Raises
    ------
    InputError
        The points are no integers (k, 4), the polytope is not reflexive, or it gives more than `MAX_RAYS` rays.

    Examples
    --------
    The degree 18 hypersurface in P(1,1,1,6,9):

    >>> threefold = triangulate([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [-1, -1, -6, -9]])
    >>> threefold.euler_characteristic
    -540
    >>> len(threefold.rays), len(threefold.tetrahedra)
    (6, 9)
    >>> threefold.triple_intersection_numbers, threefold.second_chern_numbers
    (array([ 9, -3,  1]), array([-6, 36]))
    """
    polytope, dual, fan = new_polytope(), new_polytope(), new_fan()
    points = _checked_points(points)
    polytope.points[: len(points)] = points
    polytope.sizes[0] = len(points)
    if not (complete_pair(polytope, dual) and is_hull(polytope, dual) and complete_pair(dual, polytope)):
        raise InputError("points", "do not span a reflexive polytope with the origin inside")
    try:
        triangulate_pair(polytope, dual, fan)
    except ValueError as error:
        raise InputError("points", f"{error}; the mirror, of the dual polytope, may be smaller") from None
    n_rays, _, n_tetrahedra = fan.sizes
    tetrahedra = np.unique(fan.tetrahedra[:n_tetrahedra], axis=0)  # they grow in the order of the facets
    numbers, second_chern, euler = np.empty(4 * _MAX_NUMBERS, np.int64), *np.empty((2, n_rays), np.int64)
    count, chi = intersect(fan, polytope.normals, numbers, second_chern)
    holomorphic_euler(fan, polytope, dual, euler)
    corners = gauge(fan)
    basis = np.setdiff1d(np.arange(n_rays), fan.tetrahedra[corners])
    lift, rays, heights = fan.lifts[corners], fan.rays[:n_rays].copy(), fan.heights[:n_rays].copy()
    indices = np.stack([numbers[:count] >> 48, numbers[:count] >> 40 & 255, numbers[:count] >> 32 & 255], axis=1)
    kept = np.isin(indices, basis).all(axis=1)
    curves = _curves(fan)
    return Threefold(
        rays,
        heights,
        tetrahedra,
        basis,
        (heights - rays @ lift[1:])[basis],
        np.searchsorted(basis, indices[kept]),
        (numbers[:count][kept] & 0xFFFFFFFF) - (1 << 31),
        second_chern[basis],
        euler,
        int(chi),
        curves[:, 0],
        curves[:, 1],
    )


def _checked_points(points) -> np.ndarray:
    """Integer points (k, 4), each once, in a short basis of the lattice."""
    try:
        points = np.asarray(points)
    except ValueError:
        raise InputError("points", f"are no array, expected integers (k, {DIM})") from None
    if points.ndim != 2 or points.shape[1] != DIM or not np.issubdtype(points.dtype, np.integer):
        raise InputError("points", f"have shape {points.shape} and type {points.dtype}, expected integers (k, {DIM})")
    points = np.unique(points, axis=0)
    if len(points) > MAX_POINTS:
        raise InputError("points", f"are {len(points)}; a reflexive polytope has at most 680")
    exact = points.T.astype(object)  # Python's integers do not overflow, whatever the basis
    hermite_basis.py_func(exact)
    if np.abs(exact).max(initial=0) < 1 << 24:  # the squares below fit, too
        coordinates = exact.astype(np.int64)
        reduce_basis(coordinates, np.zeros((DIM, 0), np.int64), coordinates @ coordinates.T)
        if np.abs(coordinates).max(initial=0) < MAX_COORDINATE:
            return coordinates.T
    raise InputError("points", f"reach ±{MAX_COORDINATE} in a short basis; those of a reflexive polytope do not")


def kahler_cone(row: Mapping) -> np.ndarray:
    """A cone that is surely inside the Kähler cone of a threefold: all t with ``kahler_cone(row) @ t > 0``.

    For a hypersurface in a toric variety it is the Kähler cone of the variety; else the classes of the basis are nef, and
    it is the cone that they span.

    Parameters
    ----------
    row : mapping
        A row of features: n_fields and, if the family has them, rays, heights and basis.

    Returns
    -------
    int64 (curves, n_fields)
        Degrees of the classes of the basis on curves.
    """
    if "rays" not in row:
        return np.eye(row["n_fields"], dtype=np.int64)
    rays, fan = np.asarray(row["rays"], np.int64).reshape(-1, DIM), new_fan()
    restore(rays, np.asarray(row["heights"], np.int64), new_polytope(), new_polytope(), fan)
    curves = _curves(fan)
    cone = np.zeros((len(curves), len(rays)), np.int64)
    np.put_along_axis(cone, curves[:, 0], curves[:, 1], axis=1)
    return np.unique(cone[:, np.asarray(row["basis"])], axis=0)


def _curves(fan) -> np.ndarray:
    """Each of `walls` once, in order: int64 (w, 2, 5), ascending rays and degrees."""
    members, degrees = np.empty((2, 2 * MAX_TETRAHEDRA, DIM + 1), np.int64)
    count = walls(fan, members, degrees)
    order = np.argsort(members[:count], axis=1)
    curves = [np.take_along_axis(part[:count], order, axis=1) for part in (members, degrees)]
    return np.unique(np.stack(curves, axis=1), axis=0)


# --- a table of threefolds --------------------------------------------------------------------------------------------

_ROW = ("is_mirror", "is_truncated", "n_moduli", "n_fields", "n_rigid_divisors", "duplicate_group")

# Threefolds of a batch, for compiled code; ends[row] are the numbers of rays, classes and intersection numbers up to it.
#   row     : (rows, len(_ROW)) int64
#   rays    : (room, 4) int16
#   heights : (room,) int32
#   euler   : (room,) int32, chi(O_D) of each ray
#   basis   : (room,) int16
#   second_chern : (room,) int32
#   indices : (room, 3) int16
#   numbers : (room,) int32
#   ends    : (rows + 1, 3) int64
#   fan     : Fan
#   scratch : (room,) int64
Table = namedtuple("Table", "row rays heights euler basis second_chern indices numbers ends fan scratch")


def new_table(rows: int) -> Table:
    """Room for the threefolds of a batch; memory that is not written to is not taken."""
    return Table(
        np.empty((rows, len(_ROW)), np.int64),
        np.empty((rows * MAX_RAYS, DIM), np.int16),
        np.empty(rows * MAX_RAYS, np.int32),
        np.empty(rows * MAX_RAYS, np.int32),
        np.empty(rows * MAX_RAYS, np.int16),
        np.empty(rows * MAX_RAYS, np.int32),
        np.empty((rows * _MAX_NUMBERS, 3), np.int16),
        np.empty(rows * _MAX_NUMBERS, np.int32),
        np.zeros((rows + 1, 3), np.int64),
        new_fan(),
        np.empty(4 * _MAX_NUMBERS, np.int64),
    )


@njit(cache=True, nogil=True)
def add_threefold(m, n, row, table):
    """Write a row of a table: the hypersurface of a reflexive pair, or its mirror, whichever has fewer Kähler moduli.

    Parameters
    ----------
    m, n : Polytope
        The Newton polytope and its dual, a pair. The hypersurface's toric variety has the points of n as rays, its
        mirror's those of m.
    row : int
        The row; the ones before it are written.
    table : Table
        Its row is written.

    Raises
    ------
    ValueError
        There is no room, or a check of the result fails.
    """
    classes_n, _, correction_n = count_classes(n)
    classes_m, _, correction_m = count_classes(m)
    is_mirror = classes_m < classes_n
    polytope, dual, moduli, correction = n, m, classes_n, correction_n
    if is_mirror:
        polytope, dual, moduli, correction = m, n, classes_m, correction_m
    fan, scratch = table.fan, table.scratch
    code = triangulate_pair(polytope, dual, fan)
    n_rays = fan.sizes[0]
    n_fields = n_rays - DIM
    if n_fields != moduli - correction:
        raise ValueError("the rays do not give the toric classes that are counted")

    at, field_at, number_at = table.ends[row]
    second_chern = np.empty(n_rays, np.int64)
    euler = np.empty(n_rays, np.int64)
    count, chi = intersect(fan, polytope.normals, scratch, second_chern)
    if chi != 2 * (moduli - (classes_m + classes_n - moduli)):
        raise ValueError("the Euler number is not 2 (h11 - h21)")
    holomorphic_euler(fan, polytope, dual, euler)
    corners = fan.tetrahedra[gauge(fan)]
    place = np.empty(n_rays, np.int64)  # of a ray in the basis, -1 if it is not in it
    rigid = field = 0
    for r in range(n_rays):
        for c in range(DIM):
            table.rays[at + r, c] = fan.rays[r, c]
        table.heights[at + r] = fan.heights[r]
        table.euler[at + r] = euler[r]
        rigid += euler[r] == 1
        place[r] = -1
        if r != corners[0] and r != corners[1] and r != corners[2] and r != corners[3]:
            place[r] = field
            table.basis[field_at + field] = r
            table.second_chern[field_at + field] = second_chern[r]
            field += 1
    kept = 0
    for x in range(count):
        i, j, k = place[scratch[x] >> 48], place[(scratch[x] >> 40) & 255], place[(scratch[x] >> 32) & 255]
        if i >= 0 and j >= 0 and k >= 0:
            if kept == _MAX_NUMBERS:
                raise ValueError("more intersection numbers than there is room for")
            target = table.indices[number_at + kept]
            target[0], target[1], target[2] = i, j, k
            table.numbers[number_at + kept] = (scratch[x] & 0xFFFFFFFF) - (1 << 31)
            kept += 1
    values = table.row[row]
    values[0], values[1], values[2], values[3] = is_mirror, correction > 0, moduli, n_fields
    values[4], values[5] = rigid, np.int64(code >> np.uint64(1))
    ends = table.ends[row + 1]
    ends[0], ends[1], ends[2] = at + n_rays, field_at + n_fields, number_at + kept


@njit(cache=True, nogil=True)
def triangulate_pair(polytope, dual, fan):
    """Fill a fan from a reflexive pair; returns a hash that is equal for equal polytopes.

    Raises
    ------
    ValueError
        There is no room, or the tetrahedra do not fill the polytope.
    """
    space = volume(polytope, dual)
    if space > _MAX_VOLUME:
        raise ValueError("the polytope is too large")
    colours, code = _place_rays(polytope, fan)
    _draw_heights(fan, colours)
    for t in range(fan.sizes[2]):
        space -= fan.lifts[t, 0]
    if space != 0:
        raise ValueError("the tetrahedra do not fill the polytope")
    _raise_heights(fan)
    return code


def threefold_columns(table: Table) -> dict[str, np.ndarray | Ragged]:
    """The columns of the threefolds' features, see the families' data dictionaries."""
    rays, fields, numbers = table.ends[-1]
    ray_ends, field_ends, number_ends = table.ends.T.astype(np.int32)
    return {
        **dict(zip(_ROW, table.row.T, strict=True)),
        "rays": Ragged(table.rays[:rays].ravel(), DIM * ray_ends),
        "heights": Ragged(table.heights[:rays], ray_ends),
        "holomorphic_euler_characteristics": Ragged(table.euler[:rays], ray_ends),
        "basis": Ragged(table.basis[:fields], field_ends),
        "triple_intersection_indices": Ragged(table.indices[:numbers].ravel(), 3 * number_ends),
        "triple_intersection_numbers": Ragged(table.numbers[:numbers], number_ends),
        "second_chern_numbers": Ragged(table.second_chern[:fields], field_ends),
    }
