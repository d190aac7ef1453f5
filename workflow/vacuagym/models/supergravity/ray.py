"""The potential along a ray of Kähler parameters: every critical point in an interval, with proof, and all masses.

With one modulus, or with several on a ray on which the couplings make the restriction consistent (`rays`), let
x = a tau, E = (A / w) e^-x with w = -W0 > 0, r = xi / volume, delta = D volume^(2 - p) / w^2. At theta = 0, or, with
E < 0, at a theta = pi, in units of w^2 / volume^2,

    V = 4 N / ((2 + r)^2 (4 - r)) + delta,
    N = (4/3) (2 + r)^2 x^2 E^2 + 8 (2 + r) x (E^2 - E) + 3 r (1 - E)^2,
    r = r1 x^(-3/2),  E = +-exp(L - x),  delta = d1 x^(3 (2 - p) / 2).

Up to positive factors, V, dV/dln x and the supersymmetry condition are sums of terms c r^i x^j E^k delta^l. On a box
[x1, x2] each is monotone, so the range of a sum, and of its derivative, is enclosed by values at the two ends. A box is
discarded where the sum has no zero, decided where it is monotone, else halved: what is left is every zero, once. Rounding
errors are added to the enclosures, so that this is a proof. Where theta is neither 0 nor pi there are no critical points for
|r| < 1, x > 1, since d2V/dtheta2 vanishes nowhere there: 8 (2 + r) x + 6 r > 0.
"""

from collections import Counter
from typing import NamedTuple

import numpy as np

from vacuagym.numerics.compiled import njit
from vacuagym.numerics.elementary import exp, log, sqrt

# --- the sums of terms c r^i x^j E^k delta^l ---------------------------------------------------------------------------


def _times(left, right):
    product = Counter()
    for a, ca in left.items():
        for b, cb in right.items():
            product[tuple(np.add(a, b))] += ca * cb
    return product


def _plus(*polynomials):
    total = Counter()
    for polynomial in polynomials:
        for term, c in polynomial.items():
            total[term] += c
    return total


def _in_r(*coefficients):
    return Counter({(i, 0, 0, 0): c for i, c in enumerate(coefficients)})


def _term(c, r=0, x=0, e=0, delta=0):
    return Counter({(r, x, e, delta): c})


def _slope(polynomial):
    """d/dln x of a polynomial without delta: dr = -3/2 r, dx = x, dE = -x E."""
    return _plus(
        *(
            _plus(_term(c * (j - 1.5 * i), i, j, k), _term(-c * k, i, j + 1, k))
            for (i, j, k, _), c in polynomial.items()
        )
    )


class Sum(NamedTuple):
    """A sum of terms c r^i x^j E^k delta^l, l = 0 or 1."""

    terms: np.ndarray  # int64 (n, 4): i, j, k, l
    coefficients: np.ndarray  # float64 (n,)
    is_slope: bool  # whether delta stands for p delta


def _sum(polynomial, is_slope=False):
    terms = sorted(term for term, c in polynomial.items() if c != 0)
    coefficients = [polynomial[term] for term in terms]
    return Sum(np.array(terms, dtype=np.int64), np.array(coefficients, dtype=np.float64), is_slope)


_A, _B = _in_r(2, 1), _in_r(4, -1)  # 2 + r and 4 - r
_N = _plus(
    _times(_times(_A, _A), _term(4 / 3, x=2, e=2)),
    _times(_A, _plus(_term(8, x=1, e=2), _term(-8, x=1, e=1))),
    _plus(_term(3, r=1), _term(-6, r=1, e=1), _term(3, r=1, e=2)),
)
# dV/dln x = 4 SLOPE / ((2 + r)^3 (4 - r)^2)
SLOPE = _sum(
    _plus(
        _times(_times(_A, _B), _slope(_N)),
        _times(_in_r(-24, 3, -1.5), _N),
        _times(_times(_times(_A, _times(_A, _A)), _times(_B, _B)), _term(-3 / 8, delta=1)),
    ),
    is_slope=True,
)
# V = 4 VALUE / ((2 + r)^2 (4 - r))
VALUE = _sum(_plus(_N, _times(_times(_times(_A, _A), _B), _term(1 / 4, delta=1))))
# D_T W = 0 where this vanishes
SUSY = _sum(_plus(_term(1, e=1), _term(2 / 3, x=1, e=1), _term(1 / 3, r=1, x=1, e=1), _term(-1)))

