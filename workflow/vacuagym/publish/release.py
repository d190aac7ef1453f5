"""The release: the tables of a run in the form in which they are published, and the texts that describe them.

Layout. `features` has one row per geometry, `labels` one row per draw with what a learner may see and what it predicts,
`outcomes` the other columns of a draw, which no learner may see. Rows are divided among files by the *tuple* of their parts
in the splits. So each part of each split is a set of whole files: any split of any task is a list of file patterns, and no
row is stored twice.
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

from vacuagym.benchmark.folders import DICTIONARY, EDITION, INPUTS, open_folder
from vacuagym.benchmark.loading import LoadedTask, datasets_of, load_task
from vacuagym.benchmark.scored import SCORED, is_scored
from vacuagym.benchmark.splits import SPLITS
from vacuagym.benchmark.tasks import TASKS
from vacuagym.benchmark.tasks.base import DRAW, GEOMETRY, Task
from vacuagym.fingerprints import file_sha256
from vacuagym.geometry import is_own
from vacuagym.job import progress
from vacuagym.publish import cards, dictionary
from vacuagym.publish.checksums import write_checksums
from vacuagym.schema import COUPLING, DRAW_KEYS, FEATURE, GEOMETRY_KEYS, KEY, Column, names_of
from vacuagym.tables import frames
from vacuagym.tables.frames import read_draws, read_geometries, read_run, to_arrow
from vacuagym.tables.shards import (
    arrow_schema,
    in_blocks,
    new_scratch,
    new_shard,
    read_schema,
    read_scratch,
    write_text,
)

JOINS = Path(__file__).with_name("joins")  # by family: the numbers that its published list gives to geometries
BATCH_GEOMETRIES = 200  # whose draws are sorted at a time
GROUP_BYTES = 500_000  # of a row group: rows differ much in length
FILE_GROUPS = 20  # row groups per file: what it says of one takes some 70 kB of memory until it is closed


class Shard(NamedTuple):
    """One file of the release."""

    path: str  # relative to the release
    table: str
    dataset: str
    parts: tuple[str, ...]  # part in each split, in the order of the splits
    rows: int
    bytes: int
    sha256: str


class Table(NamedTuple):
    """A table of the release, of one dataset."""

    name: str  # features, labels or outcomes
    row: str  # GEOMETRY or DRAW
    columns: list[Column]
    computed: dict[str, pl.Expr]  # those that are columns neither of the run's features nor of its labels


def tables_of(dictionary: Mapping[str, Sequence[Column]], dataset: str, family: str) -> list[Table]:
    """The tables of a dataset of a family in the release, of columns that the run's dictionary describes.

    Raises
    ------
    ValueError
        A column of the labels has the name of a feature and is not that feature.
    """
    features, labels = dictionary[f"features/{dataset}"], dictionary[f"labels/{dataset}"]
    known = names_of(features)
    clash = [column.name for column in labels if column.name in known and column.role not in (KEY, FEATURE)]
    if clash:
        raise ValueError(f"features and labels of {dataset} both have a column {', '.join(clash)}: rename one of them")
    there = [*features, *(column for column in labels if column.name not in known)]
    adds = {GEOMETRY: {}, DRAW: {}}
    for task in TASKS.values():
        if task.applies(family, there):
            adds[task.row] |= {column: task.target_columns[column.name] for column in task.adds}
    adds[DRAW] |= {SCORED: is_scored(names_of(labels))}
    numbers = [column for column in features if column.role == FEATURE and not column.type.startswith("list")]
    group = [column for column in features if column.role == KEY and column.name not in names_of(GEOMETRY_KEYS)]
    seen = [
        *DRAW_KEYS,
        *group,
        *numbers,
        *(column for column in labels if column.role == COUPLING or column.name == "stability"),
    ]
    rest = [column for column in labels if column.name not in names_of(seen)]
    return [
        Table("features", GEOMETRY, [*features, *adds[GEOMETRY]], _by_name(adds[GEOMETRY])),
        Table("labels", DRAW, [*seen, *adds[DRAW]], _by_name(adds[DRAW])),
        Table("outcomes", DRAW, [*DRAW_KEYS, *rest], {}),
    ]


def _by_name(columns: Mapping[Column, pl.Expr]) -> dict[str, pl.Expr]:
    return {column.name: value for column, value in columns.items()}


def build_release(files: Mapping[str, Path | Sequence[Path]], out: Path) -> None:
    """Write the release into a folder, which is emptied first.

    Parameters
    ----------
    files : mapping of str to Path or sequence of Path
        The run's features, labels and splits, see `read_run`; its data dictionary, edition, manifest and validation.
    out : Path
        The folder.

    Raises
    ------
    InputError
        A table is damaged, or does not have the geometries of the features in their order.
    """
    run, described = read_run(files), dictionary.read_dictionary(files["dictionary"])
    tables = {name: tables_of(described, name, shards[0].family) for name, shards in run.by_dataset().items()}
    shutil.rmtree(out, ignore_errors=True)
    shards = []
    for dataset, sources in run.by_dataset().items():
        for table in tables[dataset]:
            for parts in _scatter(out, dataset, table, sources, run.splits):
                shards += _write_files(out, sources[0], table, list(run.splits), parts)
    for folder, paths in (
        ("splits", files["splits"]),
        ("protocols", files.get("protocols", ())),
        ("joins", _joins(run)),
    ):
        for path in paths:
            _copy(path, out / folder / path.name)
    _copy(files["edition"], out / EDITION)
    _copy(files["validation"], out / "validation.json")
    write_text(out / DICTIONARY, [_dictionary_text(tables)])
    configs = _configs(out, list(run.splits), tables, shards)
    manifest, checks = (json.loads(files[name].read_text(encoding="utf-8")) for name in ("manifest", "validation"))
    texts = cards.texts(manifest, checks, tables, configs, shards, list(run.splits))
    for name, text in (texts | {INPUTS: _inputs_text(out)}).items():
        write_text(out / name, [text])
    write_checksums(out, {shard.path: shard.sha256 for shard in shards})
    print(f"{len(shards)} files, {sum(shard.rows for shard in shards):,} rows, {len(configs)} configurations")


def _joins(run: frames.Run) -> list[Path]:
    """The files of published numbers. A dataset of the user's own has none: it numbers its geometries otherwise."""
    families = [
        shards[0].family for dataset, shards in run.by_dataset().items() if not is_own(dataset, shards[0].family)
    ]
    return [path for family in families if (path := JOINS / f"{family}.csv").is_file()]


