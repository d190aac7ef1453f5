"""The 7,890 complete-intersection Calabi-Yau threefolds (Candelas, Dale, Lütken, Schimmrigk, Nucl. Phys. B298 (1988) 493).

A configuration matrix q (m, K) lists the degrees of K polynomials in m projective factors; the factor of row r is P^{n_r}
with n_r + 1 = sum of the row, and sum n_r - K = 3. Rows and columns may be permuted; the canonical form is the
lexicographically largest one, read row by row. ``geometry_id`` is the rank by (m, K, canonical matrix).
"""

import lzma
import re
from itertools import pairwise
from math import gcd
from pathlib import Path

import numpy as np
from numba import njit

from vacuagym.errors import InputError
from vacuagym.geometry import COUNTS
from vacuagym.geometry.lists import read_text
from vacuagym.tables.columns import Column, Columns, Ragged, content_sha256, ragged
from vacuagym.tables.hashing import hash_rows

DATASET = "cicy3"
COUNT = COUNTS[DATASET]

CONTENT_SHA256 = "0d842ded8d58ec6b646fcd37152ae86174398479001a2e5d2306b227f0ead8bb"

MAX_FACTORS, MAX_EQUATIONS, MAX_DEGREE = 12, 15, 5
STORED_CONFIGURATIONS = Path(__file__).with_name("cicy3.bin.xz")

GEOMETRY_COLUMNS = (
    Column("n_factors", "int32", "1", "Projective factors m: rows of the configuration matrix."),
    Column("n_equations", "int32", "1", "Polynomials K: columns of the configuration matrix."),
    Column("configuration", "list<int8>", "1", "Canonical configuration matrix, degrees row by row."),
)
PUBLISHED_NUMBER = Column(
    "published_number", "int32", "1", "Number (Num) in the published list; leaks chi, no feature."
)

FEATURES = (
    Column("duplicate_group", "int64", "1", "Equal for equal Hodge, gcd and Smith invariants of (d, c2)."),
    Column(
        "h11",
        "int32",
        "1",
        "Hodge number h11, by Koszul resolution and Bott-Borel-Weil.",
        "Hübsch, Calabi-Yau Manifolds, 1992",
    ),
    Column(
        "h21",
        "int32",
        "1",
        "Hodge number h21, by Koszul resolution and Bott-Borel-Weil.",
        "Hübsch, Calabi-Yau Manifolds, 1992",
    ),
    Column("euler_characteristic", "int32", "1", "2 (h11 - h21), also the top Chern class integrated."),
    Column("n_moduli", "int32", "1", "Number of Kähler moduli, h11."),
    Column("n_factors", "int32", "1", "Projective factors m."),
    Column("n_equations", "int32", "1", "Polynomials K."),
    Column("is_favourable", "bool", "1", "Whether the hyperplane classes of the factors span H^2: h11 = m."),
    Column("is_product", "bool", "1", "Whether the threefold is a product: T^2 x K3 or T^6."),
    Column("ambient_dimension", "int32", "1", "Dimension of the product of projective spaces, K + 3."),
    Column("n_p1_factors", "int32", "1", "Factors that are P^1."),
    Column("max_factor_dimension", "int32", "1", "Largest dimension of a factor."),
    Column("max_degree", "int32", "1", "Largest entry of the configuration matrix."),
    Column("n_nonzero_degrees", "int32", "1", "Entries of the configuration matrix that are not zero."),
    Column("max_equation_degree", "int32", "1", "Largest total degree of a polynomial."),
    Column("gcd_d", "int32", "1", "gcd of d_rst.", "Wall, Invent. Math. 1 (1966) 355"),
    Column("gcd_d_even", "int32", "1", "gcd of d_rrs and 2 d_rst."),
    Column("gcd_d_cubic", "int32", "1", "gcd of d_rrr, 3 d_rrs and 6 d_rst."),
    Column("gcd_second_chern", "int32", "1", "gcd of c2·J_r."),
    Column("second_chern", "list<int32>", "1", "c2·J_r for each factor r."),
    Column("triple_intersection_numbers", "list<int32>", "1", "d_rst of the classes J_r for r <= s <= t, t fastest."),
)


# --- configuration matrices -------------------------------------------------------------------------------------------


