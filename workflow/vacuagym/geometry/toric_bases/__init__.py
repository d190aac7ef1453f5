"""The family `fth6d`: smooth toric bases of 6D F-theory, in `bases`."""

from pathlib import Path

from vacuagym.geometry.family import TORIC_THREEFOLD, Family
from vacuagym.geometry.texts import braced
from vacuagym.schema import read_columns

_FOLDER = Path(__file__).parent

MAX_SELF_INTERSECTION = 12  # of either sign
MAX_LAG = 6  # of the cyclic correlations

# Non-Higgsable clusters: name, curves, rank, dimension of the algebra, charged hypermultiplets (arXiv:1201.1943).
CLUSTERS = (
    ("3", "-3 (su3)", 2, 8, 0),
    ("4", "-4 (so8)", 4, 28, 0),
    ("5", "-5 (f4)", 4, 52, 0),
    ("6", "-6 (e6)", 6, 78, 0),
    ("7", "-7 (e7)", 7, 133, 28),
    ("8", "-8 (e7)", 7, 133, 0),
    ("9", "-9 (e8)", 8, 248, 0),
    ("10", "-10 (e8)", 8, 248, 0),
    ("11", "-11 (e8)", 8, 248, 0),
    ("12", "-12 (e8)", 8, 248, 0),
    ("3_2", "-3 -2 (g2 + su2)", 3, 17, 8),
    ("3_2_2", "-3 -2 -2 (g2 + su2)", 3, 17, 8),
    ("2_3_2", "-2 -3 -2 (su2 + so7 + su2)", 5, 27, 16),
)

CURVES = range(-MAX_SELF_INTERSECTION, MAX_SELF_INTERSECTION + 1)


def curve_column(value: int) -> str:
    return f"n_curves_{'minus' if value < 0 else 'plus'}_{abs(value)}"


FAMILY = Family(
    name="fth6d",
    title="Toric bases",
    text="Smooth toric bases of 6D F-theory",
    count=61_539,
    source="the list `toric-bases.m` (plain or compressed)",
    list_names=("toric-bases.m",),
    entries=braced,
    module=f"{__name__}.bases",
    geometry_columns=read_columns(_FOLDER / "geometries.csv"),
    features=read_columns(_FOLDER / "features.csv") + TORIC_THREEFOLD,
    examples={"self_intersections": [[1, 1, 1], [0, 2, 0, -2], [0, 12, 0, -12], [1, 0, -1, 0]]},
    thresholds={"ood_complexity": 68, "ood_euler": 216},
    cycle="self_intersections",
    bibliography=(_FOLDER / "sources.bib").read_text(encoding="utf-8"),
)
