"""A toy effective field theory, for tests of methods and machinery. It says nothing about string theory.

docs/toy-eft.md describes the model. Modules: `columns` the label table, `potential` the potential with its derivatives and
bounds, `interface` what a potential is, `labels` a batch of geometries, `search` critical points, `certificates` their
proof, `barriers` between minima, `simd` eight problems at a time.
"""

from vacuagym.models.base import LabelModel
from vacuagym.models.parameters import Parameter
from vacuagym.models.toy_eft.columns import CLASSES, COUPLINGS, REGIMES, label_columns

PARAMETERS = {
    "max_fields": Parameter(16, 2, 32, "largest number of fields"),
    "softening": Parameter(1e-8, 1e-12, 1.0, "delta of the soft absolute value s"),
    "regime_weights": Parameter(
        (0.4, 0.15, 0.25, 0.2), 0.0, 1.0, f"relative weights of the regimes {', '.join(REGIMES)}"
    ),
    "mass": Parameter((0.5, 2.0), 0.0, 100.0, "range of m_i"),
    "shift_generic": Parameter((-2.0, 0.0), -100.0, 100.0, "range of mu in the regime generic"),
    "shift_stabilised": Parameter((0.0, 2.0), -100.0, 100.0, "range of mu in the regime stabilised"),
    "shift_tachyonic": Parameter((-6.0, -2.0), -100.0, 100.0, "range of mu in the regime tachyonic"),
    "shift_runaway": Parameter((-3.0, 0.0), -100.0, 100.0, "range of mu in the regime runaway"),
    "mixing": Parameter(0.5, 0.0, 100.0, "largest absolute entry of Lambda"),
    "mixing_fraction": Parameter(0.3, 0.0, 1.0, "probability that Lambda is not zero"),
    "tilt": Parameter(2.0, 0.0, 100.0, "largest absolute entry of b"),
    "tilt_fraction": Parameter(1.0, 0.0, 1.0, "probability that b is not zero; it never is in the regime runaway"),
    "instanton_amplitude": Parameter((0.5, 2.5), 0.0, 100.0, "range of A"),
    "instanton_fraction": Parameter(0.6, 0.0, 1.0, "probability that A is not zero"),
    "instanton_rate": Parameter((0.8, 2.5), 0.01, 100.0, "range of a"),
    "uplift": Parameter((0.0, 3.0), 0.0, 100.0, "range of D"),
    "uplift_power": Parameter((1.0, 2.0), 0.01, 10.0, "range of p"),
    "quartic": Parameter((0.1, 0.5), 0.0, 100.0, "range of gamma"),
    "quartic_runaway": Parameter((0.0, 0.0), 0.0, 100.0, "range of gamma in the regime runaway"),
    "start_radius": Parameter(2.0, 0.01, 100.0, "starts are uniform in the cube of this half-width"),
}

MODEL = LabelModel(
    name="toy_eft",
    summary="a toy potential that knows of a geometry its number of moduli alone",
    text="A label says what a toy potential of a few fields does at randomly drawn couplings; it knows of a geometry its "
    "number of moduli alone, and says nothing about string theory.",
    toy_text="Everything about the potential is toy; it tests methods and machinery.",
    classes=CLASSES,
    parameters=PARAMETERS,
    columns=label_columns(REGIMES, COUPLINGS),
    goal={"stability": "metastable"},
    goal_text="metastable minima",
    reads=lambda family: ("geometry_id", "geometry_key", "n_moduli"),
    module=f"{__name__}.labels",
    document="docs/toy-eft.md",
)
