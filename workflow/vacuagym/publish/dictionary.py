"""The data dictionary: what every column of every table of a run means."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from vacuagym.schema import COUPLING, FEATURE, STABILITY_COLUMNS, Column, names_of
from vacuagym.tables.shards import write_text

FILE = "data_dictionary.csv"
_NAMES = ["table", "column", *Column._fields[1:]]


def tables_of_columns(datasets: Sequence[str], model: str) -> dict[str, Sequence[Column]]:
    """The columns of every table of a run, by the table's name."""
    from vacuagym.benchmark import active_learning, baselines, class_counts, splits
    from vacuagym.geometry import FAMILIES
    from vacuagym.models import MODELS

    tables = {f"features/{name}": FAMILIES[name].feature_columns for name in datasets}
    tables |= {f"labels/{name}": MODELS[model].columns for name in datasets}
    tables |= {f"stability/{name}": STABILITY_COLUMNS for name in datasets}
    tables |= {"splits": splits.COLUMNS, "split_classes": class_counts.CLASS_COLUMNS}
    return tables | {"baselines": baselines.COLUMNS, "active_learning": active_learning.COLUMNS}


def build_data_dictionary(datasets: Sequence[str], model: Mapping, out: Path) -> None:
    """Write the data dictionary as CSV: table, column, type, unit, meaning, source, role.

    Parameters
    ----------
    model : mapping
        The key ``model`` of the configuration.
    """
    tables = tables_of_columns(datasets, model["name"])
    rows = [(table, *column) for table, columns in tables.items() for column in columns]
    write_text(out, [pl.DataFrame(rows, schema=_NAMES, orient="row").write_csv()])
    print(f"{len(rows)} columns described")


def read_dictionary(path: Path) -> dict[str, list[Column]]:
    """The data dictionary of a run: table -> its columns."""
    tables: dict[str, list[Column]] = {}
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            tables.setdefault(row.pop("table"), []).append(Column(row.pop("column"), **row))
    return tables


def inputs_of(dictionary: Mapping[str, Sequence[Column]], dataset: str) -> list[str]:
    """Names of the columns of a dataset that its label may be predicted from: features and couplings."""
    columns = [*dictionary[f"features/{dataset}"], *dictionary[f"labels/{dataset}"]]
    return list(dict.fromkeys(names_of(columns, FEATURE, COUPLING)))
