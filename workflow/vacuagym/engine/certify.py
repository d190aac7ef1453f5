"""Proof of critical points and of their inertia, eight points at a time.

Newton-Kantorovich: let H be the Hessian at x, |H^-1| <= M, |g| <= G, beta = M G, and K a bound of |D^3 V| on the ball of
radius 2 beta around x. If h = beta K M < 1/2, the ball holds exactly one critical point (Kantorovich and Akilov,
Functional Analysis, chapter XVIII). Then K 2 beta < 1 / M too, so that no eigenvalue changes sign within the ball (Weyl)
and the inertia at the critical point is that at x.

Rounding: M comes from the computed inverse X and the residual of X H (|H^-1| <= |X| / (1 - |I - X H|)), the inertia from
the signs of the pivots of H = L D L^T, with |H - L D L^T| <= (2 n + 4) u sum L_ij^2 |D_j| (Higham, Accuracy and Stability
of Numerical Algorithms, theorem 10.3) required to be below 1 / M. The errors of V's derivatives are the model's to bound.
"""

import functools

import numpy as np
from numba import njit

from vacuagym.engine.elementary import absolute, maximum, sqrt, where
from vacuagym.engine.lanes import LANES, lane_storage, lane_view
from vacuagym.engine.linalg import count_below, extreme_eigenvalues, factor, invert, solve, tridiagonalise

UNIT = 2.0**-53

# columns of `report`
VALUE, GRADIENT_NORM, N_NEGATIVE, N_FLAT, SMALLEST, LARGEST, CERTIFIED, RADIUS, GAP = range(9)
N_REPORT = 9


@functools.cache
def compile_certify(model):
    """The compiled `certify` of a model (see there)."""
    derivatives, reset = model.derivatives, model.reset
    third_derivative, rounding = model.third_derivative, model.rounding

    @njit(cache=True)
    def certify(n, couplings, problem, points, work, report):
        """Polish points by an exact Newton step and prove what can be proved about them.

        Parameters
        ----------
        couplings : float64 (problems, n_couplings). problem : int64 (m,). points : float64 (m, n), updated in place.
        work : see `certificate_workspace`.
        report : output, float64 (m, N_REPORT): value, Euclidean norm of the gradient, number of negative and of
            undecided eigenvalues, smallest and largest eigenvalue, whether certified (1 or 0), radius of the ball that
            holds the critical point, lower bound of the absolute eigenvalues within that ball. A point that is not
            certified has infinite radius and gap 0.
        """
        state_s, gradient_s, vectors_s, hessian_s, factors_s, inverse_s, scratch_s, c_s, report_s = work
        state, gradient, vectors = lane_view(state_s), lane_view(gradient_s), lane_view(vectors_s)
        pair = lane_view(vectors_s[:2])
        hessian, factors, inverse = lane_view(hessian_s), lane_view(factors_s), lane_view(inverse_s)
        scratch, c, out = lane_view(scratch_s), lane_view(c_s), lane_view(report_s)
        for first in range(0, len(problem), LANES):
            for lane in range(LANES):
                source = min(first + lane, len(problem) - 1)
                for k in range(c_s.shape[0]):
                    c_s[k, lane] = couplings[problem[source], k]
                for i in range(n):
                    state_s[i, lane] = points[source, i]

            reset(n, c, state)
            derivatives(n, c, state, gradient, factors, scratch)
            norm = absolute(factors[0, 0])
            factor(n, factors, pair, 1e-14 * norm, False)
            solve(n, factors, gradient)
            for i in range(n):
                state[i] = state[i] - gradient[i]

            reset(n, c, state)
            out[VALUE] = derivatives(n, c, state, gradient, hessian, scratch)
            gradient_error, hessian_error = rounding(n, c, state, scratch)
            size = 0.0
            slope = 0.0
            for i in range(n):
                slope += gradient[i] * gradient[i]
                for j in range(i + 1):
                    factors[i, j] = hessian[i, j]
                    hessian[j, i] = hessian[i, j]
                    size += where(i == j, 1.0, 2.0) * hessian[i, j] * hessian[i, j]
            size, slope = sqrt(size), sqrt(slope)
            out[GRADIENT_NORM] = slope

            n_negative, _ = factor(n, factors, pair, 1e-300, False)
            out[N_NEGATIVE] = n_negative
            pivots = 0.0
            for j in range(n):
                growth = 1.0
                for i in range(j + 1, n):
                    growth += factors[i, j] * factors[i, j]
                pivots += growth * absolute(factors[j, j])
            pivot_error = (2.0 * n + 4.0) * UNIT * pivots

            invert(n, factors, inverse, vectors[0])
            inverse_norm = 0.0
            residual = 0.0
            for i in range(n):
                for j in range(n):
                    inverse_norm += inverse[i, j] * inverse[i, j]
                    entry = where(i == j, 1.0, 0.0)
                    for k in range(n):
                        entry -= inverse[i, k] * hessian[k, j]
                    residual += entry * entry
            inverse_norm = sqrt(inverse_norm)
            residual = sqrt(residual) + (n + 3.0) * UNIT * inverse_norm * size + inverse_norm * hessian_error
            # the factors 1.0000001 cover the rounding of these few sums of positive numbers
            bound = 1.0000001 * inverse_norm / (1.0 - residual)
            beta = 1.0000001 * bound * (slope + gradient_error)
            radius = 2.0000001 * beta
            curvature = third_derivative(n, c, state, radius)
            gap = 0.9999999 / bound - 1.0000001 * curvature * radius
            certified = (residual < 0.5) & (1.0000001 * beta * curvature * bound < 0.5) & (gap > 0.0)
            certified = certified & (1.0000001 * (pivot_error + hessian_error) < 0.9999999 / bound)
            certified = certified & (absolute(out[VALUE]) < 1e300)
            out[CERTIFIED] = where(certified, 1.0, 0.0)
            out[RADIUS] = where(certified, radius, np.inf)
            out[GAP] = where(certified, gap, 0.0)

            tridiagonalise(n, hessian, vectors[0], vectors[1], vectors[2], vectors[3])
            out[SMALLEST], out[LARGEST], norm = extreme_eigenvalues(n, vectors[0], vectors[1])
            # where nothing is proved: eigenvalues within the errors, at least one
            blur = hessian_error + pivot_error + 1e-12 * size + where(radius < 1.0, curvature * radius, 0.0)
            scale = 1.0 / maximum(norm, 1e-300)
            below = count_below(n, vectors[0], vectors[1], 0.0 - blur, scale)
            flat = count_below(n, vectors[0], vectors[1], blur, scale) - below
            out[N_FLAT] = where(certified, 0.0, maximum(flat, 1.0))
            out[N_NEGATIVE] = where(certified, out[N_NEGATIVE], where(flat > 0.0, below, maximum(below - 1.0, 0.0)))

            for lane in range(min(LANES, len(problem) - first)):
                for k in range(N_REPORT):
                    report[first + lane, k] = report_s[k, lane]
                for i in range(n):
                    points[first + lane, i] = state_s[i, lane]

    return certify


def certificate_workspace(model, n):
    """The arrays that `certify` works in for problems of n variables."""
    shapes = (
        (model.n_state(n),),
        (n,),
        (4, n),
        (n, n),
        (n, n),
        (n, n),
        (model.n_work(n),),
        (model.n_couplings(n),),
        (N_REPORT,),
    )
    return tuple(lane_storage(*shape) for shape in shapes)
