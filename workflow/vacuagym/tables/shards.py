"""Parquet shards in and out: only the columns asked for, only the rows asked for, committed atomically."""

import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vacuagym.errors import InputError
from vacuagym.fingerprints import fingerprint_of
from vacuagym.schema import Column
from vacuagym.tables.arrays import Columns, Ragged

BATCH_ROWS = 1_000  # rows held at a time, and rows a row group or a page: memory does not depend on a table's length
HELD_TABLES = 50  # pieces of a block: each takes some 10 kB, however few its rows
AGAIN = "delete it and run again"
_METADATA_KEY = b"vacuagym"

# Every shard holds the SHA-256 of itself, taken with zeros in the place of the digits. The place is in the last entry of
# the footer's metadata; in Thrift's compact protocol 0x18 0x40 announces a text of 64 bytes.
_SEAL_KEY = "vacuagym_sha256"
_SEAL_MARK = _SEAL_KEY.encode() + b"\x18\x40"
_UNSEALED = b"0" * 64


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


def to_numpy(array: pa.Array) -> "np.ndarray | Ragged":
    """An Arrow array without missing values as numpy has it."""
    if pa.types.is_list(array.type):
        offsets = to_numpy(array.offsets)
        return Ragged(to_numpy(array.flatten()), offsets - offsets[0])
    if pa.types.is_string(array.type):
        return np.array(array.to_pylist(), dtype=np.str_)
    dtype, stop = array.type.to_pandas_dtype(), array.offset + len(array)
    if len(array) == 0:
        return np.empty(0, dtype)
    if pa.types.is_boolean(array.type):
        bits = np.frombuffer(array.buffers()[1], np.uint8)
        return np.unpackbits(bits, count=stop, bitorder="little").view(np.bool_)[array.offset :]
    return np.frombuffer(array.buffers()[1], dtype, stop)[array.offset :]


def record_batch(batch: Columns, schema: pa.Schema) -> pa.RecordBatch:
    """A batch as Arrow has it; ValueError if it does not have exactly the columns of the schema."""
    if set(batch) != set(schema.names):
        raise ValueError(f"columns {sorted(set(batch) ^ set(schema.names))} are not in both the batch and the schema")
    return pa.RecordBatch.from_arrays([_to_arrow(batch[field.name], field.type) for field in schema], schema=schema)


def _open(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 16)
    except (pa.ArrowException, OSError) as error:
        raise InputError(path, f"is not a complete parquet file ({error}); {AGAIN}") from error


