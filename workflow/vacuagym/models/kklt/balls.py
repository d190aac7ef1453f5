"""Ball arithmetic: complex numbers with a bound of their distance from the true value, rounding included.

Formulas that are written with the functions below and with +, -, * and / take arrays of numbers, and then compute numbers,
or `Balls`, and then compute balls: every value that the formula has for any choice of true values is in its ball.
"""

import operator
from collections import namedtuple

import numpy as np
from numba.core import cgutils, types
from numba.core.extending import intrinsic, make_attribute_wrapper, models, overload, register_jitable, register_model

from vacuagym.numerics.compiled import njit
from vacuagym.numerics.elementary import exp, log

_UNIT = 2.0**-52  # of rounding; twice what it is, which covers the rounding of radii
_FEW = 8.0 * _UNIT  # more than a complex product or quotient, exp and log are wrong by

# Arrays of balls of the same shape.
#   centre : complex128
#   radius : float64
Balls = namedtuple("Balls", "centre radius")


class _BallType(types.Type):
    def __init__(self):
        super().__init__(name="Ball")


_BALL = _BallType()


@register_model(_BallType)
class _BallModel(models.StructModel):
    def __init__(self, manager, type_):
        members = [("real", types.float64), ("imag", types.float64), ("radius", types.float64)]
        super().__init__(manager, type_, members)


for _name in ("real", "imag", "radius"):
    make_attribute_wrapper(_BallType, _name, _name)


@intrinsic
def _ball(typingctx, real, imag, radius):
    def codegen(context, builder, signature, arguments):
        ball = cgutils.create_struct_proxy(_BALL)(context, builder)
        ball.real, ball.imag, ball.radius = arguments
        return ball._getvalue()

    return _BALL(types.float64, types.float64, types.float64), codegen


@register_jitable
def _rounded(real, imag, radius):
    """A ball whose centre is the rounded result of one operation."""
    return _ball(real, imag, radius + _FEW * (radius + abs(real) + abs(imag)))


@register_jitable
def _size(ball):
    """At least the absolute value of the centre."""
    return abs(ball.real) + abs(ball.imag)


@register_jitable
def _sum(a, b):
    return _rounded(a.real + b.real, a.imag + b.imag, a.radius + b.radius)


@register_jitable
def _product(a, b):
    real, imag = a.real * b.real - a.imag * b.imag, a.real * b.imag + a.imag * b.real
    size_a, size_b = _size(a), _size(b)
    radius = size_a * b.radius + a.radius * (size_b + b.radius) + _FEW * size_a * size_b
    return _rounded(real, imag, radius)


@register_jitable
def _inverse(a):
    """1 / a of a real ball; of infinite radius where it holds 0."""
    least = abs(a.real) - a.radius
    if not least > 0.0:
        return _ball(0.0, 0.0, np.inf)
    return _rounded(1.0 / a.real, 0.0, a.radius / (abs(a.real) * least))


@register_jitable
def _of_number(x):
    return _ball(x.real, x.imag, 0.0)


def _is_number(ty):
    return isinstance(ty, types.Number)


def _overload(operation, compiled):
    @overload(operation)
    def implementation(a, b):
        if a == _BALL and b == _BALL:
            return lambda a, b: compiled(a, b)
        if a == _BALL and _is_number(b):
            return lambda a, b: compiled(a, _of_number(b))
        if b == _BALL and _is_number(a):
            return lambda a, b: compiled(_of_number(a), b)


@register_jitable
def _difference(a, b):
    return _sum(a, _ball(-b.real, -b.imag, b.radius))


@register_jitable
def _quotient(a, b):
    return _product(a, _inverse(b))


for _operation, _compiled in (
    (operator.add, _sum),
    (operator.iadd, _sum),
    (operator.sub, _difference),
    (operator.isub, _difference),
    (operator.mul, _product),
    (operator.imul, _product),
    (operator.truediv, _quotient),
):
    _overload(_operation, _compiled)


# --- what formulas are written with, besides operators ----------------------------------------------------------------


def at(array, index):
    """The number or ball at a place of an array."""


def put(array, index, value):
    """Write a number or ball to a place of an array."""


def nought(array):
    """Zero, of the kind that the array holds."""


def real_product(a, b):
    """Re(a bbar)."""


def power_of(a, power):
    """A real power of a positive number or ball."""


@overload(at)
def _at(array, index):
    if isinstance(array, types.Array):
        return lambda array, index: array[index]
    return lambda array, index: _ball(array.centre[index].real, array.centre[index].imag, array.radius[index])


@overload(put)
def _put(array, index, value):
    if isinstance(array, types.Array):

        def put_number(array, index, value):
            array[index] = value

        return put_number

    def put_ball(array, index, value):
        array.centre[index] = complex(value.real, value.imag)
        array.radius[index] = value.radius

    return put_ball


@overload(nought)
def _nought(array):
    if isinstance(array, types.Array):
        zero = array.dtype(0)
        return lambda array: zero
    return lambda array: _ball(0.0, 0.0, 0.0)


@overload(real_product)
def _real_product(a, b):
    if a == _BALL or b == _BALL:

        def of_balls(a, b):
            a, b = a + 0.0, b + 0.0
            product = _product(a, _ball(b.real, -b.imag, b.radius))
            return _ball(product.real, 0.0, product.radius)

        return of_balls
    return lambda a, b: a.real * b.real + a.imag * b.imag


@overload(power_of)
def _power_of(a, power):
    if a == _BALL:

        def of_ball(a, power):
            least = a.real - a.radius
            if not least > 0.0:
                return _ball(0.0, 0.0, np.inf)
            middle = exp(power * log(a.real))
            spread = abs(power) * a.radius / least + _FEW * (1.0 + abs(power * log(a.real)))
            return _rounded(middle, 0.0, middle * (exp(spread) - 1.0 + _FEW))

        return of_ball
    return lambda a, power: exp(power * log(a))


def shape_of(array):
    """The shape of an array of numbers or balls."""


@overload(shape_of)
def _shape_of(array):
    if isinstance(array, types.Array):
        return lambda array: array.shape
    return lambda array: array.radius.shape


@njit(cache=True)
def new_balls(shape):
    """Balls of a shape; their centres and radii are not set."""
    return Balls(np.empty(shape, np.complex128), np.empty(shape))
