"""Counts of the labels of a run, in one pass: what the checks and the figures need to know of its rows.

Memory does not grow with the rows: all that is kept are counts by class over values of the landscape (Hodge numbers, for
instance, of which there are some hundreds), and one bit per geometry.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from polars import selectors

from vacuagym.errors import InputError
from vacuagym.job import progress
from vacuagym.publish.dictionary import read_inputs
from vacuagym.schema import CLASSES, WITH_POINT
from vacuagym.tables.frames import BATCH_GEOMETRIES, Shard, read_frames, read_geometries, read_run
from vacuagym.tables.shards import read_schema, write_text

MAX_VALUES = 4096  # counts by value are given up for a column with more, of those that are compared with the label
MAX_LABEL_VALUES = 64  # a column with more different values is no copy of a label
ASSOCIATED = ("h11", "h21", "euler_characteristic", "n_moduli")  # geometry against label
MAX_BINS = 12  # bins of a feature when it is compared with the label
_NAMES = sorted(CLASSES)
_FINE = ("vacuum_type", "regime", "controlled", "failure_reason")
_NORM = "grad_norm"
_FIRST_ROWS = 1_000  # of a column of draws, which say whether it has too many values to be read on
_PASS_GEOMETRIES = 250_000  # whose duplicate groups are compared at a time


def count_labels(files: Mapping[str, Path | Sequence[Path]], out: Path) -> None:
    """Count the labels of a run and write the counts as JSON: ``datasets``, ``crossing`` groups by split.

    Parameters
    ----------
    files : mapping of str to Path or sequence of Path
        The run's features, labels and splits, see `read_run`; its data dictionary.
    out : Path
        The JSON file.

    Raises
    ------
    InputError
        A table is damaged or has the wrong rows, or a label is of an unknown class.
    """
    run, inputs = read_run(files), read_inputs(files["dictionary"])
    counts, crossing = {}, dict.fromkeys(run.splits, 0)
    for dataset, shards in run.by_dataset().items():
        counts[dataset] = count_dataset(shards, inputs[dataset])
        for split, number in groups_across_parts(shards, run.splits).items():
            crossing[split] += number
    result = {"datasets": counts, "crossing": crossing}
    write_text(out, [json.dumps(result, indent=1), "\n"])


def count_dataset(shards: Sequence[Shard], inputs: Sequence[str]) -> dict:
    """Everything that is counted of one dataset.

    Parameters
    ----------
    shards : sequence of Shard
        Those of the dataset.
    inputs : sequence of str
        The columns that a learner may see.

    Returns
    -------
    dict
        Plain data, among it

        stability, classes
            Rows of each class; of each value of the other columns of classes.
        by_input
            Input column -> rows by class of each of its values; of columns with few values.
        by_feature
            Feature -> bins (smallest and largest value) and rows by class in each.
        hodge
            Pairs of Hodge numbers: lists of h11, h21, geometries; and rows by class.
    """
    feature_types, label_types = read_schema(shards[0].features), read_schema(shards[0].labels)
    types = label_types | feature_types
    scalar = [name for name in inputs if not types[name].startswith("list")]
    fine, norms = ([name for name in names if name in label_types] for names in (_FINE, [_NORM]))
    by_class, by_pair, by_fine = _Sums("stability"), _Sums("h11", "h21"), {name: _Sums(name) for name in fine}
    first = next(read_frames(shards[0].labels, ["sample", *(set(scalar) - set(feature_types))], _FIRST_ROWS))
    many = {column.name for column in first if column.n_unique() > MAX_LABEL_VALUES}
    by_value = {name: _Sums(name) for name in (*ASSOCIATED, *scalar) if name not in many}
    seen, repeated, misplaced, largest_norm = np.zeros(0, dtype=np.uint8), 0, 0, None
    of_geometry = ["geometry_id", *(name for name in by_value if name in feature_types)]
    of_draw = dict.fromkeys(["geometry_id", "sample", "stability", "certified", *fine, *norms])
    of_draw = [*of_draw | dict.fromkeys(name for name in by_value if name not in feature_types)]
    total = sum(shard.geometries for shard in shards)
    advance = progress(total, f"geometries of {shards[0].dataset}")
    for geometries, draws in _batches(shards, of_geometry, of_draw):
        seen, again = _mark(seen, geometries["geometry_id"].to_numpy())
        repeated, misplaced = repeated + again, misplaced + draws["misplaced"].sum()
        by_class.add(draws, pl.len(), pl.sum("certified"))
        by_pair.add(geometries, pl.len(), pl.sum(*CLASSES))
        for sums in by_fine.values():
            sums.add(draws, pl.len())
        for name, sums in list(by_value.items()):
            sums.add(geometries if name in feature_types else draws, pl.sum(*CLASSES))
            if len(sums.total) > (MAX_VALUES if name in ASSOCIATED else MAX_LABEL_VALUES):
                del by_value[name]
        if norms:
            norm = draws.filter("certified")[_NORM].max()
            largest_norm = max((n for n in (norm, largest_norm) if n is not None), default=None)
        advance(len(geometries))

    classes = _all_classes(shards[0].labels.parent, by_class.total)
    values = {name: sums.total.sort(name) for name, sums in by_value.items()}
    matrices = {name: table.select(_NAMES).to_numpy() for name, table in values.items()}
    binned = {name: _binned(values[name][name].to_numpy(), matrices[name]) for name in ASSOCIATED if name in values}
    pairs = by_pair.total.sort("len", "h11", "h21")
    return {
        "family": shards[0].family,
        "geometries": total,
        "rows": classes["len"].sum(),
        "inputs": list(inputs),
        "stability": dict(classes.select("stability", "len").iter_rows()),
        "classes": {
            name: {str(value): rows for value, rows in sums.total.sort(name).iter_rows()}
            for name, sums in by_fine.items()
        },
        "certified_points": classes.filter(pl.col("stability").is_in(WITH_POINT))["certified"].sum(),
        "max_certified_grad_norm": largest_norm,
        "repeated_geometries": repeated,
        "misplaced_rows": misplaced,
        "by_input": {
            name: _by_class(matrix)
            for name, matrix in matrices.items()
            if name in scalar and len(matrix) <= MAX_LABEL_VALUES
        },
        "by_feature": {name: {"bins": bins, "rows": _by_class(matrix)} for name, (bins, matrix) in binned.items()},
        "hodge": {
            "h11": pairs["h11"].to_list(),
            "h21": pairs["h21"].to_list(),
            "geometries": pairs["len"].to_list(),
            "rows": _by_class(pairs.select(_NAMES).to_numpy()),
        },
    }


def _batches(
    shards: Sequence[Shard], of_geometry: Sequence[str], of_draw: Sequence[str]
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Stream geometries and their draws, with one column per class: how many draws are of it, whether the draw is.

    The draws also say whether a row is ``misplaced``, that is not the next draw of the next geometry. NaN, which stands for
    a quantity that a row does not have, is null.
    """
    is_class = [(pl.col("stability") == name).alias(name) for name in CLASSES]
    for shard in shards:
        streams = (
            read_frames(shard.features, of_geometry, BATCH_GEOMETRIES),
            read_frames(shard.labels, of_draw, BATCH_GEOMETRIES * shard.draws),
        )
        for geometries, draws in zip(*streams, strict=True):
            ids, samples = geometries["geometry_id"].to_numpy(), np.arange(shard.draws)
            expected = pl.Series(np.repeat(ids, shard.draws)), pl.Series(np.tile(samples, len(ids)))
            misplaced = (pl.col("geometry_id") != expected[0]) | (pl.col("sample") != expected[1])
            draws = draws.with_columns(selectors.float().fill_nan(None), *is_class, misplaced=misplaced)
            counts = draws.select(CLASSES).to_numpy().reshape(len(ids), shard.draws, len(CLASSES)).sum(axis=1)
            yield geometries.hstack(pl.DataFrame(counts, CLASSES, orient="row").get_columns()), draws


