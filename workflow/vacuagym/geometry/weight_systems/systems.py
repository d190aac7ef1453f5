"""The 201,230 single and combined weight systems of Kreuzer and Skarke (hep-th/9805190, hep-th/0002240).

A weight system (d; w_1, …, w_n) has the IP property if (1, …, 1) is the interior point of the convex hull of the
integer a >= 0 with w·a = d; with five weights the hull is then reflexive (Skarke, alg-geom/9603007). Combined systems
impose two or three such equations on six or seven coordinates. ``geometry_id`` runs through the single systems ordered
by degree, largest weight, next largest, …, then through the combined ones of 4 + 4, 3 + 4, 3 + 3 + 3 and 3 + 3 weights
in the order of the published files.
"""

from array import array
from itertools import combinations, combinations_with_replacement, permutations
from math import gcd
from pathlib import Path

import numpy as np

from vacuagym.errors import InputError
from vacuagym.geometry.hypersurfaces import hypersurface_columns
from vacuagym.geometry.lists import COMPLETE, list_files, read_text
from vacuagym.geometry.polytopes import sort_order
from vacuagym.geometry.sequences import insert
from vacuagym.geometry.texts import integers, palp_results
from vacuagym.geometry.triangulations import new_table, threefold_columns
from vacuagym.geometry.weight_systems import FAMILY
from vacuagym.geometry.weight_systems.polytopes import (
    MAX_COORDINATES,
    N_QUANTITIES,
    interior_point,
    polytope_data,
)
from vacuagym.numerics.compiled import njit
from vacuagym.tables.arrays import Columns, Ragged, content_sha256, in_order, take
from vacuagym.tables.hashing import hash_rows, mix64

CONTENT_SHA256 = "6ced65e725dd0220aa78da6b44f073e12e6520828b24f245ee9ba9ac5052dad2"

KINDS = tuple(name.removesuffix(".ip") for name in FAMILY.list_names)
KIND_COUNTS = (184_026, 16_040, 1_122, 36, 6)
_BLOCKS = (1, 2, 2, 3, 2)
_COORDINATES = (5, 6, 6, 7, 6)
MAX_DEGREE = 3486  # of a system with the IP property: 41 + 42 + 498 + 1162 + 1743

# --- generation -------------------------------------------------------------------------------------------------------


def generate() -> dict[str, np.ndarray | Ragged]:
    """All systems from first principles.

    Returns
    -------
    kind : (201230,) int8; degrees, weights : ragged int32; in canonical order.
    """
    single = _side_by_side([interior_point_systems(5)], 0)
    return _table([single, *(_combined(kind) for kind in KINDS[1:])])


def _table(kinds: list[np.ndarray]) -> dict[str, np.ndarray | Ragged]:
    """Columns of the geometry table from one array (rows, blocks, 1 + coordinates) of (d, w_1, …) a kind."""
    counts = tuple(map(len, kinds))
    if counts != KIND_COUNTS:
        raise RuntimeError(f"{dict(zip(KINDS, counts, strict=True))} weight systems found, {KIND_COUNTS} are known")
    return {
        "kind": np.repeat(np.arange(len(KINDS), dtype=np.int8), counts),
        "degrees": _rows_of([systems[:, :, 0] for systems in kinds]),
        "weights": _rows_of([systems[:, :, 1:].reshape(len(systems), -1) for systems in kinds]),
    }


def _rows_of(arrays: list[np.ndarray]) -> Ragged:
    widths = np.concatenate([np.full(len(array), array.shape[1]) for array in arrays])
    offsets = np.concatenate([[0], np.cumsum(widths)]).astype(np.int32)
    return Ragged(np.concatenate([array.ravel() for array in arrays], dtype=np.int32, casting="same_kind"), offsets)


def interior_point_systems(n: int) -> np.ndarray:
    """All primitive weight systems of ``n`` weights (2 to 5) with the IP property.

    Returns
    -------
    (systems, n) int32, weights ascending, ordered by (degree, largest weight, next largest, …).
    """
    weights = _candidates(n)
    weights = weights[np.lexsort((*weights.T, weights.sum(axis=1)))]
    weights = weights[np.append(True, (weights[1:] != weights[:-1]).any(axis=1))]  # each once
    return weights[_has_interior_point(weights[:, None], weights.sum(axis=1)[:, None])]


_BATCH = 2_500  # candidates in work at a time


