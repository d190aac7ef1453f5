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
    tables = dictionary.read_dictionary(path)
    datasets = list(dict.fromkeys(table.partition("/")[2] for table in tables if "/" in table))
    columns: dict[str, dict[tuple, list[str]]] = {}  # name, then what it is, and the tables it is in
    for table, described in tables.items():
        for column in described:
            same = columns.setdefault(column.name, {})
            same.setdefault((column.type, column.role, column.text), []).append(table)
    if name is None or name in datasets:
        if name in FAMILIES:
            yield f"{name}: {FAMILIES[name].count:,} geometries. {FAMILIES[name].text}."
        for table, described in tables.items():
            if name is None or table.endswith(f"/{name}"):
                yield f"{table:<20}{len(described):>4} columns"
    elif name in tables:
        for column in tables[name]:
            yield f"{column.name:<32}{column.type:<16}{column.role:<10}{column.text}"
    elif name in columns:
        for (type_, role, text), where in columns[name].items():
            yield f"{name}: {type_}, {role}, in {', '.join(where)}. {text}"
    else:
        close = difflib.get_close_matches(name, [*datasets, *tables, *columns])
        hint = f"do you mean {', '.join(close)}?" if close else f"the tables are {', '.join(tables)}"
        raise InputError(name, f"is no dataset, table or column of {path}; {hint}")
