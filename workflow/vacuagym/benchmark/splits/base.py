"""What a split is: a rule that gives each geometry its part from the geometry's own columns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from vacuagym.geometry.family import Family
from vacuagym.schema import GEOMETRY_KEYS, PARTS, names_of
from vacuagym.tables.frames import hash_expression

TRAIN, VAL, OOD_VAL, TEST = (pl.lit(part) for part in PARTS)
IID_SHARES = (0.70, 0.15, 0.15)
INSIDE_SHARE = 0.85  # of what is not held out, for training
OUTSIDE_SHARE = 0.20  # of what is held out, for validation


@dataclass(frozen=True, kw_only=True)
class Split:
    """A division of the geometries into parts.

    A part depends on a geometry's own columns alone, so it never changes when a run grows. Geometries of one duplicate
    group must always share a part.
    """

    name: str
    text: str  # what it does, for people; whole sentences
    part: Callable[[Family, int | None], pl.Expr]  # from the threshold of the family to the part, as text; null: none
    measure: str = ""  # what the thresholds bound; empty if the split has none
    holds_out: str | None = None  # the family whose datasets are held out as a whole
    family: str | None = None  # whose geometries alone have parts
    shifts: bool = True  # whether test and training are distributed differently; then there is a part ood_val

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that it has."""
        return tuple(part for part in PARTS if self.shifts or part != "ood_val")

    def reads(self, family: Family, threshold: int | None) -> list[str]:
        """The feature columns that the rule reads, keys included."""
        return list(dict.fromkeys([*names_of(GEOMETRY_KEYS), *self.part(family, threshold).meta.root_names()]))

    def thresholds(self, families: Mapping[str, Family]) -> dict[str, int | None] | None:
        """The smallest value that is held out of each family, as the families have it; None if the split has none."""
        return {name: family.thresholds.get(self.name) for name, family in families.items()} if self.measure else None


def by_group() -> pl.Expr:
    """A number from 0 to 1, by a hash of the duplicate group, the same in every family."""
    return hash_expression(pl.col("duplicate_group"), "part") / 2.0**63


def in_distribution() -> pl.Expr:
    """Train, val and test, all of one distribution."""
    train, val = np.cumsum(IID_SHARES)[:2].tolist()
    return pl.when(by_group() < train).then(TRAIN).when(by_group() < val).then(VAL).otherwise(TEST)


def inside() -> pl.Expr:
    """Train and val, of what is not held out."""
    return pl.when(by_group() < INSIDE_SHARE).then(TRAIN).otherwise(VAL)


def outside() -> pl.Expr:
    """Test and ood_val, of what is held out."""
    return pl.when(by_group() < OUTSIDE_SHARE).then(OOD_VAL).otherwise(TEST)


def above_threshold(family: Family, threshold: int | None, size: pl.Expr) -> pl.Expr:
    """Held out where the size reaches the threshold."""
    if threshold is None:
        return inside()
    return pl.when(size >= threshold).then(outside()).otherwise(inside())
