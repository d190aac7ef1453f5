"""Reflexive 4-polytopes from (combined) weight systems, exactly, in compiled integer arithmetic.

Delta is the convex hull of the lattice points of {a >= 0 : W a = d}, shifted so that (1, …, 1) is the origin; M is the
lattice of integer solutions of W x = 0 and N its dual. Facets come from the double-description method, Hodge numbers
from Batyrev's formulas (alg-geom/9310003), counted point by point.
"""

from math import gcd

import numpy as np
from numba import njit

DIM = 4
MAX_POINTS = 1024  # lattice points of one polytope; 680 is the largest here
MAX_RAYS = 512
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


@njit(cache=True, nogil=True)
def lattice_points(weights, degrees, points):
    """Write the integer a >= 0 with weights @ a == degrees to ``points``; returns how many, -1 if there is no room.

    weights : (blocks, k) int64, each column with a positive entry; degrees : (blocks,) int64; points : (room, k) int64.
    """
    blocks, k = weights.shape
    a = np.zeros(k, np.int64)
    left = np.empty((k + 1, blocks), np.int64)  # degree left once the coordinates from i on are chosen
    left[k] = degrees
    count = 0
    i = k - 1
    a[i] = -1
    while i < k:
        a[i] += 1
        fits = True
        for b in range(blocks):
            left[i, b] = left[i + 1, b] - weights[b, i] * a[i]
            fits = fits and left[i, b] >= 0
        if not fits:
            i += 1
            continue
        if i == 0:
            done = True
            for b in range(blocks):
                done = done and left[0, b] == 0
            if done:
                if count == len(points):
                    return -1
                points[count] = a
                count += 1
            continue
        if i == 1:  # the last coordinate follows from the degree left
            for b in range(blocks):
                if weights[b, 0] > 0:
                    a[0] = left[1, b] // weights[b, 0] - 1
        else:
            a[i - 1] = -1
        i -= 1
    return count


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
                        basis[i] -= q * basis[j]
                        coordinates[j] += q * coordinates[i]
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
    basis = np.ascontiguousarray(to[:, pivot:].T)
    coordinates[:] = back[pivot:]
    gram = np.zeros((dim, dim), np.int64)
    for i in range(dim):
        for j in range(dim):
            for r in range(k):
                gram[i, j] += basis[i, r] * basis[j, r]
    _reduce(basis, coordinates, gram)
    return True


