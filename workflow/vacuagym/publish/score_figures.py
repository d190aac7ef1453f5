"""The figures of what a run costs, and of its scores, from its tables of jobs and scores."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vacuagym.benchmark.splits import SPLITS
from vacuagym.benchmark.tasks import TASKS
from vacuagym.publish.figures import INDIGO, MARKERS, ROSE, SERIES, new_figure, one_legend, panels_of, save
from vacuagym.tables.frames import read_csv

METRIC = "macro_f1"
AXIS = {METRIC: "macro-averaged F1", "found": "goals found"}
AWAY = "trained on the other families"
MAIN_TASK = next(iter(TASKS))  # whose scores are plotted


def read_jobs(path: Path) -> pl.DataFrame:
    """Read what each job declared and took, as it recorded itself; see `vacuagym.job`.

    Returns
    -------
    DataFrame
        Columns rule, mem_mb, peak_mb, rows and seconds, sorted by rule.
    """
    types = {"rule": pl.String, "mem_mb": pl.Float64, "peak_mb": pl.Float64, "rows": pl.Int64, "seconds": pl.Float64}
    return read_csv(path, types, separator="\t").sort("rule", maintain_order=True)


def costs(jobs: pl.DataFrame) -> Figure:
    """Peak memory of every job beside what its rule declares, and rows per second; one line per rule."""
    rules = jobs["rule"].unique(maintain_order=True).to_list()
    figure, axes = new_figure(2, width=5.0, height=1.4 + 0.32 * len(rules), sharey=True)
    memory, rates = axes[0]
    row = jobs["rule"].rle_id()
    memory.plot(jobs["peak_mb"], row, "o", color=INDIGO, alpha=0.6, label="measured")
    memory.plot(jobs["mem_mb"], row, "|", color=ROSE, markersize=14, markeredgewidth=2.5, label="declared")
    memory.set(xlim=(0, None), xlabel="memory of a job (MB)")
    counts = jobs["rows"].to_numpy() > 0
    rate = (jobs["rows"] / jobs["seconds"].clip(0.01)).to_numpy()  # the table has hundredths of a second
    rates.plot(rate[counts], row.to_numpy()[counts], "o", color=INDIGO, alpha=0.6)
    rates.set(xscale="log", xlabel="rows per second of a job")
    memory.set_yticks(range(len(rules)), rules)
    memory.set_ylim(max(len(rules), 1) - 0.5, -0.5)
    for axis in axes[0]:
        axis.grid(alpha=0.3)
    one_legend(figure)
    return figure


# --- scores --------------------------------------------------------------------------------------------------------------


def read_baselines(path: Path) -> pl.DataFrame:
    """Read the scores of the baselines on the main task.

    Returns
    -------
    DataFrame
        dataset, model, split and n_train; then mean of `METRIC` over the seeds, and low and high, between which lie its
        values and its intervals.
    """
    names, numbers = ("task", "dataset", "model", "split", "metric"), ("value", "low", "high")
    types = dict.fromkeys(names, pl.String) | {"n_train": pl.Int64} | dict.fromkeys(numbers, pl.Float64)
    scores = read_csv(path, types).filter(task=MAIN_TASK, metric=METRIC).with_columns(pl.col(numbers).fill_nan(None))
    return scores.group_by("dataset", "model", "split", "n_train", maintain_order=True).agg(
        mean=pl.col("value").mean(),
        low=pl.min_horizontal(pl.col("value", "low").min()),
        high=pl.max_horizontal(pl.col("value", "high").max()),
    )


def read_scores(path: Path, score: str, *keys: str) -> pl.DataFrame:
    """Read a table of scores and summarise the seeds.

    Parameters
    ----------
    score : str
        The column to read.
    keys : str
        The columns that tell the experiments apart, besides the seed.

    Returns
    -------
    DataFrame
        The keys, then mean, low and high of the score over the seeds, in the order of the table.
    """
    types = {key: pl.Int64 if key == "asked" else pl.String for key in keys}
    scores = read_csv(path, types | {score: pl.Float64}).group_by(keys, maintain_order=True).agg(score)
    values = pl.col(score).list
    return scores.select(*keys, mean=values.mean(), low=values.min(), high=values.max())


def baseline_scores(scores: pl.DataFrame, families: Mapping[str, str]) -> Figure:
    """Score of every baseline by split, with its interval, at the most training rows; one panel per dataset tested on."""
    models, datasets = (scores[key].unique(maintain_order=True).to_list() for key in ("model", "dataset"))
    scores = scores.filter(pl.col("n_train") == pl.col("n_train").max().over("dataset", "model", "split"))
    kinds = {split: AWAY if SPLITS[split].holds_out else split for split in scores["split"]}
    series = list(dict.fromkeys(kinds.values()))
    rows = {model: row for row, model in enumerate(models)}
    figure, axes = new_figure(max(1, len(datasets)), height=1.4 + 0.5 * len(models), sharex=True, sharey=True)
    panels = panels_of(axes[0][: len(datasets)], {dataset: families[dataset] for dataset in datasets})
    for (dataset, split), group in scores.group_by("dataset", "split", maintain_order=True):
        k = series.index(kinds[split])
        row = group["model"].replace_strict(rows, return_dtype=pl.Float64) + 0.7 * ((k + 0.5) / len(series) - 0.5)
        panels[dataset].hlines(row, group["low"], group["high"], color=SERIES[k], linewidth=1.5)
        panels[dataset].plot(group["mean"], row, MARKERS[k], color=SERIES[k], markersize=5, label=series[k])
    for axis in panels.values():
        axis.set_xlabel(AXIS[METRIC])
        axis.grid(alpha=0.3)
    axes[0][0].set_yticks(range(len(models)), [_in_words(model) for model in models])
    axes[0][0].set_ylim(max(len(models), 1) - 0.5, -0.5)
    one_legend(figure)
    return figure


def learning_curves(scores: pl.DataFrame, families: Mapping[str, str]) -> Figure:
    """Score of every baseline on `iid`, with its interval, against the rows it is trained on; one panel per dataset."""
    scores = scores.filter(split="iid")
    models, datasets = (scores[key].unique(maintain_order=True).to_list() for key in ("model", "dataset"))
    figure, axes = new_figure(max(1, len(datasets)), height=3.6, sharey=True)
    panels = panels_of(axes[0][: len(datasets)], {dataset: families[dataset] for dataset in datasets})
    for (dataset, model), curve in scores.sort("n_train").group_by("dataset", "model", maintain_order=True):
        k, axis = models.index(model), panels[dataset]
        axis.vlines(curve["n_train"], curve["low"], curve["high"], color=SERIES[k], linewidth=1.5)
        axis.plot(
            curve["n_train"], curve["mean"], MARKERS[k] + "-", color=SERIES[k], label=_in_words(model), markersize=5
        )
    for dataset, axis in panels.items():
        _log_axis(axis, scores.filter(dataset=dataset)["n_train"], "training rows")
    axes[0][0].set_ylabel(AXIS[METRIC])
    one_legend(figure)
    return figure


def search_curves(tables: Mapping[str, pl.DataFrame], families: Mapping[str, str]) -> Figure:
    """Scores against the rows asked about, mean and range over the seeds; a line per strategy, a column per dataset.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Of each score, a row of panels: what `read_scores` gives for dataset, strategy and asked.
    families : mapping of str to str
        The name of each dataset's family.
    """
    first = next(iter(tables.values()))
    datasets, strategies = (first[key].unique(maintain_order=True).to_list() for key in ("dataset", "strategy"))
    figure, axes = new_figure(max(1, len(datasets)), len(tables), height=2.8, sharey="row")
    panels_of(axes[0][: len(datasets)], {dataset: families[dataset] for dataset in datasets})
    for row, (score, scores) in zip(axes, tables.items(), strict=True):
        for (dataset, strategy), curve in scores.sort("asked").group_by("dataset", "strategy", maintain_order=True):
            axis, k = row[datasets.index(dataset)], strategies.index(strategy)
            axis.plot(curve["asked"], curve["mean"], MARKERS[k] + "-", color=SERIES[k], label=strategy, markersize=5)
            axis.fill_between(curve["asked"], curve["low"], curve["high"], color=SERIES[k], alpha=0.15, linewidth=0)
        for dataset, axis in zip(datasets, row, strict=False):
            _log_axis(axis, scores.filter(dataset=dataset)["asked"], "rows asked about")
        row[0].set_ylabel(AXIS[score])
    one_legend(figure)
    return figure


def _in_words(model: str) -> str:
    return model.replace("_", " ")


def _log_axis(axis: Axes, values: pl.Series, text: str) -> None:
    """A logarithmic x axis with as many of the values as it has room for."""
    ticks: list[int] = []
    for value in values.unique().sort():
        if not ticks or value >= 1.9 * ticks[-1]:
            ticks.append(value)
    axis.set(xlabel=text, xscale="log")
    axis.set_xticks(ticks, [f"{tick:,}" for tick in ticks], fontsize=10)
    axis.minorticks_off()
    axis.grid(alpha=0.3)


# --- what the rules call -------------------------------------------------------------------------------------------------


def plot_costs(memory: Path, out: Mapping[str, Path]) -> None:
    """Plot what the jobs of a run cost.

    Parameters
    ----------
    memory : Path
        The table that jobs append to.
    out : mapping of str to Path
        Where to write costs.
    """
    save(costs(read_jobs(memory)), out["costs"])


def plot_scores(baselines: Path, active_learning: Path, families: Mapping[str, str], out: Mapping[str, Path]) -> None:
    """Plot the tables of scores.

    Parameters
    ----------
    baselines, active_learning : Path
        The tables as CSV.
    families : mapping of str to str
        The name of each dataset's family.
    out : mapping of str to Path
        Where to write baselines, learning_curves and search.
    """
    scores = read_baselines(baselines)
    save(baseline_scores(scores, families), out["baselines"])
    save(learning_curves(scores, families), out["learning_curves"])
    keys = ("dataset", "strategy", "asked")
    save(search_curves({name: read_scores(active_learning, name, *keys) for name in AXIS}, families), out["search"])
