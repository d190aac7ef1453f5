"""Lattice polytopes, exactly, in compiled integer arithmetic: hulls, and pairs of reflexive 4-polytopes.

Facets come from the double-description method, Hodge numbers from Batyrev's formulas (alg-geom/9310003), counted point by
point.
"""

from collections import namedtuple
from math import gcd

import numpy as np

from vacuagym.numerics.compiled import njit

DIM = 4
MAX_POINTS = 1024  # lattice points of one polytope; a reflexive one has 680 at most (hep-th/0002240)
MAX_FACETS = 512  # while a hull grows
MAX_VERTICES = 64  # of a reflexive polytope, and facets: sets of them are bits of a word; 36 at most (hep-th/0002240)
MAX_COORDINATE = 1 << 9  # of a reflexive polytope in a short basis
_WORDS = MAX_POINTS // 64


@njit(cache=True, nogil=True)
def sort_order(keys, order):
    """Write the order in which ``keys`` ascend to ``order``, equal ones as they stand; for a handful of them."""
    for i in range(len(keys)):
        j = i
        while j > 0 and keys[order[j - 1]] > keys[i]:
            order[j] = order[j - 1]
            j -= 1
        order[j] = i


# --- lattices ---------------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def reduce_basis(basis, coordinates, gram):
    """Shorten a lattice basis pair by pair (Gauss); rows of ``coordinates`` are the dual basis and follow."""
    n = len(basis)
    changed = True
    while changed:
        changed = False
        for i in range(n):
            for j in range(n):
                if i != j and gram[j, j] > 0:
                    q = np.int64(np.rint(gram[i, j] / gram[j, j]))
                    if q != 0 and gram[i, i] - 2 * q * gram[i, j] + q * q * gram[j, j] < gram[i, i]:
                        for c in range(basis.shape[1]):
                            basis[i, c] -= q * basis[j, c]
                        for c in range(coordinates.shape[1]):
                            coordinates[j, c] += q * coordinates[i, c]
                        for k in range(n):
                            if k != i:
                                gram[i, k] -= q * gram[j, k]
                        gram[i, i] += -q * gram[i, j] - q * (gram[i, j] + q * gram[j, j]) + q * q * gram[j, j]
                        for k in range(n):
                            gram[k, i] = gram[i, k]
                        changed = True


@njit(cache=True, nogil=True)
def hermite_basis(coordinates):
    """Change to the basis of the lattice in which the coordinates of these vectors are in Hermite normal form.

    The form is unique: it depends on the vectors and their order up to GL(n, Z) alone.

    Parameters
    ----------
    coordinates : int64 (n, vectors)
        The vectors, a column each; they span the lattice. Overwritten.
    """
    n, done = len(coordinates), 0
    for k in range(coordinates.shape[1]):
        if done == n:
            break
        clear = False
        while not clear:
            pivot = -1
            for i in range(done, n):
                x = abs(coordinates[i, k])
                if x != 0 and (pivot < 0 or x < abs(coordinates[pivot, k])):
                    pivot = i
            if pivot < 0:
                break
            sign = 1 if coordinates[pivot, k] > 0 else -1
            clear = True
            for c in range(coordinates.shape[1]):
                x = sign * coordinates[pivot, c]
                coordinates[pivot, c], coordinates[done, c] = coordinates[done, c], x
            for i in range(n):
                q = coordinates[i, k] // coordinates[done, k]
                if i != done and q != 0:
                    for c in range(coordinates.shape[1]):
                        coordinates[i, c] -= q * coordinates[done, c]
                clear = clear and (i <= done or coordinates[i, k] == 0)
            done += clear


# --- convex hulls -----------------------------------------------------------------------------------------------------

# The hull of the points added so far, by double description (Motzkin et al. 1953): facets (y0, y) with y0 + y·p >= 0
# for every point p and equality on the facet, as primitive integer vectors.
#   normals   : (room, dim + 1) int64
#   incidence : (room, words) uint64, bit j of a facet is set if it holds point j (of those added, while the hull grows)
#   values    : (room,) int64, scratch: y0 + y·p of the facets at the point at hand
Hull = namedtuple("Hull", "normals incidence values")


