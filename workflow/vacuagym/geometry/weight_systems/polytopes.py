"""Reflexive 4-polytopes from (combined) weight systems, exactly, in compiled integer arithmetic.

Delta is the convex hull of the lattice points of {a >= 0 : W a = d}, shifted so that (1, …, 1) is the origin; M is the
lattice of integer solutions of W x = 0 and N its dual. Facets come from the double-description method, Hodge numbers
from Batyrev's formulas (alg-geom/9310003), counted point by point.
"""

from collections import namedtuple
from math import gcd

import numpy as np

from vacuagym.numerics.compiled import njit

DIM = 4
MAX_POINTS = 1024  # lattice points of one polytope; a reflexive one has 680 at most (hep-th/0002240)
MAX_FACETS = 512
MAX_COORDINATES = 8
_WORDS = MAX_POINTS // 64

QUANTITIES = (
    "h11",
    "h21",
    "n_points_m",
    "n_vertices_m",
    "n_points_n",
    "n_vertices_n",
    "volume",
    "divisibility",
    "h11_correction",
    "h21_correction",
    "n_facet_interior_points_m",
    "n_facet_interior_points_n",
    "transverse",
)


# --- lattice points ---------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def sort_order(keys, order):
    """Write the order in which ``keys`` ascend to ``order``, equal ones as they stand; for a handful of them."""
    for i in range(len(keys)):
        j = i
        while j > 0 and keys[order[j - 1]] > keys[i]:
            order[j] = order[j - 1]
            j -= 1
        order[j] = i


@njit(cache=True, nogil=True)
def lattice_points(weights, degrees, points):
    """Write the integer a >= 0 with weights @ a == degrees to ``points``; returns how many, -1 if there is no room.

    Coordinates are chosen one after the other, shared ones first, then block by block, large weights first; the last
    one of a block follows from the degree left.

    weights : (blocks, k) int64, each column with a positive entry; degrees : (blocks,) int64; points : (room, k) int64.
    """
    blocks, k = weights.shape
    keys, order = np.zeros(k, np.int64), np.empty(k, np.int64)
    for c in range(k):
        first, shared, weight = -1, 0, np.int64(0)
        for b in range(blocks):
            if weights[b, c] > 0:
                first = b if first < 0 else first
                shared += 1
                weight = max(weight, weights[b, c])
        keys[c] = (((blocks - shared) * blocks + first) << 32) - weight
    sort_order(keys, order)
    last = np.full(k, -1, np.int64)  # the block, if any, of which the coordinate is the last one
    for b in range(blocks):
        i = k - 1
        while weights[b, order[i]] == 0:
            i -= 1
        last[i] = b
    a = np.full(k, -1, np.int64)
    left = np.empty((k + 1, blocks), np.int64)  # degree left once the coordinates before i are chosen
    for b in range(blocks):
        left[0, b] = degrees[b]
    count, i = 0, 0
    while i >= 0:
        c = order[i]
        if last[i] < 0:
            a[c] += 1
        elif a[c] < 0:
            a[c] = left[i, last[i]] // weights[last[i], c]
        else:
            a[c] = -1
            i -= 1
            continue
        fits = True
        for b in range(blocks):
            left[i + 1, b] = left[i, b] - weights[b, c] * a[c]
            fits = fits and left[i + 1, b] >= 0
        if last[i] >= 0:
            fits = fits and left[i + 1, last[i]] == 0
        if not fits:
            a[c] = -1
            i -= 1
        elif i < k - 1:
            i += 1
        else:
            done = True
            for b in range(blocks):
                done = done and left[k, b] == 0
            if done:
                if count == len(points):
                    return -1
                for c in range(k):
                    points[count, c] = a[c]
                count += 1
    return count