def _has_interior_point(weights: np.ndarray, degrees: np.ndarray) -> np.ndarray:
    """Which of the (combined) systems, weights (rows, blocks, k) and degrees (rows, blocks), have the IP property."""
    kept = np.empty(len(weights), bool)
    for start in range(0, len(weights), _BATCH):
        rows = slice(start, start + _BATCH)
        found = interior_point(weights[rows].astype(np.int64), degrees[rows].astype(np.int64))
        if (found < 0).any():
            raise RuntimeError("the polytope of a candidate has more points or facets than there is room for")
        kept[rows] = found == 1
    return kept


def _candidates(n: int) -> np.ndarray:
    """Weight systems among which are all with the IP property, by Skarke's recursion (alg-geom/9603007).

    The q = w / d with a·q = 1 for all points a of a set form a polytope; for the set {(1, …, 1)} it is the simplex of
    all q. Let q' be the barycentre of such a polytope, and q a system in it with the IP property. Either q is q', or a
    lattice point a of q, that is a >= 0 and a·q = 1, has a·q' < 1, since (1, …, 1) is interior to the hull of these
    points and has (1, …, 1)·q' = 1. There are finitely many a >= 0 with a·q' < 1; q lies in the section a·q = 1 of the
    polytope, which has one dimension less. So all q are among the barycentres of the simplex, of its sections, of
    their sections, and so on.

    Returns
    -------
    (candidates, n) int32, primitive, weights ascending, some more than once.
    """
    vertices, offsets = np.eye(n, dtype=np.int64).ravel(), np.array([0, n * n])
    candidates = [_barycentres(n, vertices, offsets)]
    for _ in range(n - 1):
        vertices, offsets = _sections(n, vertices, offsets)
        candidates.append(_barycentres(n, vertices, offsets))
    candidates = np.concatenate(candidates)
    candidates.sort(axis=1)
    return candidates


# A polytope of weight systems is given by its vertices, (vertices, n) int64: primitive w that stand for q = w / |w|,
# |w| the sum of the weights. So a·q - 1 has the sign of (a - (1, …, 1))·w. Many polytopes are flat values and offsets.

_ROOM = 1 << 18  # for polytopes of one dimension; 198,623 are the most


@njit(cache=True, nogil=True)
def _barycentres(n, values, offsets):
    """The barycentre of each polytope, (polytopes, n) int32, primitive."""
    found, inner = np.empty((len(offsets) - 1, n), np.int32), np.empty(n, np.int64)
    for row in range(len(found)):
        _barycentre(values[offsets[row] : offsets[row + 1]].reshape(-1, n), inner)
        for i in range(n):
            found[row, i] = inner[i]
    return found


@njit(cache=True, nogil=True)
def _barycentre(vertices, inner):
    """Write the primitive w for which w / |w| is the mean of the vertices to ``inner``."""
    common = np.int64(1)  # multiple of the degrees
    for vertex in vertices:
        degree = vertex.sum()
        common *= degree // gcd(degree, common)
    inner[:] = 0
    for vertex in vertices:
        factor = common // vertex.sum()
        for i in range(len(inner)):
            inner[i] += factor * vertex[i]
    _make_primitive(inner)


@njit(cache=True, nogil=True)
def _make_primitive(vector):
    g = np.int64(0)
    for x in vector:
        g = gcd(g, x)
    for i in range(len(vector)):
        vector[i] //= g


@njit(cache=True, nogil=True)
def _sections(n, values, offsets):
    """Sections a·q = 1 of polytopes, for all a >= 0 with a·q' < 1 at the barycentre q', as values and offsets, int64.

    Sections that differ by a permutation of coordinates give the same systems; all but a few are followed once.
    """
    sections, ends = np.empty(2 * n * _ROOM, np.int64), np.zeros(_ROOM + 1, np.int64)
    slots = np.full(2 * _ROOM, -1, np.int32)
    count = np.int64(0)
    inner, a, left = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n + 1, np.int64)
    section, ordered = np.empty((n * n, n), np.int64), np.empty((n * n, n), np.int64)  # n facets: far fewer vertices
    for row in range(len(offsets) - 1):
        vertices = values[offsets[row] : offsets[row + 1]].reshape(-1, n)
        _barycentre(vertices, inner)
        left[0] = inner.sum()  # |w| - a·w of the barycentre, once the coordinates before the i-th are chosen
        i = 0
        a[0] = -1
        while i >= 0:
            a[i] += 1
            left[i + 1] = left[i] - a[i] * inner[i]
            if left[i + 1] <= 0:
                i -= 1
            elif i < n - 1:
                i += 1
                a[i] = -1
            else:
                size = _section(vertices, a, section)
                if size > 0:
                    _put_in_order(section[:size], ordered[:size])
                    count = insert(ordered[:size].ravel(), count, sections, ends, slots)
    return sections[: ends[count]], ends[: count + 1]