@njit(cache=True, nogil=True)
def new_hull(dim):
    """Room for the hull of points in ``dim`` dimensions."""
    return Hull(
        np.zeros((MAX_FACETS, dim + 1), np.int64),
        np.zeros((MAX_FACETS, _WORDS), np.uint64),
        np.zeros(MAX_FACETS, np.int64),
    )


@njit(cache=True, nogil=True)
def _bit(j):
    return np.uint64(1) << np.uint64(j % 64)


@njit(cache=True, nogil=True)
def _value(normal, point):
    """y0 + y·p."""
    value = normal[0]
    for c in range(len(normal) - 1):
        value += normal[c + 1] * point[c]
    return value


@njit(cache=True, nogil=True)
def combine(a, x, b, y, out):
    """Write a x + b y to ``out``, divided by the greatest common divisor of its entries."""
    g = np.int64(0)
    for c in range(len(out)):
        out[c] = a * x[c] + b * y[c]
        g = gcd(g, out[c])
    if g > 1:
        for c in range(len(out)):
            out[c] //= g


@njit(cache=True, nogil=True)
def _popcount(x):
    count = 0
    while x:
        x &= x - np.uint64(1)
        count += 1
    return count


@njit(cache=True, nogil=True)
def _start_hull(points, count, hull):
    """Facets of a simplex of some of points[:count], far apart; returns how many, 0 if they lie in a hyperplane.

    At first, every affine function is a line; each point added makes a facet of one and lets the others vanish on it.
    """
    size = hull.normals.shape[1]
    lines = np.eye(size, dtype=np.int64)
    for n in range(size):
        line, best, value = lines[size - 1 - n], 0, np.int64(0)
        for j in range(count):
            v = _value(line, points[j])
            if abs(v) > abs(value):
                best, value = j, v
        if value == 0:
            return 0
        sign = 1 if value > 0 else -1
        for i in range(size - 1 - n):
            combine(abs(value), lines[i], -sign * _value(lines[i], points[best]), line, lines[i])
        for i in range(n):
            facet = hull.normals[i]
            combine(abs(value), facet, -sign * _value(facet, points[best]), line, facet)
        for c in range(size):
            hull.normals[n, c] = sign * line[c]
    for i in range(size):  # opposite to the i-th point
        hull.incidence[i, :] = 0
        hull.incidence[i, 0] = (_bit(size) - np.uint64(1)) ^ _bit(i)
    return size


@njit(cache=True, nogil=True)
def _add_point(point, j, hull, n_facets):
    """Add ``point``, as the j-th one, to the hull; returns the new number of facets, -1 if there is no room for them.

    New facets come last.
    """
    normals, incidence, values = hull
    word, bit = j // 64, _bit(j)
    for f in range(n_facets):
        values[f] = _value(normals[f], point)
        if values[f] == 0:
            incidence[f, word] |= bit
    n_new = n_facets
    for f in range(n_facets):
        if values[f] >= 0:
            continue
        for g in range(n_facets):
            if values[g] <= 0 or not _adjacent(incidence, n_facets, f, g, word + 1, normals.shape[1] - 2):
                continue
            if n_new == MAX_FACETS:
                return -1
            combine(values[g], normals[f], -values[f], normals[g], normals[n_new])
            for w in range(_WORDS):
                incidence[n_new, w] = incidence[f, w] & incidence[g, w]
            incidence[n_new, word] |= bit
            n_new += 1
    kept = 0
    for f in range(n_new):
        if f >= n_facets or values[f] >= 0:
            for c in range(normals.shape[1]):
                normals[kept, c] = normals[f, c]
            for w in range(_WORDS):
                incidence[kept, w] = incidence[f, w]
            kept += 1
    return kept


