"""The figures of a run, one small function each: data in, matplotlib figure out. One style, safe for colour-blind eyes.

Classes have the colours of Okabe and Ito (2008), counts the map viridis. `save` writes the same bytes for the same data.
"""

import csv
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from vacuagym.tables.shards import read_rows
from vacuagym.validation import CLASSES, LOG_EDGES

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7",
)  # fmt: skip
GREY = "#999999"
CLASS_COLOURS = dict(zip(CLASSES, (BLUE, SKY, ORANGE, VERMILION, GREEN, GREY, BLACK), strict=True))
SERIES = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, BLACK, YELLOW)
MARKERS = "osD^vP*X"
TITLES = {
    "ks": "Weight systems (ks)",
    "cicy3": "Complete intersections (cicy3)",
    "fth6d": "Toric bases (fth6d)",
}
METRICS = {
    "macro_f1": "macro-averaged F1",
    "balanced_accuracy": "balanced accuracy",
    "log_loss": "log loss (nat)",
    "expected_calibration_error": "expected calibration error",
}
FEATURES = {"h11": "$h^{11}$", "h21": "$h^{21}$", "euler_characteristic": "Euler number χ", "n_moduli": "moduli"}
STYLE = {
    "figure.dpi": 150,
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "legend.frameon": False,
}
matplotlib.rcParams.update(STYLE)


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG; nothing of the bytes depends on the time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None})


def _axes(columns: int, rows: int = 1, width: float = 3.6, height: float = 3.2, **options):
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def _legend(figure: Figure) -> None:
    """One legend above all panels, with every label once."""
    found: dict[str, object] = {}
    for axis in figure.axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    if found:
        figure.legend(found.values(), found.keys(), loc="outside upper center", ncols=len(found))


# --- geometries and labels -----------------------------------------------------------------------------------------------


def hodge_counts(shards: Sequence[Path]) -> dict[tuple[int, int], int]:
    """(h11, h21) -> geometries, streamed; memory is bounded by the number of different pairs."""
    counts: dict[tuple[int, int], int] = {}
    for path in shards:
        for batch in read_rows(path, ["h11", "h21"]):
            pairs, number = np.unique(np.stack([batch["h11"], batch["h21"]]), axis=1, return_counts=True)
            for pair, count in zip(map(tuple, pairs.T.tolist()), number.tolist(), strict=True):
                counts[pair] = counts.get(pair, 0) + count
    return counts


def hodge(counts: Mapping[str, Mapping[tuple[int, int], int]]) -> Figure:
    """h11 + h21 against the Euler number, coloured by the number of geometries, a panel a dataset."""
    figure, axes = _axes(len(counts))
    for axis, (dataset, pairs) in zip(axes[0], counts.items(), strict=True):
        h11, h21 = np.array(list(pairs)).T
        number = np.array(list(pairs.values()))
        order = np.argsort(number, kind="stable")  # frequent pairs on top
        points = axis.scatter(
            2 * (h11 - h21)[order], (h11 + h21)[order], c=number[order], s=5, linewidths=0,
            norm=LogNorm(1, max(2, number.max())),
        )  # fmt: skip
        axis.set(title=TITLES[dataset], xlabel="Euler number χ = 2 ($h^{11}$ − $h^{21}$)", ylim=(0, None))
        bar = figure.colorbar(points, ax=axis, label="geometries" if axis is axes[0][-1] else None)
        ticks = [m * 10**e for e in range(6) for m in (1, 2, 5) if m * 10**e <= max(2, number.max())]
        bar.set_ticks(ticks, labels=map(str, ticks), minor=False)
        bar.minorticks_off()
    axes[0][0].set_ylabel("$h^{11}$ + $h^{21}$")
    return figure


def class_balance(validation: dict) -> Figure:
    """Share of each class, a bar a dataset."""
    datasets = validation["datasets"]
    names = [name for name in CLASSES if any(entry["stability"][name] for entry in datasets.values())]
    figure, axes = _axes(1, width=7.5, height=1.3 + 0.55 * len(datasets))
    axis, left = axes[0][0], np.zeros(len(datasets))
    for name in names:
        share = np.array([entry["stability"][name] / entry["rows"] for entry in datasets.values()])
        axis.barh(list(datasets), share, left=left, color=CLASS_COLOURS[name], label=name, edgecolor="white")
        for row, (start, width) in enumerate(zip(left, share, strict=True)):
            if width > 0.04:
                colour = "black" if name in ("metastable", "saddle", "marginal") else "white"
                axis.text(start + width / 2, row, f"{width:.0%}", ha="center", va="center", color=colour, fontsize=9)
        left += share
    axis.invert_yaxis()
    axis.set(xlim=(0, 1), xlabel="share of the rows")
    axis.xaxis.set_major_formatter(PercentFormatter(1))
    _legend(figure)
    return figure


