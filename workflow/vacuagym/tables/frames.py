"""Tables as polars frames: rows of one table, or the draws of a run with their geometries and parts, a batch at a time.

Rows are put side by side by their place, not joined by key: features, labels and splits of a run have the same geometries
in the same order, which is checked. So memory holds one batch, however long the run.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa

from vacuagym.errors import InputError
from vacuagym.schema import DATASET, GEOMETRY_ID, PART, PARTS, SAMPLE
from vacuagym.tables.hashing import salted
from vacuagym.tables.shards import AGAIN, read_batches, read_recipe, write_text

BATCH_GEOMETRIES = 3_000  # side by side at a time

_PARTS = pl.Enum(PARTS)


def read_frames(
    path: Path, columns: Sequence[str], rows: int, start: int = 0, stop: int | None = None
) -> Iterator[pl.DataFrame]:
    """Stream rows ``start`` … ``stop`` of a table, exactly ``rows`` at a time but for the last ones.

    Errors are those of `vacuagym.tables.shards.read_batches`.
    """
    held, count = [], 0
    for batch in read_batches(path, columns, start, stop, rows):
        held.append(pl.from_arrow(batch))
        count += len(batch)
        if count >= rows:
            table = pl.concat(held)
            for first in range(0, count - rows + 1, rows):
                yield table.slice(first, rows)
            held, count = [table.slice(count - count % rows)], count % rows
    if count:
        yield pl.concat(held)


class Shard(NamedTuple):
    """Features of some geometries and the labels of their draws."""

    dataset: str
    features: Path
    labels: Path
    start: int  # row of the first geometry in the tables of the splits
    geometries: int
    draws: int  # of each geometry


def shards_of(features: Mapping[str, Sequence[Path]], labels: Mapping[str, Sequence[Path]]) -> list[Shard]:
    """The shards of a run.

    Parameters
    ----------
    features, labels : mapping of str to sequence of Path
        The shards of each dataset, in the order of the run.

    Raises
    ------
    InputError
        A table is damaged, or the labels are not as many as the same number of draws of each geometry.
    """
    shards, start = [], 0
    for dataset, paths in features.items():
        for path, label_path in zip(paths, labels[dataset], strict=True):
            (geometries, _, made), (rows, _, labelled) = read_recipe(path), read_recipe(label_path)
            if not made.get("dataset", dataset) == labelled.get("dataset", dataset) == dataset:
                raise InputError(path, f"or its labels belong to another dataset than {dataset}; {AGAIN}")
            if rows == 0 or rows % geometries:
                raise InputError(label_path, f"has {rows} rows for {geometries} geometries; {AGAIN}")
            shards.append(Shard(dataset, path, label_path, start, geometries, rows // geometries))
            start += geometries
    return shards


def read_geometries(
    shard: Shard,
    feature_columns: Sequence[str],
    splits: Mapping[str, Path] | None = None,
    geometries: int = BATCH_GEOMETRIES,
) -> Iterator[pl.DataFrame]:
    """Stream the geometries of a shard, one row per geometry: geometry_id, columns of the features, part in each split.

    Arguments and errors are those of `read_draws`.
    """
    splits, id_ = splits or {}, GEOMETRY_ID.name
    streams = [read_frames(shard.features, _with([id_], feature_columns), geometries)]
    streams += [
        read_frames(path, [id_, PART.name], geometries, shard.start, shard.start + shard.geometries)
        for path in splits.values()
    ]
    for frame, *others in zip(*streams, strict=True):
        for path, other in zip(splits.values(), others, strict=True):
            _check_order(path, other, frame)
        parts = [other[PART.name].cast(_PARTS).alias(split) for split, other in zip(splits, others, strict=True)]
        yield frame.hstack(parts)


def read_draws(
    shard: Shard,
    feature_columns: Sequence[str],
    label_columns: Sequence[str],
    splits: Mapping[str, Path] | None = None,
    geometries: int = BATCH_GEOMETRIES,
) -> Iterator[pl.DataFrame]:
    """Stream the draws of a shard, one row per draw: keys, columns of the geometry, part in each split, columns of the draw.

    Parameters
    ----------
    feature_columns, label_columns : sequence of str
        What is read besides geometry_id and sample; dataset is known.
    splits : mapping of str to Path, optional
        Tables of the splits; a split's name is the name of the column that holds the part, as a polars Enum of `PARTS`.
    geometries : int
        How many are held at a time.

    Raises
    ------
    InputError
        A table does not have the geometries of the features in their order.
    """
    id_, known = GEOMETRY_ID.name, {DATASET.name}
    feature_columns, label_columns = (
        [name for name in names if name not in known] for names in (feature_columns, label_columns)
    )
    reads = _with([id_, SAMPLE.name], label_columns)
    draws = read_frames(shard.labels, reads, geometries * shard.draws)
    for frame, draw in zip(read_geometries(shard, feature_columns, splits, geometries), draws, strict=True):
        frame = frame[np.repeat(np.arange(len(frame)), shard.draws)]
        _check_order(shard.labels, draw, frame)
        yield frame.select(pl.lit(shard.dataset).alias(DATASET.name), pl.all()).hstack(draw.drop(id_).get_columns())


def _with(keys: list[str], columns: Sequence[str]) -> list[str]:
    return list(dict.fromkeys([*keys, *columns]))


def _check_order(path: Path, frame: pl.DataFrame, expected: pl.DataFrame) -> None:
    if not frame[GEOMETRY_ID.name].equals(expected[GEOMETRY_ID.name]):
        raise InputError(path, f"does not have the geometries of the features in their order; {AGAIN}")


def to_arrow(frame: pl.DataFrame, schema: pa.Schema) -> pa.RecordBatch:
    """The rows of a frame, which has the columns of a schema, in that schema."""
    columns = frame[schema.names].rechunk().to_arrow(compat_level=pl.CompatLevel.oldest()).to_batches()[0].columns
    arrays = [c if c.type == field.type else c.cast(field.type) for c, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def hash_expression(column: pl.Expr, salt: str) -> pl.Expr:
    """`vacuagym.tables.hashing.hash_rows` of one column of integers from 0, as an expression: int64."""
    x = (column.cast(pl.UInt64) ^ pl.lit(int(salted(salt)), pl.UInt64)) + pl.lit(0x9E3779B97F4A7C15, pl.UInt64)
    x = (x ^ (x // 2**30)) * pl.lit(0xBF58476D1CE4E5B9, pl.UInt64)
    x = (x ^ (x // 2**27)) * pl.lit(0x94D049BB133111EB, pl.UInt64)
    return ((x ^ (x // 2**31)) // 2).cast(pl.Int64)


def read_csv(path: Path, types: Mapping[str, pl.DataType], separator: str = ",") -> pl.DataFrame:
    """Read some columns of a text table that the workflow has written.

    Parameters
    ----------
    types : mapping of str to DataType
        The columns to read, with their types; empty strings are read as such.

    Raises
    ------
    InputError
        The file is missing, misses a column, or holds a value of another type.
    """
    try:
        return pl.read_csv(
            path, columns=list(types), schema_overrides=types, separator=separator, empty_string_is_null=False
        )
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or error}); run the workflow first") from error
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0]
        raise InputError(path, f"is no table with the columns {', '.join(types)} ({reason}); {AGAIN}") from error


def collect_tables(paths: Sequence[Path], out: Path) -> None:
    """Put tables with the same columns into one CSV.

    Parameters
    ----------
    paths : sequence of Path
        The tables, in the order of their rows in the CSV.
    out : Path

    Raises
    ------
    InputError
        A table is damaged.
    """
    frames = []
    for path in paths:
        rows, names, _ = read_recipe(path)
        frames += read_frames(path, names, rows)
    write_text(out, [pl.concat(frames).write_csv()])
