"""Large-volume vacua: xi > 0 and terms in W on del Pezzo divisors that can shrink to points fix the volume.

A divisor with kappa_sss kappa_sij = kappa_ssi kappa_ssj, kappa_sss > 0, is called diagonal. With t_s = kappa_ssi t^i / kappa_sss,

    volume = volume of the rest + kappa_sss t_s^3 / 6,   tau_s = kappa_sss t_s^2 / 2,   t_s < 0.

As long as only diagonal divisors have terms, V depends on nothing but the volume and their T_s (hep-th/0502058; arXiv:0805.1029):
it is V of the *reduced* threefold, which has the volume (t_0^3 + sum_s kappa_sss t_s^3) / 6. In its coordinates nothing cancels,
however large the volume. The axion of t_0 is flat. With n - 1 diagonal divisors all other moduli are fixed; with fewer, some
stay flat.
"""

from itertools import combinations
from typing import NamedTuple

import numpy as np

from vacuagym.models.kklt.balls import Balls
from vacuagym.models.kklt.control import curves_at, sizes_of
from vacuagym.models.kklt.dense import eliminate, substitute
from vacuagym.models.kklt.phases import HYPERSURFACE, Space, enter_phase
from vacuagym.models.kklt.points import Theory
from vacuagym.models.kklt.potential import derivatives, hold_axion, new_jet
from vacuagym.models.kklt.proof import frame_of, prove_in
from vacuagym.models.kklt.solve import Row, masses
from vacuagym.numerics.compiled import njit
from vacuagym.numerics.elementary import exp, log, sqrt

_MAX_PHASES = 40  # on the way to a shrinking divisor
_BEYOND = (0.5, 0.1, 0.01)  # how far a step goes beyond a wall, of the way to the next one
_LARGEST = 500.0  # ln of a volume
_MAX_NEWTON, _EXACT = 30, 1e-12
_NEGLIGIBLE = 80.0  # other terms are smaller than V by this exponent
_UNIT = 2.0**-52
_WIDE = 50.0  # an exponent x is below ln|volume A / W0| + this
_PI = 3.141592653589793
_GRID = 1024.0  # the class of the rest is rounded to integers, which are exact in what follows


class Contraction(NamedTuple):
    """A phase in which diagonal divisors can shrink together; k divisors, R rays, n classes, w walls."""

    divisors: np.ndarray  # int64 (k,), rays
    cubes: np.ndarray  # float64 (k,), kappa_sss
    duals: np.ndarray  # float64 (k, n), kappa_ssi / kappa_sss
    t: np.ndarray  # float64 (n,), in the phase
    rest: np.ndarray  # float64 (n,), integers: a class with kappa_ssi rest^i = 0
    cube: float  # kappa of the rest
    curves: np.ndarray  # float64 (1 + k, w), degrees of the rest and of the divisors on the curves
    volumes: np.ndarray  # float64 (1 + k, R), twice the volumes of the toric divisors of the rest and of the divisors

    @property
    def is_full(self) -> bool:
        """Whether all moduli but the axion of the volume are fixed."""
        return len(self.divisors) == len(self.t) - 1


@njit(cache=True)
def is_diagonal(kappa, divisor):
    """Whether a divisor (n,), a class, has kappa_sss kappa_sij = kappa_ssi kappa_ssj and kappa_sss > 0."""
    n, cube = len(divisor), 0.0
    matrix, row = np.zeros((n, n)), np.zeros(n)
    for i in range(n):
        for j in range(n):
            for k in range(n):
                matrix[i, j] += kappa[i, j, k] * divisor[k]
            row[i] += matrix[i, j] * divisor[j]
        cube += row[i] * divisor[i]
    for i in range(n):
        for j in range(n):
            if cube * matrix[i, j] != row[i] * row[j]:
                return False
    return cube > 0.0


