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
from vacuagym.tables.shards import AGAIN, check_input, in_blocks, read_batches, read_recipe, write_text

BATCH_GEOMETRIES = 3_000  # side by side at a time

_PARTS = pl.Enum(PARTS)


def read_frames(
    path: Path, columns: Sequence[str], rows: int, start: int = 0, stop: int | None = None
) -> Iterator[pl.DataFrame]:
    """Stream rows ``start`` … ``stop`` of a table, exactly ``rows`` at a time but for the last ones.

    Errors are those of `vacuagym.tables.shards.read_batches`.
    """
    return in_blocks(map(pl.from_arrow, read_batches(path, columns, start, stop, rows)), rows, pl.concat)


class Shard(NamedTuple):
    """Features of some geometries and the labels of their draws."""

    dataset: str
    family: str  # name of the dataset's family
    features: Path
    labels: Path
    start: int  # row of the first geometry in the tables of the splits
    geometries: int
    draws: int  # of each geometry


class Run(NamedTuple):
    """The tables of a run that stand side by side: the same geometries in the same order."""

    shards: list[Shard]
    splits: dict[str, Path]  # the table of each split

    def by_dataset(self) -> dict[str, list[Shard]]:
        """The shards of each dataset."""
        datasets = dict.fromkeys(shard.dataset for shard in self.shards)
        return {name: [shard for shard in self.shards if shard.dataset == name] for name in datasets}


def read_run(tables: Mapping[str, Sequence[Path]], recipe: dict | None = None) -> Run:
    """Look at the tables of a run.

    Parameters
    ----------
    tables : mapping of str to sequence of Path
        The files of features and labels, in the order of the run, each in a folder with the name of its dataset; of splits.
    recipe : dict, optional
        Of the table that is made from these; each of them must be what it expects.

    Raises
    ------
    InputError
        A table is damaged or of another run, or the labels are not as many as the same number of draws of each geometry.
    """
    features, labels, splits = (tables[name] for name in ("features", "labels", "splits"))
    for path in (*features, *labels, *splits) if recipe else ():
        check_input(path, recipe)
    shards, start = [], 0
    for path, label_path in zip(features, labels, strict=True):
        (geometries, _, made), (rows, _, labelled) = read_recipe(path), read_recipe(label_path)
        dataset = path.parent.name
        if not made.get("dataset", dataset) == labelled.get("dataset", dataset) == dataset:
            raise InputError(path, f"or its labels belong to another dataset than {dataset}; {AGAIN}")
        if rows == 0 or rows % geometries:
            raise InputError(label_path, f"has {rows} rows for {geometries} geometries; {AGAIN}")
        family = made.get("family", dataset)
        shards.append(Shard(dataset, family, path, label_path, start, geometries, rows // geometries))
        start += geometries
    return Run(shards, {path.stem: path for path in splits})


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
    rows = geometries, shard.start, shard.start + shard.geometries
    of_parts = [read_frames(path, [id_, PART.name], *rows) for path in splits.values()]
    of_features = read_frames(shard.features, _with_keys([id_], feature_columns), geometries)
    for frame, *others in zip(of_features, *of_parts, strict=True):
        for (split, path), other in zip(splits.items(), others, strict=True):
            _check_order(path, other, frame)
            frame = frame.with_columns(other[PART.name].cast(_PARTS).alias(split))
        yield frame


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
    reads = _with_keys([GEOMETRY_ID.name, SAMPLE.name], label_columns)
    draws = read_frames(shard.labels, reads, geometries * shard.draws)
    for frame, draw in zip(read_geometries(shard, feature_columns, splits, geometries), draws, strict=True):
        frame = frame[np.repeat(np.arange(len(frame)), shard.draws)]
        _check_order(shard.labels, draw, frame)
        dataset = pl.lit(shard.dataset).alias(DATASET.name)
        yield frame.select(dataset, pl.all()).hstack(draw.drop(GEOMETRY_ID.name).get_columns())


def _with_keys(keys: list[str], columns: Sequence[str]) -> list[str]:
    return [name for name in dict.fromkeys([*keys, *columns]) if name != DATASET.name]


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
        frames += read_frames(path, names, rows) if rows else [pl.DataFrame(schema=names)]
    write_text(out, [pl.concat([frame for frame in frames if len(frame)] or frames[:1]).write_csv()])
