"""Scores of predicted stability classes: one rule of what is scored, for users' predictions and the baselines alike.

Scored are the rows of a part whose class is decided: not ``marginal`` or ``failed``, and ``controlled`` where the label
model has such a column (elsewhere the potential it solves approximates nothing).
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vacuagym import manifest
from vacuagym.errors import InputError
from vacuagym.geometry import COUNTS
from vacuagym.splits import PARTS
from vacuagym.tables.columns import Columns
from vacuagym.tables.shards import read_metadata, read_rows

CLASSES = (
    "stable",
    "metastable",
    "saddle",
    "unstable",
    "runaway",
    "marginal",
    "failed",
)  # each model says what they mean
UNDECIDED = ("marginal", "failed")
METRICS = ("macro_f1", "balanced_accuracy", "log_loss", "expected_calibration_error")

N_BINS = 15  # of the confidence, equally wide
SUM_TOLERANCE = 1e-3  # of the probabilities of a row: some store few digits
_SAMPLES = 1 << 20  # more than there are draws a geometry

_C = len(CLASSES)
_LOSS = _C * _C  # position in a tally of the sum of log losses, after the confusion matrix and before the bins
N_TALLY = _LOSS + 1 + N_BINS


# --- what is scored ---------------------------------------------------------------------------------------------------


def reads(label_columns: Iterable[str]) -> list[str]:
    """The columns of a label table that `scored` and the class of a row need."""
    return ["geometry_id", "sample", "stability", *(["controlled"] if "controlled" in label_columns else [])]


def scored(labels: Columns) -> np.ndarray:
    """Which rows of a label table are scored, bool (rows,)."""
    decided = ~np.isin(labels["stability"], UNDECIDED)
    return decided & labels["controlled"] if "controlled" in labels else decided


def class_codes(stability: np.ndarray) -> np.ndarray:
    """Positions in ``CLASSES`` of the classes of a label table, int8 (rows,)."""
    return _positions(CLASSES, stability).astype(np.int8)


def _positions(names: Sequence[str], values: np.ndarray) -> np.ndarray:
    order = np.argsort(names)
    return order[np.searchsorted(np.array(names)[order], values)]


def load_parts(split: Path, dataset: str) -> np.ndarray:
    """Part of each geometry of a dataset by its ``geometry_id``, int8: position in ``PARTS``; -1: not of the run."""
    parts = np.full(COUNTS[dataset], -1, dtype=np.int8)
    for batch in read_rows(split, ["dataset", "geometry_id", "part"]):
        mine = batch["dataset"] == dataset
        parts[batch["geometry_id"][mine]] = _positions(PARTS, batch["part"][mine])
    return parts


def count_classes(labels: Iterable[tuple[str, Path]], dataset: str, split_paths: Sequence[Path]) -> np.ndarray:
    """What each part of each split holds of a dataset, from label shards (dataset, path) in one pass.

    Returns
    -------
    int64 (splits, parts, 2 + classes) : geometries, rows, and scored rows of each of CLASSES.
    """
    counts = np.zeros((len(split_paths), len(PARTS), 2 + len(CLASSES)), dtype=np.int64)
    parts_of = [load_parts(path, dataset) for path in split_paths]
    for path in (path for name, path in labels if name == dataset):
        for batch in read_rows(path, reads(read_metadata(path)[1])):
            # one cell for each row: the class if the row is scored, else the cell behind the classes
            code = np.where(scored(batch), class_codes(batch["stability"]), len(CLASSES))
            for parts_of_split, count in zip(parts_of, counts, strict=True):
                part = parts_of_split[batch["geometry_id"]]
                for k in range(len(PARTS)):
                    mine = part == k
                    cells = np.bincount(code[mine], minlength=len(CLASSES) + 1)
                    count[k, 0] += np.count_nonzero(mine & (batch["sample"] == 0))
                    count[k, 1] += cells.sum()
                    count[k, 2:] += cells[:-1]
    return counts


# --- metrics ----------------------------------------------------------------------------------------------------------


def tally(truth, predicted, probabilities=None, group=None, n_groups: int = 1) -> np.ndarray:
    """What the metrics need to know of each group of rows. Tallies of rows add up.

    Parameters
    ----------
    truth, predicted : positions in CLASSES, int (rows,).
    probabilities : float (rows, classes), or None.
    group : int (rows,) from 0 to n_groups - 1; None: one group.

    Returns
    -------
    float64 (n_groups, K) : confusion matrix; sum of log losses; sums of confidence - correctness by bins of confidence.
    """
    rows = len(truth)
    group = np.zeros(rows, dtype=np.int64) if group is None else np.asarray(group, dtype=np.int64)
    cell = np.asarray(truth, dtype=np.int64) * _C + predicted
    tallies = np.zeros((n_groups, N_TALLY))
    tallies[:, :_LOSS] = np.bincount(group * _LOSS + cell, minlength=n_groups * _LOSS).reshape(n_groups, _LOSS)
    if probabilities is not None:
        tiny = np.finfo(np.float64).eps
        loss = -np.log(np.clip(np.asarray(probabilities[np.arange(rows), truth], dtype=np.float64), tiny, 1.0))
        tallies[:, _LOSS] = np.bincount(group, loss, n_groups)
        confidence = probabilities.max(axis=1).astype(np.float64)
        error = confidence - (probabilities.argmax(axis=1) == truth)
        bins = np.clip((confidence * N_BINS).astype(np.int64), 0, N_BINS - 1)
        sums = np.bincount(group * N_BINS + bins, error, n_groups * N_BINS)
        tallies[:, _LOSS + 1 :] = sums.reshape(n_groups, N_BINS)
    return tallies


def metrics(tallies: np.ndarray) -> dict[str, np.ndarray]:
    """The METRICS of tallies (..., K), each (...,).

    macro_f1 : mean F1 of the classes that occur among the true or the predicted ones.
    balanced_accuracy : mean recall of the classes that occur among the true ones.
    log_loss : mean -ln p(true class), in nats; p is at least 2^-52.
    expected_calibration_error : mean over rows of |confidence - accuracy| of the row's bin, of N_BINS equal bins of the
        largest probability (Guo et al., arXiv:1706.04599).

    The last two are 0 where the tallies were made without probabilities.
    """
    confusion = tallies[..., :_LOSS].reshape(*tallies.shape[:-1], _C, _C)
    true, said, hit = confusion.sum(-1), confusion.sum(-2), np.diagonal(confusion, axis1=-2, axis2=-1)
    rows = true.sum(-1)
    return {
        "macro_f1": _mean_where(2 * hit, true + said),
        "balanced_accuracy": _mean_where(hit, true),
        "log_loss": tallies[..., _LOSS] / rows,
        "expected_calibration_error": np.abs(tallies[..., _LOSS + 1 :]).sum(-1) / rows,
    }


def rows_of(tallies: np.ndarray) -> int:
    """Number of rows of a tally (K,)."""
    return int(tallies[:_LOSS].sum())


def _mean_where(numerator, denominator):
    there = denominator > 0
    ratio = np.divide(numerator, denominator, out=np.zeros_like(numerator), where=there)
    return ratio.sum(-1) / there.sum(-1)


def bootstrap(tallies: np.ndarray, n_resamples: int, seed: int) -> dict[str, tuple[float, float]]:
    """95 % percentile intervals of the METRICS under resampling of whole groups.

    Parameters
    ----------
    tallies : (groups, K), of `tally`.
    """
    rng, groups = np.random.default_rng(seed), len(tallies)
    resampled = np.empty((n_resamples, tallies.shape[1]))
    for sums in resampled:
        sums[:] = np.bincount(rng.integers(0, groups, groups), minlength=groups) @ tallies
    return {name: tuple(np.percentile(values, [2.5, 97.5]).tolist()) for name, values in metrics(resampled).items()}


# --- predictions in a file --------------------------------------------------------------------------------------------


def evaluate(
    predictions: Path,
    split: str,
    results: Path = Path("results"),
    part: str = "test",
    datasets: Sequence[str] | None = None,
    n_resamples: int = 1000,
    seed: int = 0,
) -> dict:
    """Score a file of predictions against a run. Memory grows with the rows of the part, some 100 bytes a row.

    Parameters
    ----------
    predictions : parquet with the columns dataset, geometry_id, sample, stability, and possibly p_<class>, the
        probabilities of classes; absent ones are 0. One row for each label row of the part, in any order.
    split, part : which rows. datasets : those predicted; None: all that the part has.
    n_resamples, seed : of the bootstrap.

    Returns
    -------
    dict : split, part, datasets, rows, scored, groups; metrics: {name: {value, low, high}}, without those of
        probabilities if there are none; classes: {class: {rows, recall, f1}} of the scored rows.

    Raises
    ------
    InputError : unknown split or dataset; missing, duplicate or unknown rows; bad classes or probabilities.
    """
    truth = load_truth(results, split, part, datasets)
    found = load_predictions(predictions, list(truth))
    tallies, rows = [], 0
    for dataset, table in truth.items():
        code = list(truth).index(dataset)
        mine = np.flatnonzero(found["dataset"] == code)
        mine = mine[np.argsort(found["key"][mine], kind="stable")]
        _check_rows(predictions, dataset, found["key"][mine], table["key"], split, part)
        kept = table["scored"]
        groups, group = np.unique(table["group"][kept], return_inverse=True)
        p = None if found["probabilities"] is None else found["probabilities"][mine[kept]]
        tallies.append(tally(table["truth"][kept], found["predicted"][mine[kept]], p, group, len(groups)))
        rows += len(table["key"])
    tallies = np.concatenate(tallies)
    total = tallies.sum(axis=0)
    if not total[:_LOSS].any():
        raise InputError(f"split {split}", f"has no scored row in its part {part}; run with a larger n_limit")
    values, intervals = metrics(total), bootstrap(tallies, n_resamples, seed)
    names = METRICS if found["probabilities"] is not None else METRICS[:2]
    confusion = total[:_LOSS].reshape(_C, _C)
    return {
        "split": split,
        "part": part,
        "datasets": list(truth),
        "rows": rows,
        "scored": int(total[:_LOSS].sum()),
        "groups": len(tallies),
        "metrics": {
            name: {"value": float(values[name]), "low": intervals[name][0], "high": intervals[name][1]}
            for name in names
        },
        "classes": {
            name: {
                "rows": int(confusion[i].sum()),
                "recall": float(confusion[i, i] / confusion[i].sum()),
                "f1": float(2 * confusion[i, i] / (confusion[i].sum() + confusion[:, i].sum())),
            }
            for i, name in enumerate(CLASSES)
            if confusion[i].any()
        },
    }


def load_truth(results: Path, split: str, part: str = "test", datasets: Sequence[str] | None = None) -> dict:
    """The label rows of a part of a run, by dataset.

    Returns
    -------
    {dataset: {key, truth, scored, group}} : arrays (rows,) in the order of the key, which stands for geometry_id and
        sample; truth in positions of CLASSES; group is the duplicate group.

    Raises
    ------
    InputError : there is no such run, split, part or dataset.
    """
    shards = [(entry["schema"], Path(results) / entry["path"]) for entry in manifest.load(results)["shards"]]
    names = {path.stem: path for table, path in shards if table == "splits"}
    if split not in names:
        raise InputError(f"split {split!r}", f"is none of the run in {results}; it has {', '.join(names)}")
    if part not in PARTS:
        raise InputError(f"part {part!r}", f"is none of {', '.join(PARTS)}")
    known = [table.removeprefix("features/") for table in dict(shards) if table.startswith("features/")]
    for dataset in datasets or ():
        if dataset not in known:
            raise InputError(f"dataset {dataset!r}", f"is none of the run in {results}; it has {', '.join(known)}")
    truth = {}
    for dataset in datasets or known:
        inside = load_parts(names[split], dataset) == PARTS.tolist().index(part)
        if not inside.any():
            if datasets:
                raise InputError(f"dataset {dataset!r}", f"has no geometry in the part {part} of {split}")
            continue
        groups = np.zeros(COUNTS[dataset], dtype=np.int64)
        for table, path in shards:
            if table == f"features/{dataset}":
                for batch in read_rows(path, ["geometry_id", "duplicate_group"]):
                    groups[batch["geometry_id"]] = batch["duplicate_group"]
        columns = {"key": [], "truth": [], "scored": []}
        for table, path in shards:
            if table == f"labels/{dataset}":
                for batch in read_rows(path, reads(read_metadata(path)[1])):
                    mine = inside[batch["geometry_id"]]
                    columns["key"].append((batch["geometry_id"] * _SAMPLES + batch["sample"])[mine])
                    columns["truth"].append(class_codes(batch["stability"][mine]))
                    columns["scored"].append(scored(batch)[mine])
        columns = {name: np.concatenate(column) for name, column in columns.items()}
        order = np.argsort(columns["key"])
        truth[dataset] = {name: column[order] for name, column in columns.items()}
        truth[dataset]["group"] = groups[truth[dataset]["key"] // _SAMPLES]
    if not truth:
        raise InputError(f"split {split}", f"has no geometry in its part {part}; run with a larger n_limit")
    return truth


def load_predictions(path: Path, datasets: Sequence[str]) -> dict:
    """Predictions of the given datasets, checked row by row.

    Returns
    -------
    dict : dataset (position in ``datasets``), key (as of `load_truth`), predicted (position in CLASSES), and
        probabilities, float32 (rows, classes) or None.
    """
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(path, f"cannot be read as parquet ({error})") from error
    with file:
        names = file.schema_arrow.names
        needed = ["dataset", "geometry_id", "sample", "stability"]
        missing = [name for name in needed if name not in names]
        if missing:
            raise InputError(path, f"misses the columns {', '.join(missing)}; expected {', '.join(needed)}, p_<class>")
        given = [name for name in names if name.startswith("p_")]
        for name in given:
            if name[2:] not in CLASSES:
                raise InputError(path, f"has the column {name}; the classes are {', '.join(CLASSES)}")
        for name in ("geometry_id", "sample"):
            if not pa.types.is_integer(file.schema_arrow.field(name).type):
                raise InputError(path, f"has {file.schema_arrow.field(name).type} in {name}, expected integers")
        row, parts = 0, []
        for batch in file.iter_batches(1 << 16, columns=needed + given):
            parts.append(_checked(path, row, batch, datasets, given))
            row += len(batch)
    if row == 0:
        raise InputError(path, "holds no prediction")
    table = {name: np.concatenate([part[name] for part in parts]) for name in parts[0] if parts[0][name] is not None}
    return {"probabilities": None} | table


def _checked(path, first, batch, datasets, given) -> dict:
    """One batch of predictions, its first row being number ``first`` of the file."""

    def refuse(bad, reason):
        at = np.flatnonzero(bad)
        if len(at):
            raise InputError(f"{path}, row {first + at[0]}", reason(int(at[0])))

    for name in batch.schema.names:
        nulls = batch.column(name).is_null().to_numpy(zero_copy_only=False)
        refuse(nulls, lambda i, name=name: f"has no value in {name}")

    def positions(name, known):
        column = batch.column(name)
        found = pc.index_in(_text(path, name, column), pa.array(known)).fill_null(-1).to_numpy(zero_copy_only=False)
        refuse(found < 0, lambda i: f"has {column[i].as_py()!r} in {name}, expected one of {', '.join(known)}")
        return found

    dataset, predicted = positions("dataset", list(datasets)), positions("stability", list(CLASSES))
    geometry = batch.column("geometry_id").to_numpy(zero_copy_only=False)
    sample = batch.column("sample").to_numpy(zero_copy_only=False)
    counts = np.array([COUNTS[name] for name in datasets])[dataset]
    refuse((geometry < 0) | (geometry >= counts), lambda i: f"has the unknown geometry_id {geometry[i]}")
    refuse((sample < 0) | (sample >= _SAMPLES), lambda i: f"has the unknown sample {sample[i]}")
    probabilities = None
    if given:
        p = np.stack([_numbers(path, name, batch.column(name)) for name in given], axis=1)
        refuse(~(p >= 0).all(axis=1) | ~(p <= 1).all(axis=1), lambda i: f"has probabilities {p[i]}, not all in 0 to 1")
        sums = p.sum(axis=1)
        refuse(np.abs(sums - 1) > SUM_TOLERANCE, lambda i: f"has probabilities that sum to {sums[i]:.6g}, not to 1")
        probabilities = np.zeros((len(p), _C), dtype=np.float32)
        probabilities[:, [CLASSES.index(name[2:]) for name in given]] = p
    key = geometry.astype(np.int64) * _SAMPLES + sample
    return {
        "dataset": dataset.astype(np.int8),
        "key": key,
        "predicted": predicted.astype(np.int8),
        "probabilities": probabilities,
    }


def _text(path, name, column):
    try:
        return column.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputError(path, f"has {column.type} in {name}, expected text") from error


def _numbers(path, name, column):
    if not pa.types.is_floating(column.type) and not pa.types.is_integer(column.type):
        raise InputError(path, f"has {column.type} in {name}, expected numbers")
    return column.to_numpy(zero_copy_only=False).astype(np.float64)


def _check_rows(path, dataset, keys, expected, split, part):
    """Refuse keys (sorted) that are not exactly the expected ones (sorted)."""

    def example(key):
        return f"geometry_id {key // _SAMPLES}, sample {key % _SAMPLES}"

    repeated = keys[1:][keys[1:] == keys[:-1]]
    if len(repeated):
        raise InputError(path, f"predicts {len(repeated)} rows of {dataset} again, as {example(repeated[0])}")
    unknown = keys[~np.isin(keys, expected)]
    if len(unknown):
        raise InputError(
            path,
            f"predicts {len(unknown)} rows of {dataset} that are not in {part} of {split}, as {example(unknown[0])}",
        )
    missing = expected[~np.isin(expected, keys)]
    if len(missing):
        raise InputError(
            path,
            f"misses {len(missing)} of {len(expected)} rows of {dataset} in {part} of {split}, as "
            f"{example(missing[0])}",
        )


def as_text(report: Mapping) -> str:
    """A report of `evaluate` for people."""
    lines = [
        f"{report['split']}, {report['part']} part of {', '.join(report['datasets'])}: {report['scored']:,} of "
        f"{report['rows']:,} rows are scored, {report['groups']:,} duplicate groups",
        "",
        f"{'metric':<28}value   95 % interval",
    ]
    for name, metric in report["metrics"].items():
        lines.append(f"{name:<28}{metric['value']:.4f}  {metric['low']:.4f} to {metric['high']:.4f}")
    lines += ["", f"{'class':<14}{'rows':>10}  recall  F1"]
    for name, entry in report["classes"].items():
        lines.append(f"{name:<14}{entry['rows']:>10,}  {entry['recall']:.4f}  {entry['f1']:.4f}")
    return "\n".join(lines)