@njit(cache=True, nogil=True)
def _section(vertices, a, section):
    """Write the vertices of a polytope's section a·q = 1; returns how many, 0 if no point has all weights positive.

    Faces of the polytope are where coordinates vanish: two vertices are joined by an edge if no third one vanishes
    wherever both do.
    """
    n_vertices, n = vertices.shape
    values, zeros = np.zeros(n_vertices, np.int64), np.zeros(n_vertices, np.int64)
    for v in range(n_vertices):
        for i in range(n):
            values[v] += (a[i] - 1) * vertices[v, i]
            zeros[v] |= (vertices[v, i] == 0) << i
    count, vanish = 0, (1 << n) - 1  # coordinates that vanish on the section
    for v in range(n_vertices):
        if values[v] == 0:
            for i in range(n):
                section[count, i] = vertices[v, i]
            vanish &= zeros[v]
            count += 1
        if values[v] <= 0:
            continue
        for u in range(n_vertices):
            if values[u] < 0 and _are_joined(zeros, u, v):
                for i in range(n):
                    section[count, i] = values[v] * vertices[u, i] - values[u] * vertices[v, i]
                _make_primitive(section[count])
                vanish &= zeros[u] & zeros[v]
                count += 1
    return count if vanish == 0 else 0


@njit(cache=True, nogil=True)
def _are_joined(zeros, u, v):
    both = zeros[u] & zeros[v]
    for t in range(len(zeros)):
        if t != u and t != v and zeros[t] & both == both:
            return False
    return True


@njit(cache=True, nogil=True)
def _put_in_order(vertices, ordered):
    """Write the polytope with permuted coordinates: they fall at the barycentre, and the vertices ascend."""
    n_vertices, n = vertices.shape
    inner, order = np.empty(n, np.int64), np.empty(n, np.int64)
    _barycentre(vertices, inner)
    sort_order(-inner, order)
    for v in range(n_vertices):
        u = v
        while u > 0 and _precedes(vertices[v], ordered[u - 1], order):
            for i in range(n):
                ordered[u, i] = ordered[u - 1, i]
            u -= 1
        for i in range(n):
            ordered[u, i] = vertices[v, order[i]]


@njit(cache=True, nogil=True)
def _precedes(vertex, other, order):
    """Whether a vertex, its coordinates in that order, comes before another one in lexicographic order."""
    for i in range(len(order)):
        if vertex[order[i]] != other[i]:
            return vertex[order[i]] < other[i]
    return False


# --- combined systems -------------------------------------------------------------------------------------------------