# --- enclosures -------------------------------------------------------------------------------------------------------


class Problem(NamedTuple):
    """The potential on a ray."""

    log_ratio: float  # L = log(A / w)
    r1: float  # xi / volume at x = 1
    d1: float  # delta at x = 1
    power: float  # p
    sign: float  # of E


N_WORK = 64
_UNIT = 2.0**-52


@njit(cache=True)
def _enclose(sum_, problem, x1, x2, work):
    """Enclose a sum, divided by the power of |E| that keeps it in range, and its derivative by ln x, on [x1, x2].

    Parameters
    ----------
    sum_ : Sum
        SLOPE, VALUE or SUSY.
    problem : Problem
        The potential.
    x1, x2 : float
        Ends of the box.
    work : float64 (N_WORK,)
        Workspace.

    Returns
    -------
    low, high, slope_low, slope_high : float
        Bounds of the sum and of its derivative; rounding included.
    """
    terms, c, r1 = sum_.terms, sum_.coefficients, problem.r1
    delta_factor = problem.power if sum_.is_slope else 1.0
    growth = 1.5 * (2.0 - problem.power)
    y1, y2 = problem.log_ratio - x1, problem.log_ratio - x2
    shift = 2 if y1 + y2 > 0.0 else 0
    # powers of the ends: low in work[0:32], high in work[32:64]; r at 0, x at 8, E at 16
    r_high, r_low = abs(r1) / (x1 * sqrt(x1)), abs(r1) / (x2 * sqrt(x2))
    work[0] = work[32] = work[8] = work[40] = 1.0
    for i in range(1, 6):
        work[i], work[32 + i] = work[i - 1] * r_low, work[31 + i] * r_high
    for i in range(1, 4):
        work[8 + i], work[40 + i] = work[7 + i] * x1, work[39 + i] * x2
    e_high, e_low = exp(y1), exp(y2)
    if y2 < -700.0:
        e_low = 0.0
    if shift == 0:
        work[16] = work[48] = 1.0
        work[17], work[49] = e_low, e_high
        work[18], work[50] = e_low * e_low, e_high * e_high
    else:
        work[18] = work[50] = 1.0
        inverse_low, inverse_high = exp(-y1), exp(-y2)
        work[17], work[49] = inverse_low, inverse_high
        work[16], work[48] = inverse_low * inverse_low, inverse_high * inverse_high
    at1 = delta_factor * problem.d1 * exp(growth * log(x1))
    at2 = delta_factor * problem.d1 * exp(growth * log(x2))
    delta_low, delta_high = min(at1, at2), max(at1, at2)

    low = high = slope_low = slope_high = size = slope_size = 0.0
    for n in range(len(c)):
        i, j, k = terms[n, 0], terms[n, 1], terms[n, 2]
        small = work[i] * work[8 + j] * work[16 + k]
        large = work[32 + i] * work[40 + j] * work[48 + k]
        rate = j - 1.5 * i
        if terms[n, 3] == 1:
            small *= delta_low
            large *= delta_high
            rate += growth
        a = c[n]
        if r1 < 0.0 and i % 2 == 1:
            a = -a
        if problem.sign < 0.0 and k % 2 == 1:
            a = -a
        if a > 0.0:
            low += a * small
            high += a * large
        else:
            low += a * large
            high += a * small
        size += abs(a) * large
        # the derivative of the term is a * rate * term, its rate linear in x
        at1, at2 = a * (rate - (k - shift) * x1), a * (rate - (k - shift) * x2)
        down, up = min(at1, at2), max(at1, at2)
        slope_low += down * (large if down < 0.0 else small)
        slope_high += up * (large if up > 0.0 else small)
        slope_size += max(abs(down), abs(up)) * large
    # each term goes through fewer than 100 roundings; the argument of exp adds its own, of its size
    error = _UNIT * (100.0 + min(abs(y1) + abs(y2), 1400.0))
    return low - error * size, high + error * size, slope_low - error * slope_size, slope_high + error * slope_size


@njit(cache=True)
def _sign(sum_, problem, x, work):
    """The proved sign of a sum at x; 0 if rounding leaves it open."""
    low, high, _, _ = _enclose(sum_, problem, x, x, work)
    return 1 if low > 0.0 else (-1 if high < 0.0 else 0)


