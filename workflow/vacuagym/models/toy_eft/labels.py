"""Labels: draw couplings, find critical points, prove them, classify them."""

import functools

import numpy as np

from vacuagym.geometry.family import Family
from vacuagym.models.parameters import pack
from vacuagym.models.toy_eft import certificates
from vacuagym.models.toy_eft import potential as toy_potential
from vacuagym.models.toy_eft.barriers import barrier_heights, compile_unstable_directions, same_point
from vacuagym.models.toy_eft.certificates import N_REPORT, certify_workspace, compile_certify
from vacuagym.models.toy_eft.columns import LOWER, NEWTON_TURNS, label_columns
from vacuagym.models.toy_eft.search import (
    CLIMB,
    CONVERGED,
    DESCEND,
    ESCAPED,
    NEWTON,
    Ends,
    Searches,
    compile_search,
    search_workspace,
)
from vacuagym.numerics.compiled import njit
from vacuagym.numerics.philox import draw_key, fill_uniform
from vacuagym.tables.arrays import Columns, Ragged, concatenate, no_values, take

BLOCK_ROWS = 4096  # rows in work at a time: bounds memory, changes no result
MAX_TURNS = {DESCEND: 1000, NEWTON: NEWTON_TURNS, CLIMB: 20}  # evaluations of V after which a search is given up
REACH = {DESCEND: 0.5, NEWTON: 2.0, CLIMB: 0.1}  # longest step, in units of 1 + max |x_i|

BAD_SIZE = "the model finds no positive number of fields in the features"
NOT_FINITE = "the potential is not finite at the starts"
NO_END = f"no search ended, of at most {MAX_TURNS[DESCEND]} evaluations each"


@functools.cache
def compile_draws(potential):
    """The compiled drawing of problems of a potential."""
    draw, start = potential.draw, potential.start

    @njit(cache=True)
    def draw_problems(n, parameters, key, geometry, sample, uniforms, couplings, regimes, starts):
        """Draw the problem of each (geometry, sample): stream 0 gives its couplings, stream 1 + k its start number k.

        Parameters
        ----------
        n : int
            Number of fields.
        parameters : float64
            The model's, see `pack`.
        key : uint64 (2,)
            Of the random draws.
        geometry, sample : int64, int32 (rows,)
            Numbers of the geometries and of their draws.
        uniforms : float64
            Workspace, for n draws and for those of ``potential.draw``.
        couplings, regimes, starts : float64 (rows, n_couplings), int64 (rows,), float64 (rows, number, n)
            Output.
        """
        for row in range(len(geometry)):
            fill_uniform(key, geometry[row], sample[row], 0, uniforms)
            regimes[row] = draw(n, parameters, uniforms, couplings[row])
            for k in range(starts.shape[1]):
                fill_uniform(key, geometry[row], sample[row], 1 + k, uniforms[:n])
                start(n, parameters, couplings[row], k, uniforms[:n], starts[row, k])

    return draw_problems


@njit(cache=True)
def _compare_minima(ends, values, outcomes, points, is_minimum):
    """Count the different minima of each row, and find the lowest.

    Parameters
    ----------
    ends, values, outcomes : float64 (rows, starts, n), float64 and int8 (rows, starts)
        Of the descents.
    points, is_minimum : float64 (rows, n), bool (rows,)
        The row's point, and whether it is a minimum.

    Returns
    -------
    n_distinct : int32 (rows,)
        Number of different minima, the row's point included if it is one.
    lowest : int64 (rows,)
        Which descent ended lowest, elsewhere than in the row's point if that is a minimum; -1 for none.
    """
    n_distinct, lowest = np.zeros(len(ends), dtype=np.int32), np.full(len(ends), -1)
    for row in range(len(ends)):
        if is_minimum[row]:
            n_distinct[row] = 1
        for s in range(ends.shape[1]):
            end = ends[row, s]
            if outcomes[row, s] != CONVERGED or (is_minimum[row] and same_point(end, points[row])):
                continue
            new = True
            for other in range(s):
                if outcomes[row, other] == CONVERGED and same_point(end, ends[row, other]):
                    new = False
            if new:
                n_distinct[row] += 1
            if lowest[row] < 0 or values[row, s] < values[row, lowest[row]]:
                lowest[row] = s
    return n_distinct, lowest


