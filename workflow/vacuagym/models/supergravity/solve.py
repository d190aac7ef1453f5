"""One row: all critical points of the potential on the drawn ray, their masses, and what to call them."""

import numpy as np

from vacuagym.compiled import njit
from vacuagym.engine.elementary import exp, log, sqrt
from vacuagym.models.supergravity import priors, ray

VACUUM_TYPES = {
    "ads_susy": "V < 0, D_iW = 0, all M^2 > 0",
    "ads_nonsusy": "V < 0, D_iW is not 0, all M^2 > 0",
    "ads_bf_stable_tachyonic": "V < 0, some M^2 < 0, all M^2 L^2 >= -9/4 with L^2 = -3 / V",
    "ds_minimum": "V > 0, all M^2 > 0",
    "ads_saddle": "V < 0, some M^2 L^2 < -9/4",
    "ds_saddle": "V > 0, some M^2 < 0",
    "runaway_decompactification": "no critical point in the interval, V falls all the way to its upper end, and beyond",
    "runaway_small_volume": "no critical point in the interval, V falls all the way to its lower end, the edge of control",
    "marginal": "a sign that the class depends on is not proved",
    "failed": "K_ij is not proved positive definite on the drawn ray",
}
ADS_SUSY, ADS_NONSUSY, ADS_TACHYONIC, DS_MINIMUM, ADS_SADDLE, DS_SADDLE, RUNAWAY, COLLAPSE, MARGINAL, FAILED = range(10)
LAST_STABLE = DS_MINIMUM  # the types up to here are vacua

# The interval: x = a tau from X_LOW, and from where |xi / volume| < 1, to X_HIGH.
X_LOW, X_HIGH = 1.0, 1e6
_NO_INSTANTON = -1e4  # log(A / w) that stands for A = 0: E is below the smallest double
_RELATIVE = (
    1e-11  # error of a mass relative to its terms: rounding and the uncertainty of the critical point, with room
)
_PER_X = 1e-15  # the part of it that grows with the argument of the exponential

# numbers of a row
N_NUMBERS = 11
(X, SCALED_V, V, VOLUME, XI_RATIO, TWO_CYCLE, LOWEST, HIGHEST, GAP, RADIUS, BARRIER) = range(N_NUMBERS)
# counts of a row
N_COUNTS = 8
TYPE, N_POS, N_NEG, N_FLAT, BRANCH, CERTIFIED, N_CRITICAL, N_MINIMA = range(N_COUNTS)

N_TALLY = 6
_POSITIVE, _NEGATIVE, _OPEN, _LOWEST, _HIGHEST, _GAP = range(N_TALLY)


@njit(cache=True)
def _count(mass, error, tally):
    tally[_POSITIVE if mass > error else (_NEGATIVE if mass < -error else _OPEN)] += 1.0
    tally[_LOWEST], tally[_HIGHEST] = min(tally[_LOWEST], mass), max(tally[_HIGHEST], mass)
    tally[_GAP] = min(tally[_GAP], max(abs(mass) - error, 0.0))


@njit(cache=True)
def count_masses(masses, x, spectrum, spectrum_error, with_axions, floor, tally):
    """Count the signs of M^2 + floor of all moduli and axions into tally (N_TALLY,), and their extremes.

    Along the ray the sign of M^2 is known without rounding: the modulus's is the sign of the enclosed slope, the axion's that
    of E (8 (2 + r) x + 6 r), a product of positive factors but for the sign of E.
    """
    tally[:3] = 0.0
    tally[_LOWEST], tally[_HIGHEST], tally[_GAP] = np.inf, -np.inf, np.inf
    relative = _RELATIVE + _PER_X * x
    along = 0.0 if floor == 0.0 else relative
    _count(masses[ray.RAY] + floor, along * (abs(masses[ray.RAY]) + floor), tally)
    if with_axions:
        _count(masses[ray.RAY_AXION] + floor, along * (abs(masses[ray.RAY_AXION]) + floor), tally)
    square = masses[ray.SQUARE]
    for s in spectrum:
        value = masses[ray.CONSTANT] + (masses[ray.LINEAR] + square * s) * s
        slope = masses[ray.LINEAR_SIZE] + 2.0 * square * abs(s)
        error = relative * (masses[ray.CONSTANT_SIZE] + slope * abs(s)) + slope * spectrum_error
        _count(value + floor, error + relative * floor, tally)
        if with_axions:
            value = (masses[ray.AXION_LINEAR] + square * s) * s
            slope = masses[ray.AXION_SIZE] + 2.0 * square * abs(s)
            _count(value + floor, relative * (slope * abs(s) + floor) + slope * spectrum_error, tally)


@njit(cache=True)
def classify(problem, root, spectrum, spectrum_error, with_axions, uplifted, masses, tally, work):
    """The vacuum type of a critical point: root (4,) as `ray.find_zeros` gives it. Fills masses and tally."""
    x, x1, x2 = root[0], root[1], root[2]
    low, high = ray.enclose_sum(ray.VALUE, problem, 1.0, x1, x2, work)
    ray.masses(problem, x, work, masses)
    count_masses(masses, x, spectrum, spectrum_error, with_axions, 0.0, tally)
    if tally[_OPEN] > 0.0 or not (low > 0.0 or high < 0.0):
        return MARGINAL
    if low > 0.0:
        return DS_MINIMUM if tally[_NEGATIVE] == 0.0 else DS_SADDLE
    if tally[_NEGATIVE] == 0.0:
        if uplifted:
            return ADS_NONSUSY
        # a supersymmetric point is critical, and this is the only critical point of the enclosure
        below, _ = ray.enclose_sum(ray.SUSY, problem, 1.0, x1, x1, work)
        _, above = ray.enclose_sum(ray.SUSY, problem, 1.0, x2, x2, work)
        return ADS_SUSY if below > 0.0 and above < 0.0 else ADS_NONSUSY
    bound = np.empty(N_TALLY)
    count_masses(masses, x, spectrum, spectrum_error, with_axions, 0.75 * abs(masses[ray.POTENTIAL]), bound)
    if bound[_NEGATIVE] > 0.0:
        return ADS_SADDLE
    return ADS_TACHYONIC if bound[_OPEN] == 0.0 else MARGINAL


