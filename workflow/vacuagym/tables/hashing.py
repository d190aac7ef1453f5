"""A fixed 64-bit mixer: run order, splits and duplicate groups must never change with a library's version."""

import numpy as np


def mix64(x) -> np.ndarray:
    """The finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection of uint64, element by element."""
    x = np.asarray(x).astype(np.uint64)
    with np.errstate(over="ignore"):
        x = x + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def salted(salt: str) -> np.uint64:
    """The state from which `hash_rows` starts."""
    state = mix64(0)
    for byte in salt.encode():
        state = mix64(state ^ np.uint64(byte))
    return np.uint64(state)


def hash_rows(columns, salt: str) -> np.ndarray:
    """Hash each row of integers to a non-negative int64.

    Parameters
    ----------
    columns : sequence of integer arrays (rows,), or one integer array (rows, width).
    salt : text that separates one use of the hash from another.
    """
    if isinstance(columns, np.ndarray) and columns.ndim == 2:
        columns = columns.T
    state = np.full(len(columns[0]), salted(salt))
    for column in columns:
        state = mix64(state ^ np.asarray(column).astype(np.int64).view(np.uint64))
    return (state >> np.uint64(1)).astype(np.int64)
