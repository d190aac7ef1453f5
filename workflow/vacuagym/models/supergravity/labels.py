"""The labels of a batch of geometries."""

from typing import NamedTuple

import numpy as np

from vacuagym.geometry.family import Family
from vacuagym.models.parameters import pack
from vacuagym.models.supergravity import THREEFOLDS, lattices, priors, ray, reads, solve
from vacuagym.models.supergravity.columns import REGIMES, VACUUM_TYPES
from vacuagym.numerics.compiled import njit
from vacuagym.numerics.philox import draw_key, fill_uniform
from vacuagym.tables.arrays import Columns, Ragged, take

NO_RAY = "K_ij is not proved positive definite on the ray: the classes are dependent"

# a row is controlled where all of these hold (docs/supergravity.md)
MIN_TWO_CYCLE, MAX_XI_RATIO, MIN_EXPONENT = 1.0, 1.0, 1.0


class _Topology(NamedTuple):
    """Topology of the geometries of a batch, for `_label_rows`."""

    kind: int  # of the threefolds, see `priors`
    indices: np.ndarray  # int64: three for each number of nef classes
    numbers: Ragged  # int64: triple intersection numbers; self-intersections of an elliptic fibration
    c1_squared: np.ndarray  # float64 (geometries,), of the base of an elliptic fibration
    divisor_euler_numbers: Ragged  # int32: chi(O_D) = D^3 / 6 + c2·D / 12 of the divisors of the basis