class _Sums:
    """Sums over the rows of several tables by the values of some keys; a row with a key that is null is left out.

    Parameters
    ----------
    keys : str
        Names of the columns.
    """

    def __init__(self, *keys: str):
        self.keys, self.total = keys, pl.DataFrame()

    def add(self, rows: pl.DataFrame, *sums: pl.Expr) -> None:
        """Add the sums over the rows of a table to ``total``, which has one row per combination of keys, in no order."""
        found = rows.drop_nulls(self.keys).group_by(self.keys).agg(number.cast(pl.Int64) for number in sums)
        self.total = pl.concat([self.total, found]).group_by(self.keys).sum() if len(self.total) else found


def _all_classes(where: Path, found: pl.DataFrame) -> pl.DataFrame:
    """The sums by class with a row for each of `_NAMES`, zero where a class does not occur."""
    unknown = sorted(set(found["stability"]) - set(_NAMES))
    if unknown:
        raise InputError(where, f"holds {unknown} in the column stability, known classes are {', '.join(CLASSES)}")
    return (
        pl.DataFrame({"stability": _NAMES}).join(found, on="stability", how="left", maintain_order="left").fill_null(0)
    )


def _mark(seen: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, int]:
    """The bits ``seen``, longer if needed, with those of ``ids`` set; and how many were set before or come twice."""
    unique = np.unique(ids)
    missing = int(unique[-1]) // 8 + 1 - len(seen)
    seen = np.concatenate([seen, np.zeros(missing, np.uint8)]) if missing > 0 else seen
    bits = np.uint8(1) << (unique % 8).astype(np.uint8)
    before = np.count_nonzero(seen[unique // 8] & bits)
    np.bitwise_or.at(seen, unique // 8, bits)
    return seen, len(ids) - len(unique) + int(before)


def _binned(values: np.ndarray, matrix: np.ndarray) -> tuple[list, np.ndarray]:
    """At most MAX_BINS bins of about equal weight: runs of neighbouring values, with rows by class."""
    position = np.cumsum(matrix.sum(axis=1)) - matrix.sum(axis=1) / 2
    bins = np.minimum((position * MAX_BINS / matrix.sum()).astype(int), MAX_BINS - 1)
    _, first = np.unique(bins, return_index=True)
    last = np.append(first[1:], len(values)) - 1
    bins = np.stack([values[first], values[last]], axis=1).tolist()
    return bins, np.add.reduceat(matrix, first, axis=0)


def _by_class(matrix: np.ndarray) -> dict[str, list[int]]:
    """Counts (rows, classes) as class -> counts."""
    return dict(zip(_NAMES, matrix.T.tolist(), strict=True))


def groups_across_parts(
    shards: Sequence[Shard], splits: Mapping[str, Path], pass_geometries: int = _PASS_GEOMETRIES
) -> dict[str, int]:
    """How many duplicate groups of a dataset have geometries in more than one part.

    Groups are looked at in as many passes as keep some ``pass_geometries`` at a time, each with the groups of one
    remainder, so that memory does not grow with the rows.

    Parameters
    ----------
    shards : sequence of Shard
        Those of the dataset.
    splits : mapping of str to Path
        Tables of the splits.
    pass_geometries : int
        Geometries of a pass.

    Returns
    -------
    dict of str to int
        Number of groups by split.
    """
    passes = -(-sum(shard.geometries for shard in shards) // pass_geometries)
    crossing, group, parts = dict.fromkeys(splits, 0), pl.col("duplicate_group"), pl.col(*splits).to_physical()
    for remainder in range(passes):
        kept = pl.concat(
            geometries.filter(group % passes == remainder).select(group, parts)
            for shard in shards
            for geometries in read_geometries(shard, ["duplicate_group"], splits)
        ).sort(group)
        for split in splits:  # one at a time in memory
            crosses = (group == group.shift()) & (pl.col(split) != pl.col(split).shift())
            crossing[split] += kept.select(group.filter(crosses).n_unique()).item()
    return crossing
