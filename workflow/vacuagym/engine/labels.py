"""Labels: draw couplings, find critical points, prove them, classify them."""

import functools

import numpy as np

from vacuagym.compiled import njit
from vacuagym.engine import certify as certificates
from vacuagym.engine.barrier import LOWER, barrier_heights, compile_unstable_directions, same_point
from vacuagym.engine.certify import N_REPORT, certify_workspace, compile_certify
from vacuagym.engine.draws import draw_key, fill_uniform
from vacuagym.engine.model import pack
from vacuagym.engine.search import CLIMB, CONVERGED, DESCEND, ESCAPED, NEWTON, compile_search, search_workspace
from vacuagym.tables.columns import Column, Ragged, concatenate, no_values, take

CLASSES = {
    "stable": "the row's point is certified as a minimum, and nothing lower was found",
    "metastable": "the row's point is certified as a minimum, and something lower was found: the end of another descent, a "
    "fall without bound, or the model's vacuum at infinity",
    "saddle": "the row's point is certified to have both negative and positive Hessian eigenvalues",
    "unstable": "the row's point is certified to have negative Hessian eigenvalues only",
    "runaway": "no descent ended in a minimum, at least one reached a point from which V is proved to fall all the way to "
    "infinity, and the row's point, if any, is not certified as a minimum",
    "marginal": "the row's point was found, but it or the signs of its Hessian eigenvalues are not proved",
    "failed": "the input is bad or no search ended anywhere; failure_reason says which",
}

BLOCK_ROWS = 4096  # rows in work at a time: bounds memory, changes no result
MAX_TURNS = {DESCEND: 1000, NEWTON: 30, CLIMB: 20}  # evaluations of V after which a search is given up
REACH = {DESCEND: 0.5, NEWTON: 2.0, CLIMB: 0.1}  # longest step, in units of 1 + max |x_i|

BAD_SIZE = "the model finds no positive number of fields in the features"
NOT_FINITE = "the potential is not finite at the starts"
NO_END = f"no search ended, of at most {MAX_TURNS[DESCEND]} evaluations each"


def label_columns(model) -> tuple[Column, ...]:
    """Data dictionary of the label table of a model."""
    classes = "; ".join(f"{name}: {meaning}" for name, meaning in CLASSES.items())
    return (
        Column("dataset", "string", "1", "Family of the geometry: ks, cicy3 or fth6d."),
        Column("geometry_id", "int64", "1", "Number of the geometry within its dataset."),
        Column("sample", "int32", "1", "Number of the draw of couplings, from 0."),
        Column("n_moduli", "int32", "1", "Number of Kähler moduli of the geometry; 0 if it is not known."),
        Column("n_fields", "int32", "1", "Number of fields of the potential; 0 if the input is bad."),
        Column(
            "stability",
            "string",
            "1",
            f"Class of the row. {classes}. Lower means by more than {LOWER:g} (1 + |V|). A runaway row is in no other class, whatever its point.",
        ),
        Column(
            "minimization_success",
            "bool",
            "1",
            "Whether at least one descent ended in a minimum (to rounding, not proved).",
        ),
        Column("failure_reason", "string", "1", "Why the row failed; empty otherwise."),
        Column("regime", "string", "1", f"Regime the couplings were drawn in: {', '.join(model.REGIMES)}."),
        *model.COUPLINGS,
        Column(
            "potential_value",
            "float64",
            "V",
            "V at the row's point; NaN in runaway and failed rows.",
        ),
        Column(
            "critical_point",
            "list<float64>",
            "field",
            "The row's point: the critical point that Newton's method reaches from the model's reference start, or, if it "
            f"does not converge in {MAX_TURNS[NEWTON]} evaluations, the end of the first descent that found a minimum; empty "
            "in runaway and failed rows.",
        ),
        Column("grad_norm", "float64", "V/field", "Euclidean norm of the computed gradient there."),
        Column("n_pos", "int32", "1", "Number of positive Hessian eigenvalues there (proved if certified)."),
        Column("n_neg", "int32", "1", "Number of negative Hessian eigenvalues there (proved if certified)."),
        Column("n_flat", "int32", "1", "Number of Hessian eigenvalues there whose sign is not proved."),
        Column("min_eigenvalue", "float64", "V/field^2", "Smallest Hessian eigenvalue there, to 1e-12 of the norm."),
        Column("max_eigenvalue", "float64", "V/field^2", "Largest Hessian eigenvalue there, to 1e-12 of the norm."),
        Column(
            "barrier",
            "float64",
            "V",
            "Height above a metastable row's minimum of a certified saddle of index 1, found by climbing from the minimum "
            "towards the lowest other minimum found, or, if none is lower, towards a descent that falls to infinity; a "
            "descent from the saddle leads back to the minimum. NaN where none was found.",
        ),
        Column("n_starts", "int32", "1", "Number of descents, each from its own random start."),
        Column(
            "n_distinct_minima",
            "int32",
            "1",
            "Number of different ends of descents, the row's point included if it is a minimum.",
        ),
        Column("n_iterations", "int32", "1", "Evaluations of V, gradient and Hessian in all searches of the row."),
        Column(
            "certified",
            "bool",
            "1",
            "Whether a critical point and its inertia are proved by the Newton-Kantorovich theorem.",
            "Kantorovich and Akilov, Functional Analysis, ch. XVIII",
        ),
        Column(
            "certificate_radius", "float64", "field", "The proved critical point is within this distance; NaN if none."
        ),
        Column(
            "min_abs_eigenvalue_bound",
            "float64",
            "V/field^2",
            "Proved lower bound of the absolute Hessian eigenvalues at the critical point; 0 if not certified.",
        ),
    )


