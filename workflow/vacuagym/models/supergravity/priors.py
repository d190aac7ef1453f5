"""How the couplings of a row are drawn, and the record of a row. docs/supergravity.md says more."""

import numpy as np

from vacuagym.models.parameters import offsets
from vacuagym.models.supergravity import PARAMETERS
from vacuagym.numerics.compiled import njit
from vacuagym.numerics.elementary import exp, log, sqrt

_ZETA_3 = 1.2020569031595942854
_LOG10 = 2.302585092994045684

_OFFSETS = offsets(PARAMETERS)
_FLUX, _RANK, _COUPLING, _NO_UPLIFT, _POWER = (
    _OFFSETS[name] for name in ("log10_flux", "gauge_rank", "string_coupling", "no_uplift_fraction", "uplift_power")
)
# of toric and of nef classes
_UPLIFT = _OFFSETS["log10_uplift_toric"], _OFFSETS["log10_uplift_nef"]
_REFERENCE_VOLUME = _OFFSETS["reference_volume_toric"], _OFFSETS["reference_volume_nef"]
_REFERENCE_POWER = _OFFSETS["reference_power_toric"], _OFFSETS["reference_power_nef"]
RANDOM_SHARE, RAY_SPREAD = _OFFSETS["random_share"], _OFFSETS["ray_spread"]

N_UNIFORMS = 5  # that `draw` takes

ROW = np.dtype(
    [
        # what is drawn
        ("log_ratio", "f8"),  # log(A / w)
        ("flux", "f8"),  # w / A
        ("rank", "f8"),  # N
        ("string_coupling", "f8"),
        ("uplift", "f8"),  # D / w^2
        ("uplift_power", "f8"),
        ("uplift_ratio", "f8"),
        ("unit", "f8"),  # lambda^2 on the ray at x = 1
        # what is found at the row's point; NaN where there is none
        ("x", "f8"),  # a tau
        ("scaled_potential", "f8"),  # V in units of w^2 / volume^2
        ("potential", "f8"),  # V / w^2
        ("volume", "f8"),
        ("xi_ratio", "f8"),
        ("two_cycle", "f8"),
        ("lowest", "f8"),  # M^2
        ("highest", "f8"),
        ("gap", "f8"),  # bound of |M^2|
        ("radius", "f8"),
        ("barrier", "f8"),
        ("vacuum_type", "i4"),
        ("n_positive", "i4"),
        ("n_negative", "i4"),
        ("n_flat", "i4"),
        ("branch", "i4"),
        ("n_critical", "i4"),
        ("n_minima", "i4"),
        ("certified", "?"),
    ],
    align=True,
)


def new_rows(count: int) -> np.ndarray:
    """Rows, (count,) of ROW, in which nothing is drawn or found yet."""
    rows = np.zeros(count, ROW)
    names = [name for name in ROW.names if ROW[name].kind == "f"]
    for name in names[names.index("x") :]:
        rows[name] = np.nan
    return rows


@njit(cache=True)
def _between(parameters, offset, u):
    # rounded to float32, so that the published couplings are exactly the ones used
    return np.float64(np.float32(parameters[offset] + (parameters[offset + 1] - parameters[offset]) * u))


@njit(cache=True)
def _log_between(parameters, offset, u):
    low, high = log(parameters[offset]), log(parameters[offset + 1])
    return np.float64(np.float32(exp(low + (high - low) * u)))


@njit(cache=True)
def draw(parameters, n, toric, uniforms, row):
    """Draw the couplings of a row.

    The uplift is u times the depth 3 e^K |W|^2 that a reference threefold, without alpha' correction, has at its
    supersymmetric point E (1 + 2 x / 3) = 1: D / w^2 = 3 u (1 - E)^2 volume^(p - 2). The volume of the reference is
    c n^k tau^(3/2), tau its smallest divisor.

    Parameters
    ----------
    parameters : float64 (k,)
        Values of the model's parameters, see `vacuagym.models.parameters.pack`.
    n : int
        Number of classes.
    toric : bool
        Whether they are toric classes; else they are nef.
    uniforms : float64 (N_UNIFORMS,)
        Uniform draws.
    row : ROW
        Output: what is drawn, but for ``unit``.
    """
    row.log_ratio = -_LOG10 * _between(parameters, _FLUX, uniforms[0])
    row.flux = exp(-row.log_ratio)
    row.rank = _log_between(parameters, _RANK, uniforms[1])
    row.string_coupling = _log_between(parameters, _COUPLING, uniforms[2])
    row.uplift_power = parameters[_POWER]
    row.uplift_ratio = row.uplift = 0.0
    if uniforms[3] >= parameters[_NO_UPLIFT]:
        kind = 0 if toric else 1
        row.uplift_ratio = np.float64(np.float32(exp(_LOG10 * _between(parameters, _UPLIFT[kind], uniforms[4]))))
        x = row.log_ratio
        for _ in range(60):  # a contraction: its slope is (2/3) / (1 + 2 x / 3)
            x = row.log_ratio + log(1.0 + 2.0 * x / 3.0)
        e, tau = 1.0 / (1.0 + 2.0 * x / 3.0), x * row.rank / 6.283185307179586
        c, power = parameters[_REFERENCE_VOLUME[kind]], parameters[_REFERENCE_POWER[kind]]
        log_volume = log(c) + power * log(np.float64(n)) + 1.5 * log(tau)
        depth = 3.0 * (1.0 - e) * (1.0 - e)
        row.uplift = row.uplift_ratio * depth * exp((row.uplift_power - 2.0) * log_volume)


@njit(cache=True)
def alpha_prime(euler_characteristic, string_coupling):
    """xi = -chi zeta(3) / (2 (2 pi)^3 g_s^(3/2)) (hep-th/0204254, eq. 3.8)."""
    return -euler_characteristic * _ZETA_3 / (2.0 * 248.05021344239853 * string_coupling * sqrt(string_coupling))
