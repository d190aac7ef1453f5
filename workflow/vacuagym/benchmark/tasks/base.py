"""What a task is: which rows, what a learner may see of them, what it predicts, and how that is scored."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from vacuagym.schema import COUPLING, FEATURE, Column, names_of

GEOMETRY, DRAW = "geometry", "draw"  # what one row of a task is
N_PERMUTATIONS = 10  # other forms of the same inputs, as a test of their own


class Numbers(NamedTuple):
    """What a learner of tables gets instead of lists."""

    width: int
    of: Callable[[pl.DataFrame], np.ndarray]  # from rows to float64 (rows, width)


class Elements(NamedTuple):
    """What a learner of tables gets to predict lists element by element."""

    of: Callable[[pl.DataFrame], np.ndarray]  # from rows to float64 (elements of all rows, columns)
    lengths: Callable[[pl.DataFrame], np.ndarray]  # from rows to the lengths of their lists


@dataclass(frozen=True, kw_only=True)
class Target:
    """Something to predict: columns that are scored together."""

    kind: str  # how it is scored, one of `vacuagym.benchmark.metrics.KINDS`
    columns: Mapping[str, pl.Expr]  # name -> value, from columns of features and labels
    elements: Elements | None = None  # of lists


@dataclass(frozen=True, kw_only=True)
class Task:
    """A prediction task of the benchmark."""

    name: str
    text: str  # what is predicted from what, and under which rules; whole sentences
    row: str  # GEOMETRY or DRAW
    targets: tuple[Target, ...]  # the first metric of the first one is the headline
    adds: tuple[Column, ...] = ()  # descriptions of the targets that are columns neither of features nor of labels
    families: tuple[str, ...] = ()  # whose geometries it is about; none: those of every dataset
    inputs: tuple[str, ...] = ()  # the features that a learner may see; none: all of them, and the couplings of a draw
    numbers: Numbers | None = None  # None: numbers as they are; minimum, mean and maximum of lists
    permute: Callable[[pl.DataFrame, int], pl.DataFrame] | None = (
        None  # from rows to another form of the same geometries
    )
    is_scored: Callable[[Sequence[str]], pl.Expr] = lambda columns: pl.lit(
        True
    )  # which rows take part, given the columns there are

    @property
    def target_columns(self) -> dict[str, pl.Expr]:
        """What is predicted, by name."""
        return {name: value for target in self.targets for name, value in target.columns.items()}

    def applies(self, family: str, columns: Sequence[Column]) -> bool:
        """Whether a dataset of a family, with these columns of features and labels, has the task."""
        there = set(names_of(columns))
        known = all(
            name in there or set(value.meta.root_names()) <= there for name, value in self.target_columns.items()
        )
        return known and (not self.families or family in self.families)

    def inputs_of(self, columns: Sequence[Column]) -> list[Column]:
        """Of the columns of features and labels, those that a learner may see."""
        if self.inputs:
            return [column for column in columns if column.name in self.inputs]
        roles = (FEATURE, COUPLING) if self.row == DRAW else (FEATURE,)
        return [column for column in columns if column.role in roles]


def padded(lists: pl.Series, width: int) -> np.ndarray:
    """Lists of numbers as rows of one matrix, float64 (rows, width), zero where they are shorter."""
    out = np.zeros((len(lists), width))
    lengths = lists.list.len().to_numpy()
    values = lists.explode(empty_as_null=False).to_numpy()
    out[np.arange(width) < lengths[:, None]] = values
    return out


def of_lists(function: Callable[..., np.ndarray], *columns: str, dtype: pl.DataType) -> pl.Expr:
    """A column of lists, row by row from other columns.

    Parameters
    ----------
    function : callable
        From the values of the columns in one row, lists as arrays, to an array.
    *columns : str
    dtype : DataType
        Of the items.
    """

    def rows(frame: pl.Series) -> pl.Series:
        values = (
            function(*(np.asarray(value) if isinstance(value, list) else value for value in row.values()))
            for row in frame
        )
        return pl.Series([value.tolist() for value in values], dtype=pl.List(dtype))

    return pl.struct(columns).map_batches(rows, return_dtype=pl.List(dtype))
