"""Factorisation of small symmetric matrices, lane by lane, without BLAS: lower triangles, entries [i, j] with j <= i."""

from numba.core.extending import register_jitable

from vacuagym.engine.elementary import absolute, maximum, sqrt, where


@register_jitable
def factor(n, matrix, work, floor, positive):
    """Replace a symmetric matrix (n, n) by its factors L (unit lower triangular) and D (diagonal): L D L^T.

    With ``positive``, each pivot is replaced by its absolute value before it is used, so that L D L^T is positive
    definite, and differs from the matrix by a diagonal where the matrix is not (a modified Cholesky factorisation, Gill,
    Murray and Wright 1981, section 4.4.2.2). Pivots smaller than ``floor`` in absolute value become ``floor``. ``work``
    (2, n) is workspace.

    Returns (number of negative pivots, number of pivots below the floor), before replacement. The former is the number
    of negative eigenvalues (Sylvester's law); with ``positive`` it tells no more than whether there are any.
    """
    n_negative, n_tiny = 0.0, 0.0
    # two columns leave together: half the traffic of one by one, the same operations in the same order
    for j in range(0, n - 1, 2):
        pivot, negative, tiny = _pivot(matrix[j, j], floor, positive)
        n_negative += negative
        n_tiny += tiny
        corner = matrix[j + 1, j]
        link = corner / pivot
        next_pivot, negative, tiny = _pivot(matrix[j + 1, j + 1] - link * corner, floor, positive)
        n_negative += negative
        n_tiny += tiny
        matrix[j, j], matrix[j + 1, j], matrix[j + 1, j + 1] = pivot, link, next_pivot
        inverse, next_inverse = 1.0 / pivot, 1.0 / next_pivot
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
        pivot, negative, tiny = _pivot(matrix[n - 1, n - 1], floor, positive)
        n_negative += negative
        n_tiny += tiny
        matrix[n - 1, n - 1] = pivot
    return n_negative, n_tiny


@register_jitable
def _pivot(pivot, floor, positive):
    """The pivot to use, 1 if the pivot was negative, 1 if it was below the floor."""
    negative, tiny = where(pivot < 0.0, 1.0, 0.0), where(absolute(pivot) < floor, 1.0, 0.0)
    replaced = maximum(absolute(pivot), floor) if positive else where(absolute(pivot) < floor, floor, pivot)
    return replaced, negative, tiny


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
def invert(n, factors, inverse, column):
    """Fill ``inverse`` (n, n, all entries) with the inverse of L D L^T. ``column`` (n,) is workspace."""
    for j in range(n):
        for i in range(j + 1, n):
            column[i] = -factors[i, j]
        column[j] = 1.0
        for k in range(j + 1, n):
            xk = column[k]
            for i in range(k + 1, n):
                column[i] = column[i] - factors[i, k] * xk
        for i in range(j, n):
            column[i] = column[i] / factors[i, i]
        for k in range(n - 1, j - 1, -1):
            xk = column[k]
            inverse[k, j] = xk
            inverse[j, k] = xk
            for i in range(j, k):
                column[i] = column[i] - factors[k, i] * xk


@register_jitable
def tridiagonalise(n, matrix, diagonal, squares, v, p):
    """Reduce a symmetric matrix (n, n) by Householder reflections to a tridiagonal one with the same eigenvalues.

    Fills its ``diagonal`` (n,) and the ``squares`` (n,) of its off-diagonal, squares[i] = t[i, i - 1]^2; destroys
    ``matrix``; ``v`` and ``p`` (n,) are workspace. Golub and Van Loan, Matrix Computations, algorithm 8.3.1.
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
def count_below(n, diagonal, squares, x, scale):
    """Number of eigenvalues of a tridiagonal matrix below x: sign changes in the sequence of the characteristic
    polynomials of its leading parts (Golub and Van Loan, section 8.4.1), of the matrix times ``scale``.

    With |matrix| scale <= 1 the sequence stays within 3^n: no overflow for n up to 600. A zero is moved by the rounding
    error of an entry, else it would hide all that follows where the matrix falls into blocks.
    """
    count = 0.0
    before, last = 0.0, 1.0
    for i in range(n):
        after = (diagonal[i] - x) * scale * last - squares[i] * (scale * scale) * before
        after = where(after == 0.0, -2.220446049250313e-16 * last, after)
        count += where((after < 0.0) ^ (last < 0.0), 1.0, 0.0)
        before, last = last, after
    return count


@register_jitable
def extreme_eigenvalues(n, diagonal, squares):
    """Smallest and largest eigenvalue of a tridiagonal matrix, by bisection, to 1e-13 of its norm; and a bound of it."""
    norm = 0.0
    for i in range(n):
        right = sqrt(squares[i + 1]) if i + 1 < n else 0.0
        norm = maximum(absolute(diagonal[i]) + sqrt(squares[i]) + right, norm)
    scale = 1.0 / maximum(norm, 1e-300)
    below, above = -norm, norm  # the smallest eigenvalue is in [below, above]
    under, over = -norm, norm  # the largest is in [under, over]
    for _ in range(44):
        middle = 0.5 * (below + above)
        found = count_below(n, diagonal, squares, middle, scale) > 0.0
        above, below = where(found, middle, above), where(found, below, middle)
        middle = 0.5 * (under + over)
        found = count_below(n, diagonal, squares, middle, scale) >= 1.0 * n
        over, under = where(found, middle, over), where(found, under, middle)
    return 0.5 * (below + above), 0.5 * (under + over), norm
