"""The 61,539 smooth toric bases of 6D F-theory (Morrison, Taylor, arXiv:1204.0283).

A base is the cyclic sequence of the self-intersections D_i² of its toric curves. Below, ``m_i = -D_i²`` as in the
published list. The canonical form of a base is the rotation or reflection of ``m`` whose reversal is lexicographically
smallest; bases are ordered by (n, m), and ``geometry_id`` is the rank in that order.
"""

import re
from array import array
from pathlib import Path

import numpy as np

from vacuagym.errors import InputError
from vacuagym.geometry.lists import COMPLETE, read_text
from vacuagym.geometry.sequences import insert
from vacuagym.geometry.texts import integers
from vacuagym.geometry.toric_bases import CLUSTERS, CURVES, FAMILY, MAX_LAG, MAX_SELF_INTERSECTION, curve_column
from vacuagym.geometry.toric_bases.weierstrass import elliptic_threefolds
from vacuagym.geometry.triangulations import mix, new_table, threefold_columns
from vacuagym.numerics.compiled import njit
from vacuagym.tables.arrays import Columns, Ragged, in_order
from vacuagym.tables.hashing import hash_rows

MAX_CURVES = 200  # the longest base has 194
_RANK, _DIMENSION, _CHARGED = (np.array(values) for values in list(zip(*CLUSTERS, strict=True))[2:])


# --- closure ----------------------------------------------------------------------------------------------------------


# A base at work is an int64 array (MAX_CURVES, 7) with a row for each toric curve, doubly linked. Its columns:
_M = 0  # minus the self-intersection
_F, _G = 1, 2  # orders of vanishing of the generic sections of -4 K and -6 K, or lower bounds of them
_LEFT, _RIGHT = 3, 4  # the neighbours
_STACK, _STACKED = 5, 6  # a stack of the curves whose orders may have to rise, and whether a curve is in it


@njit(cache=True, nogil=True)
def _push(base, i, height):
    if base[i, _STACKED]:
        return height
    base[i, _STACKED] = 1
    base[height, _STACK] = i
    return height + 1


@njit(cache=True, nogil=True)
def _blow_up(base, n, i, height):
    """Blow up the point where curve i meets the next one; returns the new height of the stack. Curve n is new."""
    k = base[i, _RIGHT]
    base[n, _M] = 1
    base[n, _F] = max(base[i, _F] + base[k, _F] - 4, 0)
    base[n, _G] = max(base[i, _G] + base[k, _G] - 6, 0)
    base[n, _LEFT], base[n, _RIGHT] = i, k
    base[i, _RIGHT], base[k, _LEFT] = n, n
    base[i, _M] += 1
    base[k, _M] += 1
    base[n, _STACKED] = 0
    return _push(base, n, _push(base, k, _push(base, i, height)))


