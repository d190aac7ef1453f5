"""Sources of datasets of one's own: files of geometries, as text or as parquet, whose rows are counted, then streamed.

Of a file of text the family's ``entries`` finds the geometries, and ``parse`` of its module reads one. A parquet
file has the columns of the family's geometries, and any others, which are not read. A folder is its files in the order of
their names.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vacuagym.errors import InputError
from vacuagym.geometry import FAMILIES
from vacuagym.geometry.family import Family
from vacuagym.geometry.lists import read_lines
from vacuagym.schema import Column
from vacuagym.tables.arrays import Columns, Ragged, from_lists, take
from vacuagym.tables.shards import new_shard, to_numpy

MAX_TEXT = 100_000_000  # characters of text of one source: it is read through each time the workflow is
BATCH_ROWS = 10_000  # geometries held at a time
_COMPARED = 500  # geometries whose features are held at a time
_MAGIC = b"PAR1"


class Source(NamedTuple):
    """What a source holds."""

    rows: int
    sha256: str  # of the text, whatever compresses it, and of the footers of parquet files


def files_of(source: Path) -> list[Path]:
    """The files of a source: itself, or those of a folder whose names do not begin with a dot, in the order of the names.

    Raises
    ------
    InputError
        There is no file.
    """
    if os.path.isfile(source):
        return [source]
    if not os.path.isdir(source):
        raise InputError(source, "is neither a file nor a folder" if os.path.exists(source) else "does not exist")
    files = sorted(path for path in source.iterdir() if path.is_file() and not path.name.startswith("."))
    if not files:
        raise InputError(source, "is a folder without files")
    return files


def look(family: Family, source: Path) -> Source:
    """Count the geometries of a source: those of parquet files from their footers, those of text by reading it through.

    Raises
    ------
    InputError
        A file cannot be read, is no list of the family, or the source has more than `MAX_TEXT` characters of text.
    """
    return _look(family.name, tuple((path, *_state(path)) for path in files_of(source)))


def _state(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


@cache
def _look(name: str, files: Sequence[tuple]) -> Source:
    family, digest, rows, left = FAMILIES[name], hashlib.sha256(), 0, MAX_TEXT
    for path, *_ in files:
        if _is_parquet(path):
            rows += _footer(path, family, digest)
        else:
            text = _Counted(path, left, family, digest)
            rows += sum(1 for _ in family.entries(text))
            left -= text.characters
    if not rows:
        raise InputError(files[0][0], f"holds no geometry of the family {family.name}")
    return Source(rows, digest.hexdigest())


class _Counted:
    """The lines of a file, hashed and counted as they are read."""

    def __init__(self, path, left, family, digest):
        self.path, self.left, self.family, self.digest, self.characters = path, left, family, digest, 0

    def __iter__(self):
        for line in read_lines(self.path):
            self.characters += len(line)
            if self.characters > self.left:
                command = f"vacuagym convert --family {self.family.name} {self.path} {self.path.name}.parquet"
                raise InputError(
                    self.path,
                    f"brings the source beyond {MAX_TEXT // 10**6} MB of text; convert it to parquet: {command}",
                )
            self.digest.update(line.encode())
            yield line


def _is_parquet(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(4) == _MAGIC


def _open(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 16)
    except (pa.ArrowException, OSError) as error:
        raise InputError(path, f"is not a complete parquet file ({error})") from error


def _footer(path: Path, family: Family, digest) -> int:
    """Rows of a parquet file whose columns are checked; its footer goes into the digest."""
    with _open(path) as file:
        for column in family.geometry_columns:
            index = file.schema_arrow.get_field_index(column.name)
            if index < 0:
                names = ", ".join(column.name for column in family.geometry_columns)
                raise InputError(path, f"has no column {column.name}; the family {family.name} needs {names}")
            _check_type(path, column, file.schema_arrow.field(index).type)
        rows = file.metadata.num_rows
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(size - 8)
        length = int.from_bytes(file.read(4), "little")
        file.seek(size - 8 - length)
        digest.update(file.read(length))
    return rows


def _check_type(path: Path, column: Column, type_: pa.DataType) -> None:
    depth = 0
    while _is_list(type_):
        type_, depth = type_.value_type, depth + 1
    wanted = (1, 2) if column.type.startswith("list<") else (0,)
    if not pa.types.is_integer(type_) or depth not in wanted:
        kind = "lists of integers" if wanted[0] else "integers"
        raise InputError(path, f"has a column {column.name} that does not hold {kind}")


def _is_list(type_: pa.DataType) -> bool:
    return pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_)


# --- reading ----------------------------------------------------------------------------------------------------------


class Batch(NamedTuple):
    """Some geometries of a source."""

    ids: np.ndarray  # (rows,) int64, numbers in the source
    columns: Columns


def read(family: Family, source: Path, chosen: Callable[[np.ndarray], np.ndarray]) -> Iterator[Batch]:
    """Stream geometries of a source, each of them checked, in its order.

    Parameters
    ----------
    family : Family
    source : Path
    chosen : callable
        From numbers of geometries, int64 array, to whether each is read: no other is looked at, nor a row group
        of a parquet file that has none of these.

    Raises
    ------
    InputError
        A file is damaged, or a geometry is no geometry of the family, or not what its file says of it; names file and line,
        or row of a parquet file.
    """
    first = 0
    for path in files_of(source):
        read_file = _read_parquet if _is_parquet(path) else _read_text
        first += yield from read_file(family, path, first, chosen)


def convert(family: Family, source: Path, out: Path) -> int:
    """Write the geometries of a source, of any size, into one parquet file; returns how many there are.

    Raises
    ------
    InputError
        As of `read`, or the file cannot be written.
    """
    count = 0
    with new_shard(out, family.geometry_columns, {"table": "source", "family": family.name}) as write:
        for batch in read(family, source, lambda ids: np.ones(len(ids), bool)):
            write(batch.columns)
            count += len(batch.ids)
    return count


def _read_text(family: Family, path: Path, first: int, chosen) -> Iterator[Batch]:
    """The chosen geometries of a file of text, the first of which has the number ``first``; returns how many there are."""
    entries, count = iter(family.entries(read_lines(path))), 0
    while batch := list(islice(entries, BATCH_ROWS)):
        ids = np.arange(first + count, first + count + len(batch))
        count += len(batch)
        kept = np.flatnonzero(chosen(ids))
        batch, rows, given = [batch[k] for k in kept.tolist()], [], []
        for line, text in batch:
            try:
                row, said = family.functions.parse(text)
                rows.append(_in_range(family, row))
            except ValueError as error:
                raise InputError(f"{path}, line {line}", f"{_short(text)} {error}") from None
            given.append(said)
        if rows:
            columns = from_lists(family.geometry_columns, {name: [row[name] for row in rows] for name in rows[0]})
            for row, reason in _wrong(family, columns, given):
                line, text = batch[row]
                raise InputError(f"{path}, line {line}", f"{_short(text)} {reason}")
            yield Batch(ids[kept], columns)
    return count


def _in_range(family: Family, row: dict) -> dict:
    for column in family.geometry_columns:
        limits = np.iinfo(column.type.removeprefix("list<").removesuffix(">"))
        values = row[column.name] if column.type.startswith("list<") else [row[column.name]]
        if values and not limits.min < min(values) <= max(values) <= limits.max:
            raise ValueError(f"has a number beyond ±{limits.max}")
    return row


def _short(text: str) -> str:
    text = " ".join(text.split())
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def _wrong(family: Family, columns: Columns, given: Sequence[dict] = ()) -> Iterator[tuple[int, str]]:
    """Rows that are no geometry of the family, or not what is said of them, each with the reason."""
    for row, reason in enumerate(family.functions.defects(columns)):
        if reason:
            yield row, reason
    rows = np.array([row for row, said in enumerate(given) if said], np.int64)
    for start in range(0, len(rows), _COMPARED):
        part = rows[start : start + _COMPARED]
        features = family.functions.features(take(columns, part))
        for k, row in enumerate(part.tolist()):
            said = {name: sorted(value) if isinstance(value, list) else value for name, value in given[row].items()}
            found = {name: _value(features[name], k) for name in said}
            if found != said:
                yield row, f"says {_but(said, found)}, but has {_but(found, said)}"


def _but(values: dict, others: dict) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items() if value != others[name])


def _value(column: np.ndarray | Ragged, row: int) -> int | list[int]:
    if isinstance(column, Ragged):  # in the order of a basis that may be another one
        return sorted(column.values[column.offsets[row] : column.offsets[row + 1]].tolist())
    return int(column[row])


def _read_parquet(family: Family, path: Path, first: int, chosen) -> Iterator[Batch]:
    """The chosen geometries of a parquet file; arguments as of `_read_text`."""
    names = [column.name for column in family.geometry_columns]
    begin = first
    with _open(path) as file:
        for group in range(file.metadata.num_row_groups):
            end = begin + file.metadata.row_group(group).num_rows
            if any(chosen(np.arange(a, min(a + BATCH_ROWS, end))).any() for a in range(begin, end, BATCH_ROWS)):
                row = begin
                try:
                    for batch in file.iter_batches(BATCH_ROWS, row_groups=[group], columns=names, use_threads=False):
                        ids = np.arange(row, row + len(batch))
                        row += len(batch)
                        kept = np.flatnonzero(chosen(ids))
                        if len(kept):
                            yield _parquet_batch(family, path, first, ids, kept, batch)
                except (pa.ArrowException, OSError) as error:
                    raise InputError(path, f"is damaged near row {row - first} ({error})") from error
            begin = end
        return file.metadata.num_rows


def _parquet_batch(family: Family, path: Path, first: int, ids: np.ndarray, kept: np.ndarray, batch) -> Batch:
    columns = {}
    for column in family.geometry_columns:
        try:
            columns[column.name] = _numbers(batch.column(column.name), column, family.width)
        except ValueError as error:
            where = f"{path}, rows {ids[0] - first} to {ids[-1] - first}"
            raise InputError(where, f"the column {column.name} {error}") from None
    columns = take(columns, kept)
    for row, reason in _wrong(family, columns):
        raise InputError(f"{path}, row {ids[kept[row]] - first}", reason)
    return Batch(ids[kept], columns)


def _numbers(array: pa.Array, column: Column, width: int | None) -> np.ndarray | Ragged:
    """A column of a parquet file as the family has it; lists of lists of ``width`` entries as one list."""
    if array.null_count:
        raise ValueError("has a row without a value")
    offsets = None
    while _is_list(array.type):
        if pa.types.is_fixed_size_list(array.type):
            inner = array.type.list_size * np.arange(len(array) + 1)
        else:
            inner = to_numpy(array.offsets).astype(np.int64)
        if offsets is not None and width and (np.diff(inner) != width).any():
            raise ValueError(f"has an inner list whose length is not {width}")
        inner -= inner[0]
        offsets = inner if offsets is None else inner[offsets]
        array = array.flatten()
        if array.null_count:
            raise ValueError("has a list with an entry without a value")
    values, dtype = to_numpy(array), np.dtype(column.type.removeprefix("list<").removesuffix(">"))
    limits = np.iinfo(dtype)
    if len(values) and not limits.min < values.min() <= values.max() <= limits.max:
        raise ValueError(f"has a number beyond ±{limits.max}")
    values = values.astype(dtype)
    return values if offsets is None else Ragged(values, offsets.astype(np.int32))
