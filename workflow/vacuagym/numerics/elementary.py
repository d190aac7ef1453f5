"""Elementary functions for formulas: on doubles and registered vectors in compiled code, on any numpy number in Python.

Compiled, `exp` and `log` consist of IEEE operations alone, so that they return the same bits on every processor, which
neither libm nor numpy's vectorised versions do. Measured against 50 digits, their error is below 1 ulp.
"""

import math

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.core.extending import intrinsic, overload, register_jitable

_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10  # high part has 21 trailing zero bits
_ROUND = 6755399441055744.0  # 1.5 * 2^52: adding and subtracting it rounds to an integer
_LARGEST = 1.7976931348623157e308
_EXP = tuple(1.0 / math.factorial(k) for k in range(14))
_LOG = tuple(1.0 / (2 * k + 1) for k in range(12))

_VECTORS: dict[types.Type, types.Type] = {}  # numbers -> conditions


def register_vectors(numbers: types.Type, conditions: types.Type) -> None:
    """Let the functions of this module work on vectors of doubles.

    Parameters
    ----------
    numbers : numba.types.Type
        The vectors; an LLVM vector of doubles.
    conditions : numba.types.Type
        What comparing two of them gives; an LLVM vector of bits.
    """
    _VECTORS[numbers] = conditions


def is_number(ty: types.Type) -> bool:
    """Whether a numba type is a registered vector, a double or an integer."""
    return ty in _VECTORS or isinstance(ty, types.Number)


def _is_condition(ty):
    return ty in _VECTORS.values() or isinstance(ty, types.Boolean)


def _common_type(*tys):
    """The type in which an operation on these numbers and conditions works: their vectors if there are any, else float64."""
    for numbers, conditions in _VECTORS.items():
        if numbers in tys or conditions in tys:
            return numbers
    return types.float64


def sqrt(x):
    """Square root, correctly rounded."""
    return np.sqrt(x)


def where(condition, a, b):
    """``a`` where the condition holds, else ``b``; both are evaluated."""
    return a if condition else b


def absolute(x):
    """Absolute value."""
    return abs(x)


def maximum(a, b):
    """The larger of two numbers; ``b`` if either is NaN."""
    return a if a > b else b


def exp(x):
    """Exponential function, for -708 <= x <= 709; the value at the nearer end outside, NaN for NaN."""
    return np.exp(x)


def log(x):
    """Natural logarithm of a positive normal number; infinity for infinity, NaN for NaN."""
    return np.log(x)


def _unary(llvm_name, on_bits=False):
    """Compiled call of an LLVM function of one number; with ``on_bits``, of a Python function that emits the code."""

    @intrinsic
    def operation(typingctx, x):
        ty = _common_type(x)

        def codegen(context, builder, signature, arguments):
            (value,) = arguments
            if on_bits:
                return llvm_name(builder, value)
            lanes = f"v{value.type.count}" if isinstance(value.type, ir.VectorType) else ""
            name = f"llvm.{llvm_name}.{lanes}f64"
            function = builder.module.declare_intrinsic(name, (), ir.FunctionType(value.type, (value.type,)))
            return builder.call(function, (value,))

        return ty(ty), codegen

    return operation


def _integers(value_type):
    integer = ir.IntType(64)
    return ir.VectorType(integer, value_type.count) if isinstance(value_type, ir.VectorType) else integer


def _constant(ty, number):
    return ir.Constant(ty, [number] * ty.count if isinstance(ty, ir.VectorType) else number)


def _emit_power_of_two(builder, k):
    integers = _integers(k.type)
    biased = builder.add(builder.fptosi(k, integers), _constant(integers, 1023))
    return builder.bitcast(builder.shl(biased, _constant(integers, 52)), k.type)


def _emit_exponent(builder, x):
    integers = _integers(x.type)
    biased = builder.lshr(builder.bitcast(x, integers), _constant(integers, 52))
    return builder.sitofp(builder.sub(biased, _constant(integers, 1023)), x.type)


_sqrt, _absolute = _unary("sqrt"), _unary("fabs")
_power_of_two = _unary(_emit_power_of_two, on_bits=True)  # 2^k of an integral k, -1022 <= k <= 1023
_exponent = _unary(_emit_exponent, on_bits=True)  # k with 2^k <= x < 2^(k + 1), of a positive normal x


@intrinsic
def _select(typingctx, condition, a, b):
    ty = _common_type(condition, a, b)

    def codegen(context, builder, signature, arguments):
        return builder.select(*arguments)

    return ty(condition, ty, ty), codegen


@register_jitable
def _exp(x):
    x = _select(x > 709.0, 709.0, _select(x < -708.0, -708.0, x))
    k = (x * 1.4426950408889634 + _ROUND) - _ROUND
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    tail = _EXP[13]
    for i in range(12, 1, -1):
        tail = tail * r + _EXP[i]
    result = (1.0 + (r + r * r * tail)) * _power_of_two(_select(x == x, k, 0.0))
    return _select(x == x, result, x)


@register_jitable
def _log(x):
    k = _exponent(x * 0.70710678118654752 * 2.0)  # rounds x to the power of two next to it
    m = x * _power_of_two(_select(x <= _LARGEST, 0.0 - k, 0.0))
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    tail = _LOG[11]
    for i in range(10, 0, -1):
        tail = tail * z + _LOG[i]
    half = 0.5 * (m - 1.0) * (m - 1.0)
    # log m = f - f^2/2 + s (f^2/2 + 2 (s^2/3 + s^4/5 + ...)), f = m - 1: the large part is exact
    correction = s * (half + 2.0 * z * tail)
    result = k * _LN2_HIGH - ((half - (correction + k * _LN2_LOW)) - (m - 1.0))
    return _select(x <= _LARGEST, result, x)


def _compile(function, compiled):
    @overload(function)
    def implementation(x):
        if is_number(x):
            return lambda x: compiled(x)


for _function, _compiled in ((sqrt, _sqrt), (absolute, _absolute), (exp, _exp), (log, _log)):
    _compile(_function, _compiled)


@overload(where)
def _overload_where(condition, a, b):
    if _is_condition(condition) and is_number(a) and is_number(b):
        return lambda condition, a, b: _select(condition, a, b)


@overload(maximum)
def _overload_maximum(a, b):
    if is_number(a) and is_number(b):
        return lambda a, b: _select(a > b, a, b)
