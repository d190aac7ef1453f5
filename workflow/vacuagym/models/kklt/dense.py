"""Linear equations with pivoting, without BLAS, so that they give the same bits on every machine."""

from vacuagym.numerics.compiled import njit


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
