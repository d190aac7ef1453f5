"""The figures of what a run counted, one function each: data in, matplotlib figure out; and the style of all figures.

Classes have the colours of Okabe and Ito (2008), other series those of Tol (2021) and two more; colour-blind readers can tell the colours
of each set apart, and no series looks like a class. The same data give the same bytes.
"""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from vacuagym.geometry import FAMILIES
from vacuagym.schema import CLASSES
from vacuagym.tables.shards import write_text

BLACK, ORANGE, SKY, GREEN, BLUE, VERMILION = "#000000", "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00"
GREY, PALE = "#999999", "#DDDDDD"
CLASS_COLOURS = dict(zip(CLASSES, (BLUE, SKY, ORANGE, VERMILION, GREEN, GREY, BLACK, PALE), strict=True))
LIGHT = ("metastable", "saddle", "marginal", "not_applicable")  # classes whose colours need black text
WINE, INDIGO, ROSE, OLIVE, PURPLE, SAND, LAVENDER, COBALT = SERIES = (
    "#882255", "#332288", "#CC6677", "#999933", "#AA4499", "#DDCC77", "#CC80E6", "#1A1AE6",
)  # fmt: skip
MARKERS = "osD^vP*X"
STYLE = {
    "axes.axisbelow": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 11.0,  # points; a figure is some 10 inches wide, and shown at some 1,000 pixels
    "svg.hashsalt": "vacuagym",
}
BINNED = {"h11": "$h^{11}$", "euler_characteristic": "Euler number χ"}


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG or SVG, without its date and the version of matplotlib that made it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context(STYLE):
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else {"Software": None})


def new_figure(columns: int, rows: int = 1, width: float = 3.6, height: float = 3.2, **options):
    """A figure and its panels, each ``width`` by ``height`` inches."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width * columns, height * rows), dpi=150, layout="constrained")
        return figure, figure.subplots(rows, columns, squeeze=False, **options)


def one_legend(figure: Figure) -> None:
    """Put one legend above all panels, with every label once."""
    found: dict[str, object] = {}
    for axis in figure.axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    _legend(figure, found)


def class_legend(figure: Figure, classes: Iterable[str]) -> None:
    """Put a legend of these classes above all panels."""
    dots = {
        name: Line2D([], [], color=CLASS_COLOURS[name], marker="o", linestyle="", label=name)
        for name in CLASSES
        if name in classes
    }
    _legend(figure, dots)


def _legend(figure: Figure, handles: Mapping[str, object]) -> None:
    if handles:
        lines = -(-len(handles) // round(figure.get_figwidth() / 1.8))  # inches that the longest entries take
        place = {"loc": "outside upper center", "ncols": -(-len(handles) // lines)}
        figure.legend(handles.values(), handles.keys(), frameon=False, fontsize=11, **place)


def panels_of(axes: Sequence[Axes], families: Mapping[str, str]) -> dict[str, Axes]:
    """One panel per dataset, with the title of its family, of which ``families`` has the name."""
    panels = dict(zip(families, axes, strict=True))
    for dataset, axis in panels.items():
        axis.set_title(title_of(dataset, families[dataset]), fontsize=12)
    return panels


def title_of(dataset: str, family: str) -> str:
    """What a dataset is called in figures."""
    return f"{FAMILIES[family].title} ({dataset})"


# --- geometries and labels -----------------------------------------------------------------------------------------------


def hodge(counts: Mapping) -> Figure:
    """h11 + h21 against the Euler number; a pair has the colour of the class of most of its rows; one panel per dataset."""
    datasets = counts["datasets"]
    figure, axes = new_figure(len(datasets), height=3.6)
    drawn: set[str] = set()
    for dataset, axis in panels_of(axes[0], {name: entry["family"] for name, entry in datasets.items()}).items():
        pairs = datasets[dataset]["hodge"]
        h11, h21 = np.array(pairs["h11"]), np.array(pairs["h21"])
        most = np.argmax([pairs["rows"][name] for name in CLASSES], axis=0)
        colours = np.array(list(CLASS_COLOURS.values()))[most]
        axis.scatter(2 * (h11 - h21), h11 + h21, c=colours, s=6, linewidths=0)
        axis.set(xlabel="Euler number χ = 2 ($h^{11}$ − $h^{21}$)", ylim=(0, None))
        axis.locator_params(axis="x", nbins=5)
        drawn |= {CLASSES[k] for k in most}
    axes[0][0].set_ylabel("$h^{11}$ + $h^{21}$")
    class_legend(figure, drawn)
    return figure


def _classes(tables: Iterable[Mapping]) -> list[str]:
    """The classes that have rows in any of the tables, which map classes to counts."""
    tables = list(tables)
    return [name for name in CLASSES if any(np.any(table[name]) for table in tables)]


def class_balance(counts: Mapping) -> Figure:
    """Share of each class; one bar per dataset. As wide as the column of text of Snakemake's report, 512 pixels."""
    datasets = counts["datasets"]
    figure, axes = new_figure(1, width=5.3, height=1.4 + 0.5 * len(datasets))
    axis, left = axes[0][0], np.zeros(len(datasets))
    titles = [title_of(name, entry["family"]).replace(" (", "\n(") for name, entry in datasets.items()]
    for name in _classes(entry["stability"] for entry in datasets.values()):
        share = np.array([entry["stability"][name] / entry["rows"] for entry in datasets.values()])
        bars = axis.barh(titles, share, left=left, color=CLASS_COLOURS[name], label=name, edgecolor="white")
        texts = [f"{width:.0%}" if width > 0.06 else "" for width in share]
        axis.bar_label(bars, texts, label_type="center", color="black" if name in LIGHT else "white", fontsize=10)
        left += share
    axis.invert_yaxis()
    axis.tick_params(labelsize=9)
    axis.set(xlim=(0, 1), xlabel="share of the rows")
    axis.xaxis.set_major_formatter(PercentFormatter(1))
    one_legend(figure)
    return figure


