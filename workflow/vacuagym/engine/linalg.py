"""Factorisation of small symmetric matrices, lane by lane, without BLAS: lower triangles, entries [i, j] with j <= i."""

from numba.core.extending import register_jitable

from vacuagym.engine.elementary import absolute, maximum, sqrt, where


@register_jitable
def factor(n, matrix, scaled, floor, positive):
    """Replace a symmetric matrix (n, n) by its factors L (unit lower triangular) and D (diagonal): L D L^T.

    With ``positive``, each pivot is replaced by its absolute value, which makes L D L^T positive definite where the
    matrix is not (a modified Cholesky factorisation, Gill, Murray and Wright 1981, section 4.4.2.2). Pivots smaller than
    ``floor`` in absolute value become ``floor``. ``scaled`` (n,) is workspace.

    Returns (number of negative pivots, number of pivots below the floor), before replacement.
    """
    n_negative = 0.0
    n_tiny = 0.0
    for j in range(n):
        pivot = matrix[j, j]
        n_negative += where(pivot < 0.0, 1.0, 0.0)
        n_tiny += where(absolute(pivot) < floor, 1.0, 0.0)
        if positive:
            pivot = maximum(absolute(pivot), floor)
        else:
            pivot = where(absolute(pivot) < floor, floor, pivot)
        matrix[j, j] = pivot
        inverse = 1.0 / pivot
        for i in range(j + 1, n):
            scaled[i] = matrix[i, j]
            entry = matrix[i, j] * inverse
            for k in range(j + 1, i + 1):
                matrix[i, k] = matrix[i, k] - entry * scaled[k]
            matrix[i, j] = entry
    return n_negative, n_tiny


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
def invert(n, factors, inverse, column):
    """Fill ``inverse`` (n, n, all entries) with the inverse of L D L^T. ``column`` (n,) is workspace."""
    for j in range(n):
        for i in range(n):
            column[i] = 0.0
        column[j] = 1.0
        for i in range(j + 1, n):
            xi = column[i]
            for k in range(j, i):
                xi -= factors[i, k] * column[k]
            column[i] = xi
        for i in range(j, n):
            column[i] = column[i] / factors[i, i]
        for i in range(n - 1, j - 1, -1):
            xi = column[i]
            for k in range(i + 1, n):
                xi -= factors[k, i] * column[k]
            column[i] = xi
            inverse[i, j] = xi
            inverse[j, i] = xi


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
def count_below(n, diagonal, squares, x, tiny):
    """Number of eigenvalues of a tridiagonal matrix below x: negative terms of its Sturm sequence."""
    count = 0.0
    q = 1.0
    for i in range(n):
        q = diagonal[i] - x - squares[i] / q
        q = where(absolute(q) < tiny, -tiny, q)
        count += where(q < 0.0, 1.0, 0.0)
    return count


@register_jitable
def extreme_eigenvalues(n, diagonal, squares):
    """Smallest and largest eigenvalue of a tridiagonal matrix, by bisection, to 2^-52 of its norm."""
    norm = 0.0
    for i in range(n):
        right = sqrt(squares[i + 1]) if i + 1 < n else 0.0
        norm = maximum(absolute(diagonal[i]) + sqrt(squares[i]) + right, norm)
    tiny = 1e-30 * norm + 1e-300
    below, above = -norm, norm  # the smallest eigenvalue is in [below, above]
    under, over = -norm, norm  # the largest is in [under, over]
    for _ in range(53):
        middle = 0.5 * (below + above)
        found = count_below(n, diagonal, squares, middle, tiny) > 0.0
        above, below = where(found, middle, above), where(found, below, middle)
        middle = 0.5 * (under + over)
        found = count_below(n, diagonal, squares, middle, tiny) >= 1.0 * n
        over, under = where(found, middle, over), where(found, under, middle)
    return 0.5 * (below + above), 0.5 * (under + over)
