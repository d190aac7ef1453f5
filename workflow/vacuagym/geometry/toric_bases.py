"""The 61,539 smooth toric bases of 6D F-theory (Morrison, Taylor, arXiv:1204.0283).

A base is the cyclic sequence of the self-intersections D_i² of its toric curves. Below, ``m_i = -D_i²`` as in the
published list. The canonical form of a base is the rotation or reflection of ``m`` whose reversal is lexicographically
smallest; bases are ordered by (n, m), and ``geometry_id`` is the rank in that order.
"""

import re
from bisect import bisect
from pathlib import Path

import numpy as np
from numba import njit

from vacuagym.errors import InputError
from vacuagym.geometry import COUNTS
from vacuagym.geometry.lists import read_text
from vacuagym.tables.columns import Column, Columns, Ragged, content_sha256, ragged
from vacuagym.tables.hashing import hash_rows

DATASET = "fth6d"
COUNT = COUNTS[DATASET]
CONTENT_SHA256 = "16c94253e8fc0065dc4465c3a458cb13067c06e10be0949116cbf5d4c79a1089"

MAX_CURVES = 200  # the longest base has 194
MAX_SELF_INTERSECTION = 12  # of either sign

GEOMETRY_COLUMNS = (
    Column(
        "self_intersections",
        "list<int16>",
        "1",
        "Self-intersections of the toric curves in cyclic order; the canonical rotation and reflection.",
        "arXiv:1204.0283",
    ),
)

# Non-Higgsable clusters: name, curves, rank, dimension of the algebra, charged hypermultiplets (arXiv:1201.1943).
CLUSTERS = (
    ("3", "-3 (su3)", 2, 8, 0),
    ("4", "-4 (so8)", 4, 28, 0),
    ("5", "-5 (f4)", 4, 52, 0),
    ("6", "-6 (e6)", 6, 78, 0),
    ("7", "-7 (e7)", 7, 133, 28),
    ("8", "-8 (e7)", 7, 133, 0),
    ("9", "-9 (e8)", 8, 248, 0),
    ("10", "-10 (e8)", 8, 248, 0),
    ("11", "-11 (e8)", 8, 248, 0),
    ("12", "-12 (e8)", 8, 248, 0),
    ("3_2", "-3 -2 (g2 + su2)", 3, 17, 8),
    ("3_2_2", "-3 -2 -2 (g2 + su2)", 3, 17, 8),
    ("2_3_2", "-2 -3 -2 (su2 + so7 + su2)", 5, 27, 16),
)
_RANK, _DIMENSION, _CHARGED = (np.array(values) for values in list(zip(*CLUSTERS, strict=True))[2:])

_CURVES = range(-MAX_SELF_INTERSECTION, MAX_SELF_INTERSECTION + 1)


def _curve_column(value: int) -> str:
    return f"n_curves_{'minus' if value < 0 else 'plus'}_{abs(value)}"


FEATURES = (
    Column("duplicate_group", "int64", "1", "Equal for bases with the same multiset of self-intersections."),
    Column("h11", "int32", "1", "Hodge number of the generic elliptic threefold: rank + T + 2.", "arXiv:1204.0283"),
    Column(
        "h21", "int32", "1", "Hodge number of the generic elliptic threefold: neutral hypers - 1.", "arXiv:1204.0283"
    ),
    Column("euler_characteristic", "int32", "1", "2 (h11 - h21) of the generic elliptic threefold."),
    Column("n_moduli", "int32", "1", "Number of Kähler moduli of the threefold, h11."),
    Column("n_rays", "int32", "1", "Rays of the fan, which is the number of toric curves n."),
    Column("n_tensor_multiplets", "int32", "1", "T = n - 3 + sum of (12 - m) over the curves with m = 9, 10, 11."),
    Column("gauge_rank", "int32", "1", "Rank of the non-Higgsable gauge algebra."),
    Column("n_vector_multiplets", "int32", "1", "V, the dimension of the non-Higgsable gauge algebra."),
    Column("n_charged_hypers", "int32", "1", "Charged hypermultiplets of the non-Higgsable clusters."),
    Column("n_neutral_hypers", "int32", "1", "H0 = 273 - 29 T + V - charged hypers (gravitational anomaly)."),
    Column("n_clusters", "int32", "1", "Non-Higgsable clusters."),
    *(
        Column(f"n_clusters_{name}", "int32", "1", f"Non-Higgsable clusters {curves}.", "arXiv:1201.1943")
        for name, curves, *_ in CLUSTERS
    ),
    Column("n_free_minus_2", "int32", "1", "Curves of self-intersection -2 outside clusters; they carry no group."),
    Column("longest_chain", "int32", "1", "Length of the longest chain of curves of self-intersection -2 or less."),
    *(Column(_curve_column(value), "int32", "1", f"Curves of self-intersection {value}.") for value in _CURVES),
    Column("self_intersections", "list<int16>", "1", "Self-intersections of the toric curves in cyclic order."),
)


