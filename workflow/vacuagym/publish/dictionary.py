"""The data dictionary: what every column of every table of a run means."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from vacuagym.errors import InputError
from vacuagym.schema import COUPLING, FEATURE, STABILITY_COLUMNS, Column, names_of
from vacuagym.tables.shards import AGAIN, write_text

FILE = "data_dictionary.csv"
_NAMES = ["table", "column", *Column._fields[1:]]


def tables_of_columns(datasets: Mapping[str, str], model: str) -> dict[str, Sequence[Column]]:
    """The columns of every table of a run, by the table's name; ``datasets`` are names with those of their families."""
    from vacuagym.benchmark import baselines, class_counts, search, splits
    from vacuagym.geometry import FAMILIES
    from vacuagym.models import MODELS

    tables = {f"features/{name}": FAMILIES[family].feature_columns for name, family in datasets.items()}
    tables |= {f"labels/{name}": MODELS[model].columns for name in datasets}
    tables |= {f"stability/{name}": STABILITY_COLUMNS for name in datasets}
    tables |= {"splits": splits.COLUMNS, "split_classes": class_counts.CLASS_COLUMNS}
    return tables | {"baselines": baselines.COLUMNS, "active_learning": search.COLUMNS}


def build_data_dictionary(datasets: Mapping[str, str], model: Mapping, out: Path) -> None:
    """Write the data dictionary as CSV: table, column, type, unit, meaning, source, role.

    Parameters
    ----------
    datasets : mapping of str to str
        The datasets of the run, each with the name of its family.
    model : mapping
        The key ``model`` of the configuration.
    """
    tables = tables_of_columns(datasets, model["name"])
    rows = [(table, *column) for table, columns in tables.items() for column in columns]
    write_text(out, [as_csv(rows)])
    print(f"{len(rows)} columns described")


def as_csv(rows: Sequence[tuple[str, ...]]) -> str:
    """A data dictionary as text, of rows of a table's name and what a `Column` holds."""
    return pl.DataFrame(rows, schema=_NAMES, orient="row").write_csv()


def read_dictionary(path: Path) -> dict[str, list[Column]]:
    """The data dictionary of a run: table -> its columns; InputError if there is none, or it is another table."""
    try:
        with open(path, newline="", encoding="utf-8") as file:  # the reader of polars takes 6 MB
            lines = list(csv.reader(file))
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror}); run the workflow first") from error
    if not lines or lines[0] != _NAMES:
        raise InputError(path, f"is no table with the columns {', '.join(_NAMES)}; {AGAIN}")
    tables: dict[str, list[Column]] = {}
    for table, *column in lines[1:]:
        tables.setdefault(table, []).append(Column(*column))
    return tables


def read_inputs(path: Path) -> dict[str, list[str]]:
    """Names of the columns that labels may be predicted from, features and couplings, by dataset of a data dictionary."""
    tables = read_dictionary(path)
    datasets = [name.removeprefix("features/") for name in tables if name.startswith("features/")]
    both = {dataset: [*tables[f"features/{dataset}"], *tables[f"labels/{dataset}"]] for dataset in datasets}
    return {dataset: list(dict.fromkeys(names_of(columns, FEATURE, COUPLING))) for dataset, columns in both.items()}
