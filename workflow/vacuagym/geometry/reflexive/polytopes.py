"""Reflexive 4-polytopes of any origin, and the hypersurfaces they stand for.

A polytope is given by points of which it is the convex hull: its vertices, or more. It is taken for the Newton polytope
of a hypersurface, as PALP takes it.
"""

import numpy as np

from vacuagym.errors import InputError
from vacuagym.geometry.hypersurfaces import QUANTITIES, add_hypersurface, hypersurface_columns
from vacuagym.geometry.polytopes import (
    DIM,
    MAX_COORDINATE,
    MAX_POINTS,
    add_points,
    complete_pair,
    hermite_basis,
    is_hull,
    new_polytope,
    reduce_basis,
)
from vacuagym.geometry.reflexive import FAMILY
from vacuagym.geometry.texts import HEADER, integers, palp_results
from vacuagym.geometry.triangulations import new_table, threefold_columns
from vacuagym.numerics.compiled import njit
from vacuagym.tables.arrays import Columns, Ragged, in_order, n_rows, take
from vacuagym.tables.hashing import hash_rows

_MAX_GIVEN = (
    1 << 12
)  # of coordinates: five products of four of them and a few sums fit int64; 3,486 in the published list

# --- lists of one's own -------------------------------------------------------------------------------------------------


def parse(entry: str) -> tuple[dict, dict]:
    """A matrix of four rows of coordinates, or of a row of four coordinates for each point.

    Returns
    -------
    geometry : dict
        The columns of `FAMILY.geometry_columns`.
    given : dict
        Features that stand in the header, as PALP writes them.

    Raises
    ------
    ValueError
        It is no such matrix; says why.
    """
    first, *lines = entry.splitlines()
    header = HEADER.fullmatch(first)
    if not header or str(DIM) not in header.groups()[:2]:
        raise ValueError(
            "begins with no header such as '4 5' or '5 4', the rows and columns of the matrix that follows"
        )
    rows, columns = int(header[1]), int(header[2])
    matrix = [integers(line) for line in lines]
    if len(matrix) != rows or any(len(row) != columns for row in matrix):
        raise ValueError(f"has rows of lengths {[len(row) for row in matrix]}, its header says {rows} of {columns}")
    points = matrix if columns == DIM else zip(*matrix, strict=True)
    return {"vertices": [x for point in points for x in point]}, palp_results(header[3] or "")[1]


_DEFECTS = (
    "",
    f"is no list of 5 to {MAX_POINTS} points of {DIM} coordinates",
    f"has coordinates beyond ±{_MAX_GIVEN}; change the basis of the lattice",
    f"reaches ±{MAX_COORDINATE} in a short basis of the lattice; no reflexive polytope does",
    "is not reflexive, with the origin as its interior point",
)


def defects(geometries: Columns) -> list[str]:
    """What is wrong with each of some polytopes, empty if nothing."""
    return [_DEFECTS[defect] for defect in _defects(*geometries["vertices"])]


@njit(cache=True, nogil=True)
def _defects(values, offsets):
    found = np.zeros(len(offsets) - 1, np.int64)
    m, n = new_polytope(), new_polytope()
    for row in range(len(found)):
        found[row] = _fill_pair(values[offsets[row] : offsets[row + 1]], m, n)
    return found


@njit(cache=True, nogil=True)
def _fill_pair(values, m, n):
    """Fill in a pair, without the lattice points of m, from points of which m is the hull; returns the defect, 0 if none."""
    count = len(values) // DIM
    if len(values) % DIM != 0 or not DIM < count <= MAX_POINTS:
        return 1
    coordinates, gram = np.empty((DIM, count), np.int64), np.zeros((DIM, DIM), np.int64)
    for p in range(count):
        for c in range(DIM):
            coordinates[c, p] = values[DIM * p + c]
    if np.abs(coordinates).max() > _MAX_GIVEN:
        return 2
    hermite_basis(coordinates)
    if np.abs(coordinates).max() >= 1 << 24:  # so that the squares below fit
        return 3
    for i in range(DIM):
        for j in range(DIM):
            for p in range(count):
                gram[i, j] += coordinates[i, p] * coordinates[j, p]
    reduce_basis(coordinates, np.zeros((DIM, 0), np.int64), gram)
    if np.abs(coordinates).max() >= MAX_COORDINATE:
        return 3
    for p in range(count):
        for c in range(DIM):
            m.points[p, c] = coordinates[c, p]
    m.sizes[0] = count
    if not complete_pair(m, n) or not is_hull(m, n):
        return 4
    return 0


# --- features ---------------------------------------------------------------------------------------------------------


def features(geometries: Columns) -> dict[str, np.ndarray | Ragged]:
    """Exact features of a batch of polytopes; each row depends on its own polytope alone, up to GL(4, Z).

    Parameters
    ----------
    geometries : mapping
        ``vertices``, ragged int32.

    Returns
    -------
    dict of str to array
        The columns of `FAMILY.features`.

    Raises
    ------
    InputError
        A row is no reflexive polytope, or its threefold is too large for the tables of the triangulation.
    """
    vertices = geometries["vertices"]
    out, threefolds = np.zeros((n_rows(geometries), len(QUANTITIES)), np.int64), new_table(n_rows(geometries))
    try:
        bad = _hypersurfaces(vertices.values, vertices.offsets, out, threefolds)
        reason = _DEFECTS[-1]
    except ValueError as error:
        bad, reason = n_rows(geometries) - 1, str(error)
    if bad >= 0 and n_rows(geometries) > 1:  # find the row, for the message
        for row in range(n_rows(geometries)):
            features(take(geometries, np.array([row])))
    if bad >= 0:
        raise InputError(f"polytope {vertices.values.tolist()}", f"{reason}; delete the table and run again")
    columns = hypersurface_columns(out) | threefold_columns(threefolds)
    columns["geometry_key"] = hash_rows([columns["duplicate_group"], columns["is_mirror"]], FAMILY.name)
    return in_order(FAMILY.features, columns)


@njit(cache=True, nogil=True)
def _hypersurfaces(values, offsets, out, table):
    """Write quantities and threefold of each polytope; returns -1, or the first row that is no reflexive polytope."""
    m, n = new_polytope(), new_polytope()
    for row in range(len(out)):
        if _fill_pair(values[offsets[row] : offsets[row + 1]], m, n) != 0 or not add_points(m, n):
            return row
        add_hypersurface(m, n, row, out[row], table)
    return -1