STABILITY_COLUMNS = (
    Column("dataset", "string", "1", "Family of the geometry: ks, cicy3 or fth6d."),
    Column("geometry_id", "int64", "1", "Number of the geometry within its dataset."),
    Column("n_draws", "int32", "1", "Number of draws of couplings."),
    *(Column(f"fraction_{name}", "float64", "1", f"Fraction of the draws labelled {name}.") for name in CLASSES),
)


@functools.cache
def compile_draws(model):
    """The compiled drawing of problems of a model."""
    draw, start = model.draw, model.start

    @njit(cache=True)
    def draw_problems(n, parameters, key, geometry, sample, uniforms, couplings, regimes, starts):
        """Fill couplings (rows, n_couplings), regimes (rows,) and starts (rows, number, n) for (geometry, sample).

        Stream 0 of a row gives its couplings, stream 1 + k its start number k.
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
    """For each row, how many different minima there are (rows,), int32, the row's point included if it is one; and which
    descent ended lowest, elsewhere than in the row's point if that is a minimum, (rows,), int64, -1 for none.

    ends : (rows, starts, n); values, outcomes : (rows, starts); points : (rows, n); is_minimum : (rows,).
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
    """The compiled functions of a model for problems of n fields, with the arrays they work in.

    In what follows ``problem``, int64 (m,), says which row of ``couplings`` (rows, n_couplings) each point belongs to.
    """

    def __init__(self, model, n: int):
        self.n = n
        self._search, self._search_work = compile_search(model), search_workspace(model, n)
        self._certify, self._certify_work = compile_certify(model), certify_workspace(model, n)
        self._unstable_directions = compile_unstable_directions(model)

    def search(self, mode, couplings, problem, starts, guides=None, reach=None):
        """Ends (m, n), values, outcomes and evaluations (m,) of the searches from starts (m, n)."""
        ends, values = np.empty_like(starts), np.empty(len(starts))
        outcomes, turns = np.empty(len(starts), dtype=np.int8), np.empty(len(starts), dtype=np.int32)
        guides = np.empty((0, self.n)) if guides is None else guides
        reach = REACH[mode] if reach is None else reach
        output = ends, values, outcomes, turns
        self._search(
            self.n, couplings, problem, starts, guides, mode, reach, MAX_TURNS[mode], self._search_work, *output
        )
        return output

    def certify(self, couplings, problem, points):
        """Polished points (m, n) and their report (m, N_REPORT), see `vacuagym.engine.certify`."""
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


