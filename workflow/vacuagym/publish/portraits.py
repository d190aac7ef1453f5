"""The figures of a label model: the plane in which its classes lie apart, and the potential of one row of each class.

They show the first draws of each dataset in run order, which are a fair sample. What is drawn, the model's own module of
figures computes from the tables, see `vacuagym.models.base.LabelModel`.
"""

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from vacuagym.benchmark.scored import is_scored, label_reads
from vacuagym.geometry import FAMILIES
from vacuagym.models import MODELS
from vacuagym.models.base import Curve
from vacuagym.publish.figures import CLASS_COLOURS, GREY, class_legend, new_figure, panels_of, save
from vacuagym.schema import CLASSES
from vacuagym.tables.frames import Shard, read_draws, read_run, to_columns
from vacuagym.tables.shards import in_blocks, read_schema

DRAWS = 6_000  # of each dataset
_BATCH_DRAWS = 1_500  # in memory at a time
_FINE = "vacuum_type"


class Example(NamedTuple):
    """A row whose potential is drawn."""

    stability: str
    title: str  # which row it is
    masses: str  # how many of its squared masses are negative; empty where it has none
    curve: Curve


def plot_portraits(tables: Mapping[str, Sequence[Path]], name: str, out: Mapping[str, Path]) -> None:
    """Plot where the classes lie, and the potential of one row of each class.

    Parameters
    ----------
    tables : mapping of str to sequence of Path
        The run's features and labels, see `read_run`.
    name : str
        Of a label model that has a portrait.
    out : mapping of str to Path
        Where to write phases and potentials.

    Raises
    ------
    InputError
        A table is damaged or of another run.
    """
    model, run = MODELS[name], read_run({"splits": [], **tables})
    module = import_module(model.portrait)
    places, examples = {}, {}
    for dataset, shards in run.by_dataset().items():
        reads, of_labels = model.oracle.reads(FAMILIES[shards[0].family]), read_schema(shards[0].labels)
        more = ["certified", "n_pos", "n_neg", *label_reads(of_labels), *({_FINE} & of_labels.keys())]
        blocks, proved = [], is_scored(of_labels) & pl.col("certified")
        for rows in first_draws(shards, DRAWS, [*reads, *more]):
            x, y = module.places(to_columns(rows.select(reads))).T
            blocks.append(rows.select("stability", proved=proved, x=x, y=y))
            for stability, row in typical(blocks[-1]).items() if len(blocks) == 1 else ():
                if stability not in examples:
                    [curve] = module.curves(to_columns(rows[[row]].select(reads)))
                    examples[stability] = _example(rows.row(row, named=True), curve)
        places[dataset] = pl.concat(blocks)
    families = {shard.dataset: shard.family for shard in run.shards}
    save(phases(places, families, module.AXES), out["phases"])
    save(potentials([examples[name] for name in CLASSES if name in examples], module.CURVE_AXES), out["potentials"])


