"""Eight problems at a time: one number type for compiled code that holds eight doubles, one of each problem.

A *lane vector* sits in one vector register. Arithmetic, comparisons and the functions below act on each lane alone, so that
a formula written for one problem serves eight, and a result never depends on what the other seven lanes hold. Formulas
that use only ``+ - * /``, comparisons, array items and the functions of `vacuagym.numerics.elementary` compile for plain
doubles as well as for lane vectors, and run uncompiled in Python.

Inside compiled code::

    x = lane_view(storage)        # storage: float64 (n, LANES); x[i] is a lane vector
    x[i] = where(x[j] > 0.0, x[j], 2.0 * x[k])
    if any_lane(x[i] > 1.0): ...

All operations are IEEE 754 double precision, unfused, in the order written, hence the same on every processor.
"""

import operator
from functools import partial

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import models as datamodels
from numba.core.extending import intrinsic, lower_cast, overload, register_model
from numba.core.typeconv import Conversion
from numba.np.arrayobj import make_array

from vacuagym.numerics.elementary import is_number, register_vectors

LANES = 8
_DOUBLES = ir.VectorType(ir.DoubleType(), LANES)
_BITS = ir.VectorType(ir.IntType(1), LANES)


class _LanesType(types.Type):
    scalar, vector = types.Number, _DOUBLES

    def __init__(self):
        super().__init__(type(self).__name__)

    def can_convert_from(self, typingctx, other):
        return Conversion.safe if isinstance(other, self.scalar) else None

    def unify(self, typingctx, other):
        return self if isinstance(other, self.scalar) else None


class _MaskType(_LanesType):
    scalar, vector = types.Boolean, _BITS


LANES_TYPE, MASK_TYPE = _LanesType(), _MaskType()
register_vectors(LANES_TYPE, MASK_TYPE)


@register_model(_LanesType)
@register_model(_MaskType)
class _VectorModel(datamodels.PrimitiveModel):
    def __init__(self, manager, fe_type):
        super().__init__(manager, fe_type, fe_type.vector)


@lower_cast(types.Number, _LanesType)
@lower_cast(types.Boolean, _MaskType)
def _broadcast(context, builder, fromty, toty, value):
    if toty == LANES_TYPE:
        value = context.cast(builder, value, fromty, types.float64)
    undefined = ir.Constant(toty.vector, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))


def _unary(result, operand, emit):
    @intrinsic
    def operation(typingctx, a):
        return result(operand), lambda context, builder, signature, arguments: emit(builder, *arguments)

    return operation


def _binary(result, operand, emit):
    @intrinsic
    def operation(typingctx, a, b):
        return result(operand, operand), lambda context, builder, signature, arguments: emit(builder, *arguments)

    return operation


def _register_binary(symbol, operation, applies):
    @overload(symbol)
    def implementation(a, b):
        if applies(a, b):
            return lambda a, b: operation(a, b)


def _lanes_apply(a, b):
    return is_number(a) and is_number(b) and (a == LANES_TYPE or b == LANES_TYPE)


def _masks_apply(a, b):
    return MASK_TYPE in (a, b) and all(x == MASK_TYPE or isinstance(x, types.Boolean) for x in (a, b))


for _symbols, _emit in (
    ((operator.add, operator.iadd), ir.IRBuilder.fadd),
    ((operator.sub, operator.isub), ir.IRBuilder.fsub),
    ((operator.mul, operator.imul), ir.IRBuilder.fmul),
    ((operator.truediv, operator.itruediv), ir.IRBuilder.fdiv),
):
    for _symbol in _symbols:
        _register_binary(_symbol, _binary(LANES_TYPE, LANES_TYPE, _emit), _lanes_apply)
for _symbol, _predicate in zip(
    (operator.lt, operator.le, operator.gt, operator.ge, operator.eq), ("<", "<=", ">", ">=", "=="), strict=True
):
    _emit = partial(lambda predicate, builder, a, b: builder.fcmp_ordered(predicate, a, b), _predicate)
    _register_binary(_symbol, _binary(MASK_TYPE, LANES_TYPE, _emit), _lanes_apply)
for _symbol, _emit in ((operator.and_, ir.IRBuilder.and_), (operator.xor, ir.IRBuilder.xor)):
    _register_binary(_symbol, _binary(MASK_TYPE, MASK_TYPE, _emit), _masks_apply)


def _emit_any(builder, mask):
    return builder.icmp_unsigned("!=", builder.bitcast(mask, ir.IntType(LANES)), ir.Constant(ir.IntType(LANES), 0))


_negative = _unary(LANES_TYPE, LANES_TYPE, ir.IRBuilder.fneg)
_some = _unary(types.boolean, MASK_TYPE, _emit_any)


@overload(operator.neg)
def _overload_negative(a):
    if a == LANES_TYPE:
        return lambda a: _negative(a)


def any_lane(mask):
    """Whether a condition holds in any lane."""
    return bool(mask)


