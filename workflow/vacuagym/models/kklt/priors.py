"""How the couplings of a row are drawn."""

from typing import NamedTuple

import numpy as np

from vacuagym.models.kklt import PARAMETERS
from vacuagym.models.parameters import offsets
from vacuagym.numerics import elementary
from vacuagym.numerics.compiled import njit

LOG10 = 2.302585092994045684

_OFFSETS = offsets(PARAMETERS)
POWER = _OFFSETS["uplift_power"]
N_UNIFORMS = 5  # of the couplings that a row has one of
_SO8 = 6  # dual Coxeter number


class Couplings(NamedTuple):
    """What is drawn for a row. They are rounded to what is published, so that the published ones are exactly those used."""

    log10_flux: float
    string_coupling: float
    uplift_ratio: float  # D / (3 |W0|^2)
    condensates: np.ndarray  # int64 (R,) c_p of each toric divisor; 0 where it is not rigid
    log10_amplitudes: np.ndarray  # float64 (R,); 0 where it is not rigid
    angles: np.ndarray  # float64 (R,); 0 where it is not rigid


NOTHING = Couplings(np.nan, np.nan, np.nan, np.empty(0), np.empty(0), np.empty(0))


@njit(cache=True)
def _exp(x):
    return elementary.exp(x)


@njit(cache=True)
def _log(x):
    return elementary.log(x)


def power_of_ten(x):
    """10^x with the same bits on every processor; NaN for NaN."""
    return _exp(LOG10 * x)


def _between(parameters, name, u):
    low, high = parameters[_OFFSETS[name] : _OFFSETS[name] + 2]
    return low + (high - low) * u


def draw(parameters, uniforms, of_divisors, rays, rigid) -> Couplings:
    """Draw the couplings of a row.

    Condensates sit on the rigid divisors that the reflection of a coordinate x_i fixes: those with v_p = v_i modulo 2, where
    the torus undoes it.

    Parameters
    ----------
    parameters : float64 (k,)
        Values of the model's parameters, see `vacuagym.models.parameters.pack`.
    uniforms, of_divisors : float64 (N_UNIFORMS,), (2 R,)
        Uniform draws.
    rays : int64 (R, 4)
        Of the toric variety.
    rigid : bool (R,)
        Whether the divisor of each ray is.

    Returns
    -------
    Couplings
    """
    low, high = parameters[_OFFSETS["string_coupling"] : _OFFSETS["string_coupling"] + 2]
    string_coupling = _exp(_log(low) + (_log(high) - _log(low)) * uniforms[1])
    lifted = uniforms[2] >= parameters[_OFFSETS["no_uplift_fraction"]]
    ratio = power_of_ten(_between(parameters, "log10_uplift", uniforms[3])) if lifted else 0.0
    fixed = ((rays - rays[int(uniforms[4] * len(rays))]) % 2 == 0).all(axis=1)
    amplitudes = _between(parameters, "log10_amplitude", of_divisors[::2]).astype(np.float32)
    return Couplings(
        float(np.float32(_between(parameters, "log10_flux", uniforms[0]))),
        float(np.float32(string_coupling)),
        float(np.float32(ratio)),
        np.where(rigid, np.where(fixed, _SO8, 1), 0),
        np.where(rigid, amplitudes, 0.0).astype(np.float64),
        np.where(rigid, (2.0 * np.pi * of_divisors[1::2]).astype(np.float32), 0.0).astype(np.float64),
    )
