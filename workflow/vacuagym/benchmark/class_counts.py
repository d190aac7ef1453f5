"""Classes of every part of every split, counted in one pass over the draws."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path

import polars as pl

from vacuagym.benchmark.scored import is_scored, label_reads
from vacuagym.benchmark.splits import SPLITS
from vacuagym.errors import InputError
from vacuagym.schema import CLASSES, KEY, PART, PARTS, Column
from vacuagym.tables.frames import Run, read_draws, read_run
from vacuagym.tables.shards import read_schema, write_text

CLASS_COLUMNS = (
    Column("split", "string", "1", "Name of the split.", role=KEY),
    PART._replace(meaning=f"Part of the split: {', '.join(PARTS)}."),
    Column("dataset", "string", "1", "Name of the dataset, or all.", role=KEY),
    Column("geometries", "int64", "1", "Geometries in the part."),
    Column("rows", "int64", "1", "Rows of the label table of these geometries."),
    Column("scored", "int64", "1", "Rows among them whose class counts: decided, and controlled where labels say so."),
    Column("stability", "string", "1", "A class."),
    Column("count", "int64", "1", "Scored rows of that class."),
    Column("share", "float64", "1", "count / scored; 0 if nothing is scored."),
)


def count_split_classes(tables: Mapping[str, Sequence[Path]], min_geometries: int, out: Path) -> None:
    """Count the classes of every part of every split, of each dataset and of all, and write the counts as CSV.

    Parameters
    ----------
    tables : mapping of str to sequence of Path
        Of the run's features, labels and splits, see `read_run`.
    min_geometries : int
        From this many geometries in every dataset on, each part of each split must have at least two classes.
    out : Path
        The CSV, with `CLASS_COLUMNS`.

    Raises
    ------
    InputError
        A table is damaged, or does not have the geometries of the features in their order; a part of a run of at least
        ``min_geometries`` is empty or has one class.
    """
    run = read_run(tables)
    table = _class_table(_count_draws(run), run.splits, run.by_dataset())
    poor = []
    for (split, part), rows in table.filter(dataset="all").group_by("split", "part", maintain_order=True):
        geometries, drawn, scored = rows.select("geometries", "rows", "scored").row(0)
        there = dict(rows.filter(pl.col("count") > 0).select("stability", "share").iter_rows())
        shares = ", ".join(f"{name} {share:.3f}" for name, share in there.items())
        print(f"{split}, {part}: {geometries:,} geometries, {scored:,} of {drawn:,} rows scored: {shares}")
        if len(there) < 2:
            why = f"has no class but {', '.join(there)}" if there else "has no scored row" if drawn else "is empty"
            poor.append(f"part {part} of {split} {why}, with {geometries} geometries of the run")
    if poor and _smallest(table) >= min_geometries:
        raise InputError("splits", f"{'; '.join(poor)}; raise n_limit, or change the thresholds or the model")
    for reason in poor:
        print(f"notice: {reason}; not judged, a dataset has fewer than {min_geometries} geometries")
    write_text(out, [table.write_csv()])


def _count_draws(run: Run) -> pl.DataFrame:
    """Geometries, rows and scored rows by dataset, class and tuple of parts; what occurs at all."""
    keys = ["dataset", *run.splits, "stability"]
    counts = []
    for shard in run.shards:
        names = read_schema(shard.labels)
        numbers = [
            (pl.col("sample") == 0).sum().alias("geometries"),
            pl.len().alias("rows"),
            is_scored(names).sum().alias("count"),
        ]
        counts += [
            draws.group_by(keys).agg(number.cast(pl.Int64) for number in numbers)
            for draws in read_draws(shard, [], label_reads(names), run.splits)
        ]
        counts = [pl.concat(counts).group_by(keys).sum()]
    return counts[0]


def _class_table(counts: pl.DataFrame, splits: Iterable[str], datasets: Iterable[str]) -> pl.DataFrame:
    """The rows of `CLASS_COLUMNS` for every split, part, dataset and class, of counts as of `_count_draws`."""
    part, numbers = ["split", "part", "dataset"], ["geometries", "rows", "count"]
    parts_of = [(split, part) for split in splits for part in SPLITS[split].parts]
    rows = [(*one, *other) for one, other in product(parts_of, list(product([*datasets, "all"], CLASSES)))]
    nothing = pl.DataFrame(rows, [*part, "stability"], orient="row").with_columns(pl.lit(0).alias(n) for n in numbers)
    found = [
        counts.select(
            pl.lit(split).alias("split"), pl.col(split).cast(str).alias("part"), dataset, "stability", *numbers
        )
        for split in splits
        for dataset in (pl.col("dataset"), pl.lit("all").alias("dataset"))
    ]
    table = pl.concat([nothing, *found], how="vertical_relaxed").group_by(*part, "stability", maintain_order=True).sum()
    return table.select(
        *part,
        pl.sum("geometries", "rows").over(part),
        pl.sum("count").over(part).alias("scored"),
        "stability",
        "count",
        (pl.col("count") / pl.sum("count").over(part).clip(1)).alias("share"),
    )


def _smallest(table: pl.DataFrame) -> int:
    """Geometries of the smallest dataset."""
    first = table.filter(pl.col("split") == table["split"][0], pl.col("stability") == CLASSES[0])
    return first.group_by("dataset").agg(pl.sum("geometries"))["geometries"].min()
