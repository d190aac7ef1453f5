"""Gauge algebras that no deformation removes, from the curves of a toric base."""

import numpy as np
import polars as pl

from vacuagym.benchmark.cycles import LOWEST, N_CYCLE_PAIRS, cycle_pairs
from vacuagym.benchmark.tasks.base import GEOMETRY, Elements, Numbers, Target, Task, of_lists
from vacuagym.schema import Column
from vacuagym.tables.arrays import Ragged

ALGEBRAS = ("none", "su2", "su3", "g2", "so7", "so8", "f4", "e6", "e7", "e8")
_NUMBERED = ", ".join(f"{number} {name}" for number, name in enumerate(ALGEBRAS))
_ALONE = {-4: "so8", -5: "f4", -6: "e6", -7: "e7", -8: "e7"} | dict.fromkeys(range(-12, -8), "e8")


def gauge_algebras(self_intersections: np.ndarray) -> np.ndarray:
    """The non-Higgsable gauge algebra on each curve of a cycle (Morrison, Taylor, arXiv:1201.1943, table 2).

    Parameters
    ----------
    self_intersections : int array (curves,)
        In cyclic order.

    Returns
    -------
    int8 array (curves,)
        Positions in `ALGEBRAS`.
    """
    curves = np.asarray(self_intersections)
    found = np.array([ALGEBRAS.index(_ALONE.get(curve, "none")) for curve in curves.tolist()], dtype=np.int8)
    is_three, is_two = curves == -3, curves == -2
    twos = np.roll(is_two, 1).astype(int) + np.roll(is_two, -1)  # neighbours of self-intersection -2
    for count, name in enumerate(("su3", "g2", "so7")):
        found[is_three & (twos == count)] = ALGEBRAS.index(name)
    found[is_two & (np.roll(is_three, 1) | np.roll(is_three, -1))] = ALGEBRAS.index("su2")
    return found


N_CURVES = 1 - LOWEST  # kinds: -12 ... -1, 0 and above together
_WINDOW = 3  # neighbours on either side


def _windows(rows: pl.DataFrame) -> np.ndarray:
    """Each curve with its neighbours on either side, float64 (curves, 7)."""
    cycles = [np.asarray(cycle, dtype=np.float64) for cycle in rows["self_intersections"]]
    return np.concatenate([np.stack([np.roll(c, -s) for s in range(-_WINDOW, _WINDOW + 1)], axis=1) for c in cycles])


def _counts(rows: pl.DataFrame) -> np.ndarray:
    """How many curves there are of each self-intersection, and of each pair of neighbours; rotations change nothing."""
    offsets = np.cumsum([0, *rows["self_intersections"].list.len()])
    values = rows["self_intersections"].explode(empty_as_null=False).to_numpy().astype(np.int64)
    counts = np.zeros((len(rows), N_CURVES))
    np.add.at(counts, (np.repeat(np.arange(len(rows)), np.diff(offsets)), np.clip(values, LOWEST, 0) - LOWEST), 1)
    return np.concatenate([counts, cycle_pairs(Ragged(values, offsets))], axis=1)


TASKS = Task(
    name="fth6d_gauge",
    text="Predict, from the cyclic list `self_intersections` alone, `gauge_algebras`, the algebra on each curve in the order "
    f"of the list ({_NUMBERED}), and `h11` of the generic elliptic "
    "threefold. Counts of curves and clusters are features that leak the answer.",
    row=GEOMETRY,
    families=("fth6d",),
    inputs=("self_intersections",),
    numbers=Numbers(N_CURVES + N_CYCLE_PAIRS, _counts),
    targets=(
        Target(
            kind="lists",
            columns={"gauge_algebras": of_lists(gauge_algebras, "self_intersections", dtype=pl.Int8)},
            elements=Elements(_windows, lambda rows: rows["self_intersections"].list.len().to_numpy()),
        ),
        Target(kind="integers", columns={"h11": pl.col("h11")}),
    ),
    adds=(Column("gauge_algebras", "list<int8>", "1", f"Algebra on each curve: {_NUMBERED}.", "arXiv:1201.1943"),),
)
