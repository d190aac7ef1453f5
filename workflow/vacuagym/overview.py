"""What a run has made and what it means, as lines of text, from the manifest, the logs and the data dictionary."""

import csv
import difflib
from collections.abc import Iterator
from pathlib import Path

from vacuagym import geometry, manifest
from vacuagym.errors import InputError
from vacuagym.tables.shards import read_metadata

DICTIONARY = "data_dictionary.csv"


def status(results: Path, memory: Path) -> Iterator[str]:
    """What a run has made: configuration and tables by the manifest, or what is there without one; its jobs.

    Parameters
    ----------
    memory : the table of the jobs' memory that the workflow keeps in its logs.
    """
    if (results / manifest.MANIFEST).is_file():
        described = manifest.load(results)
        limit, model = described["config"]["n_limit"], described["model"]
        yield f"version {described['version']}, seed {described['seed']}, n_limit {'null' if limit is None else limit}"
        yield f"model {model['name']}, {model['draws']} draws a geometry"
        files = [(entry["schema"], entry["rows"], entry["bytes"]) for entry in described["shards"]]
    else:
        yield f"{results / manifest.MANIFEST} is not there: the run is not complete. Made so far:"
        files = []
        for path in sorted(results.rglob("*.parquet")):
            rows, _, made_by = read_metadata(path)
            files.append((made_by["table"], rows, path.stat().st_size))
    yield ""
    yield f"{'table':<20}{'files':>6}{'rows':>13}{'MB':>10}"
    for table in dict.fromkeys(table for table, *_ in files):
        rows, sizes = zip(*((rows, size) for name, rows, size in files if name == table), strict=True)
        yield f"{table:<20}{len(rows):>6}{sum(rows):>13,}{sum(sizes) / 1e6:>10.2f}"
    others = [path.name for path in sorted(results.glob("*.csv"))]
    if others:
        yield f"and {', '.join(others)}"
    if memory.is_file():
        yield ""
        yield f"{'rule':<26}{'jobs':>6}{'peak MB':>10}{'declared':>10}"
        with open(memory) as file:
            jobs = list(csv.DictReader(file, delimiter="\t"))
        for rule in dict.fromkeys(job["rule"] for job in jobs):
            mine = [job for job in jobs if job["rule"] == rule]
            peak, declared = (max(float(job[key]) for job in mine) for key in ("peak_mb", "mem_mb"))
            yield f"{rule:<26}{len(mine):>6}{peak:>10.0f}{declared:>10.0f}"


def describe(results: Path, name: str | None) -> Iterator[str]:
    """What a dataset, a table or a column is, by the data dictionary of a run; without a name, which tables there are.

    Raises
    ------
    InputError : there is no dictionary, or the name is not in it; says which names are close.
    """
    path = Path(results) / DICTIONARY
    try:
        with open(path, newline="") as file:
            reader = csv.DictReader(file)
            entries = list(reader)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror}); run the workflow first") from error
    if not entries or not {"table", "column", "type", "unit", "meaning", "source", "role"} <= set(reader.fieldnames):
        raise InputError(path, "is not the data dictionary of this version; delete it and run the workflow again")
    tables = {entry["table"]: [] for entry in entries}
    for entry in entries:
        tables[entry["table"]].append(entry)
    datasets = {table.split("/")[1] for table in tables if "/" in table}
    if name is None or name in datasets:
        if name:
            yield f"{name}: {geometry.COUNTS[name]:,} geometries. {geometry.family(name).__doc__.splitlines()[0]}"
        for table, columns in tables.items():
            if name is None or table.endswith(f"/{name}"):
                yield f"{table:<20}{len(columns):>4} columns"
    elif name in tables:
        for entry in tables[name]:
            yield f"{entry['column']:<32}{entry['type']:<16}{entry['role']:<10}{_meaning(entry)}"
    else:
        where = {}
        for entry in entries:
            if entry["column"] == name:
                what = (entry["type"], entry["role"], _meaning(entry))
                where.setdefault(what, []).append(entry["table"])
        if not where:
            known = [*datasets, *tables, *dict.fromkeys(entry["column"] for entry in entries)]
            close = difflib.get_close_matches(name, known)
            hint = f"; do you mean {', '.join(close)}?" if close else f"; the tables are {', '.join(tables)}"
            raise InputError(name, f"is no dataset, table or column of {path}{hint}")
        for (type_, role, meaning), found in where.items():
            yield f"{name}: {type_}, {role}, in {', '.join(found)}. {meaning}"


def _meaning(entry: dict) -> str:
    unit = "" if entry["unit"] == "1" else f" Unit: {entry['unit']}."
    return entry["meaning"] + unit + (f" Source: {entry['source']}." if entry["source"] else "")
