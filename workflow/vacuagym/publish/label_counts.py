"""Counts of the labels of a run, in one pass: what the checks and the figures need to know of its rows.

Memory does not grow with the rows: all that is kept are counts by class over values of the landscape (Hodge numbers, for
instance, of which there are some hundreds), over fixed bins, and one bit per geometry.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from polars import selectors

from vacuagym.errors import InputError
from vacuagym.job import progress
from vacuagym.schema import CLASSES, WITH_POINT
from vacuagym.tables.frames import Shard, read_geometries, shards_of
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
_FIRST_ROWS = 1_000  # of a column of draws, which say whether it has too many values
_PASS_GEOMETRIES = 250_000  # whose duplicate groups are compared at a time


def count_labels(
    features: Mapping[str, Sequence[Path]],
    labels: Mapping[str, Sequence[Path]],
    stability: Mapping[str, Sequence[Path]],
    splits: Mapping[str, Path],
    inputs: Mapping[str, Sequence[str]],
    out: Path,
) -> None:
    """Count the labels of a run and write the counts as JSON: ``datasets``, ``crossing`` groups by split, ``log_edges``.

    Parameters
    ----------
    features, labels, stability : mapping of str to sequence of Path
        The shards of each dataset, in the order of the run.
    splits : mapping of str to Path
        Tables of the splits.
    inputs : mapping of str to sequence of str
        Of each dataset, the columns that a learner may see.
    out : Path
        The JSON file.

    Raises
    ------
    InputError
        A table is damaged or has the wrong rows, or a label is of an unknown class.
    """
    shards = shards_of(features, labels)
    counts, crossing = {}, dict.fromkeys(splits, 0)
    for dataset, paths in stability.items():
        of_dataset = [shard for shard in shards if shard.dataset == dataset]
        counts[dataset] = count_dataset(of_dataset, paths, inputs[dataset])
        for split, number in groups_across_parts(of_dataset, splits).items():
            crossing[split] += number
    result = {"datasets": counts, "crossing": crossing, "log_edges": LOG_EDGES.tolist()}
    write_text(out, [json.dumps(result, indent=1), "\n"])


def count_dataset(shards: Sequence[Shard], stability: Sequence[Path], inputs: Sequence[str]) -> dict:
    """Everything that is counted of one dataset.

    Parameters
    ----------
    shards : sequence of Shard
        Those of the dataset.
    stability : sequence of Path
        The shares of the classes of their geometries.
    inputs : sequence of str
        The columns that a learner may see.

    Returns
    -------
    dict
        Plain data, among it

        stability, classes
            Rows of each class; of each value of the other columns of classes.
        explained_by
            Input column -> share of the label's entropy that its value takes away.
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
    by_class = _Sums(["stability"])
    by_fine, by_bin = {name: _Sums([name]) for name in fine}, {name: _Sums(["negative", "bin"]) for name in numbers}
    by_pair, by_value = _Sums(["h11", "h21"]), {name: _Sums([name]) for name in (*ASSOCIATED, *scalar)}
    seen, repeated, misplaced, largest_norm = np.zeros(0, dtype=np.uint8), 0, 0, None
    total = sum(shard.geometries for shard in shards)
    advance = progress(total, f"geometries of {shards[0].dataset}")
    for shard, path in zip(shards, stability, strict=True):
        ids = pl.read_parquet(shard.features, columns=["geometry_id"])["geometry_id"].to_numpy()
        seen, again = _mark(seen, ids)
        repeated, misplaced = repeated + again, misplaced + _misplaced(shard, ids)
        # NaN stands for a quantity that a row does not have
        draws = pl.scan_parquet(shard.labels).with_columns(selectors.float().fill_nan(None))
        by_class.add(draws, [pl.len(), pl.sum("certified"), *(kept for name in cuts for kept in _kept(name))])
        for sums in by_fine.values():
            sums.add(draws, [pl.len()])
        for name, sums in by_bin.items():
            sums.add(draws.select((pl.col(name) < 0).alias("negative"), _bin(name).alias("bin")), [pl.len()])
        geometries = pl.concat([pl.scan_parquet(shard.features), _class_counts(path)], how="horizontal")
        by_pair.add(geometries, [pl.len()])
        for name in list(by_value):
            if name in feature_types:
                by_value[name].add(geometries, [pl.sum(CLASSES)])
            elif draws.select(pl.col(name).head(_FIRST_ROWS).n_unique()).collect().item() <= MAX_LABEL_VALUES:
                by_value[name].add(draws, [(pl.col("stability") == label).sum().alias(label) for label in CLASSES])
            else:
                del by_value[name]
                continue
            if len(by_value[name].total()) > (MAX_VALUES if name in ASSOCIATED else MAX_LABEL_VALUES):
                del by_value[name]
        if "grad_norm" in numbers:
            norm = draws.filter("certified").select(pl.max("grad_norm")).collect().item()
            largest_norm = max((n for n in (norm, largest_norm) if n is not None), default=None)
        advance(shard.geometries)

    classes = _all_classes(shards[0].labels.parent, by_class.total())
    values = {name: sums.total().sort(name) for name, sums in by_value.items()}
    matrices = {name: table.select(_NAMES).to_numpy() for name, table in values.items()}
    binned = {name: _binned(values[name][name].to_numpy(), matrices[name]) for name in ASSOCIATED if name in values}
    return {
        "geometries": total,
        "rows": classes["len"].sum(),
        "inputs": list(inputs),
        "stability": dict(classes.select("stability", "len").iter_rows()),
        "classes": {
            name: {str(value): rows for value, rows in sums.total().sort(name).iter_rows()}
            for name, sums in by_fine.items()
        },
        "certified_points": classes.filter(pl.col("stability").is_in(WITH_POINT))["certified"].sum(),
        "max_certified_grad_norm": largest_norm,
        "repeated_geometries": repeated,
        "misplaced_rows": misplaced,
        "explained_by": {
            name: explained_share(matrix)
            for name, matrix in matrices.items()
            if name in scalar and len(matrix) <= MAX_LABEL_VALUES
        },
        "by_feature": {name: {"bins": bins, "rows": _by_class(matrix)} for name, (bins, matrix) in binned.items()},
        "hodge": [column.to_list() for column in by_pair.total().sort("len", "h11", "h21").get_columns()],
        "histograms": {name: _histogram(sums.total()) for name, sums in by_bin.items()},
        "cuts": {
            name: {
                "keeps": CUTS[name][0],
                "thresholds": list(CUTS[name][1]),
                "rows": _by_class(
                    classes.select(f"{name} {number}" for number in range(len(CUTS[name][1]))).to_numpy().T
                ),
            }
            for name in cuts
        },
    }