@overload(any_lane)
def _overload_any_lane(mask):
    if mask == MASK_TYPE:
        return lambda mask: _some(mask)
    if isinstance(mask, types.Boolean):
        return lambda mask: mask


class _LaneArrayType(types.Type):
    def __init__(self, ndim):
        self.ndim = ndim
        super().__init__(f"lane_array{ndim}")


@register_model(_LaneArrayType)
class _LaneArrayModel(datamodels.StructModel):
    def __init__(self, manager, fe_type):
        members = [("data", types.CPointer(types.float64)), ("rows", types.intp), ("columns", types.intp)]
        super().__init__(manager, fe_type, members)


@intrinsic
def lane_view(typingctx, storage):
    """The float64 array ``storage`` (..., LANES), C order, one or two other axes, as an array of lane vectors.

    The view shares memory and must not outlive the storage. Its items are ``a[i]`` or ``a[i, j]``, its rows ``a[i]``,
    its parts ``a[start:stop]``; indices are not checked and must not be negative.
    """
    ndim = storage.ndim - 1
    view_type = _LaneArrayType(ndim)

    def codegen(context, builder, signature, arguments):
        source = make_array(storage)(context, builder, arguments[0])
        shape = cgutils.unpack_tuple(builder, source.shape)
        view = cgutils.create_struct_proxy(view_type)(context, builder)
        view.data, view.rows = source.data, shape[0]
        view.columns = shape[1] if ndim == 2 else context.get_constant(types.intp, 1)
        return view._getvalue()

    return view_type(storage), codegen


def _address(context, builder, ty, array, offset):
    """The address of the lane vector number ``offset`` of a lane array."""
    view = cgutils.create_struct_proxy(ty)(context, builder, array)
    vectors = builder.bitcast(view.data, _DOUBLES.as_pointer())
    return builder.gep(vectors, [offset], inbounds=True)


@intrinsic
def _load(typingctx, array, offset):
    def codegen(context, builder, signature, arguments):
        return builder.load(_address(context, builder, array, *arguments), align=8)

    return LANES_TYPE(array, types.intp), codegen


@intrinsic
def _store(typingctx, array, offset, value):
    def codegen(context, builder, signature, arguments):
        builder.store(arguments[2], _address(context, builder, array, *arguments[:2]), align=8)
        return context.get_dummy_value()

    return types.void(array, types.intp, LANES_TYPE), codegen


@intrinsic
def _part(typingctx, array, offset, length):
    part_type = _LaneArrayType(1)

    def codegen(context, builder, signature, arguments):
        vectors = _address(context, builder, array, *arguments[:2])
        part = cgutils.create_struct_proxy(part_type)(context, builder)
        part.data, part.rows = builder.bitcast(vectors, part.data.type), arguments[2]
        part.columns = context.get_constant(types.intp, 1)
        return part._getvalue()

    return part_type(array, types.intp, types.intp), codegen


def _extent(member):
    @intrinsic
    def operation(typingctx, array):
        def codegen(context, builder, signature, arguments):
            return getattr(cgutils.create_struct_proxy(array)(context, builder, arguments[0]), member)

        return types.intp(array), codegen

    return operation


_rows, _columns = _extent("rows"), _extent("columns")


def _is_pair(index):
    return isinstance(index, types.UniTuple) and index.count == 2 and isinstance(index.dtype, types.Integer)


@overload(len)
def _overload_len(array):
    if isinstance(array, _LaneArrayType):
        return lambda array: _rows(array)


@overload(operator.getitem)
def _overload_getitem(array, index):
    if not isinstance(array, _LaneArrayType):
        return None
    if array.ndim == 1 and isinstance(index, types.Integer):
        return lambda array, index: _load(array, index)
    if array.ndim == 1 and isinstance(index, types.SliceType):
        return lambda array, index: _part(array, index.start, min(index.stop, _rows(array)) - index.start)
    if array.ndim == 2 and isinstance(index, types.Integer):
        return lambda array, index: _part(array, index * _columns(array), _columns(array))
    if array.ndim == 2 and _is_pair(index):
        return lambda array, index: _load(array, index[0] * _columns(array) + index[1])


@overload(operator.setitem)
def _overload_setitem(array, index, value):
    if not isinstance(array, _LaneArrayType) or not is_number(value):
        return None
    if array.ndim == 1 and isinstance(index, types.Integer):
        return lambda array, index, value: _store(array, index, value)
    if array.ndim == 2 and _is_pair(index):
        return lambda array, index, value: _store(array, index[0] * _columns(array) + index[1], value)


def lane_storage(*shape) -> np.ndarray:
    """Zeros (..., LANES), float64, each lane vector within one cache line: else a load costs twice as much."""
    size = int(np.prod(shape)) * LANES
    memory = np.zeros(size + LANES)
    skip = (-memory.ctypes.data) % (8 * LANES) // 8
    return memory[skip : skip + size].reshape(*shape, LANES)