@njit(cache=True, nogil=True)
def _least_order(base, order, weight, i):
    """Least order of a section of -weight K on curve i, given those on its neighbours (arXiv:1204.0283)."""
    m = base[i, _M]
    if m < 1:
        return base[i, order]
    need = weight * (m - 2) + base[base[i, _LEFT], order] + base[base[i, _RIGHT], order]
    return max(base[i, order], -(-need // m))


@njit(cache=True, nogil=True)
def _raise_orders(base, height):
    """Raise orders of vanishing to their least fixed point; returns whether a curve is at (4,6).

    It ends: orders of 4 and 6 everywhere (the monomial at the origin) solve the inequalities on every toric base.
    """
    while height > 0:
        height -= 1
        i = base[height, _STACK]
        base[i, _STACKED] = 0
        f, g = _least_order(base, _F, 4, i), _least_order(base, _G, 6, i)
        if f >= 4 and g >= 6:
            return True
        if f > base[i, _F] or g > base[i, _G]:
            base[i, _F], base[i, _G] = f, g
            height = _push(base, base[i, _RIGHT], _push(base, base[i, _LEFT], height))
    return False


@njit(cache=True, nogil=True)
def _close(base, n, height, most):
    """Blow up each toric (4,6) point until none is left; stop beyond ``most`` curves.

    Returns the number of curves, 0 if a curve is at (4,6). The order of the steps does not matter: what is below the
    least fixed point of a base is below that of its blow-ups.
    """
    while height > 0:
        if _raise_orders(base, height):
            return 0
        height, size = 0, n
        for i in range(size):
            k = base[i, _RIGHT]
            if base[i, _F] + base[k, _F] >= 4 and base[i, _G] + base[k, _G] >= 6:
                if n == most:
                    return n + 1
                height = _blow_up(base, n, i, height)
                n += 1
    return n


@njit(cache=True, nogil=True)
def _settle(base, m):
    """Load the cycle ``m`` with its orders of vanishing; returns its length if it is a base, 0 or more if not."""
    n = len(m)
    for i in range(n):
        base[i, _M], base[i, _F], base[i, _G] = m[i], 0, 0
        base[i, _LEFT], base[i, _RIGHT] = i - 1, i + 1
        base[i, _STACK], base[i, _STACKED] = i, 1
    base[0, _LEFT], base[n - 1, _RIGHT] = n - 1, 0
    return _close(base, n, n, n)


@njit(cache=True, nogil=True)
def _canonical(m, out):
    """Write the canonical form of the cyclic sequence ``m`` to ``out``; returns the numbers of symmetries.

    Returns
    -------
    Rotations and reflections that leave the sequence as it is.
    """
    n = len(m)
    smallest = m.min()
    best_start, best_step = 0, 1
    rotations, reflections = 0, 0
    while m[best_start] > smallest:
        best_start += 1
    for step in (1, -1):
        for start in range(n):
            if m[start] > smallest:
                continue
            a, b, difference = start, best_start, 0
            for _ in range(n):
                difference = m[a] - m[b]
                if difference != 0:
                    break
                a += step
                b += best_step
                a = a - n if a >= n else (a + n if a < 0 else a)
                b = b - n if b >= n else (b + n if b < 0 else b)
            if difference < 0:
                best_start, best_step = start, step
                rotations, reflections = 0, 0
            if difference <= 0:
                if step == best_step:
                    rotations += 1
                else:
                    reflections += 1
    a = best_start
    for j in range(n):
        out[n - 1 - j] = m[a]
        a += best_step
        a = a - n if a >= n else (a + n if a < 0 else a)
    return rotations, reflections


# --- generation -------------------------------------------------------------------------------------------------------


def generate() -> dict[str, Ragged]:
    """All bases from first principles: blow-ups of P2 and F_0 … F_12, each followed by closure (arXiv:1204.0283).

    Closure blows up toric (4,6) points until none is left, and gives up when a curve is at (4,6). Orders of vanishing
    never fall under blow-ups, so each base that refines a blown-up one refines its closure, and none is missed.

    Returns
    -------
    self_intersections : ragged int16, in canonical order.
    """
    values, offsets = _blow_up_all(FAMILY.count)
    curves = np.empty(len(values), np.int16)
    lengths = np.diff(offsets)
    start = 0
    for n in np.unique(lengths):  # level by level, in lexicographic order: bytes above zero compare as numbers do
        level = values[offsets[:-1][lengths == n][:, None] + np.arange(n)]
        order = np.argsort((level + 128).astype(np.uint8).view(f"S{n}").ravel())
        curves[start : start + level.size] = -level[order].ravel()
        start += level.size
    return {"self_intersections": Ragged(curves, np.concatenate([[0], np.cumsum(np.sort(lengths))]).astype(np.int32))}


@njit(cache=True, nogil=True)
def _insert(m, key, count, values, offsets, slots):
    """Append the canonical form of ``m`` to the bases found if it is new; returns their number."""
    _canonical(m, key[: len(m)])
    return insert(key[: len(m)], count, values, offsets, slots)


@njit(cache=True, nogil=True)
def _blow_up_all(known):
    """Each base once, in the order of discovery: canonical sequences ``m`` as values (int16) and offsets (int32)."""
    slots = np.full(1 << 18, -1, np.int32)
    values = np.empty(known * 40, np.int16)  # a base has 34 curves on average
    offsets = np.zeros(known + 1, np.int32)
    m, key = np.empty(MAX_CURVES, np.int64), np.empty(MAX_CURVES, np.int64)
    parent, child = np.empty((MAX_CURVES, 7), np.int64), np.empty((MAX_CURVES, 7), np.int64)
    count = _insert(np.array([-1, -1, -1]), key, 0, values, offsets, slots)
    for twist in range(MAX_SELF_INTERSECTION + 1):
        count = _insert(np.array([0, twist, 0, -twist]), key, count, values, offsets, slots)
    done = 0
    while done < count:
        n = _settle(parent, values[offsets[done] : offsets[done + 1]])
        done += 1
        for i in range(n):
            child[:n] = parent[:n]
            size = _close(child, n + 1, _blow_up(child, n, i, 0), MAX_CURVES - 1)
            if size == MAX_CURVES:
                raise RuntimeError("a toric base has MAX_CURVES curves or more")
            if size > 0:
                at = 0
                for j in range(size):
                    m[j] = child[at, _M]
                    at = child[at, _RIGHT]
                count = _insert(m[:size], key, count, values, offsets, slots)
    if count != known:
        raise RuntimeError("fewer toric bases than are known")
    return values[: offsets[count]], offsets


# --- what makes a base ------------------------------------------------------------------------------------------------

_DEFECTS = (
    "",
    f"has fewer than 3 or more than {MAX_CURVES - 1} curves",
    f"has a self-intersection beyond ±{MAX_SELF_INTERSECTION}",
    "has self-intersections that do not sum to 12 - 3n",
    "does not close to the fan of a smooth toric surface",
    "is no F-theory base, since f and g vanish to orders 4 and 6 on a toric curve or point",
    "is not in canonical form, the rotation or reflection whose reversal is lexicographically smallest",
    "does not come after the one before it in the list's order, by length and entries",
)


@njit(cache=True, nogil=True)
def _defects(values, offsets, listed):
    """Index to ``_DEFECTS`` of what is wrong with each cycle ``m``, 0 if nothing; the last two only if ``listed``."""
    found = np.zeros(len(offsets) - 1, np.int64)
    base, canonical = np.empty((MAX_CURVES, 7), np.int64), np.empty(MAX_CURVES, np.int64)
    for row in range(len(found)):
        m = values[offsets[row] : offsets[row + 1]]
        n = len(m)
        if not 3 <= n < MAX_CURVES:
            found[row] = 1
        elif m.min() < -MAX_SELF_INTERSECTION or m.max() > MAX_SELF_INTERSECTION:
            found[row] = 2
        elif m.sum() != 3 * n - 12:
            found[row] = 3
        elif not _closes(m):
            found[row] = 4
        elif _settle(base, m) != n:
            found[row] = 5
        elif listed:
            _canonical(m, canonical[:n])
            before = values[offsets[row - 1] : offsets[row]] if row > 0 else m[:0]
            if (canonical[:n] != m).any():
                found[row] = 6
            elif not _precedes(before, m):
                found[row] = 7
    return found


@njit(cache=True, nogil=True)
def _closes(m):
    """Whether the rays v_{i+1} = m_i v_i - v_{i-1} come back; once around, if the self-intersections sum to 12 - 3n."""
    n = len(m)
    x0, y0, x1, y1 = 1, 0, 0, 1
    for i in range(1, n + 1):
        x0, y0, x1, y1 = x1, y1, m[i % n] * x1 - x0, m[i % n] * y1 - y0
        if max(abs(x1), abs(y1)) > 1 << 32:  # far beyond the rays of any base, far below an overflow
            return False
    return x0 == 1 and y0 == 0 and x1 == 0 and y1 == 1


@njit(cache=True, nogil=True)
def _precedes(a, b):
    """Whether a comes before b, shorter sequences first."""
    if len(a) != len(b):
        return len(a) < len(b)
    for j in range(len(a)):
        if a[j] != b[j]:
            return a[j] < b[j]
    return False


# --- the published list -----------------------------------------------------------------------------------------------

_COMMENT = re.compile(r"\(\*.*?\*\)", re.DOTALL)
_ENTRY = re.compile(r"\{([^{}]*)\}")


def read(source: Path) -> dict[str, Ragged]:
    """The published list (Mathematica text, plain or gzip), checked and brought into the form of ``generate``.

    Every entry is checked to be an F-theory base in canonical form, and the entries to be in order. There are ``FAMILY.count``
    such bases, so a list of that length that passes is the whole list.

    Raises
    ------
    InputError : the file is damaged or an entry is no such base; names the line.
    """
    text = _COMMENT.sub(lambda comment: re.sub(r"[^\n]", " ", comment.group()), read_text(source))
    opening = re.match(r"\s*bases\s*=\s*\{", text)
    if not opening:
        at = len(text) - len(text.lstrip())
        raise _damaged(source, text, at, at, "does not begin with 'bases = {', as the list of arXiv:1204.0283 does")
    m, offsets, starts, end = array("h"), array("i", [0]), array("i"), opening.end()
    for entry in _ENTRY.finditer(text, end):
        between = text[end : entry.start()].strip()
        if between != ("," if m else ""):
            raise _damaged(source, text, end, entry.start(), f"{_short(between)!r} stands where one comma is expected")
        try:
            m.extend(map(int, entry.group(1).split(",")))
        except (ValueError, OverflowError):
            reason = f"{_short(entry.group())!r} is not a list of small integers"
            raise _damaged(source, text, entry.start(), entry.end(), reason) from None
        offsets.append(len(m))
        starts.append(entry.start())
        end = entry.end()
    if not re.fullmatch(r"\s*\}\s*;?\s*", text[end:]):
        reason = f"{_short(text[end:])!r} stands where the end of the list or the next base is expected"
        raise _damaged(source, text, end, len(text), reason)
    m, offsets = np.frombuffer(m, np.int16), np.frombuffer(offsets, np.int32)
    wrong = _defects(m, offsets, True)
    for row in np.flatnonzero(wrong)[:1]:
        entry = _ENTRY.match(text, starts[row])
        reason = f"the base {_short(entry.group())} {_DEFECTS[wrong[row]]}"
        raise _damaged(source, text, entry.start(), entry.end(), reason)
    table = {"self_intersections": Ragged(-m, offsets)}
    if len(wrong) != FAMILY.count:
        row, missing = _first_missing(table["self_intersections"])
        at = starts[row] if row < len(starts) else end
        reason = f"{_short(str(missing))} is missing before this line; the list holds {len(wrong):,} of {FAMILY.count:,} bases"
        raise _damaged(source, text, at, at, reason)
    return table


def _first_missing(curves: Ragged) -> tuple[int, list[int]]:
    """Where the first base is missing that is not among these, which are in order, and what it reads in the list."""
    known = generate()["self_intersections"]
    row = 0
    while row < len(curves.offsets) - 1 and np.array_equal(_row(curves, row), _row(known, row)):
        row += 1
    return row, (-_row(known, row)).tolist()


def _row(column: Ragged, row: int) -> np.ndarray:
    return column.values[column.offsets[row] : column.offsets[row + 1]]


def _damaged(source: Path, text: str, start: int, stop: int, reason: str) -> InputError:
    """The error for what stands between two positions of the text."""
    damaged = text[start:stop]
    first = text.count("\n", 0, stop - len(damaged.lstrip())) + 1
    last = first + damaged.strip().count("\n")
    lines = f"line {first}" if first == last else f"lines {first} to {last}"
    return InputError(f"{source}, {lines}", f"{reason}; {COMPLETE}")


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 60 else f"{text[:57]}..."


# --- lists of one's own -------------------------------------------------------------------------------------------------


def parse(entry: str) -> tuple[dict, dict]:
    """Minus the self-intersections of a base, as its list has them.

    Returns
    -------
    geometry : dict
        The columns of `FAMILY.geometry_columns`.
    given : dict
        Nothing: no features stand in the list.

    Raises
    ------
    ValueError
        It is no list of integers.
    """
    return {"self_intersections": [-m for m in integers(entry)]}, {}


def defects(geometries: Columns) -> list[str]:
    """What is wrong with each of some bases, empty if nothing."""
    curves = geometries["self_intersections"]
    return [_DEFECTS[defect] for defect in _defects(-curves.values, curves.offsets, False)]


# --- features ---------------------------------------------------------------------------------------------------------


def features(geometries: Columns) -> dict[str, np.ndarray | Ragged]:
    """Exact features of a batch of bases; each row depends on its own base alone.

    All columns are the same for each rotation and reflection of a base.

    Parameters
    ----------
    geometries : ``self_intersections``, ragged int16, any rotation and reflection.

    Returns
    -------
    The columns of `FAMILY.features`.

    Raises
    ------
    InputError : a sequence is no toric base of 6D F-theory; names the row of the batch.
    """
    curves = geometries["self_intersections"]
    wrong = _defects(-curves.values, curves.offsets, False)
    for row in np.flatnonzero(wrong)[:1]:
        raise InputError(f"row {row} of a batch of toric bases", f"{_DEFECTS[wrong[row]]}; make the geometries again")
    curves = Ragged(_canonical_rows(curves.values, curves.offsets), curves.offsets)
    n = np.diff(curves.offsets)
    by_value, by_cluster, free, longest = _count_curves(curves.values, curves.offsets)
    keys, rotations, reflections, fibrations, correlations = _cyclic_structure(curves.values, curves.offsets)
    exceptional = sum((12 - m) * by_value[:, MAX_SELF_INTERSECTION - m] for m in (9, 10, 11))
    tensors = n - 3 + exceptional
    rank, vectors, charged = by_cluster @ _RANK, by_cluster @ _DIMENSION, by_cluster @ _CHARGED
    neutral = 273 - 29 * tensors + vectors - charged
    h11, h21 = rank + tensors + 2, neutral - 1
    columns = {
        "geometry_key": hash_rows([keys], FAMILY.name),
        "h11": h11,
        "h21": h21,
        "euler_characteristic": 2 * (h11 - h21),
        "n_rays": n,
        "n_tensor_multiplets": tensors,
        "n_exceptional_curves": exceptional,
        "gauge_rank": rank,
        "n_vector_multiplets": vectors,
        "n_charged_hypers": charged,
        "n_neutral_hypers": neutral,
        "n_clusters": by_cluster.sum(axis=1),
        **{f"n_clusters_{cluster[0]}": by_cluster[:, i] for i, cluster in enumerate(CLUSTERS)},
        "n_free_minus_2": free,
        "longest_chain": longest,
        "n_rotations": rotations,
        "has_reflection": reflections > 0,
        "n_toric_fibrations": fibrations,
        **{curve_column(value): by_value[:, value + MAX_SELF_INTERSECTION] for value in CURVES},
        **{f"correlation_lag_{lag + 1}": correlations[:, lag] for lag in range(MAX_LAG)},
    }
    hodge, threefolds = np.zeros((len(n), 2), np.int64), new_table(len(n))
    elliptic_threefolds(curves.values, curves.offsets, hodge, threefolds)
    for row in np.flatnonzero((hodge[:, 0] != h11) | (hodge[:, 1] != h21))[:1]:
        base = _row(curves, row).tolist()
        raise RuntimeError(
            f"the base {base} has Hodge numbers {h11[row], h21[row]}, its polytope {hodge[row].tolist()}"
        )
    columns |= {"self_intersections": curves, **threefold_columns(threefolds)}
    return in_order(FAMILY.features, columns)


@njit(cache=True, nogil=True)
def _canonical_rows(values, offsets):
    """The self-intersections of each base in the order of its canonical form."""
    out = np.empty_like(values)
    m, canonical = np.empty(MAX_CURVES, np.int64), np.empty(MAX_CURVES, np.int64)
    for row in range(len(offsets) - 1):
        start, n = offsets[row], offsets[row + 1] - offsets[row]
        for i in range(n):
            m[i] = -values[start + i]
        _canonical(m[:n], canonical[:n])
        for i in range(n):
            out[start + i] = -canonical[i]
    return out


@njit(cache=True, nogil=True)
def _count_curves(values, offsets):
    """Curves by self-intersection, clusters by type, free -2 curves and longest chain of each base."""
    rows = len(offsets) - 1
    by_value = np.zeros((rows, 2 * MAX_SELF_INTERSECTION + 1), np.int64)
    by_cluster = np.zeros((rows, len(CLUSTERS)), np.int64)
    free = np.zeros(rows, np.int64)
    longest = np.zeros(rows, np.int64)
    for row in range(rows):
        curves = values[offsets[row] : offsets[row + 1]]
        n = len(curves)
        for curve in curves:
            by_value[row, curve + MAX_SELF_INTERSECTION] += 1
        first = curves.argmax()  # above -2, since the self-intersections sum to 12 - 3n
        length, heavy, before = 0, 0, 0  # of the chain at hand: curves, the one below -2, -2 curves before that
        for j in range(1, n + 1):
            curve = curves[(first + j) % n]
            if curve <= -2:
                if curve < -2:
                    heavy, before = curve, length
                length += 1
                continue
            longest[row] = max(longest[row], length)
            if heavy == 0:
                free[row] += length
            elif length == 1:
                by_cluster[row, -heavy - 3] += 1
            elif length == 2:
                by_cluster[row, 10] += 1
            else:
                by_cluster[row, 12 if before == 1 else 11] += 1
            length, heavy, before = 0, 0, 0
    return by_value, by_cluster, free, longest


@njit(cache=True, nogil=True)
def _cyclic_structure(values, offsets):
    """Hash of each base's canonical form, its rotations and reflections, pairs of opposite rays, and cyclic correlations."""
    rows = len(offsets) - 1
    keys = np.zeros(rows, np.int64)
    rotations, reflections = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
    fibrations = np.zeros(rows, np.int64)
    correlations = np.zeros((rows, MAX_LAG), np.int64)
    canonical = np.empty(MAX_CURVES, np.int64)
    x, y = np.empty(MAX_CURVES, np.int64), np.empty(MAX_CURVES, np.int64)  # the rays
    x[0], y[0], x[1], y[1] = 1, 0, 0, 1
    for row in range(rows):
        curves = values[offsets[row] : offsets[row + 1]]
        n = len(curves)
        rotations[row], reflections[row] = _canonical(-curves, canonical[:n])
        code = np.uint64(n)
        for i in range(n):
            code = mix(code ^ np.uint64(canonical[i]))
        keys[row] = np.int64(code >> np.uint64(1))
        for i in range(n):
            if i >= 2:
                x[i] = -curves[i - 1] * x[i - 1] - x[i - 2]
                y[i] = -curves[i - 1] * y[i - 1] - y[i - 2]
            for j in range(i):
                if x[i] == -x[j] and y[i] == -y[j]:
                    fibrations[row] += 1
            for lag in range(MAX_LAG):
                correlations[row, lag] += curves[i] * curves[(i + 1 + lag) % n]
    return keys, rotations, reflections, fibrations, correlations
