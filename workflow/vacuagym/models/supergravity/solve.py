"""One row: all critical points of the potential on the drawn ray, their masses, and what to call them."""

from typing import NamedTuple

import numpy as np

from vacuagym.models.supergravity import ray
from vacuagym.models.supergravity.priors import alpha_prime
from vacuagym.numerics.compiled import njit
from vacuagym.numerics.elementary import exp, log, sqrt

# the numbers of `columns.VACUUM_TYPES`
ADS_SUSY, ADS_NONSUSY, ADS_TACHYONIC, DS_MINIMUM, ADS_SADDLE, DS_SADDLE, RUNAWAY, COLLAPSE, MARGINAL, FAILED = range(10)
LAST_STABLE = DS_MINIMUM  # the types up to here are vacua

# The interval: x = a tau from X_LOW, and from where |xi / volume| < 1, to X_HIGH.
X_LOW, X_HIGH = 1.0, 1e6
# error of a mass relative to its terms: rounding and the uncertainty of the critical point, with room to spare
_RELATIVE = 1e-11
_PROBLEM = 1e-14  # relative error of a critical point from the rounding of r1 and d1
_PER_X = 1e-15  # the part of it that grows with the argument of the exponential


class Tally(NamedTuple):
    """Signs of squared masses, and their extremes."""

    positive: int
    negative: int
    open: int  # sign not proved
    lowest: float
    highest: float
    gap: float  # lower bound of the absolute values


@njit(cache=True)
def _count(tally, mass, error):
    return Tally(
        tally.positive + (mass > error),
        tally.negative + (mass < -error),
        tally.open + (not (mass > error or mass < -error)),
        min(tally.lowest, mass),
        max(tally.highest, mass),
        min(tally.gap, max(abs(mass) - error, 0.0)),
    )


@njit(cache=True)
def count_masses(masses, x, geometry, floor):
    """The `Tally` of M^2 + floor of all moduli and axions.

    Along the ray the sign of M^2 is known without rounding: the modulus's is the sign of the enclosed slope, the axion's
    that of E (8 (2 + r) x + 6 r), a product of positive factors but for the sign of E.

    Parameters
    ----------
    masses : ray.Masses
        At the critical point x.
    geometry : rays.RayGeometry
        Its spectrum and the spectrum's error are used.
    """
    tally = Tally(0, 0, 0, np.inf, -np.inf, np.inf)
    relative = _RELATIVE + _PER_X * x
    along = 0.0 if floor == 0.0 else relative
    tally = _count(tally, masses.ray + floor, along * (abs(masses.ray) + floor))
    tally = _count(tally, masses.ray_axion + floor, along * (abs(masses.ray_axion) + floor))
    square = masses.square
    for s in geometry.spectrum:
        value = masses.constant + (masses.linear + square * s) * s
        slope = masses.linear_size + 2.0 * square * abs(s)
        error = relative * (masses.constant_size + slope * abs(s)) + slope * geometry.spectrum_error
        tally = _count(tally, value + floor, error + relative * floor)
        value = (masses.axion_linear + square * s) * s
        slope = masses.axion_size + 2.0 * square * abs(s)
        error = relative * (slope * abs(s) + floor) + slope * geometry.spectrum_error
        tally = _count(tally, value + floor, error)
    return tally


SUPERSYMMETRIC, NOT_SUPERSYMMETRIC, OPEN = range(3)


@njit(cache=True)
def find_supersymmetric(problem, x_low, x_high, roots, work):
    """Which critical points on the ray are supersymmetric, D_iW = 0, with proof.

    A supersymmetric point is critical, so its enclosure overlaps that of a critical point. If it overlaps no other one, the
    two are the same point.

    Parameters
    ----------
    problem : ray.Problem
    x_low, x_high : float
        Ends of the interval.
    roots : float64 (n, 4)
        All critical points in it, as of `ray.find_zeros`.
    work : float64 (ray.N_WORK,)
        Workspace.

    Returns
    -------
    int64 (n,)
        SUPERSYMMETRIC, NOT_SUPERSYMMETRIC or, where it is not proved, OPEN.
    """
    if problem.d1 > 0.0:
        return np.full(len(roots), NOT_SUPERSYMMETRIC)
    zeros = np.empty((ray.MAX_ROOTS, 4))
    n_zeros, complete, _, _ = ray.find_zeros(ray.SUSY, problem, x_low, x_high, work, zeros)
    found = np.full(len(roots), NOT_SUPERSYMMETRIC if complete else OPEN)
    for zero in zeros[:n_zeros]:
        overlaps = (roots[:, 1] <= zero[2]) & (zero[1] <= roots[:, 2])
        found[overlaps] = SUPERSYMMETRIC if complete and overlaps.sum() == 1 else OPEN
    return found


