"""The 7,890 complete-intersection Calabi-Yau threefolds (Candelas, Dale, Lütken, Schimmrigk, Nucl. Phys. B298 (1988) 493).

A configuration matrix q (m, K) lists the degrees of K polynomials in m projective factors; ``configurations`` derives the
list. Rows and columns may be permuted; the canonical form is the lexicographically largest one, read row by row.
``geometry_id`` is the rank by (m, K, canonical matrix).
"""

import hashlib
import re
from collections.abc import Mapping
from itertools import combinations_with_replacement, pairwise
from pathlib import Path

import numpy as np

from vacuagym.errors import InputError
from vacuagym.geometry.cicy import FAMILY
from vacuagym.geometry.cicy.configurations import canonical_form, threefolds
from vacuagym.geometry.lists import COMPLETE, read_text
from vacuagym.geometry.texts import integers
from vacuagym.numerics.compiled import njit
from vacuagym.tables.arrays import Columns, Ragged, content_sha256, ragged
from vacuagym.tables.hashing import hash_rows

CONTENT_SHA256 = "0d842ded8d58ec6b646fcd37152ae86174398479001a2e5d2306b227f0ead8bb"

MAX_FACTORS, MAX_EQUATIONS, MAX_DEGREE = 12, 15, 5
N_INVARIANTS = 6 + 2 * MAX_FACTORS

# --- configuration matrices -------------------------------------------------------------------------------------------


def generate() -> dict[str, np.ndarray | Ragged]:
    """All configurations from first principles.

    Returns
    -------
    n_factors, n_equations : (7890,) int32.
    configuration : ragged int8, canonical matrices row by row, in canonical order.
    """
    matrices = threefolds()
    if len(matrices) != FAMILY.count:
        raise RuntimeError(f"{len(matrices)} configurations found, {FAMILY.count} are known")
    return _table(matrices)


def _table(matrices: list[np.ndarray]) -> dict[str, np.ndarray | Ragged]:
    """Columns of the geometry table from canonical matrices in canonical order."""
    return {
        "n_factors": np.array([len(matrix) for matrix in matrices], dtype=np.int32),
        "n_equations": np.array([matrix.shape[1] for matrix in matrices], dtype=np.int32),
        "configuration": ragged([matrix.ravel() for matrix in matrices], np.int8),
    }


# --- topology ---------------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def _binomial(n, k):
    value = np.int64(1)
    for i in range(k):
        value = value * (n - i) // (i + 1)
    return value