@njit(cache=True)
def enclose_sum(sum_, problem, x1, x2, work):
    """Proved bounds, up to a positive factor, of a sum on [x1, x2]; arguments as of `_enclose`."""
    low, high, _, _ = _enclose(sum_, problem, x1, x2, work)
    return low, high


MAX_ROOTS = 8
_NARROWEST = 1.0 + 1e-9
_STACK = 96


@njit(cache=True)
def find_zeros(sum_, problem, x_low, x_high, work, roots):
    """Every zero of a sum in an interval, with proof.

    Parameters
    ----------
    sum_, problem, work
        As of `_enclose`.
    x_low, x_high : float
        Ends of the interval.
    roots : float64 (MAX_ROOTS, 4)
        Output: x, two ends that provably enclose exactly this zero, and the sign of the sum's slope there.

    Returns
    -------
    n_roots : int
        Number of zeros.
    complete : bool
        Whether all of the interval was decided.
    sign_low, sign_high : int
        Signs of the sum at the ends; 0 if open.
    """
    stack = np.empty((_STACK, 4))
    sign_low = _sign(sum_, problem, x_low, work)
    sign_high = _sign(sum_, problem, x_high, work)
    complete = sign_low != 0 and sign_high != 0
    stack[0, 0], stack[0, 1], stack[0, 2], stack[0, 3] = x_low, x_high, sign_low, sign_high
    depth, n_roots = 1 if complete else 0, 0
    while depth > 0:
        depth -= 1
        x1, x2, s1, s2 = stack[depth, 0], stack[depth, 1], stack[depth, 2], stack[depth, 3]
        low, high, slope_low, slope_high = _enclose(sum_, problem, x1, x2, work)
        if low > 0.0 or high < 0.0:
            continue
        if slope_low > 0.0 or slope_high < 0.0:
            if s1 != s2:
                if n_roots == MAX_ROOTS:
                    return n_roots, False, sign_low, sign_high
                proved = _polish(sum_, problem, x1, x2, s1, work, roots[n_roots])
                complete = complete and proved
                n_roots += 1
            continue
        middle, s_middle = 0.0, 0
        for attempt in range(3):  # a boundary must not fall on a zero
            if s_middle == 0:
                middle = sqrt(x1) * sqrt(x2) * (1.0 + 0.125 * attempt * (x2 / x1 - 1.0) / (x2 / x1 + 1.0))
                s_middle = _sign(sum_, problem, middle, work)
        if x2 < x1 * _NARROWEST or s_middle == 0 or depth + 2 > _STACK:
            complete = False
            continue
        stack[depth, 0], stack[depth, 1], stack[depth, 2], stack[depth, 3] = middle, x2, s_middle, s2
        stack[depth + 1, 0], stack[depth + 1, 1], stack[depth + 1, 2], stack[depth + 1, 3] = x1, middle, s1, s_middle
        depth += 2
    return n_roots, complete, sign_low, sign_high


@njit(cache=True)
def _polish(sum_, problem, x1, x2, s1, work, root):
    """The one zero in a box on which the sum is monotone: Newton's method in ln x within shrinking brackets."""
    a, b = x1, x2
    x = sqrt(a) * sqrt(b)
    for _ in range(80):
        low, high, slope_low, slope_high = _enclose(sum_, problem, x, x, work)
        value, slope = 0.5 * (low + high), 0.5 * (slope_low + slope_high)
        if (value > 0.0) == (s1 > 0.0):
            a = x
        else:
            b = x
        step = -value / slope if slope != 0.0 else np.inf
        new = x * (1.0 + step)  # first order in the step of ln x
        if not (new > a and new < b):
            new = sqrt(a) * sqrt(b)
        done = abs(new - x) <= 4e-16 * x
        x = new
        if done:
            break
    root[0], root[1], root[2], root[3] = x, x1, x2, -s1
    width = 1e-15
    while width < 1e-6:
        if x * (1.0 - width) <= x1 or x * (1.0 + width) >= x2:
            return True  # the box itself is the enclosure
        below = _sign(sum_, problem, x * (1.0 - width), work)
        above = _sign(sum_, problem, x * (1.0 + width), work)
        if below == s1 and above == -s1:
            root[1], root[2] = x * (1.0 - width), x * (1.0 + width)
            return True
        width *= 4.0
    return False


# --- masses at a critical point ---------------------------------------------------------------------------------------


