"""The release: the tables of a run in the form in which they are published, and the texts that describe them.

Layout. A row is a draw: the geometry's features, the couplings, the label, and the geometry's part in every split. Rows
are divided among files by the *tuple* of their parts, so that each part of each split is a set of whole files: any
split of any dataset is a list of file patterns, and no row is stored twice.
"""

import csv
import io
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vacuagym import cards
from vacuagym.errors import InputError
from vacuagym.process import progress
from vacuagym.provenance import file_sha256
from vacuagym.splits import PARTS
from vacuagym.tables.columns import Column, Columns, n_rows, next_rows, take
from vacuagym.tables.shards import (
    arrow_schema,
    new_scratch,
    new_shard,
    read_metadata,
    read_rows,
    read_scratch,
    record_batch,
    write_text,
)

BATCH_GEOMETRIES = 100  # geometries joined at a time
GROUP_BYTES = 500_000  # of a row group: rows differ much in length
FILE_GROUPS = 20  # row groups a file: what it says of one takes some 70 kB of memory until it is closed
DICTIONARY = "data_dictionary.csv"
_KEYS = ("dataset", "geometry_id")


class Shard(NamedTuple):
    """One file of the release."""

    path: str  # relative to the release
    dataset: str
    parts: tuple[str, ...]  # part in each split, in the order of the splits
    rows: int
    bytes: int
    sha256: str


def read_dictionary(path: Path) -> dict[str, list[Column]]:
    """The data dictionary of a run: table -> its columns."""
    tables: dict[str, list[Column]] = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            tables.setdefault(row.pop("table"), []).append(Column(row.pop("column"), **row))
    return tables


def inputs_of(dictionary: Mapping[str, Sequence[Column]], dataset: str) -> list[str]:
    """Names of the columns of a dataset that its label may be predicted from: features and couplings."""
    columns = dictionary[f"features/{dataset}"] + dictionary[f"labels/{dataset}"]
    return list(dict.fromkeys(column.name for column in columns if column.role in ("feature", "coupling")))


def columns_of(dictionary: Mapping[str, Sequence[Column]], dataset: str, splits: Sequence[str]) -> list[Column]:
    """Columns of a dataset in the release: features, parts, then what the labels add, as the run's dictionary has them.

    Raises
    ------
    ValueError : a column of the labels has the name of a feature and is not that feature.
    """
    features, labels = dictionary[f"features/{dataset}"], dictionary[f"labels/{dataset}"]
    known = {column.name for column in features}
    clash = [column.name for column in labels if column.name in known and column.role not in ("key", "feature")]
    if clash:
        raise ValueError(f"features and labels of {dataset} both have a column {', '.join(clash)}: rename one of them")
    parts = [
        Column(split, "string", "1", f"Part of the geometry in the split {split}: {', '.join(PARTS)}.", role="key")
        for split in splits
    ]
    return [*features, *parts, *(column for column in labels if column.name not in known)]


def common_columns(columns: Mapping[str, Sequence[Column]]) -> list[str]:
    """Names of the columns that every dataset has, with the same type, in the order of the first dataset."""
    first, *others = columns.values()
    shared = [{(column.name, column.type) for column in other} for other in others]
    return [column.name for column in first if all((column.name, column.type) in other for other in shared)]


def build_release(
    features: Mapping[str, Sequence[Path]],
    labels: Mapping[str, Sequence[Path]],
    splits: Mapping[str, Path],
    dictionary: Path,
    manifest_file: Path,
    validation: Path,
    out: Path,
) -> None:
    """Write the release into the folder ``out``, which is emptied first.

    Parameters
    ----------
    features, labels : dataset -> its shards, in the order of the run; labels have the same rows, in draws.
    splits : split -> its table, with the rows of all features in that order.
    dictionary, manifest_file, validation : what the run says of its columns, its files and its labels.

    Raises
    ------
    InputError : the tables do not have the same geometries in the same order.
    """
    described = read_dictionary(dictionary)
    columns = {dataset: columns_of(described, dataset, list(splits)) for dataset in features}
    shutil.rmtree(out, ignore_errors=True)
    shards, start = [], 0
    for dataset, paths in features.items():
        found, geometries = _scatter(out, dataset, columns[dataset], paths, labels[dataset], splits, start)
        for parts in found:
            shards += _write_files(out, dataset, columns[dataset], splits, parts)
        start += geometries
    run = json.loads(manifest_file.read_text())
    checks = json.loads(validation.read_text())
    write_text(out / DICTIONARY, [_dictionary_text(columns)])
    configs = _configs(list(splits), columns, shards)
    for name, text in cards.texts(run, checks, columns, configs, shards, list(splits)).items():
        write_text(out / name, [text])
    shutil.copyfile(validation, out / "validation.json")
    print(f"{len(shards)} files, {sum(shard.rows for shard in shards):,} rows, {len(configs)} configurations")