@njit(cache=True, nogil=True)
def intersections(q, n):
    """d_rst = coefficient of prod_r J_r^{n_r} in J_r J_s J_t prod_a (sum_r q_ra J_r), (m, m, m) int64.

    q : (m, K) int64; n : (m,) int64, dimensions of the factors.
    """
    m, k = q.shape
    d = np.zeros((m, m, m), np.int64)
    stride = np.ones(m + 1, np.int64)
    for r in range(m):
        stride[r + 1] = stride[r] * (n[r] + 1)
    size = stride[m]
    poly, following = np.zeros(size, np.int64), np.zeros(size, np.int64)
    poly[0] = 1
    for a in range(k):
        following[:] = 0
        for cell in range(size):
            if poly[cell] != 0:
                for r in range(m):
                    if q[r, a] != 0 and (cell // stride[r]) % (n[r] + 1) < n[r]:
                        following[cell + stride[r]] += q[r, a] * poly[cell]
        poly, following = following, poly
    top = size - 1
    for r in range(m):
        for s in range(m):
            for t in range(m):
                need = np.zeros(m, np.int64)
                need[r] += 1
                need[s] += 1
                need[t] += 1
                cell = top
                fits = True
                for i in range(m):
                    fits = fits and need[i] <= n[i]
                    cell -= need[i] * stride[i]
                d[r, s, t] = poly[cell] if fits else 0
    return d


@njit(cache=True, nogil=True)
def chern_numbers(q, n, d):
    """chi and c2·J_t (m,) int64 of a configuration: adjunction on q (m, K), n (m,), d (m, m, m), all int64."""
    m, k = q.shape
    chi, c2 = np.int64(0), np.zeros(m, np.int64)
    for r in range(m):
        chi += (n[r] + 1) * d[r, r, r]
        for s in range(m):
            c2[r] -= (n[s] + 1) * d[s, s, r]
    for a in range(k):
        for r in range(m):
            if q[r, a] == 0:
                continue
            for s in range(m):
                for t in range(m):
                    c2[t] += q[r, a] * q[s, a] * d[r, s, t]
                    chi -= q[r, a] * q[s, a] * q[t, a] * d[r, s, t]
    return chi // 3, c2 // 2


@njit(cache=True, nogil=True)
def _restricted_cohomology(q, n, bundle, h):
    """Write h^0 … h^3 of the line bundle O(bundle) on X to ``h``, by the Koszul resolution and Bott-Borel-Weil.

    E_1^{-k,j} is the sum of H^j(A, O(bundle - sum of k columns)); every differential is taken of maximal rank.
    """
    m, k = q.shape
    top = n.sum()
    e = np.zeros((k + 1, top + 1), np.int64)
    for subset in range(1 << k):
        size = 0
        for a in range(k):
            size += (subset >> a) & 1
        degree, dimension = np.int64(0), np.int64(1)
        for r in range(m):
            b = bundle[r]
            for a in range(k):
                if (subset >> a) & 1:
                    b -= q[r, a]
            if b >= 0:
                dimension *= _binomial(n[r] + b, n[r])
            elif b <= -n[r] - 1:
                degree += n[r]
                dimension *= _binomial(-b - 1, n[r])
            else:
                dimension = 0
                break
        if dimension:
            e[size, degree] += dimension
    for step in range(1, k + 1):  # d_step: E^{-i, j} -> E^{-i + step, j - step + 1}
        for i in range(k, step - 1, -1):
            for j in range(step - 1, top + 1):
                rank = min(e[i, j], e[i - step, j - step + 1])
                e[i, j] -= rank
                e[i - step, j - step + 1] -= rank
    h[:] = 0
    for i in range(k + 1):
        for j in range(top + 1):
            if e[i, j] and 0 <= j - i <= 3:
                h[j - i] += e[i, j]


@njit(cache=True, nogil=True)
def _hodge_numbers(q, n):
    """h11 and h21 of a complete intersection that is no product, from 0 -> TX -> TA|X -> N -> 0 and the Euler sequence."""
    m, k = q.shape
    tangent, normal = np.zeros(4, np.int64), np.zeros(4, np.int64)
    part = np.zeros(4, np.int64)
    unit = np.zeros(m, np.int64)
    for r in range(m):
        unit[:] = 0
        unit[r] = 1
        _restricted_cohomology(q, n, unit, part)
        tangent += (n[r] + 1) * part
    tangent[0] -= m
    tangent[2] += m
    for a in range(k):
        _restricted_cohomology(q, n, q[:, a].copy(), part)
        normal += part
    h11 = max(normal[1] - tangent[1], 0) + tangent[2] - normal[2]
    h21 = normal[0] - tangent[0] + max(tangent[1] - normal[1], 0)
    return h11, h21


@njit(cache=True, nogil=True)
def smith_normal_form(matrix):
    """Diagonal of the Smith normal form of an integer matrix (rows, columns) int64; the matrix is overwritten."""
    rows, columns = matrix.shape
    diagonal = np.zeros(min(rows, columns), np.int64)
    for p in range(len(diagonal)):
        while True:
            x, y = -1, -1
            for i in range(p, rows):
                for j in range(p, columns):
                    if matrix[i, j] != 0 and (x < 0 or abs(matrix[i, j]) < abs(matrix[x, y])):
                        x, y = i, j
            if x < 0:
                return diagonal
            for j in range(columns):
                matrix[p, j], matrix[x, j] = matrix[x, j], matrix[p, j]
            for i in range(rows):
                matrix[i, p], matrix[i, y] = matrix[i, y], matrix[i, p]
            pivot = matrix[p, p]
            clean = True
            for i in range(p + 1, rows):
                f = matrix[i, p] // pivot
                for j in range(p, columns):
                    matrix[i, j] -= f * matrix[p, j]
                clean = clean and matrix[i, p] == 0
            for j in range(p + 1, columns):
                f = matrix[p, j] // pivot
                for i in range(p, rows):
                    matrix[i, j] -= f * matrix[i, p]
                clean = clean and matrix[p, j] == 0
            if not clean:
                continue
            for i in range(p + 1, rows):  # the pivot must divide what is left
                for j in range(p + 1, columns):
                    if clean and matrix[i, j] % pivot != 0:
                        for c in range(p, columns):
                            matrix[p, c] += matrix[i, c]
                        clean = False
            if clean:
                diagonal[p] = abs(pivot)
                break
    return diagonal


def features(geometries: Columns) -> dict[str, np.ndarray | Ragged]:
    """Exact features of a batch of configurations; each row depends on its own matrix alone.

    d_rst, c2 and chi: adjunction on the configuration matrix (Hübsch, Calabi-Yau Manifolds, 1992, ch. 2).

    Parameters
    ----------
    geometries : ``n_factors``, ``n_equations``, ``configuration``, rows and columns in any order. Classes are numbered by the
        rows of the canonical form.

    Returns
    -------
    The columns of `FAMILY.features`.
    """
    values, offsets = geometries["configuration"]
    matrices = [
        canonical_form(values[start:stop].reshape(m, -1).astype(np.int64)).astype(np.int64)
        for start, stop, m in zip(offsets[:-1], offsets[1:], geometries["n_factors"], strict=True)
    ]
    rows, invariants = [], np.zeros((len(matrices), N_INVARIANTS), np.int64)
    for i, q in enumerate(matrices):
        row, invariants[i] = _features_of(q)
        rows.append(row)
    columns = {
        "geometry_key": np.array([_key(q) for q in matrices], np.int64),
        "duplicate_group": hash_rows(invariants, FAMILY.name),
        "configuration": ragged([q.ravel() for q in matrices], np.int8),
    }
    for name, kind in ((column.name, column.type) for column in FAMILY.features if column.name not in columns):
        values = [row[name] for row in rows]
        columns[name] = ragged(values, kind[5:-1]) if kind.startswith("list") else np.asarray(values).astype(kind)
    return {column.name: columns[column.name] for column in FAMILY.features}


def _key(q):
    """Hash of a configuration matrix (m, K) in canonical form."""
    content = f"{FAMILY.name} {q.shape} ".encode() + q.astype(np.int8).tobytes()
    return int.from_bytes(hashlib.sha256(content).digest()[:8], "little") >> 1


def _features_of(q):
    """Every feature of a configuration matrix (m, K) int64 but the duplicate group, and what makes up that group.

    The latter, (N_INVARIANTS,): h11, h21, the four gcds, the Smith normal forms of (d) and of (d, c2) with zeros behind.
    """
    m, k = q.shape
    n = q.sum(axis=1) - 1
    d = intersections(q, n)
    chi, c2 = chern_numbers(q, n, d)
    n_blocks = _n_blocks(q)
    if n_blocks == 1:
        h11, h21 = _hodge_numbers(q, n)
    else:  # Künneth: T^2 x K3, or T^6
        h11 = h21 = 21 if n_blocks == 2 else 9
    if chi != 2 * (h11 - h21):
        raise InputError(f"configuration {q.tolist()}", "has Hodge numbers that contradict its Euler number")
    r, s, t = np.array([*combinations_with_replacement(range(m), 3)]).T
    packed = d[r, s, t]
    some_equal, all_equal = (r == s) | (s == t), (r == s) & (s == t)
    gcds = (
        np.gcd.reduce(packed),
        np.gcd.reduce(np.where(some_equal, 1, 2) * packed),
        np.gcd.reduce(np.where(all_equal, 1, np.where(some_equal, 3, 6)) * packed),
        np.gcd.reduce(c2),
    )
    flat = d.reshape(m, -1)
    invariants = np.zeros(N_INVARIANTS, np.int64)
    invariants[:6] = h11, h21, *gcds
    invariants[6:][:m] = smith_normal_form(flat.copy())
    invariants[6 + MAX_FACTORS :][:m] = smith_normal_form(np.column_stack([flat, c2]))
    row = {
        "h11": h11,
        "h21": h21,
        "euler_characteristic": chi,
        "n_moduli": h11,
        "n_factors": m,
        "n_equations": k,
        "is_favourable": n_blocks == 1 and h11 == m,
        "is_product": n_blocks > 1,
        "ambient_dimension": k + 3,
        "n_p1_factors": np.count_nonzero(n == 1),
        "max_factor_dimension": n.max(),
        "max_degree": q.max(),
        "n_nonzero_degrees": np.count_nonzero(q),
        "max_equation_degree": q.sum(axis=0).max(),
        "gcd_d": gcds[0],
        "gcd_d_even": gcds[1],
        "gcd_d_cubic": gcds[2],
        "gcd_second_chern": gcds[3],
        "n_fields": m,
        "triple_intersection_indices": np.stack([r, s, t], axis=1)[packed != 0].ravel(),
        "triple_intersection_numbers": packed[packed != 0],
        "second_chern_numbers": c2,
    }
    return row, invariants


def _n_blocks(q):
    """Number of blocks of the configuration matrix: the threefold is a product if there are several."""
    meet = q @ q.T > 0  # factors with a polynomial in common
    for _ in range(MAX_FACTORS.bit_length()):
        meet = meet @ meet
    return len(set(map(tuple, meet.tolist())))


# --- the published list -----------------------------------------------------------------------------------------------

_FIELDS = ("Num", "NumPs", "NumPol", "Eta", "H11", "H21", "C2", "Redun")


def read(source: Path) -> dict[str, np.ndarray | Ragged]:
    """The published list of configurations (text, plain or gzip), checked and brought into canonical order.

    Raises
    ------
    InputError : the file is damaged, or an entry contradicts its own matrix; names the line.
    """
    entries = _entries(source)
    forms, order = _canonical_order(entries)
    for i, j in pairwise(order):
        if np.array_equal(forms[i], forms[j]):
            (first, fields, _), (line, again, _) = entries[i], entries[j]
            raise InputError(
                f"{source}, line {line}",
                f"entry {again['Num'][0]} is entry {fields['Num'][0]} (line {first}) with rows and columns permuted; "
                f"{COMPLETE}",
            )
    table = _table([forms[i] for i in order])
    found = features(table)
    for row, i in enumerate(order):
        line, fields, _ = entries[i]
        start, stop = found["second_chern_numbers"].offsets[row : row + 2]
        derived = {
            "Eta": int(found["euler_characteristic"][row]),
            "C2": sorted(found["second_chern_numbers"].values[start:stop].tolist()),
        }
        listed = {"Eta": fields["Eta"][0], "C2": sorted(fields["C2"])}
        if not found["is_product"][row]:  # products are listed with h11 = h21 = 0
            derived |= {"H11": int(found["h11"][row]), "H21": int(found["h21"][row])}
            listed |= {"H11": fields["H11"][0], "H21": fields["H21"][0]}
        if derived != listed:
            raise InputError(
                f"{source}, line {line}", f"entry {fields['Num'][0]} says {listed}, its matrix gives {derived}"
            )
    if content_sha256(table) != CONTENT_SHA256:
        raise InputError(source, f"holds configurations other than the published ones; {COMPLETE}")
    return table


def published_numbers(source: Path) -> np.ndarray:
    """``Num`` of the published list by ``geometry_id``, (7890,) int32."""
    entries = _entries(source)
    _, order = _canonical_order(entries)
    return np.array([entries[i][1]["Num"][0] for i in order], dtype=np.int32)


def _canonical_order(entries) -> tuple[list[np.ndarray], list[int]]:
    """Canonical forms of the entries of the list, and the entries' positions in canonical order."""
    forms = [canonical_form(matrix) for _, _, matrix in entries]
    return forms, sorted(range(len(forms)), key=lambda i: (*forms[i].shape, forms[i].tobytes(), i))


def _entries(source: Path) -> list[tuple[int, dict[str, list[int]], np.ndarray]]:
    """First line, fields and matrix of every entry of the list, each checked on its own."""
    entries: list[tuple[int, dict, list]] = []
    for number, line in enumerate(read_text(source).split("\n"), start=1):
        text = line.strip()
        if not text:
            continue
        name, colon, value = (part.strip() for part in text.partition(":"))
        where = f"{source}, line {number}"
        if not re.fullmatch(r"\{?\s*-?\d{1,9}(\s*,\s*-?\d{1,9})*\s*\}?", value if colon else text):
            raise InputError(where, f"{text[:60]!r} is no field and no row of integers; {COMPLETE}")
        numbers = [int(word) for word in re.findall(r"-?\d+", value if colon else text)]
        if colon and name == _FIELDS[0]:
            entries.append((number, {}, []))
        if not entries:
            raise InputError(where, f"{text[:60]!r} stands before the first entry, which begins with {_FIELDS[0]!r}")
        _, fields, rows = entries[-1]
        expected = _FIELDS[len(fields) % len(_FIELDS)]
        if not colon:
            rows.append(numbers)
        elif name != expected:
            raise InputError(where, f"has the field {name[:60]!r}, expected {expected!r}")
        else:
            fields[name] = numbers
    for position, (first, fields, rows) in enumerate(entries):
        if reason := _why_no_configuration(fields, rows):
            raise InputError(f"{source}, line {first}", f"the entry {reason}; {COMPLETE}")
        entries[position] = (first, fields, np.array(rows, dtype=np.int64))
    if len(entries) != FAMILY.count:
        raise InputError(source, f"holds {len(entries):,} of {FAMILY.count:,} configurations; {COMPLETE}")
    for number, (first, fields, _) in enumerate(entries, start=1):
        if fields["Num"] != [number]:
            reason = f"the entry is number {fields['Num']}, expected {number}; {COMPLETE}"
            raise InputError(f"{source}, line {first}", reason)
    return entries


def _why_no_configuration(fields: dict[str, list[int]], rows: list[list[int]]) -> str | None:
    """What is wrong with an entry of the published list, or None."""
    if tuple(fields) != _FIELDS:
        return f"has the fields {', '.join(fields)}, expected {', '.join(_FIELDS)}"
    return _why_not_of_size(fields, rows) or _why_no_matrix(rows)


def _why_not_of_size(fields: Mapping[str, list[int]], rows: list[list[int]]) -> str | None:
    """Whether a matrix has the size that its fields say, where they do."""
    m, k = fields.get("NumPs", [len(rows)])[0], fields.get("NumPol", [len(rows[0]) if rows else 0])[0]
    if len(rows) != m or any(len(row) != k for row in rows):
        return f"has rows of lengths {[len(row) for row in rows]}, expected {m} rows of {k}"
    return None


def _why_no_matrix(rows: list[list[int]]) -> str | None:
    """What is wrong with a configuration matrix, or None: size, degrees, Calabi-Yau condition in three dimensions."""
    m, k = len(rows), len(rows[0]) if rows else 0
    if not 1 <= m <= MAX_FACTORS or not 1 <= k <= MAX_EQUATIONS:
        return f"has {m} factors and {k} polynomials, at most {MAX_FACTORS} and {MAX_EQUATIONS} are known"
    if min(map(min, rows)) < 0 or max(map(max, rows)) > MAX_DEGREE:
        return f"has a degree that is not in 0 to {MAX_DEGREE}"
    if sum(map(sum, rows)) - m - k != 3 or min(map(sum, rows)) < 2:
        return f"is no Calabi-Yau threefold: its dimension is {sum(map(sum, rows)) - m - k}, expected 3"
    if min(map(sum, zip(*rows, strict=True))) < 2:
        return "has a linear polynomial"
    return None


# --- lists of one's own -------------------------------------------------------------------------------------------------

_GIVEN = {"Eta": "euler_characteristic", "H11": "h11", "H21": "h21", "C2": "second_chern_numbers"}


def parse(entry: str) -> tuple[dict, dict]:
    """The fields of a configuration, if there are any, and the rows of its matrix.

    Returns
    -------
    geometry : dict
        The columns of `FAMILY.geometry_columns`, the matrix in canonical form.
    given : dict
        Features that stand in the entry.

    Raises
    ------
    ValueError
        It is no configuration matrix of a threefold; says why.
    """
    fields, rows = {}, []
    for line in entry.splitlines():
        name, colon, value = (part.strip() for part in line.partition(":"))
        if not colon:
            rows.append(integers(line))
        elif name in ("NumPs", "NumPol", *_GIVEN):
            fields[name] = integers(value)
    if reason := _why_not_of_size(fields, rows) or _why_no_matrix(rows):
        raise ValueError(reason)
    q = canonical_form(np.array(rows))
    geometry = {"n_factors": len(q), "n_equations": q.shape[1], "configuration": q.ravel().tolist()}
    if fields.get("H11") == fields.get("H21") == [0] and _n_blocks(q.astype(np.int64)) > 1:
        del fields["H11"], fields["H21"]  # products are listed so
    given = {
        feature: fields[name] if name == "C2" else fields[name][0]
        for name, feature in _GIVEN.items()
        if fields.get(name)
    }
    return geometry, given


def defects(geometries: Columns) -> list[str]:
    """What is wrong with each of some configurations, empty if nothing."""
    values, offsets = geometries["configuration"]
    found = []
    for m, k, start, stop in zip(
        geometries["n_factors"], geometries["n_equations"], offsets[:-1], offsets[1:], strict=True
    ):
        if m < 1 or m * k != stop - start:
            found.append(f"has {stop - start} degrees, expected {m} rows of {k}")
            continue
        q = values[start:stop].reshape(m, k)
        reason = _why_no_matrix(q.tolist())
        if not reason:
            try:
                _features_of(canonical_form(q).astype(np.int64))
            except InputError as error:
                reason = error.reason
        found.append(reason or "")
    return found
