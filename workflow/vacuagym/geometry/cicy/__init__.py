"""The family `cicy3`: complete-intersection Calabi-Yau threefolds; `configurations` derives the list, `threefolds` the features."""

from pathlib import Path

from vacuagym.geometry.family import THREEFOLD, Family
from vacuagym.geometry.texts import blocks
from vacuagym.schema import Column, read_columns

_FOLDER = Path(__file__).parent

FAMILY = Family(
    name="cicy3",
    title="Complete intersections",
    text="Complete-intersection Calabi–Yau threefolds",
    count=7_890,
    source="the list `cicylist.txt` (plain or compressed), whose numbers become the column `published_number` of the geometries",
    list_names=("cicylist.txt",),
    entries=blocks,
    module=f"{__name__}.threefolds",
    geometry_columns=read_columns(_FOLDER / "geometries.csv"),
    features=read_columns(_FOLDER / "features.csv") + THREEFOLD,
    examples={
        "n_factors": [1, 2, 3],
        "n_equations": [1, 1, 2],
        "configuration": [[5], [3, 3], [2, 1, 1, 2, 1, 1]],
    },
    published_column=Column(
        "published_number", "int32", "1", "Number (Num) in the published list; leaks chi, no feature."
    ),
    thresholds={"ood_complexity": 8, "ood_euler": 64},
    bibliography=(_FOLDER / "sources.bib").read_text(encoding="utf-8"),
)
