"""The barrier of a minimum: the index-1 saddle that connects it to another end of the descents."""

import functools

import numpy as np

from vacuagym.models.toy_eft import certificates
from vacuagym.models.toy_eft.columns import LOWER
from vacuagym.models.toy_eft.search import CLIMB, CONVERGED, DESCEND
from vacuagym.models.toy_eft.simd import LANES, lane_view
from vacuagym.numerics.compiled import njit
from vacuagym.numerics.elementary import absolute, sqrt, where
from vacuagym.numerics.linalg import factor, solve

SAME_POINT = 1e-6  # two points are one if no component differs by more, in units of 1 + max |x_i|
NUDGE = 1e-3  # how far beside the saddle the descent that confirms a connection starts, in the same units
OFFSET = 0.2  # how far beside the minimum the climb starts, in the same units
CAREFUL = 0.1  # longest step of that descent, in the same units


@functools.cache
def compile_unstable_directions(potential):
    """The compiled `unstable_directions` of a potential (see there)."""
    derivatives, reset = potential.derivatives, potential.reset

    @njit(cache=True)
    def unstable_directions(n, couplings, problem, saddles, eigenvalues, targets, work, directions):
        """Find the unit eigenvectors of the smallest eigenvalues of Hessians.

        Parameters
        ----------
        n, couplings, problem, work
            As of `certificates.compile_certify`.
        saddles, eigenvalues : float64 (m, n), float64 (m,)
            Points, and the smallest eigenvalue at each.
        targets : float64 (m, n)
            Inverse iteration starts in their direction, and the eigenvectors point to their side.
        directions : float64 (m, n)
            Output: the eigenvectors.
        """
        state_s, gradient_s, vectors_s, hessian_s, _, scratch_s, c_s, report_s = work
        state, gradient, vectors = lane_view(state_s), lane_view(gradient_s), lane_view(vectors_s)
        hessian, scratch, c, out = lane_view(hessian_s), lane_view(scratch_s), lane_view(c_s), lane_view(report_s)
        pair = lane_view(vectors_s[:2])
        for first in range(0, len(problem), LANES):
            for lane in range(LANES):
                source = min(first + lane, len(problem) - 1)
                for k in range(c_s.shape[0]):
                    c_s[k, lane] = couplings[problem[source], k]
                for i in range(n):
                    state_s[i, lane] = saddles[source, i]
                    vectors_s[2, i, lane] = targets[source, i] - saddles[source, i]
                report_s[0, lane] = eigenvalues[source]
            direction = vectors[2]
            reset(n, c, state)
            derivatives(n, c, state, gradient, hessian, scratch)
            # shifted a little below the eigenvalue: positive definite, and nearly singular along its eigenvector alone
            for i in range(n):
                hessian[i, i] = hessian[i, i] - 1.0001 * out[0]
                gradient[i] = direction[i]
            factor(n, hessian, pair, 1e-12 * absolute(out[0]), True)
            for _ in range(3):
                solve(n, hessian, direction)
                squared = 0.0
                for i in range(n):
                    squared += direction[i] * direction[i]
                for i in range(n):
                    direction[i] = direction[i] / sqrt(squared)
            product = 0.0
            for i in range(n):
                product += direction[i] * gradient[i]
            for i in range(n):
                direction[i] = where(product < 0.0, 0.0 - direction[i], direction[i])
            for lane in range(min(LANES, len(problem) - first)):
                for i in range(n):
                    directions[first + lane, i] = vectors_s[2, i, lane]

    return unstable_directions


@njit(cache=True)
def same_point(a, b):
    """Whether points a and b (n,) are the same."""
    difference = size = 0.0
    for i in range(len(a)):
        difference = max(difference, abs(a[i] - b[i]))
        size = max(size, abs(b[i]))
    return difference <= SAME_POINT * (1.0 + size)


@njit(cache=True)
def _same_points(a, b):
    same = np.empty(len(a), dtype=np.bool_)
    for row in range(len(a)):
        same[row] = same_point(a[row], b[row])
    return same


@njit(cache=True)
def _unit_vectors(vectors):
    """Divide each row by its Euclidean norm; summed in order, which numpy's sum is not."""
    for row in vectors:
        squared = 0.0
        for x in row:
            squared += x * x
        row /= np.sqrt(squared)
    return vectors


def barrier_heights(solver, couplings, problem, minima, values, targets):
    """Height of the barrier of each minimum towards its target.

    A climb starts beside the minimum, guided towards the target. Its end counts if it is certified as a saddle of index 1,
    lies above the minimum, and the descent from it along its unstable direction ends in the minimum.

    Parameters
    ----------
    solver : Solver
        See `vacuagym.models.toy_eft.labels`.
    couplings, problem : float64 (problems, n_couplings), int64 (m,)
        Couplings, and their row for each minimum.
    minima, values : float64 (m, n), float64 (m,)
        The minima and V there.
    targets : float64 (m, n)
        The target of each.

    Returns
    -------
    heights : float64 (m,)
        Heights above the minima; NaN where no connecting saddle was found.
    turns : int64 (m,)
        Evaluations of V.
    """
    heights, turns = np.full(len(problem), np.nan), np.zeros(len(problem), dtype=np.int64)
    if len(problem) == 0:
        return heights, turns
    guides = _unit_vectors(targets - minima)
    beside = minima + OFFSET * _extent(minima) * guides
    saddles, _, outcomes, used = solver.search(CLIMB, couplings, problem, beside, guides)
    turns += used
    row = np.flatnonzero(outcomes == CONVERGED)
    saddles, report = solver.certify(couplings, problem[row], saddles[row])
    above = report[:, certificates.VALUE] > values[row] + LOWER * (1.0 + np.abs(values[row]))
    index_1 = (report[:, certificates.CERTIFIED] == 1) & (report[:, certificates.N_NEGATIVE] == 1) & above
    row, saddles, report = row[index_1], saddles[index_1], report[index_1]
    if len(row) == 0:
        return heights, turns
    lowest = np.ascontiguousarray(report[:, certificates.SMALLEST])
    directions = solver.unstable_directions(couplings, problem[row], saddles, lowest, minima[row])
    beside = saddles + NUDGE * _extent(saddles) * directions
    ends, _, outcomes, used = solver.search(DESCEND, couplings, problem[row], beside, reach=CAREFUL)
    turns[row] += used
    connected = (outcomes == CONVERGED) & _same_points(ends, minima[row])
    heights[row[connected]] = (report[:, certificates.VALUE] - values[row])[connected]
    return heights, turns


def _extent(points):
    return 1.0 + np.abs(points).max(axis=1, keepdims=True)
