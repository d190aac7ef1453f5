"""Configuration matrices of complete-intersection Calabi-Yau manifolds: identities, canonical form, complete list.

A configuration matrix q (m, K) lists the degrees of K polynomials in m projective factors. The factor of row r is P^{n_r}
with n_r + 1 = sum of the row (c1 = 0), the dimension is sum n_r - K. Candelas, Dale, Lütken, Schimmrigk, Nucl. Phys. B298
(1988) 493, list the threefolds, leaving out each matrix that an identity turns into a smaller or simpler one:

1. a linear polynomial lowers the dimension of its factor by one;
2. P1[2] is two points;
3. P2[2] = P1;
4. P3[2] = P1 P1;
5. P1 P2 [2; 1] = P1 P1;
6. P2 P2 [1 1; 2 1] = P1 P2 [2; 2];
7. an ineffective splitting can be contracted (``splitting_is_effective``). P1 P1 [1; 1] = P1 is of this kind.

Why the search is finite and complete. Read q as a bipartite multigraph: factors and polynomials are its vertices, and q_ra
edges join r and a. It has sum (n_r + 1) edges, so a connected component of dimension d has edges - vertices + 1 = d + 1
independent cycles. Take a matrix that nothing reduces.

- Every vertex has two edges at least: a factor n_r + 1, a polynomial by 1. The vertices with just two are the P1s and the
  polynomials of total degree 2. Such a polynomial does not join two P1s, by 7.
- A component whose vertices all have two edges is a cycle: P1[2], or some P1s and polynomials that 7 reduces. Any other
  component has two independent cycles or more, d >= 1. So a threefold is connected, a curve times a surface, or three
  curves.
- Forget the vertices with two edges. What is left of a component is a multigraph of d + 1 independent cycles, all of its
  vertices with three links or more. Its links stand for chains of P1s and polynomials of degree 2 in turn, with one P1 at
  most, since two would have a polynomial between them. What a link stands for thus follows from what it joins:

      ======================  =====================  ==========================
      link between            without P1             with P1
      ======================  =====================  ==========================
      two factors             polynomial             polynomial, P1, polynomial
      factor and polynomial   edge                   polynomial, P1
      two polynomials         (they share no edge)   P1
      ======================  =====================  ==========================

- Contracting a spanning tree turns each of these multigraphs into one vertex with d + 1 loops. So that vertex, split again
  and again, gives them all: 3, 15 and 111 of them for d = 1, 2 and 3.
- To declare the vertices factors or polynomials and to give links P1s, in all ways, gives all matrices (some 300,000 for
  d = 3) that can be irreducible. Those that are reducible are dropped.
"""

from collections.abc import Iterator
from itertools import combinations_with_replacement, product

import numpy as np

from vacuagym.numerics.compiled import njit


def threefolds() -> list[np.ndarray]:
    """The canonical matrices (m, K) int8 of all threefolds, connected or direct products, ordered by (m, K, matrix)."""
    curves, surfaces = irreducible_connected(1), irreducible_connected(2)
    products = [_direct_product(curve, surface) for curve in curves for surface in surfaces]
    products += [_direct_product(a, _direct_product(b, c)) for a, b, c in combinations_with_replacement(curves, 3)]
    return _distinct(irreducible_connected(3) + [canonical_form(matrix) for matrix in products])


def irreducible_connected(dimension: int) -> list[np.ndarray]:
    """The canonical matrices (m, K) int8 of dimension 1, 2 or 3 that nothing reduces and that are no direct products."""
    return _distinct(form for graph in multigraphs(dimension + 1) for form in _irreducible(graph))


def _distinct(matrices) -> list[np.ndarray]:
    """The different ones of canonical matrices, ordered by (m, K, matrix)."""
    found = {(*matrix.shape, matrix.tobytes()): matrix for matrix in matrices}
    return [found[key] for key in sorted(found)]


