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

_LEAST_CHERN = -10  # c1 · D of a -12 curve, which curves of self-intersection -9, -10, -11 become after blow-ups


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
    fan: np.ndarray  # (n + 1, 2) generators of a fan
    weights: np.ndarray  # (n + 1,) of the edges of its polygon
    edges: np.ndarray  # (n + 1,)


@njit(cache=True)
def workspace(n):
    """A `Workspace` for n classes."""
    return Workspace(
        np.empty(n),
        np.empty((n, n)),
        np.empty(n - 1),
        np.empty((4, n)),
        np.empty((n + 1, 2)),
        np.empty(n + 1),
        np.empty(n + 1),
    )


@njit(cache=True)
def nef_ray(indices, numbers, spread, uniforms, t, work):
    """Draw a ray in the positive orthant of n nef classes, which lies in the Kähler cone.

    Parameters
    ----------
    indices, numbers : int64 (3 k,), (k,)
        a <= b <= c of each kappa_abc that is not zero, and the numbers.
    spread : float
        The log of each t^i is uniform within plus or minus this.
    uniforms : float64 (at least n,)
        Uniform draws.
    t : float64 (n,)
        Output: the ray.
    work : Workspace
        ``tau`` and ``matrix`` are filled.

    Returns
    -------
    float
        Volume of the smallest generating curve, which is the smallest t.
    """
    n, tau, matrix = len(t), work.tau, work.matrix
    smallest = np.inf
    for r in range(n):
        t[r] = exp(spread * (2.0 * uniforms[r] - 1.0))
        smallest = min(smallest, t[r])
        tau[r] = 0.0
        for s in range(n):
            matrix[r, s] = 0.0
    for k in range(len(numbers)):
        a, b, c, value = indices[3 * k], indices[3 * k + 1], indices[3 * k + 2], np.float64(numbers[k])
        matrix[a, b] += value * t[c]
        if b != c:
            matrix[a, c] += value * t[b]
        if a != b:
            matrix[b, c] += value * t[a]
    # the loop met each unordered pair of indices of each triple once; entries below the diagonal by symmetry
    for a in range(n):
        for b in range(a):
            matrix[a, b] = matrix[b, a]
    for a in range(n):
        for b in range(n):
            tau[a] += 0.5 * matrix[a, b] * t[b]
    return smallest


@njit(cache=True)
def rays_of_fan(curves, v):
    """Primitive generators v (n, 2) of the fan of a smooth toric surface with these self-intersections, in order.

    v_{i-1} + v_{i+1} + D_i^2 v_i = 0 (Fulton, Introduction to toric varieties, 2.5).
    """
    v[0, 0], v[0, 1], v[1, 0], v[1, 1] = 1.0, 0.0, 0.0, 1.0
    for i in range(1, len(curves) - 1):
        for j in range(2):
            v[i + 1, j] = -curves[i] * v[i, j] - v[i - 1, j]


@njit(cache=True)
def polygon_edges(v, weights, edges):
    """Positive edges (n,) of a closed polygon with normals v (n, 2): edge_i = weight_i / (1 + mu · v_i), sum edge_i v_i = 0.

    mu maximises sum weight_i log(1 + mu · v_i): a strictly concave problem in two variables, solved by damped Newton steps.

    Parameters
    ----------
    v : float64 (n, 2)
        The normals.
    weights : float64 (n,)
        Positive weights.
    edges : float64 (n,)
        Output: the edges.
    """
    n = len(v)
    x = y = 0.0
    for _ in range(200):
        gx = gy = hxx = hxy = hyy = 0.0
        for i in range(n):
            d = 1.0 / (1.0 + x * v[i, 0] + y * v[i, 1])
            edges[i] = weights[i] * d
            gx += edges[i] * v[i, 0]
            gy += edges[i] * v[i, 1]
            hxx += edges[i] * d * v[i, 0] * v[i, 0]
            hxy += edges[i] * d * v[i, 0] * v[i, 1]
            hyy += edges[i] * d * v[i, 1] * v[i, 1]
        determinant = hxx * hyy - hxy * hxy
        dx, dy = (hyy * gx - hxy * gy) / determinant, (hxx * gy - hxy * gx) / determinant
        longest = 0.0
        for i in range(n):
            longest = max(longest, abs(dx * v[i, 0] + dy * v[i, 1]) * edges[i] / weights[i])
        step = min(1.0, 0.5 / longest) if longest > 0.0 else 1.0
        x += step * dx
        y += step * dy
        if longest < 1e-14:
            break


