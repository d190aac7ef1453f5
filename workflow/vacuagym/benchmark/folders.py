"""What lies in a folder, the results of a run or a release: its datasets, columns, splits, and rows of any part."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from vacuagym.benchmark.tasks.base import GEOMETRY
from vacuagym.errors import InputError
from vacuagym.schema import DRAW_KEYS, GEOMETRY_KEYS, PARTS, Column, names_of
from vacuagym.tables.shards import read_recipe

EDITION = "edition.json"
DICTIONARY = "data_dictionary.csv"
PROTOCOLS = "protocols"
_GROUP = "duplicate_group"


@dataclass(frozen=True)
class Folder:
    """The tables of a run or a release, found by looking.

    Parameters
    ----------
    path : Path
    columns : dict of str to list of Column
        Of the geometries and draws of each dataset, without the parts.
    families : dict of str to str
        The family of each dataset.
    """

    path: Path
    columns: dict[str, list[Column]]
    families: dict[str, str]

    @property
    def edition(self) -> dict:
        """What is stamped into scores: name and content of the edition, as `vacuagym.publish.editions` has them."""
        try:
            return json.loads((self.path / EDITION).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {"edition": "custom", "content": None}

    def splits(self) -> list[str]:
        """The splits and protocols there are."""
        return [
            path.stem for folder in ("splits", PROTOCOLS) for path in sorted((self.path / folder).glob("*.parquet"))
        ]

    def rows(self, dataset: str, row: str, split: str, columns: Sequence[str], part: str | None = None) -> pl.LazyFrame:
        """The rows of a dataset that a split has a part for, in no certain order.

        Parameters
        ----------
        dataset : str
        row : str
            GEOMETRY or DRAW.
        split : str
            A split or a protocol.
        columns : sequence of str
            Columns of features, and of labels if a row is a draw, besides the keys and the duplicate group.
        part : str, optional
            One of `vacuagym.schema.PARTS`; all of them by default.

        Returns
        -------
        LazyFrame
            The keys, duplicate_group, part, and the columns.
        """
        parts = self._parts(split).filter(pl.col("dataset") == dataset).select("geometry_id", "part")
        if part:
            parts = parts.filter(pl.col("part") == part)
        if row == GEOMETRY:
            keys, found = names_of(GEOMETRY_KEYS), self._scan(dataset, "features")
        else:
            keys, found = names_of(DRAW_KEYS), self._scan(dataset, "labels")
            there = found.collect_schema().names()
            missing = [name for name in [_GROUP, *columns] if name not in there]
            if missing:
                found = found.join(self._scan(dataset, "features").select("geometry_id", *missing), on="geometry_id")
        wanted = list(dict.fromkeys([*keys, _GROUP, "part", *columns]))
        return found.join(parts, on="geometry_id").select(wanted)

    def _scan(self, dataset: str, table: str) -> pl.LazyFrame:
        return pl.scan_parquet(sorted((self.path / table / dataset).glob("*.parquet")))

    def _parts(self, split: str) -> pl.LazyFrame:
        for folder in ("splits", PROTOCOLS):
            if (path := self.path / folder / f"{split}.parquet").is_file():
                return pl.scan_parquet(path).with_columns(pl.col("dataset", "part").cast(pl.String))
        raise InputError(f"split {split!r}", f"is none of those in {self.path}; it has {', '.join(self.splits())}")


def open_folder(path: Path | str) -> Folder:
    """Look at a folder.

    Raises
    ------
    InputError
        It holds neither the results of a finished run nor a release.
    """
    path = Path(path).expanduser()
    if not (path / DICTIONARY).is_file():
        raise InputError(
            path, "holds neither a release nor the results of a run; build one with `make run` or `make edition`"
        )
    columns: dict[str, list[Column]] = {}
    with open(path / DICTIONARY, newline="", encoding="utf-8") as file:
        head, *lines = csv.reader(file)
    for table, *column in lines:
        name, _, dataset = table.rpartition("/")
        if name in ("features", "labels"):
            known = columns.setdefault(dataset, [])
            known += [found for found in [Column(*column)] if found.name not in names_of(known)]
    families, complete = {}, {}
    for dataset, described in columns.items():
        if shards := sorted((path / "features" / dataset).glob("*.parquet")):
            families[dataset] = read_recipe(shards[0])[2].get("family", dataset)
            complete[dataset] = described
    if not complete:
        raise InputError(path, "holds no features; run the workflow first")
    return Folder(path, complete, families)


VIEW = {
    "train": "train",
    "val": "validation",
    "test": "test",
    "ood_val": "ood_validation",
}  # part -> name in `datasets`


def part_name(name: str) -> str:
    """The part of a split, by its own name or by the one that `datasets` gives it."""
    part = {view: part for part, view in VIEW.items()}.get(name, name)
    if part not in PARTS:
        raise InputError(f"part {name!r}", f"is unknown; known are {', '.join(PARTS)}")
    return part
