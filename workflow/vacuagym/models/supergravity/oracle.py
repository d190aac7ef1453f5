"""The quantities of which a label is a function, from a geometry and its couplings."""

import numpy as np

from vacuagym.models.supergravity import priors, rays
from vacuagym.numerics.compiled import njit
from vacuagym.tables.arrays import Columns


def quantities(rows: Columns) -> np.ndarray:
    """What decides the label of a draw.

    With the volume at x = a tau = 1: its logarithm; xi relative to it; the decimal logarithm of the uplift relative to
    |W0|^2 / volume^2 there, -99 without uplift; and the extremes of the transverse spectrum, 0 where there is one class.

    Parameters
    ----------
    rows : columns
        `READS` of a family, one row per draw.

    Returns
    -------
    float64 array (rows, 5)
    """
    lists = [rows[name] for name in ("triple_intersection_indices", "triple_intersection_numbers", "ray")]
    found = np.empty((len(rows["log10_flux"]), 4))
    _ray_quantities(
        *(
            (column.values.astype(np.float64 if k == 2 else np.int64), column.offsets.astype(np.int64))
            for k, column in enumerate(lists)
        ),
        found,
    )
    volume, least_tau, lowest, highest = found.T
    volume = volume * (np.asarray(rows["condensate_rank"], dtype=np.float64) / (2 * np.pi * least_tau)) ** 1.5
    chi = np.asarray(rows["euler_characteristic"], dtype=np.float64)
    chi = np.where(rows["is_mirror"], -chi, chi) if "is_mirror" in rows else chi
    xi = np.array(
        [priors.alpha_prime(*pair) for pair in zip(chi, np.asarray(rows["string_coupling"], np.float64), strict=True)]
    )
    uplift = np.asarray(rows["uplift"]) * volume ** (2 - np.asarray(rows["uplift_power"]))
    with np.errstate(divide="ignore"):
        relative = np.log10(uplift) - 2 * np.asarray(rows["log10_flux"], dtype=np.float64)
    return np.stack([np.log(volume), xi / volume, np.maximum(relative, -99.0), lowest, highest], axis=1)


@njit(cache=True)
def _ray_quantities(indices, numbers, directions, out):
    """Volume, smallest tau and extremes of the transverse spectrum of each ray; lists as of `Ragged`."""
    for row in range(len(out)):
        t = directions[0][directions[1][row] : directions[1][row + 1]].copy()
        space = rays.workspace(len(t))
        some = indices[0][indices[1][row] : indices[1][row + 1]], numbers[0][numbers[1][row] : numbers[1][row + 1]]
        rays.intersect(some[0], some[1], t, space)
        geometry = rays.ray_geometry(t, 1.0, False, space)
        out[row, 0], out[row, 1] = geometry.volume, geometry.least_tau
        out[row, 2] = geometry.spectrum[0] if len(t) > 1 else 0.0
        out[row, 3] = geometry.spectrum[len(t) - 2] if len(t) > 1 else 0.0