@njit(cache=True)
def solve_row(draws, chi, n, volume, least_tau, two_cycle, spectrum, spectrum_error, instantons, work, numbers, counts):
    """Label one row.

    draws : (priors.N_DRAWS,). chi : Euler number, of the mirror if drawn. n : number of moduli. volume, least_tau, two_cycle :
    volume, smallest tau_i and smallest curve at the ray's unit point. spectrum (n - 1,), spectrum_error : of
    `lattices.transverse_spectrum`. instantons : whether A is not zero. work (ray.N_WORK,).
    Fills numbers (N_NUMBERS,) and counts (N_COUNTS,).
    """
    numbers[:] = np.nan
    counts[:] = 0
    if not spectrum_error < np.inf or (n > 1 and not spectrum[n - 2] < -spectrum_error):
        counts[TYPE] = FAILED
        return
    p = draws[priors.P]
    unit = draws[priors.RANK] / (6.283185307179586 * least_tau)  # lambda^2 at x = 1
    volume_1 = volume * unit * sqrt(unit)
    problem = np.empty(5)
    problem[ray.L] = draws[priors.LOG_RATIO] if instantons else _NO_INSTANTON
    problem[ray.R1] = priors.alpha_prime(chi, draws[priors.STRING_COUPLING]) / volume_1
    problem[ray.D1] = draws[priors.UPLIFT] * exp((2.0 - p) * log(volume_1))
    problem[ray.POWER] = p

    x_low, x_high = X_LOW, X_HIGH
    if problem[ray.R1] != 0.0:
        x_low = max(X_LOW, exp(log(abs(problem[ray.R1])) / 1.5) * (1.0 + 1e-12))
    elif problem[ray.D1] == 0.0:
        x_high = max(2.0 * X_LOW, problem[ray.L] + 300.0)  # V falls as E from here on, too small for a double
    roots, n_roots = np.empty((2, ray.MAX_ROOTS, 4)), np.zeros(2, np.int64)
    complete, slope_low, slope_high = True, 0, 0
    for branch in range(1, -1, -1):
        problem[ray.SIGN] = 1.0 - 2.0 * branch
        if instantons or branch == 0:
            n_roots[branch], decided, slope_low, slope_high = ray.find_zeros(
                ray.SLOPE[0], ray.SLOPE[1], problem, p, x_low, x_high, work, roots[branch]
            )
            complete = complete and decided
    counts[N_CRITICAL] = n_roots[0] + n_roots[1]
    if not complete or (counts[N_CRITICAL] == 0 and slope_low != slope_high):
        counts[TYPE] = MARGINAL
        return
    counts[CERTIFIED] = 1
    if counts[N_CRITICAL] == 0:
        counts[TYPE] = RUNAWAY if slope_high < 0 else COLLAPSE
        return

    masses, tally = np.empty(ray.N_MASSES), np.empty(N_TALLY)
    found_vacuum, lowest_v = False, np.inf
    for branch in range(2):
        problem[ray.SIGN] = 1.0 - 2.0 * branch
        for k in range(n_roots[branch]):
            root = roots[branch, k]
            type_ = classify(
                problem, root, spectrum, spectrum_error, instantons, problem[ray.D1] > 0.0, masses, tally, work
            )
            x = root[0]
            v = volume_1 * x * sqrt(x)
            potential = masses[ray.POTENTIAL] / (v * v)
            is_vacuum = type_ <= LAST_STABLE
            counts[N_MINIMA] += is_vacuum
            if (found_vacuum and not is_vacuum) or (found_vacuum == is_vacuum and not potential < lowest_v):
                continue
            found_vacuum, lowest_v = is_vacuum, potential
            counts[TYPE], counts[BRANCH], counts[CERTIFIED] = type_, branch, type_ != MARGINAL
            counts[N_POS], counts[N_NEG], counts[N_FLAT] = tally[_POSITIVE], tally[_NEGATIVE], tally[_OPEN]
            counts[N_FLAT] += 0 if instantons else n
            numbers[X], numbers[SCALED_V], numbers[V], numbers[VOLUME] = x, masses[ray.POTENTIAL], potential, v
            numbers[XI_RATIO], numbers[TWO_CYCLE] = problem[ray.R1] / (x * sqrt(x)), two_cycle * sqrt(unit * x)
            numbers[LOWEST], numbers[HIGHEST], numbers[GAP] = tally[_LOWEST], tally[_HIGHEST], tally[_GAP]
            numbers[RADIUS] = max(root[2] - x, x - root[1]) / x
            numbers[BARRIER] = np.nan
            if is_vacuum and k + 1 < n_roots[branch] and roots[branch, k, 3] > 0.0:  # the next one is a maximum in x
                top = roots[branch, k + 1, 0]
                ray.masses(problem, top, work, masses)
                v = volume_1 * top * sqrt(top)
                numbers[BARRIER] = masses[ray.POTENTIAL] / (v * v) - potential
    if counts[TYPE] == MARGINAL:
        counts[CERTIFIED] = 0