def _combined(kind: str) -> np.ndarray:
    """The combined systems of a kind, (rows, blocks, 1 + coordinates) int32 of (d, w_1, …), in the published order."""
    parts, shared, candidates = _candidate_parts(kind)
    kept = []
    for chosen in np.array_split(candidates, 1 + len(candidates) // _BATCH):
        systems = _side_by_side([part[rows] for part, rows in zip(parts, chosen.T, strict=True)], shared)
        kept.append(systems[_has_interior_point(systems[:, :, 1:], systems[:, :, 0])])
    return np.concatenate(kept)


def _candidate_parts(kind: str) -> tuple[list[np.ndarray], int, np.ndarray]:
    """What to combine to systems of a kind: IP systems of 3 or 4 weights that share 2, 1, 1 or no coordinates.

    Returns
    -------
    parts : for each block, the weights to choose from, (n, 3 or 4) int64, shared ones in front.
    shared : number of shared coordinates.
    candidates : (candidates, blocks) int, rows of the parts to combine, in the published order.
    """
    three = interior_point_systems(3)
    if kind == "w44":
        pairs = _choices(interior_point_systems(4), 2)
        a, b = (index.astype(np.int16) for index in np.triu_indices(len(pairs)))  # there are hundreds of thousands
        crosswise = np.stack([a, b + len(pairs)], axis=1)  # b's shared pair reversed, if that makes a difference
        unequal = pairs[:, 0] != pairs[:, 1]
        differs = np.stack([np.full(len(a), True), unequal[a] & unequal[b]], axis=1)
        candidates = np.stack([np.stack([a, b], axis=1), crosswise], axis=1)[differs]
        return [pairs, np.concatenate([pairs, pairs[:, [1, 0, 2, 3]]])], 2, candidates
    if kind == "w34":
        fours, threes = _choices(interior_point_systems(4), 1), _choices(three, 1)
        b, a = np.indices((len(threes), len(fours))).reshape(2, -1)
        return [fours, threes], 1, np.stack([a, b], axis=1)
    if kind == "w333":
        one = np.array([w for system in three for w in _each_shared(system)])
        return [one] * 3, 1, np.array(list(combinations_with_replacement(range(len(one)), 3)))
    return [three[:, ::-1]] * 2, 0, np.array(list(combinations_with_replacement(range(len(three)), 2)))


def _choices(systems: np.ndarray, k: int) -> np.ndarray:
    """The systems (rows, n), each with any ``k`` weights swapped to the front to be shared, the same ones only once."""
    found = []
    for w in systems.tolist():
        by_shared = {}
        for chosen in combinations(range(len(w)), k):
            moved = list(w)
            for a, i in enumerate(chosen):
                moved[a], moved[i] = moved[i], moved[a]
            by_shared.setdefault(tuple(moved[:k]), moved)
        found.extend(by_shared.values())
    return np.array(found)


def _each_shared(system: np.ndarray) -> list[list[int]]:
    """A system with each of its distinct weights in front to be shared, falling, the others falling behind it."""
    falling = system.tolist()[::-1]
    firsts = [falling.index(shared) for shared in dict.fromkeys(falling)]
    return [[falling[i], *falling[:i], *falling[i + 1 :]] for i in firsts]


def _side_by_side(parts: list[np.ndarray], shared: int) -> np.ndarray:
    """Combine weights (rows, n) of several blocks, the first ``shared`` of them on shared coordinates.

    Returns
    -------
    (rows, blocks, 1 + coordinates) int32 of (d, w_1, …): shared coordinates, then each block's own, zeros elsewhere.
    """
    width = shared + sum(part.shape[1] - shared for part in parts)
    systems = np.zeros((len(parts[0]), len(parts), 1 + width), np.int32)
    start = 1 + shared
    for block, part in enumerate(parts):
        stop = start + part.shape[1] - shared
        systems[:, block, 0] = part.sum(axis=1)
        systems[:, block, 1 : 1 + shared] = part[:, :shared]
        systems[:, block, start:stop] = part[:, shared:]
        start = stop
    return systems


# --- the published lists ----------------------------------------------------------------------------------------------


def read(source: Path) -> dict[str, np.ndarray | Ragged]:
    """The published lists: a folder with w5.ip, w44.ip, w34.ip, w333.ip and w33.ip, plain or gzip.

    Raises
    ------
    InputError : a file is missing or damaged, or a line is no weight system; names file and line.
    """
    paths = list_files(source, FAMILY.list_names)
    table = _table([_read_kind(path, kind) for kind, path in enumerate(paths)])
    if content_sha256(table) != CONTENT_SHA256:
        raise InputError(source, f"holds weight systems other than the published ones; {COMPLETE}")
    return table


def _read_kind(path: Path, kind: int) -> np.ndarray:
    """The systems of one list, (rows, blocks, 1 + coordinates) int64 of (d, w_1, …), each of them checked."""
    lines, rows, line_of_row = read_text(path).split("\n"), array("q"), array("i")
    width = _BLOCKS[kind] * (_COORDINATES[kind] + 1)
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            numbers = [int(word) for word in line.split()]
        except ValueError:
            raise _damaged(path, number, line, "is not a list of integers") from None
        if len(numbers) != width:
            raise _damaged(path, number, line, f"has {len(numbers)} numbers, expected {width}")
        if min(numbers) < 0 or max(numbers) > MAX_DEGREE:
            raise _damaged(path, number, line, f"has a number outside 0 to {MAX_DEGREE}, the largest degree there is")
        rows.extend(numbers)
        line_of_row.append(number)
    systems = np.array(rows).reshape(-1, _BLOCKS[kind], _COORDINATES[kind] + 1)
    defects = _defects(systems, listed=kind == 0)
    for row in np.flatnonzero(defects)[:1]:
        number = line_of_row[row]
        raise _damaged(path, number, lines[number - 1], _DEFECTS[defects[row]])
    if len(systems) != KIND_COUNTS[kind]:
        raise InputError(path, f"holds {len(systems):,} of {KIND_COUNTS[kind]:,} weight systems; {COMPLETE}")
    return systems


def _damaged(path: Path, number: int, line: str, reason: str) -> InputError:
    return InputError(f"{path}, line {number}", f"{line[:60]!r} {reason}; {COMPLETE}")


_DEFECTS = (
    "",
    "has a degree of zero",
    "has weights that do not sum to their degree",
    "has weights that are not positive and ascending",
    "is not in the list's order by degree and weights, or stands twice",
    "has a coordinate without a weight in any of its systems",  # which no equation bounds
    "lacks the interior-point property",
    "has more lattice points or facets than the polytope of any system with the interior-point property",
)


def _defects(systems: np.ndarray, listed: bool) -> np.ndarray:
    """Index to ``_DEFECTS`` of what is wrong with each system, 0 if nothing; ``listed`` ones stand in the list's order."""
    degrees, weights = systems[:, :, 0], systems[:, :, 1:]
    unsorted = out_of_order = np.zeros(len(systems), bool)
    if listed and len(systems):
        unsorted = (weights[:, 0, 0] == 0) | (np.diff(weights[:, 0]) < 0).any(axis=1)
        steps = np.diff(systems[:, 0, [0, 5, 4, 3, 2, 1]], axis=0)  # the first that is not zero has to be positive
        first = np.take_along_axis(steps, (steps != 0).argmax(axis=1)[:, None], axis=1)[:, 0]
        out_of_order = np.append(False, first <= 0)
    conditions = [
        (degrees == 0).any(axis=1),
        (weights.sum(axis=2) != degrees).any(axis=1),
        unsorted,
        out_of_order,
        ~weights.any(axis=1).all(axis=1),
    ]
    defects = np.select(conditions, range(1, 6))
    sound = defects == 0
    found = interior_point(weights[sound], degrees[sound])
    defects[sound] = np.select([found == 0, found < 0], [6, 7])
    return defects


# --- lists of one's own -------------------------------------------------------------------------------------------------

# Weights of the systems that are combined, by how many numbers a line has and how many of the weights are not zero.
_SHAPES = {(6, (5,)): 0, (14, (4, 4)): 1, (14, (4, 3)): 2, (14, (3, 4)): 2, (24, (3, 3, 3)): 3, (14, (3, 3)): 4}


def parse(entry: str) -> tuple[dict, dict]:
    """A line ``d w1 w2 …``, of one or several systems, or what PALP prints of it.

    Returns
    -------
    geometry : dict
        The columns of `FAMILY.geometry_columns`.
    given : dict
        Features that stand in the line.

    Raises
    ------
    ValueError
        It is no such line; says why.
    """
    text, given = palp_results(entry)
    numbers = integers(text)
    blocks = max(1, len(numbers) // 7)
    systems = [
        numbers[start : start + len(numbers) // blocks] for start in range(0, len(numbers), len(numbers) // blocks)
    ]
    counts = tuple(sum(weight != 0 for weight in system[1:]) for system in systems)
    kind = _SHAPES.get((len(numbers), counts))
    if kind is None:
        raise ValueError("is no degree with 5 weights, and no combination of 4 + 4, 4 + 3, 3 + 3 + 3 or 3 + 3 weights")
    weights = [sorted(system[1:]) if kind == 0 else system[1:] for system in systems]
    return {"kind": kind, "degrees": [system[0] for system in systems], "weights": sum(weights, [])}, given


def defects(geometries: Columns) -> list[str]:
    """What is wrong with each of some systems, empty if nothing."""
    kind, degrees, weights = (geometries[column.name] for column in FAMILY.geometry_columns)
    blocks, width = (np.array(values)[np.clip(kind, 0, len(KINDS) - 1)] for values in (_BLOCKS, _COORDINATES))
    sound = (kind >= 0) & (kind < len(KINDS)) & (np.diff(degrees.offsets) == blocks)
    sound &= np.diff(weights.offsets) == blocks * width
    found = np.where(sound, "", "has numbers of degrees and weights that do not belong to its kind").tolist()
    for one in np.unique(kind[sound]):
        rows = np.flatnonzero(sound & (kind == one))
        part = take(geometries, rows)
        of_degrees = part["degrees"].values.reshape(len(rows), _BLOCKS[one], 1)
        of_weights = part["weights"].values.reshape(len(rows), _BLOCKS[one], _COORDINATES[one])
        systems = np.concatenate([of_degrees, of_weights], axis=2).astype(np.int64)
        inside = ((systems >= 0) & (systems <= MAX_DEGREE)).all(axis=(1, 2))
        wrong = np.zeros(len(rows), np.int64)
        wrong[inside] = _defects(systems[inside], listed=False)
        for k, row in enumerate(rows.tolist()):
            if not inside[k]:
                found[row] = f"has a number outside 0 to {MAX_DEGREE}"
            elif wrong[k]:
                found[row] = _DEFECTS[wrong[k]]
            elif _BLOCKS[one] > 1 and not _is_reflexive(take(part, np.array([k]))):
                found[row] = "does not span a reflexive polytope"
    return found


def _is_reflexive(system: Columns) -> bool:
    """Whether one system spans a reflexive polytope, as a single one with the interior-point property does."""
    blocks, coordinates, dense, degrees = _dense(*(system[column.name] for column in FAMILY.geometry_columns))
    out = np.zeros((1, N_QUANTITIES + 1), np.int64)
    return polytope_data(dense, blocks, coordinates, degrees, out, new_table(1)) < 0


# --- features ---------------------------------------------------------------------------------------------------------


def features(geometries: Columns) -> dict[str, np.ndarray | Ragged]:
    """Exact features of a batch of weight systems; each row depends on its own system alone.

    Parameters
    ----------
    geometries : ``kind``, ``degrees`` and ``weights`` as of ``generate``.

    Returns
    -------
    The columns of `FAMILY.features`.
    """
    kind, degrees, weights = (geometries[column.name] for column in FAMILY.geometry_columns)
    blocks, coordinates, dense, dense_degrees = _dense(kind, degrees, weights)
    out, threefolds = np.zeros((len(kind), N_QUANTITIES + 1), np.int64), new_table(len(kind))
    bad = polytope_data(dense, blocks, coordinates, dense_degrees, out, threefolds)
    if bad >= 0:
        system = dense[bad, : blocks[bad], : coordinates[bad]].tolist()
        raise InputError(
            f"weight system {system}", "does not span a reflexive polytope; delete the table and run again"
        )
    columns = {
        "geometry_key": _keys(dense, dense_degrees),
        **hypersurface_columns(out),
        "kind": kind,
        "total_degree": dense_degrees.sum(axis=1),
        "max_weight": dense.max(axis=(1, 2)),
        "min_weight": np.where(dense > 0, dense, np.iinfo(np.int64).max).min(axis=(1, 2)),
        "is_transverse": out[:, N_QUANTITIES] == 1,
        "degrees": degrees,
        "weights": weights,
        **threefold_columns(threefolds),
    }
    return in_order(FAMILY.features, columns)


def _dense(kind, degrees: Ragged, weights: Ragged) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Numbers of systems combined and of coordinates (rows,), weights (rows, 3, 8) and degrees (rows, 3), all int64."""
    blocks, coordinates = np.array(_BLOCKS)[kind], np.array(_COORDINATES)[kind]
    dense, dense_degrees = np.zeros((len(kind), 3, MAX_COORDINATES), np.int64), np.zeros((len(kind), 3), np.int64)
    _unpack(weights.values, weights.offsets, degrees.values, degrees.offsets, coordinates, dense, dense_degrees)
    return blocks, coordinates, dense, dense_degrees


def _keys(weights, degrees):
    """Hash of each system, the same for any order of its coordinates and of the systems combined: int64 (rows,).

    weights : (rows, 3, 8) int64, degrees : (rows, 3) int64, zero where there are fewer.
    """
    table = np.concatenate([degrees[:, :, None], weights], axis=2).astype(np.uint64)
    found = []
    for order in permutations(range(table.shape[1])):
        state = np.zeros(table[:, 0].shape, np.uint64)
        for system in order:
            state = mix64(state ^ table[:, system])
        found.append(hash_rows([state[:, 0], state[:, 1:].sum(axis=1)], FAMILY.name))
    return np.min(found, axis=0)


@njit(cache=True, nogil=True)
def _unpack(weights, weight_offsets, degrees, degree_offsets, coordinates, dense, dense_degrees):
    for row in range(len(coordinates)):
        k = coordinates[row]
        for b in range(degree_offsets[row + 1] - degree_offsets[row]):
            dense_degrees[row, b] = degrees[degree_offsets[row] + b]
            for i in range(k):
                dense[row, b, i] = weights[weight_offsets[row] + b * k + i]