# --- lattices ---------------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def _reduce(basis, coordinates, gram):
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
def kernel_lattice(weights, coordinates):
    """Coordinates on the lattice of integer x with weights @ x == 0.

    Writes ``coordinates`` (dim, k): for x in the lattice, coordinates @ x is its integer coordinate vector in a short
    basis. Returns False if the lattice is not of that dimension.
    """
    blocks, k = weights.shape
    w = weights.copy()
    to, back = np.eye(k, dtype=np.int64), np.eye(k, dtype=np.int64)  # columns of ``to``; rows of ``back``: the inverse
    pivot = 0
    for b in range(blocks):
        while True:
            best = -1
            others = 0
            for c in range(pivot, k):
                if w[b, c] != 0:
                    others += 1
                    if best < 0 or abs(w[b, c]) < abs(w[b, best]):
                        best = c
            if best < 0:
                break
            if best != pivot:
                for r in range(blocks):
                    w[r, best], w[r, pivot] = w[r, pivot], w[r, best]
                for r in range(k):
                    to[r, best], to[r, pivot] = to[r, pivot], to[r, best]
                    back[best, r], back[pivot, r] = back[pivot, r], back[best, r]
            if others == 1:
                pivot += 1
                break
            for c in range(pivot + 1, k):
                q = w[b, c] // w[b, pivot]
                if q != 0:
                    for r in range(blocks):
                        w[r, c] -= q * w[r, pivot]
                    for r in range(k):
                        to[r, c] -= q * to[r, pivot]
                        back[pivot, r] += q * back[c, r]
    dim = len(coordinates)
    if k - pivot != dim:
        return False
    basis, gram = np.empty((dim, k), np.int64), np.zeros((dim, dim), np.int64)
    for i in range(dim):
        for r in range(k):
            basis[i, r] = to[r, pivot + i]
            coordinates[i, r] = back[pivot + i, r]
    for i in range(dim):
        for j in range(dim):
            for r in range(k):
                gram[i, j] += basis[i, r] * basis[j, r]
    _reduce(basis, coordinates, gram)
    return True


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
def _combine(a, x, b, y, out):
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
            _combine(abs(value), lines[i], -sign * _value(lines[i], points[best]), line, lines[i])
        for i in range(n):
            facet = hull.normals[i]
            _combine(abs(value), facet, -sign * _value(facet, points[best]), line, facet)
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
            _combine(values[g], normals[f], -values[f], normals[g], normals[n_new])
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
    there is no room.
    """
    n_facets = _start_hull(points, count, hull)
    added, f = n_facets, 0
    while f < n_facets:
        j, value = _deepest(points, count, hull.normals[f])
        if value < 0:
            n_facets = _add_point(
                points[j], added, hull, n_facets
            )  # keeps the facets before f, which no point is below
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
def _origin_inside(points, count, hull):
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


# --- the interior-point property --------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def _free_coordinates(weights, free):
    """Coordinates that fix the others where weights @ x is given, by elimination; False if the rows are dependent."""
    blocks, k = weights.shape
    rows = weights.copy()
    is_free = np.ones(k, np.bool_)
    for b in range(blocks):
        pivot = k - 1
        while pivot >= 0 and rows[b, pivot] == 0:
            pivot -= 1
        if pivot < 0:
            return False
        is_free[pivot] = False
        for other in range(b + 1, blocks):
            _combine(rows[b, pivot], rows[other], -rows[other, pivot], rows[b], rows[other])
    n = 0
    for c in range(k):
        if is_free[c]:
            free[n] = c
            n += 1
    return True


@njit(cache=True, nogil=True)
def interior_point(weights, degrees):
    """Which (combined) weight systems have the interior-point property.

    It says that (1, …, 1) is interior to the hull of the lattice points of {a >= 0 : W a = d}.

    Parameters
    ----------
    weights : (rows, blocks, k) int64, each column of a row with a positive entry; degrees : (rows, blocks) int64.

    Returns
    -------
    (rows,) int8: 1 if it has the property, 0 if not, -1 if there is no room for the points or facets of its polytope.
    """
    rows, blocks, k = weights.shape
    dim = k - blocks
    found = np.zeros(rows, np.int8)
    points, shifted = np.empty((MAX_POINTS, k), np.int64), np.empty((MAX_POINTS, dim), np.int64)
    free = np.empty(dim, np.int64)
    hull = new_hull(dim)
    for row in range(rows):
        if not _free_coordinates(weights[row], free):
            continue
        count = lattice_points(weights[row], degrees[row], points)
        for p in range(count):
            for c in range(dim):
                shifted[p, c] = points[p, free[c]] - 1
        found[row] = _origin_inside(shifted, count, hull) if count >= 0 else -1
    return found


# --- topology of the hypersurface -------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def _correction(count, hull, n_facets):
    """Points on exactly one facet, and the sum over points on exactly two of gcd(n_f - n_g) - 1."""
    normals, incidence, _ = hull
    inner, correction = 0, 0
    for j in range(count):
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
    return inner, correction


@njit(cache=True, nogil=True)
def _dual_points(vertices, n_vertices, normals, n_facets, points):
    """Lattice points n of {n : n·v >= -1}, a polytope with vertices ``normals``; returns how many, -1 if no room."""
    basis, dual = np.eye(DIM, dtype=np.int64), np.eye(DIM, dtype=np.int64)
    gram = np.zeros((DIM, DIM), np.int64)
    for f in range(n_facets):
        for i in range(DIM):
            for j in range(DIM):
                gram[i, j] += normals[f, i] * normals[f, j]
    _reduce(basis, dual, gram)  # coordinates y_i = n·basis_i, small on the polytope
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
def _volume(vertices, n_vertices, normals, n_facets):
    """Lattice volume 4! vol of a polytope around the origin: cones over pulled facets, 2-faces and edges."""
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
def _divisibility(points, count, hull, n_facets):
    """Smallest s > 0 with (0, s) in the lattice spanned by (n, 1), n the non-zero points not interior to a facet."""
    rows = np.zeros((DIM, DIM + 1), np.int64)  # echelon form
    rest = np.int64(0)
    row = np.empty(DIM + 1, np.int64)
    for j in range(count):
        on = 0
        for f in range(n_facets):
            if hull.incidence[f, j // 64] & _bit(j):
                on += 1
        if on < 2:
            continue
        for c in range(DIM):
            row[c] = points[j, c]
        row[DIM] = 1
        for c in range(DIM):
            while row[c] != 0:
                if rows[c, c] == 0:
                    for i in range(DIM + 1):
                        rows[c, i], row[i] = row[i], 0
                    break
                q = row[c] // rows[c, c]
                for i in range(c, DIM + 1):
                    row[i] -= q * rows[c, i]
                if row[c] != 0:
                    for i in range(c, DIM + 1):
                        row[i], rows[c, i] = rows[c, i], row[i]
        rest = gcd(rest, row[DIM])
        if rest == 1:
            break
    return rest


@njit(cache=True, nogil=True)
def is_transverse(points, count, k):
    """Whether the generic polynomial with these monomials is quasi-smooth (Iano-Fletcher 2000, theorem 8.1)."""
    pure = np.zeros(1 << k, np.bool_)  # supports of monomials
    pointer = np.zeros((k, 1 << k), np.bool_)  # monomials x_j times a monomial with this support, j outside of it
    for p in range(count):
        mask = 0
        for i in range(k):
            if points[p, i] > 0:
                mask |= 1 << i
        pure[mask] = True
        for j in range(k):
            if points[p, j] == 1:
                pointer[j, mask & ~(1 << j)] = True
    for subset in range(1, 1 << k):
        size, found, pointers = 0, False, 0
        for i in range(k):
            size += (subset >> i) & 1
        part = subset
        while part and not found:
            found = pure[part]
            part = (part - 1) & subset
        if found:
            continue
        for j in range(k):
            if not (subset >> j) & 1:
                part = subset
                while part:
                    if pointer[j, part]:
                        pointers += 1
                        break
                    part = (part - 1) & subset
        if pointers < size:
            return False
    return True


@njit(cache=True, nogil=True)
def _at_distance_one(hull, n_facets, normals):
    """Whether each facet is y·p >= -1, as those of a reflexive polytope are; writes the y to ``normals``."""
    for f in range(n_facets):
        if hull.normals[f, 0] != 1:
            return False
        for c in range(DIM):
            normals[f, c] = hull.normals[f, c + 1]
    return True


@njit(cache=True, nogil=True)
def polytope_data(weights, blocks, coordinates_of, degrees, out):
    """The ``QUANTITIES`` of each polytope of a batch.

    Parameters
    ----------
    weights : (rows, 3, 8) int64, zero beyond ``blocks`` and ``coordinates_of``; degrees : (rows, 3) int64.
    blocks, coordinates_of : (rows,) int64, weight systems combined and coordinates.
    out : (rows, quantities) int64, written.

    Returns
    -------
    -1, or the first row that is not reflexive or too large.
    """
    points, shifted = np.empty((MAX_POINTS, MAX_COORDINATES), np.int64), np.empty((MAX_POINTS, DIM), np.int64)
    dual_points = np.empty((MAX_POINTS, DIM), np.int64)
    hull, dual_hull = new_hull(DIM), new_hull(DIM)
    rays, vertices = np.empty((MAX_FACETS, DIM), np.int64), np.empty((MAX_FACETS, DIM), np.int64)
    for row in range(len(weights)):
        k, b = coordinates_of[row], blocks[row]
        w, coordinates = np.ascontiguousarray(weights[row, :b, :k]), np.empty((DIM, k), np.int64)
        count = lattice_points(w, degrees[row, :b], points)
        if count < 0 or not kernel_lattice(w, coordinates):
            return row
        for p in range(count):
            for c in range(DIM):
                shifted[p, c] = 0
                for i in range(k):
                    shifted[p, c] += coordinates[c, i] * (points[p, i] - 1)
        n_facets = facets(shifted, count, hull)
        if n_facets <= 0 or n_facets > 64 or not _at_distance_one(hull, n_facets, rays):
            return row
        n_vertices = facets(rays, n_facets, dual_hull)
        if n_vertices > 64 or not _at_distance_one(dual_hull, n_vertices, vertices):
            return row
        n_dual = _dual_points(vertices, n_vertices, rays, n_facets, dual_points)
        if n_dual < 0:
            return row
        _mark_incidence(dual_points, n_dual, dual_hull, n_vertices)
        inner_m, correction_m = _correction(count, hull, n_facets)
        inner_n, correction_n = _correction(n_dual, dual_hull, n_vertices)
        out[row, 0] = n_dual - DIM - 1 - inner_n + correction_n
        out[row, 1] = count - DIM - 1 - inner_m + correction_m
        out[row, 2] = count
        out[row, 3] = n_vertices
        out[row, 4] = n_dual
        out[row, 5] = n_facets
        out[row, 6] = _volume(vertices, n_vertices, rays, n_facets)
        out[row, 7] = _divisibility(dual_points, n_dual, dual_hull, n_vertices)
        out[row, 8] = correction_n
        out[row, 9] = correction_m
        out[row, 10] = inner_m
        out[row, 11] = inner_n
        out[row, 12] = b == 1 and is_transverse(points, count, k)
    return -1
