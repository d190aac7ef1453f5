"""From a geometry to a ray of Kähler parameters: divisors, cone, and what of them the potential on the ray needs.

A ray is t^i = lambda that^i with that inside the Kähler cone. Its instantons are tied to it: a_i tau_i = x for all i, that is
N_i proportional to tau_i, and A_i proportional to t^i tau_i. Then dW/dT_i is proportional to K_i on the whole ray, the
gradient of V points along the ray, and a critical point of the ray's potential is one of the full potential: the
restriction is a consistent truncation. The masses across the ray depend on the geometry through the eigenvalues s of
H^(1/2) kappa(t) H^(1/2), H = diag(t^i / tau_i), alone. The ray itself has s = 2; K_ij is positive definite exactly when all
others, the *transverse spectrum*, are negative.
"""

from typing import NamedTuple

import numpy as np

from vacuagym.numerics.compiled import njit
from vacuagym.numerics.elementary import exp, sqrt
from vacuagym.numerics.linalg import tridiagonalise


class RayGeometry(NamedTuple):
    """What the potential on a ray needs of its geometry."""

    volume: float  # at the ray's unit point, as are the next two
    least_tau: float  # the smallest tau_i
    two_cycle: float  # volume of the smallest generating curve of the cone
    spectrum: np.ndarray  # (n - 1,) transverse, ascending
    spectrum_error: float  # infinity if the ray is no good


class Workspace(NamedTuple):
    """Arrays to work in, for n classes; float64."""

    tau: np.ndarray  # (n,) tau_i
    matrix: np.ndarray  # (n, n) kappa_ij = kappa_ijk t^k
    spectrum: np.ndarray  # (n - 1,)
    vectors: np.ndarray  # (4, n)
    low: np.ndarray  # (n, n) what the rounding of kappa_ij has left


@njit(cache=True)
def workspace(n):
    """A `Workspace` for n classes."""
    return Workspace(np.empty(n), np.empty((n, n)), np.empty(n - 1), np.empty((4, n)), np.empty((n, n)))


@njit(cache=True)
def nef_ray(spread, uniforms, t):
    """Draw a ray in the positive orthant of nef classes, which lies in the Kähler cone.

    Parameters
    ----------
    spread : float
        The log of each t^i is uniform within plus or minus this.
    uniforms : float64 (at least n,)
        Uniform draws.
    t : float64 (n,)
        Output: the ray.

    Returns
    -------
    float
        Volume of the smallest generating curve, which is the smallest t.
    """
    smallest = np.inf
    for r in range(len(t)):
        t[r] = exp(spread * (2.0 * uniforms[r] - 1.0))
        smallest = min(smallest, t[r])
    return smallest


@njit(cache=True)
def _exact_product(x, y):
    """x y as a rounded product and its error (Dekker 1971)."""
    product = x * y
    c, d = 134217729.0 * x, 134217729.0 * y  # 2^27 + 1
    x1, y1 = c - (c - x), d - (d - y)
    x2, y2 = x - x1, y - y1
    return product, ((x1 * y1 - product) + x1 * y2 + x2 * y1) + x2 * y2


@njit(cache=True)
def _exact_sum(x, y):
    """x + y as a rounded sum and its error (Knuth 1969)."""
    total = x + y
    part = total - x
    return total, (x - (total - part)) + (y - part)


@njit(cache=True)
def _add_product(matrix, low, a, b, x, y):
    """Add x y to matrix[a, b] + low[a, b]."""
    product, error = _exact_product(x, y)
    matrix[a, b], rest = _exact_sum(matrix[a, b], product)
    low[a, b] += error + rest


@njit(cache=True)
def intersect(indices, numbers, t, work):
    """Fill ``tau`` and ``matrix`` of a `Workspace` at the Kähler parameters t, to a few units in the last place.

    Terms of either sign cancel to a part in 10^9, so sums are kept in two doubles until they are complete.

    Parameters
    ----------
    indices, numbers : int (3 k,), (k,)
        a <= b <= c of each kappa_abc that is not zero, and the numbers.
    t : float64 (n,)
        The Kähler parameters.
    work : Workspace
        Output.
    """
    n, tau, matrix, low = len(t), work.tau, work.matrix, work.low
    for a in range(n):
        for b in range(n):
            matrix[a, b] = low[a, b] = 0.0
    for k in range(len(numbers)):
        a, b, c, value = indices[3 * k], indices[3 * k + 1], indices[3 * k + 2], np.float64(numbers[k])
        _add_product(matrix, low, a, b, value, t[c])
        if b != c:
            _add_product(matrix, low, a, c, value, t[b])
        if a != b:
            _add_product(matrix, low, b, c, value, t[a])
    # the loop met each unordered pair of indices of each triple once; entries below the diagonal by symmetry
    for a in range(n):
        for b in range(a):
            matrix[a, b], low[a, b] = matrix[b, a], low[b, a]
    for a in range(n):
        total = rest = 0.0
        for b in range(n):
            product, error = _exact_product(matrix[a, b], t[b])
            total, left = _exact_sum(total, product)
            rest += left + error + low[a, b] * t[b]
        tau[a] = 0.5 * (total + rest)
    for a in range(n):
        for b in range(n):
            matrix[a, b] += low[a, b]