def fine_classes(validation: dict, column: str) -> Figure:
    """Share of each value of a finer column of classes, grouped by dataset."""
    datasets = {name: entry for name, entry in validation["datasets"].items() if column in entry["classes"]}
    values = sorted({value for entry in datasets.values() for value in entry["classes"][column]})
    figure, axes = _axes(1, width=7.5, height=1.2 + 0.42 * max(1, len(values)))
    axis = axes[0][0]
    height = 0.8 / max(1, len(datasets))
    for k, (dataset, entry) in enumerate(datasets.items()):
        share = [entry["classes"][column].get(value, 0) / entry["rows"] for value in values]
        position = np.arange(len(values)) + (k - (len(datasets) - 1) / 2) * height
        axis.barh(position, share, height, color=SERIES[k], label=dataset)
    axis.set_yticks(range(len(values)), values)
    axis.invert_yaxis()
    axis.set_xlabel("share of the rows")
    axis.xaxis.set_major_formatter(PercentFormatter(1))
    axis.grid(axis="x", alpha=0.3)
    _legend(figure)
    return figure


def class_by_geometry(validation: dict, features: Sequence[str] = ("h11", "euler_characteristic")) -> Figure:
    """Share of each class in bins of a feature that hold about as many rows each; a row of panels a dataset."""
    datasets = validation["datasets"]
    names = [name for name in CLASSES if any(entry["stability"][name] for entry in datasets.values())]
    figure, axes = _axes(len(features), len(datasets), width=4.8, height=2.7, sharey=True)
    for row, (dataset, entry) in zip(axes, datasets.items(), strict=True):
        for axis, feature in zip(row, features, strict=True):
            table = entry["by_feature"][feature]
            total, bottom = np.sum(list(table["rows"].values()), axis=0), np.zeros(len(table["bins"]))
            for name in names:
                share = np.array(table["rows"][name]) / total
                axis.bar(range(len(share)), share, 0.95, bottom, color=CLASS_COLOURS[name], label=name)
                bottom += share
            labels = [f"{low}" if low == high else f"{low} … {high}" for low, high in table["bins"]]
            axis.set_xticks(range(len(labels)), labels, rotation=50, ha="right", rotation_mode="anchor", fontsize=8)
            axis.set(title=dataset, xlabel=FEATURES[feature], ylim=(0, 1))
            axis.yaxis.set_major_formatter(PercentFormatter(1))
    _legend(figure)
    return figure


def eigenvalues(validation: dict, columns: Sequence[str] = ("min_eigenvalue", "max_eigenvalue")) -> Figure:
    """Distribution of the extreme Hessian eigenvalues, negative and positive ones apart, a panel a dataset."""
    datasets = validation["datasets"]
    figure, axes = _axes(len(columns), len(datasets), width=4.6, height=2.4)
    for row, (dataset, entry) in zip(axes, datasets.items(), strict=True):
        for axis, name in zip(row, columns, strict=True):
            for sign, colour in (("negative", VERMILION), ("positive", BLUE)):
                counts = np.array(entry["histograms"][name][sign][1:-1])
                axis.stairs(counts, LOG_EDGES, color=colour, linewidth=1.8, label=sign)
            _narrow(axis, [entry["histograms"][name][sign][1:-1] for sign in ("negative", "positive")])
            which = {"min": "smallest", "max": "largest"}[name[:3]]
            axis.set(title=f"{dataset}: {which} eigenvalue", xlabel="log10 |eigenvalue|", yscale="log")
        row[0].set_ylabel("rows")
    _legend(figure)
    return figure


def _narrow(axis, counts) -> None:
    """Limit the axis to the bins that hold something."""
    filled = np.flatnonzero(np.sum(counts, axis=0))
    if len(filled):
        axis.set_xlim(LOG_EDGES[filled[0]] - 0.5, LOG_EDGES[filled[-1] + 1] + 0.5)