def generate() -> dict[str, np.ndarray | Ragged]:
    """All configurations, as ``python -m vacuagym.geometry.cicy_enumeration`` derives them; it stores them by ``pack``.

    Returns
    -------
    n_factors, n_equations : (7890,) int32.
    configuration : ragged int8, canonical matrices row by row, in canonical order.

    Raises
    ------
    InputError : the stored file is missing or damaged.
    """
    again = "run python -m vacuagym.geometry.cicy_enumeration to write it again"
    try:
        numbers = np.frombuffer(lzma.decompress(STORED_CONFIGURATIONS.read_bytes()), np.int8)
        m, k = numbers[: 2 * COUNT].reshape(2, COUNT)
    except (OSError, lzma.LZMAError, ValueError) as error:
        raise InputError(STORED_CONFIGURATIONS, f"cannot be read ({error}); {again}") from error
    table = {
        "n_factors": m.astype(np.int32),
        "n_equations": k.astype(np.int32),
        "configuration": Ragged(numbers[2 * COUNT :].copy(), _offsets(m.astype(np.int64) * k)),
    }
    if content_sha256(table) != CONTENT_SHA256:
        raise InputError(STORED_CONFIGURATIONS, f"holds other configurations than the 7,890 known ones; {again}")
    return table


def pack(matrices: list[np.ndarray]) -> bytes:
    """Compress matrices (m, K) int8: every m, every K, all entries row by row."""
    m, k = (bytes(sizes) for sizes in zip(*(matrix.shape for matrix in matrices), strict=True))
    return lzma.compress(m + k + b"".join(matrix.tobytes() for matrix in matrices), preset=9 | lzma.PRESET_EXTREME)


def canonical_form(matrix: np.ndarray) -> np.ndarray:
    """The lexicographically largest (m, K) int8 of the matrices that permutations of rows and columns give."""
    return canonical_matrix(np.ascontiguousarray(matrix, dtype=np.int8))


@njit(cache=True, nogil=True)
def canonical_matrix(q):
    """``canonical_form`` of a C-contiguous int8 matrix.

    Rows are chosen one after the other. Columns that agree on the rows chosen so far form a class and are still free to
    be permuted, so the best next row is the one that is largest once sorted within each class. All choices that tie are
    carried on together; their classes begin at the same positions.
    """
    m, k = q.shape
    form = np.empty_like(q)
    begins = np.zeros(k, np.bool_)  # where a class of columns begins
    begins[0] = True
    columns, used = np.arange(k).reshape(1, k), np.zeros((1, m), np.bool_)
    order = np.empty(k, np.int64)
    for i in range(m):
        next_columns = np.empty((len(columns) * (m - i), k), np.int64)
        next_used = np.empty((len(columns) * (m - i), m), np.bool_)
        ties = 0
        for state in range(len(columns)):
            for r in range(m):
                if used[state, r] or _has_unused_twin(q, r, used[state]):
                    continue
                begin = 0
                for a in range(k):  # insertion sort, descending within the class
                    begin = a if begins[a] else begin
                    column = columns[state, a]
                    b = a
                    while b > begin and q[r, order[b - 1]] < q[r, column]:
                        order[b] = order[b - 1]
                        b -= 1
                    order[b] = column
                sign = 1 if ties == 0 else 0
                for a in range(k):
                    if sign == 0:
                        sign = np.sign(q[r, order[a]] - form[i, a])
                if sign > 0:
                    ties = 0
                    for a in range(k):
                        form[i, a] = q[r, order[a]]
                if sign >= 0:
                    next_columns[ties] = order
                    next_used[ties] = used[state]
                    next_used[ties, r] = True
                    ties += 1
        columns, used = next_columns[:ties].copy(), next_used[:ties].copy()
        for a in range(1, k):
            begins[a] = begins[a] or form[i, a] != form[i, a - 1]
    return form


@njit(cache=True, nogil=True)
def _has_unused_twin(q, r, used):
    """Whether an unused row before r equals it: of equal rows the first goes first."""
    for s in range(r):
        if not used[s] and np.array_equal(q[s], q[r]):
            return True
    return False


# --- topology ---------------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def _binomial(n, k):
    value = np.int64(1)
    for i in range(k):
        value = value * (n - i) // (i + 1)
    return value


@njit(cache=True, nogil=True)
def intersections(q, n, d):
    """Write d_rst = coefficient of prod_r J_r^{n_r} in J_r J_s J_t prod_a (sum_r q_ra J_r) to ``d`` (m, m, m).

    q : (m, K) int64; n : (m,) int64, dimensions of the factors.
    """
    m, k = q.shape
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
def euler_number(q):
    """chi of a configuration matrix (m, K) int64."""
    m = len(q)
    n = q.sum(axis=1) - 1
    d = np.zeros((m, m, m), np.int64)
    intersections(q, n, d)
    return chern_numbers(q, n, d)[0]


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
def _tangent_cohomology(q, n, h):
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
    h[1] = normal[0] - tangent[0] + max(tangent[1] - normal[1], 0)
    h[0] = max(normal[1] - tangent[1], 0) + tangent[2] - normal[2]


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