@njit(cache=True)
def ray_geometry(t, smallest, inside, work):
    """The `RayGeometry` of a ray.

    If the classes are independent and the ray is inside the Kähler cone, the transverse spectrum is negative by the Hodge
    index theorem. Else it must be proved to be.

    Parameters
    ----------
    t : float64 (n,)
        The ray.
    smallest : float
        Volume of the smallest generating curve.
    inside : bool
        Whether the classes are independent and the ray is inside the Kähler cone.
    work : Workspace
        ``tau`` and ``matrix`` are those of the ray; the matrix is destroyed.
    """
    volume, least_tau = 0.0, np.inf
    for i in range(len(t)):
        volume += t[i] * work.tau[i] / 3.0
        least_tau = min(least_tau, work.tau[i])
    error = transverse_spectrum(t, work)
    n = len(t)
    if n > 1 and not work.spectrum[n - 2] < (error if inside else -error):
        error = np.inf
    return RayGeometry(volume, least_tau, smallest, work.spectrum, error)


@njit(cache=True)
def transverse_spectrum(t, work):
    """Eigenvalues of H^(1/2) kappa H^(1/2) without the ray's own, which is 2; ascending, into ``work.spectrum``.

    Returns
    -------
    float
        A bound of the eigenvalues' errors; infinity if some t or tau is not positive, so that H is not.
    """
    n, tau, matrix, spectrum = len(t), work.tau, work.matrix, work.spectrum
    diagonal, squares = work.vectors[0], work.vectors[1]
    norm = 0.0
    for a in range(n):
        if not (t[a] > 0.0 and tau[a] > 0.0):
            return np.inf
    for a in range(n):
        row = 0.0
        for b in range(n):
            matrix[a, b] *= sqrt(t[a] / tau[a]) * sqrt(t[b] / tau[b])
            row += abs(matrix[a, b])
        norm = max(norm, row)
    tridiagonalise(n, matrix, diagonal, squares, work.vectors[2], work.vectors[3])
    _tridiagonal_eigenvalues(n, diagonal, squares)
    diagonal.sort()
    spectrum[: n - 1] = diagonal[: n - 1]
    error = 2.0**-52 * 16.0 * n * norm
    return error if abs(diagonal[n - 1] - 2.0) <= error else np.inf


@njit(cache=True)
def _tridiagonal_eigenvalues(n, diagonal, squares):
    """Replace the diagonal (n,) of a symmetric tridiagonal matrix by its eigenvalues; squares[i] = t[i, i - 1]^2, destroyed.

    The square-root-free QL iteration (Reinsch 1973, CACM algorithm 464).
    """
    for i in range(1, n):
        squares[i - 1] = squares[i]
    squares[n - 1] = 0.0
    norm = 0.0
    shift = 0.0
    for l in range(n):  # noqa: E741
        norm = max(norm, abs(diagonal[l]) + sqrt(squares[l]))
        tiny = (2.0**-53 * norm) * (2.0**-53 * norm)
        m = l
        while squares[m] > tiny:
            m += 1
        while m != l:
            s = sqrt(squares[l])
            g = diagonal[l]
            p = (diagonal[l + 1] - g) / (2.0 * s)
            r = sqrt(p * p + 1.0)
            diagonal[l] = s / (p + r if p >= 0.0 else p - r)
            h = g - diagonal[l]
            for i in range(l + 1, n):
                diagonal[i] -= h
            shift += h
            g = diagonal[m]
            if g == 0.0:
                g = 2.0**-53 * norm
            h = g
            s = 0.0
            for i in range(m - 1, l - 1, -1):
                p = g * h
                r = p + squares[i]
                squares[i + 1] = s * r
                s = squares[i] / r
                diagonal[i + 1] = h + s * (h + diagonal[i])
                g = diagonal[i] - squares[i] / g
                if g == 0.0:
                    g = 2.0**-53 * norm
                h = g * p / r
            squares[l] = s * g * h
            diagonal[l] = h
            if squares[l] <= tiny:
                squares[l] = 0.0
                break
            m = l
            while squares[m] > tiny:
                m += 1
        diagonal[l] += shift
