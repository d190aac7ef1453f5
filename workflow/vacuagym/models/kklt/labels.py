"""The labels of a batch of geometries."""

import numpy as np

from vacuagym.geometry.family import Family
from vacuagym.geometry.polytopes import DIM
from vacuagym.models.kklt import TORIC, priors, solve
from vacuagym.models.kklt.columns import MAX_SHIFT, MAX_XI_RATIO, MIN_CURVE, MIN_EXPONENT, VACUUM_TYPES
from vacuagym.models.kklt.phases import classes_of, new_room, space_of
from vacuagym.models.kklt.points import Theory
from vacuagym.models.parameters import pack
from vacuagym.numerics.compiled import njit
from vacuagym.numerics.philox import draw_key, fill_uniform
from vacuagym.tables.arrays import Columns, Ragged

NOT_APPLICABLE = "more classes than max_moduli, or the toric divisors do not span H^2"


def label(values, seed: int, family: Family, features: Columns, draws: int, starts: int = 0) -> dict:
    """Label a batch of geometries.

    Parameters
    ----------
    values : mapping
        Every parameter of the model.
    seed : int
        0 <= seed < 2^64.
    family : Family
        Its name is part of the key of the random draws.
    features : columns
        The columns `reads` of the batch.
    draws : int
        Draws of couplings per geometry.
    starts : int
        Not used: all vertices at leading order are followed.

    Returns
    -------
    dict
        The columns `COLUMNS`, ``draws`` rows per geometry, ordered by geometry, then draw.

    Raises
    ------
    InputError
        The model does not apply to the family.
    """
    n_fields = np.asarray(features["n_fields"], np.int64)
    applies = (n_fields <= values["max_moduli"]) & ~features["is_truncated"]
    sizes = np.where(applies, n_fields, 0)
    ends = np.concatenate([[0], np.cumsum(sizes)])  # of classes; R = n + 4 rays
    lists = [
        _as_int64(features[name]) for name in (*TORIC, "holomorphic_euler_characteristics")
    ]
    chi = np.asarray(features["euler_characteristic"], np.float64)
    chi = np.where(features["is_mirror"], -chi, chi)
    rows = solve.new_rows(draws * len(n_fields))
    couplings = np.full((len(rows), 4), np.nan)
    room = draws * (ends[-1] + DIM * np.count_nonzero(applies))
    condensates, of_divisors = np.zeros(room, np.int64), np.zeros((2, room))
    points = np.zeros((2, draws * ends[-1]))
    _label_rows(
        draw_key(seed, family.name),
        pack(values),
        np.asarray(features["geometry_key"], np.int64),
        applies,
        chi,
        ends,
        *lists,
        draws,
        couplings,
        condensates,
        of_divisors,
        points,
        rows,
    )
    index = np.repeat(np.arange(len(n_fields)), draws)
    there, count = rows["there"], np.where(applies, sizes + DIM, 0)[index]
    offsets = np.concatenate([[0], np.cumsum(count)]).astype(np.int32)
    kept = np.repeat(there, sizes[index])
    of_points = np.concatenate([[0], np.cumsum(np.where(there, sizes[index], 0))]).astype(np.int32)
    types = rows["vacuum_type"]
    flux, ratio = 10.0 ** couplings[:, 0], 10.0 ** couplings[:, 2]
    unit = rows["volume"] ** 2
    controlled = (
        (rows["potent"] > MIN_CURVE)
        & (rows["shift"] < MAX_SHIFT)
        & (np.abs(rows["xi_ratio"]) < MAX_XI_RATIO)
        & (rows["exponent"] > MIN_EXPONENT)
    )
    reasons = np.where(types == solve.NOT_APPLICABLE, NOT_APPLICABLE, np.array(solve.REASONS)[rows["reason"]])
    n_modes = 2 * sizes[index] * there
    return {
        "dataset": np.full(len(rows), family.name),
        "geometry_id": features["geometry_id"][index],
        "sample": np.tile(np.arange(draws, dtype=np.int32), len(n_fields)),
        "stability": np.array([class_ for class_, _ in VACUUM_TYPES.values()])[types],
        "vacuum_type": np.array(list(VACUUM_TYPES))[types],
        "minimization_success": types <= solve.LAST_VACUUM,
        "failure_reason": reasons,
        "log10_flux": couplings[:, 0].astype(np.float32),
        "string_coupling": couplings[:, 1].astype(np.float32),
        "uplift_ratio": ratio.astype(np.float32),
        "uplift_power": np.where(applies[index], values["uplift_power"], np.nan),
        "condensates": Ragged(condensates.astype(np.int16), offsets),
        "log10_amplitudes": Ragged(of_divisors[0].astype(np.float32), offsets),
        "amplitude_angles": Ragged(of_divisors[1].astype(np.float32), offsets),
        "potential_value": rows["potential"] * flux**2,
        "potential_scaled": rows["potential"] * unit,
        "kahler_parameters": Ragged(points[0][kept], of_points),
        "axions": Ragged(points[1][kept], of_points),
        "n_pos": rows["n_positive"],
        "n_neg": np.zeros(len(rows), np.int32),
        "n_flat": (n_modes - rows["n_positive"]).astype(np.int32),
        "min_eigenvalue": rows["lowest"] * unit,
        "max_eigenvalue": rows["highest"] * unit,
        "exponent": rows["exponent"],
        "volume": rows["volume"],
        "xi_ratio": rows["xi_ratio"],
        "smallest_two_cycle": rows["smallest"],
        "smallest_potent_curve": rows["potent"],
        "instanton_shift": rows["shift"],
        "controlled": controlled | (~there & np.isin(types, (solve.UNSTABILISED, solve.NO_POINT))),
        "n_candidates": rows["n_candidates"],
        "n_distinct_minima": rows["n_vacua"],
        "n_flops": rows["n_flops"],
        "is_extended": rows["extended"],
        "certified": rows["certified"],
        "certificate_radius": rows["radius"],
    }


