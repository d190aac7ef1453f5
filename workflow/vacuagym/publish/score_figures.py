"""The figures of what a run costs, and of its scores, from its tables of jobs and scores."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vacuagym.benchmark.splits import SPLITS
from vacuagym.benchmark.tasks import TASKS
from vacuagym.publish.figures import (
    BLUE,
    MARKERS,
    SERIES,
    VERMILION,
    new_figure,
    one_legend,
    panels_of,
    save,
)
from vacuagym.tables.frames import read_csv

METRIC = "macro_f1"
AXIS = {METRIC: "macro-averaged F1", "found": "goals found"}
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


def peak_memory(jobs: pl.DataFrame) -> Figure:
    """Peak memory of every job beside the memory its rule declares; one line per rule."""
    figure, axis = _by_rule(jobs, 0.32)
    rows = jobs["rule"].rle_id()
    axis.plot(jobs["peak_mb"], rows, "o", color=BLUE, alpha=0.6, label="measured")
    axis.plot(jobs["mem_mb"], rows, "|", color=VERMILION, markersize=14, markeredgewidth=2.5, label="declared")
    axis.set(xlim=(0, None), xlabel="memory of a job (MB)")
    one_legend(figure)
    return figure


def rates(jobs: pl.DataFrame) -> Figure:
    """Rows per second of every job that counts rows; one line per rule."""
    jobs = jobs.filter(pl.col("rows") > 0)
    figure, axis = _by_rule(jobs, 0.35)
    rate = jobs["rows"] / jobs["seconds"].clip(0.01)  # the table has hundredths of a second
    axis.plot(rate, jobs["rule"].rle_id(), "o", color=BLUE, alpha=0.6)
    axis.set(xscale="log", xlabel="rows per second of a job")
    return figure


def _by_rule(jobs: pl.DataFrame, height: float) -> tuple[Figure, Axes]:
    """A panel with one line, ``height`` inches high, per rule of the jobs."""
    rules = jobs["rule"].unique(maintain_order=True).to_list()
    figure, axes = new_figure(1, width=7.5, height=1.4 + height * len(rules))
    axis = axes[0][0]
    axis.set_yticks(range(len(rules)), rules)
    axis.set_ylim(max(len(rules), 1) - 0.5, -0.5)
    axis.grid(alpha=0.3)
    return figure, axis


# --- scores --------------------------------------------------------------------------------------------------------------


def read_baselines(path: Path) -> pl.DataFrame:
    """Read the table of the baselines: dataset, model and split of the main task, and mean, low and high of `METRIC`."""
    names = ("task", "dataset", "model", "split", "metric")
    scores = read_csv(path, dict.fromkeys(names, pl.String) | {"value": pl.Float64})
    scores = scores.filter(task=MAIN_TASK, metric=METRIC).group_by("dataset", "model", "split", maintain_order=True)
    value = pl.col("value")
    return scores.agg(mean=value.mean(), low=value.min(), high=value.max())


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
    """Score of every baseline by split, mean and range over the seeds; one panel per dataset that is tested on."""
    models, datasets = (scores[key].unique(maintain_order=True).to_list() for key in ("model", "dataset"))
    kinds = {split: "trained on the other families" if SPLITS[split].holds_out else split for split in scores["split"]}
    series = list(dict.fromkeys(kinds.values()))
    rows = {model: row for row, model in enumerate(models)}
    figure, axes = new_figure(len(datasets), height=1.4 + 0.45 * len(models), sharex=True, sharey=True)
    panels = panels_of(axes[0], {dataset: families[dataset] for dataset in datasets})
    for (dataset, split), group in scores.group_by("dataset", "split", maintain_order=True):
        k = series.index(kinds[split])
        row = group["model"].replace_strict(rows, return_dtype=pl.Float64) + 0.6 * ((k + 0.5) / len(series) - 0.5)
        panels[dataset].hlines(row, group["low"], group["high"], color=SERIES[k], linewidth=1.5)
        panels[dataset].plot(group["mean"], row, MARKERS[k], color=SERIES[k], label=series[k])
    for axis in panels.values():
        axis.set_xlabel(AXIS[METRIC])
        axis.grid(alpha=0.3)
    axes[0][0].set_yticks(range(len(models)), [model.replace("_", " ") for model in models])
    axes[0][0].set_ylim(len(models) - 0.5, -0.5)
    one_legend(figure)
    return figure


def search_curves(scores: pl.DataFrame, score: str, families: Mapping[str, str]) -> Figure:
    """Score against the rows asked about, mean and range over the seeds; one line per strategy, one panel per dataset."""
    datasets, strategies = (scores[key].unique(maintain_order=True).to_list() for key in ("dataset", "strategy"))
    figure, axes = new_figure(len(datasets), width=3.8, height=3.4, sharey=True)
    panels = panels_of(axes[0], {dataset: families[dataset] for dataset in datasets})
    for (dataset, strategy), curve in scores.sort("asked").group_by("dataset", "strategy", maintain_order=True):
        axis, k = panels[dataset], strategies.index(strategy)
        axis.plot(curve["asked"], curve["mean"], MARKERS[k] + "-", color=SERIES[k], label=strategy)
        axis.fill_between(curve["asked"], curve["low"], curve["high"], color=SERIES[k], alpha=0.15)
    for dataset, axis in panels.items():
        ticks: list[int] = []
        for asked in scores.filter(dataset=dataset)["asked"].unique().sort():
            if not ticks or asked >= 1.8 * ticks[-1]:  # has room
                ticks.append(asked)
        axis.set(xlabel="rows asked about", xscale="log")
        axis.set_xticks(ticks, map(str, ticks))
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    axes[0][0].set_ylabel(AXIS[score])
    one_legend(figure)
    return figure


# --- what the rules call -------------------------------------------------------------------------------------------------


def plot_costs(memory: Path, out: Mapping[str, Path]) -> None:
    """Plot what the jobs of a run cost.

    Parameters
    ----------
    memory : Path
        The table that jobs append to.
    out : mapping of str to Path
        Where to write memory and rates.
    """
    jobs = read_jobs(memory)
    save(peak_memory(jobs), out["memory"])
    save(rates(jobs), out["rates"])


def plot_scores(baselines: Path, active_learning: Path, families: Mapping[str, str], out: Mapping[str, Path]) -> None:
    """Plot the tables of scores.

    Parameters
    ----------
    baselines, active_learning : Path
        The tables as CSV.
    families : mapping of str to str
        The name of each dataset's family.
    out : mapping of str to Path
        Where to write baselines, learning_curves and found.
    """
    save(baseline_scores(read_baselines(baselines), families), out["baselines"])
    for name, score in (("learning_curves", METRIC), ("found", "found")):
        save(
            search_curves(read_scores(active_learning, score, "dataset", "strategy", "asked"), score, families),
            out[name],
        )
