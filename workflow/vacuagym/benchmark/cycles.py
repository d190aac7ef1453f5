"""Statistics of cyclic lists of self-intersections."""

import numpy as np

from vacuagym.tables.arrays import Ragged

LOWEST = -12  # self-intersection of a curve
_SYMBOLS = 2 - LOWEST  # self-intersections -12 ... -1, 0 and above together
_N_PAIRS = _SYMBOLS * (_SYMBOLS + 1) // 2
N_CYCLE_PAIRS = 2 * _N_PAIRS


def cycle_pairs(curves: Ragged) -> np.ndarray:
    """How often two self-intersections stand one and two apart on each cycle; the same for rotations and reflections.

    Parameters
    ----------
    curves : Ragged
        Self-intersections of the curves of each cycle.

    Returns
    -------
    float64 array (rows, 2 * 105)
        By distance and unordered pair of -12 ... -1 and 0 or above.
    """
    rows = len(curves.offsets) - 1
    row, following = _cycle(curves)
    symbol = np.minimum(curves.values.astype(np.int64), 0) - LOWEST
    low, high = np.triu_indices(_SYMBOLS)
    number = np.zeros((_SYMBOLS, _SYMBOLS), dtype=np.int64)
    number[low, high] = number[high, low] = np.arange(_N_PAIRS)
    blocks = []
    for partner in (following, following[following]):
        pair = row * _N_PAIRS + number[symbol, symbol[partner]]
        blocks.append(np.bincount(pair, minlength=rows * _N_PAIRS).reshape(rows, _N_PAIRS))
    return np.concatenate(blocks, axis=1).astype(np.float64)


def _cycle(curves: Ragged) -> tuple[np.ndarray, np.ndarray]:
    """Row of each curve, and position of the next one on its cycle."""
    lengths = np.diff(curves.offsets)
    row = np.repeat(np.arange(len(lengths)), lengths)
    following = np.arange(1, len(row) + 1)
    following[curves.offsets[1:] - 1] = curves.offsets[:-1]
    return row, following
