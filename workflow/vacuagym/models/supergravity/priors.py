"""How the couplings are drawn. Every range is a choice, not a consequence of string theory; docs/supergravity.md says more."""

import numpy as np

from vacuagym.compiled import njit
from vacuagym.engine.elementary import exp, log, sqrt
from vacuagym.engine.model import Parameter

ZETA_3 = 1.2020569031595942854
_LOG10 = 2.302585092994045684

PARAMETERS = {
    "log10_flux": Parameter((-30.0, -1.0), -100.0, -0.5, "range of log10(w / A), w = -W0 and A the sum of the A_i"),
    "gauge_rank_ks": Parameter(
        (10.0, 100.0), 1.0, 1e4, "range of N, the smallest N_i, a_i = 2 pi / N_i, log-uniform: ks"
    ),
    "gauge_rank_cicy3": Parameter((10.0, 50.0), 1.0, 1e4, "range of N, the smallest N_i: cicy3"),
    "gauge_rank_fth6d": Parameter((1.0, 10.0), 1.0, 1e4, "range of N, the smallest N_i: fth6d"),
    "string_coupling": Parameter((0.03, 0.3), 0.001, 1.0, "range of g_s, log-uniform"),
    "log10_uplift_ks": Parameter(
        (-0.3, 0.9), -10.0, 10.0, "range of log10 u, the uplift relative to the reference: ks"
    ),
    "log10_uplift_cicy3": Parameter((0.68, 0.82), -10.0, 10.0, "range of log10 u: cicy3"),
    "log10_uplift_fth6d": Parameter((-1.0, 1.0), -10.0, 10.0, "range of log10 u: fth6d"),
    "no_uplift_fraction": Parameter(0.15, 0.0, 1.0, "probability that D = 0"),
    "uplift_power": Parameter(4.0 / 3.0, 0.5, 2.9, "p of the uplift D / volume^p; 4/3 for an anti-D3 brane"),
    "reference_intersection": Parameter(
        (100.0, 0.5, 1e-9), 1e-15, 1e9, "kappa of the one-modulus geometry that sets the scale of D: ks, cicy3, fth6d"
    ),
    "mirror_fraction": Parameter(
        0.5, 0.0, 1.0, "probability that chi is replaced by -chi (ks only: the mirror polytope)"
    ),
    "strict_fraction": Parameter(0.0, 0.0, 1.0, "probability of the regime strict"),
    "ray_spread": Parameter(0.5, 0.0, 5.0, "log of the ray's parameters is uniform within plus or minus this"),
    "fibre_share": Parameter(
        (0.2, 0.9), 0.01, 0.99, "range of the fibre's size (fth6d), relative to the edge of the cone"
    ),
}
_NAMES = tuple(PARAMETERS)
_OFFSET = {name: sum(np.size(PARAMETERS[other].default) for other in _NAMES[:i]) for i, name in enumerate(_NAMES)}
_FLUX, _RANK, _COUPLING, _UPLIFT = (
    _OFFSET[k] for k in ("log10_flux", "gauge_rank_ks", "string_coupling", "log10_uplift_ks")
)
_NO_UPLIFT, _POWER, _REFERENCE = (_OFFSET[k] for k in ("no_uplift_fraction", "uplift_power", "reference_intersection"))
_MIRROR, _STRICT = _OFFSET["mirror_fraction"], _OFFSET["strict_fraction"]
RAY_SPREAD, FIBRE_SHARE = _OFFSET["ray_spread"], _OFFSET["fibre_share"]

# a row's draws: log(A / w), N, g_s, D / w^2, p, mirror, strict, u; and lambda^2 at x = 1 of its ray
N_DRAWS = 9
LOG_RATIO, RANK, STRING_COUPLING, UPLIFT, P, MIRROR, STRICT, UPLIFT_RATIO, UNIT = range(N_DRAWS)
N_UNIFORMS = 8


def pack(parameters) -> np.ndarray:
    """The parameters as the array of float64 that `draw` reads."""
    return np.array([value for name in _NAMES for value in np.ravel(parameters[name])], dtype=np.float64)


@njit(cache=True)
def _between(parameters, offset, u):
    # rounded to float32, so that the published couplings are exactly the ones used
    return np.float64(np.float32(parameters[offset] + (parameters[offset + 1] - parameters[offset]) * u))


@njit(cache=True)
def _log_between(parameters, offset, u):
    low, high = log(parameters[offset]), log(parameters[offset + 1])
    return np.float64(np.float32(exp(low + (high - low) * u)))


@njit(cache=True)
def one_modulus_volume(kappa, tau):
    """Volume of a one-modulus geometry as a function of its four-cycle: sqrt(2) tau^(3/2) / (3 sqrt(kappa))."""
    return sqrt(2.0 / kappa) * tau * sqrt(tau) / 3.0


@njit(cache=True)
def draw(parameters, family, uniforms, out):
    """Fill out (N_DRAWS,) from uniforms (N_UNIFORMS,). family : 0 ks, 1 cicy3, 2 fth6d.

    The uplift is u times the depth 3 e^K |W|^2 that the reference geometry, without alpha' correction, has at its
    supersymmetric point E (1 + 2 x / 3) = 1: D / w^2 = 3 u (1 - E)^2 volume^(p - 2).
    """
    out[LOG_RATIO] = -_LOG10 * _between(parameters, _FLUX, uniforms[0])
    out[RANK] = _log_between(parameters, _RANK + 2 * family, uniforms[1])
    out[STRING_COUPLING] = _log_between(parameters, _COUPLING, uniforms[2])
    out[P] = parameters[_POWER]
    out[MIRROR] = 1.0 if family == 0 and uniforms[3] < parameters[_MIRROR] else 0.0
    out[STRICT] = 1.0 if uniforms[4] < parameters[_STRICT] else 0.0
    out[UPLIFT_RATIO] = out[UPLIFT] = 0.0
    if uniforms[5] >= parameters[_NO_UPLIFT]:
        out[UPLIFT_RATIO] = np.float64(
            np.float32(exp(_LOG10 * _between(parameters, _UPLIFT + 2 * family, uniforms[6])))
        )
        x = out[LOG_RATIO]
        for _ in range(60):  # a contraction: its slope is (2/3) / (1 + 2 x / 3)
            x = out[LOG_RATIO] + log(1.0 + 2.0 * x / 3.0)
        e = 1.0 / (1.0 + 2.0 * x / 3.0)
        volume = one_modulus_volume(parameters[_REFERENCE + family], x * out[RANK] / 6.283185307179586)
        depth = 3.0 * (1.0 - e) * (1.0 - e)
        out[UPLIFT] = out[UPLIFT_RATIO] * depth * exp((out[P] - 2.0) * log(volume))


@njit(cache=True)
def alpha_prime(euler_characteristic, string_coupling):
    """xi = -chi zeta(3) / (2 (2 pi)^3 g_s^(3/2)) (hep-th/0204254, eq. 3.8)."""
    return -euler_characteristic * ZETA_3 / (2.0 * 248.05021344239853 * string_coupling * sqrt(string_coupling))