def _seal_of(file: BinaryIO) -> tuple[int, bytes, bytes] | None:
    """Where the digits of the seal stand, the digits, and what they should be; None if there is no seal."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - 8, 0))
    tail = file.read()
    footer = int.from_bytes(tail[:4], "little") + 8
    if len(tail) < 8 or tail[4:] != b"PAR1" or footer > size:
        return None
    file.seek(size - footer)
    place = file.read().rfind(_SEAL_MARK)
    if place < 0:
        return None
    place += size - footer + len(_SEAL_MARK)
    file.seek(0)
    digest, left = hashlib.sha256(), place
    while left and (block := file.read(min(left, 1 << 16))):
        digest.update(block)
        left -= len(block)
    found = file.read(len(_UNSEALED))
    digest.update(_UNSEALED)
    while block := file.read(1 << 16):
        digest.update(block)
    return place, found, digest.hexdigest().encode()


def read_recipe(path: Path) -> tuple[int, list[str], dict]:
    """Number of rows, column names and recipe of a table, after checking that the file is whole.

    Raises
    ------
    InputError
        The file is missing or damaged, or was not written by this workflow.
    """
    try:
        with open(path, "rb") as file:
            seal = _seal_of(file)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror}); run again to make it") from error
    if seal is None:
        raise InputError(path, f"is cut short, damaged, or not written by this workflow: it lacks its hash; {AGAIN}")
    _, found, expected = seal
    if found != expected:
        raise InputError(path, f"is damaged: its bytes do not have the sha256 it was written with; {AGAIN}")
    with _open(path) as file:
        return file.metadata.num_rows, file.schema_arrow.names, json.loads(file.schema_arrow.metadata[_METADATA_KEY])


def check_input(path: Path, recipe: dict, reads: Sequence[str] = ()) -> dict:
    """Check that a table is whole and what the recipe of its reader expects; log which columns are read of it.

    Parameters
    ----------
    recipe : dict
        Of the table that is made from this one.
    reads : sequence of str
        Names of the columns that will be read; nothing is logged without.

    Returns
    -------
    dict
        The table's own recipe.

    Raises
    ------
    InputError
        The table is missing or damaged, or belongs to another run.
    """
    _, names, found = read_recipe(path)
    expected = recipe["inputs"].get(found.get("table"))
    if expected is None:
        raise InputError(path, f"is a table of {found.get('table')}, which is no input here; {AGAIN}")
    if fingerprint_of(found) != expected:
        reason = differences(found, recipe, ("model", "seed")) or "it was made with another configuration or code"
        raise InputError(path, f"does not belong to this run: {reason}; {AGAIN}")
    if reads:
        print(f"{path}: reads {len(reads)} of {len(names)} columns: {', '.join(reads)}")
    return found


def differences(found: dict, expected: dict, keys: Sequence[str]) -> str:
    """What two recipes say differently of these keys, where both have them."""
    keys = [key for key in keys if key in found and key in expected and found[key] != expected[key]]
    return ", ".join(f"its {key} is {_short(found[key])}, expected {_short(expected[key])}" for key in keys)


def _short(value: object) -> str:
    text = value[:12] if isinstance(value, str) and len(value) == 64 else json.dumps(value)
    return text if len(text) <= 200 else text[:200] + "…"


def check_rows(path: Path, expected: int, written: int) -> None:
    """Raise a RuntimeError unless as many rows were written as were expected of the table read."""
    if written != expected:
        raise RuntimeError(f"{path}: {expected} rows expected of it, {written} written")


def read_schema(path: Path) -> dict[str, str]:
    """Column names and Arrow types (as text) of a table; reads the footer alone."""
    with _open(path) as file:
        return {field.name: str(field.type) for field in file.schema_arrow}


def read_batches(
    path: Path, columns: Sequence[str], start: int = 0, stop: int | None = None, batch_rows: int = BATCH_ROWS
) -> Iterator[pa.RecordBatch]:
    """Stream rows ``start`` … ``stop`` of a table in batches; nothing but ``columns`` and the row groups hit is read.

    Raises
    ------
    InputError
        The file is damaged, misses a column, or has fewer than ``stop`` rows.
    """
    with _open(path) as file:
        names = file.schema_arrow.names
        missing = [name for name in columns if name not in names]
        if missing:
            raise InputError(path, f"misses the columns {missing}, has {names}; {AGAIN}")
        total = file.metadata.num_rows
        stop = total if stop is None else stop
        if not 0 <= start <= stop <= total:
            raise InputError(path, f"has {total} rows, rows {start} to {stop} are needed; {AGAIN}")
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
                    yield batch.slice(low, high - low)
        except (pa.ArrowException, OSError) as error:
            raise InputError(path, f"is damaged near row {row} ({error}); {AGAIN}") from error


def read_rows(
    path: Path, columns: Sequence[str], start: int = 0, stop: int | None = None, batch_rows: int = BATCH_ROWS
) -> Iterator[Columns]:
    """The batches of `read_batches` as numpy arrays, for compiled code."""
    for batch in read_batches(path, columns, start, stop, batch_rows):
        yield {name: to_numpy(batch.column(name)) for name in columns}


@contextmanager
def new_shard(
    path: Path, columns: Sequence[Column], recipe: dict, group_rows: int = 1
) -> Iterator[Callable[[Columns | pa.RecordBatch], None]]:
    """Write a table batch by batch; it appears under its name complete and durable, or not at all.

    Yields a function that takes one batch: a mapping with exactly the names of ``columns``, or one of `read_scratch`.
    Batches are written as they come, or as soon as there are ``group_rows``: each time a row group, of which memory holds
    some kB until the end.

    Raises
    ------
    InputError : the file cannot be written: no space, no permission.
    """
    schema = arrow_schema(columns, recipe)
    held: list[pa.RecordBatch] = []

    def write(batch: Columns | pa.RecordBatch) -> None:
        held.append(batch if isinstance(batch, pa.RecordBatch) else record_batch(batch, schema))
        if sum(map(len, held)) >= group_rows:
            write_group()

    def write_group() -> None:
        with _disk_errors(path):
            writer.write_table(pa.Table.from_batches(held, schema))
        held.clear()

    with _new_file(path) as file:
        with _disk_errors(path):
            options = {"compression": "zstd", "use_dictionary": _repetitive(schema), "max_rows_per_page": BATCH_ROWS}
            writer = pq.ParquetWriter(file, schema, **options)
        try:
            yield write
            if held:
                write_group()
            with _disk_errors(path):
                writer.add_key_value_metadata({_SEAL_KEY: _UNSEALED.decode()})
                writer.close()
        finally:
            writer.is_open = False  # what failed stays unfinished: no second try when it is collected
        with _disk_errors(path):
            place, _, digits = _seal_of(file)
            file.seek(place)
            file.write(digits)


def _repetitive(schema: pa.Schema) -> list[str]:
    """Parquet's paths of the columns worth a dictionary: not those of real numbers or of ids, which seldom repeat."""
    paths = []
    for field in schema:
        nested = pa.types.is_list(field.type)
        type_ = field.type.value_type if nested else field.type
        if not (pa.types.is_floating(type_) or pa.types.is_int64(type_)):
            paths.append(f"{field.name}.list.element" if nested else field.name)
    return paths


