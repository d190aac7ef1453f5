"""The Kähler-moduli potential of 4D N = 1 supergravity, with each geometry's own intersection numbers and Euler number.

docs/supergravity.md describes the model. Modules: `columns` the label table, `labels` a batch of geometries, `priors` the
draws, `cones` and `rays` from a geometry to a ray of Kähler parameters, `solve` one row, `ray` every critical point on its
ray, with proof.
"""

from pathlib import Path

import numpy as np

from vacuagym.errors import InputError
from vacuagym.geometry.family import Family
from vacuagym.models.base import LabelModel, Oracle
from vacuagym.models.parameters import Parameter
from vacuagym.models.supergravity.columns import CLASSES, COLUMNS
from vacuagym.tables.arrays import Columns

# Every range is a choice, not a consequence of string theory.
PARAMETERS = {
    "log10_flux": Parameter((-30.0, -8.0), -100.0, -0.5, "range of log10(w / A), w = -W0 and A the sum of the A_i"),
    "gauge_rank": Parameter((30.0, 100.0), 1.0, 1e4, "range of N, the smallest N_i, a_i = 2 pi / N_i, log-uniform"),
    "string_coupling": Parameter((0.1, 0.3), 0.001, 1.0, "range of g_s, log-uniform"),
    "log10_uplift_toric": Parameter(
        (-0.8, 1.2), -10.0, 10.0, "range of log10 u, the uplift relative to the reference: toric classes"
    ),
    "log10_uplift_nef": Parameter((0.6, 1.0), -10.0, 10.0, "range of log10 u: nef classes"),
    "reference_volume_toric": Parameter(
        0.06, 1e-30, 1e30, "c of the volume c n^k of the reference, n toric classes, where its smallest divisor is 1"
    ),
    "reference_power_toric": Parameter(4.6, -10.0, 10.0, "k of it"),
    "reference_volume_nef": Parameter(0.68, 1e-30, 1e30, "c for nef classes"),
    "reference_power_nef": Parameter(-0.1, -10.0, 10.0, "k for nef classes"),
    "no_uplift_fraction": Parameter(0.15, 0.0, 1.0, "probability that D = 0"),
    "uplift_power": Parameter(4.0 / 3.0, 0.5, 2.9, "p of the uplift D / volume^p; 4/3 for an anti-D3 brane"),
    "random_share": Parameter(
        0.5, 0.0, 0.95, "share of the random point in a ray, that of the centre is the rest: toric"
    ),
    "ray_spread": Parameter(
        0.3, 0.0, 5.0, "log of the ray's parameters is uniform within plus or minus this: nef classes"
    ),
}
TOPOLOGY = ("triple_intersection_indices", "triple_intersection_numbers")
TORIC = ("is_mirror", "rays", "heights", "basis")
_ORACLE = (
    "euler_characteristic",
    *TOPOLOGY,
    "log10_flux",
    "condensate_rank",
    "string_coupling",
    "uplift_power",
    "uplift",
    "ray",
)
PRODUCT = "is_product"  # of tori and K3 surfaces, in families that have such


def reads(family: Family) -> tuple[str, ...]:
    """The feature columns that the model reads of a family.

    Raises
    ------
    InputError
        The family has no triple intersection numbers.
    """
    names = {column.name for column in family.features}
    if not names.issuperset(TOPOLOGY):
        reason = f"does not apply to the family {family.name}, which has no {TOPOLOGY[1]}"
        raise InputError("label model supergravity", reason)
    known = (name for name in (*TORIC, PRODUCT) if name in names)
    return ("geometry_id", "geometry_key", "n_fields", "euler_characteristic", *TOPOLOGY, *known)


def _quantities(rows: Columns) -> np.ndarray:
    from vacuagym.models.supergravity.oracle import quantities  # compiled code is imported when it is needed

    return quantities(rows)


MODEL = LabelModel(
    name="supergravity",
    summary="the Kähler-moduli potential of supergravity ([docs/supergravity.md](../docs/supergravity.md))",
    text="A label says what the potential of the Kähler moduli of type IIB string theory does on a ray of the Kähler cone, "
    "with the geometry's own triple intersection numbers and Euler number, at randomly drawn couplings.",
    toy_text="Toy about it: the dilaton and the complex structure are fixed by hand; flux superpotential, string coupling "
    "and uplift are drawn, not derived from fluxes, and no tadpole is checked; no orientifold is specified; instantons "
    "sit on divisors that are not rigid; there are no string loops; points off the ray are not searched; the elliptic "
    "threefold of a six-dimensional theory is read as a four-dimensional compactification.",
    classes=CLASSES,
    parameters=PARAMETERS,
    columns=COLUMNS,
    goal={"vacuum_type": "ds_minimum", "controlled": True},
    goal_text="controlled dS minima",
    reads=reads,
    module=f"{__name__}.labels",
    oracle=Oracle(
        ("log_volume", "xi_ratio_at_1", "log10_uplift_at_1", "lowest_transverse", "highest_transverse"),
        lambda family: (*_ORACLE, *(name for name in ("is_mirror",) if name in {c.name for c in family.features})),
        _quantities,
    ),
    document="docs/supergravity.md",
    bibliography=Path(__file__).with_name("sources.bib").read_text(encoding="utf-8"),
)
