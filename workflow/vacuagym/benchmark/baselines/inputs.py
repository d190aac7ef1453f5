"""What a learner sees: the numbers that features and couplings become. No outcome is among them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from vacuagym.benchmark.baselines.base import COUPLINGS, CYCLE, N_MODULI, TABLE
from vacuagym.geometry.family import Family
from vacuagym.models.base import LabelModel
from vacuagym.schema import COUPLING, FEATURE, Column, names_of
from vacuagym.tables.arrays import Ragged

# say where other numbers belong: their sizes mean nothing
_INDICES = {"triple_intersection_indices", "rays", "heights", "basis"}

_LOWEST = -12  # self-intersection of a curve
_SYMBOLS = 2 - _LOWEST  # self-intersections -12 ... -1, 0 and above together
_N_PAIRS = _SYMBOLS * (_SYMBOLS + 1) // 2


@dataclass(frozen=True)
class Inputs:
    """Which columns become the inputs of a learner.

    Parameters
    ----------
    features, couplings : tuple of Column
        Numbers and lists of numbers.
    cycle : str or None
        The feature column that is a cyclic list of self-intersections, if it is seen as well.
    """

    features: tuple[Column, ...]
    couplings: tuple[Column, ...]
    cycle: str | None

    @property
    def feature_names(self) -> list[str]:
        """The columns to read of the features."""
        return names_of(self.features) + ([self.cycle] if self.cycle else [])

    @property
    def coupling_names(self) -> list[str]:
        """The columns to read of the labels."""
        return names_of(self.couplings)

    @property
    def groups(self) -> np.ndarray:
        """What each column of the matrix belongs to: COUPLINGS, N_MODULI, TABLE or CYCLE; str (columns,)."""
        groups = [N_MODULI if column.name == "n_moduli" else TABLE for column in self.features for _ in _width(column)]
        groups += [COUPLINGS for column in self.couplings for _ in _width(column)]
        if self.cycle:
            groups += [CYCLE] * (2 * _N_PAIRS)
        return np.array(groups)

    def matrix(self, rows: pl.DataFrame) -> np.ndarray:
        """Inputs of rows, float64 (rows, columns): numbers; minimum, mean and maximum of lists; statistics of the cycle."""
        blocks = [_numbers(rows[name]) for name in (*names_of(self.features), *self.coupling_names)]
        if self.cycle:
            blocks.append(cycle_pairs(_ragged(rows[self.cycle])))
        return np.concatenate(blocks, axis=1)


def inputs_of(families: Sequence[Family], model: LabelModel) -> Inputs:
    """The features that all the families have, and the couplings of a label model; of a single family, its cycle too."""
    common = set.intersection(*(set(names_of(family.feature_columns, FEATURE)) for family in families))
    common -= _INDICES | {family.cycle for family in families}
    features = tuple(column for column in families[0].feature_columns if column.name in common)
    drawn = tuple(column for column in model.columns if column.role == COUPLING and column.type != "string")
    return Inputs(features, drawn, families[0].cycle if len(families) == 1 else None)


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


def cycle_pairs(curves: Ragged) -> np.ndarray:
    """How often two self-intersections stand one and two apart on each cycle; the same for rotations and reflections.

    Parameters
    ----------
    curves : Ragged
        Self-intersections of the curves of each cycle.

    Returns
    -------
    float64 array (rows, 2 * 105)
        By distance and unordered pair of -12 ... -1 and 0 or above.
    """
    rows = len(curves.offsets) - 1
    row, following = _cycle(curves)
    symbol = np.minimum(curves.values.astype(np.int64), 0) - _LOWEST
    low, high = np.triu_indices(_SYMBOLS)
    number = np.zeros((_SYMBOLS, _SYMBOLS), dtype=np.int64)
    number[low, high] = number[high, low] = np.arange(_N_PAIRS)
    blocks = []
    for partner in (following, following[following]):
        pair = row * _N_PAIRS + number[symbol, symbol[partner]]
        blocks.append(np.bincount(pair, minlength=rows * _N_PAIRS).reshape(rows, _N_PAIRS))
    return np.concatenate(blocks, axis=1).astype(np.float64)


def _cycle(curves: Ragged) -> tuple[np.ndarray, np.ndarray]:
    """Row of each curve, and position of the next one on its cycle."""
    lengths = np.diff(curves.offsets)
    row = np.repeat(np.arange(len(lengths)), lengths)
    following = np.arange(1, len(row) + 1)
    following[curves.offsets[1:] - 1] = curves.offsets[:-1]
    return row, following
