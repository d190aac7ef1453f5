"""Checks of the labels of a run before anybody trains on them: counts in one pass, then thresholds that decide.

Memory does not grow with the rows: all that is kept are counts by class over values of the landscape (Hodge numbers, for
instance, of which there are some hundreds), over fixed bins, and one bit a geometry.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from vacuagym.errors import InputError
from vacuagym.process import progress
from vacuagym.splits import PARTS
from vacuagym.tables.columns import next_rows
from vacuagym.tables.shards import BATCH_ROWS, read_metadata, read_rows, read_schema, write_text

MAX_VALUES = 4096  # counts by value are given up for a column with more, of those that are compared with the label
MAX_LABEL_VALUES = 64  # a column with more different values is no copy of a label
ASSOCIATED = ("h11", "h21", "euler_characteristic", "n_moduli")  # geometry against label
MAX_BINS = 12  # bins of a feature when it is compared with the label
MIN_EXPECTED = 5.0  # smallest expected count of a bin or class in the chi-squared test (Cochran 1954)
LOG_EDGES = np.arange(-40.0, 40.5, 0.5)  # bins of log10 of a gradient norm or of an absolute eigenvalue
CUTS = {  # column -> (which rows a threshold keeps, thresholds)
    "smallest_two_cycle": ("above", (0.25, 0.5, 1.0, 2.0, 4.0)),
    "xi_ratio": ("absolute value below", (0.1, 0.3, 1.0, 3.0)),
    "exponent": ("above", (0.5, 1.0, 2.0, 4.0)),
    "min_abs_eigenvalue_bound": ("above", (0.0, 1e-6, 1e-3, 1e-1)),
}
CLASSES = ("stable", "metastable", "saddle", "unstable", "runaway", "marginal", "failed")
_NAMES, _PARTS = np.sort(CLASSES), np.sort(PARTS)
_WITH_POINT = ("stable", "metastable", "saddle", "unstable", "marginal")  # classes that speak of a critical point
_HAS_POINT = np.isin(_NAMES, _WITH_POINT)


def validate_labels(
    features: Mapping[str, Sequence[Path]],
    labels: Mapping[str, Sequence[Path]],
    splits: Mapping[str, Path],
    inputs: Mapping[str, Sequence[str]],
    thresholds: Mapping[str, float],
    out: Path,
) -> None:
    """Count, check, and write the result as JSON.

    Parameters
    ----------
    features, labels : dataset -> its shards, in the order of the run. splits : split -> its table.
    inputs : dataset -> names of the columns that a user may predict the label from.
    thresholds : the configuration's key ``validation``.

    Raises
    ------
    InputError : a check failed; names each with its dataset, value and threshold.
    """
    counts = {
        dataset: count_dataset(dataset, features[dataset], labels[dataset], inputs[dataset]) for dataset in features
    }
    crossing = {split: groups_across_parts(features, path) for split, path in splits.items()}
    checks = [check for dataset in counts for check in checks_of(dataset, counts[dataset], thresholds)]
    checks += [_check("duplicate groups across parts", split, number, "=", 0) for split, number in crossing.items()]
    result = {"thresholds": dict(thresholds), "checks": checks, "datasets": counts}
    for check in checks:
        print(describe(check))
    failed = [describe(check) for check in checks if check["passed"] is False]
    if failed:
        raise InputError("validation", f"{len(failed)} checks failed: {'; '.join(failed)}")
    write_text(out, [json.dumps(result, indent=1), "\n"])


def _check(name, where, value, relation, threshold, judged=True) -> dict:
    passed = {"=": value == threshold, "<=": value <= threshold, ">=": value >= threshold}[relation]
    return {
        "check": name,
        "dataset": where,
        "value": float(value),
        "condition": f"{relation} {threshold:g}",
        "passed": bool(passed) if judged else None,
    }


def describe(check: dict) -> str:
    """A check as one line."""
    verdict = {True: "passed", False: "FAILED", None: "not judged, too few geometries"}[check["passed"]]
    return f"{check['check']}, {check['dataset']}: {check['value']:.6g}, must be {check['condition']}: {verdict}"


def checks_of(dataset: str, counts: dict, thresholds: Mapping[str, float]) -> list[dict]:
    """The checks of one dataset; those of shares are judged from ``min_geometries`` geometries on."""
    rows, classes = counts["rows"], counts["stability"]
    shares = [number / rows for number in classes.values()]
    enough = counts["geometries"] >= thresholds["min_geometries"]
    with_point = sum(classes[name] for name in _WITH_POINT)
    association = counts["association"].values()
    checks = [
        _check("geometries twice", dataset, counts["repeated_geometries"], "=", 0),
        _check("label rows out of place", dataset, counts["misplaced_rows"], "=", 0),
        _check("share of failed rows", dataset, classes["failed"] / rows, "<=", thresholds["max_failed_share"], enough),
        _check("share of the largest class", dataset, max(shares), "<=", thresholds["max_class_share"], enough),
        _check(
            "classes with at least 1 % of the rows",
            dataset,
            sum(share >= 0.01 for share in shares),
            ">=",
            thresholds["min_classes"],
            enough,
        ),
        _check(
            "certified share of rows with a critical point",
            dataset,
            counts["certified_points"] / max(with_point, 1),
            ">=",
            thresholds["min_certified_share"],
            enough and with_point > 0,
        ),
        _check(
            "share of the label's entropy in one input column",
            dataset,
            max(counts["explained_by"].values(), default=0.0),
            "<=",
            thresholds["max_explained_share"],
            enough,
        ),
        _check(
            "p-value of no association with the geometry",
            dataset,
            min(1.0, len(association) * min(entry["p_value"] for entry in association)),
            "<=",
            thresholds["max_association_p_value"],
            enough,
        ),
    ]
    if counts["max_certified_grad_norm"] is not None:
        norm = counts["max_certified_grad_norm"]
        checks.append(
            _check("largest gradient norm of a certified row", dataset, norm, "<=", thresholds["max_grad_norm"])
        )
    return checks


def count_dataset(dataset: str, features: Sequence[Path], labels: Sequence[Path], inputs: Sequence[str]) -> dict:
    """Everything that is counted of one dataset, as plain data.

    stability, classes : rows of each class; of each value of the other columns of classes.
    association : feature -> Cramér's V, mutual information, p-value, see `association`.
    explained_by : input column -> share of the label's entropy that its value takes away.
    by_feature : feature -> bins (smallest and largest value) and rows by class in each.
    eigenvalues, grad_norm : rows in bins of log10; cuts : rows by class that a threshold keeps.
    """
    total = sum(read_metadata(path)[0] for path in features)
    feature_types, label_types = read_schema(features[0]), read_schema(labels[0])
    types = feature_types | label_types
    scalar = [name for name in inputs if not types[name].startswith("list")]
    fine = [name for name in ("vacuum_type", "regime", "controlled", "failure_reason") if name in label_types]
    numbers = [name for name in ("min_eigenvalue", "max_eigenvalue", "grad_norm", *CUTS) if name in label_types]
    read_features = list(dict.fromkeys(["geometry_id", *ASSOCIATED, *(n for n in scalar if n in feature_types)]))
    read_labels = list(
        dict.fromkeys(
            ["geometry_id", "sample", "stability", "certified", *fine, *numbers]
            + [name for name in scalar if name not in feature_types]
        )
    )
    counted = tuple(dict.fromkeys([*ASSOCIATED, *scalar]))
    tables: dict[str, tuple | None] = {}
    classes = np.zeros(len(_NAMES), dtype=np.int64)
    fine_counts: dict[str, dict] = {name: {} for name in fine}
    histograms = {name: {sign: np.zeros(len(LOG_EDGES) + 1, np.int64) for sign in (-1, 1)} for name in numbers}
    cuts = {name: np.zeros((len(CUTS[name][1]), len(_NAMES)), np.int64) for name in numbers if name in CUTS}
    seen = np.zeros(0, dtype=np.uint8)
    repeated = misplaced = certified = rows = 0
    largest_norm = None
    advance = progress(total, f"geometries of {dataset}")
    for geometry, draw, draws in _joined(features, labels, read_features, read_labels):
        count = len(geometry["geometry_id"])
        repeated += _mark(seen := _grown(seen, geometry["geometry_id"]), geometry["geometry_id"])
        in_place = draw["geometry_id"] == np.repeat(geometry["geometry_id"], draws)
        misplaced += int(np.count_nonzero(~(in_place & (draw["sample"] == np.tile(np.arange(draws), count)))))
        code = _codes(draw["stability"])
        rows += len(code)
        classes += np.bincount(code, minlength=len(_NAMES))
        certified += int(np.count_nonzero(draw["certified"] & _HAS_POINT[code]))
        for name in counted:
            column = np.repeat(geometry[name], draws) if name in geometry else draw[name]
            most = MAX_VALUES if name in ASSOCIATED else MAX_LABEL_VALUES
            tables[name] = _add_counts(tables.get(name, _no_counts(column)), column, code, most)
        for name, table in fine_counts.items():
            for value, number in zip(*np.unique(draw[name], return_counts=True), strict=True):
                table[str(value)] = table.get(str(value), 0) + int(number)
        for name in numbers:
            _add_histogram(histograms[name], draw[name])
            if name in cuts:
                cuts[name] += _kept(name, draw[name], code)
        if "grad_norm" in numbers and draw["certified"].any():
            largest_norm = max(largest_norm or 0.0, float(draw["grad_norm"][draw["certified"]].max()))
        advance(count)
    binned = {name: _binned(*tables[name]) for name in ASSOCIATED if tables[name]}
    return {
        "geometries": total,
        "rows": rows,
        "inputs": list(inputs),
        "stability": dict(zip(_NAMES.tolist(), classes.tolist(), strict=True)),
        "classes": {name: dict(sorted(table.items())) for name, table in fine_counts.items()},
        "certified_points": certified,
        "max_certified_grad_norm": largest_norm,
        "repeated_geometries": repeated,
        "misplaced_rows": misplaced,
        "explained_by": {
            name: explained_share(tables[name][1])
            for name in counted
            if name in scalar and tables[name] and len(tables[name][0]) <= MAX_LABEL_VALUES
        },
        "association": {name: association(matrix) for name, (_, matrix) in binned.items()},
        "by_feature": {name: {"bins": bins, "rows": _by_class(matrix)} for name, (bins, matrix) in binned.items()},
        "histograms": {
            name: {"negative": histogram[-1].tolist(), "positive": histogram[1].tolist()}
            for name, histogram in histograms.items()
            if name not in cuts
        },
        "cuts": {
            name: {
                "keeps": CUTS[name][0],
                "thresholds": list(CUTS[name][1]),
                "rows": _by_class(kept),
            }
            for name, kept in cuts.items()
        },
    }


def _joined(features, labels, read_features, read_labels) -> Iterator[tuple[dict, dict, int]]:
    """Batches of geometries, of their draws, and how many draws each has."""
    for feature_path, label_path in zip(features, labels, strict=True):
        rows, label_rows = read_metadata(feature_path)[0], read_metadata(label_path)[0]
        draws = label_rows // rows
        if draws * rows != label_rows or draws == 0:
            raise InputError(label_path, f"has {label_rows} rows for {rows} geometries; delete it and run again")
        next_geometries = next_rows(read_rows(feature_path, read_features))
        next_draws = next_rows(read_rows(label_path, read_labels))
        for start in range(0, rows, BATCH_ROWS):
            count = min(BATCH_ROWS, rows - start)
            yield next_geometries(count), next_draws(count * draws), draws


def _codes(stability: np.ndarray) -> np.ndarray:
    code = np.minimum(np.searchsorted(_NAMES, stability), len(_NAMES) - 1)
    if not np.array_equal(_NAMES[code], stability):
        unknown = sorted(set(stability.tolist()) - set(_NAMES.tolist()))
        raise InputError("labels", f"column stability holds {unknown}, known classes are {', '.join(_NAMES)}")
    return code


def _grown(seen: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """The bits ``seen``, long enough for ``ids``."""
    missing = int(ids.max()) // 8 + 1 - len(seen)
    return np.concatenate([seen, np.zeros(missing, np.uint8)]) if missing > 0 else seen


def _mark(seen: np.ndarray, ids: np.ndarray) -> int:
    """Set the bits of ``ids``; how many of them were set before or come twice."""
    unique = np.unique(ids)
    bits = np.uint8(1) << (unique % 8).astype(np.uint8)
    before = np.count_nonzero(seen[unique // 8] & bits)
    np.bitwise_or.at(seen, unique // 8, bits)
    return len(ids) - len(unique) + int(before)


# Rows by class of every value of a column: values ascending, and counts (values, classes); None once there are too many.


def _no_counts(column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return column[:0], np.zeros((0, len(_NAMES)), np.int64)


def _add_counts(table: tuple | None, column: np.ndarray, code: np.ndarray, most: int) -> tuple | None:
    """Add the rows of a batch; None once there are more than ``most`` values. NaN is no value."""
    if table is None:
        return None
    there = column == column
    batch, index = np.unique(column[there], return_inverse=True)
    values = np.union1d(table[0], batch)
    if len(values) > most:
        return None
    counts = np.zeros((len(values), len(_NAMES)), np.int64)
    counts[np.searchsorted(values, table[0])] = table[1]
    np.add.at(counts, (np.searchsorted(values, batch)[index], code[there]), 1)
    return values, counts


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
    return dict(zip(_NAMES.tolist(), matrix.T.tolist(), strict=True))


def _add_histogram(histogram: dict, column: np.ndarray) -> None:
    column = column[np.isfinite(column) & (column != 0)]
    for sign, counts in histogram.items():
        logs = np.log10(np.abs(column[np.sign(column) == sign]))
        counts += np.bincount(np.searchsorted(LOG_EDGES, logs, side="right"), minlength=len(counts))


def _kept(name: str, column: np.ndarray, code: np.ndarray) -> np.ndarray:
    """Rows by class that each threshold of a cut keeps; NaN, a row without the quantity, is never kept."""
    how, thresholds = CUTS[name]
    masks = [np.abs(column) < t if how == "absolute value below" else column > t for t in thresholds]
    return np.array([np.bincount(code[mask], minlength=len(_NAMES)) for mask in masks])


def explained_share(matrix: np.ndarray) -> float:
    """Theil's uncertainty coefficient I(class; value) / H(class) of counts (values, classes): 1 for a copy of the label."""
    entropy = _entropy(matrix.sum(axis=0))
    return (entropy + _entropy(matrix.sum(axis=1)) - _entropy(matrix.ravel())) / entropy if entropy > 0 else 0.0


