"""What becomes of the vacuum that instantons on rigid divisors make."""

import polars as pl

from vacuagym.benchmark.tasks.base import DRAW, Target, Task
from vacuagym.schema import NOT_APPLICABLE, UNDECIDED, Column

_IN = ~pl.col("stability").is_in(UNDECIDED) & pl.col("controlled") & (pl.col("n_candidates") > 0)

TASKS = Task(
    name="kklt",
    text="Predict `kklt_class`, the class of a draw on a threefold whose rigid divisors span its classes, from all features of "
    "its geometry and its couplings: whether there is a vacuum, of which sign, and whether it survives the uplift. Rows whose "
    "class is undecided, or whose vacuum is not under control, take no part.",
    row=DRAW,
    targets=(
        Target(
            kind="classes",
            columns={"kklt_class": pl.when(_IN).then(pl.col("stability")).otherwise(pl.lit(NOT_APPLICABLE))},
        ),
    ),
    adds=(
        Column(
            "kklt_class",
            "string",
            "1",
            f"The class `stability` where a vacuum can exist at leading order and the row is decided and under control; {NOT_APPLICABLE} elsewhere.",
        ),
    ),
    is_scored=lambda columns: pl.col("kklt_class") != NOT_APPLICABLE,
)
