"""The polytopes of (combined) weight systems, exactly, in compiled integer arithmetic.

Delta is the convex hull of the lattice points of {a >= 0 : W a = d}, shifted so that (1, …, 1) is the origin; M is the
lattice of integer solutions of W x = 0 and N its dual.
"""

import numpy as np

from vacuagym.geometry.hypersurfaces import QUANTITIES, add_hypersurface
from vacuagym.geometry.polytopes import (
    DIM,
    MAX_POINTS,
    combine,
    complete_pair,
    new_hull,
    new_polytope,
    origin_inside,
    reduce_basis,
    sort_order,
)
from vacuagym.numerics.compiled import njit

MAX_COORDINATES = 8
N_QUANTITIES = len(QUANTITIES)

# --- lattice points ---------------------------------------------------------------------------------------------------


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
    reduce_basis(basis, coordinates, gram)
    return True


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
            combine(rows[b, pivot], rows[other], -rows[other, pivot], rows[b], rows[other])
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
        found[row] = origin_inside(shifted, count, hull) if count >= 0 else -1
    return found


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
def polytope_data(weights, blocks, coordinates_of, degrees, out, table):
    """The ``QUANTITIES`` of each polytope of a batch, and whether its system is transverse.

    Parameters
    ----------
    weights : (rows, 3, 8) int64, zero beyond ``blocks`` and ``coordinates_of``; degrees : (rows, 3) int64.
    blocks, coordinates_of : (rows,) int64, weight systems combined and coordinates.
    out : (rows, 1 + quantities) int64, written.
    table : Threefolds, written.

    Returns
    -------
    -1, or the first row that is not reflexive or too large.
    """
    monomials = np.empty((MAX_POINTS, MAX_COORDINATES), np.int64)
    m, n = new_polytope(), new_polytope()
    for row in range(len(weights)):
        k, b = coordinates_of[row], blocks[row]
        w = np.ascontiguousarray(weights[row, :b, :k])
        if not _newton_polytope(w, degrees[row, :b], monomials, m) or not complete_pair(m, n):
            return row
        add_hypersurface(m, n, row, out[row], table)
        out[row, N_QUANTITIES] = b == 1 and is_transverse(monomials, m.sizes[0], k)
    return -1


@njit(cache=True, nogil=True)
def _newton_polytope(weights, degrees, monomials, m):
    """Write the monomials of a system, and its lattice points in M to a `Polytope`; returns whether there is room."""
    k = weights.shape[1]
    coordinates = np.empty((DIM, k), np.int64)
    count = lattice_points(weights, degrees, monomials)
    if count < 0 or not kernel_lattice(weights, coordinates):
        return False
    for p in range(count):
        for c in range(DIM):
            m.points[p, c] = 0
            for i in range(k):
                m.points[p, c] += coordinates[c, i] * (monomials[p, i] - 1)
    m.sizes[0] = count
    return True
