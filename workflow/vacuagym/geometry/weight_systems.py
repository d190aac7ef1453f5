"""The 201,230 single and combined weight systems of Kreuzer and Skarke (hep-th/9805190, hep-th/0002240).

A weight system (d; w_1, …, w_n) has the IP property if (1, …, 1) is the interior point of the convex hull of the integer
a >= 0 with w·a = d; with five weights the hull is then reflexive (Skarke, alg-geom/9603007). Combined systems impose two
or three such equations on six or seven coordinates. ``geometry_id`` runs through the single systems ordered by degree,
largest weight, next largest, …, then through the combined ones of 4 + 4, 3 + 4, 3 + 3 + 3 and 3 + 3 weights in the order of the published
files.
"""

from array import array
from itertools import combinations, combinations_with_replacement, islice
from pathlib import Path

import numpy as np
from numba import njit

from vacuagym.errors import InputError
from vacuagym.geometry import COUNTS
from vacuagym.geometry.lists import read_text
from vacuagym.geometry.polytopes import MAX_COORDINATES, QUANTITIES, has_interior_point, polytope_data
from vacuagym.tables.columns import Column, Columns, Ragged, content_sha256
from vacuagym.tables.hashing import hash_rows

DATASET = "ks"
COUNT = COUNTS[DATASET]
CONTENT_SHA256 = "6ced65e725dd0220aa78da6b44f073e12e6520828b24f245ee9ba9ac5052dad2"

KINDS = ("w5", "w44", "w34", "w333", "w33")
KIND_COUNTS = (184_026, 16_040, 1_122, 36, 6)
_BLOCKS = (1, 2, 2, 3, 2)
_COORDINATES = (5, 6, 6, 7, 6)
MAX_DEGREE = 3486  # of a system with the IP property: 41 + 42 + 498 + 1162 + 1743

GEOMETRY_COLUMNS = (
    Column("kind", "int8", "1", "0: one system of five weights; 1 to 4: combined systems 4+4, 3+4, 3+3+3, 3+3."),
    Column("degrees", "list<int32>", "1", "Degree of each weight system.", "hep-th/0002240"),
    Column("weights", "list<int32>", "1", "Weights system by system, zero where a coordinate takes no part."),
)

FEATURES = (
    Column("duplicate_group", "int64", "1", "Equal where h11, h21, and the primitive class's kappa and c2 are equal."),
    Column("h11", "int32", "1", "Hodge number h11 of the hypersurface, from lattice points of N.", "alg-geom/9310003"),
    Column("h21", "int32", "1", "Hodge number h21 of the hypersurface, from lattice points of M.", "alg-geom/9310003"),
    Column("euler_characteristic", "int32", "1", "2 (h11 - h21)."),
    Column("n_moduli", "int32", "1", "Number of Kähler moduli of the threefold, h11."),
    Column("kind", "int8", "1", "0: one system of five weights; 1 to 4: combined systems 4+4, 3+4, 3+3+3, 3+3."),
    Column("total_degree", "int32", "1", "Sum of the degrees of the weight systems."),
    Column("max_weight", "int32", "1", "Largest weight."),
    Column("min_weight", "int32", "1", "Smallest positive weight."),
    Column("n_points_m", "int32", "1", "Lattice points of the Newton polytope Delta in M."),
    Column("n_vertices_m", "int32", "1", "Vertices of Delta."),
    Column("n_points_n", "int32", "1", "Lattice points of the dual polytope in N."),
    Column("n_vertices_n", "int32", "1", "Vertices of the dual polytope, which are the facets of Delta."),
    Column("n_facet_interior_points_m", "int32", "1", "Points of Delta interior to a facet."),
    Column("n_facet_interior_points_n", "int32", "1", "Points of the dual polytope interior to a facet."),
    Column(
        "h11_correction", "int32", "1", "Correction term of Batyrev's h11: divisor classes not from the ambient space."
    ),
    Column("h21_correction", "int32", "1", "Correction term of Batyrev's h21: deformations that are not polynomial."),
    Column("is_favourable", "bool", "1", "Whether all divisor classes descend from the ambient space."),
    Column("is_transverse", "bool", "1", "Whether the generic polynomial of a single system is quasi-smooth."),
    Column(
        "triple_intersection_j", "int32", "1", "J^3 of the anticanonical class J = -K on the threefold: 4! vol(Delta)."
    ),
    Column("second_chern_j", "int32", "1", "c2·J = 12 (points of Delta - 1) - 2 J^3."),
    Column("divisibility", "int32", "1", "Largest r with J = r H for an integer class H of the toric variety."),
    Column("primitive_triple_intersection", "int32", "1", "H^3 of the primitive class H = J / r."),
    Column("primitive_second_chern", "int32", "1", "c2·H of the primitive class H = J / r."),
)


