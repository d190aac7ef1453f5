"""The Kähler-moduli potential of 4D N = 1 supergravity for any triple intersection numbers, and its exact derivatives.

The fields are T_i = tau_i + i theta_i, tau_i = kappa_ijk t^j t^k / 2. With V0 = kappa_ijk t^i t^j t^k / 6 (the volume),
Y = V0 + xi / 2 and K = -2 ln Y (Becker, Becker, Haack, Louis, hep-th/0204254), W = W0 + sum A_i exp(-a_i T_i), and an
uplift D / V0^p,

    V = Y^-2 (-4 Y kappa(P, Pbar, t) + c1 (|q|^2 - Re(q Wbar)) + c0 |W|^2) + D / V0^p,
    P^i = dW/dT_i,  q = tau_i P^i,  c1 = 16 Y / (4 V0 - xi),  c0 = 3 xi / (4 V0 - xi),

which is e^K (K^ij D_iW D_jWbar - 3 |W|^2) with the inverse metric written out in t: nothing has to be inverted. The
dilaton and the complex structure are held fixed. W0, A_i and a_i are real, so that theta = 0 is critical in theta.

Plain numpy, one problem at a time; t and theta may be complex (for the complex-step test), and numbers of any precision
that numpy can hold; `derivatives` takes arrays of mpmath numbers too. The labels are tested against this, and benchmarks use it; the package does not.

`follow` follows a critical point while the couplings change, from a ray, where it is known, to couplings of any kind:
Newton's method in ln t on dV = 0, with the step along the path halved where it does not converge. Not finding a point says
nothing about whether there is one.
"""

from typing import NamedTuple

import mpmath
import numpy as np

_MAX_NEWTON, _CONVERGED, _SMALLEST_STEP = 12, 1e-9, 1.0 / 256.0


class Theory(NamedTuple):
    """A geometry with its couplings, in Planck units."""

    kappa: np.ndarray  # (n, n, n) triple intersection numbers, symmetric
    xi: float  # alpha' correction
    w0: float  # flux superpotential W0
    amplitudes: np.ndarray  # (n,) A_i
    rates: np.ndarray  # (n,) a_i
    uplift: float = 0.0  # D
    power: float = 4.0 / 3.0  # p


def volume(kappa, t):
    """kappa_ijk t^i t^j t^k / 6."""
    return np.einsum("ijk,i,j,k->", kappa, t, t, t) / 6.0


def four_cycles(kappa, t):
    """tau_i = kappa_ijk t^j t^k / 2, shape (n,)."""
    return np.einsum("ijk,j,k->i", kappa, t, t) / 2.0


def _exp(x):
    """exp of an array, of mpmath numbers if it holds objects."""
    return np.array([mpmath.exp(y) for y in x]) if x.dtype == object else np.exp(x)


def value(theory: Theory, t, theta):
    """V at the Kähler parameters t (n,) and the axions theta (n,)."""
    v, tau = volume(theory.kappa, t), four_cycles(theory.kappa, t)
    size, angle = theory.amplitudes * np.exp(-theory.rates * tau), theory.rates * theta
    # real and imaginary parts apart: V is then an analytic function of t and theta
    w_re, w_im = theory.w0 + np.sum(size * np.cos(angle)), -np.sum(size * np.sin(angle))
    p_re, p_im = -theory.rates * size * np.cos(angle), theory.rates * size * np.sin(angle)
    q_re, q_im = tau @ p_re, tau @ p_im
    k = np.einsum("ijk,k->ij", theory.kappa, t)
    y = v + theory.xi / 2.0
    bracket = (
        -4.0 * y * (p_re @ k @ p_re + p_im @ k @ p_im)
        + 16.0 * y / (4.0 * v - theory.xi) * (q_re**2 + q_im**2 - q_re * w_re - q_im * w_im)
        + 3.0 * theory.xi / (4.0 * v - theory.xi) * (w_re**2 + w_im**2)
    )
    return bracket / y**2 + theory.uplift / v**theory.power