@njit(cache=True, nogil=True)
def _components(q):
    """Number of blocks of the configuration matrix: the threefold is a product if there are several."""
    m, k = q.shape
    label = np.arange(m)
    for a in range(k):
        first = -1
        for r in range(m):
            if q[r, a] != 0:
                if first < 0:
                    first = label[r]
                else:
                    old = label[r]
                    for s in range(m):
                        if label[s] == old:
                            label[s] = first
    return len(np.unique(label))


N_INVARIANTS = 7 + 2 * MAX_FACTORS


@njit(cache=True, nogil=True)
def _topology(configuration, offsets, n_factors, second_chern, packed, packed_offsets, chern_offsets, out):
    """Invariants of each configuration: chi, h11, h21, components, four gcds, two Smith normal forms."""
    h = np.zeros(2, np.int64)
    for row in range(len(n_factors)):
        m = n_factors[row]
        q = configuration[offsets[row] : offsets[row + 1]].astype(np.int64).reshape(m, -1)
        n = q.sum(axis=1) - 1
        d = np.zeros((m, m, m), np.int64)
        intersections(q, n, d)
        chi, c2 = chern_numbers(q, n, d)
        gcds = np.zeros(4, np.int64)
        at = packed_offsets[row]
        for r in range(m):
            second_chern[chern_offsets[row] + r] = c2[r]
            gcds[3] = gcd(gcds[3], c2[r])
            for s in range(r, m):
                for t in range(s, m):
                    x = d[r, s, t]
                    packed[at] = x
                    at += 1
                    gcds[0] = gcd(gcds[0], x)
                    gcds[1] = gcd(gcds[1], x if r == s or s == t else 2 * x)
                    gcds[2] = gcd(gcds[2], x if r == s == t else (3 * x if r == s or s == t else 6 * x))
        blocks = _components(q)
        if blocks == 1:
            _tangent_cohomology(q, n, h)
        else:  # Künneth: T^2 x K3, or T^6
            h[:] = 21 if blocks == 2 else 9
        out[row, 0], out[row, 1], out[row, 2] = chi, h[0], h[1]
        out[row, 3:7] = gcds
        flat = np.zeros((m, m * m + 1), np.int64)
        flat[:, : m * m] = d.reshape(m, m * m)
        smith = smith_normal_form(flat.copy())
        out[row, 7 : 7 + m] = smith
        flat[:, m * m] = c2
        out[row, 7 + MAX_FACTORS : 7 + MAX_FACTORS + m] = smith_normal_form(flat)


