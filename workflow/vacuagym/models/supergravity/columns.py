"""The label table of supergravity: its columns and what its classes mean."""

from pathlib import Path

from vacuagym.schema import DRAW_KEYS, read_columns

CLASSES = {
    "stable": "the lowest vacuum found has V < 0 and no mode below the Breitenlohner-Freedman bound; proved",
    "metastable": "the lowest vacuum found is a minimum with V > 0, above the decompactified vacuum V = 0; proved",
    "saddle": "there are critical points on the ray but no vacuum; the lowest has a mode of either sign; proved",
    "unstable": "does not occur: an axion always has M^2 > 0 at theta = 0",
    "runaway": "no critical point exists on the ray within the interval, and V falls along all of it; proved",
    "marginal": "a sign that the class depends on is not proved",
    "failed": "the geometry has no potential of this form, or its classes give no positive definite K_ij",
    "not_applicable": "does not occur",
}
# finer classes, in the order of the numbers in `solve`: class and meaning
VACUUM_TYPES = {
    "ads_susy": ("stable", "V < 0, D_iW = 0, all M^2 > 0"),
    "ads_nonsusy": ("stable", "V < 0, D_iW is not 0, all M^2 > 0"),
    "ads_bf_stable_tachyonic": ("stable", "V < 0, some M^2 < 0, all M^2 L^2 >= -9/4 with L^2 = -3 / V"),
    "ds_minimum": ("metastable", "V > 0, all M^2 > 0"),
    "ads_saddle": ("saddle", "V < 0, some M^2 L^2 < -9/4"),
    "ds_saddle": ("saddle", "V > 0, some M^2 < 0"),
    "runaway_decompactification": (
        "runaway",
        "no critical point in the interval, V falls all the way to its upper end, and beyond",
    ),
    "runaway_small_volume": (
        "runaway",
        "no critical point in the interval, V falls all the way to its lower end, the edge of control",
    ),
    "marginal": ("marginal", "a sign that the class depends on is not proved"),
    "failed": ("failed", "no potential of this form, or K_ij is not proved positive definite on the drawn ray"),
}

COLUMNS = DRAW_KEYS + read_columns(
    Path(__file__).with_name("columns.csv"),
    classes="; ".join(f"{name}: {meaning}" for name, meaning in CLASSES.items()),
    types="; ".join(f"{name}: {meaning}" for name, (_, meaning) in VACUUM_TYPES.items()),
)