@njit(cache=True, nogil=True)
def _adjacent(incidence, n_facets, f, g, words, least):
    """Whether two facets meet in a ridge: they share ``least`` points or more that no third facet holds all of."""
    shared = 0
    for w in range(words):
        shared += _popcount(incidence[f, w] & incidence[g, w])
    if shared < least:
        return False
    for other in range(n_facets):
        if other != f and other != g:
            inside = True
            for w in range(words):
                both = incidence[f, w] & incidence[g, w]
                inside = inside and both & incidence[other, w] == both
            if inside:
                return False
    return True


@njit(cache=True, nogil=True)
def _deepest(points, count, normal):
    """The point farthest below a facet, and y0 + y·p there."""
    best, least = 0, _value(normal, points[0])
    for j in range(1, count):
        value = _value(normal, points[j])
        if value < least:
            best, least = j, value
    return best, least


@njit(cache=True, nogil=True)
def facets(points, count, hull):
    """Facets of the convex hull of points[:count], adding the point farthest below a facet until none is below any.

    points : (room, dim) int64. Fills ``hull``; returns the number of facets, 0 if the points lie in a hyperplane, -1 if
    there is no room or numbers overflow.
    """
    n_facets = _start_hull(points, count, hull)
    added, f = n_facets, 0
    while f < n_facets:
        j, value = _deepest(points, count, hull.normals[f])
        if value < 0:
            if added == count:  # no point is below a facet twice, unless numbers have overflowed
                return -1
            n_facets = _add_point(points[j], added, hull, n_facets)  # keeps those before f, which no point is below
            added += 1
        else:
            f += 1
    _mark_incidence(points, count, hull, n_facets)
    return n_facets


