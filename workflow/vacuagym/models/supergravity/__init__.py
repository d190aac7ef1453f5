"""The Kähler-moduli potential of 4D N = 1 supergravity, with each geometry's own intersection numbers and Euler number.

docs/supergravity.md describes the model. Modules: `columns` the label table, `labels` a batch of geometries, `priors` the
draws, `lattices` from a geometry to a ray of Kähler parameters, `solve` one row, `ray` every critical point on its ray,
with proof.
"""

from pathlib import Path

from vacuagym.errors import InputError
from vacuagym.geometry.family import Family
from vacuagym.models.base import LabelModel
from vacuagym.models.parameters import Parameter
from vacuagym.models.supergravity.columns import CLASSES, COLUMNS

# Kinds of threefolds, in the order of the parameters below, and the features that hold their topology:
# one class of H^2 is kept; nef classes, which span the Kähler cone used; an elliptic fibration over a toric surface.
THREEFOLDS = {
    "one_class": ("primitive_triple_intersection", "primitive_second_chern"),
    "nef_classes": ("triple_intersection_indices", "triple_intersection_numbers", "second_chern_numbers"),
    "elliptic_fibration": ("self_intersections", "n_tensor_multiplets"),
}

# Every range is a choice, not a consequence of string theory.
PARAMETERS = {
    "log10_flux": Parameter((-30.0, -1.0), -100.0, -0.5, "range of log10(w / A), w = -W0 and A the sum of the A_i"),
    "gauge_rank_one_class": Parameter(
        (10.0, 100.0), 1.0, 1e4, "range of N, the smallest N_i, a_i = 2 pi / N_i, log-uniform: one class kept"
    ),
    "gauge_rank_nef_classes": Parameter((10.0, 50.0), 1.0, 1e4, "range of N: nef classes"),
    "gauge_rank_elliptic_fibration": Parameter((1.0, 10.0), 1.0, 1e4, "range of N: elliptic fibrations"),
    "string_coupling": Parameter((0.03, 0.3), 0.001, 1.0, "range of g_s, log-uniform"),
    "log10_uplift_one_class": Parameter(
        (-0.3, 0.9), -10.0, 10.0, "range of log10 u, the uplift relative to the reference: one class kept"
    ),
    "log10_uplift_nef_classes": Parameter((0.68, 0.82), -10.0, 10.0, "range of log10 u: nef classes"),
    "log10_uplift_elliptic_fibration": Parameter((-1.0, 1.0), -10.0, 10.0, "range of log10 u: elliptic fibrations"),
    "no_uplift_fraction": Parameter(0.15, 0.0, 1.0, "probability that D = 0"),
    "uplift_power": Parameter(4.0 / 3.0, 0.5, 2.9, "p of the uplift D / volume^p; 4/3 for an anti-D3 brane"),
    "reference_intersection": Parameter(
        (100.0, 0.5, 1e-9),
        1e-15,
        1e9,
        f"kappa of the one-modulus geometry that sets the scale of D: {', '.join(THREEFOLDS)}",
    ),
    "mirror_fraction": Parameter(
        0.5, 0.0, 1.0, "probability that chi is replaced by -chi, the mirror's (only where one class is kept)"
    ),
    "strict_fraction": Parameter(0.0, 0.0, 1.0, "probability of the regime strict"),
    "ray_spread": Parameter(0.5, 0.0, 5.0, "log of the ray's parameters is uniform within plus or minus this"),
    "fibre_share": Parameter(
        (0.2, 0.9), 0.01, 0.99, "range of the fibre's size relative to the edge of the cone: elliptic fibrations"
    ),
}


def reads(family: Family) -> tuple[str, ...]:
    """The feature columns that the model reads of a family; the last ones hold the topology.

    Raises
    ------
    InputError
        The family's threefolds are of no kind that the model knows.
    """
    if family.threefold not in THREEFOLDS:
        reason = f"does not apply to the family {family.name}, whose threefold is {family.threefold!r}; "
        raise InputError("label model supergravity", reason + f"it knows {', '.join(THREEFOLDS)}")
    return ("geometry_id", "n_moduli", "euler_characteristic", *THREEFOLDS[family.threefold])


MODEL = LabelModel(
    name="supergravity",
    summary="the Kähler-moduli potential of supergravity ([docs/supergravity.md](../docs/supergravity.md))",
    text="A label says what the potential of the Kähler moduli of type IIB string theory does on a ray of the Kähler cone, "
    "with the geometry's own triple intersection numbers and Euler number, at randomly drawn couplings.",
    toy_text="Toy about it: the dilaton and the complex structure are fixed by hand; flux superpotential, string coupling "
    "and uplift are drawn, not derived from fluxes, and no tadpole is checked; no orientifold is specified; instantons may "
    "sit on divisors that are not rigid; there are no string loops; points off the ray are not searched; the elliptic "
    "threefold of a six-dimensional theory is read as a four-dimensional compactification.",
    classes=CLASSES,
    parameters=PARAMETERS,
    columns=COLUMNS,
    reads=reads,
    module=f"{__name__}.labels",
    document="docs/supergravity.md",
    bibliography=Path(__file__).with_name("sources.bib").read_text(encoding="utf-8"),
)