class Derivatives(NamedTuple):
    """V and its derivatives at theta = 0."""

    value: float
    gradient: np.ndarray  # (n,) dV/dt^a
    hessian: np.ndarray  # (n, n) d2V/dt^a dt^b
    axion_hessian: np.ndarray  # (n, n) d2V/dphi^a dphi^b with theta_i = kappa_ij phi^j
    metric: np.ndarray  # (n, n) K_ij in the coordinates t, and equally in phi


def derivatives(theory: Theory, t) -> Derivatives:
    """V, gradient and Hessian in t, Hessian in the axions, and the Kähler metric, at theta = 0."""
    kappa, rates = theory.kappa, theory.rates
    v, tau = volume(kappa, t), four_cycles(kappa, t)
    k = np.einsum("ijk,k->ij", kappa, t)
    size = theory.amplitudes * _exp(-rates * tau)
    w, p, h, g = theory.w0 + np.sum(size), -rates * size, rates**2 * size, -(rates**3) * size
    kp, q = k @ p, tau @ p
    m = p @ kp

    # the scalars (v, q, m, w) as functions of t
    pp = np.einsum("ijk,i,j->k", kappa, p, p)
    first = np.array([tau, k @ (p + tau * h), pp + 2.0 * k @ (h * kp), kp])
    contract = lambda vector: np.einsum("ijk,k->ij", kappa, vector)  # noqa: E731
    kp_matrix, kh = contract(p), k * h
    mixed = kp_matrix @ kh.T
    second = np.array(
        [
            k,
            contract(p + tau * h) + (k * (2.0 * h + tau * g)) @ k,
            2.0 * (mixed + mixed.T + contract(h * kp) + (k * (g * kp)) @ k + kh @ k @ kh.T),
            kp_matrix + kh @ k,
        ]
    )

    # V as a function of the scalars
    xi, power = theory.xi, theory.power
    y, z = v + xi / 2.0, 4.0 * v - xi
    f, b = q * q - q * w, 3.0 * xi * w * w
    up = theory.uplift / v**power
    total = -4.0 * m / y + 16.0 * f / (y * z) + b / (z * y * y) + up
    d_v = (
        4.0 * m / y**2
        - 16.0 * f * (1.0 / y + 4.0 / z) / (y * z)
        - b * (4.0 / z + 2.0 / y) / (z * y * y)
        - power * up / v
    )
    d_vv = (
        -8.0 * m / y**3
        + 16.0 * f * (2.0 / y**2 + 8.0 / (y * z) + 32.0 / z**2) / (y * z)
        + b * (32.0 / z**2 + 16.0 / (y * z) + 6.0 / y**2) / (z * y * y)
        + power * (power + 1.0) * up / v**2
    )
    c1, c0 = 16.0 / (y * z), 3.0 * xi / (z * y * y)
    c1_v, c0_v = -c1 * (1.0 / y + 4.0 / z), -c0 * (4.0 / z + 2.0 / y)
    slopes = np.array([d_v, c1 * (2.0 * q - w), -4.0 / y, -c1 * q + 2.0 * c0 * w])
    v_q, v_w = c1_v * (2.0 * q - w), -c1_v * q + 2.0 * c0_v * w
    curvatures = np.array(
        [
            [d_vv, v_q, 4.0 / y**2, v_w],
            [v_q, 2.0 * c1, 0.0 * c1, -c1],
            [4.0 / y**2, 0.0 * c1, 0.0 * c1, 0.0 * c1],
            [v_w, -c1, 0.0 * c1, 2.0 * c0],
        ]
    )
    gradient = slopes @ first
    hessian = np.einsum("s,sab->ab", slopes, second) + first.T @ curvatures @ first

    # axions: second order in delta_i = a_i theta_i, theta = k phi
    s, sq = size, tau * p  # what multiplies delta_i in W and q
    one = 2.0 * (-4.0 / y * (np.outer(p, p) * k - np.diag(p * kp)))
    one = one + 2.0 * c1 * (np.outer(sq, sq) - np.diag(q * sq))
    one = one - c1 * (np.outer(sq, s) + np.outer(s, sq) - np.diag(w * sq + q * s))
    one = one + 2.0 * c0 * (np.outer(s, s) - np.diag(w * s))
    turn = k * rates  # delta = diag(a) k phi
    metric = -k / (4.0 * y) + np.outer(tau, tau) / (2.0 * y * y)
    return Derivatives(total, gradient, hessian, turn @ one @ turn.T, metric)


