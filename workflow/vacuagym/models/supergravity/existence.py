"""Whether four-cycles of given proportions exist: a study tool, of which the labels make no use.

Where the N_i are independent, a supersymmetric point has a_i tau_i equal at leading order: tau(t) proportional to the N_i.
ln vol is concave on the Kähler cone, and its gradient is tau / vol. So f(t) = tau*·t - ln vol(t) is convex there, and
tau(t) is proportional to tau* exactly at a minimum of f inside the cone; f has one minimum on the closed cone, so if that
is on the boundary there is no such point in the cone.
"""

from typing import NamedTuple

import numpy as np

_BARRIERS = 10.0 ** -np.arange(0.0, 13.0)
_NEWTON_STEPS = 60  # for each barrier


class Existence(NamedTuple):
    """The answer, and its certificate: the minimum of f, where its gradient is the sum of multiplier times curve."""

    exists: bool
    point: np.ndarray  # (n,) t, where tau*·t = 3
    multipliers: np.ndarray  # (m,) of the curves: 0 if the point exists; else non-negative, some positive
    residual: float  # largest entry of gradient less sum of multiplier times curve; the mean of tau* is 1


def decide(kappa, curves, inside, tau) -> Existence:
    """Decide whether tau(t) is proportional to ``tau`` somewhere in the cone.

    Parameters
    ----------
    kappa : float (n, n, n)
        Triple intersection numbers.
    curves : float (m, n)
        The cone: all t with ``curves @ t > 0``, see `vacuagym.geometry.triangulations.kahler_cone`.
    inside : float (n,)
        A point in it.
    tau : float (n,)
        The proportions, positive.

    Returns
    -------
    Existence

    Raises
    ------
    ArithmeticError
        Neither answer is clear: the minimum is too close to the boundary.
    """
    scale = np.linalg.norm(curves, axis=1, keepdims=True)
    curves, tau = curves / scale, np.asarray(tau, dtype=float) / np.mean(tau)
    t = np.asarray(inside, dtype=float) * 3.0 / (tau @ inside)
    for barrier in _BARRIERS:
        for _ in range(_NEWTON_STEPS):
            sizes = curves @ t
            gradient, hessian = _derivatives(kappa, tau, t)
            gradient = gradient - barrier * curves.T @ (1.0 / sizes)
            hessian = hessian + (curves.T * (barrier / sizes**2)) @ curves
            step = np.linalg.solve(hessian, -gradient)
            slopes = curves @ step
            longest = np.min(-sizes[slopes < 0] / slopes[slopes < 0], initial=np.inf)
            t = t + min(1.0, 0.9 * longest) * step
            if -gradient @ step < 1e-4 * barrier:
                break
    sizes = curves @ t
    multipliers = _BARRIERS[-1] / sizes
    unclear = (sizes < 1e-5) == (multipliers < 1e-5)
    if unclear.any():
        raise ArithmeticError("the minimum is too close to the boundary of the cone to say on which side it is")
    exists = not (multipliers > 1e-5).any()
    if exists:
        multipliers = np.zeros_like(multipliers)
        for _ in range(5):  # without the barrier
            gradient, hessian = _derivatives(kappa, tau, t)
            t = t - np.linalg.solve(hessian, gradient)
    gradient, _ = _derivatives(kappa, tau, t)
    residual = np.abs(gradient - curves.T @ multipliers).max()
    return Existence(exists, t, multipliers / scale[:, 0], float(residual))


def _derivatives(kappa, tau, t):
    """Gradient and Hessian of tau·t - ln vol(t)."""
    matrix = kappa @ t
    four_cycles = 0.5 * matrix @ t
    volume = four_cycles @ t / 3.0
    return tau - four_cycles / volume, np.outer(four_cycles, four_cycles) / volume**2 - matrix / volume