def _entropy(counts) -> float:
    p = counts[counts > 0] / counts.sum()
    return float(-(p * np.log2(p)).sum())


def association(matrix: np.ndarray) -> dict:
    """How much a feature says about the class, from counts (bins, classes).

    Returns
    -------
    dict : cramers_v, corrected for bias (Bergsma 2013, J. Korean Stat. Soc. 42, 323), mutual_information in bits, and the
        p-value of Pearson's chi-squared test that they are independent. Couplings are drawn independently of the
        geometry, so under that hypothesis rows are independent, draws of one geometry included. Classes and bins with
        expected counts below MIN_EXPECTED are left out.
    """
    from scipy.special import chdtrc

    information = _entropy(matrix.sum(axis=0)) + _entropy(matrix.sum(axis=1)) - _entropy(matrix.ravel())
    table = matrix[matrix.sum(axis=1) > 0]
    if len(table):
        table = table[:, table.sum(axis=1).min() * table.sum(axis=0) / table.sum() >= MIN_EXPECTED]
        table = table[table.sum(axis=1) > 0]  # a bin may have had no other classes
    if min(table.shape) < 2:
        return {"cramers_v": 0.0, "mutual_information": information, "p_value": 1.0}
    n, (r, k) = table.sum(), table.shape
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
    statistic, freedom = ((table - expected) ** 2 / expected).sum(), (r - 1) * (k - 1)
    phi = max(0.0, statistic / n - freedom / (n - 1))
    smaller = min(r - (r - 1) ** 2 / (n - 1), k - (k - 1) ** 2 / (n - 1)) - 1
    return {
        "cramers_v": float(np.sqrt(phi / smaller)),
        "mutual_information": information,
        "p_value": float(chdtrc(freedom, statistic)),
    }


def groups_across_parts(features: Mapping[str, Sequence[Path]], split: Path, pass_rows: int = 250_000) -> int:
    """How many duplicate groups have geometries in more than one part of a split.

    Groups are looked at in as many passes as keep some ``pass_rows`` geometries at a time, each pass with the groups of one
    remainder, so that memory does not grow with the rows.
    """
    crossing = start = 0
    for paths in features.values():
        total = sum(read_metadata(path)[0] for path in paths)
        passes = max(4, -(-total // pass_rows))  # a quarter of a group's 63 bits leaves room for its part
        for remainder in range(passes):
            next_parts = next_rows(read_rows(split, ["part"], start, start + total))
            kept = []
            for path in paths:
                for batch in read_rows(path, ["duplicate_group"]):
                    group = batch["duplicate_group"]
                    part = np.searchsorted(_PARTS, next_parts(len(group))["part"])
                    mine = group % passes == remainder
                    kept.append(group[mine] // passes * 4 + part[mine])
            group = np.unique(np.concatenate(kept)) // 4
            crossing += np.count_nonzero(np.unique(group, return_counts=True)[1] > 1)
        start += total
    return crossing
