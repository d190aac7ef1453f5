"""What a split is: a rule that gives each geometry its part from the geometry's own columns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from vacuagym.geometry.family import Family
from vacuagym.schema import GEOMETRY_KEYS, PARTS, names_of
from vacuagym.tables.frames import hash_expression

TRAIN, VAL, TEST = (pl.lit(part) for part in PARTS)
IID_SHARES = (0.70, 0.15, 0.15)
HELD_OUT_SHARES = (0.85, 0.15, 0.0)  # of what is not held out


@dataclass(frozen=True, kw_only=True)
class Split:
    """A division of the geometries into train, val and test.

    A part depends on a geometry's own columns alone, so it never changes when a run grows. Geometries of one duplicate
    group must always share a part.
    """

    name: str
    text: str  # what it does, for people; whole sentences
    part: Callable[[Family, int | None], pl.Expr]  # from the threshold of the family to the part, as text
    measure: str = ""  # what the thresholds bound; empty if the split has none
    holds_out: str | None = None  # the family whose datasets are the test part as a whole

    def reads(self, family: Family, threshold: int | None) -> list[str]:
        """The feature columns that the rule reads, keys included."""
        return list(dict.fromkeys([*names_of(GEOMETRY_KEYS), *self.part(family, threshold).meta.root_names()]))

    def thresholds(self, families: Mapping[str, Family]) -> dict[str, int | None] | None:
        """The smallest value that is held out of each family, as the families have it; None if the split has none."""
        return {name: family.thresholds.get(self.name) for name, family in families.items()} if self.measure else None


def by_group(shares: tuple[float, float, float]) -> pl.Expr:
    """Part by a hash of the duplicate group, in these shares of train, val and test; the same in every family."""
    u = hash_expression(pl.col("duplicate_group"), "part") / 2.0**63
    train, val = np.cumsum(shares)[:2].tolist()
    return pl.when(u < train).then(TRAIN).when(u < val).then(VAL).otherwise(TEST)


def above_threshold(family: Family, threshold: int | None, columns: tuple[str, ...]) -> pl.Expr:
    """Test where the sum of the columns reaches the threshold, else 85/15 train and val by the duplicate group."""
    rest = by_group(HELD_OUT_SHARES)
    if threshold is None:
        return rest
    size = pl.sum_horizontal(*(pl.col(name).cast(pl.Int64) for name in columns))
    return pl.when(size >= threshold).then(TEST).otherwise(rest)
