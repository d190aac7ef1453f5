"""Follow a critical point while the couplings change: from a ray, where it is known, to couplings of any kind.

A study tool in plain numpy, one problem at a time; labels do not use it. Newton's method in ln t on dV = 0, with the step
along the path halved where it does not converge. Not finding a point says nothing about whether there is one.
"""

import numpy as np

from vacuagym.models.supergravity.potential import Theory, derivatives, volume

_MAX_NEWTON, _CONVERGED, _SMALLEST_STEP = 12, 1e-9, 1.0 / 256.0


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
