"""What tables hold: the classes and parts there are, and columns with their types, meanings and roles."""

import csv
from pathlib import Path
from typing import NamedTuple

from vacuagym.errors import InputError

# what they mean is said by the label models
CLASSES = ("stable", "metastable", "saddle", "unstable", "runaway", "marginal", "failed", "not_applicable")
VACUA = ("stable", "metastable")
NOT_APPLICABLE = "not_applicable"  # the label model is not about the geometry, and draws nothing
UNDECIDED = ("marginal", "failed", NOT_APPLICABLE)  # never scored
WITH_POINT = ("stable", "metastable", "saddle", "unstable", "marginal")  # classes that speak of a critical point
PARTS = ("train", "val", "ood_val", "test")  # ood_val: distributed as test, where a split shifts the distribution

KEY, FEATURE, COUPLING, OUTCOME = "key", "feature", "coupling", "outcome"


class Column(NamedTuple):
    """One entry of the data dictionary."""

    name: str
    type: str  # an Arrow type as text: int64, int32, float64, bool, string, list<int32>, ...
    unit: str  # "1" for pure numbers and counts
    meaning: str  # one sentence
    source: str = ""  # formula's paper and equation, or arXiv number
    role: str = OUTCOME  # a learner may see features and couplings, and is scored on outcomes

    @property
    def text(self) -> str:
        """Meaning, unit and source, for people."""
        unit = "" if self.unit == "1" else f" Unit: {self.unit}."
        return f"{self.meaning}{unit}" + (f" Source: {self.source}." if self.source else "")


DATASET = Column("dataset", "string", "1", "Name of the dataset of the geometry.", role=KEY)
GEOMETRY_ID = Column("geometry_id", "int64", "1", "Number of the geometry in its dataset, from 0.", role=KEY)
SAMPLE = Column("sample", "int32", "1", "Number of the draw of couplings, from 0.", role=KEY)
PART = Column("part", "string", "1", f"Part of the split the geometry belongs to: {', '.join(PARTS)}.", role=KEY)

GEOMETRY_KEYS = (DATASET, GEOMETRY_ID)
DRAW_KEYS = (DATASET, GEOMETRY_ID, SAMPLE)

STABILITY_COLUMNS = (
    *GEOMETRY_KEYS,
    Column("n_draws", "int32", "1", "Number of draws of couplings."),
    *(Column(f"fraction_{name}", "float64", "1", f"Fraction of the draws labelled {name}.") for name in CLASSES),
)


def read_columns(path: Path, **texts: str) -> tuple[Column, ...]:
    """Read a data dictionary.

    Parameters
    ----------
    path : Path
        A CSV file in UTF-8 whose header names fields of `Column`; those with a default may be left out.
    **texts : str
        What replaces ``{name}`` in a meaning.

    Returns
    -------
    tuple of Column
        One per line, in the order of the file.

    Raises
    ------
    InputError
        A line with too few or too many fields, an unknown field, or a placeholder that is not among the texts.
    """
    columns = []
    with open(path, encoding="utf-8", newline="") as file:
        lines = csv.reader(file)
        header = next(lines)
        for line in lines:
            try:
                column = Column(**dict(zip(header, line, strict=True)))
                columns.append(column._replace(meaning=column.meaning.format_map(texts)))
            except (LookupError, TypeError, ValueError) as error:
                reason = (
                    f"expected the fields {', '.join(header)} of a column, placeholders among {list(texts)}: {error}"
                )
                raise InputError(f"{path}, line {lines.line_num}", reason) from error
    return tuple(columns)


def names_of(columns, *roles: str) -> list[str]:
    """Names of those columns that have one of the roles, or of all."""
    return [column.name for column in columns if not roles or column.role in roles]