class Solver:
    """The compiled functions of a potential for problems of n fields, with the arrays they work in.

    In its methods, ``problem``, int64 (m,), says which row of ``couplings`` (rows, n_couplings) each point belongs to.
    """

    def __init__(self, potential, n: int):
        self.potential, self.n = potential, n
        self._search, self._search_work = compile_search(potential), search_workspace(potential, n)
        self._certify, self._certify_work = compile_certify(potential), certify_workspace(potential, n)
        self._unstable_directions = compile_unstable_directions(potential)

    def search(self, mode, couplings, problem, starts, guides=None, reach=None) -> Ends:
        """Search from starts (m, n), in the mode DESCEND, NEWTON or, along guides (m, n), CLIMB."""
        m = len(starts)
        ends = Ends(np.empty_like(starts), np.empty(m), np.empty(m, dtype=np.int8), np.empty(m, dtype=np.int32))
        guides = np.empty((0, self.n)) if guides is None else guides
        reach = REACH[mode] if reach is None else reach
        searches = Searches(problem, starts, guides, mode, reach, MAX_TURNS[mode])
        self._search(self.n, couplings, searches, self._search_work, ends)
        return ends

    def certify(self, couplings, problem, points):
        """Polished points (m, n) and their report (m, N_REPORT), see `certificates`."""
        points, report = points.copy(), np.empty((len(points), N_REPORT))
        self._certify(self.n, couplings, problem, points, self._certify_work, report)
        return points, report

    def unstable_directions(self, couplings, problem, saddles, eigenvalues, targets):
        """Unit eigenvectors (m, n) of the smallest ``eigenvalues`` (m,) at saddles (m, n), on the side of targets."""
        directions = np.empty_like(saddles)
        self._unstable_directions(
            self.n, couplings, problem, saddles, eigenvalues, targets, self._certify_work, directions
        )
        return directions


def label(
    values, seed: int, family: Family, features: Columns, draws: int, starts: int, potential=toy_potential
) -> dict:
    """Label a batch of geometries.

    Parameters
    ----------
    values : mapping
        Every parameter of the potential.
    seed : int
        0 <= seed < 2^64.
    family : Family
        Its name is part of the key of the random draws.
    features : columns
        geometry_id, geometry_key, n_moduli, and what else the potential's ``n_fields`` takes.
    draws, starts : int
        Draws of couplings per geometry, descents per draw.
    potential : module
        See `vacuagym.models.toy_eft.interface`.

    Returns
    -------
    dict
        The columns of `label_columns`, ``draws`` rows per geometry, ordered by geometry, then draw.
    """
    packed, key = pack(values), draw_key(seed, family.name)
    ids, keys = (
        np.repeat(np.asarray(features[name], dtype=np.int64), draws) for name in ("geometry_id", "geometry_key")
    )
    sample = np.tile(np.arange(draws, dtype=np.int32), len(features["geometry_id"]))
    n_moduli = np.asarray(features["n_moduli"])
    n_fields = np.repeat(potential.n_fields(features, values), draws)
    table = {
        "dataset": np.full(len(ids), family.name),
        "geometry_id": ids,
        "sample": sample,
        "n_moduli": np.repeat(np.where(n_moduli == n_moduli, n_moduli, 0), draws).astype(np.int32),
        "n_variables": n_fields,
        "n_starts": np.full(len(ids), starts, dtype=np.int32),
    }
    columns = label_columns(potential.REGIMES, potential.COUPLINGS)
    order = [np.flatnonzero(n_fields == 0)]
    parts = [_bad_rows([column for column in columns if column.name not in table], len(order[0]))]
    for n in np.unique(n_fields[n_fields > 0]).tolist():
        rows, solver = np.flatnonzero(n_fields == n), Solver(potential, n)
        for first in range(0, len(rows), BLOCK_ROWS):
            block = rows[first : first + BLOCK_ROWS]
            couplings, regimes, points = draw_block(solver, packed, key, keys[block], sample[block], starts)
            regime = np.array(potential.REGIMES)[regimes]
            order.append(block)
            parts.append(solve_block(solver, couplings, points) | {"regime": regime})
    table |= take(concatenate(parts), np.argsort(np.concatenate(order)))
    return {column.name: table[column.name] for column in columns}


def draw_block(solver, packed, key, geometry, sample, n_starts):
    """Couplings, regimes and starts of rows, see `compile_draws`."""
    potential, n, rows = solver.potential, solver.n, len(geometry)
    couplings, regimes = np.empty((rows, potential.n_couplings(n))), np.empty(rows, dtype=np.int64)
    starts, uniforms = np.empty((rows, 1 + n_starts, n)), np.empty(max(n, potential.n_uniforms(n)))
    compile_draws(potential)(n, packed, key, geometry, sample, uniforms, couplings, regimes, starts)
    return couplings, regimes, starts