@njit(cache=True)
def shrink(space, t, divisor):
    """Move t along a divisor's class, on which the divisor gets smaller, until the divisor is diagonal.

    Parameters
    ----------
    space : phases.Space
        The phase of t is in use; on return that of the new t.
    t, divisor : float64 (n,), (n,)
        Classes.

    Returns
    -------
    bool
        Whether a phase was found in which it is.
    """
    trial = np.empty(len(t))
    for _ in range(_MAX_PHASES):
        if is_diagonal(space.kappa, divisor):
            return True
        curves, falls = sizes_of(space, t), sizes_of(space, divisor)
        first = second = np.inf
        for wall in range(len(curves)):
            if falls[wall] < 0.0:
                first = min(first, -curves[wall] / falls[wall])
        for wall in range(len(curves)):
            if falls[wall] < 0.0 and -curves[wall] / falls[wall] > first * (1.0 + 1e-9):
                second = min(second, -curves[wall] / falls[wall])
        if second == np.inf:
            return False
        entered = False
        for part in _BEYOND:
            for i in range(len(t)):
                trial[i] = t[i] + (first + part * (second - first)) * divisor[i]
            entered = enter_phase(space, trial)
            if entered:
                break
        if not entered:
            return False
        t[:] = trial
    return False


def contractions(space: Space, classes: np.ndarray, rigid: np.ndarray, inside: np.ndarray) -> list[Contraction]:
    """The phases in which rigid toric divisors can shrink to points, as far as straight ways lead there.

    Parameters
    ----------
    space : Space
        The threefold; the phase in use changes.
    classes, rigid : float64 (R, n), bool (R,)
        Of the toric divisors.
    inside : float64 (n,)
        The class to start from.

    Returns
    -------
    list of Contraction
        Those of n - 1 divisors; if there are none, those of one divisor. None for one class, which is the volume.
    """
    if len(inside) == 1:
        return []
    start = inside / np.abs(inside).max()

    def together(divisors):
        t = start.copy()
        if not enter_phase(space, t):
            return None
        for p in divisors:
            if not shrink(space, t, classes[p]):
                return None
        if all(is_diagonal(space.kappa, classes[p]) for p in divisors):
            return _contraction(space, classes, np.array(divisors), t)
        return None

    single = {p: together([p]) for p in np.flatnonzero(rigid)}
    single = {p: found for p, found in single.items() if found}
    if len(inside) == 2:
        return list(single.values())
    full = [together(chosen) for chosen in combinations(single, len(inside) - 1)]
    return [found for found in full if found] or list(single.values())


def _contraction(space, classes, divisors, t):
    """The `Contraction` of diagonal divisors in the phase in use, that of t."""
    chosen, kappa = classes[divisors], space.kappa
    squares = np.einsum("ijk,si,sj->sk", kappa, chosen, chosen)  # integers, as all that follows
    cubes = np.einsum("sk,sk->s", squares, chosen)
    rest = np.rint(_GRID * t / np.abs(t).max()) * np.prod(cubes)
    for cube, row, divisor in zip(cubes, squares, chosen, strict=True):
        rest -= np.rint(np.einsum("k,k", row, rest) / cube) * divisor
    rest /= np.gcd.reduce(np.abs(rest).astype(np.int64))
    parts = np.vstack([rest, chosen])
    curves = np.array([sizes_of(space, part) for part in parts])
    volumes = np.einsum("ijk,pi,aj,ak->ap", kappa, classes, parts, parts)
    cube = float(np.einsum("p,p", volumes[0, space.basis], rest))
    return Contraction(divisors, cubes, squares / cubes[:, None], t, rest, cube, curves, volumes)


# --- the reduced threefold --------------------------------------------------------------------------------------------