@contextmanager
def new_scratch(path: Path, schema: pa.Schema) -> Iterator[Callable[[pa.RecordBatch], None]]:
    """Write rows into a file for the running job alone, which `read_scratch` gives back in their order.

    Memory holds nothing of what is written, so that any number of such files may be open.

    Yields
    ------
    function
        Takes one batch with the schema.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    with _disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = pa.OSFile(str(path), "wb")
        writer = pa.ipc.new_stream(file, schema)

    def write(batch: pa.RecordBatch) -> None:
        with _disk_errors(path):
            writer.write_batch(batch)

    yield write
    with _disk_errors(path):
        writer.close()
        file.close()


def read_scratch(path: Path) -> Iterator[pa.RecordBatch]:
    """Read a file of `new_scratch`, in the batches that were written."""
    with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as reader:
        yield from reader


def in_blocks(tables: Iterable, rows: int, concatenate: Callable = pa.concat_batches) -> Iterator:
    """The rows of tables, exactly ``rows`` at a time but for the last ones.

    Parameters
    ----------
    tables : iterable
        Record batches, or whatever ``concatenate`` puts together and ``slice`` cuts, as data frames.
    rows : int
    concatenate : callable
        From a list of tables to a table.
    """
    held, count = [], 0
    for table in tables:
        held.append(table)
        count += len(table)
        if count >= rows or len(held) == HELD_TABLES:
            whole = concatenate(held)
            for first in range(0, count - rows + 1, rows):
                yield whole.slice(first, rows)
            held, count = [whole.slice(count - count % rows)], count % rows
    if count:
        yield concatenate(held)


def write_text(path: Path, pieces: Iterable[str]) -> None:
    """Write a text file atomically and durably."""
    with _new_file(path) as file, _disk_errors(path):
        file.writelines(piece.encode() for piece in pieces)


@contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    """A temporary file beside ``path`` that takes its name when all is written, or is deleted."""
    path = Path(path)
    with _disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        for unfinished in path.parent.glob(f".{path.name}.*.tmp"):
            _remove_if_abandoned(unfinished)
        while True:
            temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
            file = open(temporary, "x+b")
            with suppress(OSError):  # a file system without locks
                fcntl.flock(file, fcntl.LOCK_EX)  # tells others that the writer lives
            if temporary.exists():
                break
            file.close()  # another writer took it for that of a dead one before it was locked
    try:
        yield file
        with _disk_errors(path):
            file.flush()
            os.fsync(file.fileno())
            os.replace(temporary, path)
            _sync_folder(path.parent)
    finally:
        with suppress(OSError):  # what could not be written is no more than what an error in flight says already
            file.close()
        temporary.unlink(missing_ok=True)


def temporary_files(folder: Path) -> list[Path]:
    """Unfinished files in a folder whose writers live no more."""
    return [path for path in sorted(folder.glob(".*.tmp")) if not _has_writer(path)]


def _has_writer(temporary: Path) -> bool:
    try:
        with _without_writer(temporary):
            return False
    except OSError:
        return True


def _remove_if_abandoned(temporary: Path) -> None:
    # while it is locked, so that a writer who has just made it finds out when it locks it in turn
    with suppress(OSError), _without_writer(temporary):
        temporary.unlink()


@contextmanager
def _without_writer(temporary: Path) -> Iterator[None]:
    """Hold the lock of an unfinished file; OSError if it has a writer, got its name just now, or locks do not work here."""
    with open(temporary, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = (
            f"cannot be written ({error.strerror or error}); nothing finished is lost: put that right and run again"
        )
        raise InputError(path, reason) from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
