"""Proof of critical points and of their inertia, eight points at a time.

Inertia: the numbers of eigenvalues of H below -s and below s are those of negative pivots of H + s I and H - s I in
L D L^T (Sylvester), but for a shift by |H - L D L^T| <= (2 n + 6) u sum L_ij^2 |D_j| (Higham, Accuracy and Stability of
Numerical Algorithms, theorem 10.3) and by the error of H itself (Weyl). If they are equal, no eigenvalue is within s less
these errors of 0: that is 1 / M, with |H^-1| <= M.

Newton-Kantorovich: let |g| <= G at x, beta = M G, and K a bound of |D^3 V| on the ball of radius 2 beta around x. If
h = beta K M < 1/2, the ball holds exactly one critical point (Kantorovich and Akilov, Functional Analysis, chapter XVIII).
Then K 2 beta < 1 / M too, so that no eigenvalue changes sign within the ball (Weyl) and the inertia at the critical point
is that at x. The errors of V's derivatives are the potential's to bound.
"""

import functools

import numpy as np
from numba.core.extending import register_jitable

from vacuagym.models.toy_eft.simd import LANES, lane_storage, lane_view
from vacuagym.numerics.compiled import njit
from vacuagym.numerics.elementary import absolute, maximum, sqrt, where
from vacuagym.numerics.linalg import counts_below, factor, largest_entry, solve, spectrum_edges, tridiagonalise

UNIT = 2.0**-53
POLISH = 1e-6  # longest step of polishing, in units of 1 + max |x_i|

# columns of `report`
VALUE, GRADIENT_NORM, N_NEGATIVE, N_FLAT, SMALLEST, LARGEST, CERTIFIED, RADIUS, GAP = range(9)
N_REPORT = 9


@functools.cache
def compile_certify(potential):
    """The compiled `certify` of a potential (see there)."""
    derivatives, reset = potential.derivatives, potential.reset
    third_derivative, rounding = potential.third_derivative, potential.rounding

    @njit(cache=True)
    def certify(n, couplings, problem, points, work, report):
        """Polish points by an exact Newton step and prove what can be proved about them.

        Parameters
        ----------
        n : int
            Number of fields.
        couplings : float64 (problems, n_couplings)
            Couplings of the problems.
        problem : int64 (m,)
            Row of the couplings of each point.
        points : float64 (m, n)
            The points, polished in place.
        work : tuple
            See `certify_workspace`.
        report : float64 (m, N_REPORT)
            Output: value, Euclidean norm of the gradient, number of negative and of undecided eigenvalues, smallest and
            largest eigenvalue, whether certified (1 or 0), radius of the ball that holds the critical point, lower bound
            of the absolute eigenvalues within that ball; the last two are NaN and 0 for a point that is not certified.
        """
        state_s, gradient_s, vectors_s, hessian_s, factors_s, scratch_s, c_s, report_s = work
        state, gradient, vectors = lane_view(state_s), lane_view(gradient_s), lane_view(vectors_s)
        pair, hessian, factors = lane_view(vectors_s[:2]), lane_view(hessian_s), lane_view(factors_s)
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
            # a long step is no polish: the Hessian is singular to rounding
            short = largest_entry(n, gradient) <= POLISH * (1.0 + largest_entry(n, state))
            for i in range(n):
                state[i] = where(short, state[i] - gradient[i], state[i])

            reset(n, c, state)
            out[VALUE] = derivatives(n, c, state, gradient, hessian, scratch)
            gradient_error, hessian_error = rounding(n, c, state, scratch)
            slope = 0.0
            for i in range(n):
                slope += gradient[i] * gradient[i]
                for j in range(i + 1):
                    factors[i, j] = hessian[i, j]
            slope = sqrt(slope)
            out[GRADIENT_NORM] = slope
            diagonal, squares = vectors[0], vectors[1]
            tridiagonalise(n, factors, diagonal, squares, vectors[2], vectors[3])
            out[SMALLEST], out[LARGEST], nearest, norm = spectrum_edges(n, diagonal, squares)
            # where nothing can be proved: eigenvalues within the errors, at least one
            blur = hessian_error / norm + 1e-12
            below, reached, _, _ = counts_below(n, diagonal, squares, (0.0 - blur, blur, blur, blur))

            shift = 0.99 * nearest
            n_negative, error = _count_below(n, hessian, 0.0 - shift, factors, pair)
            n_reached, other_error = _count_below(n, hessian, shift, factors, pair)
            # the factors 1.0000001 cover the rounding of these few sums of positive numbers
            distance = 0.9999999 * shift - 1.0000001 * (maximum(error, other_error) + hessian_error)
            bound = 1.0000001 / maximum(distance, 1e-300)
            beta = 1.0000001 * bound * (slope + gradient_error)
            radius = 2.0000001 * beta
            curvature = third_derivative(n, c, state, radius)
            gap = 0.9999999 * distance - 1.0000001 * curvature * radius
            certified = (n_negative == n_reached) & (distance > 0.0) & (gap > 0.0)
            certified = certified & (1.0000001 * beta * curvature * bound < 0.5) & (absolute(out[VALUE]) < 1e300)
            out[CERTIFIED] = where(certified, 1.0, 0.0)
            out[RADIUS] = where(certified, radius, np.nan)
            out[GAP] = where(certified, gap, 0.0)
            flat = reached - below
            out[N_FLAT] = where(certified, 0.0, maximum(flat, 1.0))
            out[N_NEGATIVE] = where(certified, n_negative, where(flat > 0.0, below, maximum(below - 1.0, 0.0)))

            for lane in range(min(LANES, len(problem) - first)):
                for k in range(N_REPORT):
                    report[first + lane, k] = report_s[k, lane]
                for i in range(n):
                    points[first + lane, i] = state_s[i, lane]

    return certify


@register_jitable
def _count_below(n, matrix, x, factors, pair):
    """Number of eigenvalues of a symmetric matrix (n, n; lower triangle) below x, and a bound of the error of x."""
    for i in range(n):
        for j in range(i):
            factors[i, j] = matrix[i, j]
        factors[i, i] = matrix[i, i] - x
    n_negative = factor(n, factors, pair, 1e-300, False)
    size = 0.0
    for j in range(n):
        growth = 1.0
        for i in range(j + 1, n):
            growth += factors[i, j] * factors[i, j]
        size += growth * absolute(factors[j, j])
    return n_negative, (2.0 * n + 6.0) * UNIT * size


def certify_workspace(potential, n):
    """The arrays that `certify` works in for problems of n fields."""
    state, work, couplings = potential.n_state(n), potential.n_work(n), potential.n_couplings(n)
    shapes = (state,), (n,), (4, n), (n, n), (n, n), (work,), (couplings,), (N_REPORT,)
    return tuple(lane_storage(*shape) for shape in shapes)
