"""What a run has made, what a release holds and what their names mean, as lines of text."""

import difflib
import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from vacuagym.benchmark.folders import EDITION, INPUTS
from vacuagym.benchmark.metrics import KINDS
from vacuagym.benchmark.splits import PROTOCOLS, SPLITS
from vacuagym.benchmark.tasks import TASKS
from vacuagym.errors import InputError
from vacuagym.geometry import FAMILIES
from vacuagym.models import MODELS
from vacuagym.publish import dictionary, manifest
from vacuagym.publish.checksums import is_release
from vacuagym.schema import CLASSES, PARTS, Column
from vacuagym.tables.frames import read_csv
from vacuagym.tables.shards import read_recipe

WIDTH = 80  # of a line, but where a path or a name is longer


def wrapped(text: str, first: str = "", rest: str = "  ") -> list[str]:
    """A text as lines of at most `WIDTH` characters, with what the first line and the others are indented by."""
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )


# --- status -----------------------------------------------------------------------------------------------------------


def status(folder: Path, memory: Path) -> Iterator[str]:
    """Yield what a release holds; or what a run has made, and what its jobs took.

    Parameters
    ----------
    folder : Path
        A release, or the results of a run.
    memory : Path
        The table that jobs append to; it need not exist.
    """
    if is_release(folder):
        yield from _release(folder)
        return
    yield from _run(folder)
    if memory.is_file():
        yield ""
        yield from _jobs(memory)


def _release(folder: Path) -> Iterator[str]:
    stamp, tasks = (json.loads((folder / name).read_text(encoding="utf-8")) for name in (EDITION, INPUTS))
    yield f"release of VacuaGym {stamp['version']}, edition {stamp['edition']}"
    for name, datasets in tasks.items():
        yield from wrapped(f"task {name}: {', '.join(datasets)}")
    yield from wrapped(f"splits: {', '.join(path.stem for path in sorted((folder / 'splits').glob('*.parquet')))}")
    yield ""
    yield from _totals(_sizes(folder))


def _run(results: Path) -> Iterator[str]:
    """By the manifest or, without one, by what is there."""
    if (results / manifest.MANIFEST).is_file():
        described = manifest.load(results)
        limit, model = json.dumps(described["config"]["n_limit"]), described["model"]
        yield f"version {described['version']}, seed {described['seed']}, n_limit {limit}"
        yield f"model {model['name']}, {model['draws']} draws per geometry"
        files = [(entry["schema"], entry["rows"], entry["bytes"]) for entry in described["shards"]]
    else:
        yield from wrapped(f"The run is not complete: {results / manifest.MANIFEST} does not exist. Made so far:")
        files = _sizes(results)
    yield ""
    yield from _totals(files)
    others = [path.name for path in sorted(results.glob("*.csv"))]
    if others:
        yield from wrapped(f"and {', '.join(others)}")


def _sizes(folder: Path) -> list[tuple[str, int, int]]:
    """Table, rows and bytes of every parquet file."""
    files = []
    for path in sorted(folder.rglob("*.parquet")):
        rows, _, recipe = read_recipe(path)
        files.append((recipe["table"].removeprefix("release/"), rows, path.stat().st_size))
    return files


def _totals(files: Sequence[tuple[str, int, int]]) -> Iterator[str]:
    yield f"{'table':<20}{'files':>6}{'rows':>13}{'MB':>10}"
    table = pl.DataFrame(files, schema={"table": pl.String, "rows": pl.Int64, "bytes": pl.Int64}, orient="row")
    totals = pl.len(), pl.sum("rows"), pl.sum("bytes") / 1e6
    for name, count, rows, size in table.group_by("table", maintain_order=True).agg(totals).iter_rows():
        yield f"{name:<20}{count:>6}{rows:>13,}{size:>10.2f}"


def _jobs(memory: Path) -> Iterator[str]:
    yield f"{'rule':<26}{'jobs':>6}{'peak MB':>10}{'declared':>10}"
    jobs = read_csv(memory, {"rule": pl.String, "peak_mb": pl.Float64, "mem_mb": pl.Float64}, "\t")
    most = jobs.group_by("rule", maintain_order=True).agg(pl.len(), pl.max("peak_mb", "mem_mb"))
    for rule, count, peak, declared in most.iter_rows():
        yield f"{rule:<26}{count:>6}{peak:>10.0f}{declared:>10.0f}"


# --- describe ---------------------------------------------------------------------------------------------------------