def features(geometries: Columns) -> dict[str, np.ndarray | Ragged]:
    """Exact features of a batch of configurations; each row depends on its own matrix alone.

    d_rst, c2 and chi: adjunction on the configuration matrix (Hübsch, Calabi-Yau Manifolds, 1992, ch. 2).

    Parameters
    ----------
    geometries : ``n_factors``, ``n_equations``, ``configuration``, rows and columns in any order.

    Returns
    -------
    The columns of ``FEATURES``.
    """
    m, k = geometries["n_factors"].astype(np.int64), geometries["n_equations"].astype(np.int64)
    configuration = geometries["configuration"]
    chern_offsets = _offsets(m)
    packed_offsets = _offsets(m * (m + 1) * (m + 2) // 6)
    second_chern, packed = np.zeros(chern_offsets[-1], np.int32), np.zeros(packed_offsets[-1], np.int32)
    out = np.zeros((len(m), N_INVARIANTS), np.int64)
    _topology(configuration.values, configuration.offsets, m, second_chern, packed, packed_offsets, chern_offsets, out)
    chi, h11, h21 = out[:, 0], out[:, 1], out[:, 2]
    wrong = np.flatnonzero(chi != 2 * (h11 - h21))
    if len(wrong):
        start, stop = configuration.offsets[wrong[0] : wrong[0] + 2]
        matrix = configuration.values[start:stop].reshape(m[wrong[0]], -1).tolist()
        raise InputError(f"configuration {matrix}", "has Hodge numbers that contradict its Euler number")
    matrices = [
        configuration.values[a:b].reshape(rows, -1)
        for a, b, rows in zip(configuration.offsets[:-1], configuration.offsets[1:], m, strict=True)
    ]
    product = np.array([len(matrix) > 1 and _components(matrix.astype(np.int64)) > 1 for matrix in matrices], bool)
    columns = {
        "duplicate_group": hash_rows(out[:, 1:], DATASET),
        "h11": h11,
        "h21": h21,
        "euler_characteristic": chi,
        "n_moduli": h11,
        "n_factors": m,
        "n_equations": k,
        "is_favourable": (h11 == m) & ~product,
        "is_product": product,
        "ambient_dimension": k + 3,
        "n_p1_factors": np.array([np.count_nonzero(matrix.sum(axis=1) == 2) for matrix in matrices]),
        "max_factor_dimension": np.array([matrix.sum(axis=1).max() - 1 for matrix in matrices]),
        "max_degree": np.array([matrix.max() for matrix in matrices]),
        "n_nonzero_degrees": np.array([np.count_nonzero(matrix) for matrix in matrices]),
        "max_equation_degree": np.array([matrix.sum(axis=0).max() for matrix in matrices]),
        "gcd_d": out[:, 3],
        "gcd_d_even": out[:, 4],
        "gcd_d_cubic": out[:, 5],
        "gcd_second_chern": out[:, 6],
    }
    types = {column.name: column.type for column in FEATURES}
    return {name: column.astype(types[name]) for name, column in columns.items()} | {
        "second_chern": Ragged(second_chern, chern_offsets),
        "triple_intersection_numbers": Ragged(packed, packed_offsets),
    }


def _offsets(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)


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
                "download the list again",
            )
    table = {
        "n_factors": np.array([forms[i].shape[0] for i in order], dtype=np.int32),
        "n_equations": np.array([forms[i].shape[1] for i in order], dtype=np.int32),
        "configuration": ragged([forms[i].ravel() for i in order], np.int8),
    }
    found = features(table)
    for row, i in enumerate(order):
        line, fields, _ = entries[i]
        start, stop = found["second_chern"].offsets[row : row + 2]
        derived = {
            "Eta": int(found["euler_characteristic"][row]),
            "C2": sorted(found["second_chern"].values[start:stop].tolist()),
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
        raise InputError(source, "holds configurations other than the published ones; download the list again")
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
    lines = [*read_text(source).splitlines(), ""]
    entries, fields, rows, first = [], {}, [], 1
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        name, colon, value = (part.strip() for part in text.partition(":"))
        where = f"{source}, line {number}"
        if text and not re.fullmatch(r"\{?-?\d+(, *-?\d+)*\}?", value if colon else text):
            raise InputError(where, f"{text[:60]!r} is no field and no row of integers; download the list again")
        numbers = [int(word) for word in re.findall(r"-?\d+", value if colon else text)]
        if colon:
            if len(fields) >= len(_FIELDS) or name != _FIELDS[len(fields)]:
                raise InputError(where, f"has the field {name!r}, expected {_FIELDS[len(fields) % len(_FIELDS)]!r}")
            first = number if not fields else first
            fields[name] = numbers
        elif text:
            rows.append(numbers)
        elif fields:
            reason = _why_no_configuration(fields, rows)
            if reason is None and fields["Num"] != [len(entries) + 1]:
                reason = f"is number {fields['Num']}, expected {len(entries) + 1}"
            if reason:
                raise InputError(f"{source}, line {first}", f"the entry {reason}; download the list again")
            entries.append((first, fields, np.array(rows, dtype=np.int64)))
            fields, rows = {}, []
    if len(entries) != COUNT:
        raise InputError(source, f"holds {len(entries)} configurations, expected {COUNT}; download the list again")
    return entries


def _why_no_configuration(fields: dict[str, list[int]], rows: list[list[int]]) -> str | None:
    """What is wrong with an entry, or None: fields, shape, degrees, Calabi-Yau condition in three dimensions."""
    if tuple(fields) != _FIELDS:
        return f"has the fields {', '.join(fields)}, expected {', '.join(_FIELDS)}"
    m, k = fields["NumPs"][0], fields["NumPol"][0]
    if not 1 <= m <= MAX_FACTORS or not 1 <= k <= MAX_EQUATIONS:
        return f"has {m} factors and {k} polynomials, at most {MAX_FACTORS} and {MAX_EQUATIONS} are known"
    if len(rows) != m or any(len(row) != k for row in rows):
        return f"has rows of lengths {[len(row) for row in rows]}, expected {m} rows of {k}"
    if min(map(min, rows)) < 0 or max(map(max, rows)) > MAX_DEGREE:
        return f"has a degree that is not in 0 to {MAX_DEGREE}"
    if sum(map(sum, rows)) - m - k != 3 or min(map(sum, rows)) < 2:
        return f"is no Calabi-Yau threefold: its dimension is {sum(map(sum, rows)) - m - k}, expected 3"
    if min(map(sum, zip(*rows, strict=True))) < 2:
        return "has a linear polynomial"
    return None
