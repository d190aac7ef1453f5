"""Search for critical points: Newton's method on eight problems at a time, each lane taking the next problem when done.

Three ways to use the gradient g and the Hessian H:

- DESCEND: steps -M^-1 g under Armijo's rule, M a positive definite modification of H; the end is a minimum or an escape.
- NEWTON: steps -H^-1 g of bounded length; the end is a critical point of any index, or nowhere.
- CLIMB: up along a guide v, down elsewhere: -M^-1 g + 2 v (v.g) / (v.M v), with M = L |D| L^T for H = L D L^T. Where H has
  negative eigenvalues, v is projected onto directions of negative curvature, (1 - M^-1 H) v / 2; where it has exactly one,
  the step becomes -H^-1 g. The end is a saddle of index 1, or nowhere.
"""

import functools
from typing import NamedTuple

import numpy as np
from numba.core.extending import register_jitable

from vacuagym.models.toy_eft.simd import LANES, any_lane, lane_storage, lane_view
from vacuagym.numerics.compiled import njit
from vacuagym.numerics.elementary import absolute, maximum, sqrt, where
from vacuagym.numerics.linalg import factor, largest_entry, multiply, quadratic_form, solve

DESCEND, NEWTON, CLIMB = 0, 1, 2
CONVERGED, ESCAPED, STALLED = 0, 1, 2  # what a search ends in

_CLOSE = 1e-7  # a step that short, in units of 1 + max |x_i|, is the last: Newton squares it
_FLOOR = 1e-10  # pivots are kept above this, in units of the largest diagonal entry
# rows of a search's eight numbers of each kind
_VALUE, _SLOPE, _LENGTH, _END = range(4)


class Searches(NamedTuple):
    """What to search for."""

    problem: np.ndarray  # int64 (searches,): row of the couplings
    starts: np.ndarray  # float64 (searches, n)
    guides: np.ndarray  # float64 (searches, n), unit vectors, of the mode CLIMB; else empty
    mode: int  # DESCEND, NEWTON or CLIMB
    reach: float  # longest step, in units of 1 + max |x_i|
    max_turns: int  # evaluations of V after which a search has stalled


class Ends(NamedTuple):
    """Where searches ended."""

    points: np.ndarray  # float64 (searches, n)
    values: np.ndarray  # float64 (searches,): V there
    outcomes: np.ndarray  # int8 (searches,): CONVERGED, ESCAPED or STALLED
    turns: np.ndarray  # int32 (searches,): evaluations of V


