"""Cosine, sine and argument from IEEE operations alone, so that they have the same bits on every processor."""

from math import factorial

from vacuagym.numerics.compiled import njit
from vacuagym.numerics.elementary import sqrt

_SIN = tuple((-1.0) ** k / factorial(2 * k + 1) for k in range(10))
_COS = tuple((-1.0) ** k / factorial(2 * k) for k in range(10))
_ATAN = tuple((-1.0) ** k / (2 * k + 1) for k in range(14))
_HALF_PI = (1.5707963267341256e00, 6.077100506303966e-11, 2.0222662487959506e-21)  # their sum; the first has 33 bits
_PI = 3.141592653589793


@njit(cache=True)
def cosine_sine(x):
    """Cosine and sine of |x| < 10^5, to some 1e-16."""
    k = round(x / 1.5707963267948966)
    r = ((x - k * _HALF_PI[0]) - k * _HALF_PI[1]) - k * _HALF_PI[2]
    z = r * r
    c, s = _COS[9], _SIN[9]
    for i in range(8, -1, -1):
        c = c * z + _COS[i]
        s = s * z + _SIN[i]
    s *= r
    quarter = int(k) % 4
    if quarter == 0:
        return c, s
    if quarter == 1:
        return -s, c
    if quarter == 2:
        return -c, -s
    return s, -c


@njit(cache=True)
def modulus(z):
    """|z|."""
    return sqrt(z.real * z.real + z.imag * z.imag)


@njit(cache=True)
def argument(z):
    """The argument of z != 0, from -pi to pi, to some 1e-16."""
    size = modulus(z)
    x, y = abs(z.real) / size, abs(z.imag) / size
    swapped = y > x
    if swapped:
        x, y = y, x
    s = y / (1.0 + x)  # the tangent of half the angle, then of a quarter
    s = s / (1.0 + sqrt(1.0 + s * s))
    square, total = s * s, _ATAN[13]
    for i in range(12, -1, -1):
        total = total * square + _ATAN[i]
    angle = 4.0 * s * total
    if swapped:
        angle = 0.5 * _PI - angle
    if z.real < 0.0:
        angle = _PI - angle
    return -angle if z.imag < 0.0 else angle