def first_draws(
    shards: Sequence[Shard], count: int, columns: Sequence[str], splits: Mapping[str, Path] | None = None
) -> Iterator[pl.DataFrame]:
    """Stream the first draws of a dataset, in batches that do not depend on the shards.

    Parameters
    ----------
    shards : sequence of Shard
        Those of the dataset.
    count : int
        Draws in all, at most; all draws of a geometry or none.
    columns : sequence of str
        Of features and labels.
    splits : mapping of str to Path, optional
        See `read_draws`.
    """
    draws, columns = shards[0].draws, list(dict.fromkeys(columns))
    geometries = max(1, _BATCH_DRAWS // draws)

    def first(left: int) -> Iterator[pl.DataFrame]:
        for shard in shards:
            of_features = read_schema(shard.features)
            fixed = [name for name in columns if name in of_features]
            drawn = [name for name in columns if name not in of_features]
            for rows in read_draws(shard, fixed, drawn, splits, geometries):
                yield rows.head(left)
                left -= len(rows)
                if left <= 0:
                    return

    return in_blocks(first(max(1, count // draws) * draws), geometries * draws, pl.concat)


def typical(rows: pl.DataFrame) -> dict[str, int]:
    """The proved row of each class that lies nearest to the median y of its class, if any has a y; class -> its number."""
    y = pl.when(_is_placed("y")).then(pl.col("y").log())
    rows = rows.with_row_index().filter("proved").with_columns(distance=(y - y.median().over("stability")).abs())
    rows = rows.sort("distance", "index", nulls_last=True).unique("stability", keep="first", maintain_order=True)
    return dict(rows.select("stability", "index").iter_rows())


def _is_placed(*columns: str) -> pl.Expr:
    """Whether the columns are numbers that a logarithmic axis has."""
    return pl.all_horizontal(pl.col(columns).is_between(0.0, np.inf, closed="none"))


def _example(row: Mapping, curve: Curve) -> Example:
    modes = row["n_neg"] + row["n_pos"]
    title = f"{row['dataset']} {row['geometry_id']}, draw {row['sample']}"
    fine = f"\n{row[_FINE]}" if _FINE in row else ""
    return Example(row["stability"], title + fine, f"{row['n_neg']} of {modes} M² < 0" if modes else "", curve)


def phases(places: Mapping[str, pl.DataFrame], families: Mapping[str, str], axes_text: tuple[str, str]) -> Figure:
    """Every row as a dot in the plane of the classes, with the colour of its class; one panel per dataset.

    Parameters
    ----------
    places : mapping of str to DataFrame
        x, y and stability of the rows of each dataset; rows without a place above 0 are left out.
    families : mapping of str to str
        The name of each dataset's family.
    axes_text : tuple of str
        What x and y are.
    """
    figure, axes = new_figure(len(places), height=3.6)
    drawn: set[str] = set()
    for dataset, axis in panels_of(axes[0], {name: families[name] for name in places}).items():
        rows = places[dataset].filter(_is_placed("x", "y"))
        colours = [CLASS_COLOURS[name] for name in rows["stability"]]
        axis.scatter(rows["x"], rows["y"], c=colours, s=4, linewidths=0)
        axis.set(xscale="log", yscale="log", xlabel=axes_text[0])
        axis.set_ylim(axis.get_ylim())  # the line does not change it
        axis.axhline(1.0, color=GREY, linewidth=0.8, zorder=0)
        drawn |= set(rows["stability"])
    axes[0][0].set_ylabel(axes_text[1])
    class_legend(figure, drawn)
    return figure


def potentials(examples: Sequence[Example], axes_text: tuple[str, str]) -> Figure:
    """The potential of each example with its critical points; one panel each."""
    figure, axes = new_figure(max(1, len(examples)), width=2.75, height=3.4)
    for axis, example in zip(axes[0], examples, strict=False):  # one empty panel if there is no example
        colour, (x, value, critical) = CLASS_COLOURS[example.stability], example.curve
        axis.axhline(0.0, color=GREY, linewidth=0.8)
        axis.plot(x, value, color=colour, linewidth=2.2)
        axis.plot(*critical.T, "o", color="black", markersize=5)
        levels = critical[critical[:, 0] <= x[-1], 1] if len(critical) else np.quantile(value, [0.0, 0.6])
        low, high = min(0.0, *levels), max(0.0, *levels)
        axis.set(xlim=(x[0], x[-1]), ylim=(low - 0.15 * (high - low), high + 0.6 * (high - low)))
        axis.set_title(example.title, fontsize=10)
        inside = {"transform": axis.transAxes, "ha": "right"}
        axis.text(0.97, 0.97, example.stability, color=colour, fontsize=14, fontweight="bold", va="top", **inside)
        axis.text(0.97, 0.03, example.masses, fontsize=10, va="bottom", **inside)
    figure.supxlabel(axes_text[0], fontsize=11)
    axes[0][0].set_ylabel(axes_text[1])
    return figure