def label(model, parameters, seed, dataset, features, n_draws, n_starts) -> dict:
    """Label a batch of geometries.

    Parameters
    ----------
    model, parameters : as `vacuagym.models.resolve` returns them.
    seed : integer, 0 <= seed < 2^64. dataset : its name.
    features : columns of the batch: geometry_id (int64), n_moduli (int32) and what else the model READS.
    n_draws, n_starts : draws of couplings a geometry, descents a draw.

    Returns
    -------
    dict : the columns `label_columns(model)`, n_draws rows a geometry, ordered by geometry, then draw. A row depends on
        the seed, the dataset's name, its geometry and its number alone.
    """
    packed, key = pack(model, parameters), draw_key(seed, dataset)
    geometry = np.repeat(np.asarray(features["geometry_id"], dtype=np.int64), n_draws)
    sample = np.tile(np.arange(n_draws, dtype=np.int32), len(features["geometry_id"]))
    n_moduli = np.asarray(features["n_moduli"])
    n_fields = np.repeat(model.n_fields(features, parameters), n_draws)
    table = {
        "dataset": np.full(len(geometry), dataset),
        "geometry_id": geometry,
        "sample": sample,
        "n_moduli": np.repeat(np.where(n_moduli == n_moduli, n_moduli, 0), n_draws).astype(np.int32),
        "n_fields": n_fields,
        "n_starts": np.full(len(geometry), n_starts, dtype=np.int32),
    }
    columns = label_columns(model)
    order = [np.flatnonzero(n_fields == 0)]
    parts = [_bad_rows([column for column in columns if column.name not in table], len(order[0]))]
    for n in np.unique(n_fields[n_fields > 0]).tolist():
        rows, solver = np.flatnonzero(n_fields == n), Solver(model, n)
        for first in range(0, len(rows), BLOCK_ROWS):
            block = rows[first : first + BLOCK_ROWS]
            order.append(block)
            parts.append(_label_block(model, solver, packed, key, geometry[block], sample[block], n_starts))
    table |= take(concatenate(parts), np.argsort(np.concatenate(order)))
    return {column.name: table[column.name] for column in columns}


def _label_block(model, solver, packed, key, geometry, sample, n_starts):
    n, rows = solver.n, len(geometry)
    couplings, regimes = np.empty((rows, model.n_couplings(n))), np.empty(rows, dtype=np.int64)
    starts, uniforms = np.empty((rows, 1 + n_starts, n)), np.empty(max(n, model.n_uniforms(n)))
    compile_draws(model)(n, packed, key, geometry, sample, uniforms, couplings, regimes, starts)
    return solve_block(model, solver, couplings, starts) | {"regime": np.array(model.REGIMES)[regimes]}


def solve_block(model, solver, couplings, starts) -> dict:
    """Label rows of given couplings (rows, n_couplings) and starts (rows, 1 + n_starts, n), the reference first."""
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
    unbounded = escaped & (model.VALUE_AT_INFINITY == np.inf)
    lower = lower_found | unbounded | (model.VALUE_AT_INFINITY < threshold)
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
        **model.coupling_columns(n, couplings),
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


def geometry_stability(labels, n_draws) -> dict:
    """The table `STABILITY_COLUMNS` of a label table: one row a geometry, in the same order."""
    stability = labels["stability"].reshape(-1, n_draws)
    return {
        "dataset": labels["dataset"][::n_draws],
        "geometry_id": labels["geometry_id"][::n_draws],
        "n_draws": np.full(len(stability), n_draws, dtype=np.int32),
        **{f"fraction_{name}": np.count_nonzero(stability == name, axis=1) / n_draws for name in CLASSES},
    }
