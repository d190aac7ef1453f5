"""Gauge algebras that no deformation removes, from the curves of a toric base."""

import numpy as np
import polars as pl

from vacuagym.benchmark.tasks.base import GEOMETRY, Target, Task, of_lists
from vacuagym.schema import Column

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


TASKS = Task(
    name="fth6d_gauge",
    text="Predict, from the cyclic list `self_intersections` alone, `gauge_algebras`, the algebra on each curve in the order "
    f"of the list ({_NUMBERED}), and `h11` of the generic elliptic "
    "threefold. Counts of curves and clusters are features that leak the answer.",
    row=GEOMETRY,
    families=("fth6d",),
    inputs=("self_intersections",),
    targets=(
        Target(
            kind="lists",
            columns={"gauge_algebras": of_lists(gauge_algebras, "self_intersections", dtype=pl.Int8)},
        ),
        Target(kind="integers", columns={"h11": pl.col("h11")}),
    ),
    adds=(Column("gauge_algebras", "list<int8>", "1", f"Algebra on each curve: {_NUMBERED}.", "arXiv:1201.1943"),),
)
