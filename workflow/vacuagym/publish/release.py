"""The release: the tables of a run in the form in which they are published, and the texts that describe them.

Layout. A row is one draw: the geometry's features, its part in every split, the couplings and the label. Rows are divided
among files by the *tuple* of their parts. So each part of each split is a set of whole files: any split of any dataset is
a list of file patterns, and no row is stored twice.
"""

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa

from vacuagym.benchmark.splits import SPLITS
from vacuagym.errors import InputError
from vacuagym.fingerprints import file_sha256
from vacuagym.job import progress
from vacuagym.publish import cards, dictionary
from vacuagym.schema import FEATURE, KEY, PART, PARTS, Column
from vacuagym.tables import frames
from vacuagym.tables.frames import read_draws, read_run, to_arrow
from vacuagym.tables.shards import (
    arrow_schema,
    in_blocks,
    new_scratch,
    new_shard,
    read_schema,
    read_scratch,
    write_text,
)

BATCH_GEOMETRIES = 200  # whose draws are sorted at a time
GROUP_BYTES = 500_000  # of a row group: rows differ much in length
FILE_GROUPS = 20  # row groups per file: what it says of one takes some 70 kB of memory until it is closed


class Shard(NamedTuple):
    """One file of the release."""

    path: str  # relative to the release
    dataset: str
    parts: tuple[str, ...]  # part in each split, in the order of the splits
    rows: int
    bytes: int
    sha256: str


def columns_of(dictionary: Mapping[str, Sequence[Column]], dataset: str, splits: Sequence[str]) -> list[Column]:
    """Columns of a dataset in the release: features, parts, then what the labels add, as the run's dictionary has them.

    Raises
    ------
    ValueError
        A column of the labels has the name of a feature and is not that feature.
    """
    features, labels = dictionary[f"features/{dataset}"], dictionary[f"labels/{dataset}"]
    known = {column.name for column in features}
    clash = [column.name for column in labels if column.name in known and column.role not in (KEY, FEATURE)]
    if clash:
        raise ValueError(f"features and labels of {dataset} both have a column {', '.join(clash)}: rename one of them")
    meaning = "Part of the geometry in the split {}: {}."
    parts = [PART._replace(name=split, meaning=meaning.format(split, ", ".join(PARTS))) for split in splits]
    return [*features, *parts, *(column for column in labels if column.name not in known)]


def common_columns(columns: Mapping[str, Sequence[Column]]) -> list[str]:
    """Names of the columns that every dataset has, with the same type, in the order of the first dataset."""
    first, *others = columns.values()
    shared = [{(column.name, column.type) for column in other} for other in others]
    return [column.name for column in first if all((column.name, column.type) in other for other in shared)]


def build_release(files: Mapping[str, Path | Sequence[Path]], out: Path) -> None:
    """Write the release into a folder, which is emptied first.

    Parameters
    ----------
    files : mapping of str to Path or sequence of Path
        The run's features, labels and splits, see `read_run`; its data dictionary, manifest and validation.
    out : Path
        The folder.

    Raises
    ------
    InputError
        A table is damaged, or does not have the geometries of the features in their order; no split has rows in each of
        its parts.
    """
    run, described = read_run(files), dictionary.read_dictionary(files["dictionary"])
    splits, columns = list(run.splits), {name: columns_of(described, name, run.splits) for name in run.by_dataset()}
    shutil.rmtree(out, ignore_errors=True)
    shards = []
    for dataset, sources in run.by_dataset().items():
        for parts in _scatter(out, columns[dataset], sources, run.splits):
            shards += _write_files(out, dataset, columns[dataset], splits, parts)
    manifest, checks = (json.loads(files[name].read_text(encoding="utf-8")) for name in ("manifest", "validation"))
    write_text(out / dictionary.FILE, [_dictionary_text(columns)])
    configs = _configs(splits, columns, shards)
    if not configs:
        raise InputError("release", "has no split all of whose parts have rows; a release needs more geometries")
    for name, text in cards.texts(manifest, checks, columns, configs, shards, splits).items():
        write_text(out / name, [text])
    shutil.copyfile(files["validation"], out / "validation.json")
    print(f"{len(shards)} files, {sum(shard.rows for shard in shards):,} rows, {len(configs)} configurations")


