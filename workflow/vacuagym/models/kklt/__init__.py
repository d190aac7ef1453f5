"""KKLT and large-volume vacua with the instantons that the geometry has: terms in W on rigid divisors alone.

docs/kklt.md describes the model. Modules: `columns` the label table, `labels` a batch of geometries, `priors` the draws, `fans`
and `phases` the toric varieties on both sides of flops, `points` supersymmetric points, `potential` V with its derivatives,
`uplift` what becomes of a point, `balls` and `proof` the proofs, `control` the corrections, `solve` one row, `lvs` vacua at
large volume.
"""

from pathlib import Path

import numpy as np

from vacuagym.errors import InputError
from vacuagym.geometry.family import Family
from vacuagym.models.base import LabelModel, Oracle
from vacuagym.models.kklt.columns import CLASSES, COLUMNS
from vacuagym.models.parameters import Parameter
from vacuagym.tables.arrays import Columns

# Every range is a choice, not a consequence of string theory.
PARAMETERS = {
    "max_moduli": Parameter(8, 1, 10, "largest number of classes of a threefold to which the model applies"),
    "log10_flux": Parameter((-100.0, -5.0), -120.0, -1.0, "range of log10 |W0|"),
    "string_coupling": Parameter((0.1, 1.0), 0.001, 10.0, "range of g_s, log-uniform"),
    "log10_amplitude": Parameter((-1.0, 1.0), -10.0, 10.0, "range of log10 |A_p|"),
    "log10_uplift": Parameter((-3.5, 0.5), -20.0, 20.0, "range of log10 of D / (3 |W0|^2)"),
    "no_uplift_fraction": Parameter(0.15, 0.0, 1.0, "probability that D = 0"),
    "uplift_power": Parameter(4.0 / 3.0, 0.7, 2.9, "p of the uplift D / volume^p; 4/3 for a warped anti-D3 brane"),
}
TORIC = ("rays", "heights", "basis")
_ORACLE = ("n_candidates", "n_distinct_minima", "exponent", "volume", "uplift_ratio", "uplift_power")
_OTHER = ("is_mirror", "is_truncated", "holomorphic_euler_characteristics")


def reads(family: Family) -> tuple[str, ...]:
    """The feature columns that the model reads of a family.

    Raises
    ------
    InputError
        The threefolds of the family are no hypersurfaces in toric varieties.
    """
    if not family.is_toric:
        reason = f"does not apply to the family {family.name}, whose threefolds are no toric hypersurfaces; set its datasets to null"
        raise InputError("label model kklt", reason)
    return ("geometry_id", "geometry_key", "n_fields", "euler_characteristic", *_OTHER, *TORIC)


def _quantities(rows: Columns) -> np.ndarray:
    """What decides the label of a draw, float64 (rows, 5).

    The numbers of vertices at leading order and of vacua; at the row's point the smallest exponent, the logarithm of the
    volume, and log10 of D / (3 |W0|^2) volume^(2 - p). The last three are 0 where there is no point, the last one is -99
    without uplift.
    """
    volume = np.asarray(rows["volume"], np.float64)
    there = np.isfinite(volume)
    volume = np.where(there, volume, 1.0)
    uplift = np.asarray(rows["uplift_ratio"], np.float64) * volume ** (2.0 - np.asarray(rows["uplift_power"]))
    with np.errstate(divide="ignore"):
        relative = np.where(there, np.maximum(np.log10(uplift), -99.0), 0.0)
    exponent = np.where(there, rows["exponent"], 0.0)
    return np.stack([rows["n_candidates"], rows["n_distinct_minima"], exponent, np.log(volume), relative], axis=1)


MODEL = LabelModel(
    name="kklt",
    summary="KKLT and large-volume vacua from rigid divisors ([docs/kklt.md](../docs/kklt.md))",
    text="A label says which vacuum the potential of the Kähler moduli of type IIB string theory has, with instantons and "
    "condensates on the rigid divisors of the geometry alone, at randomly drawn couplings.",
    toy_text="Toy about it: the dilaton and the complex structure are fixed by hand; flux superpotential, one-loop factors, "
    "string coupling and uplift are drawn, not derived from fluxes; the orientifold only says where condensates sit; there "
    "are no string loops; besides supersymmetric points and what the uplift makes of them, only large-volume vacua are searched.",
    classes=CLASSES,
    parameters=PARAMETERS,
    columns=COLUMNS,
    goal={"vacuum_type": "ds_minimum", "controlled": True},
    goal_text="controlled dS minima",
    reads=reads,
    module=f"{__name__}.labels",
    oracle=Oracle(
        ("n_candidates", "n_distinct_minima", "exponent", "log_volume", "log10_uplift"),
        lambda family: _ORACLE,
        _quantities,
    ),
    min_certified_share=0.7,
    document="docs/kklt.md",
    bibliography=Path(__file__).with_name("sources.bib").read_text(encoding="utf-8"),
)
