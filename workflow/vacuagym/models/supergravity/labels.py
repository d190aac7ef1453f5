"""The labels of a batch of geometries."""

from typing import NamedTuple

import numpy as np

from vacuagym.geometry.family import Family
from vacuagym.geometry.polytopes import new_polytope
from vacuagym.geometry.triangulations import new_fan
from vacuagym.models.parameters import pack
from vacuagym.models.supergravity import PRODUCT, TOPOLOGY, TORIC, cones, priors, ray, rays, solve
from vacuagym.models.supergravity.columns import VACUUM_TYPES
from vacuagym.numerics.compiled import njit
from vacuagym.numerics.philox import draw_key, fill_uniform
from vacuagym.tables.arrays import Columns, Ragged

NO_RAY = "K_ij is not proved positive definite on the ray, as is the case for dependent classes"
NO_POTENTIAL = "the threefold is a product, T^2 x K3 or T^6: it has no N = 1 potential of this form"

# a row is controlled where all of these hold (docs/supergravity.md)
MIN_TWO_CYCLE, MAX_XI_RATIO, MIN_EXPONENT = 1.0, 0.1, 1.0


class _Threefolds(NamedTuple):
    """What is known of the geometries of a batch, for `_label_rows`; lists as of `Ragged`."""

    chi: np.ndarray  # float64 (geometries,)
    sound: np.ndarray  # bool (geometries,), whether there is a potential
    ends: np.ndarray  # int64 (geometries + 1,), classes
    indices: Ragged
    numbers: Ragged
    toric: bool
    rays: Ragged  # these three are empty where the classes are nef
    heights: Ragged
    basis: Ragged


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
        Not used: the search is complete.

    Returns
    -------
    dict
        The columns `COLUMNS`, ``draws`` rows per geometry, ordered by geometry, then draw.

    Raises
    ------
    InputError
        The model does not apply to the family.
    """
    known = _threefolds(features)
    keys = np.asarray(features["geometry_key"], dtype=np.int64)
    rows, directions = priors.new_rows(len(keys) * draws), np.zeros(draws * known.ends[-1])
    _label_rows(draw_key(seed, family.name), pack(values), keys, known, draws, directions, rows)
    return _table(family.name, features["geometry_id"], known, draws, directions, rows)


def _threefolds(features):
    toric = "rays" in features
    chi = np.asarray(features["euler_characteristic"], dtype=np.float64)
    none = Ragged(np.zeros(0, np.int64), np.zeros(len(chi) + 1, np.int64))
    indices, numbers = (_as_int64(features[name]) for name in TOPOLOGY)
    is_mirror, cone = False, (none, none, none)
    if toric:
        is_mirror, *cone = (features[name] for name in TORIC)
        cone = map(_as_int64, cone)
    return _Threefolds(
        np.where(is_mirror, -chi, chi),
        ~features[PRODUCT] if PRODUCT in features else np.ones(len(chi), bool),
        np.concatenate([[0], np.cumsum(features["n_fields"], dtype=np.int64)]),
        indices,
        numbers,
        toric,
        *cone,
    )


def _as_int64(column):
    """A list column as int64 arrays of its own, so that code is compiled once, whatever it was read from."""
    return Ragged(column.values.astype(np.int64), column.offsets.astype(np.int64))


# --- rows -------------------------------------------------------------------------------------------------------------


@njit(cache=True)
def _label_rows(key, packed, keys, known, n_draws, directions, rows):
    """Draw and solve every row of a batch.

    Parameters
    ----------
    key : uint64 (2,)
        Of the random draws.
    packed : float64
        The parameters, see `pack`.
    keys : int64 (geometries,)
        Of the geometries.
    known : _Threefolds
        The geometries.
    n_draws : int
        Rows per geometry.
    directions : float64
        Output: the ray of each row, one after the other.
    rows : priors.ROW (geometries * n_draws,)
        Output: see `priors.draw` and `solve.solve_row`.
    """
    coupling_uniforms, work = np.empty(priors.N_UNIFORMS), np.empty(ray.N_WORK)
    polytope, dual, fan = new_polytope(), new_polytope(), new_fan()
    share = packed[priors.RANDOM_SHARE]
    for g in range(len(keys)):
        n = known.ends[g + 1] - known.ends[g]
        uniforms, space = np.empty(cones.SWEEPS * n), rays.workspace(n)
        indices, numbers = _list(known.indices, g), _list(known.numbers, g)
        if known.toric:
            cone, central = cones.cone_of(
                _list(known.rays, g), _list(known.heights, g), _list(known.basis, g), polytope, dual, fan
            )
            sizes = np.empty(len(cone.by_curve) - 1)
            cones.centre(cone, central, sizes)
            random_sizes = np.empty_like(sizes)
        for sample in range(n_draws):
            row = rows[g * n_draws + sample]
            fill_uniform(key, keys[g], sample, 0, coupling_uniforms)
            fill_uniform(key, keys[g], sample, 1, uniforms)
            priors.draw(packed, n, known.toric, coupling_uniforms, row)
            begin = n_draws * known.ends[g] + sample * n
            t = directions[begin : begin + n]
            if known.toric:
                t[:] = central
                random_sizes[:] = sizes
                cones.random_point(cone, uniforms, t, random_sizes)
                for i in range(n):
                    t[i] = (1.0 - share) * central[i] + share * t[i]
                smallest = cones.curve_sizes(cone, t, random_sizes)
            else:
                smallest = rays.nef_ray(packed[priors.RAY_SPREAD], uniforms, t)
            rays.intersect(indices, numbers, t, space)
            geometry = rays.ray_geometry(t, smallest, known.toric, space)
            row.unit = row.rank / (6.283185307179586 * geometry.least_tau)
            if known.sound[g]:
                solve.solve_row(row, known.chi[g], geometry, work)
            else:
                row.vacuum_type = solve.FAILED


@njit(cache=True)
def _list(column, row):
    return column[0][column[1][row] : column[1][row + 1]]


def _table(name, ids, known, draws, directions, rows):
    """The columns `COLUMNS` of solved rows."""
    index = np.repeat(np.arange(len(ids)), draws)
    n = np.diff(known.ends)[index].astype(np.int32)
    there = ~np.isnan(rows["x"])
    types, x = rows["vacuum_type"], rows["x"]
    two_cycle = rows["two_cycle"] * np.sqrt(rows["string_coupling"])  # in string frame; t is in Einstein frame
    controlled = (two_cycle > MIN_TWO_CYCLE) & (np.abs(rows["xi_ratio"]) < MAX_XI_RATIO) & (x > MIN_EXPONENT)
    flux = rows["flux"]
    table = {
        "dataset": np.full(len(index), name),
        "geometry_id": ids[index],
        "sample": np.tile(np.arange(draws, dtype=np.int32), len(ids)),
        "stability": np.array([class_ for class_, _ in VACUUM_TYPES.values()])[types],
        "vacuum_type": np.array(list(VACUUM_TYPES))[types],
        "minimization_success": types <= solve.LAST_STABLE,
        "failure_reason": np.where(types != solve.FAILED, "", np.where(known.sound[index], NO_RAY, NO_POTENTIAL)),
        "log10_flux": (-rows["log_ratio"] / np.log(10.0)).astype(np.float32),
        "condensate_rank": rows["rank"].astype(np.float32),
        "string_coupling": rows["string_coupling"].astype(np.float32),
        "uplift_ratio": rows["uplift_ratio"].astype(np.float32),
        "uplift_power": rows["uplift_power"],
        "uplift": rows["uplift"] * flux**2,
        "ray": Ragged(directions, _offsets(n)),
        "potential_value": rows["potential"] * flux**2,
        "potential_scaled": rows["scaled_potential"],
        "ray_scale": np.sqrt(rows["unit"] * x),
        "axion_branch": rows["branch"],
        "n_pos": rows["n_positive"],
        "n_neg": rows["n_negative"],
        "n_flat": rows["n_flat"],
        "min_eigenvalue": rows["lowest"],
        "max_eigenvalue": rows["highest"],
        "barrier": rows["barrier"] * flux**2,
        "exponent": x,
        "volume": rows["volume"],
        "smallest_two_cycle": two_cycle,
        "xi_ratio": rows["xi_ratio"],
        "controlled": controlled | (types == solve.RUNAWAY),
        "n_critical_points": rows["n_critical"],
        "n_distinct_minima": rows["n_minima"],
        "certified": rows["certified"],
        "certificate_radius": rows["radius"],
        "min_abs_eigenvalue_bound": np.where(rows["certified"] & there, rows["gap"], 0.0),
    }
    return table


def _offsets(lengths):
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