@njit(cache=True)
def classify(problem, root, supersymmetry, geometry, work):
    """The vacuum type of a critical point, its `ray.Masses` and their `Tally`; root (4,) as of `ray.find_zeros`."""
    x, x1, x2 = root[0], root[1], root[2]
    low, high = ray.enclose_sum(ray.VALUE, problem, x1, x2, work)
    masses = ray.masses_at(problem, x, work)
    tally = count_masses(masses, x, geometry, 0.0)
    if tally.open > 0 or not (low > 0.0 or high < 0.0):
        return MARGINAL, masses, tally
    if low > 0.0:
        return DS_MINIMUM if tally.negative == 0 else DS_SADDLE, masses, tally
    if supersymmetry == OPEN:
        return MARGINAL, masses, tally
    if supersymmetry == SUPERSYMMETRIC:  # which implies the Breitenlohner-Freedman bound
        return ADS_SUSY if tally.negative == 0 else ADS_TACHYONIC, masses, tally
    if tally.negative == 0:
        return ADS_NONSUSY, masses, tally
    to_bound = count_masses(masses, x, geometry, 0.75 * abs(masses.potential))
    if to_bound.negative > 0:
        return ADS_SADDLE, masses, tally
    return ADS_TACHYONIC if to_bound.open == 0 else MARGINAL, masses, tally


@njit(cache=True)
def solve_row(row, chi, geometry, work):
    """Label one row.

    Parameters
    ----------
    row : priors.ROW
        What is drawn; what is found is filled in.
    chi : float
        Euler number.
    geometry : rays.RayGeometry
        The drawn ray.
    work : float64 (ray.N_WORK,)
        Workspace.
    """
    if not geometry.spectrum_error < np.inf:
        row.vacuum_type = FAILED
        return
    p, unit = row.uplift_power, row.unit
    volume_1 = geometry.volume * unit * sqrt(unit)
    log_ratio = row.log_ratio
    r1 = alpha_prime(chi, row.string_coupling) / volume_1
    d1 = row.uplift * exp((2.0 - p) * log(volume_1))

    x_low, x_high = X_LOW, X_HIGH
    if r1 != 0.0:
        x_low = max(X_LOW, exp(log(abs(r1)) / 1.5) * (1.0 + 1e-12))
    elif d1 == 0.0:
        x_high = max(2.0 * X_LOW, log_ratio + 300.0)  # V falls as E from here on, too small for a double
    roots, n_roots = np.empty((2, ray.MAX_ROOTS, 4)), np.zeros(2, np.int64)
    complete, slope_low, slope_high = True, 0, 0
    for branch in range(1, -1, -1):
        problem = ray.Problem(log_ratio, r1, d1, p, 1.0 - 2.0 * branch)
        n_roots[branch], decided, slope_low, slope_high = ray.find_zeros(
            ray.SLOPE, problem, x_low, x_high, work, roots[branch]
        )
        complete = complete and decided
    row.n_critical = n_roots[0] + n_roots[1]
    if not complete or (row.n_critical == 0 and slope_low != slope_high):
        row.vacuum_type = MARGINAL
        return
    row.certified = True
    if row.n_critical == 0:
        row.vacuum_type = RUNAWAY if slope_high < 0 else COLLAPSE
        return

    found_vacuum, lowest_v = False, np.inf
    for branch in range(2):
        problem = ray.Problem(log_ratio, r1, d1, p, 1.0 - 2.0 * branch)
        supersymmetry = find_supersymmetric(problem, x_low, x_high, roots[branch, : n_roots[branch]], work)
        for k in range(n_roots[branch]):
            root = roots[branch, k]
            type_, masses, tally = classify(problem, root, supersymmetry[k], geometry, work)
            x = root[0]
            v = volume_1 * x * sqrt(x)
            potential = masses.potential / (v * v)
            is_vacuum = type_ <= LAST_STABLE
            row.n_minima += is_vacuum
            if (found_vacuum and not is_vacuum) or (found_vacuum == is_vacuum and not potential < lowest_v):
                continue
            found_vacuum, lowest_v = is_vacuum, potential
            row.vacuum_type, row.branch, row.certified = type_, branch, type_ != MARGINAL
            row.n_positive, row.n_negative = tally.positive, tally.negative
            row.n_flat = tally.open
            row.x, row.scaled_potential, row.potential, row.volume = x, masses.potential, potential, v
            row.xi_ratio, row.two_cycle = r1 / (x * sqrt(x)), geometry.two_cycle * sqrt(unit * x)
            row.lowest, row.highest, row.gap = tally.lowest, tally.highest, tally.gap
            row.radius = max(root[2] - x, x - root[1]) / x + _PROBLEM
            row.barrier = np.nan
            if is_vacuum and k + 1 < n_roots[branch] and roots[branch, k, 3] > 0.0:  # the next one is a maximum in x
                top = roots[branch, k + 1, 0]
                v = volume_1 * top * sqrt(top)
                row.barrier = ray.masses_at(problem, top, work).potential / (v * v) - potential
