"""Scores of predictions: what `LoadedTask.evaluate` and the command line report, and the tables of scores of the workflow."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from vacuagym.benchmark import metrics
from vacuagym.benchmark.metrics import KINDS, Interval, Scores, Tally
from vacuagym.benchmark.predictions import TRUTH, Loaded, probability_columns, with_truth
from vacuagym.benchmark.tasks.base import Target
from vacuagym.schema import CLASSES, Column, names_of
from vacuagym.tables.arrays import Ragged
from vacuagym.tables.shards import new_shard

SCORE_COLUMNS = (
    Column("n_test", "int64", "1", "Scored rows of the test part."),
    *(Column(metric.name, "float64", "1", metric.meaning) for metric in KINDS["classes"].metrics),
)


def class_code(strict: bool = True, name: str = "stability") -> pl.Expr:
    """Position in CLASSES of a column of classes, Int8; a text that is no class is an error, or null if not strict."""
    return pl.col(name).cast(pl.Enum(CLASSES), strict=strict).to_physical().cast(pl.Int8)


# --- predictions ------------------------------------------------------------------------------------------------------


def evaluate(loaded: Loaded, predictions, against=None, part: str = "test", n_resamples: int = 1000, seed: int = 0):
    """Score predictions of a task. Memory grows with the rows of the part.

    Parameters
    ----------
    loaded : Loaded
    predictions, against
        See `LoadedTask.evaluate`.
    part : str
        One of `vacuagym.schema.PARTS`.
    n_resamples, seed : int
        Of the bootstrap.

    Returns
    -------
    dict
        task, split, part, edition; metrics: {name: {value, low, high}}, the mean over datasets; datasets: {name: {rows,
        groups, metrics, and for classes classes: {class: {rows, recall, f1}}}}; difference: as metrics, if there is
        ``against``, of the first predictions minus the others, and by dataset too.

    Raises
    ------
    InputError
        See `LoadedTask.evaluate`.
    """
    rows = with_truth(predictions, loaded, part)
    scores = {dataset: score(loaded.task.targets, frame) for dataset, frame in rows.items()}
    found = metrics.interval(scores, n_resamples, seed)
    report = {
        "task": loaded.task.name,
        "split": loaded.split,
        "part": part,
        "edition": loaded.folder.edition,
        "metrics": _as_dict(found.mean),
        "datasets": {
            dataset: {
                "rows": len(frame),
                "groups": len(scores[dataset].groups),
                "metrics": _as_dict(found.families[dataset]),
                **_by_class(loaded.task.targets[0], frame),
            }
            for dataset, frame in rows.items()
        },
    }
    if against is not None:
        others = {name: score(loaded.task.targets, frame) for name, frame in with_truth(against, loaded, part).items()}
        found = metrics.compare(scores, others, n_resamples, seed)
        report["difference"] = _as_dict(found.mean)
        for dataset in rows:
            report["datasets"][dataset]["difference"] = _as_dict(found.families[dataset])
    return report


def _as_dict(intervals: Mapping[str, Interval]) -> dict[str, dict[str, float | None]]:
    """Intervals as plain numbers; None where there is none."""
    return {
        name: {key: None if math.isnan(value) else value for key, value in interval._asdict().items()}
        for name, interval in intervals.items()
    }


def score(targets: Sequence[Target], rows: pl.DataFrame) -> Scores:
    """The scores of all targets of a task together, as a function of the weights of groups.

    Parameters
    ----------
    targets : sequence of Target
    rows : DataFrame
        As of `vacuagym.benchmark.predictions.with_truth`.
    """
    parts = [_score_target(target, rows) for target in targets]
    names = list(dict.fromkeys(name for part in parts for name in part.names))
    first = [next((k, part.names.index(name)) for k, part in enumerate(parts) if name in part.names) for name in names]

    def at(weights: np.ndarray) -> np.ndarray:
        values = [part.at(weights) for part in parts]
        return np.stack([values[k][:, column] for k, column in first], axis=1)

    return Scores(tuple(names), parts[0].groups, at)


def _score_target(target: Target, rows: pl.DataFrame) -> Scores:
    names, group = list(target.columns), rows["duplicate_group"].to_numpy()
    truth, said = (
        [_array(rows[prefix + name]) if prefix + name in rows.columns else None for name in names]
        for prefix in (TRUTH, "")
    )
    p = rows.select(name for name in probability_columns(target) if name in rows.columns).to_numpy()
    if target.kind == "integers":
        truth, said = ([np.stack(values, axis=1).astype(np.int64)] for values in (truth, said))
    elif target.kind == "classes":
        codes = [
            rows.select(class_code(name=prefix + names[0])).to_series().to_numpy().astype(np.int64)
            for prefix in (TRUTH, "")
        ]
        truth, said = [codes[0]], [codes[1]]
    probabilities = (p[:, 0] if target.kind == "binary" else p) if p.shape[1] else None
    return KINDS[target.kind].score(truth[0], said[0], probabilities, group, names)


def _array(column: pl.Series) -> np.ndarray | Ragged:
    if column.dtype != pl.List:
        return column.to_numpy()
    offsets = np.cumsum([0, *column.list.len()], dtype=np.int64)
    return Ragged(column.explode(empty_as_null=False).to_numpy(), offsets)


def _by_class(target: Target, rows: pl.DataFrame) -> dict:
    """Rows, recall and F1 of each true class, every duplicate group counted once."""
    if target.kind != "classes":
        return {}
    [name] = target.columns
    weight = (1 / pl.len().over("duplicate_group")).alias("weight")
    rows = rows.select(weight, said=pl.col(name), true=pl.col(TRUTH + name))
    found = {}
    for label in CLASSES:
        true, said = (rows.filter(pl.col(column) == label) for column in ("true", "said"))
        if len(true):
            hit, all_ = true.filter(pl.col("said") == label)["weight"].sum(), true["weight"].sum()
            found[label] = {"rows": len(true), "recall": hit / all_, "f1": 2 * hit / (all_ + said["weight"].sum())}
    return {"classes": found}


def as_text(report: Mapping) -> str:
    """A report of `evaluate` for people."""
    return "\n".join(_lines(report))


def _lines(report: Mapping) -> Iterator[str]:
    edition = report["edition"]["edition"]
    yield f"{report['task']}, {report['part']} part of {report['split']}, edition {edition}"
    tables = {
        f"{name}, {entry['rows']:,} rows, {entry['groups']:,} groups": entry
        for name, entry in report["datasets"].items()
    }
    if len(tables) > 1:
        tables = {"mean of the datasets": report} | tables
    for title, entry in tables.items():
        yield ""
        yield f"{title:<44}value   95 % interval"
        for name, metric in entry["metrics"].items():
            yield f"  {name:<42}{_in_words(metric)}"
        for name, metric in entry.get("difference", {}).items():
            yield f"  {'difference of ' + name:<42}{_in_words(metric)}"
        if "classes" in entry:
            yield f"  {'class':<16}{'rows':>10}  recall  F1"
        for name, values in entry.get("classes", {}).items():
            yield f"  {name:<16}{values['rows']:>10,}  {values['recall']:.4f}  {values['f1']:.4f}"


def _in_words(metric: Mapping[str, float | None]) -> str:
    if metric["value"] is None:
        return "not defined"
    interval = "" if metric["low"] is None else f"  {metric['low']:.4f} to {metric['high']:.4f}"
    return f"{metric['value']:.4f}{interval}"


def class_scores(tally: Tally) -> dict[str, float]:
    """The values of SCORE_COLUMNS, of tallied classes and probabilities."""
    return {"n_test": int(tally.rows.sum())} | tally.scores().values()


# --- tables of scores -------------------------------------------------------------------------------------------------


def write_scores(rows: Sequence[Mapping], columns: Sequence[Column], recipe: dict, out: Path) -> None:
    """Write rows of flat values as one table."""
    with new_shard(out, columns, recipe) as write:
        if rows:
            write({name: np.array([row[name] for row in rows]) for name in names_of(columns)})
    print(f"{len(rows)} rows")
