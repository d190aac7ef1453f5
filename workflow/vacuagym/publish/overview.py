"""What a run has made and what it means, as lines of text."""

import difflib
import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from vacuagym.errors import InputError
from vacuagym.geometry import FAMILIES
from vacuagym.publish import dictionary, manifest
from vacuagym.tables.frames import read_csv
from vacuagym.tables.shards import read_recipe


def status(results: Path, memory: Path) -> Iterator[str]:
    """Yield what a run has made, by its manifest or, without one, by what is there; then what its jobs took.

    Parameters
    ----------
    results : Path
        Folder of the results.
    memory : Path
        The table that jobs append to; it need not exist.
    """
    if (results / manifest.MANIFEST).is_file():
        described = manifest.load(results)
        limit, model = json.dumps(described["config"]["n_limit"]), described["model"]
        yield f"version {described['version']}, seed {described['seed']}, n_limit {limit}"
        yield f"model {model['name']}, {model['draws']} draws per geometry"
        files = [(entry["schema"], entry["rows"], entry["bytes"]) for entry in described["shards"]]
    else:
        yield f"The run is not complete: {results / manifest.MANIFEST} does not exist. Made so far:"
        files = []
        for path in sorted(results.rglob("*.parquet")):
            rows, _, recipe = read_recipe(path)
            files.append((recipe["table"], rows, path.stat().st_size))
    yield ""
    yield f"{'table':<20}{'files':>6}{'rows':>13}{'MB':>10}"
    table = pl.DataFrame(files, schema={"table": pl.String, "rows": pl.Int64, "bytes": pl.Int64}, orient="row")
    totals = pl.len(), pl.sum("rows"), pl.sum("bytes") / 1e6
    for name, count, rows, size in table.group_by("table", maintain_order=True).agg(totals).iter_rows():
        yield f"{name:<20}{count:>6}{rows:>13,}{size:>10.2f}"
    others = [path.name for path in sorted(results.glob("*.csv"))]
    if others:
        yield f"and {', '.join(others)}"
    if memory.is_file():
        yield ""
        yield f"{'rule':<26}{'jobs':>6}{'peak MB':>10}{'declared':>10}"
        jobs = read_csv(memory, {"rule": pl.String, "peak_mb": pl.Float64, "mem_mb": pl.Float64}, "\t")
        most = jobs.group_by("rule", maintain_order=True).agg(pl.len(), pl.max("peak_mb", "mem_mb"))
        for rule, count, peak, declared in most.iter_rows():
            yield f"{rule:<26}{count:>6}{peak:>10.0f}{declared:>10.0f}"


def describe(results: Path, name: str | None) -> Iterator[str]:
    """Yield what a dataset, a table or a column is, by the data dictionary of a run.

    Parameters
    ----------
    results : Path
        Folder of the results.
    name : str, optional
        Without a name, the tables are listed.

    Raises
    ------
    InputError
        There is no dictionary, or the name is not in it; says which names are close.
    """
    path = Path(results) / dictionary.FILE
    names = ("table", "column", "type", "unit", "meaning", "source", "role")
    entries = read_csv(path, dict.fromkeys(names, pl.String)).with_columns(
        pl.col("table").str.split("/").list.get(1, null_on_oob=True).alias("dataset"),
        pl.format(
            "{}{}{}",
            "meaning",
            pl.when(pl.col("unit") == "1").then(pl.lit("")).otherwise(pl.format(" Unit: {}.", "unit")),
            pl.when(pl.col("source") == "").then(pl.lit("")).otherwise(pl.format(" Source: {}.", "source")),
        ).alias("text"),
    )
    datasets, tables, columns = (
        entries[key].drop_nulls().unique(maintain_order=True).to_list() for key in ("dataset", "table", "column")
    )
    if name is None or name in datasets:
        if name:
            yield f"{name}: {FAMILIES[name].count:,} geometries. {FAMILIES[name].text}."
            entries = entries.filter(dataset=name)
        for table, count in entries.group_by("table", maintain_order=True).len().iter_rows():
            yield f"{table:<20}{count:>4} columns"
    elif name in tables:
        for column, type_, role, text in (
            entries.filter(table=name).select("column", "type", "role", "text").iter_rows()
        ):
            yield f"{column:<32}{type_:<16}{role:<10}{text}"
    elif name in columns:
        found = entries.filter(column=name).group_by("type", "role", "text", maintain_order=True)
        for type_, role, text, where in found.agg(pl.col("table").str.join(", ")).iter_rows():
            yield f"{name}: {type_}, {role}, in {where}. {text}"
    else:
        close = difflib.get_close_matches(name, [*datasets, *tables, *columns])
        hint = f"do you mean {', '.join(close)}?" if close else f"the tables are {', '.join(tables)}"
        raise InputError(name, f"is no dataset, table or column of {path}; {hint}")
