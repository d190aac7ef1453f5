"""How the couplings of a row are drawn."""

import numpy as np

from vacuagym.models.kklt import PARAMETERS
from vacuagym.models.parameters import offsets
from vacuagym.numerics.compiled import njit
from vacuagym.numerics.elementary import exp, log, sqrt

_ZETA_3 = 1.2020569031595942854
LOG10 = 2.302585092994045684
_TWO_PI = 6.283185307179586

_OFFSETS = offsets(PARAMETERS)
_FLUX, _COUPLING, _AMPLITUDE, _UPLIFT, _NO_UPLIFT, POWER = (
    _OFFSETS[name]
    for name in ("log10_flux", "string_coupling", "log10_amplitude", "log10_uplift", "no_uplift_fraction", "uplift_power")
)
N_UNIFORMS = 5  # of the couplings that a row has one of


@njit(cache=True)
def _between(parameters, offset, u):
    # rounded to float32, so that the published couplings are exactly the ones used
    return np.float64(np.float32(parameters[offset] + (parameters[offset + 1] - parameters[offset]) * u))


@njit(cache=True)
def draw(parameters, uniforms, of_divisors, couplings, log10_amplitudes, angles):
    """Draw the couplings of a row.

    Parameters
    ----------
    parameters : float64 (k,)
        Values of the model's parameters, see `vacuagym.models.parameters.pack`.
    uniforms, of_divisors : float64 (N_UNIFORMS,), (2 R,)
        Uniform draws.
    couplings : float64 (4,)
        Output: log10 |W0|, g_s, log10 of D / (3 |W0|^2), -inf for none, and a number on [0, 1) that chooses the
        orientifold reflection.
    log10_amplitudes, angles : float64 (R,)
        Output: log10 |A_p| and arg A_p of each toric divisor.
    """
    couplings[0] = _between(parameters, _FLUX, uniforms[0])
    low, high = log(parameters[_COUPLING]), log(parameters[_COUPLING + 1])
    couplings[1] = np.float64(np.float32(exp(low + (high - low) * uniforms[1])))
    couplings[2] = -np.inf
    if uniforms[2] >= parameters[_NO_UPLIFT]:
        couplings[2] = _between(parameters, _UPLIFT, uniforms[3])
    couplings[3] = uniforms[4]
    for p in range(len(angles)):
        log10_amplitudes[p] = _between(parameters, _AMPLITUDE, of_divisors[2 * p])
        angles[p] = np.float64(np.float32(_TWO_PI * of_divisors[2 * p + 1]))


@njit(cache=True)
def dual_coxeter(rays, reflection, ranks):
    """Write c_p (R,) of each toric divisor: 6 of so(8) on the fixed divisors of the reflection of x_i, else 1.

    The reflection fixes D_p where v_p = v_i modulo 2: there it is undone by the torus.
    """
    for p in range(len(rays)):
        fixed = True
        for c in range(rays.shape[1]):
            fixed = fixed and (rays[p, c] - rays[reflection, c]) % 2 == 0
        ranks[p] = 6 if fixed else 1


@njit(cache=True)
def alpha_prime(euler_characteristic, string_coupling):
    """xi = -chi zeta(3) / (2 (2 pi)^3 g_s^(3/2)) (hep-th/0204254, eq. 3.8)."""
    return -euler_characteristic * _ZETA_3 / (2.0 * 248.05021344239853 * string_coupling * sqrt(string_coupling))


@njit(cache=True)
def power_of_ten(x):
    """10^x; 0 for -inf."""
    return exp(LOG10 * x) if x > -300.0 else 0.0