class _Sums:
    """Sums over the rows of several tables by the values of some keys; a row with a key that is null is left out.

    Parameters
    ----------
    keys : sequence of str
        Names of the columns.
    """

    def __init__(self, keys):
        self.keys, self._found = keys, []

    def add(self, rows: pl.LazyFrame, sums: Sequence[pl.Expr]) -> None:
        """Add the sums over the rows of a table."""
        found = rows.group_by(self.keys).agg(sums).collect(engine="streaming").drop_nulls(self.keys)
        self._found.append(found.with_columns(pl.exclude(self.keys).cast(pl.Int64)))

    def total(self) -> pl.DataFrame:
        """The sums over all rows so far, one row per combination of keys, in no order."""
        self._found = [pl.concat(self._found).group_by(self.keys).sum()]
        return self._found[0]


def _class_counts(stability: Path) -> pl.LazyFrame:
    """Draws of each class of each geometry; columns named by `CLASSES`."""
    shares = pl.scan_parquet(stability)
    return shares.select(
        (pl.col(f"fraction_{name}") * pl.col("n_draws")).round().cast(pl.Int64).alias(name) for name in CLASSES
    )


def _misplaced(shard: Shard, ids: np.ndarray) -> int:
    """Label rows that are not the next draw of the next geometry."""
    keys = pl.read_parquet(shard.labels, columns=["geometry_id", "sample"])
    expected = np.repeat(ids, shard.draws), np.tile(np.arange(shard.draws), len(ids))
    in_place = (keys["geometry_id"].to_numpy() == expected[0]) & (keys["sample"].to_numpy() == expected[1])
    return int(np.count_nonzero(~in_place))


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


def _bin(name: str) -> pl.Expr:
    """How many of `LOG_EDGES` log10 of the absolute value reaches; null for zero and what is not finite."""
    column = pl.col(name)
    log = pl.when(column.is_finite() & (column != 0)).then(column.abs().log10())
    return pl.lit(pl.Series(LOG_EDGES)).search_sorted(log, side="right")


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


def _histogram(counts: pl.DataFrame) -> dict[str, list[int]]:
    """Rows by sign in each bin; the first bin is below all of `LOG_EDGES`, the last above."""
    bins = np.zeros((2, len(LOG_EDGES) + 1), dtype=np.int64)
    bins[counts["negative"].cast(pl.Int8).to_numpy(), counts["bin"].to_numpy()] = counts["len"].to_numpy()
    return {"negative": bins[1].tolist(), "positive": bins[0].tolist()}


def explained_share(matrix: np.ndarray) -> float:
    """Share of the label's entropy that a value takes away: 1 for a copy of the label, 0 for chance.

    Parameters
    ----------
    matrix : ndarray of int, shape (values, classes)
        Numbers of rows.

    Returns
    -------
    float
        Theil's uncertainty coefficient, I(class; value) / H(class).
    """
    of_label = _entropy(matrix.sum(axis=0))
    return _information(matrix) / of_label if of_label > 0 else 0.0


def _information(matrix: np.ndarray) -> float:
    """Mutual information of row and column of a matrix of counts, in bits."""
    return _entropy(matrix.sum(axis=0)) + _entropy(matrix.sum(axis=1)) - _entropy(matrix.ravel())


def _entropy(counts: np.ndarray) -> float:
    p = counts[counts > 0] / counts.sum()
    return float(-(p * np.log2(p)).sum())


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
    crossing = dict.fromkeys(splits, 0)
    group, parts = pl.col("duplicate_group"), pl.col(*splits)
    for remainder in range(passes):
        kept = [
            geometries.filter(group % passes == remainder).select(group, parts.to_physical())
            for shard in shards
            for geometries in read_geometries(shard, ["duplicate_group"], splits, 1_000)
        ]
        found = pl.concat(kept).group_by(group).agg(parts.min() != parts.max()).select(parts.sum())
        crossing = {split: count + found[split].item() for split, count in crossing.items()}
    return crossing