@njit(cache=True)
def fibration_ray(curves, c1_squared, spread, fibre, uniforms, t, work):
    """Draw a ray for the elliptic threefold over a toric base: J = t^0 E + pi*j, E = zero section + pi*c1.

    The classes are E and D_2 ... D_{m-1}, all m toric curves but two neighbours: m - 1 in all, where exceptional curves of
    the base and of non-abelian fibres have zero size. With kappa_000 = c1^2, kappa_00a = c1·D_a, kappa_0ab = D_a·D_b, J is
    nef if j and j + t^0 c1 are nef on the base: for a curve outside the zero section, J·C = t^0 (section · C) + (j + t^0 c1)·C.
    Since c1 is effective with the toric curves as components, it is enough that j·D_i > 0 and j·D_i + t^0 c1·D_i > 0
    for all i.

    Parameters
    ----------
    curves : int64 (m,)
        Self-intersections of the toric curves, in cyclic order.
    c1_squared : float
        c1^2 of the base.
    spread : float
        The log of each edge's weight is uniform within plus or minus this.
    fibre : float
        In (0, 1]: how far towards its bound t^0 is.
    uniforms : float64 (at least m,)
        Uniform draws.
    t : float64 (m - 1,)
        Output: the ray.
    work : Workspace
        For m - 1 classes; all but ``spectrum`` and ``vectors`` is filled.

    Returns
    -------
    float
        Volume of the smallest generating curve.
    """
    n, v, edges, weights, tau, matrix = len(curves), work.fan, work.edges, work.weights, work.tau, work.matrix
    rays_of_fan(curves, v)
    for i in range(n):
        weights[i] = max(1.0, -_chern(curves[i])) * exp(spread * (2.0 * uniforms[i] - 1.0))
    polygon_edges(v, weights, edges)
    bound = np.inf
    for i in range(n):
        chern = _chern(curves[i])
        bound = min(bound, edges[i] / max(1.0, -chern))
    t[0] = fibre * bound
    smallest = t[0]
    for i in range(n):
        smallest = min(smallest, edges[i], edges[i] + t[0] * _chern(curves[i]))
    # t^i = support number of edge i seen from the vertex of edges 0 and 1: sums of positive terms from either side
    for i in range(2, n):
        height = 0.0
        if v[i, 0] < 0.0:
            for k in range(1, i):
                height += edges[k] * (v[k, 0] * v[i, 1] - v[k, 1] * v[i, 0])
        else:
            height += edges[0] * (v[i, 0] * v[0, 1] - v[i, 1] * v[0, 0])
            for k in range(i + 1, n):
                height += edges[k] * (v[i, 0] * v[k, 1] - v[i, 1] * v[k, 0])
        t[i - 1] = height
    for a in range(n - 1):
        for b in range(n - 1):
            matrix[a, b] = 0.0
    matrix[0, 0] = c1_squared * t[0]
    for a in range(1, n - 1):
        chern = curves[a + 1] + 2.0
        matrix[0, 0] += chern * t[a]
        matrix[0, a] = matrix[a, 0] = chern * t[0] + edges[a + 1]
        matrix[a, a] = curves[a + 1] * t[0]
        if a > 1:
            matrix[a, a - 1] = matrix[a - 1, a] = t[0]
    for a in range(n - 1):
        tau[a] = 0.0
        for b in range(n - 1):
            tau[a] += 0.5 * matrix[a, b] * t[b]
    return smallest


@njit(cache=True)
def _chern(curve):
    return _LEAST_CHERN if curve <= -9 else curve + 2.0


@njit(cache=True)
def ray_geometry(t, smallest, work):
    """The `RayGeometry` of a ray.

    Parameters
    ----------
    t : float64 (n,)
        The ray.
    smallest : float
        Volume of the smallest generating curve.
    work : Workspace
        ``tau`` and ``matrix`` are those of the ray; the matrix is destroyed.
    """
    volume, least_tau = 0.0, np.inf
    for i in range(len(t)):
        volume += t[i] * work.tau[i] / 3.0
        least_tau = min(least_tau, work.tau[i])
    return RayGeometry(volume, least_tau, smallest, work.spectrum, transverse_spectrum(t, work))


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
