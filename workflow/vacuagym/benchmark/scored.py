"""Which rows of a label table are scored: one rule for the counts of classes, users' predictions and the baselines.

Scored are rows whose class is decided and, where the label model has the column, which are controlled: elsewhere the
potential that the model solves approximates nothing.
"""

from collections.abc import Iterable

import polars as pl

from vacuagym.schema import UNDECIDED, Column

SCORED = Column("scored", "bool", "1", "Whether the row counts: its class is decided, and its vacuum under control.")


def label_reads(columns: Iterable[str]) -> list[str]:
    """Of the columns of a label table, those that say the class of a row and whether it is scored."""
    return ["stability", *(name for name in columns if name == "controlled")]


def is_scored(columns: Iterable[str]) -> pl.Expr:
    """Whether a row is scored, bool, of a frame that has the columns `label_reads` of a label table with ``columns``."""
    if SCORED.name in columns:  # a release has the answer, and not the reasons
        return pl.col(SCORED.name)
    _, *controlled = label_reads(columns)
    return pl.all_horizontal(~pl.col("stability").is_in(UNDECIDED), *controlled)
