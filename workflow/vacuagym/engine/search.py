"""Search for critical points: Newton's method on eight problems at a time, each lane taking the next problem when done."""

import functools

import numpy as np
from numba import njit

from vacuagym.engine.elementary import absolute, maximum, where
from vacuagym.engine.lanes import LANES, any_lane, lane_storage, lane_view
from vacuagym.engine.linalg import factor, solve

# what a search ends in
CONVERGED, ESCAPED, STALLED = 0, 1, 2


@functools.cache
def compile_search(model):
    """The compiled `search` of a model (see there)."""
    derivatives, reset, extend, escapes = model.derivatives, model.reset, model.extend, model.escapes

    @njit(cache=True)
    def search(n, couplings, problem, starts, descend, reach, max_turns, work, ends, values, outcomes, turns):
        """Look for a critical point of problem[i] from starts[i].

        With ``descend`` each step goes down in V, by Armijo's rule, along the Newton direction of a positive definite
        modification of the Hessian, and the end is a minimum or an escape; without, plain Newton steps of bounded length
        lead to a critical point of any index, or nowhere.

        Parameters
        ----------
        couplings : float64 (problems, n_couplings). problem : int64 (searches,). starts : float64 (searches, n).
        reach : longest step, in units of 1 + max |x_i|. max_turns : evaluations of V after which a search has stalled.
        work : see `workspace`.
        ends, values, outcomes, turns : output, float64 (searches, n), float64, int8 and int32 (searches,).
        """
        state_s, trial_s, step_s, gradient_s, hessian_s, scratch_s, pair_s, c_s, lane_s, owner, lane_turns = work
        n_state, n_couplings = state_s.shape[0], c_s.shape[0]
        state, trial, step, direction = lane_view(state_s), lane_view(trial_s), lane_view(step_s), lane_view(gradient_s)
        hessian, scratch, pair = lane_view(hessian_s), lane_view(scratch_s), lane_view(pair_s)
        c, per_lane = lane_view(c_s), lane_view(lane_s)
        # per_lane: value, slope along the step, step length, end flags
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
                        state_s[i, lane] = starts[following, i]
                    for i in range(n_state):
                        step_s[i, lane] = 0.0
                    lane_s[0, lane] = np.inf
                    lane_s[1, lane] = 0.0
                    lane_s[2, lane] = 0.0
                    following += 1
                    lane_s[3, lane] = 1.0  # the duals are to be set
                busy += owner[lane] >= 0
            if busy == 0:
                break
            fresh = per_lane[3] > 0.0
            if any_lane(fresh):
                for i in range(n):
                    trial[i] = state[i]
                reset(n, c, trial)
                for i in range(n, n_state):
                    state[i] = where(fresh, trial[i], state[i])
                per_lane[3] = 0.0

            value, slope, length = per_lane[0], per_lane[1], per_lane[2]
            for i in range(n_state):
                trial[i] = state[i] + length * step[i]
            at_trial = derivatives(n, c, trial, direction, hessian, scratch)
            finite = absolute(at_trial) < 1e300
            if descend:
                slack = 1e-14 * (1.0 + absolute(value))
                accepted = finite & (at_trial <= value + 1e-4 * length * slope + slack)
            else:
                accepted = finite
            per_lane[2] = where(accepted, 1.0, 0.5 * length)
            escaped = value < value
            converged = escaped
            if any_lane(accepted):
                per_lane[0] = where(accepted, at_trial, value)
                for i in range(n_state):
                    state[i] = where(accepted, trial[i], state[i])
                if descend:
                    escaped = accepted & escapes(n, c, trial, direction, scratch)
                norm = absolute(hessian[0, 0])
                for i in range(1, n):
                    norm = maximum(absolute(hessian[i, i]), norm)
                n_negative, n_tiny = factor(n, hessian, pair, 1e-10 * norm, descend)
                new_slope = 0.0
                for i in range(n):
                    trial[i] = 0.0 - direction[i]
                solve(n, hessian, trial)
                largest, extent = 0.0, 0.0
                for i in range(n):
                    largest = maximum(absolute(trial[i]), largest)
                    extent = maximum(absolute(state[i]), extent)
                extent = 1.0 + extent
                converged = accepted & (largest <= 1e-7 * extent) & (n_tiny == 0.0)
                if descend:
                    converged = converged & (n_negative == 0.0)
                shrink = where(largest > reach * extent, reach * extent / largest, 1.0)
                for i in range(n):
                    trial[i] = shrink * trial[i]
                    new_slope += trial[i] * direction[i]
                extend(n, c, state, trial, scratch)
                for i in range(n_state):
                    step[i] = where(accepted, trial[i], step[i])
                per_lane[1] = where(accepted, new_slope, slope)
            per_lane[4] = where(converged, 1.0, where(escaped, 2.0, 0.0))
            for lane in range(LANES):
                if owner[lane] < 0:
                    continue
                lane_turns[lane] += 1
                outcome = int(lane_s[4, lane])
                if outcome == 0 and lane_turns[lane] < max_turns:
                    continue
                search_number = owner[lane]
                owner[lane] = -1
                outcomes[search_number] = STALLED if outcome == 0 else outcome - 1
                turns[search_number] = lane_turns[lane]
                values[search_number] = lane_s[0, lane]
                for i in range(n):
                    last = step_s[i, lane] if outcome == 1 else 0.0
                    ends[search_number, i] = state_s[i, lane] + last

    return search


def workspace(model, n):
    """The arrays that the compiled functions work in for problems of n variables."""
    n_state = model.n_state(n)

    integers = np.zeros(LANES, dtype=np.int64)
    return (
        lane_storage(n_state),
        lane_storage(n_state),
        lane_storage(n_state),
        lane_storage(n),
        lane_storage(n, n),
        lane_storage(model.n_work(n)),
        lane_storage(2, n),
        lane_storage(model.n_couplings(n)),
        lane_storage(5),
        integers,
        integers.copy(),
    )