@functools.cache
def compile_search(potential):
    """The compiled `search` of a potential (see there)."""
    derivatives, reset, extend, escapes = potential.derivatives, potential.reset, potential.extend, potential.escapes

    @njit(cache=True)
    def search(n, couplings, searches, work, found):
        """Search for critical points of problems of n fields.

        Parameters
        ----------
        n : int
            Number of fields.
        couplings : float64 (problems, n_couplings)
            Couplings of the problems.
        searches : Searches
            What to search for.
        work : tuple
            See `search_workspace`.
        found : Ends
            Output.
        """
        problem, starts, guides, mode, reach, max_turns = searches
        ends, values, outcomes, turns = found
        state_s, trial_s, step_s, vectors_s, hessian_s, scratch_s, c_s, lane_s, begin, owner, lane_turns = work
        n_state, n_couplings = state_s.shape[0], c_s.shape[0]
        state, trial, step = lane_view(state_s), lane_view(trial_s), lane_view(step_s)
        hessian, scratch, c, per_lane = lane_view(hessian_s), lane_view(scratch_s), lane_view(c_s), lane_view(lane_s)
        pair, vectors = lane_view(vectors_s[:2]), lane_view(vectors_s)
        gradient, guide, turned = vectors[2], vectors[3], vectors[4]
        for lane in range(LANES):
            owner[lane] = -1
        following = 0
        while True:
            busy = 0
            for lane in range(LANES):
                if owner[lane] < 0 and following < len(problem):
                    owner[lane] = following
                    lane_turns[lane] = 0
                    for k in range(n_couplings):
                        c_s[k, lane] = couplings[problem[following], k]
                    for i in range(n):
                        begin[i] = starts[following, i]
                        if mode == CLIMB:
                            vectors_s[3, i, lane] = guides[following, i]
                    reset(n, couplings[problem[following]], begin)
                    for i in range(n_state):
                        state_s[i, lane] = begin[i]
                        step_s[i, lane] = 0.0
                    lane_s[_VALUE, lane] = np.inf
                    lane_s[_SLOPE, lane] = 0.0
                    lane_s[_LENGTH, lane] = 0.0
                    following += 1
                busy += owner[lane] >= 0
            if busy == 0:
                break
            value, slope, length = per_lane[_VALUE], per_lane[_SLOPE], per_lane[_LENGTH]
            for i in range(n_state):
                trial[i] = state[i] + length * step[i]
            at_trial = derivatives(n, c, trial, gradient, hessian, scratch)
            accepted = absolute(at_trial) < 1e300
            if mode == DESCEND:
                slack = 1e-14 * (1.0 + absolute(value))
                accepted = accepted & (at_trial <= value + 1e-4 * length * slope + slack)
            per_lane[_LENGTH] = where(accepted, 1.0, 0.5 * length)
            per_lane[_END] = 0.0
            if any_lane(accepted):
                per_lane[_VALUE] = where(accepted, at_trial, value)
                for i in range(n_state):
                    state[i] = where(accepted, trial[i], state[i])
                if mode == DESCEND:
                    per_lane[_END] = where(accepted & escapes(n, c, trial, gradient, scratch), 1.0 + ESCAPED, 0.0)
                floor = 1e-290
                for i in range(n):
                    floor = maximum(absolute(hessian[i, i]), floor)
                floor = _FLOOR * floor
                if mode == CLIMB:
                    multiply(n, hessian, guide, turned)
                n_negative = factor(n, hessian, pair, floor, mode == DESCEND)
                if mode == CLIMB:
                    for i in range(n):
                        hessian[i, i] = absolute(hessian[i, i])
                for i in range(n):
                    trial[i] = -gradient[i]
                solve(n, hessian, trial)
                largest, extent = largest_entry(n, trial), 1.0 + largest_entry(n, state)
                converged = accepted & (largest <= _CLOSE * extent)
                if mode == DESCEND:
                    converged = converged & (n_negative == 0.0)
                if mode == CLIMB:
                    _turn(n, hessian, n_negative > 0.0, turned, guide)
                    _reflect(n, hessian, gradient, guide, trial)
                    largest = largest_entry(n, trial)
                    converged = converged & (n_negative == 1.0)
                per_lane[_END] = where(converged, 1.0 + CONVERGED, per_lane[_END])
                shrink = where(largest > reach * extent, reach * extent / largest, 1.0)
                new_slope = 0.0
                for i in range(n):
                    trial[i] = shrink * trial[i]
                    new_slope += trial[i] * gradient[i]
                extend(n, c, state, trial, scratch)
                for i in range(n_state):
                    step[i] = where(accepted, trial[i], step[i])
                per_lane[_SLOPE] = where(accepted, new_slope, slope)

            for lane in range(LANES):
                if owner[lane] < 0:
                    continue
                lane_turns[lane] += 1
                outcome = int(lane_s[_END, lane]) - 1
                if outcome < 0 and lane_turns[lane] < max_turns:
                    continue
                done, owner[lane] = owner[lane], -1
                outcomes[done] = outcome if outcome >= 0 else STALLED
                turns[done] = lane_turns[lane]
                values[done] = lane_s[_VALUE, lane]
                for i in range(n):
                    ends[done, i] = state_s[i, lane] + (step_s[i, lane] if outcome == CONVERGED else 0.0)

    return search


@register_jitable
def _turn(n, factors, curved, turned, guide):
    """Project the unit vector ``guide`` onto the directions of negative curvature where there are any (``curved``);
    ``turned`` holds H guide, and is destroyed."""
    solve(n, factors, turned)
    squared = 0.0
    for i in range(n):
        turned[i] = guide[i] - turned[i]
        squared += turned[i] * turned[i]
    usable = curved & (squared > 1e-20)
    scale = 1.0 / sqrt(where(usable, squared, 1.0))
    for i in range(n):
        guide[i] = where(usable, scale * turned[i], guide[i])


@register_jitable
def _reflect(n, factors, gradient, guide, step):
    """Reverse a step along the guide: add 2 v (v.g) / (v.M v)."""
    rise = 0.0
    for i in range(n):
        rise += guide[i] * gradient[i]
    rise = 2.0 * rise / quadratic_form(n, factors, guide)
    for i in range(n):
        step[i] = step[i] + rise * guide[i]


def search_workspace(potential, n):
    """The arrays that `search` works in for problems of n fields."""
    state, work, couplings = potential.n_state(n), potential.n_work(n), potential.n_couplings(n)
    shapes = (state,), (state,), (state,), (5, n), (n, n), (work,), (couplings,), (4,)
    integers = np.zeros((2, LANES), dtype=np.int64)
    return *(lane_storage(*shape) for shape in shapes), np.zeros(state), *integers
