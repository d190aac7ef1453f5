"""The search for configuration matrices against naive enumeration, mass formulas, and the Euler number."""

import itertools
from fractions import Fraction
from functools import cache
from math import factorial, prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vacuagym.geometry.cicy.configurations import (
    canonical_form,
    irreducible_connected,
    multigraphs,
    reduces,
    splitting_is_effective,
    threefolds,
)

# the blocks that identities 2 to 6 replace: dimensions of the factors, degrees of polynomials that meet no other factor
BLOCKS = [([1], [[2]]), ([2], [[2]]), ([3], [[2]]), ([1, 2], [[2], [1]]), ([2, 2], [[1, 1], [2, 1]])]


@pytest.fixture(scope="module")
def found():
    return threefolds()


def of(rows):
    return np.array(rows, np.int8)


@cache
def integral(forms, powers):
    """Coefficient of prod_r J_r^{powers_r} in a product of linear forms in the J_r."""
    if not forms:
        return int(not any(powers))
    return sum(
        coefficient * integral(forms[1:], (*powers[:r], powers[r] - 1, *powers[r + 1 :]))
        for r, coefficient in enumerate(forms[0])
        if coefficient and powers[r]
    )


def euler_number(q):
    """The top Chern class, of dimension 2 or 3, by Newton's identities with c1 = 0: c2 = -p2/2, c3 = p3/3."""
    n = q.sum(axis=1, dtype=int) - 1
    dimension = int(n.sum()) - q.shape[1]
    columns = tuple(map(tuple, q.T.tolist()))
    units = map(tuple, np.eye(len(q), dtype=int).tolist())
    power_sum = sum((n[r] + 1) * integral(columns + (unit,) * dimension, tuple(n)) for r, unit in enumerate(units))
    power_sum -= sum(integral(columns + (column,) * dimension, tuple(n)) for column in columns)
    return Fraction(int(power_sum), {2: -2, 3: 3}[dimension])


def contraction(q, r):
    ones = q[r] == 1
    return np.delete(np.column_stack([q[:, ones].sum(axis=1), q[:, ~ones]]), r, axis=0)


def has_block(q, dimensions, block):
    n, block = q.sum(axis=1) - 1, of(block)
    for rows in itertools.permutations(range(len(q)), len(block)):
        if [n[r] for r in rows] != dimensions:
            continue
        outside = np.delete(q, rows, axis=0)
        for columns in itertools.permutations(range(q.shape[1]), block.shape[1]):
            if np.array_equal(q[np.ix_(rows, columns)], block) and not outside[:, columns].any():
                return True
    return False


def reduces_naively(q):
    """The seven identities as they are stated, the last one by Euler numbers."""
    if q.sum(axis=0).min() < 2 or any(has_block(q, *block) for block in BLOCKS):
        return True
    splittings = [r for r, row in enumerate(q) if row.max() == 1]
    return any(euler_number(contraction(q, r)) == euler_number(q) for r in splittings)


def all_matrices(m):
    """All configurations of threefolds with m factors and no linear polynomial, as multisets of columns."""
    columns = [c for c in itertools.product(range(5, -1, -1), repeat=m) if 2 <= sum(c)]

    def extend(chosen, first, k, total):
        if k == 0:
            if total == 0:
                yield of(chosen).T
            return
        for i in range(first, len(columns)):
            if sum(columns[i]) <= total - 2 * (k - 1):
                yield from extend([*chosen, columns[i]], i, k - 1, total - sum(columns[i]))

    for k in range(1, m + 4):
        for q in extend([], 0, k, k + 3 + m):
            if q.sum(axis=1).min() >= 2:
                yield q


@pytest.mark.parametrize("m", [1, 2, 3, 4, pytest.param(5, marks=pytest.mark.slow)])
def test_few_factors_by_brute_force(found, m):
    matrices = {canonical_form(q).tobytes(): q for q in all_matrices(m)}
    reducible = {form: reduces_naively(q) for form, q in matrices.items()}
    assert {form: reduces(q) for form, q in matrices.items()} == reducible
    irreducible = sorted((matrices[form].shape[1], form) for form in matrices if not reducible[form])
    assert irreducible == [(q.shape[1], q.tobytes()) for q in found if len(q) == m]


def test_published_counts(found):
    assert np.bincount([len(q) for q in found]).tolist() == [
        0,
        5,
        44,
        195,
        552,
        1186,
        1804,
        1917,
        1363,
        629,
        166,
        26,
        3,
    ]
    assert max(q.shape[1] for q in found) == 15
    for q in found:
        assert q.sum() - q.shape[0] - q.shape[1] == 3
        assert not reduces(q)