class Masses(NamedTuple):
    """V and the squared masses at a critical point, in units of w^2 / volume^2.

    The other moduli have M^2 = constant + linear s + square s^2, their axions axion_linear s + square s^2, where s runs
    over the transverse spectrum of the ray (`rays`). The sizes are sums of absolute terms, which bound rounding errors.
    """

    potential: float
    ray: float  # M^2 of the ray's modulus
    ray_axion: float  # M^2 of its axion
    constant: float
    linear: float
    square: float
    axion_linear: float
    constant_size: float
    linear_size: float
    axion_size: float


@njit(cache=True)
def masses_at(problem, x, work):
    """The `Masses` at a critical point x.

    On the ray dW/dT_i = -x E t^i / (3 volume): the second derivatives of V are then kappa, kappa H kappa and
    kappa H kappa H kappa, H = diag(t^i / tau_i), besides terms along the ray; K_ij is -kappa / 4Y across it.
    """
    r = problem.r1 / (x * sqrt(x))
    e = problem.sign * exp(problem.log_ratio - x)
    p = problem.power
    delta = problem.d1 * exp(1.5 * (2.0 - p) * log(x))
    y, z = 1.0 + 0.5 * r, 4.0 - r
    w, q = e - 1.0, -x * e
    m = 2.0 * q * q / 3.0
    c1, c0 = 16.0 / (y * z), 3.0 * r / (z * y * y)
    potential = -4.0 * m / y + c1 * (q * q - q * w) + c0 * w * w + delta

    metric = 3.0 * z / (16.0 * y * y)  # K_TT tau^2
    _, _, slope_low, slope_high = _enclose(SLOPE, problem, x, x, work)
    rescale = exp(2.0 * (problem.log_ratio - x)) if problem.log_ratio > x else 1.0  # undoes the division of `_enclose`
    along = 0.25 * (slope_low + slope_high) * rescale / (2.0 * y * y * y * z * z) / metric
    ray_axion = 0.5 * e * (16.0 * y * x + 6.0 * r) / (y * y * z) * x * x / metric

    v_m, v_q, v_w = -4.0 / y, c1 * (2.0 * q - w), 2.0 * c0 * w - c1 * q
    # derivatives by the volume at fixed q, m, W; then what the second derivatives of q, m, W contribute
    a0, a1 = 4.0 * m / (y * y), -c1 * (q * q - q * w) * (1.0 / y + 4.0 / z)
    a2, a4 = -c0 * w * w * (4.0 / z + 2.0 / y), -p * delta
    a3 = e / 3.0 * (v_q * (x * x - x) - v_w * x) - 4.0 * v_m * x * x * x * e * e / 9.0
    b0 = e / 3.0 * x * x * (v_w + v_q * (2.0 - x))
    b1 = v_m * 4.0 * (x - 1.0) * x * x * x * e * e / 9.0
    f0 = 4.0 * (4.0 / y) * x * x * x * x * e * e / 9.0
    f1 = 2.0 * x * x * e / 3.0 * (c1 * (q * x - 0.5 * w * x + 0.5 * q) - c0 * w)
    scale = -2.0 * y
    constant = scale * (a0 + a1 + a2 + a3 + a4)
    linear = scale * (b0 + b1)
    square = scale * v_m * 2.0 * x * x * x * x * e * e / 9.0
    axion_linear = scale * (f0 + f1)
    # |v_q|, |v_w| and the last bracket bounded term by term
    size_q, size_w = c1 * (2.0 * abs(q) + abs(w)), 2.0 * abs(c0 * w) + c1 * abs(q)
    third = abs(e) / 3.0
    constant_size = abs(scale) * (
        a0
        + c1 * (q * q + abs(q * w)) * (1.0 / y + 4.0 / z)
        + abs(a2)
        + third * (size_q * (x * x + x) + size_w * x)
        + 4.0 * abs(v_m) * x * x * x * e * e / 9.0
        + abs(a4)
    )
    linear_size = abs(scale) * (third * x * x * (size_w + size_q * (2.0 + x)) + abs(b1) + abs(v_m) * x * x * x * e * e)
    axion_size = abs(scale) * (f0 + 2.0 * x * x * third * (c1 * (abs(q * x) + abs(w * x) + abs(q)) + abs(c0 * w)))
    return Masses(
        potential, along, ray_axion, constant, linear, square, axion_linear, constant_size, linear_size, axion_size
    )
