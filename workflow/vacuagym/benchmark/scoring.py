"""Scores of predicted stability classes, for predictions in a file and the baselines alike.

Which rows of a part are scored is said in `vacuagym.benchmark.scored`.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from vacuagym.benchmark.scored import is_scored
from vacuagym.errors import InputError
from vacuagym.geometry import in_order
from vacuagym.schema import CLASSES, PARTS, Column, names_of
from vacuagym.tables.shards import new_shard

SCORE_COLUMNS = (
    Column("n_test", "int64", "1", "Scored rows of the test part."),
    Column("macro_f1", "float64", "1", "Mean F1 of the classes that occur among the true or the predicted ones."),
    Column("balanced_accuracy", "float64", "1", "Mean recall of the classes that occur."),
    Column("log_loss", "float64", "nat", "Mean -ln p(true class), p at least 2^-52."),
    Column(
        "expected_calibration_error",
        "float64",
        "1",
        "Mean |confidence - accuracy| of 15 equal bins of the largest probability.",
        "arXiv:1706.04599",
    ),
)
METRICS = tuple(names_of(SCORE_COLUMNS[1:]))

N_BINS = 15  # of the confidence, equally wide
SUM_TOLERANCE = 1e-3  # of the probabilities of a row: some files store few digits

_C = len(CLASSES)
_LOSS = _C * _C  # position in a tally of the sum of log losses, after the confusion matrix and before the bins
N_TALLY = _LOSS + 1 + N_BINS

_KEYS = ["geometry_id", "sample"]  # of a row within its dataset
_TEXT = (pl.String, pl.Categorical, pl.Enum)


# --- metrics ----------------------------------------------------------------------------------------------------------


def class_code(strict: bool = True) -> pl.Expr:
    """Position in CLASSES of the column ``stability``, Int8; a text that is no class is an error, or null if not strict."""
    return pl.col("stability").cast(pl.Enum(CLASSES), strict=strict).to_physical().cast(pl.Int8)


def tally(truth, predicted, probabilities=None, group=None, n_groups: int = 1) -> np.ndarray:
    """Sums over each group of rows that determine the metrics. Tallies of disjoint rows add up.

    Parameters
    ----------
    truth, predicted : int array (rows,)
        Positions in CLASSES.
    probabilities : float array (rows, classes), optional
    group : int array (rows,), optional
        From 0 to n_groups - 1; one group by default.
    n_groups : int

    Returns
    -------
    float64 array (n_groups, N_TALLY)
        Confusion matrix; sum of log losses; sums of confidence - correctness in each bin of confidence.
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
    """The METRICS of tallies.

    Parameters
    ----------
    tallies : float64 array (..., N_TALLY)
        Log loss and calibration error are 0 where these were made without probabilities.

    Returns
    -------
    macro_f1 : float64 array (...)
        Mean F1 of the classes that occur among the true or the predicted ones.
    balanced_accuracy : float64 array (...)
        Mean recall of the classes that occur among the true ones.
    log_loss : float64 array (...)
        Mean -ln p(true class), in nats; p is at least 2^-52.
    expected_calibration_error : float64 array (...)
        Mean over rows of |confidence - accuracy| of the row's bin, of N_BINS equal bins of the largest probability
        (Guo et al., arXiv:1706.04599).
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


def _mean_where(numerator, denominator):
    there = denominator > 0
    ratio = np.divide(numerator, denominator, out=np.zeros_like(numerator), where=there)
    return ratio.sum(-1) / there.sum(-1)


def scores(total: np.ndarray) -> dict[str, float]:
    """The values of SCORE_COLUMNS of one tally (N_TALLY,)."""
    values = {name: float(value) for name, value in metrics(total).items()}
    return {"n_test": int(total[:_LOSS].sum())} | values


def bootstrap(tallies: np.ndarray, n_resamples: int, seed: int) -> dict[str, tuple[float, float]]:
    """Intervals of 95 % of the METRICS, from percentiles under resampling of whole groups.

    Parameters
    ----------
    tallies : float64 array (groups, N_TALLY)
    n_resamples : int
    seed : int

    Returns
    -------
    dict of str to tuple of float
        Lower and upper end for each metric.
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
    """Score a file of predictions against a run. Memory grows with the rows of the part, some 400 bytes per row.

    Parameters
    ----------
    predictions : Path
        Parquet file with the columns dataset, geometry_id, sample, stability, and possibly p_<class>, the probabilities of
        classes; absent ones are 0. One row for each label row of the part, in any order.
    split : str
    results : Path
        Folder of the run's results.
    part : str
        One of `vacuagym.schema.PARTS`.
    datasets : sequence of str, optional
        Those that are predicted; by default all that have geometries in the part.
    n_resamples, seed : int
        Of the bootstrap.

    Returns
    -------
    dict
        split, part, datasets, rows, scored, groups; metrics: {name: {value, low, high}}, without those of probabilities
        if there are none; classes: {class: {rows, recall, f1}} of the scored rows.

    Raises
    ------
    InputError
        Unknown split, part or dataset; missing, duplicate or unknown rows; bad classes or probabilities.
    """
    truth = load_truth(results, split, part, datasets)
    found = load_predictions(predictions, list(truth))
    probabilities = [name for name in found.columns if name.startswith("p_")]
    tallies, rows = [], 0
    for dataset, expected in truth.items():
        mine = found.filter(pl.col("dataset") == dataset)
        scored = _matched(predictions, f"{dataset} in {part} of {split}", expected, mine).filter("scored")
        groups, group = np.unique(scored["duplicate_group"].to_numpy(), return_inverse=True)
        p = scored.select(probabilities).to_numpy() if probabilities else None
        tallies.append(tally(scored["truth"].to_numpy(), scored["predicted"].to_numpy(), p, group, len(groups)))
        rows += len(expected)
    tallies = np.concatenate(tallies)
    total = tallies.sum(axis=0)
    if not total[:_LOSS].any():
        raise InputError(f"split {split}", f"has no scored row in its part {part}; run with a larger n_limit")
    values, intervals = scores(total), bootstrap(tallies, n_resamples, seed)
    confusion = total[:_LOSS].reshape(_C, _C)
    true, said, hit = confusion.sum(1).tolist(), confusion.sum(0).tolist(), confusion.diagonal().tolist()
    return {
        "split": split,
        "part": part,
        "datasets": list(truth),
        "rows": rows,
        "scored": values["n_test"],
        "groups": len(tallies),
        "metrics": {
            name: {"value": values[name], "low": intervals[name][0], "high": intervals[name][1]}
            for name in (METRICS if probabilities else METRICS[:2])
        },
        "classes": {
            name: {"rows": int(true[i]), "recall": hit[i] / true[i], "f1": 2 * hit[i] / (true[i] + said[i])}
            for i, name in enumerate(CLASSES)
            if true[i]
        },
    }