# --- generation -------------------------------------------------------------------------------------------------------


def generate() -> dict[str, np.ndarray | Ragged]:
    """All systems from first principles.

    Returns
    -------
    kind : (201230,) int8; degrees, weights : ragged int32; in canonical order.
    """
    single = interior_point_systems(5)
    single = np.concatenate([single.sum(axis=1)[:, None], single], axis=1)[:, None, :]
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
    return Ragged(np.concatenate([array.ravel() for array in arrays]).astype(np.int32), offsets)


def interior_point_systems(n: int) -> np.ndarray:
    """All primitive weight systems of ``n`` weights (2 to 5) with the IP property.

    Returns
    -------
    (systems, n) int64, weights ascending, ordered by (degree, largest weight, next largest, …).
    """
    candidates = _candidates(n)
    kept = candidates[_with_interior_point(candidates[:, None, :], candidates.sum(axis=1)[:, None])]
    return kept[np.lexsort((*kept.T, kept.sum(axis=1)))]


@njit(cache=True, nogil=True)
def _with_interior_point(weights, degrees):
    """Which of the (combined) systems, weights (rows, blocks, k) and degrees (rows, blocks), have the IP property."""
    kept = np.zeros(len(weights), np.bool_)
    for row in range(len(weights)):
        kept[row] = has_interior_point(weights[row], degrees[row])
    return kept


MAX_VERTICES = 64
_SLOTS = 1 << 20


