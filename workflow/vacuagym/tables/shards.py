"""Parquet shards in and out: only the columns asked for, only the rows asked for, committed atomically."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vacuagym.errors import InputError
from vacuagym.tables.columns import Column, Columns, Ragged

BATCH_ROWS = 1_000  # rows held at a time, and rows a row group: memory does not depend on a table's length
_METADATA_KEY = b"vacuagym"


def arrow_schema(columns: Sequence[Column], metadata: dict) -> pa.Schema:
    """Arrow schema of a table, with ``metadata`` (JSON) and each column's meaning and unit."""
    fields = [
        pa.field(column.name, _arrow_type(column.type), nullable=False, metadata={"meaning": column.meaning})
        for column in columns
    ]
    return pa.schema(fields, {_METADATA_KEY: json.dumps(metadata, sort_keys=True)})


def _arrow_type(text: str) -> pa.DataType:
    if text.startswith("list<"):
        return pa.list_(pa.field("item", _arrow_type(text[5:-1]), nullable=False))
    return pa.type_for_alias(text)


# Arrow's own conversions import pandas wherever it is installed, which costs a job some 50 MB: these go by the buffers.


def _to_arrow(column, type_: pa.DataType) -> pa.Array:
    if isinstance(column, Ragged):
        values = _to_arrow(column.values, type_.value_type)
        return pa.ListArray.from_arrays(_to_arrow(column.offsets, pa.int32()), values, type=type_)
    if pa.types.is_string(type_):
        encoded = [text.encode() for text in column.tolist()]
        offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
        return pa.StringArray.from_buffers(len(encoded), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded)))
    values = column.astype(type_.to_pandas_dtype(), order="C", casting="safe", copy=False)
    bits = np.packbits(values, bitorder="little") if pa.types.is_boolean(type_) else values
    return pa.Array.from_buffers(type_, len(values), [None, pa.py_buffer(bits)])


def _to_numpy(array: pa.Array):
    if pa.types.is_list(array.type):
        offsets = _to_numpy(array.offsets)
        return Ragged(_to_numpy(array.flatten()), offsets - offsets[0])
    if pa.types.is_string(array.type):
        return np.array(array.to_pylist(), dtype=np.str_)
    dtype, stop = array.type.to_pandas_dtype(), array.offset + len(array)
    if len(array) == 0:
        return np.empty(0, dtype)
    if pa.types.is_boolean(array.type):
        bits = np.frombuffer(array.buffers()[1], np.uint8)
        return np.unpackbits(bits, count=stop, bitorder="little").view(np.bool_)[array.offset :]
    return np.frombuffer(array.buffers()[1], dtype, stop)[array.offset :]


def _open(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 16)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(path, f"is not a complete parquet file ({error}); delete it and run again") from error


def read_metadata(path: Path) -> tuple[int, list[str], dict]:
    """Number of rows, column names and the metadata written by ``new_shard``; reads the footer alone."""
    with _open(path) as file:
        metadata = file.schema_arrow.metadata or {}
        if _METADATA_KEY not in metadata:
            raise InputError(
                path, "was not written by this workflow (its metadata is missing); delete it and run again"
            )
        return file.metadata.num_rows, file.schema_arrow.names, json.loads(metadata[_METADATA_KEY])


def read_schema(path: Path) -> dict[str, str]:
    """Column names and Arrow types (as text) of a table; reads the footer alone."""
    with _open(path) as file:
        return {field.name: str(field.type) for field in file.schema_arrow}


def read_rows(
    path: Path, columns: Sequence[str], start: int = 0, stop: int | None = None, batch_rows: int = BATCH_ROWS
) -> Iterator[Columns]:
    """Stream rows ``start`` … ``stop`` of a table in batches; nothing but ``columns`` and the row groups hit is read.

    Raises
    ------
    InputError : the file is damaged, misses a column, or has fewer than ``stop`` rows.
    """
    with _open(path) as file:
        names = file.schema_arrow.names
        missing = [name for name in columns if name not in names]
        if missing:
            raise InputError(path, f"misses the columns {missing}, has {names}; delete it and run again")
        total = file.metadata.num_rows
        stop = total if stop is None else stop
        if not 0 <= start <= stop <= total:
            raise InputError(path, f"has {total} rows, rows {start} to {stop} are needed; delete it and run again")
        first, groups, begin = None, [], 0
        for group in range(file.metadata.num_row_groups):
            end = begin + file.metadata.row_group(group).num_rows
            if begin < stop and end > start:
                first = begin if first is None else first
                groups.append(group)
            begin = end
        row = 0 if first is None else first
        try:
            for batch in file.iter_batches(batch_rows, row_groups=groups, columns=list(columns), use_threads=False):
                low, high = max(start - row, 0), min(stop - row, batch.num_rows)
                row += batch.num_rows
                if low < high:
                    kept = batch.slice(low, high - low)
                    yield {name: _to_numpy(kept.column(name)) for name in columns}
        except (pa.ArrowInvalid, OSError) as error:
            raise InputError(path, f"is damaged near row {row} ({error}); delete it and run again") from error


@contextmanager
def new_shard(path: Path, columns: Sequence[Column], metadata: dict) -> Iterator[Callable[[Columns], None]]:
    """Write a table batch by batch; it appears under its name complete and durable, or not at all.

    Yields a function that takes one batch (a mapping with exactly the names of ``columns``) and writes it as a row group.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    schema = arrow_schema(columns, metadata)

    def write(batch: Columns) -> None:
        if set(batch) != set(schema.names):
            raise ValueError(
                f"columns {sorted(set(batch) ^ set(schema.names))} are not in both the batch and the schema"
            )
        arrays = [_to_arrow(batch[field.name], field.type) for field in schema]
        writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))

    try:
        with open(temporary, "wb") as file:
            with pq.ParquetWriter(file, schema, compression="zstd") as writer:
                yield write
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a small text file atomically and durably."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
