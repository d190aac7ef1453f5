"""Parts of what polytopes of one's own take, alone: a reading of their list, Hodge numbers and lattice points."""

from pathlib import Path

import numpy as np

from vacuagym.geometry import FAMILIES, sources
from vacuagym.geometry.polytopes import add_points, count_classes, new_polytope
from vacuagym.geometry.reflexive.polytopes import _fill_pair
from vacuagym.numerics.compiled import njit
from vacuagym.tables.shards import read_rows


def read_list(source: Path) -> None:
    """Read a list through, and take one polytope of each batch, as if the others belonged to other shards."""
    for _ in sources.read(FAMILIES["polytopes"], source, lambda ids: ids == ids[0]):
        pass


def count_shard(geometries: Path) -> None:
    """Count for every polytope of a shard of geometries."""
    for batch in read_rows(geometries, ["vertices"]):
        counts = _count(*batch["vertices"])
        assert (counts > 0).all(), "a polytope is not reflexive"


@njit(cache=True, nogil=True)
def _count(values, offsets):
    """h11, h21 and the lattice points of the polytope and of its dual, int64 (rows, 4)."""
    found, m, n = np.zeros((len(offsets) - 1, 4), np.int64), new_polytope(), new_polytope()
    for row in range(len(found)):
        if _fill_pair(values[offsets[row] : offsets[row + 1]], m, n) == 0 and add_points(m, n):
            found[row, 0], found[row, 1] = count_classes(n)[0], count_classes(m)[0]
            found[row, 2], found[row, 3] = m.sizes[0], n.sizes[0]
    return found