def _copy(source: Path, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, out)


def _scatter(
    out: Path, dataset: str, table: Table, sources: Sequence[frames.Shard], splits: Mapping[str, Path]
) -> list[tuple[str, ...]]:
    """Sort the rows of one table into scratch files by their parts; the tuples of parts there are, sorted."""
    writers, schema = {}, arrow_schema(table.columns, {})
    advance = progress(sum(source.geometries for source in sources), f"geometries of {dataset}, {table.name}")
    with ExitStack() as open_files:
        for source in sources:
            for frame in _rows(source, table, splits):
                frame, start = frame.sort(*splits, maintain_order=True), 0
                rows = to_arrow(frame, schema)
                for *parts, count in frame.group_by(*splits, maintain_order=True).len().iter_rows():
                    if (parts := tuple(parts)) not in writers:
                        scratch = new_scratch(out / f"{_stem(table.name, dataset, parts)}.scratch", schema)
                        writers[parts] = open_files.enter_context(scratch)
                    writers[parts](rows[start : start + count])
                    start += count
                advance(len(frame) if table.row == GEOMETRY else len(frame) // source.draws)
    return sorted(writers)


def _rows(source: frames.Shard, table: Table, splits: Mapping[str, Path]) -> Iterator[pl.DataFrame]:
    """Stream the rows of a table with what is computed, and the part in each split."""
    needed = [column.name for column in table.columns if column.name not in table.computed]
    needed += [name for value in table.computed.values() for name in value.meta.root_names()]
    if table.row == GEOMETRY:
        found = read_geometries(source, needed, splits, BATCH_GEOMETRIES)
        found = (frame.with_columns(pl.lit(source.dataset).alias("dataset")) for frame in found)
    else:
        of_features, of_labels = read_schema(source.features), read_schema(source.labels)
        drawn = [name for name in needed if name in of_labels]
        of_geometry = [name for name in needed if name in of_features and name not in of_labels]
        found = read_draws(source, of_geometry, drawn, splits, BATCH_GEOMETRIES)
    for frame in found:
        yield frame.with_columns(**table.computed)


def _write_files(
    out: Path, source: frames.Shard, table: Table, splits: Sequence[str], parts: tuple[str, ...]
) -> Iterator[Shard]:
    """Turn the scratch file of some parts into files of full row groups, whose bytes do not depend on the run's shards.

    Memory holds one group and what a file says of its groups.
    """
    dataset, stem = source.dataset, _stem(table.name, source.dataset, parts)
    scratch = out / f"{stem}.scratch"
    groups = _groups(read_scratch(scratch))
    recipe = {"table": f"release/{table.name}/{dataset}", "dataset": dataset, "family": source.family}
    recipe["parts"] = dict(zip(splits, parts, strict=True))
    for number, first in enumerate(groups):
        name, rows = f"{stem}-{number:05d}.parquet", 0
        with new_shard(out / name, table.columns, recipe) as write:
            for group in chain([first], islice(groups, FILE_GROUPS - 1)):
                write(group)
                rows += len(group)
        yield Shard(name, table.name, dataset, parts, rows, (out / name).stat().st_size, file_sha256(out / name))
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


def _stem(table: str, dataset: str, parts: Sequence[str]) -> str:
    return f"{table}/{dataset}/{'-'.join(parts)}"


class Config(NamedTuple):
    """What `datasets` loads by one name: some columns of one table, divided by one split."""

    name: str
    split: str
    table: str
    datasets: list[str]
    columns: list[str]
    files: dict[str, list[str]]  # part -> file patterns


def _configs(
    out: Path, splits: Sequence[str], tables: Mapping[str, Sequence[Table]], shards: Sequence[Shard]
) -> list[Config]:
    """The configurations: every task with its split, what belongs to draws apart, the lists of geometries.

    Those that hold outcomes say so in their names. A configuration with a part that no row belongs to is left out.
    """
    wanted = []
    for split in splits:
        for task in TASKS.values():
            wanted += _of_task(task, split, out)
        if SPLITS[split].holds_out is None:
            for dataset, (*_, outcomes) in tables.items():
                wanted.append((f"{dataset}-{split}-outcomes", split, "outcomes", [dataset], names_of(outcomes.columns)))
    configs = []
    for name, split, table, datasets, columns in wanted:
        files = _files(splits, split, table, datasets, shards)
        if all(files.values()):
            configs.append(Config(name, split, table, datasets, columns, files))
        else:
            print(f"no configuration {name}: {', '.join(part for part in files if not files[part])} has no rows")
    return configs


def _of_task(task: Task, split: str, out: Path) -> Iterator[tuple[str, str, str, list[str], list[str]]]:
    """The configurations of a task: of all its datasets together, and of each alone, with the lists of its geometries."""
    known, held_out = datasets_of(task, open_folder(out)), SPLITS[split].holds_out
    if held_out is None or {held_out} < set(known):
        stem = "" if task is next(iter(TASKS.values())) else f"{task.name}-"
        table = "labels" if task.row == DRAW else "features"
        if len(known) > 1:
            yield f"{stem}{split}", split, table, known, _columns(load_task(task.name, None, split, out))
        for dataset in known if held_out is None else ():
            loaded = load_task(task.name, dataset, split, out)
            name = f"{stem}{split}" if task.families else f"{stem}{dataset}-{split}"
            yield name, split, table, [dataset], _columns(loaded)
            if loaded.geometry_lists and not stem:
                lists = [*names_of(GEOMETRY_KEYS), *loaded.geometry_lists]
                yield f"{dataset}-{split}-geometries", split, "features", [dataset], lists


def _columns(loaded: LoadedTask) -> list[str]:
    """The columns of a configuration: keys, inputs, targets, and which rows take part."""
    takes_part = loaded.task.is_scored(names_of(loaded.folder.columns[loaded.datasets[0]]))
    scored = [name for name in takes_part.meta.root_names() if name == SCORED.name]
    return list(dict.fromkeys([*loaded.keys, *loaded.inputs, *loaded.draw_lists, *loaded.targets, *scored]))


def _files(
    splits: Sequence[str], split: str, table: str, datasets: Sequence[str], shards: Sequence[Shard]
) -> dict[str, list[str]]:
    """The files of each part of a split, as patterns."""
    k = splits.index(split)
    there = {(shard.dataset, shard.parts[k]) for shard in shards if shard.table == table}
    files = {}
    for part in SPLITS[split].parts:
        pattern = [part if i == k else "*" for i in range(len(splits))]
        files[part] = [f"{_stem(table, d, pattern)}-*.parquet" for d in datasets if (d, part) in there]
    return files


def _inputs_text(out: Path) -> str:
    """What a learner may see in each task, as JSON: by task and dataset, the columns of rows and of geometries."""
    found = {}
    folder = open_folder(out)
    for task in TASKS.values():
        for dataset in datasets_of(task, folder):
            loaded = load_task(task.name, dataset, folder.splits()[0], out)
            found.setdefault(task.name, {})[dataset] = {
                "row": task.row,
                "keys": loaded.keys,
                "inputs": loaded.inputs,
                "draw_lists": loaded.draw_lists,
                "geometry_lists": loaded.geometry_lists,
                "targets": loaded.targets,
            }
    return json.dumps(found, indent=1) + "\n"


def _dictionary_text(tables: Mapping[str, Sequence[Table]]) -> str:
    rows = [
        (f"{table.name}/{dataset}", *column)
        for dataset, some in tables.items()
        for table in some
        for column in table.columns
    ]
    return dictionary.as_csv(rows)