def solve_block(solver, couplings, starts) -> dict:
    """Label rows of given couplings (rows, n_couplings) and starts (rows, 1 + n_starts, n), the reference first."""
    potential = solver.potential
    n, rows, n_starts = solver.n, len(couplings), starts.shape[1] - 1
    problem = np.arange(rows)
    ends, values, outcomes, used = solver.search(
        DESCEND, couplings, np.repeat(problem, n_starts), starts[:, 1:].reshape(-1, n)
    )
    ends, values, outcomes = ends.reshape(rows, n_starts, n), values.reshape(rows, n_starts), outcomes.reshape(rows, -1)
    turns = used.reshape(rows, n_starts).sum(axis=1)
    minimum_found, escaped = (outcomes == CONVERGED).any(axis=1), (outcomes == ESCAPED).any(axis=1)

    # the row's point: where Newton's method leads from the reference, else the first minimum
    points, _, newton, used = solver.search(NEWTON, couplings, problem, np.ascontiguousarray(starts[:, 0]))
    turns += used
    first_minimum = np.argmax(outcomes == CONVERGED, axis=1)
    points = np.where((newton == CONVERGED)[:, None], points, ends[problem, first_minimum])
    point_found = minimum_found | (newton == CONVERGED)
    found, report = np.flatnonzero(point_found), np.full((rows, N_REPORT), np.nan)
    points[found], report[found] = solver.certify(couplings, found, points[found])
    certified = report[:, certificates.CERTIFIED] == 1
    value, n_neg = report[:, certificates.VALUE], report[:, certificates.N_NEGATIVE]
    is_minimum = certified & (n_neg == 0)

    n_distinct, lowest = _compare_minima(ends, values, outcomes, points, is_minimum)
    threshold = value - LOWER * (1.0 + np.abs(value))
    lower_found = np.where(lowest >= 0, values[problem, lowest], np.inf) < threshold
    unbounded = escaped & (potential.VALUE_AT_INFINITY == np.inf)
    lower = lower_found | unbounded | (potential.VALUE_AT_INFINITY < threshold)
    runaway = ~minimum_found & escaped & ~is_minimum
    failed = ~point_found & ~escaped
    stability = np.select(
        [failed, runaway, ~certified, is_minimum & lower, is_minimum, n_neg == n],
        ["failed", "runaway", "marginal", "metastable", "stable", "unstable"],
        "saddle",
    )

    barrier = np.full(rows, np.nan)
    climbed = np.flatnonzero((stability == "metastable") & (lower_found | escaped))
    target = np.where(lower_found, lowest, np.argmax(outcomes == ESCAPED, axis=1))[climbed]
    barrier[climbed], used = barrier_heights(
        solver, couplings, climbed, points[climbed], value[climbed], ends[climbed, target]
    )
    turns[climbed] += used

    there = ~runaway & ~failed
    reasons = np.where(np.isinf(values).all(axis=1), NOT_FINITE, NO_END)
    n_flat = report[:, certificates.N_FLAT]

    def where_found(column, missing=np.nan):
        return np.where(there, column, missing)

    return {
        "stability": stability,
        "minimization_success": minimum_found,
        "failure_reason": np.where(failed, reasons, ""),
        **potential.coupling_columns(n, couplings),
        "potential_value": where_found(value),
        "critical_point": Ragged(points[there].ravel(), _offsets(there * n)),
        "grad_norm": where_found(report[:, certificates.GRADIENT_NORM]),
        "n_pos": where_found(n - n_neg - n_flat, 0).astype(np.int32),
        "n_neg": where_found(n_neg, 0).astype(np.int32),
        "n_flat": where_found(n_flat, 0).astype(np.int32),
        "min_eigenvalue": where_found(report[:, certificates.SMALLEST]),
        "max_eigenvalue": where_found(report[:, certificates.LARGEST]),
        "barrier": barrier,
        "n_distinct_minima": n_distinct,
        "n_iterations": turns.astype(np.int32),
        "certified": certified & there,
        "certificate_radius": where_found(report[:, certificates.RADIUS]),
        "min_abs_eigenvalue_bound": where_found(report[:, certificates.GAP], 0.0),
    }


def _bad_rows(columns, rows):
    """Rows whose input gives no problem to solve."""
    empty = {column.name: no_values(column.type, rows) for column in columns}
    return empty | {"stability": np.full(rows, "failed"), "failure_reason": np.full(rows, BAD_SIZE)}


def _offsets(lengths):
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
