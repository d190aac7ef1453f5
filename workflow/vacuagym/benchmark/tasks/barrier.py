"""The height of the barrier that protects a vacuum."""

import math

import polars as pl

from vacuagym.benchmark.tasks.base import DRAW, Target, Task
from vacuagym.schema import VACUA, Column

_DIGITS = 6  # logarithms differ between machines in the last digit
_THERE = pl.col("stability").is_in(VACUA) & pl.col("controlled") & (pl.col("barrier") > 0)
_HEIGHT = pl.col("barrier").log10() + 2 * pl.col("volume").log10() - 2 * pl.col("log10_flux").cast(pl.Float64)

TASKS = Task(
    name="barrier",
    text="Predict `log10_barrier`, the decimal logarithm of the height of the barrier above a vacuum in units of "
    "|W0|^2 / volume^2 there, from all features of the geometry and the couplings. Only draws with a vacuum under control and a barrier take part.",
    row=DRAW,
    targets=(
        Target(
            kind="number", columns={"log10_barrier": pl.when(_THERE).then(_HEIGHT.round(_DIGITS)).otherwise(math.nan)}
        ),
    ),
    adds=(
        Column(
            "log10_barrier",
            "float64",
            "1",
            "log10 of the barrier of a vacuum under control over |W0|^2 / volume^2 at the vacuum; NaN elsewhere.",
        ),
    ),
    is_scored=lambda columns: pl.col("log10_barrier").is_not_nan(),
)