def cuts(validation: dict) -> Figure:
    """Share of the rows that a threshold keeps, by class; a panel a cut and dataset."""
    datasets = validation["datasets"]
    names = list(dict.fromkeys(name for entry in datasets.values() for name in entry["cuts"]))
    figure, axes = _axes(max(1, len(names)), len(datasets), width=3.4, height=2.5, sharey="row")
    for row, (dataset, entry) in zip(axes, datasets.items(), strict=True):
        for axis, name in zip(row, names, strict=False):
            cut = entry["cuts"][name]
            bottom = np.zeros(len(cut["thresholds"]))
            for label in CLASSES:
                share = np.array(cut["rows"][label]) / entry["rows"]
                if share.any():
                    axis.bar(range(len(share)), share, 0.8, bottom, color=CLASS_COLOURS[label], label=label)
                    bottom += share
            axis.set_xticks(range(len(cut["thresholds"])), [f"{value:g}" for value in cut["thresholds"]])
            axis.set(title=dataset, xlabel=f"{name}\n{cut['keeps']}")
            axis.yaxis.set_major_formatter(PercentFormatter(1))
        row[0].set_ylabel("rows kept")
    _legend(figure)
    return figure


# --- what a run costs ----------------------------------------------------------------------------------------------------


def read_memory(path: Path) -> dict[str, list[tuple[float, float]]]:
    """Rule -> (declared, measured) MB of each of its jobs, from ``logs/memory.tsv``."""
    jobs: dict[str, list[tuple[float, float]]] = {}
    with open(path) as file:
        for row in csv.DictReader(file, delimiter="\t"):
            jobs.setdefault(row["rule"], []).append((float(row["mem_mb"]), float(row["peak_mb"])))
    return jobs


def memory(jobs: Mapping[str, Sequence[tuple[float, float]]]) -> Figure:
    """Measured peak memory of every job against what its rule declares."""
    figure, axes = _axes(1, width=7.5, height=1.4 + 0.32 * len(jobs))
    axis = axes[0][0]
    for row, (_, values) in enumerate(sorted(jobs.items())):
        declared, peak = np.array(values).T
        axis.plot(peak, np.full(len(peak), row), "o", color=BLUE, alpha=0.6, label="measured" if row == 0 else None)
        axis.plot(declared, np.full(len(peak), row), "|", color=VERMILION, markersize=14, markeredgewidth=2.5,
                  label="declared" if row == 0 else None)  # fmt: skip
    axis.set_yticks(range(len(jobs)), sorted(jobs))
    axis.invert_yaxis()
    axis.set(xlim=(0, None), xlabel="memory of a job (MB)")
    axis.grid(alpha=0.3)
    _legend(figure)
    return figure


def read_rates(logs: Path) -> dict[str, list[float]]:
    """Rule -> rows a second of each of its jobs: rows done, over seconds of the job, both from its log."""
    rates: dict[str, list[float]] = {}
    for path in sorted(logs.glob("*/*.log")):
        text = path.read_text(errors="replace")
        rows = re.findall(r"^([\d,]+) of \1 ", text, re.MULTILINE)
        seconds = re.findall(r"^([\d.]+) s, peak memory", text, re.MULTILINE)
        if rows and seconds:
            done = sum(int(number.replace(",", "")) for number in rows)
            rates.setdefault(path.parent.name, []).append(done / max(float(seconds[-1]), 0.1))
    return rates


def rates(jobs: Mapping[str, Sequence[float]]) -> Figure:
    """Rows a second of every job, a line a rule."""
    figure, axes = _axes(1, width=7.5, height=1.2 + 0.35 * len(jobs))
    axis = axes[0][0]
    for row, rule in enumerate(sorted(jobs)):
        axis.plot(jobs[rule], np.full(len(jobs[rule]), row), "o", color=BLUE, alpha=0.6)
    axis.set_yticks(range(len(jobs)), sorted(jobs))
    axis.set(xscale="log", xlabel="rows a second, of a job", ylim=(len(jobs) - 0.5, -0.5))
    axis.grid(alpha=0.3)
    return figure


# --- scores --------------------------------------------------------------------------------------------------------------


