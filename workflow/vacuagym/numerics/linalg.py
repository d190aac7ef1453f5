"""Factorisation of small symmetric matrices without BLAS.

Only the lower triangles are used, entries [i, j] with j <= i. Numbers are doubles, or vectors of them in which each lane
is a problem of its own (see `vacuagym.numerics.elementary`).
"""

from numba.core.extending import register_jitable

from vacuagym.numerics.elementary import absolute, maximum, sqrt, where


@register_jitable
def factor(n, matrix, work, floor, positive):
    """Replace a symmetric matrix by its factors L (unit lower triangular) and D (diagonal), L D L^T.

    With ``positive``, each pivot is replaced by its absolute value before it is used, so that L D L^T is positive
    definite, and differs from the matrix by a diagonal where the matrix is not (a modified Cholesky factorisation, Gill,
    Murray and Wright 1981, section 4.4.2.2).

    Parameters
    ----------
    n : int
        Size of the matrix.
    matrix : (n, n)
        The matrix; output: the factors.
    work : (2, n)
        Workspace.
    floor : number
        Pivots smaller than this in absolute value become ``floor``.
    positive : bool
        Whether to make the product positive definite.

    Returns
    -------
    number
        Number of pivots below ``-floor`` before replacement: the number of negative eigenvalues (Sylvester's law), except
        for tiny ones. With ``positive`` it only tells whether there are any.
    """
    n_negative = 0.0
    # two columns leave together: half the traffic of one by one, the same operations in the same order
    for j in range(0, n - 1, 2):
        pivot, negative = _pivot(matrix[j, j], floor, positive)
        n_negative += negative
        inverse, corner = 1.0 / pivot, matrix[j + 1, j]
        link = corner * inverse
        next_pivot, negative = _pivot(matrix[j + 1, j + 1] - link * corner, floor, positive)
        n_negative += negative
        matrix[j, j], matrix[j + 1, j], matrix[j + 1, j + 1] = pivot, link, next_pivot
        next_inverse = 1.0 / next_pivot
        for i in range(j + 2, n):
            first = matrix[i, j]
            entry = first * inverse
            second = matrix[i, j + 1] - entry * corner
            next_entry = second * next_inverse
            work[0, i], work[1, i] = first, second
            for k in range(j + 2, i + 1):
                matrix[i, k] = (matrix[i, k] - entry * work[0, k]) - next_entry * work[1, k]
            matrix[i, j], matrix[i, j + 1] = entry, next_entry
    if n % 2 == 1:
        matrix[n - 1, n - 1], negative = _pivot(matrix[n - 1, n - 1], floor, positive)
        n_negative += negative
    return n_negative


@register_jitable
def _pivot(pivot, floor, positive):
    """The pivot to use, and 1 if it was negative, 0 if it was positive or tiny."""
    tiny = absolute(pivot) < floor
    replaced = maximum(absolute(pivot), floor) if positive else where(tiny, floor, pivot)
    return replaced, where(pivot < -floor, 1.0, 0.0)


@register_jitable
def solve(n, factors, x):
    """Replace x (n,) by the solution of L D L^T y = x."""
    for k in range(n):
        xk = x[k]
        for i in range(k + 1, n):
            x[i] = x[i] - factors[i, k] * xk
    for i in range(n):
        x[i] = x[i] / factors[i, i]
    for k in range(n - 1, 0, -1):
        xk = x[k]
        for i in range(k):
            x[i] = x[i] - factors[k, i] * xk


@register_jitable
def largest_entry(n, x):
    """The largest absolute entry of x (n,)."""
    largest = absolute(x[0])
    for i in range(1, n):
        largest = maximum(absolute(x[i]), largest)
    return largest


@register_jitable
def multiply(n, matrix, x, product):
    """Fill ``product`` (n,) with the symmetric matrix (n, n) times x (n,)."""
    for i in range(n):
        product[i] = matrix[i, i] * x[i]
    for i in range(n):
        xi, total = x[i], product[i]
        for j in range(i):
            total += matrix[i, j] * x[j]
            product[j] = product[j] + matrix[i, j] * xi
        product[i] = total


@register_jitable
def quadratic_form(n, factors, x):
    """x^T L D L^T x for x (n,)."""
    total = 0.0
    for j in range(n):
        entry = x[j]
        for i in range(j + 1, n):
            entry += factors[i, j] * x[i]
        total += factors[j, j] * entry * entry
    return total


