"""The figures of a run, one function each: data in, matplotlib figure out.

Classes have the colours of Okabe and Ito (2008), which colour-blind readers can tell apart. The same data give the same
bytes.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from vacuagym.geometry import FAMILIES
from vacuagym.schema import CLASSES

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7",
)  # fmt: skip
GREY, PALE = "#999999", "#DDDDDD"
CLASS_COLOURS = dict(zip(CLASSES, (BLUE, SKY, ORANGE, VERMILION, GREEN, GREY, BLACK, PALE), strict=True))
LIGHT = ("metastable", "saddle", "marginal", "not_applicable")  # classes whose colours need black text
FAMILY_COLOURS = matplotlib.colormaps["RdPu"]  # light to dark: no colour of a class
SERIES = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, BLACK, YELLOW)
MARKERS = "osD^vP*X"
STYLE = {"axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True}
BINNED = {"h11": "$h^{11}$", "euler_characteristic": "Euler number χ"}
EIGENVALUES = {"min_eigenvalue": "smallest", "max_eigenvalue": "largest"}


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, without the version of matplotlib that made it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None})


def new_figure(columns: int, rows: int = 1, width: float = 3.6, height: float = 3.2, **options):
    """A figure and its panels, each ``width`` by ``height`` inches."""
    figure = Figure(figsize=(width * columns, height * rows), dpi=150, layout="constrained")
    with matplotlib.rc_context(STYLE):
        return figure, figure.subplots(rows, columns, squeeze=False, **options)


def one_legend(figure: Figure) -> None:
    """Put one legend above all panels, with every label once."""
    found: dict[str, object] = {}
    for axis in figure.axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    if found:
        figure.legend(found.values(), found.keys(), loc="outside upper center", ncols=len(found), frameon=False)


def panels_of(axes: Sequence[Axes], families: Mapping[str, str]) -> dict[str, Axes]:
    """One panel per dataset, with the title of its family, of which ``families`` has the name."""
    panels = dict(zip(families, axes, strict=True))
    for dataset, axis in panels.items():
        axis.set_title(f"{FAMILIES[families[dataset]].title} ({dataset})", fontsize=11)
    return panels


# --- geometries and labels -----------------------------------------------------------------------------------------------


def hodge(counts: Mapping) -> Figure:
    """h11 + h21 against the Euler number, coloured by the number of geometries; one panel per dataset."""
    datasets = counts["datasets"]
    figure, axes = new_figure(len(datasets))
    for dataset, axis in panels_of(axes[0], {name: entry["family"] for name, entry in datasets.items()}).items():
        h11, h21, number = np.array(datasets[dataset]["hodge"])  # rare pairs first
        most = max(2, number.max())
        points = axis.scatter(2 * (h11 - h21), h11 + h21, c=number, s=5, linewidths=0, norm=LogNorm(1, most))
        axis.set(xlabel="Euler number χ = 2 ($h^{11}$ − $h^{21}$)", ylim=(0, None))
        bar = figure.colorbar(points, ax=axis, label="geometries" if axis is axes[0][-1] else None)
        ticks = [m * 10**e for e in range(6) for m in (1, 2, 5) if m * 10**e <= most]
        bar.set_ticks(ticks, labels=map(str, ticks), minor=False)
        bar.minorticks_off()
    axes[0][0].set_ylabel("$h^{11}$ + $h^{21}$")
    return figure


def _classes(tables: Iterable[Mapping]) -> list[str]:
    """The classes that have rows in any of the tables, which map classes to counts."""
    tables = list(tables)
    return [name for name in CLASSES if any(np.any(table[name]) for table in tables)]


def _stack(axis: Axes, names: Sequence[str], rows: Mapping[str, Sequence[int]], total, width: float) -> None:
    """Draw stacked bars: the share of each class in ``total``, a number for all bars or one for each."""
    bottom = 0.0
    for name in names:
        share = np.array(rows[name]) / total
        axis.bar(range(len(share)), share, width, bottom, color=CLASS_COLOURS[name], label=name)
        bottom = bottom + share
    axis.yaxis.set_major_formatter(PercentFormatter(1))


def class_balance(counts: Mapping) -> Figure:
    """Share of each class; one bar per dataset."""
    datasets = counts["datasets"]
    figure, axes = new_figure(1, width=7.5, height=1.3 + 0.55 * len(datasets))
    axis, left = axes[0][0], np.zeros(len(datasets))
    for name in _classes(entry["stability"] for entry in datasets.values()):
        share = np.array([entry["stability"][name] / entry["rows"] for entry in datasets.values()])
        bars = axis.barh(list(datasets), share, left=left, color=CLASS_COLOURS[name], label=name, edgecolor="white")
        texts = [f"{width:.0%}" if width > 0.04 else "" for width in share]
        axis.bar_label(bars, texts, label_type="center", color="black" if name in LIGHT else "white", fontsize=9)
        left += share
    axis.invert_yaxis()
    axis.set(xlim=(0, 1), xlabel="share of the rows")
    axis.xaxis.set_major_formatter(PercentFormatter(1))
    one_legend(figure)
    return figure


def vacuum_types(counts: Mapping) -> Figure:
    """Share of each value of ``vacuum_type``, grouped by dataset; empty if the label model has no such column."""
    datasets = {name: entry for name, entry in counts["datasets"].items() if "vacuum_type" in entry["classes"]}
    values = sorted({value for entry in datasets.values() for value in entry["classes"]["vacuum_type"]})
    figure, axes = new_figure(1, width=7.5, height=1.2 + 0.42 * max(1, len(values)))
    axis = axes[0][0]
    height = 0.8 / max(1, len(datasets))
    colours = FAMILY_COLOURS(np.linspace(0.35, 0.95, len(datasets)))
    for k, (dataset, entry) in enumerate(datasets.items()):
        share = [entry["classes"]["vacuum_type"].get(value, 0) / entry["rows"] for value in values]
        position = np.arange(len(values)) + (k - (len(datasets) - 1) / 2) * height
        axis.barh(position, share, height, color=colours[k], label=dataset)
    axis.set_yticks(range(len(values)), values)
    axis.invert_yaxis()
    axis.set_xlabel("share of the rows")
    axis.xaxis.set_major_formatter(PercentFormatter(1))
    axis.grid(axis="x", alpha=0.3)
    one_legend(figure)
    return figure


def class_by_geometry(counts: Mapping) -> Figure:
    """Share of each class in bins of a feature with about as many rows each; one row of panels per dataset."""
    datasets = counts["datasets"]
    names = _classes(entry["stability"] for entry in datasets.values())
    figure, axes = new_figure(len(BINNED), len(datasets), width=4.8, height=2.7, sharey=True)
    for row, (dataset, entry) in zip(axes, datasets.items(), strict=True):
        for axis, (feature, symbol) in zip(row, BINNED.items(), strict=True):
            table = entry["by_feature"][feature]
            _stack(axis, names, table["rows"], np.sum(list(table["rows"].values()), axis=0), 0.95)
            labels = [f"{low}" if low == high else f"{low} … {high}" for low, high in table["bins"]]
            axis.set_xticks(range(len(labels)), labels, rotation=50, ha="right", rotation_mode="anchor", fontsize=8)
            axis.set(title=dataset, xlabel=symbol, ylim=(0, 1))
    one_legend(figure)
    return figure


def eigenvalues(counts: Mapping) -> Figure:
    """Distribution of the extreme Hessian eigenvalues, negative and positive ones apart; one row of panels per dataset."""
    datasets, edges = counts["datasets"], counts["log_edges"]
    figure, axes = new_figure(len(EIGENVALUES), len(datasets), width=4.6, height=2.4)
    for row, (dataset, entry) in zip(axes, datasets.items(), strict=True):
        for axis, (name, which) in zip(row, EIGENVALUES.items(), strict=True):
            if name not in entry["histograms"]:  # not every label model publishes it
                axis.set_axis_off()
                continue
            counts = {sign: np.array(number[1:-1]) for sign, number in entry["histograms"][name].items()}
            for sign, colour in (("negative", VERMILION), ("positive", BLUE)):
                axis.stairs(counts[sign], edges, color=colour, linewidth=1.8, label=sign)
            filled = np.flatnonzero(sum(counts.values()))
            if len(filled):
                axis.set_xlim(edges[filled[0]] - 0.5, edges[filled[-1] + 1] + 0.5)
            axis.set(title=f"{dataset}: {which} eigenvalue", xlabel="log10 |eigenvalue|", yscale="log")
        row[0].set_ylabel("rows")
    one_legend(figure)
    return figure


def cuts(counts: Mapping) -> Figure:
    """Share of the rows that pass a control threshold, by class; one panel per dataset and quantity."""
    datasets = counts["datasets"]
    quantities = list(dict.fromkeys(name for entry in datasets.values() for name in entry["cuts"]))
    names = _classes(cut["rows"] for entry in datasets.values() for cut in entry["cuts"].values())
    figure, axes = new_figure(max(1, len(quantities)), len(datasets), width=3.4, height=2.5, sharey="row")
    for row, (dataset, entry) in zip(axes, datasets.items(), strict=True):
        for axis, quantity in zip(row, quantities, strict=False):  # one empty panel if there is no quantity
            cut = entry["cuts"][quantity]
            _stack(axis, names, cut["rows"], entry["rows"], 0.8)
            axis.set_xticks(range(len(cut["thresholds"])), [f"{value:g}" for value in cut["thresholds"]])
            axis.set(title=dataset, xlabel=f"{quantity}\n{cut['keeps']}")
        row[0].set_ylabel("rows kept")
    one_legend(figure)
    return figure


def plot_figures(counts: Path, out: Mapping[str, Path]) -> None:
    """Plot what a run made.

    Parameters
    ----------
    counts : Path
        What `vacuagym.publish.label_counts.count_labels` has written.
    out : mapping of str to Path
        Where to write hodge, class_balance, class_by_geometry, eigenvalues, vacuum_types and cuts.
    """
    result = json.loads(counts.read_text(encoding="utf-8"))
    for figure in (hodge, class_balance, class_by_geometry, eigenvalues, vacuum_types, cuts):
        save(figure(result), out[figure.__name__])
