"""The class of a vacuum, from its geometry and couplings."""

import polars as pl

from vacuagym.benchmark.scored import is_scored
from vacuagym.benchmark.tasks.base import DRAW, Target, Task

TASKS = Task(
    name="stability",
    text="Predict the class `stability` of a draw from all features of its geometry and its couplings. Rows whose class is "
    "undecided, or whose vacuum is not under control, take no part.",
    row=DRAW,
    targets=(Target(kind="classes", columns={"stability": pl.col("stability")}),),
    is_scored=is_scored,
)