def supersymmetry(theory: Theory, t):
    """D_iW = dW/dT_i + K_i W at theta = 0, shape (n,): zero at a supersymmetric point."""
    tau = four_cycles(theory.kappa, t)
    size = theory.amplitudes * _exp(-theory.rates * tau)
    y = volume(theory.kappa, t) + theory.xi / 2.0
    return -theory.rates * size - t / (2.0 * y) * (theory.w0 + np.sum(size))


def masses_squared(hessian, metric):
    """Canonically normalised masses M^2 = K^-1 V'' / 2, ascending: the scale-free eigenvalues of one block (n,)."""
    root = np.linalg.cholesky(metric)
    inner = np.linalg.solve(root, np.linalg.solve(root, hessian).T)
    return np.linalg.eigvalsh(inner + inner.T) / 4.0


def refine(theory: Theory, t):
    """Critical point (n,) of V near t > 0, by Newton's method in ln t; None if it does not converge or leaves the cone.

    The cone is t > 0 with K_ij positive definite: for nef classes, inside the Kähler cone.
    """
    t = np.array(t, dtype=float)
    for _ in range(_MAX_NEWTON):
        d = derivatives(theory, t)
        gradient = t * d.gradient
        hessian = np.outer(t, t) * d.hessian + np.diag(gradient)
        scale = np.sqrt(np.abs(np.diag(hessian)))
        if not (np.all(np.isfinite(hessian)) and np.all(scale > 0)):
            return None
        try:
            np.linalg.cholesky(d.metric)
            step = np.linalg.solve(hessian / np.outer(scale, scale), -gradient / scale) / scale
        except np.linalg.LinAlgError:
            return None
        if np.abs(step).max() > 0.5:
            return None
        t = t * np.exp(step)
        if np.abs(step).max() < _CONVERGED:
            return t
    return None


def follow(start: Theory, end: Theory, t):
    """The critical point (n,) of ``end`` that continues the critical point t (n,) of ``start``; None if the path is lost.

    On the way ln A_i, ln a_i and ln(1 + D / D0), D0 the scale of e^K |W|^2 at t, change linearly; signs of A_i must agree.
    """
    scale = start.w0**2 * volume(start.kappa, t) ** (start.power - 2.0)

    def between(s):
        def geometric(a, b):
            return a * np.exp(s * np.log(b / a))

        lift = np.exp((1 - s) * np.log1p(start.uplift / scale) + s * np.log1p(end.uplift / scale))
        return end._replace(
            xi=(1 - s) * start.xi + s * end.xi,
            w0=(1 - s) * start.w0 + s * end.w0,
            amplitudes=geometric(start.amplitudes, end.amplitudes),
            rates=geometric(start.rates, end.rates),
            uplift=scale * (lift - 1.0),
        )

    s, step = 0.0, 0.25
    while s < 1.0:
        following = refine(end if s + step >= 1.0 else between(s + step), t)
        if following is None or np.abs(np.log(following / t)).max() > 0.5:
            step *= 0.5
            if step < _SMALLEST_STEP:
                return None
            continue
        t, s = following, s + step
        step = min(2.0 * step, 1.0 - s)
    return t