def class_by_geometry(counts: Mapping) -> Figure:
    """Share of each class in bins of a feature with about as many rows each; one row of panels per feature."""
    datasets = counts["datasets"]
    names = _classes(entry["stability"] for entry in datasets.values())
    figure, axes = new_figure(len(datasets), len(BINNED), height=2.7, sharey=True)
    panels_of(axes[0], {name: entry["family"] for name, entry in datasets.items()})
    for row, (feature, symbol) in zip(axes, BINNED.items(), strict=True):
        for axis, entry in zip(row, datasets.values(), strict=True):
            table = entry["by_feature"][feature]
            rows, bottom = np.array([table["rows"][name] for name in names]), 0.0
            for name, share in zip(names, rows / rows.sum(axis=0), strict=True):
                axis.bar(range(len(share)), share, 0.94, bottom, color=CLASS_COLOURS[name], label=name)
                bottom = bottom + share
            edges = [low for low, _ in table["bins"]] + [table["bins"][-1][1]]
            shown = np.unique(np.linspace(0, len(edges) - 1, 5).round().astype(int))  # what there is room for
            axis.set_xticks(shown - 0.5, [f"{edges[k]}".replace("-", "−") for k in shown])
            first, *_, last = axis.get_xticklabels()
            first.set_horizontalalignment("left"), last.set_horizontalalignment("right")
            axis.set(xlabel=symbol, ylim=(0, 1), xlim=(-0.5, len(edges) - 1.5))
        row[0].yaxis.set_major_formatter(PercentFormatter(1))
        row[0].set_ylabel("share of the rows")
    one_legend(figure)
    return figure


def numbers(counts: Mapping) -> str:
    """The size of each dataset and the share of each class, for people, as CSV with one column per dataset."""
    datasets, out = counts["datasets"], io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["", *datasets])
    for name in ("geometries", "rows"):
        table.writerow([name, *(f"{entry[name]:,}" for entry in datasets.values())])
    for name in _classes(entry["stability"] for entry in datasets.values()):
        table.writerow([name, *(f"{entry['stability'][name] / entry['rows']:.1%}" for entry in datasets.values())])
    return out.getvalue()


def plot_figures(counts: Path, out: Mapping[str, Path]) -> None:
    """Plot what a run made.

    Parameters
    ----------
    counts : Path
        What `vacuagym.publish.label_counts.count_labels` has written.
    out : mapping of str to Path
        Where to write hodge, class_balance and class_by_geometry, and the table `numbers`.
    """
    result = json.loads(counts.read_text(encoding="utf-8"))
    for figure in (hodge, class_balance, class_by_geometry):
        save(figure(result), out[figure.__name__])
    write_text(out["numbers"], [numbers(result)])