@register_jitable
def tridiagonalise(n, matrix, diagonal, squares, v, p):
    """Reduce a symmetric matrix by Householder reflections to a tridiagonal one with the same eigenvalues.

    Golub and Van Loan, Matrix Computations, algorithm 8.3.1.

    Parameters
    ----------
    n : int
        Size of the matrix.
    matrix : (n, n)
        The matrix; destroyed.
    diagonal, squares : (n,)
        Output: the diagonal, and the squares of the off-diagonal, squares[i] = t[i, i - 1]^2.
    v, p : (n,)
        Workspace.
    """
    squares[0] = 0.0
    for k in range(n - 1):
        diagonal[k] = matrix[k, k]
        norm2 = 0.0
        for i in range(k + 1, n):
            v[i] = matrix[i, k]
            norm2 += v[i] * v[i]
        squares[k + 1] = norm2
        alpha = where(v[k + 1] > 0.0, -sqrt(norm2), sqrt(norm2))
        # v.v of the reflected vector is 2 alpha (alpha - v0); nothing to reflect if the column is zero
        half = norm2 - alpha * v[k + 1]
        v[k + 1] = v[k + 1] - alpha
        scale = where(half > 0.0, 1.0 / where(half > 0.0, half, 1.0), 0.0)
        for i in range(k + 1, n):
            p[i] = 0.0
        for i in range(k + 1, n):
            vi, pi = v[i], p[i]
            for j in range(k + 1, i):
                pi += matrix[i, j] * v[j]
                p[j] += matrix[i, j] * vi
            p[i] = pi + matrix[i, i] * vi
        product = 0.0
        for i in range(k + 1, n):
            p[i] = p[i] * scale
            product += p[i] * v[i]
        product = 0.5 * scale * product
        for i in range(k + 1, n):
            p[i] = p[i] - product * v[i]
        for i in range(k + 1, n):
            for j in range(k + 1, i + 1):
                matrix[i, j] = matrix[i, j] - (v[i] * p[j] + p[i] * v[j])
    diagonal[n - 1] = matrix[n - 1, n - 1]


@register_jitable
def counts_below(n, diagonal, squares, points):
    """Count the eigenvalues of a tridiagonal matrix below each of four points.

    They are the sign changes in the sequence of the characteristic polynomials of its leading parts (Golub and Van Loan,
    Matrix Computations, section 8.4.1), which stays within 3^n: no overflow for n up to 600. Four sequences at a time,
    because each waits for its own last result.

    Parameters
    ----------
    n : int
        Size of the matrix.
    diagonal, squares : (n,)
        As of `tridiagonalise`; the norm is at most 1 and no square is zero.
    points : tuple of four numbers
        The points.

    Returns
    -------
    tuple of four numbers
        The counts.
    """
    a, b, c, d = points
    count_a, count_b, count_c, count_d = 0.0, 0.0, 0.0, 0.0
    before_a, before_b, before_c, before_d = 0.0, 0.0, 0.0, 0.0
    last_a, last_b, last_c, last_d = 1.0, 1.0, 1.0, 1.0
    for i in range(n):
        entry, square = diagonal[i], squares[i]
        before_a, last_a, change = _next_in_sequence(entry - a, square, before_a, last_a)
        count_a += change
        before_b, last_b, change = _next_in_sequence(entry - b, square, before_b, last_b)
        count_b += change
        before_c, last_c, change = _next_in_sequence(entry - c, square, before_c, last_c)
        count_c += change
        before_d, last_d, change = _next_in_sequence(entry - d, square, before_d, last_d)
        count_d += change
    return count_a, count_b, count_c, count_d


@register_jitable
def _next_in_sequence(entry, square, before, last):
    after = entry * last - square * before
    return last, after, where((after < 0.0) ^ (last < 0.0), 1.0, 0.0)


@register_jitable
def spectrum_edges(n, diagonal, squares):
    """Find the edges of the spectrum of a tridiagonal matrix by bisection, to 1e-13 of its norm.

    Parameters
    ----------
    n : int
        Size of the matrix.
    diagonal, squares : (n,)
        As of `tridiagonalise`; output: the same for the matrix divided by ``norm``.

    Returns
    -------
    smallest, largest, nearest, norm : number
        Smallest, largest and smallest absolute eigenvalue, and a bound of the norm.
    """
    norm = 1e-150
    for i in range(n):
        right = sqrt(squares[i + 1]) if i + 1 < n else 0.0
        norm = maximum(absolute(diagonal[i]) + sqrt(squares[i]) + right, norm)
    scale = 1.0 / norm
    for i in range(n):
        diagonal[i] = scale * diagonal[i]
        squares[i] = maximum(scale * scale * squares[i], 2.0**-104)  # where it is zero no sign would follow a zero
    # the smallest is between below and above, the largest between under and over, the absolute one between near and far
    below, above, under, over, near, far = -1.0, 1.0, -1.0, 1.0, 0.0, 1.0
    for _ in range(44):
        a, b, c = 0.5 * (below + above), 0.5 * (under + over), 0.5 * (near + far)
        to_a, to_b, to_minus_c, to_c = counts_below(n, diagonal, squares, (a, b, -c, c))
        below, above = where(to_a > 0.0, below, a), where(to_a > 0.0, a, above)
        under, over = where(to_b < n, b, under), where(to_b < n, over, b)
        near, far = where(to_c > to_minus_c, near, c), where(to_c > to_minus_c, c, far)
    return 0.5 * norm * (below + above), 0.5 * norm * (under + over), 0.5 * norm * (near + far), norm