def tables(results: Path) -> dict[str, list[Path]]:
    """The shards of each table of a run, by the table's name, as in labels/ks; of ``splits``, one table for each."""
    paths = [*Path(results).glob("*/*/part-*.parquet"), *Path(results).glob("splits/*.parquet")]
    found: dict[str, list[Path]] = {}
    for path in sorted(paths):
        found.setdefault(path.parent.relative_to(results).as_posix(), []).append(path)
    return found


def load_truth(
    results: Path, split: str, part: str = "test", datasets: Sequence[str] | None = None
) -> dict[str, pl.DataFrame]:
    """The label rows of a part of a run, by dataset; parameters and errors as of `evaluate`.

    Returns
    -------
    dict of str to DataFrame
        Columns geometry_id, sample, duplicate_group, truth (position in CLASSES) and scored (bool), ordered by the keys.
    """
    found = tables(results)
    splits = {path.stem: path for path in found.get("splits", ())}
    features, labels = (
        {name.partition("/")[2] for name in found if name.startswith(kind)} for kind in ("features/", "labels/")
    )
    known = in_order(features & labels)
    for kind, names, there in (("split", [split], splits), ("part", [part], PARTS), ("dataset", datasets or (), known)):
        for name in names:
            if name not in there:
                raise InputError(f"{kind} {name!r}", f"is none of the run in {results}; it has {', '.join(there)}")
    truth = {}
    for dataset in datasets or known:
        inside = pl.scan_parquet(splits[split]).filter(pl.col("dataset") == dataset, pl.col("part") == part)
        groups = pl.scan_parquet(found[f"features/{dataset}"]).select("geometry_id", "duplicate_group")
        labels = pl.scan_parquet(found[f"labels/{dataset}"])
        columns = labels.collect_schema().names()
        rows = (
            labels.join(inside.select("geometry_id").join(groups, on="geometry_id"), on="geometry_id")
            .select(
                pl.col(_KEYS).cast(pl.Int64),
                "duplicate_group",
                class_code().alias("truth"),
                is_scored(columns).alias("scored"),
            )
            .sort(_KEYS)
            .collect(engine="streaming")
        )
        if len(rows):
            truth[dataset] = rows
        elif datasets:
            raise InputError(f"dataset {dataset!r}", f"has no geometry in the part {part} of {split}")
    if not truth:
        raise InputError(f"split {split}", f"has no geometry in its part {part}; run with a larger n_limit")
    return truth


