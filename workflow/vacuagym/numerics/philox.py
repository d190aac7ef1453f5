"""Counter-based random draws: Philox4x64-10 (Salmon et al. 2011, doi:10.1145/2063384.2063405) in compiled code.

A draw is a function of what it is for, not of what was drawn before: the key is (seed, dataset), the counter is
(block, geometry, sample, stream). Draw number j of a stream equals element j of
``numpy.random.Generator(numpy.random.Philox(key=..., counter=[0, geometry, sample, stream])).random(...)``, bit for bit.
"""

import hashlib

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.core.extending import intrinsic

from vacuagym.numerics.compiled import njit

_MULTIPLIER_0, _MULTIPLIER_1 = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)
_WEYL_0, _WEYL_1 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B)


def draw_key(seed: int, dataset: str) -> np.ndarray:
    """The Philox key of the draws of a dataset.

    Parameters
    ----------
    seed : int
        0 <= seed < 2^64.
    dataset : str
        Its name.

    Returns
    -------
    uint64 (2,)
    """
    name = hashlib.sha256(dataset.encode()).digest()[:8]
    return np.array([seed, int.from_bytes(name, "little")], dtype=np.uint64)


@intrinsic
def _high_product(typingctx, a, b):
    """The high 64 bits of the product of two uint64."""

    def codegen(context, builder, signature, arguments):
        wide = ir.IntType(128)
        a, b = (builder.zext(argument, wide) for argument in arguments)
        return builder.trunc(builder.lshr(builder.mul(a, b), ir.Constant(wide, 64)), ir.IntType(64))

    return types.uint64(types.uint64, types.uint64), codegen


@njit(cache=True, inline="always")  # else its latency would not overlap with that of the next block
def philox(k0, k1, block, geometry, sample, stream):
    """The four uint64 that Philox4x64-10 makes of a key (k0, k1) and a counter (block, geometry, sample, stream)."""
    c0, c1, c2, c3 = np.uint64(block), np.uint64(geometry), np.uint64(sample), np.uint64(stream)
    for _ in range(10):
        high_0, low_0 = _high_product(_MULTIPLIER_0, c0), _MULTIPLIER_0 * c0
        high_1, low_1 = _high_product(_MULTIPLIER_1, c2), _MULTIPLIER_1 * c2
        c0, c1, c2, c3 = high_1 ^ c1 ^ k0, low_1, high_0 ^ c3 ^ k1, low_0
        k0, k1 = k0 + _WEYL_0, k1 + _WEYL_1
    return c0, c1, c2, c3


@njit(cache=True)
def fill_uniform(key, geometry, sample, stream, out):
    """Draw from a stream.

    Parameters
    ----------
    key : uint64 (2,)
        See `draw_key`.
    geometry, sample, stream : int
        What the draws are for.
    out : float64 (m,)
        Output: the first m uniform draws on [0, 1) of the stream.
    """
    k0, k1 = key[0], key[1]
    n_whole = len(out) // 4
    for block in range(n_whole):
        # numpy raises the counter before it makes the first block
        a, b, c, d = philox(k0, k1, block + 1, geometry, sample, stream)
        out[4 * block], out[4 * block + 1] = _unit_interval(a), _unit_interval(b)
        out[4 * block + 2], out[4 * block + 3] = _unit_interval(c), _unit_interval(d)
    words = philox(k0, k1, n_whole + 1, geometry, sample, stream)
    for i in range(len(out) - 4 * n_whole):
        out[4 * n_whole + i] = _unit_interval(words[i])


@njit(cache=True)
def _unit_interval(word):
    return np.float64(np.int64(word >> np.uint64(11))) * (1.0 / 9007199254740992.0)  # 2^-53
