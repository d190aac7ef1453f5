"""Reflexive polytopes inside those of weight systems, made by random walks: as many as a measurement or a test needs.

A step takes away a vertex of a polytope. What is left is the hull of the other lattice points; the step counts if that is
reflexive.
"""

from collections.abc import Iterator

import numpy as np

from vacuagym.geometry import FAMILIES
from vacuagym.geometry.polytopes import DIM, MAX_POINTS, complete_pair, new_polytope
from vacuagym.geometry.weight_systems.polytopes import MAX_COORDINATES, _newton_polytope
from vacuagym.numerics.compiled import njit
from vacuagym.tables.arrays import Ragged

_TRIES = 6  # at a vertex that may go
_ROOM = 1 << 20  # coordinates of the polytopes of one batch


def subpolytopes(count: int, seed: int, steps: int = 20) -> Iterator[Ragged]:
    """Vertices of polytopes, four coordinates each, in batches; some four in five of the polytopes are different.

    Parameters
    ----------
    count : int
        How many polytopes there are in all.
    seed : int
    steps : int
        Polytopes per walk, at most.

    Yields
    ------
    Ragged
        int32, one row per polytope.
    """
    systems, rng = FAMILIES["ks"].functions.generate(), np.random.default_rng(seed)
    single = np.flatnonzero(systems["kind"] == 0)
    while count > 0:
        rows = rng.choice(single, 500)
        weights = systems["weights"].values[systems["weights"].offsets[rows][:, None] + np.arange(5)].astype(np.int64)
        values, ends = np.empty(_ROOM, np.int32), np.zeros(500 * steps + 1, np.int64)
        found = min(_walks(weights, steps, int(rng.integers(1 << 31)), values, ends), count)
        count -= found
        yield Ragged(values[: ends[found]], ends[: found + 1].astype(np.int32))


@njit(cache=True, nogil=True)
def _walks(weights, steps, seed, values, ends):
    """Write the vertices of the polytopes of a walk from each weight system; returns how many there are."""
    np.random.seed(seed)  # noqa: NPY002
    monomials = np.empty((MAX_POINTS, MAX_COORDINATES), np.int64)
    m, n, found = new_polytope(), new_polytope(), 0
    points = np.empty((MAX_POINTS, DIM), np.int64)
    for row in range(len(weights)):
        degree = np.array([weights[row].sum()])
        if not _newton_polytope(weights[row : row + 1], degree, monomials, m) or not complete_pair(m, n):
            continue
        count = m.sizes[0]
        points[:count] = m.points[:count]
        for _ in range(steps):
            vertices, n_vertices, done = n.normals.copy(), n.sizes[1], False
            for _ in range(_TRIES):
                gone, kept = vertices[np.random.randint(n_vertices)], 0  # noqa: NPY002
                for p in range(count):
                    if (points[p] != gone).any():
                        m.points[kept] = points[p]
                        kept += 1
                m.sizes[0] = kept
                done = complete_pair(m, n)
                if done:
                    break
            if not done or ends[found] + DIM * n.sizes[1] > len(values):
                break
            count = m.sizes[0]
            points[:count] = m.points[:count]
            for v in range(n.sizes[1]):
                for c in range(DIM):
                    values[ends[found] + DIM * v + c] = n.normals[v, c]
            ends[found + 1] = ends[found] + DIM * n.sizes[1]
            found += 1
    return found


def unimodular(rng: np.random.Generator) -> np.ndarray:
    """A random change of the basis of the lattice with small entries, int64 (4, 4)."""
    matrix = np.eye(4, dtype=np.int64)
    for _ in range(4):
        i, j = rng.choice(4, 2, replace=False)
        matrix[i] += rng.integers(-1, 2) * matrix[j]
    return matrix[rng.permutation(4)]
