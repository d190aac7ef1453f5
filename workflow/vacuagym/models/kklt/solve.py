"""One row: its vacua, what becomes of the principal one under the uplift, and what to call it.

The steps are compiled one by one: together they would take the compiler minutes.
"""

from typing import NamedTuple

import numpy as np

from vacuagym.models.kklt.control import curves_at, sizes_of, volumes_of
from vacuagym.models.kklt.dense import cholesky
from vacuagym.models.kklt.phases import HYPERSURFACE, enter_phase
from vacuagym.models.kklt.points import (
    FOUND,
    LEFT,
    MAX_CANDIDATES,
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
from vacuagym.numerics.linalg import spectrum_edges, tridiagonalise

LEFT_PHASES = "the path left the phases that can be certified"
NOT_CONVERGED = "Newton's method did not converge"
MANY_VERTICES = "more vertices at leading order than there is room for"
NOT_PROVED = "the point is not proved to exist, or to be a minimum"
_SAME = 1e-7  # relative distance in t of points that are one


class Row(NamedTuple):
    """What is found of a row; NaN where there is none."""

    vacuum_type: str  # of `columns.VACUUM_TYPES`
    reason: str = ""  # why it is undecided
    certified: bool = False
    n_candidates: int = 0
    n_vacua: int = 0
    n_flops: int = 0
    n_positive: int = 0  # M^2 that are proved to be positive
    n_modes: int = 0  # M^2 there are
    is_extended: bool = False
    radius: float = np.nan
    t: np.ndarray = np.empty(0)
    theta: np.ndarray = np.empty(0)
    potential: float = np.nan  # V / |W0|^2
    volume: float = np.nan
    xi_ratio: float = np.nan
    exponent: float = np.nan
    potent: float = np.nan
    smallest: float = np.nan
    shift: float = np.nan
    lowest: float = np.nan  # M^2 / |W0|^2
    highest: float = np.nan


class Found(NamedTuple):
    """What `find_points` counts."""

    n_candidates: int
    spans: bool
    n_vacua: int
    n_flops: int  # on the way to the principal point
    status: int  # FOUND, or how the last vertex was lost whose four-cycles are not disproved


@njit(cache=True)
def find_points(space, theory, euler, inside, log_flux, string_coupling_root, t, theta, subset):
    """Find the supersymmetric points of a row, and the principal one: that with the largest smallest potent curve.

    Parameters
    ----------
    space : phases.Space
        The geometry; on return the phase of the principal point is in use.
    theory : points.Theory
        The couplings.
    euler : int64 (R,)
        chi(O_D) of the toric divisors.
    inside : float64 (n,)
        The class to start from.
    log_flux, string_coupling_root : float
        ln |W0| and sqrt(g_s).
    t, theta, subset : float64 (n,), float64 (n,), int64 (n,)
        Output: the principal point and its B.

    Returns
    -------
    Found
    """
    n = len(inside)
    subsets, vertices = np.empty((MAX_CANDIDATES, n), np.int64), np.empty((MAX_CANDIDATES, n))
    count, spans = candidates(theory, log_flux, subsets, vertices)
    found, matrix, tau, best = np.empty((MAX_CANDIDATES, n)), np.empty((n, n)), np.empty(n), -1.0
    point, angles, vertex, flops = np.empty(n), np.empty(n), np.empty(n), np.zeros(1, np.int64)
    n_vacua, n_flops, lost = 0, np.int64(0), FOUND
    for k in range(min(count, MAX_CANDIDATES)):
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
            lost = status
            continue
        known = False
        for other in range(n_vacua):
            distance = size = 0.0
            for i in range(n):
                distance, size = max(distance, abs(point[i] - found[other, i])), max(size, abs(point[i]))
            known = known or distance < _SAME * size
        if known:
            continue
        found[n_vacua] = point
        n_vacua += 1
        geometry_at(space.kappa, point, matrix, tau)
        curves, volumes = sizes_of(space, point), volumes_of(theory.effective, tau)
        potent, _, _ = curves_at(space, theory.effective, euler, string_coupling_root, curves, volumes)
        if potent > best:
            best, n_flops = potent, flops[0]
            t[:], theta[:], subset[:] = point, angles, subsets[k]
    if n_vacua > 0:
        enter_phase(space, t)
    return Found(count, spans, n_vacua, n_flops, lost)


def solve_row(space, theory, euler, inside, log_flux, string_coupling, uplift, power) -> Row:
    """Label one row.

    Parameters
    ----------
    space, theory, euler, inside, log_flux
        As of `find_points`.
    string_coupling, uplift, power : float
        g_s, D / |W0|^2, p.

    Returns
    -------
    Row
    """
    r, n = theory.classes.shape
    root, t, theta, subset = np.sqrt(string_coupling), np.empty(n), np.empty(n), np.empty(n, np.int64)
    found = find_points(space, theory, euler, inside, log_flux, root, t, theta, subset)
    if not found.spans:
        return Row("unstabilised", certified=True)
    counts = {"n_candidates": min(found.n_candidates, MAX_CANDIDATES), "n_vacua": found.n_vacua}
    if found.n_vacua == 0:
        if found.n_candidates > MAX_CANDIDATES:
            return Row("undecided", MANY_VERTICES, **counts)
        if found.status == FOUND:
            return Row("no_point", certified=True, **counts)
        return Row("undecided", LEFT_PHASES if found.status == LEFT else NOT_CONVERGED, **counts)
    jet = new_jet(n, r)
    status, reached = raise_uplift(space, theory, uplift, power, t, theta, jet)
    kind, reason, radius, is_minimum = "undecided", "", np.nan, False
    if status == ENDED:
        kind = "destroyed"
    elif status != FOUND:
        reason = LEFT_PHASES if status == LEFT else NOT_CONVERGED
    else:
        radius, is_minimum, sign = prove_critical(space, theory, subset, uplift, power, t, theta)
        if uplift == 0.0:
            radius = prove_susy(space, theory, subset, t, theta)
            kind = "undecided" if np.isnan(radius) else "ads_susy"
        elif is_minimum and sign != 0:
            kind = "ds_minimum" if sign > 0 else "ads_nonsusy"
        reason = NOT_PROVED if kind == "undecided" else ""
    derivatives(space.kappa, theory, reached, power, t, theta, jet)
    volume = jet.numbers[2]
    curves, volumes = sizes_of(space, t), volumes_of(theory.effective, jet.tau)
    potent, smallest, shift = curves_at(space, theory.effective, euler, root, curves, volumes)
    lowest, highest = masses(jet)
    return Row(
        kind,
        reason,
        kind not in ("undecided", "destroyed"),
        n_flops=found.n_flops,
        n_positive=2 * n if is_minimum else 0,
        n_modes=2 * n,
        is_extended=space.sizes[2] != HYPERSURFACE,
        radius=radius,
        t=t,
        theta=theta,
        potential=jet.numbers[0] + jet.numbers[1],
        volume=volume,
        xi_ratio=theory.xi / volume,
        exponent=jet.x.min(),
        potent=potent,
        smallest=smallest,
        shift=shift,
        lowest=lowest,
        highest=highest,
        **counts,
    )


@njit(cache=True)
def masses(jet):
    """The smallest and the largest M^2 = K^-1 V'' / 2 / |W0|^2 at the point of a `potential.Jet`; NaN where K is not positive."""
    n = len(jet.tau)
    factor = np.zeros((n, n))
    if not cholesky(jet.metric, factor):
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
