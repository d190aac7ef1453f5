"""Divisions that published results use: random, so that duplicates stand on both sides. No figure of the benchmark uses them."""

from functools import partial

import polars as pl

from vacuagym.benchmark.splits.base import TEST, TRAIN, Split
from vacuagym.geometry.family import Family
from vacuagym.tables.frames import hash_expression


def _random(family: Family, threshold: None, share: float, only: pl.Expr) -> pl.Expr:
    u = hash_expression(pl.col("geometry_id"), "protocol") / 2.0**63
    return pl.when(only).then(pl.when(u < share).then(TRAIN).otherwise(TEST))


PROTOCOLS = tuple(
    Split(
        name=f"cicy3_random_{100 * share:.0f}{suffix}",
        text=f"A random {share:.0%} of the {which} is for training, the rest for the test, whatever their duplicates.",
        part=partial(_random, share=share, only=only),
        family="cicy3",
        shifts=False,
    )
    for suffix, which, only in (
        ("_all", "7,890 complete intersections", pl.lit(True)),
        ("", "7,868 complete intersections that are no products", ~pl.col("is_product")),
    )
    for share in (0.3, 0.8)
)