def test_curves_and_surfaces():
    assert [q.tolist() for q in irreducible_connected(1)] == [[[3]], [[2], [2]]]
    surfaces = irreducible_connected(2)
    assert len(surfaces) == 9  # the 18 products T2 x K3 are made of these and the two curves
    assert all(euler_number(q) == 24 for q in surfaces)
    assert [q.tolist() for q in surfaces if len(q) == 1] == [[[4]], [[3, 2]], [[2, 2, 2]]]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([[4, 1]], True),  # a linear polynomial
        ([[2, 0], [0, 4]], True),  # P1[2]
        ([[2, 1], [0, 4]], True),  # P2[2]
        ([[2, 2], [0, 3]], True),  # P3[2]
        ([[2, 2, 1], [0, 0, 3]], False),  # P4[2] is a threefold of its own
        ([[2, 0], [1, 2], [0, 3]], True),  # P1 P2 [2; 1]
        ([[1, 1, 1], [2, 1, 0], [0, 0, 3]], True),  # P2 P2 [1 1; 2 1]
        ([[1, 1, 0], [1, 0, 1], [0, 0, 3], [0, 3, 0]], True),  # P1 P1 [1; 1]
        ([[1, 1], [4, 1]], False),  # the conifold transition of the quintic, chi = -168
        ([[1, 1], [3, 0], [0, 3]], False),  # 81 nodes on P2 P2 [3; 3]
        ([[1, 1, 0], [1, 1, 2], [0, 0, 3]], True),  # no nodes on P3[2], which P1 P3 [1 1; 1 1] contracts to
        ([[1, 1, 1], [2, 2, 1], [0, 0, 1]], True),  # has a factor P0
        ([[2, 4]], False),
        ([[2, 2, 2, 2]], False),
        ([[3], [3]], False),
    ],
)
def test_identities(rows, expected):
    assert reduces(of(rows)) == expected


@given(st.data())
def test_a_splitting_is_effective_if_the_euler_number_changes(found, data):
    q = found[data.draw(st.integers(0, 800), "matrix")]
    a = data.draw(st.integers(0, q.shape[1] - 1), "column")
    n_parts = data.draw(st.integers(2, 4), "columns to split it into")
    to = st.lists(st.integers(0, n_parts - 1), min_size=int(q[:, a].sum()), max_size=int(q[:, a].sum()))
    parts = np.zeros((len(q), n_parts), np.int8)
    np.add.at(parts, (np.repeat(np.arange(len(q)), q[:, a]), data.draw(to, "parts")), 1)
    split = np.hstack(
        [np.vstack([parts, np.ones(n_parts, np.int8)]), np.vstack([np.delete(q, a, axis=1), 0 * q[:1, 1:]])]
    )
    order = data.draw(st.permutations(range(len(split))), "order of the rows")
    assert splitting_is_effective(split[order], order.index(len(q))) == (euler_number(split) != euler_number(q))


# --- multigraphs ------------------------------------------------------------------------------------------------------


def total_mass(cycles):
    """Sum of 1 / |Aut| over all multigraphs with these cycles whose vertices have three links or more.

    With V vertices and E = V + n links, all pairings of the 2E ends give, connected or not,
    Z_n = sum_V (2E - 1)!! / V! [x^2E] (e^x - 1 - x - x^2/2)^V; the logarithm of 1 + sum_n Z_n z^n counts the connected ones.
    """
    z = [Fraction(1)]
    for n in range(1, cycles):
        vertex = [Fraction(k > 2, factorial(k)) for k in range(6 * n + 1)]  # E <= 3n
        power, mass = [Fraction(1)] + [Fraction(0)] * (6 * n), Fraction(0)
        for v in range(1, 2 * n + 1):
            power = [sum(power[j] * vertex[i - j] for j in range(i + 1)) for i in range(6 * n + 1)]
            ends = 2 * (v + n)
            mass += prod(range(1, ends, 2)) * power[ends] / factorial(v)
        z.append(mass)
    log = [Fraction(0)]
    for n in range(1, cycles):
        log.append(z[n] - sum((k * log[k] * z[n - k] for k in range(1, n)), Fraction(0)) / n)
    return log[cycles - 1]


def automorphisms(graph):
    """Order of the group that permutes vertices, links, and the two ends of loops."""
    links = sorted(graph.T.tolist())
    fixing = sum(sorted(graph[list(order)].T.tolist()) == links for order in itertools.permutations(range(len(graph))))
    parallel = prod(factorial(links.count(link)) for link in map(list, set(map(tuple, links))))
    return fixing * parallel * 2 ** sum(2 in link for link in links)


@pytest.mark.parametrize(("cycles", "count"), [(2, 3), (3, 15), (4, 111)])
def test_multigraphs_by_the_mass_formula(cycles, count):
    """Each class of isomorphic graphs adds to the total, so that none can be missing or counted twice."""
    graphs = multigraphs(cycles)
    assert len(graphs) == count
    for graph in graphs:
        assert graph.sum(axis=1).min() >= 3 and (graph.sum(axis=0) == 2).all()
        assert graph.shape[1] - graph.shape[0] + 1 == cycles
    assert sum(Fraction(1, automorphisms(graph)) for graph in graphs) == total_mass(cycles)


# --- canonical form ---------------------------------------------------------------------------------------------------


@given(st.lists(st.lists(st.integers(0, 2), min_size=3, max_size=3), min_size=1, max_size=4))
def test_canonical_form_by_brute_force(rows):
    images = [
        [[row[c] for c in columns] for row in order]
        for order in itertools.permutations(rows)
        for columns in itertools.permutations(range(3))
    ]
    assert canonical_form(np.array(rows)).tolist() == max(images)


@given(st.integers(0, 7_889), st.randoms())
def test_canonical_form_does_not_depend_on_the_order_of_rows_and_columns(found, row, random):
    m, k = found[row].shape
    shuffled = found[row][random.sample(range(m), m)][:, random.sample(range(k), k)]
    assert np.array_equal(canonical_form(shuffled), found[row])