def _scatter(
    out: Path, columns: Sequence[Column], sources: Sequence[frames.Shard], splits: Mapping[str, Path]
) -> list[tuple[str, ...]]:
    """Sort the draws of one dataset into scratch files by their parts; the tuples of parts there are, sorted."""
    writers, schema = {}, arrow_schema(columns, {})
    of_geometry = [name for name in read_schema(sources[0].features) if name in schema.names]
    of_draw = [name for name in schema.names if name not in of_geometry and name not in splits]
    advance = progress(sum(source.geometries for source in sources), f"geometries of {sources[0].dataset}")
    with ExitStack() as open_files:
        for source in sources:
            for draws in read_draws(source, of_geometry, of_draw, splits, BATCH_GEOMETRIES):
                draws, start = draws.sort(*splits, maintain_order=True), 0
                rows = to_arrow(draws, schema)
                for *parts, count in draws.group_by(*splits, maintain_order=True).len().iter_rows():
                    if (parts := tuple(parts)) not in writers:
                        scratch = new_scratch(_scratch(out, source.dataset, parts), schema)
                        writers[parts] = open_files.enter_context(scratch)
                    writers[parts](rows[start : start + count])
                    start += count
                advance(len(draws) // source.draws)
    return sorted(writers)


def _write_files(
    out: Path, dataset: str, columns: Sequence[Column], splits: Sequence[str], parts: tuple[str, ...]
) -> Iterator[Shard]:
    """Turn the scratch file of some parts into files of full row groups, whose bytes do not depend on the run's shards.

    Memory holds one group and what a file says of its groups.
    """
    scratch = _scratch(out, dataset, parts)
    groups = _groups(read_scratch(scratch))
    recipe = {"table": f"release/{dataset}", "parts": dict(zip(splits, parts, strict=True))}
    for number, first in enumerate(groups):
        name, rows = f"{_stem(dataset, parts)}-{number:05d}.parquet", 0
        with new_shard(out / name, columns, recipe) as write:
            for group in chain([first], islice(groups, FILE_GROUPS - 1)):
                write(group)
                rows += len(group)
        yield Shard(name, dataset, parts, rows, (out / name).stat().st_size, file_sha256(out / name))
    scratch.unlink()


def _groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The rows in groups that end with the row that fills `GROUP_BYTES`, wherever batches end."""
    rest: list[pa.RecordBatch] = []
    for block in in_blocks(batches, BATCH_GEOMETRIES):
        rows = pa.concat_batches([*rest, block])
        ends, start = np.cumsum(_row_bytes(rows)), 0
        while (stop := int(np.searchsorted(ends, GROUP_BYTES)) + 1) <= len(rows):
            yield rows.slice(start, stop - start)
            ends, start = ends - ends[stop - 1], stop
        rest = [rows.slice(start)]
    yield from (rows for rows in rest if len(rows))


def _row_bytes(rows: pa.RecordBatch) -> np.ndarray:
    """Bytes of the values of each row."""
    fixed, total = 0, np.zeros(len(rows), dtype=np.int64)
    for array in rows.columns:
        type_ = array.type
        if pa.types.is_list(type_) or pa.types.is_string(type_):
            width = type_.value_type.bit_width // 8 if pa.types.is_list(type_) else 1
            offsets = np.frombuffer(array.buffers()[1], np.int32)[array.offset :][: len(array) + 1]
            total += width * np.diff(offsets)
        else:
            fixed += -(-type_.bit_width // 8)
    return total + fixed


def _stem(dataset: str, parts: Sequence[str]) -> str:
    return f"data/{dataset}/{'-'.join(parts)}"


def _scratch(out: Path, dataset: str, parts: Sequence[str]) -> Path:
    return out / f"{_stem(dataset, parts)}.scratch"


def _configs(splits: Sequence[str], columns: Mapping[str, Sequence[Column]], shards: Sequence[Shard]) -> list[dict]:
    """What `datasets` may load by name: each split of all datasets together (the columns they share), and of each alone.

    A configuration with a part that no row belongs to is left out.
    """
    common = common_columns(columns)
    wanted = [(split, split, list(columns), common) for split in splits]
    wanted += [
        (f"{dataset}-{split}", split, [dataset], None)
        for dataset in columns
        for split in splits
        if SPLITS[split].holds_out is None
    ]
    configs = []
    for name, split, datasets, only in wanted:
        k = splits.index(split)
        there = {(shard.dataset, shard.parts[k]) for shard in shards}
        files = {}
        for part in PARTS:
            pattern = [part if i == k else "*" for i in range(len(splits))]
            files[part] = [f"{_stem(d, pattern)}-*.parquet" for d in datasets if (d, part) in there]
        if all(files.values()):
            configs.append({"name": name, "split": split, "datasets": datasets, "columns": only, "files": files})
        else:
            print(f"no configuration {name}: {', '.join(part for part in files if not files[part])} has no rows")
    return configs


def _dictionary_text(columns: Mapping[str, Sequence[Column]]) -> str:
    rows = [(dataset, *column) for dataset, described in columns.items() for column in described]
    table = pl.DataFrame(rows, ["dataset", "column", *Column._fields[1:]], orient="row")
    return table.with_columns(pl.col("source").replace("", None)).write_csv()  # an empty field, not an empty text