# --- generation -------------------------------------------------------------------------------------------------------


def generate() -> dict[str, Ragged]:
    """All bases from first principles: blow-ups of P2 and F_0 … F_12, each followed by closure (arXiv:1204.0283).

    Returns
    -------
    self_intersections : ragged int16, in canonical order.
    """
    roots = [[-1, -1, -1]] + [[0, m, 0, -m] for m in range(13)]
    packed = ragged(roots, np.int8)
    values, offsets = _blow_up_all(packed.values, packed.offsets)
    if len(offsets) - 1 != COUNT:
        raise RuntimeError(f"the search gave {len(offsets) - 1} toric bases, {COUNT} are known")
    return {"self_intersections": _sorted(Ragged(values, offsets))}


def _sorted(curves: Ragged) -> Ragged:
    """Canonical sequences ``m`` in the order (n, m), as self-intersections."""
    keys = [
        (stop - start, curves.values[start:stop])
        for start, stop in zip(curves.offsets[:-1], curves.offsets[1:], strict=True)
    ]
    keys.sort(key=lambda key: (key[0], (key[1].astype(np.int16) + 128).astype(">u2").tobytes()))
    return ragged([-m.astype(np.int16) for _, m in keys], np.int16)


@njit(cache=True, nogil=True)
def _raise_orders(m, n, order, weight):
    """Raise orders of vanishing of a section of -weight K to the least fixed point above ``order``; in place.

    a_i >= ceil((weight (m_i - 2) + a_{i-1} + a_{i+1}) / m_i) for m_i >= 1. Orders on a divisor are capped where the
    base is dead anyway, so that the iteration ends.
    """
    step = 1
    changed = True
    while changed:
        changed = False
        step = -step  # a change travels along the cycle in either direction
        for j in range(n):
            i = j if step > 0 else n - 1 - j
            need = weight * (m[i] - 2) + order[i - 1 if i > 0 else n - 1] + order[i + 1 if i < n - 1 else 0]
            if m[i] >= 1 and need > order[i] * m[i] and order[i] < 2 * weight:
                order[i] = min(-(-need // m[i]), 2 * weight)
                changed = True


@njit(cache=True, nogil=True)
def _insert(row, n, at, value):
    for j in range(n, at, -1):
        row[j] = row[j - 1]
    row[at] = value


@njit(cache=True, nogil=True)
def _blow_up(m, f, g, n, i):
    """Blow up the point where curves i and i + 1 meet; in place, returns the new number of curves."""
    k = i + 1 if i + 1 < n else 0
    f_order = max(f[i] + f[k] - 4, 0)
    g_order = max(g[i] + g[k] - 6, 0)
    m[i] += 1
    m[k] += 1
    _insert(m, n, i + 1, 1)
    _insert(f, n, i + 1, f_order)
    _insert(g, n, i + 1, g_order)
    return n + 1


@njit(cache=True, nogil=True)
def _close(m, f, g, n):
    """Blow up every toric (4,6) point until none is left; returns the number of curves, 0 if a divisor reaches (4,6)."""
    while True:
        _raise_orders(m, n, f, 4)
        _raise_orders(m, n, g, 6)
        for i in range(n):
            if f[i] >= 4 and g[i] >= 6:
                return 0
        blown = False
        i = 0
        while i < n:
            k = i + 1 if i + 1 < n else 0
            if f[i] + f[k] >= 4 and g[i] + g[k] >= 6:
                if n + 1 >= len(m):
                    raise RuntimeError("a toric base outgrew MAX_CURVES")
                n = _blow_up(m, f, g, n, i)
                blown = True
                i += 1
            i += 1
        if not blown:
            return n


@njit(cache=True, nogil=True)
def _canonical(m, n, out):
    """Write the canonical form of the cyclic sequence m[:n] to ``out``."""
    smallest = m[:n].min()
    best_start, best_step = m[:n].argmin(), 1
    for step in (1, -1):
        for start in range(n):
            if m[start] > smallest:  # of a hundred curves one or two are left to compare
                continue
            a, b = start, best_start
            for _ in range(n):
                difference = m[a] - m[b]
                if difference != 0:
                    if difference < 0:
                        best_start, best_step = start, step
                    break
                a += step
                b += best_step
                a = a - n if a >= n else (a + n if a < 0 else a)
                b = b - n if b >= n else (b + n if b < 0 else b)
    a = best_start
    for j in range(n):
        out[n - 1 - j] = m[a]
        a += best_step
        a = a - n if a >= n else (a + n if a < 0 else a)


@njit(cache=True, nogil=True)
def _find(key, n, values, offsets, slots, mask):
    """Slot of a sequence in the open-addressing table: the one that holds it (compared in full) or an empty one."""
    code = np.uint64(1469598103934665603)
    for j in range(n):
        code = (code ^ np.uint64(key[j] + 128)) * np.uint64(1099511628211)
    slot = np.int64((code ^ (code >> np.uint64(29))) & np.uint64(mask))
    while slots[slot] >= 0:
        start = offsets[slots[slot]]
        if offsets[slots[slot] + 1] - start == n:
            same = True
            for j in range(n):
                if values[start + j] != key[j]:
                    same = False
                    break
            if same:
                break
        slot = (slot + 1) & mask
    return slot


@njit(cache=True, nogil=True)
def _blow_up_all(root_values, root_offsets):
    """Every base reachable from the roots, each once: values (int8) and offsets (int32) of the canonical sequences."""
    mask = (1 << 18) - 1
    slots = np.full(mask + 1, -1, np.int32)
    values = np.empty(1 << 22, np.int8)
    offsets = np.zeros((1 << 17) + 1, np.int32)
    count = 0
    parent, m = np.empty(MAX_CURVES, np.int64), np.empty(MAX_CURVES, np.int64)
    parent_f, f = np.empty(MAX_CURVES, np.int64), np.empty(MAX_CURVES, np.int64)
    parent_g, g = np.empty(MAX_CURVES, np.int64), np.empty(MAX_CURVES, np.int64)
    key = np.empty(MAX_CURVES, np.int64)
    for root in range(len(root_offsets) - 1):
        n = root_offsets[root + 1] - root_offsets[root]
        for j in range(n):
            m[j] = root_values[root_offsets[root] + j]
        _canonical(m, n, key)
        slot = _find(key, n, values, offsets, slots, mask)
        if slots[slot] < 0:
            slots[slot] = count
            for j in range(n):
                values[offsets[count] + j] = key[j]
            offsets[count + 1] = offsets[count] + n
            count += 1
    base = 0
    while base < count:
        n_parent = offsets[base + 1] - offsets[base]
        for j in range(n_parent):
            parent[j] = values[offsets[base] + j]
            parent_f[j] = 0
            parent_g[j] = 0
        _raise_orders(parent, n_parent, parent_f, 4)
        _raise_orders(parent, n_parent, parent_g, 6)
        for i in range(n_parent):
            m[:n_parent] = parent[:n_parent]
            f[:n_parent] = parent_f[:n_parent]
            g[:n_parent] = parent_g[:n_parent]
            n = _close(m, f, g, _blow_up(m, f, g, n_parent, i))
            if n == 0:
                continue
            _canonical(m, n, key)
            slot = _find(key, n, values, offsets, slots, mask)
            if slots[slot] < 0:
                if offsets[count] + n > len(values) or count + 1 >= len(offsets):
                    raise RuntimeError("more toric bases than there is room for")
                slots[slot] = count
                for j in range(n):
                    values[offsets[count] + j] = key[j]
                offsets[count + 1] = offsets[count] + n
                count += 1
        base += 1
    return values[: offsets[count]].copy(), offsets[: count + 1].copy()


# --- the published list -----------------------------------------------------------------------------------------------

_COMMENT = re.compile(r"\(\*.*?\*\)", re.DOTALL)
_ENTRY = re.compile(r"\{([^{}]*)\}")


def read(source: Path) -> dict[str, Ragged]:
    """The published list (Mathematica text, plain or gzip), checked and brought into the form of ``generate``.

    Raises
    ------
    InputError : the file is damaged or an entry is no toric base; names the line.
    """
    text = read_text(source)
    text = _COMMENT.sub(lambda comment: re.sub(r"[^\n]", " ", comment.group()), text)
    newlines = [position for position, character in enumerate(text) if character == "\n"]

    def where(position: int) -> str:
        return f"{source}, line {bisect(newlines, position - 1) + 1}"

    opening = re.match(r"\s*bases\s*=\s*\{", text)
    if not opening:
        raise InputError(f"{source}, line 1", "does not begin with 'bases = {'; expected the list of arXiv:1204.0283")
    rows, end = [], opening.end()
    previous: tuple = (0,)
    for entry in _ENTRY.finditer(text, end):
        between = text[end : entry.start()].split()
        if between != ([","] if rows else []):
            raise InputError(where(end), f"has {''.join(between)!r} between two bases, expected a comma")
        try:
            m = [int(number) for number in entry.group(1).split(",")]
        except ValueError:
            raise InputError(where(entry.start()), f"{entry.group()[:60]!r} is not a list of integers") from None
        reason = _why_no_base(m)
        if reason is None and (len(m), *m) <= previous:
            reason = "is not in the list's order by length and entries, or stands twice"
        if reason:
            raise InputError(where(entry.start()), f"the base {_short(m)} {reason}; download the list again")
        previous = (len(m), *m)
        rows.append(np.array(m, np.int16))
        end = entry.end()
    if not re.fullmatch(r"\s*\}\s*;?\s*", text[end:]):
        raise InputError(where(end), "the list is cut short or damaged here; expected a closing '};'")
    if len(rows) != COUNT:
        raise InputError(source, f"holds {len(rows)} bases, expected {COUNT}; download the list again")
    table = {"self_intersections": ragged([-m for m in rows], np.int16)}
    if content_sha256(table) != CONTENT_SHA256:
        raise InputError(source, "holds a toric surface that is none of the 61,539 bases; download the list again")
    return table


def _short(m: list[int]) -> str:
    return str(m) if len(m) <= 12 else f"[{', '.join(map(str, m[:12]))}, … ({len(m)} curves)]"


def _why_no_base(m: list[int]) -> str | None:
    """What is wrong with an entry of the list, or None: shape, self-intersection sum, fan, canonical form."""
    n = len(m)
    if not 3 <= n < MAX_CURVES:
        return f"has {n} curves, expected 3 to {MAX_CURVES - 1}"
    if max(map(abs, m)) > MAX_SELF_INTERSECTION:
        return f"has a self-intersection beyond ±{MAX_SELF_INTERSECTION}"
    if sum(m) != 3 * n - 12:
        return f"has self-intersections that sum to {-sum(m)}, expected 12 - 3n = {12 - 3 * n}"
    # v_{i+1} = m_i v_i - v_{i-1}: with the sum above, a fan that closes winds around once (Noether's formula).
    (x0, y0), (x1, y1) = (1, 0), (0, 1)
    for curve in m[1:] + m[:1]:
        (x0, y0), (x1, y1) = (x1, y1), (curve * x1 - x0, curve * y1 - y0)
    if (x0, y0, x1, y1) != (1, 0, 0, 1):
        return "does not close to the fan of a smooth toric surface"
    out = np.empty(n, np.int64)
    _canonical(np.array(m, np.int64), n, out)
    if out.tolist() != m:
        return f"is not in canonical form, which is {_short(out.tolist())}"
    return None


# --- features ---------------------------------------------------------------------------------------------------------


def features(geometries: Columns) -> dict[str, np.ndarray | Ragged]:
    """Exact features of a batch of bases; each row depends on its own base alone.

    Parameters
    ----------
    geometries : ``self_intersections``, ragged int16, any rotation and reflection.

    Returns
    -------
    The columns of ``FEATURES``.
    """
    curves = geometries["self_intersections"]
    n = np.diff(curves.offsets)
    by_value, by_cluster, free, longest = _count_curves(curves.values, curves.offsets)
    if (by_cluster < 0).any():
        row = int(np.flatnonzero((by_cluster < 0).any(axis=1))[0])
        raise InputError(
            f"row {row} of a batch of toric bases", "has a chain of curves that is no cluster of 6D F-theory"
        )
    extra = sum((12 - m) * by_value[:, MAX_SELF_INTERSECTION - m] for m in (9, 10, 11))
    tensors = n - 3 + extra
    rank, vectors, charged = by_cluster @ _RANK, by_cluster @ _DIMENSION, by_cluster @ _CHARGED
    neutral = 273 - 29 * tensors + vectors - charged
    h11, h21 = rank + tensors + 2, neutral - 1
    columns = {
        "h11": h11,
        "h21": h21,
        "euler_characteristic": 2 * (h11 - h21),
        "n_moduli": h11,
        "n_rays": n,
        "n_tensor_multiplets": tensors,
        "gauge_rank": rank,
        "n_vector_multiplets": vectors,
        "n_charged_hypers": charged,
        "n_neutral_hypers": neutral,
        "n_clusters": by_cluster.sum(axis=1),
        **{f"n_clusters_{cluster[0]}": by_cluster[:, i] for i, cluster in enumerate(CLUSTERS)},
        "n_free_minus_2": free,
        "longest_chain": longest,
        **{_curve_column(value): by_value[:, value + MAX_SELF_INTERSECTION] for value in _CURVES},
    }
    return {
        "duplicate_group": hash_rows(by_value, DATASET),
        **{name: column.astype(np.int32) for name, column in columns.items()},
        "self_intersections": curves,
    }


@njit(cache=True, nogil=True)
def _count_curves(values, offsets):
    """Curves by self-intersection, clusters by type (-1: not a cluster), free -2 curves and longest chain, per base."""
    rows = len(offsets) - 1
    by_value = np.zeros((rows, 2 * MAX_SELF_INTERSECTION + 1), np.int64)
    by_cluster = np.zeros((rows, 13), np.int64)
    free = np.zeros(rows, np.int64)
    longest = np.zeros(rows, np.int64)
    for row in range(rows):
        curves = values[offsets[row] : offsets[row + 1]]
        n = len(curves)
        for i in range(n):
            by_value[row, curves[i] + MAX_SELF_INTERSECTION] += 1
        first = 0
        while curves[first] <= -2:  # some curve is above -2, since the self-intersections sum to 12 - 3n
            first += 1
        length, heavy = 0, 0  # of the chain at hand: curves, and the last one below -2
        beside = 0  # -2 curves before the heavy one
        for j in range(1, n + 1):
            curve = curves[(first + j) % n]
            if curve <= -2:
                length += 1
                if curve < -2:
                    if heavy != 0:
                        by_cluster[row, 0] = -1 << 20  # two curves below -2 in one chain
                    heavy = curve
                    beside = length - 1
                continue
            longest[row] = max(longest[row], length)
            if heavy == 0:
                free[row] += length
            elif length == 1:
                by_cluster[row, -heavy - 3] += 1
            elif heavy == -3 and length == 2:
                by_cluster[row, 10] += 1
            elif heavy == -3 and length == 3:
                by_cluster[row, 12 if beside == 1 else 11] += 1
            else:
                by_cluster[row, 0] = -1 << 20
            length, heavy, beside = 0, 0, 0
    return by_value, by_cluster, free, longest