@njit(cache=True, nogil=True)
def facets(points, count, normals, incidence):
    """Facets of the convex hull of points[:count] by double description (Motzkin et al. 1953).

    points : (room, dim) int64. Writes ``normals`` (room, dim + 1): primitive integer (y0, y) with y0 + y·p >= 0 for every point
    and equality on a facet; and ``incidence`` (room, words) uint64: bit j of a facet is set if point j lies on it.
    Returns the number of facets, -1 if the points span no full-dimensional polytope, -2 if there is no room.
    """
    dim = points.shape[1]
    lines = np.eye(dim + 1, dtype=np.int64)
    n_lines = dim + 1
    n_rays = 0
    value = np.empty(len(normals), np.int64)
    room = len(normals)
    for j in range(count):
        word, bit = j // 64, np.uint64(1) << np.uint64(j % 64)
        across = -1
        for i in range(n_lines):
            v = lines[i, 0]
            for c in range(dim):
                v += lines[i, c + 1] * points[j, c]
            value[i] = v
            if v != 0 and across < 0:
                across = i
        if across >= 0:  # the new half-space cuts the lineality space: one line becomes a ray
            sign = 1 if value[across] > 0 else -1
            pivot = lines[across] * sign
            v0 = value[across] * sign
            for i in range(n_lines):
                if i != across and value[i] != 0:
                    lines[i] = v0 * lines[i] - value[i] * pivot
                    _make_primitive(lines[i])
            lines[across] = lines[n_lines - 1]
            n_lines -= 1
            for i in range(n_rays):
                v = normals[i, 0]
                for c in range(dim):
                    v += normals[i, c + 1] * points[j, c]
                if v != 0:
                    normals[i] = v0 * normals[i] - v * pivot
                    _make_primitive(normals[i])
                incidence[i, word] |= bit
            normals[n_rays] = pivot
            _make_primitive(normals[n_rays])
            incidence[n_rays] = 0
            for earlier in range(j):  # points so far span a space on which the line vanished
                incidence[n_rays, earlier // 64] |= np.uint64(1) << np.uint64(earlier % 64)
            n_rays += 1
            continue
        n_negative = 0
        for i in range(n_rays):
            v = normals[i, 0]
            for c in range(dim):
                v += normals[i, c + 1] * points[j, c]
            value[i] = v
            if v < 0:
                n_negative += 1
            elif v == 0:
                incidence[i, word] |= bit
        if n_negative == 0:
            continue
        words = word + 1
        n_old = n_rays
        for i in range(n_old):
            if value[i] >= 0:
                continue
            for k in range(n_old):
                if value[k] <= 0 or not _adjacent(incidence, n_old, i, k, words, dim - 1 - n_lines):
                    continue
                if n_rays == room:
                    return -2
                normals[n_rays] = value[k] * normals[i] - value[i] * normals[k]
                _make_primitive(normals[n_rays])
                for w in range(words):
                    incidence[n_rays, w] = incidence[i, w] & incidence[k, w]
                incidence[n_rays, words:] = 0
                incidence[n_rays, word] |= bit
                n_rays += 1
        kept = 0
        for i in range(n_rays):
            if i >= n_old or value[i] >= 0:
                if kept != i:
                    normals[kept] = normals[i]
                    incidence[kept] = incidence[i]
                kept += 1
        n_rays = kept
    return n_rays if n_lines == 0 else -1


@njit(cache=True, nogil=True)
def _make_primitive(vector):
    g = np.int64(0)
    for x in vector:
        g = gcd(g, x)
    if g > 1:
        for i in range(len(vector)):
            vector[i] //= g


@njit(cache=True, nogil=True)
def _popcount(x):
    count = 0
    while x:
        x &= x - np.uint64(1)
        count += 1
    return count


@njit(cache=True, nogil=True)
def _adjacent(incidence, n_rays, i, k, words, least):
    """Two rays are adjacent if no third one lies on every hyperplane that both lie on."""
    shared = 0
    for w in range(words):
        shared += _popcount(incidence[i, w] & incidence[k, w])
        if shared >= least:
            break
    if shared < least:
        return False
    for other in range(n_rays):
        if other != i and other != k:
            inside = True
            for w in range(words):
                both = incidence[i, w] & incidence[k, w]
                if both & incidence[other, w] != both:
                    inside = False
                    break
            if inside:
                return False
    return True


@njit(cache=True, nogil=True)
def _correction(points, count, normals, incidence, n_facets):
    """Points on exactly one facet, and the sum over points on exactly two of gcd(n_f - n_g) - 1."""
    inner, correction = 0, 0
    for j in range(count):
        word, bit = j // 64, np.uint64(1) << np.uint64(j % 64)
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
    """Lattice points n of the polytope {n : n·v >= -1} with the vertices normals[:, 1:]; returns how many, -1: no room."""
    basis, dual = np.eye(DIM, dtype=np.int64), np.eye(DIM, dtype=np.int64)
    gram = np.zeros((DIM, DIM), np.int64)
    for f in range(n_facets):
        for i in range(DIM):
            for j in range(DIM):
                gram[i, j] += normals[f, i + 1] * normals[f, j + 1]
    _reduce(basis, dual, gram)  # coordinates y_i = n·basis_i, small on the polytope
    low, high = np.zeros(DIM, np.int64), np.zeros(DIM, np.int64)
    for f in range(n_facets):
        for i in range(DIM):
            y = np.int64(0)
            for c in range(DIM):
                y += normals[f, c + 1] * basis[i, c]
            low[i], high[i] = min(low[i], y), max(high[i], y)
    order = np.argsort(high - low)
    a, b, c_, e = order[0], order[1], order[2], order[3]
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
            v = normals[f, 0]
            for c in range(DIM):
                v += normals[f, c + 1] * vertices[j, c]
            if v == 0:
                on[f] |= np.uint64(1) << np.uint64(j)
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
def _divisibility(points, count, incidence, n_facets):
    """Smallest s > 0 with (0, s) in the lattice spanned by (n, 1), n the non-zero points not interior to a facet."""
    rows = np.zeros((DIM, DIM + 1), np.int64)  # echelon form
    rest = np.int64(0)
    row = np.empty(DIM + 1, np.int64)
    for j in range(count):
        on = 0
        for f in range(n_facets):
            if incidence[f, j // 64] >> np.uint64(j % 64) & np.uint64(1):
                on += 1
        if on < 2:
            continue
        row[:DIM] = points[j, :DIM]
        row[DIM] = 1
        for c in range(DIM):
            while row[c] != 0:
                if rows[c, c] == 0:
                    rows[c] = row
                    row[:] = 0
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
def _sort_corners_first(points, count, k):
    """Order of the points by falling number of zeros: corners of the simplex come first, few facets are made in vain."""
    zeros = np.zeros(count, np.int64)
    for p in range(count):
        for i in range(k):
            zeros[p] -= points[p, i] == 0
    return np.argsort(zeros, kind="mergesort")


@njit(cache=True, nogil=True)
def has_interior_point(weights, degrees):
    """Whether (1, …, 1) is the interior of the hull of the lattice points of {a >= 0 : weights @ a == degrees}."""
    k = weights.shape[1]
    dim = k - len(weights)
    points = np.empty((MAX_POINTS, k), np.int64)
    count = lattice_points(weights, degrees, points)
    if count < dim + 1:
        return False
    coordinates = np.empty((dim, k), np.int64)
    if not kernel_lattice(weights, coordinates):
        return False
    shifted = _shifted(points, count, k, coordinates)
    normals, incidence = np.empty((MAX_RAYS, dim + 1), np.int64), np.zeros((MAX_RAYS, _WORDS), np.uint64)
    n_facets = facets(shifted, count, normals, incidence)
    if n_facets < 0:
        return False
    for f in range(n_facets):
        if normals[f, 0] <= 0:
            return False
    return True


@njit(cache=True, nogil=True)
def _shifted(points, count, k, coordinates):
    order = _sort_corners_first(points, count, k)
    dim = len(coordinates)
    shifted = np.zeros((count, dim), np.int64)
    for p in range(count):
        for c in range(dim):
            for i in range(k):
                shifted[p, c] += coordinates[c, i] * (points[order[p], i] - 1)
    return shifted


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
    points = np.empty((MAX_POINTS, MAX_COORDINATES), np.int64)
    dual_points = np.empty((MAX_POINTS, DIM), np.int64)
    normals, incidence = np.empty((MAX_RAYS, DIM + 1), np.int64), np.zeros((MAX_RAYS, _WORDS), np.uint64)
    dual_normals, dual_incidence = np.empty((MAX_RAYS, DIM + 1), np.int64), np.zeros((MAX_RAYS, _WORDS), np.uint64)
    for row in range(len(weights)):
        k, b = coordinates_of[row], blocks[row]
        w = np.ascontiguousarray(weights[row, :b, :k])
        own = points[:, :k].copy() if k < MAX_COORDINATES else points
        count = lattice_points(w, degrees[row, :b], own)
        coordinates = np.empty((DIM, k), np.int64)
        if count < DIM + 1 or not kernel_lattice(w, coordinates):
            return row
        m = _shifted(own, count, k, coordinates)
        n_facets = facets(m, count, normals, incidence)
        if n_facets < DIM + 1:
            return row
        for f in range(n_facets):
            if normals[f, 0] != 1:
                return row
        n_vertices = facets(normals[:, 1:], n_facets, dual_normals, dual_incidence)
        if n_vertices < DIM + 1 or n_vertices > 64 or n_facets > 64:
            return row
        vertices = dual_normals[:n_vertices, 1:].copy()
        n_dual = _dual_points(vertices, n_vertices, normals, n_facets, dual_points)
        if n_dual < 0:
            return row
        for f in range(n_vertices):
            dual_incidence[f] = 0
            for j in range(n_dual):
                v = np.int64(1)
                for c in range(DIM):
                    v += vertices[f, c] * dual_points[j, c]
                if v == 0:
                    dual_incidence[f, j // 64] |= np.uint64(1) << np.uint64(j % 64)
        inner_m, correction_m = _correction(m, count, normals, incidence, n_facets)
        inner_n, correction_n = _correction(dual_points, n_dual, dual_normals, dual_incidence, n_vertices)
        out[row, 0] = n_dual - DIM - 1 - inner_n + correction_n
        out[row, 1] = count - DIM - 1 - inner_m + correction_m
        out[row, 2] = count
        out[row, 3] = n_vertices
        out[row, 4] = n_dual
        out[row, 5] = n_facets
        out[row, 6] = _volume(vertices, n_vertices, normals, n_facets)
        out[row, 7] = _divisibility(dual_points, n_dual, dual_incidence, n_vertices)
        out[row, 8] = correction_n
        out[row, 9] = correction_m
        out[row, 10] = inner_m
        out[row, 11] = inner_n
        out[row, 12] = b == 1 and is_transverse(own, count, k)
    return -1
