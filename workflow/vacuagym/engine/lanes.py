"""Eight problems at a time: one number type for compiled code that holds eight doubles, one of each problem.

A *lane vector* sits in one vector register. Arithmetic, comparisons and the functions below act on each lane alone, so that
a formula written for one problem serves eight, and a result never depends on what the other seven lanes hold. Formulas
that use only ``+ - * /``, comparisons, array items and the functions of `vacuagym.engine.elementary` compile for plain
doubles as well as for lane vectors, and run uncompiled in Python.

Inside compiled code::

    x = lane_view(storage)        # storage: float64 (n, LANES); x[i] is a lane vector
    x[i] = where(x[j] > 0.0, x[j], 2.0 * x[k])
    if any_lane(x[i] > 1.0): ...

All operations are IEEE 754 double precision, unfused, in the order written, hence the same on every processor.
"""

import operator

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import models as datamodels
from numba.core.extending import intrinsic, lower_cast, overload, register_model
from numba.core.typeconv import Conversion
from numba.np.arrayobj import make_array

LANES = 8
_DOUBLES = ir.VectorType(ir.DoubleType(), LANES)
_BITS = ir.VectorType(ir.IntType(1), LANES)


class _LanesType(types.Type):
    def __init__(self):
        super().__init__("lanes")

    def can_convert_from(self, typingctx, other):
        return Conversion.safe if isinstance(other, types.Number) else None

    def unify(self, typingctx, other):
        return self if isinstance(other, types.Number) else None


class _MaskType(types.Type):
    def __init__(self):
        super().__init__("lane_mask")

    def can_convert_from(self, typingctx, other):
        return Conversion.safe if isinstance(other, types.Boolean) else None

    def unify(self, typingctx, other):
        return self if isinstance(other, types.Boolean) else None


LANES_TYPE, MASK_TYPE = _LanesType(), _MaskType()


@register_model(_LanesType)
class _LanesModel(datamodels.PrimitiveModel):
    def __init__(self, manager, fe_type):
        super().__init__(manager, fe_type, _DOUBLES)


@register_model(_MaskType)
class _MaskModel(datamodels.PrimitiveModel):
    def __init__(self, manager, fe_type):
        super().__init__(manager, fe_type, _BITS)


def _repeat(builder, scalar, vector_type):
    undefined = ir.Constant(vector_type, ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))


@lower_cast(types.Number, _LanesType)
def _broadcast_number(context, builder, fromty, toty, value):
    return _repeat(builder, context.cast(builder, value, fromty, types.float64), _DOUBLES)


@lower_cast(types.Boolean, _MaskType)
def _broadcast_boolean(context, builder, fromty, toty, value):
    return _repeat(builder, value, _BITS)


def is_number(ty) -> bool:
    """Whether a numba type is a lane vector, a double or an integer."""
    return isinstance(ty, (_LanesType, types.Number))


def common_type(*tys):
    """The type that an operation on numbers of these types works in: lanes if any is, else float64."""
    return LANES_TYPE if any(isinstance(ty, _LanesType) for ty in tys) else types.float64


def _arithmetic(instruction):
    @intrinsic
    def operation(typingctx, a, b):
        def codegen(context, builder, signature, arguments):
            return getattr(builder, instruction)(*arguments)

        return LANES_TYPE(LANES_TYPE, LANES_TYPE), codegen

    return operation


def _comparison(predicate):
    @intrinsic
    def operation(typingctx, a, b):
        def codegen(context, builder, signature, arguments):
            return builder.fcmp_ordered(predicate, *arguments)

        return MASK_TYPE(LANES_TYPE, LANES_TYPE), codegen

    return operation


def _logic(instruction):
    @intrinsic
    def operation(typingctx, a, b):
        def codegen(context, builder, signature, arguments):
            return getattr(builder, instruction)(*arguments)

        return MASK_TYPE(MASK_TYPE, MASK_TYPE), codegen

    return operation


def _register_binary(symbol, operation, applies):
    @overload(symbol)
    def implementation(a, b):
        if applies(a, b):
            return lambda a, b: operation(a, b)


