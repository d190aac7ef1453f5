"""The generic elliptic threefold over a toric base, as a hypersurface in a toric variety.

Its Weierstrass model y^2 = x^3 + f x z^4 + g z^6 with the terms of Tate's form has a Newton polytope: the lattice points
(m, a, b) of Z^2 x Z^2 with a <= 1, b <= 1 and m·v_i >= -1 - 2 a - 3 b for the rays v_i of the base, where a and b belong to
x and y of the fibre P(2,3,1). The polytope is reflexive for every base of 6D F-theory, and Batyrev's Hodge numbers are those
of F-theory: exceptional curves and exceptional divisors of the gauge algebra are lattice points of the dual polytope.
"""

import numpy as np

from vacuagym.geometry.polytopes import complete_pair, count_classes, new_polytope, reduce_basis
from vacuagym.geometry.triangulations import add_threefold
from vacuagym.numerics.compiled import njit

# (a, b) with a <= 1, b <= 1 and 2 a + 3 b >= -1; for any smaller sum the origin of the base would be outside
_MONOMIALS = ((1, 1), (0, 1), (-1, 1), (-2, 1), (1, 0), (0, 0), (1, -1))


@njit(cache=True, nogil=True)
def elliptic_threefolds(values, offsets, hodge, table):
    """Write the threefold of each base of a batch to a table.

    Parameters
    ----------
    values, offsets : int (total,), (rows + 1,)
        Self-intersections of the toric curves of each base, in cyclic order.
    hodge : int64 (rows, 2)
        Output: h11 and h21 by Batyrev's formulas.
    table : triangulations.Table
        Output.

    Returns
    -------
    int
        -1, or the first row whose polytope is not reflexive or too large.
    """
    m, n = new_polytope(), new_polytope()
    for row in range(len(offsets) - 1):
        rays = _rays_of_base(values[offsets[row] : offsets[row + 1]])
        count = 0
        for a, b in _MONOMIALS:
            count = _sections(rays, 1 + 2 * a + 3 * b, a, b, m.points, count)
            if count < 0:
                return row
        m.sizes[0] = count
        if not complete_pair(m, n):
            return row
        hodge[row, 0], hodge[row, 1] = count_classes(n)[0], count_classes(m)[0]
        add_threefold(m, n, row, table)
    return -1


@njit(cache=True, nogil=True)
def _rays_of_base(curves):
    """Rays of the fan of a smooth toric surface, in a short basis: int64 (2, n).

    v_{i-1} + v_{i+1} + D_i^2 v_i = 0 (Fulton, Introduction to toric varieties, 2.5).
    """
    n = len(curves)
    rays, gram, unused = np.zeros((2, n), np.int64), np.zeros((2, 2), np.int64), np.zeros((2, 0), np.int64)
    rays[0, 0] = rays[1, 1] = 1
    for i in range(2, n):
        for c in range(2):
            rays[c, i] = -curves[i - 1] * rays[c, i - 1] - rays[c, i - 2]
    for i in range(n):
        for c in range(2):
            for d in range(2):
                gram[c, d] += rays[c, i] * rays[d, i]
    reduce_basis(rays, unused, gram)
    return rays


@njit(cache=True, nogil=True)
def _sections(rays, size, a, b, points, count):
    """Append the points (m, a, b) with m·v >= -size for all rays v; returns their new number, -1 if there is no room.

    Rows of constant m_0 are taken outwards from 0 until the polygon, real numbers included, has ended.
    """
    for step in (1, -1):
        x = 0 if step > 0 else -1
        while True:
            # the largest p / q and the smallest r / t that bound m_1 from below and above
            p, q, r, t, inside = np.int64(0), np.int64(0), np.int64(0), np.int64(0), True
            for i in range(rays.shape[1]):
                bound, slope = -size - x * rays[0, i], rays[1, i]
                if slope > 0 and (q == 0 or bound * q > p * slope):
                    p, q = bound, slope
                elif slope < 0 and (t == 0 or -bound * t < r * -slope):
                    r, t = -bound, -slope
                elif slope == 0 and bound > 0:
                    inside = False
            if not inside or p * t > r * q:
                break
            for y in range(-(-p // q), r // t + 1):
                if count == len(points):
                    return -1
                points[count, 0], points[count, 1], points[count, 2], points[count, 3] = x, y, a, b
                count += 1
            x += step
    return count
