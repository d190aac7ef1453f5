"""Splits that hold out a whole dataset, one for each family."""

from functools import partial

import polars as pl

from vacuagym.benchmark.splits.base import HELD_OUT_SHARES, TEST, Split, by_group
from vacuagym.geometry import FAMILIES
from vacuagym.geometry.family import Family


def _part(family: Family, threshold: None, held_out: str) -> pl.Expr:
    return TEST if family.name == held_out else by_group(family, HELD_OUT_SHARES)


SPLITS = tuple(
    Split(
        name=f"ood_dataset_{family.name}",
        text=f"The geometries of `{family.name}` are the test part; training and validation have the other families.",
        part=partial(_part, held_out=family.name),
        holds_out=family.name,
    )
    for family in FAMILIES.values()
)