def read_scores(path: Path) -> list[dict]:
    """Rows of a table of scores; numbers as float."""
    with open(path, newline="") as file:
        return [{key: _number(value) for key, value in row.items()} for row in csv.DictReader(file)]


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def baselines(scores: Sequence[dict], metric: str = "macro_f1") -> Figure:
    """Score of every baseline by split, a panel a test dataset: the mean over the seeds, with their range as a line."""
    models, splits = ([*dict.fromkeys(row[key] for row in scores)] for key in ("model", "split"))
    datasets = [dataset for dataset in TITLES if any(row["dataset"] == dataset for row in scores)]
    kinds = list(dict.fromkeys(_kind(split) for split in splits))
    figure, axes = _axes(len(datasets), width=3.6, height=1.4 + 0.45 * len(models), sharex=True, sharey=True)
    for axis, dataset in zip(axes[0], datasets, strict=True):
        for split in splits:
            k = kinds.index(_kind(split))
            shift = 0.6 * ((k + 0.5) / len(kinds) - 0.5)
            for row, model in enumerate(models):
                values = [
                    s[metric] for s in scores if (s["dataset"], s["model"], s["split"]) == (dataset, model, split)
                ]
                if values:
                    axis.plot([min(values), max(values)], [row + shift] * 2, color=SERIES[k], linewidth=1.5)
                    axis.plot(np.mean(values), row + shift, MARKERS[k], color=SERIES[k], label=kinds[k])
        axis.set(title=TITLES[dataset], xlabel=METRICS[metric])
        axis.grid(alpha=0.3)
    axes[0][0].set_yticks(range(len(models)), [model.replace("_", " ") for model in models])
    axes[0][0].set_ylim(len(models) - 0.5, -0.5)
    _legend(figure)
    return figure


def _kind(split: str) -> str:
    return "trained on the other families" if split.startswith("ood_dataset_") else split


def learning_curves(scores: Sequence[dict], metric: str = "macro_f1") -> Figure:
    """Score against the labels asked for, a line a strategy (mean and range over the seeds), a panel a dataset."""
    datasets = [dataset for dataset in TITLES if any(row["dataset"] == dataset for row in scores)]
    strategies = list(dict.fromkeys(row["strategy"] for row in scores))
    figure, axes = _axes(len(datasets), width=3.8, height=3.4, sharey=True)
    for axis, dataset in zip(axes[0], datasets, strict=True):
        for k, strategy in enumerate(strategies):
            curve: dict[float, list[float]] = {}
            for row in scores:
                if (row["dataset"], row["strategy"]) == (dataset, strategy):
                    curve.setdefault(row["asked"], []).append(row[metric])
            asked = sorted(curve)
            axis.plot(asked, [np.mean(curve[n]) for n in asked], MARKERS[k] + "-", color=SERIES[k], label=strategy)
            axis.fill_between(
                asked, [min(curve[n]) for n in asked], [max(curve[n]) for n in asked], color=SERIES[k], alpha=0.15
            )
        axis.set(title=TITLES[dataset], xlabel="labels asked for", xscale="log")
        ticks: list[float] = []
        for n in asked:  # those that have room
            if not ticks or n >= 1.8 * ticks[-1]:
                ticks.append(n)
        axis.set_xticks(ticks, [f"{n:.0f}" for n in ticks])
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    axes[0][0].set_ylabel(METRICS[metric])
    _legend(figure)
    return figure


def draw_figures(features: Mapping[str, Sequence[Path]], validation: Path, out: Mapping[str, Path]) -> None:
    """Draw what a run made: hodge, class_balance, class_by_geometry, eigenvalues, vacuum_types, cuts, to the paths ``out``."""
    result = json.loads(validation.read_text())
    save(hodge({dataset: hodge_counts(shards) for dataset, shards in features.items()}), out["hodge"])
    save(class_balance(result), out["class_balance"])
    save(class_by_geometry(result), out["class_by_geometry"])
    save(eigenvalues(result), out["eigenvalues"])
    save(fine_classes(result, "vacuum_type"), out["vacuum_types"])
    save(cuts(result), out["cuts"])


def draw_costs(logs: Path, out: Mapping[str, Path]) -> None:
    """Draw what a run cost: memory, rates."""
    save(memory(read_memory(logs / "memory.tsv")), out["memory"])
    save(rates(read_rates(logs)), out["rates"])


def draw_scores(baseline_table: Path, active_learning_table: Path, out: Mapping[str, Path]) -> None:
    """Draw the tables of scores: baselines, learning_curves."""
    save(baselines(read_scores(baseline_table)), out["baselines"])
    save(learning_curves(read_scores(active_learning_table)), out["learning_curves"])
