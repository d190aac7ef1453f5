"""The height of the barrier that protects a vacuum."""

import math

import polars as pl

from vacuagym.benchmark.tasks.base import DRAW, Target, Task
from vacuagym.schema import VACUA, Column

_DIGITS = 6  # logarithms differ between machines in the last digit
_HEIGHT = (
    pl.when(pl.col("stability").is_in(VACUA) & pl.col("controlled") & (pl.col("barrier") > 0))
    .then("barrier")
    .otherwise(math.nan)
)

TASKS = Task(
    name="barrier",
    text="Predict `log10_barrier`, the decimal logarithm of the height of the barrier above a vacuum in Planck units, from "
    "all features of the geometry and the couplings. Only draws with a vacuum under control and a barrier take part.",
    row=DRAW,
    targets=(Target(kind="number", columns={"log10_barrier": _HEIGHT.log10().round(_DIGITS)}),),
    adds=(
        Column(
            "log10_barrier", "float64", "log10 M_P^4", "log10 of the barrier of a vacuum under control; NaN elsewhere."
        ),
    ),
    is_scored=lambda columns: pl.col("log10_barrier").is_not_nan(),
)
