"""Splits that hold out all datasets of a family, one for each family."""

from functools import cache, partial
from pathlib import Path

import polars as pl

from vacuagym.benchmark.splits.base import VAL, Split, inside, outside
from vacuagym.geometry import FAMILIES
from vacuagym.geometry.family import Family

# Duplicate groups that more than one family of toric hypersurfaces has: a constant of the complete families.
SHARED_GROUPS = Path(__file__).with_name("shared_groups.csv")


@cache
def shared_groups() -> pl.Series:
    """The duplicate groups of `SHARED_GROUPS`, int64, ascending."""
    return pl.read_csv(SHARED_GROUPS)["duplicate_group"]


def _part(family: Family, threshold: None, held_out: str) -> pl.Expr:
    if family.name == held_out:
        return outside()
    rest = inside()
    if family.is_toric and FAMILIES[held_out].is_toric:
        return pl.when(pl.col("duplicate_group").is_in(shared_groups().implode())).then(VAL).otherwise(rest)
    return rest


SPLITS = tuple(
    Split(
        name=f"ood_dataset_{family.name}",
        text=f"The geometries of `{family.name}` are the test part, and `ood_val`; training and validation have the other families. "
        "Polytopes that stand in it too are kept out of training.",
        part=partial(_part, held_out=family.name),
        holds_out=family.name,
    )
    for family in FAMILIES.values()
)