@njit(cache=True, nogil=True)
def _candidates(n):
    """Skarke's recursion (alg-geom/9603007): weight systems among which are all with the IP property.

    The q = w / d with q·a = 1 for a growing set of points a, the first one (1, …, 1), form a polytope. Let q' be a point
    in its interior. If q is not q' itself, then some point a of its hull has a·q' < 1, or else (1, …, 1) would not be
    interior; each such a, up to permutations that fix the earlier points, cuts the polytope down by a dimension.
    """
    table = np.full(_SLOTS, -1, np.int32)
    found = np.empty((_SLOTS // 2, n), np.int32)
    count = 0
    vertices = np.zeros((n, MAX_VERTICES, n + 1), np.int64)  # by depth: (w, d) of the vertices q = w / d
    n_vertices = np.zeros(n, np.int64)
    inner = np.zeros((n, n + 1), np.int64)
    block = np.zeros((n, n), np.bool_)  # whether coordinate i is like i - 1 in every point so far
    a = np.zeros((n, n), np.int64)
    left = np.zeros((n, n + 1), np.int64)
    position = np.zeros(n, np.int64)
    for i in range(n):
        vertices[0, i, i] = 1
        vertices[0, i, n] = 1
        block[0, i] = i > 0
    n_vertices[0] = n
    depth = 0
    entering = True
    while depth >= 0:
        if entering:
            inner[depth] = 0
            for v in range(n_vertices[depth]):
                inner[depth] += vertices[depth, v]
            count = _remember(inner[depth], n, table, found, count)
            left[depth, 0] = inner[depth, n]
            position[depth] = 0
            a[depth, 0] = -1
            entering = False
            if n_vertices[depth] == 1:
                depth -= 1
                continue
        # the next point a with a·w < d, by depth-first search over its coordinates
        i = position[depth]
        if i < 0:
            depth -= 1
            continue
        a[depth, i] += 1
        left[depth, i + 1] = left[depth, i] - a[depth, i] * inner[depth, i]
        if left[depth, i + 1] <= 0 or (block[depth, i] and a[depth, i] > a[depth, i - 1]):
            position[depth] -= 1
            continue
        if i < n - 1:
            position[depth] += 1
            a[depth, i + 1] = -1
            continue
        cut = _cut(vertices[depth], n_vertices[depth], a[depth], n, vertices[depth + 1]) if depth < n - 1 else 0
        if cut > 0:
            n_vertices[depth + 1] = cut
            for j in range(n):
                block[depth + 1, j] = block[depth, j] and a[depth, j] == a[depth, j - 1]
            depth += 1
            entering = True
    return found[:count].astype(np.int64)


@njit(cache=True, nogil=True)
def _cut(vertices, n_vertices, a, n, out):
    """Vertices of the polytope's section with a·q = 1; 0 if the section has no point with all weights positive."""
    value = np.empty(n_vertices, np.int64)
    above = False
    for v in range(n_vertices):
        s = -vertices[v, n]
        for i in range(n):
            s += a[i] * vertices[v, i]
        value[v] = s
        above = above or s > 0
    if not above:
        return 0
    zero = np.zeros(n_vertices, np.int64)  # coordinates that vanish
    for v in range(n_vertices):
        for i in range(n):
            if vertices[v, i] == 0:
                zero[v] |= 1 << i
    count = 0
    for v in range(n_vertices):
        if value[v] == 0:
            out[count] = vertices[v]
            count += 1
        if value[v] <= 0:
            continue
        for u in range(n_vertices):
            if value[u] >= 0:
                continue
            shared = zero[u] & zero[v]
            adjacent = True
            for t in range(n_vertices):
                if t != u and t != v and zero[t] & shared == shared:
                    adjacent = False
                    break
            if adjacent:
                if count == MAX_VERTICES:
                    raise RuntimeError("a polytope of weights has too many vertices")
                g = np.int64(0)
                for i in range(n + 1):
                    out[count, i] = value[v] * vertices[u, i] - value[u] * vertices[v, i]
                    x, g2 = abs(out[count, i]), g
                    while x:
                        g2, x = x, g2 % x
                    g = g2
                for i in range(n + 1):
                    out[count, i] //= g
                count += 1
    for i in range(n):
        positive = False
        for v in range(count):
            positive = positive or out[v, i] > 0
        if not positive:
            return 0
    return count


@njit(cache=True, nogil=True)
def _remember(system, n, table, found, count):
    """Add the primitive, ascending form of weights (w, d) to ``found`` unless it is there; returns the new count."""
    w = np.sort(system[:n])
    g = np.int64(0)
    for x in w:
        y = x
        while y:
            g, y = y, g % y
    code = np.uint64(14695981039346656037)
    for i in range(n):
        w[i] //= g
        code = (code ^ np.uint64(w[i])) * np.uint64(1099511628211)
    slot = np.int64((code ^ (code >> np.uint64(31))) & np.uint64(len(table) - 1))
    while table[slot] >= 0:
        same = True
        for i in range(n):
            same = same and found[table[slot], i] == w[i]
        if same:
            return count
        slot = (slot + 1) & (len(table) - 1)
    if count == len(found):
        raise RuntimeError("more candidate weight systems than there is room for")
    table[slot] = count
    for i in range(n):
        found[count, i] = w[i]
    return count + 1


def _systems(n: int) -> list[tuple[int, ...]]:
    return [tuple(row) for row in interior_point_systems(n).tolist()]


def _items(systems: list[tuple[int, ...]], k: int) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Each system with ``k`` of its weights brought to the front to be shared: (shared, private), no shared tuple twice."""
    items = []
    for w in systems:
        seen = set()
        for chosen in combinations(range(len(w)), k):
            moved = list(w)
            for a, i in enumerate(chosen):
                moved[a], moved[i] = moved[i], moved[a]
            shared = tuple(moved[:k])
            if shared not in seen:
                seen.add(shared)
                items.append((shared, tuple(moved[k:])))
    return items


def _combined(kind: str) -> np.ndarray:
    """The combined systems of a kind, (rows, blocks, 1 + coordinates) int64 of (d, w_1, …), in the published order."""
    pairs, kept = iter(_candidate_pairs(kind)), []
    while chunk := [_side_by_side(parts) for parts in islice(pairs, 10_000)]:
        systems = np.array(chunk, dtype=np.int64)
        good = _with_interior_point(np.ascontiguousarray(systems[:, :, 1:]), np.ascontiguousarray(systems[:, :, 0]))
        kept.append(systems[good])
    return np.concatenate(kept)


def _candidate_pairs(kind: str):
    """The combinations of a kind to try, in the published order: tuples of parts (shared weights, private weights)."""
    three = _systems(3)
    if kind == "w44":
        items = _items(_systems(4), 2)
        for i, a in enumerate(items):
            for b in items[i:]:
                yield a, b
                if a[0][0] != a[0][1] and b[0][0] != b[0][1]:
                    yield a, (b[0][::-1], b[1])
    elif kind == "w34":
        fours = _items(_systems(4), 1)
        yield from ((a, b) for b in _items(three, 1) for a in fours)
    elif kind == "w333":
        joined = [
            ((shared,), tuple(sorted(_without(w, shared), reverse=True)))
            for w in three
            for shared in sorted(set(w), reverse=True)
        ]
        yield from combinations_with_replacement(joined, 3)
    else:
        yield from combinations_with_replacement([((), w[::-1]) for w in three], 2)


def _without(weights, one):
    rest = list(weights)
    rest.remove(one)
    return rest


def _side_by_side(parts) -> list[tuple[int, ...]]:
    """Blocks of a combined system: shared columns first, then each part's private columns, zeros elsewhere."""
    width = sum(len(private) for _, private in parts)
    blocks, before = [], 0
    for shared, private in parts:
        row = shared + (0,) * before + private + (0,) * (width - before - len(private))
        blocks.append((sum(row), *row))
        before += len(private)
    return blocks


# --- the published lists ----------------------------------------------------------------------------------------------


def read(source: Path) -> dict[str, np.ndarray | Ragged]:
    """The published lists: a folder with w5.ip, w44.ip, w34.ip, w333.ip and w33.ip, plain or gzip.

    Raises
    ------
    InputError : a file is missing or damaged, or a line is no weight system; names file and line.
    """
    paths = [_path_of(source, kind) for kind in KINDS]
    table = _table([_read_kind(path, kind) for kind, path in enumerate(paths)])
    if content_sha256(table) != CONTENT_SHA256:
        raise InputError(source, "holds weight systems other than the published ones; download the lists again")
    return table


def _path_of(folder: Path, kind: str) -> Path:
    for path in (folder / f"{kind}.ip", folder / f"{kind}.ip.gz"):
        if path.is_file():
            return path
    raise InputError(folder, f"holds neither {kind}.ip nor {kind}.ip.gz; download the Kreuzer-Skarke weight systems")


def _read_kind(path: Path, kind: int) -> np.ndarray:
    rows, previous = array("q"), ()
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        try:
            numbers = [int(word) for word in line.split()]
        except ValueError:
            raise InputError(f"{path}, line {number}", f"{line[:60]!r} is not a list of integers") from None
        reason = _why_no_system(numbers, kind)
        key = (numbers[0], *numbers[:0:-1]) if kind == 0 else None
        if reason is None and kind == 0 and key <= previous:
            reason = "is not in the list's order by degree and weights, or stands twice"
        if reason:
            raise InputError(f"{path}, line {number}", f"{line[:60]!r} {reason}; download the list again")
        previous = key
        rows.extend(numbers)
    systems = np.array(rows).reshape(-1, _BLOCKS[kind], _COORDINATES[kind] + 1)
    if len(systems) != KIND_COUNTS[kind]:
        raise InputError(path, f"holds {len(systems)} weight systems, expected {KIND_COUNTS[kind]}; download it again")
    return systems


def _why_no_system(numbers: list[int], kind: int) -> str | None:
    """What is wrong with a line of a list, or None: count, signs, degrees, order, interior point."""
    width = _COORDINATES[kind] + 1
    if len(numbers) != _BLOCKS[kind] * width:
        return f"has {len(numbers)} numbers, expected {_BLOCKS[kind] * width}"
    if not all(0 <= number <= MAX_DEGREE for number in numbers):
        return f"has a number outside 0 to {MAX_DEGREE}, the largest degree there is"
    blocks = np.array(numbers, dtype=np.int64).reshape(-1, width)
    degrees, weights = blocks[:, 0], blocks[:, 1:]
    if (degrees == 0).any():
        return "has a degree of zero"
    if (weights.sum(axis=1) != degrees).any():
        return f"has the degrees {degrees.tolist()}, its weights sum to {weights.sum(axis=1).tolist()}"
    if kind == 0 and ((weights[0, 1:] < weights[0, :-1]).any() or weights[0, 0] == 0):
        return "has weights that are not positive and ascending"
    if not weights.any(axis=0).all():  # such a coordinate is not bounded by any equation
        return "has a coordinate without a weight in any of its systems"
    if not has_interior_point(np.ascontiguousarray(weights), np.ascontiguousarray(degrees)):
        return "lacks the interior-point property"
    return None


# --- features ---------------------------------------------------------------------------------------------------------


def features(geometries: Columns) -> dict[str, np.ndarray]:
    """Exact features of a batch of weight systems; each row depends on its own system alone.

    Parameters
    ----------
    geometries : ``kind``, ``degrees`` and ``weights`` as of ``generate``.

    Returns
    -------
    The columns of ``FEATURES``.
    """
    kind, degrees, weights = (geometries[column.name] for column in GEOMETRY_COLUMNS)
    rows = len(kind)
    blocks, coordinates = np.array(_BLOCKS)[kind], np.array(_COORDINATES)[kind]
    dense, dense_degrees = np.zeros((rows, 3, MAX_COORDINATES), np.int64), np.zeros((rows, 3), np.int64)
    _unpack(weights.values, weights.offsets, degrees.values, degrees.offsets, coordinates, dense, dense_degrees)
    out = np.zeros((rows, len(QUANTITIES)), np.int64)
    bad = polytope_data(dense, blocks, coordinates, dense_degrees, out)
    if bad >= 0:
        system = dense[bad, : blocks[bad], : coordinates[bad]].tolist()
        raise InputError(
            f"weight system {system}", "does not span a reflexive polytope; delete the table and run again"
        )
    q = dict(zip(QUANTITIES, out.T, strict=True))
    second_chern = 12 * (q["n_points_m"] - 1) - 2 * q["volume"]
    r = q["divisibility"]
    primitive = {
        "primitive_triple_intersection": q["volume"] // r**3,
        "primitive_second_chern": second_chern // r,
    }
    chi = 2 * (q["h11"] - q["h21"])
    group = hash_rows([q["h11"], q["h21"], *primitive.values()], DATASET)
    columns = {
        "h11": q["h11"],
        "h21": q["h21"],
        "euler_characteristic": chi,
        "n_moduli": q["h11"],
        "kind": kind,
        "total_degree": dense_degrees.sum(axis=1),
        "max_weight": dense.max(axis=(1, 2)),
        "min_weight": np.where(dense > 0, dense, np.iinfo(np.int64).max).min(axis=(1, 2)),
        **{name: q[name] for name in QUANTITIES if name.startswith("n_") or name.endswith("_correction")},
        "is_favourable": q["h11_correction"] == 0,
        "is_transverse": q["transverse"] == 1,
        "triple_intersection_j": q["volume"],
        "second_chern_j": second_chern,
        "divisibility": r,
        **primitive,
    }
    types = {column.name: column.type for column in FEATURES}
    table = {"duplicate_group": group, **columns}
    return {name: table[name].astype(np.dtype(type_)) for name, type_ in types.items()}


@njit(cache=True, nogil=True)
def _unpack(weights, weight_offsets, degrees, degree_offsets, coordinates, dense, dense_degrees):
    for row in range(len(coordinates)):
        k = coordinates[row]
        for b in range(degree_offsets[row + 1] - degree_offsets[row]):
            dense_degrees[row, b] = degrees[degree_offsets[row] + b]
            for i in range(k):
                dense[row, b, i] = weights[weight_offsets[row] + b * k + i]
