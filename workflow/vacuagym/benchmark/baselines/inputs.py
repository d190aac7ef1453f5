"""What a learner of tables sees: the numbers that features and couplings become. No outcome is among them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from vacuagym.benchmark.baselines.base import COUPLINGS, CYCLE, N_MODULI, ORACLE, TABLE
from vacuagym.benchmark.cycles import N_CYCLE_PAIRS, cycle_pairs
from vacuagym.benchmark.tasks.base import DRAW, Task
from vacuagym.geometry.family import Family
from vacuagym.models.base import LabelModel
from vacuagym.schema import COUPLING, FEATURE, Column, names_of
from vacuagym.tables.arrays import Ragged

# say where other numbers belong: their sizes mean nothing
_INDICES = {"triple_intersection_indices", "rays", "heights", "basis"}


@dataclass(frozen=True)
class Inputs:
    """What becomes of rows for a learner of tables.

    Parameters
    ----------
    task : Task
    features, couplings : tuple of Column
        Numbers and lists of numbers that a learner may see.
    cycle : str or None
        The feature column that is a cyclic list of self-intersections, if it is seen as well.
    oracle : tuple of str
        The columns from which the label model computes what decides.
    model : LabelModel
    """

    task: Task
    features: tuple[Column, ...]
    couplings: tuple[Column, ...]
    cycle: str | None
    oracle: tuple[str, ...]
    model: LabelModel

    @property
    def reads(self) -> list[str]:
        """The columns of features and labels that are needed."""
        cycle = [self.cycle] if self.cycle else []
        return list(dict.fromkeys([*names_of(self.features), *names_of(self.couplings), *cycle, *self.oracle]))

    @property
    def groups(self) -> np.ndarray:
        """What each column of the matrix belongs to: COUPLINGS, N_MODULI, TABLE, CYCLE or ORACLE; str (columns,)."""
        if self.task.numbers:
            return np.full(self.task.numbers.width, TABLE)
        groups = [N_MODULI if column.name == "n_moduli" else TABLE for column in self.features for _ in _width(column)]
        groups += [COUPLINGS for column in self.couplings for _ in _width(column)]
        groups += [CYCLE] * (N_CYCLE_PAIRS if self.cycle else 0)
        groups += [ORACLE] * (len(self.model.oracle.names) if self.oracle else 0)
        return np.array(groups)

    def matrix(self, rows: pl.DataFrame) -> np.ndarray:
        """Inputs of rows, float64 (rows, columns): numbers; minimum, mean and maximum of lists; statistics of the cycle."""
        if self.task.numbers:
            return self.task.numbers.of(rows)
        blocks = [_numbers(rows[name]) for name in names_of((*self.features, *self.couplings))]
        if self.cycle:
            blocks.append(cycle_pairs(_ragged(rows[self.cycle])))
        if self.oracle:
            blocks.append(self.model.oracle.of({name: _column(rows[name]) for name in self.oracle}))
        return np.concatenate(blocks, axis=1)


def inputs_of(task: Task, families: Sequence[Family], model: LabelModel) -> Inputs:
    """The inputs that a task allows of all the families; of a single one, its cycle too."""
    if task.numbers:
        allowed = tuple(task.inputs_of(families[0].feature_columns))
        return Inputs(task, allowed, (), None, (), model)
    allowed = [names_of(task.inputs_of(family.feature_columns)) for family in families]
    common = set.intersection(*map(set, allowed)) - _INDICES - {family.cycle for family in families}
    features = tuple(
        column for column in families[0].feature_columns if column.name in common and column.role == FEATURE
    )
    drawn = tuple(column for column in model.columns if column.role == COUPLING and column.type != "string")
    drawn = drawn if task.row == DRAW else ()
    oracle = model.oracle.reads(families[0]) if model.oracle and task.row == DRAW else ()
    known = (*names_of(families[0].feature_columns), *names_of(model.columns))
    there = all(name in known for name in oracle) and len(families) == 1
    return Inputs(
        task, features, drawn, families[0].cycle if len(families) == 1 else None, oracle if there else (), model
    )


def _column(column: pl.Series) -> np.ndarray | Ragged:
    return _ragged(column) if column.dtype == pl.List else column.to_numpy()


def _width(column: Column) -> range:
    return range(3 if column.type.startswith("list") else 1)


def _ragged(column: pl.Series) -> Ragged:
    offsets = np.cumsum([0, *column.list.len()], dtype=np.int64)
    return Ragged(column.explode(empty_as_null=False).to_numpy(), offsets)


def _numbers(column: pl.Series) -> np.ndarray:
    if column.dtype != pl.List:
        return column.to_numpy().astype(np.float64)[:, None]
    values, offsets = _ragged(column)
    there = np.diff(offsets) > 0
    out = np.zeros((len(column), 3))  # an empty list belongs to a term that is switched off
    for i, ufunc in enumerate((np.minimum, np.add, np.maximum) if there.any() else ()):
        out[there, i] = ufunc.reduceat(values.astype(np.float64), offsets[:-1][there])
    out[there, 1] /= np.diff(offsets)[there]
    return out