@njit(cache=True, nogil=True)
def _mark_incidence(points, count, hull, n_facets):
    """Set the hull's incidence to which of points[:count] lie on which facet."""
    for f in range(n_facets):
        hull.incidence[f, :] = 0
        for j in range(count):
            if _value(hull.normals[f], points[j]) == 0:
                hull.incidence[f, j // 64] |= _bit(j)


@njit(cache=True, nogil=True)
def origin_inside(points, count, hull):
    """1 if the origin is interior to the hull of points[:count], 0 if not, -1 if there is no room for its facets.

    Only facets that do not have the origin strictly on their inner side matter: if a point is below such a facet, the
    one farthest below is added; if none is, it is a facet of the hull of all points, with the origin outside or on it.
    """
    n_facets = _start_hull(points, count, hull)
    if n_facets == 0:
        return 0
    added, f = n_facets, 0
    while f < n_facets:
        if hull.normals[f, 0] > 0:
            f += 1
            continue
        j, value = _deepest(points, count, hull.normals[f])
        if value >= 0:
            return 0
        n_facets = _add_point(points[j], added, hull, n_facets)
        if n_facets < 0:
            return -1
        added, f = added + 1, 0
    return 1


# --- reflexive pairs --------------------------------------------------------------------------------------------------

# One polytope of a pair {p : normal·p >= -1 for all normals}; the normals are the vertices of the other one.
#   points  : (MAX_POINTS, 4) int64, all lattice points
#   hull    : Hull, whose incidence says which of them lie on which facet
#   normals : (MAX_FACETS, 4) int64
#   sizes   : (2,) int64, numbers of points and of facets
Polytope = namedtuple("Polytope", "points hull normals sizes")


@njit(cache=True, nogil=True)
def new_polytope():
    """Room for a `Polytope`."""
    return Polytope(
        np.empty((MAX_POINTS, DIM), np.int64),
        new_hull(DIM),
        np.empty((MAX_FACETS, DIM), np.int64),
        np.zeros(2, np.int64),
    )


@njit(cache=True, nogil=True)
def complete_pair(polytope, dual):
    """Fill in facets of a polytope, given points of which it is the hull, and its dual, points and facets.

    Returns
    -------
    Whether it is reflexive, and the arrays are large enough.
    """
    count = polytope.sizes[0]
    n_facets = facets(polytope.points, count, polytope.hull)
    if not 0 < n_facets <= MAX_VERTICES or not _at_distance_one(polytope.hull, n_facets, polytope.normals):
        return False
    n_vertices = facets(polytope.normals, n_facets, dual.hull)
    if not 0 < n_vertices <= MAX_VERTICES or not _at_distance_one(dual.hull, n_vertices, dual.normals):
        return False
    n_dual = _dual_points(dual.normals, n_vertices, polytope.normals, n_facets, dual.points)
    if n_dual < 0:
        return False
    _mark_incidence(dual.points, n_dual, dual.hull, n_vertices)
    polytope.sizes[1] = n_facets
    dual.sizes[0], dual.sizes[1] = n_dual, n_vertices
    return True


@njit(cache=True, nogil=True)
def is_hull(polytope, dual):
    """Whether a pair's polytope is the hull of its points: it is, unless the hull of others has overflowed."""
    n_points, n_facets = polytope.sizes
    for p in range(n_points):
        for f in range(n_facets):
            if _value(polytope.hull.normals[f], polytope.points[p]) < 0:
                return False
    for v in range(dual.sizes[1]):
        found = False
        for p in range(n_points):
            same = True
            for c in range(DIM):
                same = same and dual.normals[v, c] == polytope.points[p, c]
            found = found or same
        if not found:
            return False
    return True


@njit(cache=True, nogil=True)
def add_points(polytope, dual):
    """Replace the points of which a pair's polytope is the hull by all its lattice points; returns whether there is room."""
    n_facets, n_vertices = polytope.sizes[1], dual.sizes[1]
    count = _dual_points(polytope.normals, n_facets, dual.normals, n_vertices, polytope.points)
    if count < 0:
        return False
    _mark_incidence(polytope.points, count, polytope.hull, n_facets)
    polytope.sizes[0] = count
    return True


@njit(cache=True, nogil=True)
def count_classes(polytope):
    """Batyrev's h11 of the hypersurface whose toric variety has the points of the polytope as rays.

    Returns
    -------
    h11, the points interior to facets, and the correction: classes that do not come from the toric variety, the sum over
    points on exactly two facets of the lattice length of the dual edge, less one.
    """
    normals, incidence, _ = polytope.hull
    n_points, n_facets = polytope.sizes
    inner, correction = 0, 0
    for j in range(n_points):
        word, bit = j // 64, _bit(j)
        on = 0
        first = second = -1
        for f in range(n_facets):
            if incidence[f, word] & bit:
                on += 1
                if on == 1:
                    first = f
                elif on == 2:
                    second = f
                else:
                    break
        if on == 1:
            inner += 1
        elif on == 2:
            g = np.int64(0)
            for c in range(1, DIM + 1):
                g = gcd(g, normals[first, c] - normals[second, c])
            correction += g - 1
    return n_points - DIM - 1 - inner + correction, inner, correction


@njit(cache=True, nogil=True)
def _dual_points(vertices, n_vertices, normals, n_facets, points):
    """Lattice points n of {n : n·v >= -1}, a polytope with vertices ``normals``; returns how many, -1 if no room."""
    basis, dual = np.eye(DIM, dtype=np.int64), np.eye(DIM, dtype=np.int64)
    gram = np.zeros((DIM, DIM), np.int64)
    for f in range(n_facets):
        for i in range(DIM):
            for j in range(DIM):
                gram[i, j] += normals[f, i] * normals[f, j]
    reduce_basis(basis, dual, gram)  # coordinates y_i = n·basis_i, small on the polytope
    low, high = np.zeros(DIM, np.int64), np.zeros(DIM, np.int64)
    for f in range(n_facets):
        for i in range(DIM):
            y = np.int64(0)
            for c in range(DIM):
                y += normals[f, c] * basis[i, c]
            low[i], high[i] = min(low[i], y), max(high[i], y)
    order = np.empty(DIM, np.int64)
    sort_order(high - low, order)
    a, b, c_, e = order
    v = np.zeros((n_vertices, DIM), np.int64)  # vertices in the basis: n·v = sum_i y_i v_i
    for j in range(n_vertices):
        for i in range(DIM):
            for c in range(DIM):
                v[j, i] += dual[i, c] * vertices[j, c]
    count = 0
    for ya in range(low[a], high[a] + 1):
        for yb in range(low[b], high[b] + 1):
            for yc in range(low[c_], high[c_] + 1):
                least, most = low[e], high[e]
                for j in range(n_vertices):
                    rest = -1 - ya * v[j, a] - yb * v[j, b] - yc * v[j, c_]
                    slope = v[j, e]
                    if slope > 0:
                        least = max(least, -(-rest // slope))
                    elif slope < 0:
                        most = min(most, -rest // -slope)
                    elif rest > 0:
                        most = least - 1
                    if most < least:
                        break
                for ye in range(least, most + 1):
                    if count == len(points):
                        return -1
                    for c in range(DIM):
                        points[count, c] = ya * dual[a, c] + yb * dual[b, c] + yc * dual[c_, c] + ye * dual[e, c]
                    count += 1
    return count


@njit(cache=True, nogil=True)
def _determinant(a, b, c, d):
    """Determinant of four integer vectors of length 4, by 2x2 minors."""
    return (
        (a[0] * b[1] - a[1] * b[0]) * (c[2] * d[3] - c[3] * d[2])
        - (a[0] * b[2] - a[2] * b[0]) * (c[1] * d[3] - c[3] * d[1])
        + (a[0] * b[3] - a[3] * b[0]) * (c[1] * d[2] - c[2] * d[1])
        + (a[1] * b[2] - a[2] * b[1]) * (c[0] * d[3] - c[3] * d[0])
        - (a[1] * b[3] - a[3] * b[1]) * (c[0] * d[2] - c[2] * d[0])
        + (a[2] * b[3] - a[3] * b[2]) * (c[0] * d[1] - c[1] * d[0])
    )


@njit(cache=True, nogil=True)
def volume(polytope, dual):
    """Lattice volume 4! vol of one polytope of a pair: cones over pulled facets, 2-faces and edges."""
    vertices, normals = dual.normals, polytope.normals
    n_vertices, n_facets = dual.sizes[1], polytope.sizes[1]
    on = np.zeros(n_facets, np.uint64)  # vertices of each facet
    for f in range(n_facets):
        for j in range(n_vertices):
            v = np.int64(1)
            for c in range(DIM):
                v += normals[f, c] * vertices[j, c]
            if v == 0:
                on[f] |= _bit(j)
    edges = np.empty(256, np.uint64)
    total = np.int64(0)
    for f in range(n_facets):
        apex_f = _lowest(on[f])
        for g in range(n_facets):
            face = on[f] & on[g]
            if g == f or _popcount(face) < 3 or (face >> np.uint64(apex_f)) & np.uint64(1):
                continue
            apex_g = _lowest(face)
            n_edges = 0
            for e in range(n_facets):
                edge = face & on[e]
                if e == f or e == g or _popcount(edge) != 2 or (edge >> np.uint64(apex_g)) & np.uint64(1):
                    continue
                new = True
                for i in range(n_edges):
                    new = new and edges[i] != edge
                if new:
                    edges[n_edges] = edge
                    n_edges += 1
                    first = _lowest(edge)
                    second = _lowest(edge & (edge - np.uint64(1)))
                    total += abs(_determinant(vertices[apex_f], vertices[apex_g], vertices[first], vertices[second]))
    return total


@njit(cache=True, nogil=True)
def _lowest(mask):
    bit = 0
    while not (mask >> np.uint64(bit)) & np.uint64(1):
        bit += 1
    return bit


@njit(cache=True, nogil=True)
def _at_distance_one(hull, n_facets, normals):
    """Whether each facet is y·p >= -1, as those of a reflexive polytope are; writes the y to ``normals``."""
    for f in range(n_facets):
        if hull.normals[f, 0] != 1:
            return False
        for c in range(DIM):
            normals[f, c] = hull.normals[f, c + 1]
    return True