def load_predictions(path: Path, datasets: Sequence[str]) -> pl.DataFrame:
    """Predictions of the given datasets, checked row by row.

    Returns
    -------
    DataFrame
        Columns dataset, geometry_id, sample, predicted (position in CLASSES) and, if the file has probabilities, p_<class>
        (Float32) for each of CLASSES, in this order.

    Raises
    ------
    InputError
        The file is no parquet, or a column or a row is not as it should be.
    """
    try:
        schema = pl.read_parquet_schema(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(path, f"cannot be read as parquet ({error})") from error
    needed = ["dataset", *_KEYS, "stability"]
    given = [name for name in schema if name.startswith("p_")]
    missing, unknown = [name for name in needed if name not in schema], set(given) - {f"p_{name}" for name in CLASSES}
    if missing:
        raise InputError(path, f"misses the columns {', '.join(missing)}; expected {', '.join(needed)}, p_<class>")
    if unknown:
        raise InputError(path, f"has the column {min(unknown)}; the classes are {', '.join(CLASSES)}")
    for names, expected, is_good in (
        (("dataset", "stability"), "text", lambda dtype: dtype in _TEXT),
        (_KEYS, "integers", lambda dtype: dtype.is_integer()),
        (given, "numbers", lambda dtype: dtype.is_numeric()),
    ):
        for name in names:
            if not is_good(schema[name]):
                raise InputError(path, f"has {schema[name]} in {name}, expected {expected}")
    rows = pl.scan_parquet(path, glob=False).select(
        pl.col("dataset", "stability").cast(pl.String),
        pl.col(_KEYS).cast(pl.Int64, strict=False),
        pl.col(given).cast(pl.Float64),
    )
    _check_rows(path, rows, datasets, given)
    p = [pl.col(f"p_{name}") if f"p_{name}" in given else pl.lit(0.0).alias(f"p_{name}") for name in CLASSES]
    table = rows.select(
        pl.col("dataset").cast(pl.Enum(datasets)),
        *_KEYS,
        class_code().alias("predicted"),
        *(column.cast(pl.Float32) for column in p if given),
    ).collect(engine="streaming")
    if table.is_empty():
        raise InputError(path, "holds no prediction")
    return table


def _check_rows(path: Path, rows: pl.LazyFrame, datasets: Sequence[str], given: Sequence[str]) -> None:
    """Refuse a file with a bad row: say which is the first, and what is wrong with it."""
    checks: list[tuple[pl.Expr, Callable[[dict], str]]] = [
        (pl.col(name).is_null(), lambda row, name=name: f"has no value in {name}")
        for name in ("dataset", *_KEYS, "stability", *given)
    ]
    checks += [
        (
            ~pl.col(name).is_in(known),
            lambda row, name=name, known=known: f"has {row[name]!r} in {name}, expected one of {', '.join(known)}",
        )
        for name, known in (("dataset", datasets), ("stability", CLASSES))
    ]
    if given:
        total = pl.sum_horizontal(given)
        checks += [
            (
                ~pl.all_horizontal(pl.col(given).is_between(0, 1)),
                lambda row: f"has probabilities {[row[name] for name in given]}, not all in 0 to 1",
            ),
            (
                (total - 1).abs() > SUM_TOLERANCE,
                lambda row: f"has probabilities that sum to {sum(row[name] for name in given):.6g}, not to 1",
            ),
        ]
    first = [pl.col("row").filter(bad).min().alias(str(number)) for number, (bad, _) in enumerate(checks)]
    found = rows.with_row_index("row").select(first).collect(engine="streaming").row(0)
    for number, (_, reason) in zip(found, checks, strict=True):
        if number is not None:
            row = rows.slice(number, 1).collect().row(0, named=True)
            raise InputError(f"{path}, row {number}", reason(row))


def _matched(path: Path, of: str, expected: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Truth and prediction side by side, in the order of the keys; refuse what is not one prediction for each row."""
    found = found.sort(_KEYS)
    if found.select(_KEYS).equals(expected.select(_KEYS)):
        return pl.concat([expected, found.drop("dataset", *_KEYS)], how="horizontal")
    wrong = (
        (found.filter(found.select(_KEYS).is_duplicated()).unique(_KEYS), "predicts {} rows of {} more than once"),
        (found.join(expected, on=_KEYS, how="anti"), "predicts {} rows that are not those of {}"),
        (expected.join(found, on=_KEYS, how="anti"), f"misses {{}} of the {len(expected)} rows of {{}}"),
        (
            expected.filter(expected.select(_KEYS).is_duplicated()),
            "meets labels that hold {} rows of {} more than once",
        ),
    )
    rows, reason = next((rows, reason) for rows, reason in wrong if len(rows))
    geometry, sample = rows.sort(_KEYS).select(_KEYS).row(0)
    raise InputError(path, f"{reason.format(len(rows), of)}, as geometry_id {geometry}, sample {sample}")


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


# --- tables of scores -------------------------------------------------------------------------------------------------


def write_scores(rows: Sequence[Mapping], columns: Sequence[Column], recipe: dict, out: Path) -> None:
    """Write rows of flat values as one table."""
    with new_shard(out, columns, recipe) as write:
        write({name: np.array([row[name] for row in rows]) for name in names_of(columns)})
    print(f"{len(rows)} rows")
