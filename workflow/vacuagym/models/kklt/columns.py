"""The label table of the model: its columns and what its classes mean."""

from pathlib import Path

from vacuagym.schema import DRAW_KEYS, read_columns

# a row is controlled where all of these hold (docs/kklt.md)
MIN_CURVE, MAX_SHIFT, MAX_XI_RATIO, MIN_EXPONENT = 1.0, 0.1, 0.1, 1.0

CLASSES = {
    "stable": "the principal vacuum has V < 0; proved",
    "metastable": "the principal vacuum is a minimum with V > 0; proved",
    "saddle": "does not occur",
    "unstable": "the rigid divisors do not span the classes, so that some moduli stay flat; proved",
    "runaway": "there is no vacuum at leading order, which is proved, or its branch ends below the drawn uplift",
    "marginal": "the class is not decided; failure_reason says why",
    "failed": "the model's arithmetic broke down",
    "not_applicable": "the threefold has more than max_moduli classes, or its toric divisors do not span H^2",
}
# finer classes: class and meaning
VACUUM_TYPES = {
    "ads_susy": ("stable", "no uplift, V < 0, D_iW = 0"),
    "ads_nonsusy": ("stable", "V < 0 with uplift, all M^2 > 0"),
    "ds_minimum": ("metastable", "V > 0, all M^2 > 0"),
    "lvs_ads": ("stable", "large volume, V < 0, all M^2 > 0 but that of the volume's axion, which is flat"),
    "lvs_ds": ("metastable", "large volume, V > 0, all M^2 > 0 but that of the volume's axion, which is flat"),
    "lvs_partial": ("unstable", "large volume, V < 0 or > 0, other moduli stay flat"),
    "unstabilised": ("unstable", "the rigid divisors do not span the classes"),
    "no_point": ("runaway", "each vertex at leading order has a toric divisor of volume <= 0"),
    "destroyed": ("runaway", "the branch of the principal vacuum ends below the drawn uplift"),
    "undecided": ("marginal", "not decided"),
    "not_applicable": ("not_applicable", "too many classes, or truncated"),
    "failed": ("failed", "the model's arithmetic broke down"),
}
WITH_VACUUM = ("ads_susy", "ads_nonsusy", "ds_minimum", "lvs_ads", "lvs_ds")
WITHOUT_POINT = ("unstabilised", "no_point")

COLUMNS = DRAW_KEYS + read_columns(
    Path(__file__).with_name("columns.csv"),
    classes="; ".join(f"{name}: {meaning}" for name, meaning in CLASSES.items()),
    types="; ".join(f"{name}: {meaning}" for name, (_, meaning) in VACUUM_TYPES.items()),
    min_curve=MIN_CURVE,
    max_shift=MAX_SHIFT,
    max_xi=MAX_XI_RATIO,
)