@njit(cache=True)
def _exponent_at(log_volume, rate, size, kappa):
    """The x = a tau_s at which V is smallest for a given volume, at leading order, and d x / d ln volume.

    ln volume = f(x) = x - ln|A / W0| + ln(2 x (x - 1) / ((4x - 1) a^2 sqrt(2 kappa tau_s))), which grows with x > 1.

    Parameters
    ----------
    log_volume, rate, size, kappa : float
        ln of the volume, a, ln|A / W0|, kappa_sss.

    Returns
    -------
    x, slope : float
        At this volume.
    """
    low, high = 1.0, max(log_volume + size, 0.0) + _WIDE
    for _ in range(60):
        x = 0.5 * (low + high)
        f = x - size + log(2.0 * x * (x - 1.0) / ((4.0 * x - 1.0) * rate * rate * sqrt(2.0 * kappa * x / rate)))
        if f > log_volume:
            high = x
        else:
            low = x
    x = 0.5 * (low + high)
    return x, 1.0 / (1.0 + 0.5 / x + 1.0 / (x - 1.0) - 4.0 / (4.0 * x - 1.0))


@njit(cache=True)
def _slope(log_volume, theory, cubes, uplift, power, exponents):
    """Volume^3 dV / d ln volume with all tau_s at their minima, at leading order; writes the exponents (k,).

    There V volume^3 = 3 xi / 4 - sum_s g(x_s) + D volume^(3 - p), g(x) = 8 x^2 (2x + 1)(x - 1) / ((4x - 1)^2 a^2 sqrt(2 kappa tau_s)).
    """
    total = -2.25 * theory.xi
    if uplift > 0.0:
        total -= power * uplift * exp((3.0 - power) * log_volume)
    for s in range(len(cubes)):
        rate = theory.rates[s]
        x, change = _exponent_at(log_volume, rate, theory.logs[s], cubes[s])
        g = 8.0 * x * x * (2.0 * x + 1.0) * (x - 1.0) / (4.0 * x - 1.0) ** 2
        g /= rate * rate * sqrt(2.0 * cubes[s] * x / rate)
        relative = 1.5 / x + 2.0 / (2.0 * x + 1.0) + 1.0 / (x - 1.0) - 8.0 / (4.0 * x - 1.0)
        total += g * (3.0 - relative * change)
        exponents[s] = x
    return total


@njit(cache=True)
def leading_order(theory, cubes, uplift, power, exponents):
    """The large-volume minimum at leading order in 1 / volume.

    Without uplift the slope of V changes its sign once. The uplift moves this point to larger volumes.

    Parameters
    ----------
    theory : points.Theory
        Of the reduced threefold.
    cubes : float64 (k,)
        kappa_sss.
    uplift, power : float
        D / |W0|^2 and p.
    exponents : float64 (k,)
        Output: a_s tau_s.

    Returns
    -------
    float
        ln of the volume; NaN if there is no such minimum.
    """
    low, high = 0.0, _LARGEST
    if not (
        _slope(low, theory, cubes, 0.0, power, exponents) < 0.0 < _slope(high, theory, cubes, 0.0, power, exponents)
    ):
        return np.nan
    for _ in range(60):
        middle = 0.5 * (low + high)
        if _slope(middle, theory, cubes, 0.0, power, exponents) > 0.0:
            high = middle
        else:
            low = middle
    here = high
    for _ in range(_MAX_NEWTON):
        slope = _slope(here, theory, cubes, uplift, power, exponents)
        if slope >= -1e-9 * theory.xi:
            return here
        rise = (_slope(here + 1e-4, theory, cubes, uplift, power, exponents) - slope) / 1e-4
        if rise <= 0.0:
            return np.nan
        here -= slope / rise
    return np.nan


@njit(cache=True)
def _settle(kappa, theory, uplift, power, t, theta, jet):
    """Newton's method on dV = 0 on the reduced threefold; moves t and theta, and returns whether it has converged."""
    n = len(t)
    matrix, order, step, before = np.empty((2 * n, 2 * n)), np.empty(2 * n, np.int64), np.empty(2 * n), np.inf
    for _ in range(_MAX_NEWTON):
        derivatives(kappa, theory, uplift, power, t, theta, jet)
        hold_axion(jet)
        matrix[:] = jet.hessian
        for i in range(2 * n):
            step[i] = -jet.gradient[i]
        if eliminate(matrix, order) == 0.0:
            return False
        substitute(matrix, order, step)
        size = abs(step[0] / t[0])
        for s in range(1, n):
            rate = theory.rates[s - 1] * abs(jet.matrix[s, s])  # of a tau_s
            size = max(size, rate * abs(step[s]), rate * abs(step[n + s]))
        if not size < 2.0:
            return False
        for s in range(n):
            t[s] += step[s]
            theta[s] += jet.matrix[s, s] * step[n + s]
        if size < _EXACT or (size < 1e3 * _EXACT and size >= before):
            derivatives(kappa, theory, uplift, power, t, theta, jet)
            return True
        before = size
    return False


