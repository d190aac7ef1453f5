"""The Calabi-Yau hypersurface of a pair of reflexive polytopes: what does not depend on where the polytopes come from."""

from math import gcd

import numpy as np

from vacuagym.geometry.polytopes import DIM, count_classes, volume
from vacuagym.geometry.triangulations import add_threefold
from vacuagym.numerics.compiled import njit

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
)


@njit(cache=True, nogil=True)
def add_hypersurface(m, n, row, out, table):
    """Write what is known of a hypersurface.

    Parameters
    ----------
    m, n : Polytope
        The Newton polytope and its dual, a complete pair.
    row : int
        Its row in the table; the ones before it are written.
    out : int64 (quantities,) or longer
        The `QUANTITIES` are written.
    table : Table
        Its row is written.

    Raises
    ------
    ValueError
        There is no room in the table, or a check of the threefold fails.
    """
    out[0], out[11], out[8] = count_classes(n)
    out[1], out[10], out[9] = count_classes(m)
    out[2], out[5] = m.sizes
    out[4], out[3] = n.sizes
    out[6] = volume(m, n)
    out[7] = _divisibility(n)
    add_threefold(m, n, row, table)


@njit(cache=True, nogil=True)
def _divisibility(polytope):
    """Smallest s > 0 with (0, s) in the lattice spanned by (n, 1), n the non-zero points not interior to a facet."""
    points, incidence = polytope.points, polytope.hull.incidence
    count, n_facets = polytope.sizes
    rows = np.zeros((DIM, DIM + 1), np.int64)  # echelon form
    rest = np.int64(0)
    row = np.empty(DIM + 1, np.int64)
    for j in range(count):
        on = 0
        for f in range(n_facets):
            on += (incidence[f, j // 64] >> np.uint64(j % 64)) & np.uint64(1)
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


def hypersurface_columns(values: np.ndarray) -> dict[str, np.ndarray]:
    """Features that follow from the quantities of each hypersurface.

    Parameters
    ----------
    values : int64 array (rows, quantities) or wider
        The `QUANTITIES`.

    Returns
    -------
    dict of str to array
        Columns of the data dictionaries of the families.
    """
    q = dict(zip(QUANTITIES, values.T, strict=False))
    second_chern, r = 12 * (q["n_points_m"] - 1) - 2 * q["volume"], q["divisibility"]
    return {
        "h11": q["h11"],
        "h21": q["h21"],
        "euler_characteristic": 2 * (q["h11"] - q["h21"]),
        **{name: q[name] for name in QUANTITIES if name.startswith("n_") or name.endswith("_correction")},
        "is_favourable": q["h11_correction"] == 0,
        "triple_intersection_j": q["volume"],
        "second_chern_j": second_chern,
        "divisibility": r,
        "primitive_triple_intersection": q["volume"] // r**3,
        "primitive_second_chern": second_chern // r,
    }
