"""The family `ks`: weight systems of reflexive 4-polytopes, in `systems`; the polytopes themselves, in `polytopes`."""

from pathlib import Path

from vacuagym.geometry.family import TORIC_THREEFOLD, Family
from vacuagym.geometry.texts import lines_with_text
from vacuagym.schema import read_columns

_FOLDER = Path(__file__).parent

FAMILY = Family(
    name="ks",
    title="Weight systems",
    text="Kreuzer–Skarke weight systems and the reflexive polytopes they span",
    count=201_230,
    source="the folder that holds `w5.ip`, `w44.ip`, `w34.ip`, `w333.ip` and `w33.ip` (plain or compressed)",
    list_names=("w5.ip", "w44.ip", "w34.ip", "w333.ip", "w33.ip"),
    entries=lines_with_text,
    module=f"{__name__}.systems",
    geometry_columns=read_columns(_FOLDER / "geometries.csv"),
    features=read_columns(_FOLDER / "features.csv") + TORIC_THREEFOLD,
    examples={
        "kind": [0, 0, 1, 3],
        "degrees": [[5], [18], [4, 4], [3, 3, 3]],
        "weights": [
            [1, 1, 1, 1, 1],
            [1, 1, 1, 6, 9],
            [1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1],
            [1, 1, 1, 0, 0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 1, 1],
        ],
    },
    thresholds={"ood_complexity": 38, "ood_euler": 408},
    bibliography=(_FOLDER / "sources.bib").read_text(encoding="utf-8"),
)
