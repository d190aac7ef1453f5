"""The order in which geometries are worked on, and its division into shards."""

import numpy as np

from vacuagym.tables.hashing import hash_rows, mix64, salted

SHARD_ROWS = 20_000  # of the shards of geometries, which do not depend on the configuration


def run_order(count: int, dataset: str) -> np.ndarray:
    """A fixed pseudo-random permutation of ``geometry_id`` 0 … count − 1 (int64), so that a prefix is a fair sample.

    Depends on nothing but the dataset's name and its size: not on seed, n_limit, source or number of cores.
    """
    ids = np.arange(count, dtype=np.int64)
    return np.lexsort((ids, hash_rows([ids], f"run order {dataset}")))


_ROUNDS = 6


def own_order(numbers: np.ndarray, count: int, dataset: str, inverse: bool = False) -> np.ndarray:
    """The run order of a dataset of one's own, for some of its rows at a time: any number of rows takes no memory.

    A fixed pseudo-random permutation of 0 … ``count`` - 1: a Feistel network on the numbers of 2k bits, applied again to
    what it takes beyond the count.

    Parameters
    ----------
    numbers : int array (n,)
        Places in the run order, or with ``inverse`` numbers of geometries.
    count : int
        Geometries of the source.
    dataset : str
        Its name.
    inverse : bool
        Whether places are asked for.

    Returns
    -------
    int64 array (n,)
        The numbers of the geometries at these places, or the places of these geometries.
    """
    bits = max(1, -(-(count - 1).bit_length() // 2))
    mask, rounds = np.uint64((1 << bits) - 1), range(_ROUNDS)
    salts = [salted(f"run order {dataset} {round}") for round in rounds]
    found = np.array(numbers, np.uint64)
    beyond = np.ones(len(found), bool)
    while beyond.any():
        left, right = found[beyond] >> np.uint64(bits), found[beyond] & mask
        for salt in reversed(salts) if inverse else salts:
            if inverse:
                left, right = right ^ (mix64(left ^ salt) & mask), left
            else:
                left, right = right, left ^ (mix64(right ^ salt) & mask)
        found[beyond] = (left << np.uint64(bits)) | right
        beyond = found >= np.uint64(count)
    return found.astype(np.int64)


def limited(count: int, n_limit: int | None) -> int:
    """Number of geometries of a run: all of them, or the first ``n_limit`` of the run order."""
    return count if n_limit is None else min(n_limit, count)


def shard_ranges(rows: int, shard_rows: int) -> list[tuple[int, int]]:
    """Half-open row ranges of the shards; the size of a shard never depends on how many there are."""
    return [(start, min(start + shard_rows, rows)) for start in range(0, rows, shard_rows)]