def _direct_product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The block-diagonal matrix of two matrices int8."""
    return np.block(
        [[a, np.zeros((len(a), b.shape[1]), np.int8)], [np.zeros((len(b), a.shape[1]), np.int8), b]],
    )


# --- multigraphs ------------------------------------------------------------------------------------------------------


def multigraphs(cycles: int) -> list[np.ndarray]:
    """All connected multigraphs with this number (>= 2) of independent cycles whose vertices have three links or more.

    Returns
    -------
    Incidence matrices (vertices, links) int8, each column with two 1s or, for a loop, one 2; one per isomorphism class.
    """
    found = []
    graphs = [np.full((1, cycles), 2, np.int8)]
    while graphs:
        found += graphs
        graphs = _distinct(canonical_form(split) for graph in graphs for split in _vertex_splits(graph))
    return found


def _vertex_splits(graph: np.ndarray) -> Iterator[np.ndarray]:
    """The multigraphs in which one link, the last, contracts to a vertex of ``graph``."""
    vertices, links = graph.shape
    for x, ends in enumerate(graph):
        for kept in product(*(range(count + 1) for count in ends)):
            if 2 <= sum(kept) <= ends.sum() - 2:
                split = np.zeros((vertices + 1, links + 1), np.int8)
                split[:vertices, :links] = graph
                split[vertices, :links] = ends - kept
                split[x, :links] = kept
                split[[x, vertices], links] = 1
                yield split


@njit(cache=True, nogil=True)
def _irreducible(graph):
    """The canonical matrices that nothing reduces of all candidates on a multigraph (vertices, links) int8.

    A candidate is a choice of the vertices that are factors and of the links that have a P1. Choices that a symmetry of
    the multigraph relates give the same matrix more than once.
    """
    vertices, links = graph.shape
    ends = np.empty((links, 2), np.int64)
    for link in range(links):
        end = 0
        for x in range(vertices):
            for _ in range(graph[x, link]):
                ends[link, end] = x
                end += 1
    is_factor, has_p1 = np.empty(vertices, np.bool_), np.empty(links, np.bool_)
    forms = []
    for choice in range(1 << (vertices + links)):
        for x in range(vertices):
            is_factor[x] = (choice >> x) & 1
        possible = True
        for link in range(links):
            has_p1[link] = (choice >> (vertices + link)) & 1
            possible = possible and (has_p1[link] or is_factor[ends[link, 0]] or is_factor[ends[link, 1]])
        if possible:
            q = _candidate(ends, is_factor, has_p1)
            if not reduces(q):
                forms.append(canonical_matrix(q))
    return forms


@njit(cache=True, nogil=True)
def _candidate(ends, is_factor, has_p1):
    """The matrix (m, K) int8 of a multigraph whose links join the vertices ``ends`` (links, 2)."""
    vertices, links = len(is_factor), len(ends)
    q = np.zeros((vertices + links, vertices + 2 * links), np.int8)
    place = np.empty(vertices, np.int64)  # row of a factor, column of a polynomial
    m = k = 0
    for x in range(vertices):
        if is_factor[x]:
            place[x] = m
            m += 1
        else:
            place[x] = k
            k += 1
    for link in range(links):
        x, y = ends[link]
        if has_p1[link]:
            for end in ends[link]:
                if is_factor[end]:
                    q[place[end], k] = q[m, k] = 1
                    k += 1
                else:
                    q[m, place[end]] += 1
            m += 1
        elif is_factor[x] and is_factor[y]:
            q[place[x], k] += 1
            q[place[y], k] += 1
            k += 1
        elif is_factor[x]:
            q[place[x], place[y]] += 1
        else:
            q[place[y], place[x]] += 1
    return q[:m, :k].copy()


# --- identities -------------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def reduces(q):
    """Whether one of the identities reduces a configuration matrix (m, K) int8."""
    m, k = q.shape
    n, degrees = np.full(m, -1, np.int64), np.zeros(k, np.int64)
    for r in range(m):
        for a in range(k):
            n[r] += q[r, a]
            degrees[a] += q[r, a]
    for a in range(k):
        if degrees[a] < 2:  # 1
            return True
        for r in range(m):
            if q[r, a] == 2 and degrees[a] == 2 and n[r] <= 3:  # 2, 3, 4
                return True
            if q[r, a] != 2 or degrees[a] != 3:
                continue
            for s in range(m):
                if q[s, a] == 1 and n[s] == 2 and n[r] == 1:  # 5
                    return True
                if q[s, a] == 1 and n[s] == 2 and n[r] == 2:  # 6
                    for b in range(k):
                        if q[r, b] == 1 and q[s, b] == 1 and degrees[b] == 2:
                            return True
    for r in range(m):
        ones = True
        for a in range(k):
            ones = ones and q[r, a] <= 1
        if ones and not splitting_is_effective(q, r):  # 7
            return True
    return False


@njit(cache=True, nogil=True)
def splitting_is_effective(q, r):
    """Whether contracting row r, of n_r + 1 ones, changes the manifold; q (m, K) int8 of dimension 3 or less.

    The n_r + 1 polynomials of row r are linear in P^{n_r}, so they have a common zero there where their determinant is zero.
    The contraction drops the row and puts one polynomial of the determinant's degrees in place of the n_r + 1. The
    determinant itself is such a polynomial. Its zeros are the manifold of q, except that q has a P1 in place of each node,
    and a general polynomial smooths the nodes: the Euler numbers differ by twice their number. Without nodes the manifold
    of q is one of those that the contraction describes.

    Nodes are where the rank falls by two, in codimension 4: dimensions 1 and 2 have none. By Porteous their class is
    c2^2 - c1 c3 of the sum of the line bundles L_a that the polynomials are sections of. This is the Schur polynomial
    s_{2,2} in the c1(L_a): every monomial of degree 4 without an exponent above 2 occurs, with a positive coefficient.
    The c1(L_a) are sums of hyperplane classes J_s, so nothing cancels: there are nodes if one of these monomials, times
    the classes of all other polynomials, is not zero. And a product of such sums is not zero if a J_s can be chosen
    from each, J_s at most n_s times as J_s^{n_s + 1} = 0. That is a matching of polynomials with n_s slots of each
    factor: first all others, each of which keeps a slot when augmenting paths make room for four of row r, none of them
    counted more than twice.
    """
    m, k = q.shape
    factor_of = np.empty(q.sum(), np.int64)  # of a slot; there are fewer than edges
    n_slots = 0
    for s in range(m):
        degree = 0
        for a in range(k):
            degree += q[s, a]
        for _ in range(degree - 1):
            if s != r:
                factor_of[n_slots] = s
                n_slots += 1
    owner, tried = np.full(n_slots, -1, np.int64), np.zeros(n_slots, np.bool_)
    for a in range(k):
        if q[r, a] == 0 and not _match(a, q, factor_of, owner, tried):
            return False
    matched = 0
    for a in range(k):
        for _ in range(2 * q[r, a]):
            matched += _match(a, q, factor_of, owner, tried)
    return matched >= 4


@njit(cache=True, nogil=True)
def _match(a, q, factor_of, owner, tried):
    """Match polynomial a with a slot of one of its factors if an augmenting path is found; returns whether it is."""
    tried[:] = False
    return _augment(a, q, factor_of, owner, tried)


@njit(cache=True, nogil=True)
def _augment(a, q, factor_of, owner, tried):
    for slot in range(len(owner)):
        if q[factor_of[slot], a] and not tried[slot]:
            tried[slot] = True
            if owner[slot] < 0 or _augment(owner[slot], q, factor_of, owner, tried):
                owner[slot] = a
                return True
    return False


# --- canonical form ---------------------------------------------------------------------------------------------------


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
    form = np.zeros((m, k), np.int8)
    begins = np.zeros(k, np.bool_)  # where a class of columns begins
    begins[0] = True
    columns, used = np.zeros((1, k), np.int64), np.zeros((1, m), np.bool_)  # of each choice
    for a in range(k):
        columns[0, a] = a
    ties = 1
    order = np.empty(k, np.int64)
    for i in range(m):
        next_columns = np.empty((ties * (m - i), k), np.int64)
        next_used = np.empty((ties * (m - i), m), np.bool_)
        choices, ties = ties, 0
        for choice in range(choices):
            for r in range(m):
                if used[choice, r] or _has_unused_twin(q, r, used[choice]):
                    continue
                begin = 0
                for a in range(k):  # insertion sort, descending within the class
                    begin = a if begins[a] else begin
                    column = columns[choice, a]
                    b = a
                    while b > begin and q[r, order[b - 1]] < q[r, column]:
                        order[b] = order[b - 1]
                        b -= 1
                    order[b] = column
                a = 0  # where it first differs from the best row so far
                while ties and a < k and q[r, order[a]] == form[i, a]:
                    a += 1
                if ties and a < k:
                    if q[r, order[a]] < form[i, a]:
                        continue
                    ties = 0
                for a in range(k):
                    form[i, a] = q[r, order[a]]
                    next_columns[ties, a] = order[a]
                for s in range(m):
                    next_used[ties, s] = used[choice, s] or s == r
                ties += 1
        columns, used = next_columns, next_used
        for a in range(1, k):
            begins[a] = begins[a] or form[i, a] != form[i, a - 1]
    return form


@njit(cache=True, nogil=True)
def _has_unused_twin(q, r, used):
    """Whether an unused row before r equals it: of equal rows the first goes first."""
    m, k = q.shape
    for s in range(r):
        a = 0
        while a < k and q[s, a] == q[r, a]:
            a += 1
        if a == k and not used[s]:
            return True
    return False