def _scatter(out, dataset, columns, features, labels, splits, start) -> tuple[list[tuple[str, ...]], int]:
    """Sort the rows of one dataset into scratch files by their parts; returns the parts there are and the geometries.

    Its geometries are the rows from ``start`` of the splits' tables.
    """
    writers, schema = {}, arrow_schema(columns, {})
    total = sum(read_metadata(path)[0] for path in features)
    advance = progress(total, f"geometries of {dataset}")
    with ExitStack() as open_files:
        for feature_path, label_path in zip(features, labels, strict=True):
            for geometry, draws in _batches(dataset, columns, feature_path, label_path, splits, start):
                assigned = np.stack([geometry[split] for split in splits])
                order = np.lexsort(assigned)  # rows of the same parts stay in their order
                n = n_rows(draws) // len(order)  # draws of a geometry
                rows = take(geometry, np.repeat(order, n)) | take(draws, (order[:, None] * n + np.arange(n)).ravel())
                joined, assigned = record_batch(rows, schema), assigned[:, order]
                for first, stop in _runs(assigned):
                    parts = tuple(assigned[:, first].tolist())
                    if parts not in writers:
                        scratch = new_scratch(_scratch(out, dataset, parts), schema)
                        writers[parts] = open_files.enter_context(scratch)
                    writers[parts](joined[first * n : stop * n])
                start += len(order)
                advance(len(order))
    return sorted(writers), total


def _write_files(out, dataset, columns, splits, parts) -> Iterator[Shard]:
    """Turn the scratch file of some parts into files of full row groups, whose bytes do not depend on the run's shards.

    Memory holds one group and what a file says of its groups.
    """
    scratch = _scratch(out, dataset, parts)
    groups = read_scratch(scratch, GROUP_BYTES)
    made_by = {"table": f"release/{dataset}", "parts": dict(zip(splits, parts, strict=True))}
    for number, first in enumerate(groups):
        name, rows = f"{_stem(dataset, parts)}-{number:05d}.parquet", 0
        with new_shard(out / name, columns, made_by) as write:
            for group in chain([first], islice(groups, FILE_GROUPS - 1)):
                write(group)
                rows += len(group)
        yield Shard(name, dataset, parts, rows, (out / name).stat().st_size, file_sha256(out / name))
    scratch.unlink()


def _runs(columns: np.ndarray) -> list[tuple[int, int]]:
    """First column and the one after the last of each run of equal columns."""
    starts = np.flatnonzero(np.append(True, (columns[:, 1:] != columns[:, :-1]).any(axis=0))).tolist()
    return list(pairwise([*starts, columns.shape[1]]))


def _stem(dataset: str, parts: Sequence[str]) -> str:
    return f"data/{dataset}/{'-'.join(parts)}"


def _scratch(out: Path, dataset: str, parts: Sequence[str]) -> Path:
    return out / f"{_stem(dataset, parts)}.scratch"


def _batches(dataset, columns, features, labels, splits, start) -> Iterator[tuple[dict, dict]]:
    """Geometries of one shard with their parts, a batch at a time, and what the labels add for each of their draws."""
    rows, feature_names, _ = read_metadata(features)
    draws = read_metadata(labels)[0] // rows
    names = [column.name for column in columns]
    feature_names = [name for name in names if name in feature_names]
    label_names = [name for name in names if name not in feature_names and name not in splits]
    next_geometries = next_rows(read_rows(features, feature_names, batch_rows=BATCH_GEOMETRIES))
    next_draws = next_rows(read_rows(labels, [*_KEYS, *label_names], batch_rows=BATCH_GEOMETRIES * draws))
    next_parts = {
        split: next_rows(read_rows(path, [*_KEYS, "part"], start, start + rows)) for split, path in splits.items()
    }
    for first in range(0, rows, BATCH_GEOMETRIES):
        count = min(BATCH_GEOMETRIES, rows - first)
        geometry, draw = next_geometries(count), next_draws(count * draws)
        _check_keys(labels, {key: np.repeat(geometry[key], draws) for key in _KEYS}, draw)
        for split, path in splits.items():
            part = next_parts[split](count)
            _check_keys(path, geometry, part)
            geometry[split] = part["part"]
        yield geometry, {name: draw[name] for name in label_names}


def _check_keys(path: Path, left: Columns, right: Columns) -> None:
    if not all(np.array_equal(left[key], right[key]) for key in _KEYS):
        raise InputError(path, "does not have the geometries of the features in their order; delete it and run again")


def _configs(splits, columns, shards) -> list[dict]:
    """What `datasets` may load by name: each split of all datasets together (the columns they share), and of each alone.

    A configuration with a part that no row belongs to is left out.
    """
    common = common_columns(columns)
    wanted = [(split, split, list(columns), common) for split in splits]
    wanted += [
        (f"{dataset}-{split}", split, [dataset], None)
        for dataset in columns
        for split in splits
        if not split.startswith("ood_dataset_")
    ]
    configs = []
    for name, split, datasets, only in wanted:
        k = splits.index(split)
        files = {}
        for part in PARTS.tolist():
            pattern = [part if i == k else "*" for i in range(len(splits))]
            files[part] = [
                f"{_stem(dataset, pattern)}-*.parquet"
                for dataset in datasets
                if any(shard.dataset == dataset and shard.parts[k] == part for shard in shards)
            ]
        if all(files.values()):
            configs.append({"name": name, "split": split, "datasets": datasets, "columns": only, "files": files})
        else:
            print(f"no configuration {name}: {', '.join(part for part in files if not files[part])} has no rows")
    return configs


def _dictionary_text(columns: Mapping[str, Sequence[Column]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["dataset", "column", *Column._fields[1:]])
    for dataset, described in columns.items():
        writer.writerows([dataset, *column] for column in described)
    return text.getvalue()
