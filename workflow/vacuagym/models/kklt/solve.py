"""One row: its vacua, what becomes of the principal one under the uplift, and what to call it."""

import numpy as np

from vacuagym.models.kklt.control import curves_at
from vacuagym.models.kklt.phases import HYPERSURFACE, enter_phase
from vacuagym.models.kklt.points import (
    FOUND,
    MAX_CANDIDATES,
    STUCK,
    candidates,
    exact_point,
    follow_cycles,
    geometry_at,
    is_effective,
    real_point,
)
from vacuagym.models.kklt.potential import derivatives, new_jet
from vacuagym.models.kklt.proof import prove_critical, prove_susy
from vacuagym.models.kklt.uplift import ENDED, raise_uplift
from vacuagym.numerics.compiled import njit
from vacuagym.numerics.elementary import log, sqrt
from vacuagym.numerics.linalg import spectrum_edges, tridiagonalise

# the numbers of `columns.VACUUM_TYPES`
ADS_SUSY, ADS_NONSUSY, DS_MINIMUM, UNSTABILISED, NO_POINT, DESTROYED, UNDECIDED, NOT_APPLICABLE, FAILED = range(9)
LAST_VACUUM = DS_MINIMUM
# why a row is undecided, the numbers of `REASONS`
NO_REASON, LEFT_PHASES, NOT_CONVERGED, MANY_VERTICES, NOT_PROVED = range(5)
REASONS = (
    "",
    "the path left the phases that can be certified",
    "Newton's method did not converge",
    "more vertices at leading order than there is room for",
    "the point is not proved to exist, or to be a minimum",
)
_SAME = 1e-7  # relative distance in t of points that are one

ROW = np.dtype(
    [
        # what is found; NaN where there is none
        ("potential", "f8"),  # V / |W0|^2
        ("volume", "f8"),
        ("xi_ratio", "f8"),
        ("exponent", "f8"),
        ("smallest", "f8"),
        ("potent", "f8"),
        ("shift", "f8"),
        ("lowest", "f8"),  # M^2 / |W0|^2
        ("highest", "f8"),
        ("radius", "f8"),
        ("vacuum_type", "i4"),
        ("reason", "i4"),
        ("n_candidates", "i4"),
        ("n_vacua", "i4"),
        ("n_flops", "i4"),
        ("n_positive", "i4"),
        ("extended", "?"),
        ("certified", "?"),
        ("there", "?"),  # whether there is a point
    ],
    align=True,
)


def new_rows(count: int) -> np.ndarray:
    """Rows, (count,) of ROW, in which nothing is found yet: not applicable."""
    rows = np.zeros(count, ROW)
    for name in ROW.names:
        if ROW[name].kind == "f":
            rows[name] = np.nan
    rows["vacuum_type"] = NOT_APPLICABLE
    return rows


@njit(cache=True)
def find_points(space, theory, euler, inside, log_flux, string_coupling_root, row, t, theta, subset):
    """Find the supersymmetric points of a row, and the principal one: that with the largest smallest potent curve.

    Parameters
    ----------
    space : phases.Space
        The geometry.
    theory : points.Theory
        The couplings.
    euler : int64 (R,)
        chi(O_D) of the toric divisors.
    inside : float64 (n,)
        The class to start from.
    log_flux, string_coupling_root : float
        ln |W0| and sqrt(g_s).
    row : ROW
        Output: counts, and type and reason where there is no point.
    t, theta, subset : float64 (n,), float64 (n,), int64 (n,)
        Output: the principal point and its B.

    Returns
    -------
    bool
        Whether a point was found.
    """
    r, n = theory.classes.shape
    subsets, vertices = np.empty((MAX_CANDIDATES, n), np.int64), np.empty((MAX_CANDIDATES, n))
    count, spans = candidates(theory, log_flux, subsets, vertices)
    row.n_candidates = min(count, MAX_CANDIDATES)
    if not spans:
        row.vacuum_type, row.certified = UNSTABILISED, True
        return False
    found, matrix, tau, best = np.empty((MAX_CANDIDATES, n)), np.empty((n, n)), np.empty(n), -1.0
    point, angles, vertex, flops = np.empty(n), np.empty(n), np.empty(n), np.zeros(1, np.int64)
    row.n_vacua, row.vacuum_type, row.certified = 0, NO_POINT, True
    if count > MAX_CANDIDATES:
        row.vacuum_type, row.certified, row.reason = UNDECIDED, False, MANY_VERTICES
    for k in range(row.n_candidates):
        if not is_effective(theory, vertices[k]):
            continue
        point[:], flops[0] = inside, 0
        enter_phase(space, point)
        status = follow_cycles(space, point, vertices[k], flops)
        if status == FOUND:
            vertex[:] = point
            if real_point(space, theory, subsets[k], point) != FOUND:  # the vertex may be close enough, too
                point[:] = vertex
                enter_phase(space, point)
            status = exact_point(space, theory, subsets[k], point, angles)
        if status != FOUND:
            row.vacuum_type, row.certified = UNDECIDED, False
            row.reason = NOT_CONVERGED if status == STUCK else LEFT_PHASES
            continue
        known = False
        for other in range(row.n_vacua):
            distance = size = 0.0
            for i in range(n):
                distance, size = max(distance, abs(point[i] - found[other, i])), max(size, abs(point[i]))
            known = known or distance < _SAME * size
        if known:
            continue
        found[row.n_vacua] = point
        row.n_vacua += 1
        geometry_at(space.kappa, point, matrix, tau)
        potent, _, _ = curves_at(space, theory.effective, euler, string_coupling_root, point, tau)
        if potent > best:
            best, row.n_flops = potent, flops[0]
            t[:], theta[:], subset[:] = point, angles, subsets[k]
    if row.n_vacua == 0:
        return False
    row.reason = NO_REASON
    return enter_phase(space, t)


