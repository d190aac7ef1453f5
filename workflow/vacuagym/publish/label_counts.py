"""Counts of the labels of a run, in one pass: what the checks and the figures need to know of its rows.

Memory does not grow with the rows: all that is kept are counts by class over values of the landscape (Hodge numbers, for
instance, of which there are some hundreds), over fixed bins, and one bit per geometry.
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
LOG_EDGES = np.arange(-40.0, 40.5, 0.5)  # bins of log10 of a gradient norm or of an absolute eigenvalue
CUTS = {  # column -> (which rows a threshold keeps, thresholds)
    "smallest_two_cycle": ("above", (0.25, 0.5, 1.0, 2.0, 4.0)),
    "xi_ratio": ("absolute value below", (0.1, 0.3, 1.0, 3.0)),
    "exponent": ("above", (0.5, 1.0, 2.0, 4.0)),
    "min_abs_eigenvalue_bound": ("above", (0.0, 1e-6, 1e-3, 1e-1)),
}
_NAMES = sorted(CLASSES)
_FINE = ("vacuum_type", "regime", "controlled", "failure_reason")
_NUMBERS = ("min_eigenvalue", "max_eigenvalue", "grad_norm")
_FIRST_ROWS = 1_000  # of a column of draws, which say whether it has too many values to be read on
_PASS_GEOMETRIES = 250_000  # whose duplicate groups are compared at a time


def count_labels(files: Mapping[str, Path | Sequence[Path]], out: Path) -> None:
    """Count the labels of a run and write the counts as JSON: ``datasets``, ``crossing`` groups by split, ``log_edges``.

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
    result = {"datasets": counts, "crossing": crossing, "log_edges": LOG_EDGES.tolist()}
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
            Geometries by h11 and h21: lists of h11, h21, number.
        histograms
            Eigenvalues and gradient norms: rows in bins of log10.
        cuts
            Rows by class that a threshold keeps.
    """
    feature_types, label_types = read_schema(shards[0].features), read_schema(shards[0].labels)
    types = label_types | feature_types
    scalar = [name for name in inputs if not types[name].startswith("list")]
    fine, numbers, cuts = ([name for name in names if name in label_types] for names in (_FINE, _NUMBERS, CUTS))
    by_class, by_pair, by_fine = _Sums("stability"), _Sums("h11", "h21"), {name: _Sums(name) for name in fine}
    first = next(read_frames(shards[0].labels, ["sample", *(set(scalar) - set(feature_types))], _FIRST_ROWS))
    many = {column.name for column in first if column.n_unique() > MAX_LABEL_VALUES}
    by_value = {name: _Sums(name) for name in (*ASSOCIATED, *scalar) if name not in many}
    histograms = {name: np.zeros((2, len(LOG_EDGES) + 1), dtype=np.int64) for name in numbers}
    seen, repeated, misplaced, largest_norm = np.zeros(0, dtype=np.uint8), 0, 0, None
    of_geometry = ["geometry_id", *(name for name in by_value if name in feature_types)]
    of_draw = dict.fromkeys(["geometry_id", "sample", "stability", "certified", *fine, *numbers, *cuts])
    of_draw = [*of_draw | dict.fromkeys(name for name in by_value if name not in feature_types)]
    total = sum(shard.geometries for shard in shards)
    advance = progress(total, f"geometries of {shards[0].dataset}")
    for geometries, draws in _batches(shards, of_geometry, of_draw):
        seen, again = _mark(seen, geometries["geometry_id"].to_numpy())
        repeated, misplaced = repeated + again, misplaced + draws["misplaced"].sum()
        by_class.add(draws, pl.len(), pl.sum("certified"), *(kept for name in cuts for kept in _kept(name)))
        by_pair.add(geometries, pl.len())
        for sums in by_fine.values():
            sums.add(draws, pl.len())
        for name, sums in list(by_value.items()):
            sums.add(geometries if name in feature_types else draws, pl.sum(*CLASSES))
            if len(sums.total) > (MAX_VALUES if name in ASSOCIATED else MAX_LABEL_VALUES):
                del by_value[name]
        for name, histogram in histograms.items():
            histogram += _histogram(draws[name])
        if "grad_norm" in numbers:
            norm = draws.filter("certified")["grad_norm"].max()
            largest_norm = max((n for n in (norm, largest_norm) if n is not None), default=None)
        advance(len(geometries))

    classes = _all_classes(shards[0].labels.parent, by_class.total)
    values = {name: sums.total.sort(name) for name, sums in by_value.items()}
    matrices = {name: table.select(_NAMES).to_numpy() for name, table in values.items()}
    binned = {name: _binned(values[name][name].to_numpy(), matrices[name]) for name in ASSOCIATED if name in values}
    kept = {name: classes.select(f"{name} {k}" for k in range(len(CUTS[name][1]))).to_numpy().T for name in cuts}
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
        "hodge": [column.to_list() for column in by_pair.total.sort("len", "h11", "h21").get_columns()],
        "histograms": {
            name: {"negative": bins[1].tolist(), "positive": bins[0].tolist()} for name, bins in histograms.items()
        },
        "cuts": {
            name: {"keeps": how, "thresholds": list(thresholds), "rows": _by_class(kept[name])}
            for name, (how, thresholds) in CUTS.items()
            if name in cuts
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


def _histogram(numbers: pl.Series) -> np.ndarray:
    """Positive (row 0) and negative numbers in bins of log10 of the absolute value, int64 (2, bins).

    The first bin is below all of `LOG_EDGES`, the last above; zero and what is not finite are in none.
    """
    numbers = numbers.filter(numbers.is_finite() & (numbers != 0)).to_numpy()
    bins = np.searchsorted(LOG_EDGES, np.log10(np.abs(numbers)), side="right")
    size = len(LOG_EDGES) + 1
    return np.bincount((numbers < 0) * size + bins, minlength=2 * size).reshape(2, size)


def _kept(name: str) -> list[pl.Expr]:
    """Numbers of rows that each threshold of a cut keeps; a row without the quantity is never kept."""
    how, thresholds = CUTS[name]
    column = pl.col(name).abs() if how == "absolute value below" else pl.col(name)
    masks = [column < t if how == "absolute value below" else column > t for t in thresholds]
    return [mask.sum().alias(f"{name} {number}") for number, mask in enumerate(masks)]


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
