"""The order in which geometries are worked on, and its division into shards."""

import numpy as np

from vacuagym.tables.hashing import hash_rows

SHARD_ROWS = 20_000  # of the shards of geometries, which do not depend on the configuration


def run_order(count: int, dataset: str) -> np.ndarray:
    """A fixed pseudo-random permutation of ``geometry_id`` 0 … count − 1 (int64), so that a prefix is a fair sample.

    Depends on nothing but the dataset's name and its size: not on seed, n_limit, source or number of cores.
    """
    ids = np.arange(count, dtype=np.int64)
    return np.lexsort((ids, hash_rows([ids], f"run order {dataset}")))


def limited(count: int, n_limit: int | None) -> int:
    """Number of geometries of a run: all of them, or the first ``n_limit`` of the run order."""
    return count if n_limit is None else min(n_limit, count)


def shard_ranges(rows: int, shard_rows: int) -> list[tuple[int, int]]:
    """Half-open row ranges of the shards; the size of a shard never depends on how many there are."""
    return [(start, min(start + shard_rows, rows)) for start in range(0, rows, shard_rows)]