def _as_int64(column):
    """A list column as int64 arrays of its own, so that code is compiled once, whatever it was read from."""
    return Ragged(column.values.astype(np.int64), column.offsets.astype(np.int64))


@njit(cache=True)
def _list(column, row):
    return column[0][column[1][row] : column[1][row + 1]]


@njit(cache=True)
def _label_rows(
    key,
    packed,
    keys,
    applies,
    chi,
    ends,
    rays,
    heights,
    basis,
    euler,
    draws,
    couplings,
    condensates,
    of_divisors,
    points,
    rows,
):
    """Draw and solve every row of the geometries of a batch to which the model applies.

    Parameters
    ----------
    key : uint64 (2,)
        Of the random draws.
    packed : float64
        The parameters, see `pack`.
    keys, applies, chi, ends : (geometries,), the last (geometries + 1,)
        Key, whether the model applies, Euler number; classes of the geometries before to which it applies.
    rays, heights, basis, euler : Ragged
        Columns of the features.
    draws : int
        Rows per geometry.
    couplings, condensates, of_divisors, points, rows
        Output: of `priors.draw` and `solve.solve_row`, one row after the other; of_divisors log10 |A_p| and arg A_p, points t
        and theta.
    """
    room, uniforms, power = new_room(), np.empty(priors.N_UNIFORMS), packed[priors.POWER]
    at_ray = at_class = 0
    for g in range(len(keys)):
        n = ends[g + 1] - ends[g]
        if not applies[g]:
            continue
        n_rays = n + DIM
        rigid = _list(euler, g) == 1
        space, inside = space_of(_list(rays, g).reshape(n_rays, DIM), _list(heights, g), _list(basis, g), room)
        classes = classes_of(space)
        random, ranks = np.empty(2 * n_rays), np.empty(n_rays, np.int64)
        amplitudes, angles = np.empty(n_rays), np.empty(n_rays)
        for sample in range(draws):
            fill_uniform(key, keys[g], sample, 0, uniforms)
            fill_uniform(key, keys[g], sample, 1, random)
            coupling = couplings[g * draws + sample]
            priors.draw(packed, uniforms, random, coupling, amplitudes, angles)
            priors.dual_coxeter(space.rays, np.int64(coupling[3] * n_rays), ranks)
            log_flux = priors.LOG10 * coupling[0]
            theory = Theory(
                classes[rigid],
                classes,
                6.283185307179586 / ranks[rigid],
                priors.LOG10 * amplitudes[rigid] - log_flux,
                angles[rigid],
                priors.alpha_prime(chi[g], coupling[1]),
            )
            for p in range(n_rays):
                if rigid[p]:
                    condensates[at_ray + p] = ranks[p]
                    of_divisors[0, at_ray + p], of_divisors[1, at_ray + p] = amplitudes[p], angles[p]
            uplift = 3.0 * priors.power_of_ten(coupling[2])
            t, theta = points[0, at_class : at_class + n], points[1, at_class : at_class + n]
            row = rows[g * draws + sample]
            solve.solve_row(space, theory, _list(euler, g), inside, log_flux, coupling[1], uplift, power, row, t, theta)
            at_ray += n_rays
            at_class += n
