"""Derive the 7,890 configuration matrices: ``python -m vacuagym.geometry.cicy_enumeration`` writes them for ``cicy``.

Candelas, Dale, Lütken, Schimmrigk, Nucl. Phys. B298 (1988) 493: list the matrices of Calabi-Yau threefolds, leave out
those that an identity turns into a smaller one. The identities:

1. a linear polynomial lowers the dimension of its factor by one;
2. P1[2] is two points;
3. P2[2] = P1;
4. P3[2] = P1 P1;
5. P1 P2 [2; 1] = P1 P1;
6. P2 P2 [1 1; 2 1] = P1 P2 [2; 2];
7. a splitting (a row of n + 1 ones) can be contracted: the row goes, its n + 1 polynomials become their product. If chi
   stays, so does the manifold. P1 P1 [1; 1] = P1 is of this kind.

Why the search ends: of m factors P^{n_r} and K polynomials, sum n_r = K + 3. Let E = sum (n_r - 1) = K + 3 - m. By 1 the
columns have sums of at least 2, and their excess over 2 adds up to 6 - E, hence 0 <= E <= 6 and at most E factors are no P1.
By 2 and 7 a column of sum 2 meets a factor that is no P1, which have 3 E degrees at most, hence K <= 3 E + (6 - E) <= 18
and m = K + 3 - E <= 15.
"""

from collections.abc import Iterator

import numpy as np
from numba import njit

from vacuagym.geometry.cicy import STORED_CONFIGURATIONS, canonical_matrix, euler_number, pack

MAX_FACTORS = 15


def configurations(m: int) -> list[np.ndarray]:
    """The canonical configuration matrices (m, K) int8 with m rows that no identity reduces, in canonical order."""
    found = []
    for excess in range(max(0, 4 - m), 7):
        matrices = set()
        for dimensions in _partitions(excess, m):
            matrices |= _candidates([1 + part for part in dimensions] + [1] * (m - len(dimensions)), m - 3 + excess)
        matrices = (np.frombuffer(matrix, np.int8).reshape(m, -1) for matrix in sorted(matrices))
        found += [matrix for matrix in matrices if not reduces(matrix.astype(np.int64))]
    return found


def _partitions(total: int, largest_count: int, largest: int = 6) -> Iterator[list[int]]:
    """Partitions of ``total`` into at most ``largest_count`` parts, each not above the one before."""
    if total == 0:
        yield []
    elif largest_count:
        for part in range(min(total, largest), 0, -1):
            yield from ([part, *rest] for rest in _partitions(total - part, largest_count - 1, part))


def _candidates(dimensions: list[int], k: int) -> set[bytes]:
    """Canonical matrices with factors of these dimensions (descending) and k columns, without most that 1 to 4 reduce.

    Built row by row. Each column must still reach a certain sum, and what all rows together bring is known.
    """
    total = sum(dimensions) + len(dimensions)
    matrices = {b""}
    for i, n in enumerate(dimensions):
        following = set()
        for matrix in matrices:
            rows = np.frombuffer(matrix, np.int8).reshape(i, k)
            following.update(form.tobytes() for form in _extensions(rows, n + 1, total))
        matrices = following
    return matrices


@njit(cache=True, nogil=True)
def _least_sum(column, row_sums, only_lines_left):
    """The least sum of a column that identities 1 to 4 and P1 P1 [1; 1] = P1 leave, given the rows so far."""
    least = np.int64(2)
    if only_lines_left:
        elsewhere, square = 0, False  # degree in factors that are no P1; whether it is the one 2 of a P2 or P3
        for r in range(len(column)):
            if row_sums[r] > 2:
                elsewhere += column[r]
                square = square or (column[r] == 2 and row_sums[r] <= 4)
        if elsewhere == 0 or (elsewhere == 2 and square):
            least = 3
    return max(least, column.sum())


@njit(cache=True, nogil=True)
def _extensions(matrix, row_sum, total):
    """The canonical forms (count, i + 1, K) of a canonical matrix (i, K) with one more row, some more than once."""
    i, k = matrix.shape
    row_sums = np.zeros(i, np.int64)
    for r in range(i):
        row_sums[r] = matrix[r].sum()
    sums, least = np.zeros(k, np.int64), np.zeros(k, np.int64)
    alike = np.zeros(k, np.bool_)  # equal to the column before, which makes the order of the new degrees immaterial
    for a in range(k):
        sums[a] = matrix[:, a].sum()
        least[a] = _least_sum(matrix[:, a], row_sums, row_sum == 2)
        alike[a] = a > 0 and np.array_equal(matrix[:, a], matrix[:, a - 1])
    grown = np.empty((i + 1, k), np.int8)
    grown[:i] = matrix
    degrees = np.zeros(k, np.int64)
    forms = []
    left, a = row_sum, 0
    while True:
        for b in range(a, k):
            degrees[b] = min(left, degrees[b - 1]) if alike[b] else left
            left -= degrees[b]
        if left == 0 and np.maximum(least, sums + degrees).sum() <= total:
            grown[i] = degrees
            forms.append(canonical_matrix(grown))
        left += degrees[k - 1]
        degrees[k - 1] = 0
        a = k - 2
        while a >= 0 and degrees[a] == 0:
            a -= 1
        if a < 0:
            return forms
        degrees[a] -= 1
        left += 1
        a += 1


@njit(cache=True, nogil=True)
def reduces(q):
    """Whether one of the identities reduces a configuration matrix (m, K) int64."""
    m, k = q.shape
    n = q.sum(axis=1) - 1
    sums = q.sum(axis=0)
    if sums.min() < 2:
        return True
    for r in range(m):
        for a in range(k):
            if n[r] <= 3 and q[r, a] == 2 and sums[a] == 2:
                return True
        for s in range(m):
            for a in range(k):
                if n[r] == 1 and n[s] == 2 and q[r, a] == 2 and q[s, a] == 1 and sums[a] == 3:
                    return True
                if n[r] != 2 or n[s] != 2 or r == s or q[r, a] != 1 or q[s, a] != 2 or sums[a] != 3:
                    continue
                for b in range(k):
                    if q[r, b] == 1 and q[s, b] == 1 and sums[b] == 2:
                        return True
    chi = euler_number(q)
    for r in range(m):
        if m > 1 and q[r].max() == 1 and euler_number(_contraction(q, r)) == chi:
            return True
    return False


@njit(cache=True, nogil=True)
def _contraction(q, r):
    """The matrix without row r, with the columns of its ones added up."""
    m, k = q.shape
    contracted = np.zeros((m - 1, k - q[r].sum() + 1), np.int64)
    at = 1
    for a in range(k):
        to = 0
        if q[r, a] == 0:
            to = at
            at += 1
        for s in range(m):
            if s != r:
                contracted[s - (s > r), to] += q[s, a]
    return contracted


def main() -> None:
    found = []
    for m in range(1, MAX_FACTORS + 1):
        matrices = configurations(m)
        print(f"{len(matrices)} configurations of {m} factors")
        found += matrices
    STORED_CONFIGURATIONS.write_bytes(pack(found))


if __name__ == "__main__":
    main()