@njit(cache=True)
def reduced_vacuum(kappa, theory, cubes, uplift, power, t, theta, jet):
    """The large-volume minimum of the reduced threefold, proved.

    Parameters
    ----------
    kappa : float64 (1 + k, 1 + k, 1 + k)
        Of the reduced threefold.
    theory, cubes, uplift, power
        As of `leading_order`.
    t, theta : float64 (1 + k,), (1 + k,)
        Output: the point.
    jet : Jet
        Output: V there.

    Returns
    -------
    half_width : float
        Of the box that holds the true point, in ln t_0, a_s tau_s and a_s theta_s; NaN if none is proved.
    sign : int
        The proved sign of V, or 0.
    """
    k = len(cubes)
    exponents, basis = np.empty(k), np.zeros((k + 1, k + 1))
    log_volume = leading_order(theory, cubes, uplift, power, exponents)
    if not log_volume == log_volume:
        return np.nan, 0
    t[0], theta[0] = 6.0 * exp(log_volume), 0.0
    for s in range(k):
        t[s + 1] = -sqrt(2.0 * exponents[s] / (theory.rates[s] * cubes[s]))
        theta[s + 1] = (theory.angles[s] - _PI) / theory.rates[s]
        t[0] -= cubes[s] * t[s + 1] ** 3
    t[0] = exp(log(t[0]) / 3.0)
    if not _settle(kappa, theory, uplift, power, t, theta, jet):
        return np.nan, 0
    basis[0, 0] = t[0]
    for s in range(k):
        basis[s + 1, s + 1] = 1.0 / (theory.rates[s] * cubes[s] * t[s + 1])
    back = Balls(np.zeros((k + 1, k + 1), np.complex128), np.zeros((k + 1, k + 1)))
    for i in range(k + 1):  # what is 0 stays 0, which a volume of any size asks for
        back.centre[i, i] = 1.0 / basis[i, i]
        back.radius[i, i] = abs(back.centre[i, i].real) * _UNIT
    frame = frame_of(kappa, theory, basis, back, t, theta)
    half_width, is_minimum, sign = prove_in(frame, theory.xi, uplift, power, True)
    return half_width if is_minimum else np.nan, sign


# --- a row ------------------------------------------------------------------------------------------------------------


@njit(cache=True)
def _place(cube, curves, volumes, half_width, t, sizes, tau):
    """Write the sizes of curves (w,) and of toric divisors (R,) at a point t (1 + k,) of the reduced threefold.

    The class is t_0 / cube^(1/3) times the rest, and sum_s t_s D_s.

    Returns
    -------
    scale : float
        t_0 / cube^(1/3).
    inside : bool
        Whether all curves are positive on the box of the half-width, in ln t_0 and ln t_s.
    """
    scale, inside = t[0] / exp(log(cube) / 3.0), True
    for w in range(len(sizes)):
        sizes[w], spread = scale * curves[0, w], abs(scale * curves[0, w])
        for s in range(1, len(t)):
            sizes[w] += t[s] * curves[s, w]
            spread += abs(t[s] * curves[s, w])
        inside = inside and sizes[w] > (half_width + 1e-14) * spread
    for p in range(len(tau)):
        tau[p] = 0.5 * scale * scale * volumes[0, p]
        for s in range(1, len(t)):
            tau[p] += 0.5 * t[s] * t[s] * volumes[s, p]
    return scale, inside


