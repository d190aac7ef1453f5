"""The figure of where a learner errs: which classes it confuses, what its probabilities are worth, how near errors are to
the boundary of a class.

One baseline is fitted for it, on the first draws of each dataset in run order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from vacuagym.benchmark.baselines import BASELINES, DUPLICATE_GROUP, fit_classes
from vacuagym.benchmark.baselines.inputs import inputs_of
from vacuagym.benchmark.scored import is_scored, label_reads
from vacuagym.benchmark.scoring import class_code
from vacuagym.benchmark.tasks import TASKS
from vacuagym.geometry import FAMILIES
from vacuagym.models import MODELS
from vacuagym.models.base import LabelModel
from vacuagym.publish.figures import CLASS_COLOURS, GREY, class_legend, new_figure, save, title_of
from vacuagym.publish.portraits import first_draws
from vacuagym.schema import CLASSES, PART
from vacuagym.tables.frames import Shard, read_run, to_columns
from vacuagym.tables.shards import read_schema

LEARNER = BASELINES["gradient_boosting"]
DRAWS = 20_000  # of each dataset: some 10,000 rows to train on, 2,000 to test on
MIN_ROWS = 20  # of a point of a curve
_P_EDGES = np.linspace(0.0, 1.0, 11)
_MARGIN_BINS = 6


class Predictions(NamedTuple):
    """Predictions of the test rows of a dataset."""

    truth: np.ndarray  # int (rows,), positions in CLASSES
    p: np.ndarray  # float64 (rows, classes)
    weight: np.ndarray  # float64 (rows,), 1 / (rows of the duplicate group)
    margin: np.ndarray  # float64 (rows,), how far the class is from changing; NaN where that is not known

    @property
    def said(self) -> np.ndarray:
        """The predicted class, int (rows,)."""
        return self.p.argmax(axis=1)


def plot_errors(tables: Mapping[str, Sequence[Path]], name: str, out: Path) -> None:
    """Fit `LEARNER` to the training part of each dataset and plot its errors on the test part.

    Parameters
    ----------
    tables : mapping of str to sequence of Path
        The run's features, labels and one split, see `read_run`.
    name : str
        Of the label model.
    out : Path

    Raises
    ------
    InputError
        A table is damaged or of another run.
    """
    run, model = read_run(tables), MODELS[name]
    [split] = run.splits.values()
    found, families = {}, {}
    for dataset, shards in run.by_dataset().items():
        families[dataset] = shards[0].family
        found[dataset] = _predict(shards, split, model)
        print(f"{dataset}: {len(found[dataset].truth):,} test rows")
    margin = import_module(model.portrait).MARGIN if model.portrait else ""
    save(errors(found, families, margin), out)


def _predict(shards: Sequence[Shard], split: Path, model: LabelModel) -> Predictions:
    family, of_labels = FAMILIES[shards[0].family], read_schema(shards[0].labels)
    inputs = replace(inputs_of(TASKS["stability"], [family], model), oracle=())
    decides = model.oracle.reads(family) if model.portrait else ()
    columns = [*inputs.reads, *decides, *label_reads(of_labels), DUPLICATE_GROUP]
    scored = is_scored(of_labels)
    blocks: dict[str, list] = {"train": [], "test": []}
    for rows in first_draws(shards, DRAWS, columns, {PART.name: split}):
        for part, found in blocks.items():
            some = rows.filter(scored, pl.col(PART.name) == part)
            margin = np.full(len(some), np.nan)
            if part == "test" and model.portrait and len(some):
                margin = import_module(model.portrait).margins(to_columns(some.select(decides)))
            classes = some.select(class_code()).to_series().to_numpy()
            found.append((inputs.matrix(some), classes, some[DUPLICATE_GROUP].to_numpy(), margin))
    train, test = ([np.concatenate(column) for column in zip(*blocks[part], strict=True)] for part in blocks)
    x, truth, group, margin = test
    if len(np.unique(train[1])) < 2 or len(x) == 0:
        print("notice: too few rows to fit or to test; raise n_limit")
        return Predictions(truth[:0], np.zeros((0, len(CLASSES))), np.zeros(0), np.zeros(0))
    p = fit_classes(LEARNER, 0, *train[:2])(x)
    _, position, rows_of = np.unique(group, return_inverse=True, return_counts=True)
    return Predictions(truth.astype(int), p, 1.0 / rows_of[position], margin)


# --- what is drawn ----------------------------------------------------------------------------------------------------


def confusion(found: Predictions) -> np.ndarray:
    """Share of the rows of each true class (row) that is said to be of each class (column); NaN without rows."""
    counts = np.zeros((len(CLASSES), len(CLASSES)))
    np.add.at(counts, (found.truth, found.said), found.weight)
    with np.errstate(invalid="ignore"):
        return counts / counts.sum(axis=1, keepdims=True)


def reliability(found: Predictions, class_: int) -> np.ndarray:
    """Mean probability of a class and share of the rows that are of it, in bins of the probability; (bins, 2)."""
    p, is_so = found.p[:, class_], found.truth == class_
    bins = np.clip(np.searchsorted(_P_EDGES, p, side="right") - 1, 0, len(_P_EDGES) - 2)
    points = [
        np.average(np.stack([p[rows], is_so[rows]]), axis=1, weights=found.weight[rows])
        for rows in (bins == k for k in range(len(_P_EDGES) - 1))
        if np.count_nonzero(rows) >= MIN_ROWS
    ]
    return np.array(points).reshape(-1, 2)


def f1_by_margin(found: Predictions, class_: int) -> np.ndarray:
    """Median margin and F1 of a class, in bins of the margin with about as many rows each; (bins, 2)."""
    there = ~np.isnan(found.margin)
    order = np.flatnonzero(there)[np.argsort(found.margin[there], kind="stable")]
    points = []
    for rows in np.array_split(order, _MARGIN_BINS):
        true, said = found.truth[rows] == class_, found.said[rows] == class_
        if np.count_nonzero(true) >= MIN_ROWS:
            weight = found.weight[rows]
            f1 = 2 * weight[true & said].sum() / (weight[true].sum() + weight[said].sum())
            points.append((np.median(found.margin[rows]), f1))
    return np.array(points).reshape(-1, 2)


def errors(found: Mapping[str, Predictions], families: Mapping[str, str], margin_text: str = "") -> Figure:
    """Confusion, reliability and, where margins are known, F1 against the margin; one row of panels per dataset."""
    figure, axes = new_figure(3 if margin_text else 2, len(found), height=3.2)
    present: set[str] = set()
    for (dataset, predictions), row in zip(found.items(), axes, strict=True):
        classes = np.union1d(predictions.truth, predictions.said)
        present |= {CLASSES[k] for k in classes}
        row[0].set_title(title_of(dataset, families[dataset]), fontsize=12)
        if len(classes):
            _draw_confusion(row[0], confusion(predictions)[np.ix_(classes, classes)], [CLASSES[k] for k in classes])
        row[1].plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
        curves = [(row[1], reliability)] + [(axis, f1_by_margin) for axis in row[2:]]
        for (axis, curve), k in ((pair, k) for pair in curves for k in classes):
            axis.plot(*curve(predictions, k).T, "o-", color=CLASS_COLOURS[CLASSES[k]], markersize=4)
            axis.set_ylim(0, 1.02)
            axis.grid(alpha=0.3)
        row[1].set(xlabel="predicted probability of a class", ylabel="share that is of it", xlim=(0, 1.02))
        for axis in row[2:]:
            axis.set(xscale="log", xlabel=margin_text, ylabel="F1")
            axis.xaxis.set_major_locator(FixedLocator([1.1, 1.5, 2, 3, 5, 10, 20, 50, 100]))
            axis.xaxis.set_minor_locator(NullLocator())
            axis.xaxis.set_major_formatter("{x:g}")
    class_legend(figure, present)
    return figure


def _draw_confusion(axis: Axes, shares: np.ndarray, names: Sequence[str]) -> None:
    axis.imshow(shares, cmap="Greys", vmin=0, vmax=1, aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        if share == share:
            colour = "white" if share > 0.5 else "black"
            axis.text(column, row, f"{share:.0%}", ha="center", va="center", color=colour, fontsize=10)
    axis.set_xticks(range(len(names)), names, rotation=25, ha="right", rotation_mode="anchor", fontsize=10)
    axis.set_yticks(range(len(names)), names, fontsize=10)
    axis.set(xlabel="predicted", ylabel="true")