def label(values, seed: int, family: Family, features: Columns, draws: int, starts: int = 0) -> dict:
    """Label a batch of geometries.

    Parameters
    ----------
    values : mapping
        Every parameter of the model.
    seed : int
        0 <= seed < 2^64.
    family : Family
        Its name is part of the key of the random draws; its threefold says how to read the features.
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
    reads(family)  # refuses other kinds of threefolds
    known = [features[name] for name in THREEFOLDS[family.threefold]]
    topology = _TOPOLOGIES[family.threefold](list(THREEFOLDS).index(family.threefold), *known)
    ids = np.asarray(features["geometry_id"], dtype=np.int64)
    chi = np.asarray(features["euler_characteristic"], dtype=np.float64)
    divisors = topology.divisor_euler_numbers
    rows, rays = priors.new_rows(len(ids) * draws), np.empty(draws * divisors.offsets[-1])
    _label_rows(draw_key(seed, family.name), pack(values), ids, chi, topology, draws, rays, rows)
    return _table(family.name, ids, features["n_moduli"], divisors, draws, rays, rows)


# --- topology ---------------------------------------------------------------------------------------------------------


def _one_class(kind, cubes, chern):
    """From H^3 and c2·H of the class H that is kept: a single nef class."""
    single = np.arange(len(cubes) + 1, dtype=np.int32)
    indices = Ragged(np.zeros(3 * len(cubes), np.int64), 3 * single)
    return _nef_classes(kind, indices, Ragged(np.asarray(cubes), single), Ragged(np.asarray(chern), single))


def _nef_classes(kind, indices, numbers, chern):
    """From the triple intersection numbers that are not zero, and c2·J_r, of nef classes J_r."""
    kappa, offsets, triples = numbers.values.astype(np.int64), chern.offsets, indices.values.reshape(-1, 3)
    row = np.repeat(np.arange(len(offsets) - 1), np.diff(numbers.offsets))
    cubes, is_cube = np.zeros(len(chern.values), np.int64), triples[:, 0] == triples[:, 2]
    cubes[offsets[row[is_cube]] + triples[is_cube, 0]] = kappa[is_cube]
    euler = (2 * cubes + chern.values.astype(np.int64)) // 12  # integers by Riemann-Roch
    none = np.zeros(len(offsets) - 1)
    return _topology(
        kind, triples.astype(np.int64).ravel(), Ragged(kappa, numbers.offsets), none, Ragged(euler, offsets)
    )


def _elliptic_fibration(kind, curves, tensors):
    """From the self-intersections of the toric curves of the base, and its number of tensor multiplets T."""
    values, starts = curves.values.astype(np.int64), curves.offsets
    tensors = np.asarray(tensors, dtype=np.int64)
    c1_squared, offsets = 9 - tensors, (starts - np.arange(len(starts))).astype(np.int32)
    # E^3 = c1^2 and c2·E = c2(B) + 11 c1^2; D^3 = 0 and c2·D = 12 c1·D for the others
    euler = np.delete(values + 2, starts[:-1])
    euler[offsets[:-1]] = (2 * c1_squared + (3 + tensors) + 11 * c1_squared) // 12
    return _topology(
        kind, np.zeros(0, np.int64), Ragged(values, starts), c1_squared.astype(np.float64), Ragged(euler, offsets)
    )


def _topology(kind, indices, numbers, c1_squared, euler):
    return _Topology(kind, indices, numbers, c1_squared, Ragged(euler.values.astype(np.int32), euler.offsets))


_TOPOLOGIES = {"one_class": _one_class, "nef_classes": _nef_classes, "elliptic_fibration": _elliptic_fibration}


# --- rows -------------------------------------------------------------------------------------------------------------


@njit(cache=True)
def _label_rows(key, packed, ids, chi, topology, n_draws, rays, rows):
    """Draw and solve every row of a batch.

    Parameters
    ----------
    key : uint64 (2,)
        Of the random draws.
    packed : float64
        The parameters, see `pack`.
    ids, chi : int64, float64 (geometries,)
        Numbers of the geometries and their Euler numbers.
    topology : _Topology
        Of the geometries.
    n_draws : int
        Rows per geometry.
    rays : float64
        Output: the ray of each row, one after the other.
    rows : priors.ROW (geometries * n_draws,)
        Output: see `priors.draw` and `solve.solve_row`.
    """
    kind, indices, (numbers, starts), c1_squared, (euler, offsets) = topology
    spread = 0.0 if kind == priors.ONE_CLASS else packed[priors.RAY_SPREAD]  # a single class has one ray: t = 1
    coupling_uniforms, work = np.empty(priors.N_UNIFORMS), np.empty(ray.N_WORK)
    for g in range(len(ids)):
        n = offsets[g + 1] - offsets[g]
        uniforms, space, known = np.empty(n + 2), lattices.workspace(n), numbers[starts[g] : starts[g + 1]]
        rigid = np.all(euler[offsets[g] : offsets[g + 1]] == 1)
        for sample in range(n_draws):
            row = rows[g * n_draws + sample]
            fill_uniform(key, ids[g], sample, 0, coupling_uniforms)
            fill_uniform(key, ids[g], sample, 1, uniforms)
            priors.draw(packed, kind, coupling_uniforms, row)
            begin = n_draws * offsets[g] + sample * n
            t = rays[begin : begin + n]
            if kind == priors.ELLIPTIC_FIBRATION:
                low, high = packed[priors.FIBRE_SHARE], packed[priors.FIBRE_SHARE + 1]
                share = low + (high - low) * uniforms[n + 1]
                smallest = lattices.fibration_ray(known, c1_squared[g], spread, share, uniforms, t, space)
            else:
                triples = indices[3 * starts[g] : 3 * starts[g + 1]]
                smallest = lattices.nef_ray(triples, known, spread, uniforms, t, space)
            geometry = lattices.ray_geometry(t, smallest, space)
            row.unit = row.rank / (6.283185307179586 * geometry.least_tau)
            solve.solve_row(row, -chi[g] if row.mirror else chi[g], geometry, rigid or not row.strict, work)


def _table(name, ids, n_moduli, divisors, draws, rays, rows):
    """The columns `COLUMNS` of solved rows."""
    index = np.repeat(np.arange(len(ids)), draws)
    n = np.diff(divisors.offsets)[index].astype(np.int32)
    n_moduli = np.asarray(n_moduli)[index].astype(np.int32)
    there = ~np.isnan(rows["x"])
    types, x = rows["vacuum_type"], rows["x"]
    controlled = (rows["two_cycle"] > MIN_TWO_CYCLE) & (np.abs(rows["xi_ratio"]) < MAX_XI_RATIO) & (x > MIN_EXPONENT)
    flux = np.exp(-rows["log_ratio"])
    points = rays * np.repeat(np.sqrt(rows["unit"] * x), n)
    table = {
        "dataset": np.full(len(index), name),
        "geometry_id": ids[index],
        "sample": np.tile(np.arange(draws, dtype=np.int32), len(ids)),
        "n_moduli": n_moduli,
        "n_fields": n,
        "is_truncated": n < n_moduli,
        "stability": np.array([class_ for class_, _ in VACUUM_TYPES.values()])[types],
        "vacuum_type": np.array(list(VACUUM_TYPES))[types],
        "minimization_success": types <= solve.LAST_STABLE,
        "failure_reason": np.where(types == solve.FAILED, NO_RAY, ""),
        "regime": np.array(REGIMES)[rows["strict"].astype(np.int64)],
        "log10_flux": (-rows["log_ratio"] / np.log(10.0)).astype(np.float32),
        "condensate_rank": rows["rank"].astype(np.float32),
        "string_coupling": rows["string_coupling"].astype(np.float32),
        "uplift_ratio": rows["uplift_ratio"].astype(np.float32),
        "uplift_power": rows["uplift_power"],
        "uplift": rows["uplift"] * flux**2,
        "is_mirror": rows["mirror"],
        "ray": Ragged(rays, _offsets(n)),
        "divisor_euler_numbers": take({"": divisors}, index)[""],
        "potential_value": rows["potential"] * flux**2,
        "potential_scaled": rows["scaled_potential"],
        "critical_point": Ragged(points[np.repeat(there, n)], _offsets(n * there)),
        "axion_branch": rows["branch"],
        "n_pos": rows["n_positive"],
        "n_neg": rows["n_negative"],
        "n_flat": rows["n_flat"],
        "min_eigenvalue": rows["lowest"],
        "max_eigenvalue": rows["highest"],
        "barrier": rows["barrier"] * flux**2,
        "exponent": x,
        "volume": rows["volume"],
        "smallest_two_cycle": rows["two_cycle"],
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
