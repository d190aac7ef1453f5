"""Columns as plain numpy arrays: flat ones are arrays, ragged ones are a pair of arrays."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from vacuagym.schema import Column


class Ragged(NamedTuple):
    """A column of lists, laid out as Arrow lays it out: row ``i`` is ``values[offsets[i]:offsets[i + 1]]``."""

    values: np.ndarray  # (total,)
    offsets: np.ndarray  # (rows + 1,), int32, non-decreasing, starting at 0


Columns = Mapping[str, "np.ndarray | Ragged"]


def ragged(rows, dtype) -> Ragged:
    """Pack a sequence of 1-D sequences into a ragged column of ``dtype``."""
    lengths = np.fromiter((len(row) for row in rows), dtype=np.int64, count=len(rows))
    offsets = np.zeros(len(rows) + 1, dtype=np.int32)
    np.cumsum(lengths, out=offsets[1:])
    values = np.empty(offsets[-1], dtype=dtype)
    for row, start, stop in zip(rows, offsets[:-1], offsets[1:], strict=True):
        values[start:stop] = row
    return Ragged(values, offsets)


def from_lists(columns: Sequence[Column], values: Mapping[str, list]) -> dict:
    """Columns of the types that the data dictionary says, from lists of their rows."""
    return {
        column.name: ragged(values[column.name], column.type[5:-1])
        if column.type.startswith("list<")
        else np.array(values[column.name], dtype=column.type)
        for column in columns
    }


def in_order(columns: Sequence[Column], table: Columns) -> dict:
    """The columns of a data dictionary in its order, each of the type it says; there are no others in the table."""
    if len(table) != len(columns):
        raise ValueError(f"{sorted(set(table) ^ {column.name for column in columns})} do not match")
    typed = {}
    for column in columns:
        values = table[column.name]
        if not isinstance(values, Ragged):
            values = values.astype(column.type, copy=False)
        typed[column.name] = values
    return typed


def no_values(type_: str, rows: int) -> "np.ndarray | Ragged":
    """A column of a `Column` type without content: NaN, or 0 and False, empty texts, empty lists."""
    if type_.startswith("list<"):
        return Ragged(no_values(type_[5:-1], 0), np.zeros(rows + 1, dtype=np.int32))
    if type_ == "string":
        return np.full(rows, "")
    return np.full(rows, np.nan if type_.startswith("float") else 0, dtype=type_)


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
    source = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
    return Ragged(column.values[source], offsets)


def concatenate(tables: Sequence[Columns]) -> dict:
    """The rows of several tables with the same columns, at least one, one table after the other."""
    return {name: _concatenate([table[name] for table in tables]) for name in tables[0]}


def _concatenate(columns):
    if not isinstance(columns[0], Ragged):
        return np.concatenate(columns)
    lengths = np.concatenate([np.diff(column.offsets) for column in columns])
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return Ragged(np.concatenate([column.values for column in columns]), offsets)


def content_sha256(table: Columns) -> str:
    """SHA-256 (hex) of a table's values in row order, whatever its provenance."""
    digest = hashlib.sha256()
    for name in sorted(table):
        column = table[name]
        for array in column if isinstance(column, Ragged) else (column,):
            digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).view(np.uint8))
    return digest.hexdigest()