@njit(cache=True)
def solve_row(space, theory, euler, inside, log_flux, string_coupling, uplift, power, row, t, theta):
    """Label one row.

    Parameters
    ----------
    space, theory, euler, inside, log_flux
        As of `find_points`.
    string_coupling, uplift, power : float
        g_s, D / |W0|^2, p.
    row : ROW
        Output.
    t, theta : float64 (n,), (n,)
        Output: the row's point.
    """
    r, n = theory.classes.shape
    root, subset = sqrt(string_coupling), np.empty(n, np.int64)
    if not find_points(space, theory, euler, inside, log_flux, root, row, t, theta, subset):
        return
    jet = new_jet(n, r)
    status, reached = raise_uplift(space, theory, uplift, power, t, theta, jet)
    row.there = True
    row.vacuum_type, row.certified = UNDECIDED, False
    positive = 0
    if status == ENDED:
        row.vacuum_type = DESTROYED
    elif status != FOUND:
        row.reason = NOT_CONVERGED if status == STUCK else LEFT_PHASES
    else:
        half_width, is_minimum, sign = prove_critical(space, theory, subset, uplift, power, t, theta)
        row.radius, positive = half_width, 2 * n if is_minimum else 0
        if uplift == 0.0:
            row.radius = prove_susy(space, theory, subset, t, theta)
            if row.radius == row.radius:
                row.vacuum_type, row.certified = ADS_SUSY, True
        elif is_minimum and sign != 0:
            row.vacuum_type, row.certified = DS_MINIMUM if sign > 0 else ADS_NONSUSY, True
        if not row.certified:
            row.reason = NOT_PROVED
    row.n_positive = positive
    derivatives(space.kappa, theory, reached, power, t, theta, jet)
    _describe(space, theory, euler, root, jet, row, t)


@njit(cache=True)
def _describe(space, theory, euler, root, jet, row, t):
    """Fill in a row what is known of its point."""
    r, n = theory.classes.shape
    row.potential, row.volume = jet.numbers[0] + jet.numbers[1], jet.numbers[2]
    row.xi_ratio, row.exponent = theory.xi / row.volume, np.inf
    for p in range(r):
        row.exponent = min(row.exponent, jet.x[p])
    row.potent, row.smallest, row.shift = curves_at(space, theory.effective, euler, root, t, jet.tau)
    row.extended = space.sizes[2] != HYPERSURFACE
    row.lowest, row.highest = masses(jet)


@njit(cache=True)
def masses(jet):
    """The smallest and the largest M^2 = K^-1 V'' / 2 / |W0|^2 at the point of a `potential.Jet`; NaN where K is not positive."""
    n = len(jet.tau)
    factor = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            entry = jet.metric[i, j]
            for k in range(j):
                entry -= factor[i, k] * factor[j, k]
            if i > j:
                factor[i, j] = entry / factor[j, j]
            elif entry > 0.0:
                factor[i, i] = sqrt(entry)
            else:
                return np.nan, np.nan
    matrix = 0.5 * jet.hessian
    for _ in range(2):  # L^-1 from the left, then from the right
        for block in range(0, 2 * n, n):
            for column in range(2 * n):
                for i in range(n):
                    for k in range(i):
                        matrix[block + i, column] -= factor[i, k] * matrix[block + k, column]
                    matrix[block + i, column] /= factor[i, i]
        matrix = matrix.T.copy()
    diagonal, squares = np.empty(2 * n), np.empty(2 * n)
    tridiagonalise(2 * n, matrix, diagonal, squares, np.empty(2 * n), np.empty(2 * n))
    smallest, largest, _, _ = spectrum_edges(2 * n, diagonal, squares)
    return smallest, largest