@njit(cache=True)
def _are_negligible(theory, chosen, tau, volume):
    """Whether the terms of the other rigid divisors, of volumes tau (r,), are below V, some |W0|^2 / volume^3, by e^-80."""
    for p in range(len(tau)):
        other = True
        for s in range(len(chosen)):
            other = other and chosen[s] != p
        if other and theory.rates[p] * tau[p] - theory.logs[p] < 3.0 * log(volume) + _NEGLIGIBLE:
            return False
    return True


def large_volume_row(space, theory, rigid, euler, ways, string_coupling, uplift, power, before: Row) -> Row:
    """The row of the large-volume vacuum with the largest smallest potent curve.

    Parameters
    ----------
    space, theory, euler, string_coupling, uplift, power
        As of `solve.solve_row`.
    rigid : bool (R,)
        Which toric divisors are rigid.
    ways : list of Contraction
        See `contractions`.
    before : Row
        The row without such a vacuum.

    Returns
    -------
    Row
        ``before`` if no vacuum is proved to exist. Vacua with flat directions besides the volume's axion count only where
        the rigid divisors do not span the classes: elsewhere their terms lift these directions.
    """
    best, number = before, 0
    for way in ways:
        if not way.is_full and before.vacuum_type != "unstabilised":
            continue
        found = _row_of(space, theory, rigid, euler, way, string_coupling, uplift, power)
        if found:
            number += way.is_full
            if best is before or found.potent > best.potent:
                best = found
    return best if best is before else best._replace(n_candidates=before.n_candidates, n_vacua=number)


def _row_of(space, theory, rigid, euler, way, string_coupling, uplift, power):
    """The row of the vacuum of one `Contraction`, or None."""
    k, n = len(way.divisors), len(way.t)
    chosen, units = np.searchsorted(np.flatnonzero(rigid), way.divisors), np.eye(k + 1)[1:]
    reduced = Theory(units, units, theory.rates[chosen], theory.logs[chosen], theory.angles[chosen], theory.xi)
    kappa = np.zeros((k + 1, k + 1, k + 1))
    np.einsum("iii->i", kappa)[:] = 1.0, *way.cubes
    t, theta, jet = np.empty(k + 1), np.empty(k + 1), new_jet(k + 1, k)
    half_width, sign = reduced_vacuum(kappa, reduced, way.cubes, uplift, power, t, theta, jet)
    if np.isnan(half_width) or sign == 0:
        return None
    sizes, tau, volume = np.empty(way.curves.shape[1]), np.empty(len(rigid)), jet.numbers[2]
    scale, inside = _place(way.cube, way.curves, way.volumes, half_width, t, sizes, tau)
    if not (inside and _are_negligible(theory, chosen, tau[rigid], volume)):
        return None
    _, highest = masses(jet)
    row = Row(
        "lvs_partial",
        certified=True,
        n_positive=2 * k + 1,
        n_modes=2 * n,
        radius=half_width,
        potential=jet.numbers[0] + jet.numbers[1],
        volume=volume,
        xi_ratio=theory.xi / volume,
        exponent=jet.x.min(),
        lowest=0.0,  # of the axion
        highest=highest,
    )
    root = np.sqrt(string_coupling)
    if not way.is_full:  # along the flat directions all other curves become large
        own = root * sizes[way.curves[0] == 0.0].min()
        return row._replace(potent=own, smallest=own, shift=0.0)
    enter_phase(space, way.t)
    potent, smallest, shift = curves_at(space, theory.effective, euler, root, sizes, tau)
    point, angles = scale * way.rest, np.zeros(n)
    for s in range(k):
        point += t[s + 1] * theory.classes[chosen[s]]
        angles += theta[s + 1] * way.duals[s]
    return row._replace(
        vacuum_type="lvs_ads" if sign < 0 else "lvs_ds",
        is_extended=space.sizes[2] != HYPERSURFACE,
        t=point,
        theta=angles,
        potent=potent,
        smallest=smallest,
        shift=shift,
    )
