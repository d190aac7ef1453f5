"""Splits that hold out geometries at one end of each dataset."""

from functools import partial

import polars as pl

from vacuagym.benchmark.splits.base import Split, above_threshold

SPLITS = (
    Split(
        name="ood_complexity",
        text="Geometries with many divisor classes, `n_fields`, are held out: larger problems than those seen in training.",
        part=partial(above_threshold, size=pl.col("n_fields")),
        measure="n_fields",
    ),
    Split(
        name="ood_euler",
        text="Geometries with a large Euler number, of either sign, are held out: it is proportional to the α' correction.",
        part=partial(above_threshold, size=pl.col("euler_characteristic").abs()),
        measure="absolute euler_characteristic",
    ),
)
