"""Columns as plain numpy arrays: flat ones are arrays, ragged ones are a pair of arrays."""

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np


class Ragged(NamedTuple):
    """A column of lists, laid out as Arrow lays it out: row ``i`` is ``values[offsets[i]:offsets[i + 1]]``."""

    values: np.ndarray  # (total,)
    offsets: np.ndarray  # (rows + 1,), int32, non-decreasing, starting at 0


Columns = Mapping[str, "np.ndarray | Ragged"]


class Column(NamedTuple):
    """One entry of the data dictionary."""

    name: str
    type: str  # an Arrow type as text: int64, int32, float64, bool, string, list<int32>, ...
    unit: str  # "1" for pure numbers and counts
    meaning: str  # one sentence
    source: str = ""  # formula's paper and equation, or arXiv number


def ragged(rows, dtype) -> Ragged:
    """Pack a sequence of 1-D sequences into a ragged column of ``dtype``."""
    lengths = np.fromiter((len(row) for row in rows), dtype=np.int64, count=len(rows))
    offsets = np.zeros(len(rows) + 1, dtype=np.int32)
    np.cumsum(lengths, out=offsets[1:])
    values = np.empty(offsets[-1], dtype=dtype)
    for row, start, stop in zip(rows, offsets[:-1], offsets[1:], strict=True):
        values[start:stop] = row
    return Ragged(values, offsets)


def n_rows(columns: Columns) -> int:
    """Number of rows of a table of columns."""
    first = next(iter(columns.values()))
    return len(first.offsets) - 1 if isinstance(first, Ragged) else len(first)


def take(columns: Columns, index: np.ndarray) -> dict:
    """The rows ``index`` (int array) of every column, in that order."""
    return {name: _take(column, index) for name, column in columns.items()}


def _take(column, index):
    if not isinstance(column, Ragged):
        return column[index]
    starts = column.offsets[index].astype(np.int64)
    lengths = column.offsets[index + 1] - column.offsets[index]
    offsets = np.zeros(len(index) + 1, dtype=np.int32)
    np.cumsum(lengths, out=offsets[1:])
    within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    return Ragged(column.values[np.repeat(starts, lengths) + within], offsets)


def content_sha256(table: Columns) -> str:
    """SHA-256 (hex) of a table's values in row order, whatever its provenance."""
    digest = hashlib.sha256()
    for name in sorted(table):
        column = table[name]
        for array in column if isinstance(column, Ragged) else (column,):
            digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).view(np.uint8))
    return digest.hexdigest()
