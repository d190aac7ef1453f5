"""The family `polytopes`: reflexive 4-polytopes given by points, in `polytopes`. There is no list of the project's own."""

from pathlib import Path

from vacuagym.geometry import weight_systems
from vacuagym.geometry.family import Family
from vacuagym.geometry.texts import matrices
from vacuagym.schema import read_columns

_FOLDER = Path(__file__).parent
_OF_WEIGHTS = ("kind", "total_degree", "max_weight", "min_weight", "is_transverse", "degrees", "weights")
_SIMPLEX = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]

FAMILY = Family(
    name="polytopes",
    title="Reflexive polytopes",
    text="Reflexive 4-polytopes of the Kreuzer–Skarke list",
    entries=matrices,
    module=f"{__name__}.polytopes",
    geometry_columns=read_columns(_FOLDER / "geometries.csv"),
    # What weight systems have, without what belongs to the weights.
    features=tuple(column for column in weight_systems.FAMILY.features if column.name not in _OF_WEIGHTS),
    examples={"vertices": [[*_SIMPLEX, -1, -1, -1, -1], [*_SIMPLEX, -1, -1, -6, -9]]},
    thresholds=weight_systems.FAMILY.thresholds,
    width=4,
    bibliography=(_FOLDER.parent / "weight_systems" / "sources.bib").read_text(encoding="utf-8"),
)
