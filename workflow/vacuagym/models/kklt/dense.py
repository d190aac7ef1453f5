"""Linear equations with pivoting, and Cholesky factors, without BLAS, so that they give the same bits on every machine."""

from vacuagym.numerics.compiled import njit
from vacuagym.numerics.elementary import sqrt


@njit(cache=True)
def eliminate(matrix, order):
    """Replace a matrix by its factors L and U, with partial pivoting.

    Parameters
    ----------
    matrix : float64 (n, n)
        The matrix; output: the factors.
    order : int64 (n,)
        Output: the row that was exchanged with each row.

    Returns
    -------
    float
        The determinant. Where it is 0, the factors are of no use.
    """
    n, determinant = len(matrix), 1.0
    for k in range(n):
        best = k
        for i in range(k + 1, n):
            if abs(matrix[i, k]) > abs(matrix[best, k]):
                best = i
        order[k] = best
        if best != k:
            determinant = -determinant
            for j in range(n):
                matrix[k, j], matrix[best, j] = matrix[best, j], matrix[k, j]
        pivot = matrix[k, k]
        determinant *= pivot
        if pivot == 0.0:
            return 0.0
        for i in range(k + 1, n):
            factor = matrix[i, k] / pivot
            matrix[i, k] = factor
            if factor != 0.0:
                for j in range(k + 1, n):
                    matrix[i, j] -= factor * matrix[k, j]
    return determinant


@njit(cache=True)
def substitute(factors, order, x):
    """Replace x (n,) by the solution of the equations whose factors and order `eliminate` wrote."""
    n = len(x)
    for k in range(n):
        x[k], x[order[k]] = x[order[k]], x[k]
    for k in range(n):
        for i in range(k):
            x[k] -= factors[k, i] * x[i]
    for k in range(n - 1, -1, -1):
        for i in range(k + 1, n):
            x[k] -= factors[k, i] * x[i]
        x[k] /= factors[k, k]


@njit(cache=True)
def cholesky(matrix, factor):
    """Write L with L L^T equal to a symmetric matrix, as far as it is positive definite.

    Parameters
    ----------
    matrix : float64 (n, n)
        Its lower triangle is read.
    factor : float64 (n, n)
        Output: the lower triangle of L; the rest is left as it is.

    Returns
    -------
    bool
        Whether the matrix is positive definite. Where it is not, the factor is of no use.
    """
    for i in range(len(matrix)):
        for j in range(i + 1):
            entry = matrix[i, j]
            for k in range(j):
                entry -= factor[i, k] * factor[j, k]
            if i > j:
                factor[i, j] = entry / factor[j, j]
            elif entry > 0.0:
                factor[i, i] = sqrt(entry)
            else:
                return False
    return True