def _lanes_apply(a, b):
    return is_number(a) and is_number(b) and (a == LANES_TYPE or b == LANES_TYPE)


def _masks_apply(a, b):
    return a == MASK_TYPE and b == MASK_TYPE


for _symbols, _instruction in (
    ((operator.add, operator.iadd), "fadd"),
    ((operator.sub, operator.isub), "fsub"),
    ((operator.mul, operator.imul), "fmul"),
    ((operator.truediv, operator.itruediv), "fdiv"),
):
    for _symbol in _symbols:
        _register_binary(_symbol, _arithmetic(_instruction), _lanes_apply)
for _symbol, _predicate in (
    (operator.lt, "<"),
    (operator.le, "<="),
    (operator.gt, ">"),
    (operator.ge, ">="),
    (operator.eq, "=="),
):
    _register_binary(_symbol, _comparison(_predicate), _lanes_apply)
for _symbols, _instruction in (((operator.and_, operator.iand), "and_"), ((operator.or_, operator.ior), "or_")):
    for _symbol in _symbols:
        _register_binary(_symbol, _logic(_instruction), _masks_apply)


@intrinsic
def _negative(typingctx, a):
    def codegen(context, builder, signature, arguments):
        return builder.fneg(arguments[0])

    return LANES_TYPE(LANES_TYPE), codegen


@intrinsic
def _not(typingctx, a):
    def codegen(context, builder, signature, arguments):
        return builder.not_(arguments[0])

    return MASK_TYPE(MASK_TYPE), codegen


@overload(operator.neg)
def _overload_negative(a):
    if a == LANES_TYPE:
        return lambda a: _negative(a)


@overload(operator.invert)
def _overload_not(a):
    if a == MASK_TYPE:
        return lambda a: _not(a)


@intrinsic
def _some(typingctx, mask):
    def codegen(context, builder, signature, arguments):
        bits = builder.bitcast(arguments[0], ir.IntType(LANES))
        return builder.icmp_unsigned("!=", bits, ir.Constant(ir.IntType(LANES), 0))

    return types.boolean(MASK_TYPE), codegen


def any_lane(mask):
    """Whether a condition holds in any lane."""
    return bool(mask)


@overload(any_lane)
def _overload_any_lane(mask):
    if mask == MASK_TYPE:
        return lambda mask: _some(mask)
    if isinstance(mask, types.Boolean):
        return lambda mask: mask


@intrinsic
def lane_view(typingctx, storage):
    """The float64 array ``storage`` (..., LANES), C order, as an array (...) of lane vectors, sharing memory."""
    view_type = types.Array(LANES_TYPE, storage.ndim - 1, "C", aligned=False)

    def codegen(context, builder, signature, arguments):
        source = make_array(storage)(context, builder, arguments[0])
        view = make_array(view_type)(context, builder)
        shape = cgutils.unpack_tuple(builder, source.shape)[:-1]
        strides = cgutils.unpack_tuple(builder, source.strides)[:-1]
        lanes = context.get_constant(types.intp, LANES)
        view.shape = cgutils.pack_array(builder, shape, context.get_value_type(types.intp))
        view.strides = cgutils.pack_array(builder, strides, context.get_value_type(types.intp))
        view.nitems = builder.sdiv(source.nitems, lanes)
        view.itemsize = context.get_constant(types.intp, 8 * LANES)
        view.data = builder.bitcast(source.data, _DOUBLES.as_pointer())
        view.meminfo, view.parent = source.meminfo, source.parent
        result = view._getvalue()
        if context.enable_nrt:
            context.nrt.incref(builder, view_type, result)
        return result

    return view_type(storage), codegen


def lane_storage(*shape) -> np.ndarray:
    """Zeros (..., LANES), float64, each lane vector within one cache line: else a load costs twice as much."""
    size = int(np.prod(shape)) * LANES
    memory = np.zeros(size + LANES)
    skip = (-memory.ctypes.data) % (8 * LANES) // 8
    return memory[skip : skip + size].reshape(*shape, LANES)