def describe(folder: Path, name: str | None) -> Iterator[str]:
    """Yield what a dataset, table, column, task, target, split, class or value of a column is.

    Parameters
    ----------
    folder : Path
        A release, or the results of a run, whose data dictionary says what tables and columns there are.
    name : str, optional
        Without a name, all but the columns are listed.

    Raises
    ------
    InputError
        There is no dictionary, or nothing has the name; says which names are close.
    """
    path = Path(folder) / dictionary.FILE
    tables = dictionary.read_dictionary(path)
    datasets = list(dict.fromkeys(table.partition("/")[2] for table in tables if "/" in table))
    columns = _by_column(tables)
    known = {"dataset": datasets, "task": TASKS, "split": {**SPLITS, **PROTOCOLS}, "class": CLASSES}
    if name is None:
        yield from _sizes_of(tables)
        for kind, names in known.items():
            yield from wrapped(f"{kind}: {', '.join(names)}")
        return
    found = []
    if name in datasets:
        found += _dataset(name, tables)
    if name in tables:
        found += _table(tables[name])
    if name in known["task"]:
        found += _task(name)
    if name in known["split"]:
        found += _split(name, known["split"][name].text, Path(folder))
    if name in CLASSES:
        found += _class(name, columns.get("stability", {}))
    if name in columns:
        found += _column(name, columns[name])
    found += [f"{name}: what the task {task.name} predicts" for task in TASKS.values() if name in task.target_columns]
    if not found:
        for other, meanings in columns.items():
            values = {column: of for column, of in meanings.items() if name in re.findall(r"(\w+): ", column.text)}
            found += _column(other, values)
    if not found:
        names = dict.fromkeys([*tables, *columns, *(name for some in known.values() for name in some)])
        close = difflib.get_close_matches(name, names)
        hint = f"do you mean {', '.join(close)}?" if close else "describe without a name lists what there is"
        raise InputError(name, f"is no {', '.join(known)}, table or column here; {hint}")
    yield from found


def _by_column(tables: Mapping[str, Sequence[Column]]) -> dict[str, dict[Column, list[str]]]:
    """Name of a column -> the columns that have it, each with its tables."""
    columns: dict[str, dict[Column, list[str]]] = {}
    for table, described in tables.items():
        for column in described:
            columns.setdefault(column.name, {}).setdefault(column, []).append(table)
    return columns


def _sizes_of(tables: Mapping[str, Sequence[Column]]) -> Iterator[str]:
    for table, described in tables.items():
        yield f"{table:<20}{len(described):>4} columns"


def _dataset(name: str, tables: Mapping[str, Sequence[Column]]) -> Iterator[str]:
    if name in FAMILIES:
        yield from wrapped(f"{name}: {FAMILIES[name].count:,} geometries. {FAMILIES[name].text}.")
    yield from _sizes_of({table: columns for table, columns in tables.items() if table.endswith(f"/{name}")})


def _table(columns: Sequence[Column]) -> Iterator[str]:
    for column in columns:
        yield f"{column.name}: {column.type}, {column.role}"
        yield from wrapped(column.text, "    ", "    ")


def _column(name: str, meanings: Mapping[Column, Sequence[str]]) -> Iterator[str]:
    for column, where in meanings.items():
        yield from wrapped(f"{name}: {column.type}, {column.role}, in {', '.join(where)}. {column.text}")


def _task(name: str) -> Iterator[str]:
    task = TASKS[name]
    yield from wrapped(f"{name}: a task, one row per {task.row}. {task.text}")
    targets, headline = ", ".join(task.target_columns), KINDS[task.targets[0].kind].headline
    yield from wrapped(f"It predicts {targets}, and is ranked by {headline}.", "  ")


def _split(name: str, text: str, folder: Path) -> Iterator[str]:
    yield from wrapped(f"{name}: a split. {text}")
    for path in folder.glob(f"*/{name}.parquet"):
        yield f"  {'geometries':<20}" + "".join(f"{part:>12}" for part in PARTS)
        parts = pl.scan_parquet(path).select(pl.col("dataset", "part").cast(pl.String))
        counts = parts.group_by("dataset").agg(*((pl.col("part") == part).sum().alias(part) for part in PARTS))
        for dataset, *of_parts in counts.sort("dataset").collect().iter_rows():
            yield f"  {dataset:<20}" + "".join(f"{count:>12,}" for count in of_parts)


def _class(name: str, stability: Mapping[Column, Sequence[str]]) -> Iterator[str]:
    """What a class means for the label model that describes its labels so."""
    for model in MODELS.values():
        if any(column in stability for column in model.columns):
            yield from wrapped(f"{name}: a class of {model.name}: {model.classes[name]}.")
