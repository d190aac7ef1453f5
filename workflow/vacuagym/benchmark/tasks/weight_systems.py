"""Hodge numbers and transversality of weight systems."""

import numpy as np
import polars as pl

from vacuagym.benchmark.tasks.base import GEOMETRY, Numbers, Target, Task, padded

_WIDTHS = {"degrees": 3, "weights": 21}  # of three combined systems


def _numbers(rows: pl.DataFrame) -> np.ndarray:
    """The kind, and degrees and weights, which are zero where there are fewer."""
    lists = [padded(rows[name], width) for name, width in _WIDTHS.items()]
    return np.concatenate([rows["kind"].to_numpy().astype(np.float64)[:, None], *lists], axis=1)


_NUMBERS = Numbers(1 + sum(_WIDTHS.values()), _numbers)

TASKS = (
    Task(
        name="ks_hodge",
        text="Predict `h11` and `h21` of the hypersurface from its weights alone: `weights`, system by system, each of degree "
        "`degrees`; `kind` says how many systems there are.",
        row=GEOMETRY,
        families=("ks",),
        inputs=("kind", "degrees", "weights"),
        numbers=_NUMBERS,
        targets=(Target(kind="integers", columns={"h11": pl.col("h11"), "h21": pl.col("h21")}),),
    ),
    Task(
        name="ks_transversality",
        text="Predict `is_transverse`, whether the generic polynomial of a single system of five weights is quasi-smooth, from "
        "the weights alone. Combined systems take no part.",
        row=GEOMETRY,
        families=("ks",),
        inputs=("kind", "degrees", "weights"),
        numbers=_NUMBERS,
        targets=(Target(kind="binary", columns={"is_transverse": pl.col("is_transverse")}),),
        is_scored=lambda columns: pl.col("kind") == 0,
    ),
)
