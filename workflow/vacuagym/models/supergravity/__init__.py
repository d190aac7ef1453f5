"""The Kähler-moduli potential of 4D N = 1 supergravity, with each geometry's own intersection numbers and Euler number.

docs/supergravity.md describes the model. Modules: `potential` the formulas for any geometry, `lattices` from a geometry to a
ray of Kähler parameters, `ray` every critical point on it with proof, `solve` one row, `priors` the draws.
"""

import numpy as np

from vacuagym.compiled import njit
from vacuagym.engine.draws import draw_key, fill_uniform
from vacuagym.models.supergravity import lattices, priors, ray, solve
from vacuagym.models.supergravity.priors import PARAMETERS
from vacuagym.models.supergravity.solve import VACUUM_TYPES
from vacuagym.tables.columns import Column, Ragged, take

__all__ = ["COUPLINGS", "PARAMETERS", "REGIMES", "VACUUM_TYPES", "label", "label_columns", "reads"]

REGIMES = ("toy", "strict")
# the label columns that are drawn; the others follow from them and the geometry
COUPLINGS = ("regime", "log10_flux", "condensate_rank", "string_coupling")
COUPLINGS += ("uplift_ratio", "uplift_power", "uplift", "is_mirror", "ray")
_READS = {
    "ks": ("primitive_triple_intersection", "primitive_second_chern"),
    "cicy3": ("triple_intersection_numbers", "second_chern"),
    "fth6d": ("self_intersections", "n_tensor_multiplets"),
}
NO_RAY = "K_ij is not proved positive definite on the ray: the classes are dependent"

# a row is controlled where all of these hold (docs/supergravity.md)
MIN_TWO_CYCLE, MAX_XI_RATIO, MIN_EXPONENT = 1.0, 1.0, 1.0

_STABILITY = {
    "ads_susy": "stable",
    "ads_nonsusy": "stable",
    "ads_bf_stable_tachyonic": "stable",
    "ds_minimum": "metastable",
    "ads_saddle": "saddle",
    "ds_saddle": "saddle",
    "runaway_decompactification": "runaway",
    "runaway_small_volume": "runaway",
    "marginal": "marginal",
    "failed": "failed",
}
# what the seven classes mean here, in one sentence each
CLASSES = {
    "stable": "the lowest vacuum found has V < 0 and no mode below the Breitenlohner-Freedman bound; proved",
    "metastable": "the lowest vacuum found is a minimum with V > 0, above the decompactified vacuum V = 0; proved",
    "saddle": "there are critical points on the ray but no vacuum; the lowest has a mode of either sign; proved",
    "unstable": "does not occur: an axion always has M^2 > 0 at theta = 0",
    "runaway": "no critical point exists on the ray within the interval, and V falls along all of it; proved",
    "marginal": "a sign that the class depends on is not proved",
    "failed": "the classes of the geometry give no positive definite K_ij",
}


def reads(dataset: str) -> tuple[str, ...]:
    """The features that the model reads of a dataset."""
    return ("geometry_id", "n_moduli", "euler_characteristic", *_READS[dataset])


def label_columns() -> tuple[Column, ...]:
    """Data dictionary of the label table."""
    classes = "; ".join(f"{name}: {meaning}" for name, meaning in CLASSES.items())
    types = "; ".join(f"{name}: {meaning}" for name, meaning in VACUUM_TYPES.items())
    masses = "|W0|^2 / volume^2"
    return (
        Column("dataset", "string", "1", "Family of the geometry: ks, cicy3 or fth6d."),
        Column("geometry_id", "int64", "1", "Number of the geometry within its dataset."),
        Column("sample", "int32", "1", "Number of the draw of couplings, from 0."),
        Column("n_moduli", "int32", "1", "Number of Kähler moduli of the geometry, h11."),
        Column("n_fields", "int32", "1", "Number of Kähler moduli kept, n; the potential has n moduli and n axions."),
        Column("is_truncated", "bool", "1", "Whether the classes kept do not span H^2: n < h11."),
        Column("stability", "string", "1", f"Class of the row. {classes}."),
        Column("vacuum_type", "string", "1", f"Finer class of the row. {types}."),
        Column("minimization_success", "bool", "1", "Whether a vacuum was found."),
        Column("failure_reason", "string", "1", "Why the row failed; empty otherwise."),
        Column(
            "regime", "string", "1", "toy: all A_i are on; strict: only if chi(O_D) = 1 for all divisors of the basis."
        ),
        Column("log10_flux", "float32", "1", "log10 of w = -W0; A = sum A_i = 1."),
        Column(
            "condensate_rank", "float32", "1", "N, the smallest of the N_i; a_i = 2 pi / N_i, N_i = N tau_i / min(tau)."
        ),
        Column("string_coupling", "float32", "1", "g_s."),
        Column(
            "uplift_ratio",
            "float32",
            "1",
            "Uplift relative to the depth of the reference geometry's AdS vacuum; 0: none.",
        ),
        Column("uplift_power", "float64", "1", "p of the uplift D / volume^p."),
        Column("uplift", "float64", "M_P^4", "D of the uplift D / volume^p."),
        Column("is_mirror", "bool", "1", "Whether chi is the mirror's, -chi of the geometry."),
        Column(
            "ray", "list<float64>", "1", "Direction of the Kähler parameters t^i; A_i = t^i tau_i / (3 volume) on it."
        ),
        Column(
            "divisor_euler_numbers", "list<int32>", "1", "chi(O_D) = D^3 / 6 + c2·D / 12 of the divisors of the basis."
        ),
        Column("potential_value", "float64", "M_P^4", "V at the row's point; NaN where there is none."),
        Column("potential_scaled", "float64", masses, "V at the row's point."),
        Column(
            "critical_point",
            "list<float64>",
            "l_s^2",
            "Kähler parameters t^i of the row's point; empty where there is none.",
        ),
        Column("axion_branch", "int32", "1", "0: all theta_i = 0 at the row's point; 1: all a_i theta_i = pi."),
        Column("n_pos", "int32", "1", "Positive M^2 at the row's point, of 2 n (proved if certified)."),
        Column("n_neg", "int32", "1", "Negative M^2 at the row's point (proved if certified)."),
        Column("n_flat", "int32", "1", "M^2 at the row's point that vanish or whose sign is not proved."),
        Column("min_eigenvalue", "float64", masses, "Smallest M^2 at the row's point, canonically normalised."),
        Column("max_eigenvalue", "float64", masses, "Largest M^2 at the row's point, canonically normalised."),
        Column(
            "barrier",
            "float64",
            "M_P^4",
            "V of the next maximum along the ray towards decompactification, above the row's "
            "vacuum: a bound from above of the barrier; NaN where there is none.",
        ),
        Column("exponent", "float64", "1", "a tau at the row's point, the same for all divisors."),
        Column("volume", "float64", "l_s^6", "Volume of the threefold at the row's point."),
        Column(
            "smallest_two_cycle", "float64", "l_s^2", "Smallest generating curve of the cone used, at the row's point."
        ),
        Column(
            "xi_ratio",
            "float64",
            "1",
            "xi / volume at the row's point; the alpha' correction is under control if small.",
        ),
        Column(
            "controlled",
            "bool",
            "1",
            "Whether smallest_two_cycle > 1, |xi_ratio| < 1 and exponent > 1 at the row's point; "
            "for a runaway whether it is one to decompactification.",
        ),
        Column(
            "n_critical_points",
            "int32",
            "1",
            "Critical points on the ray in the interval, theta = 0 and pi; proved complete.",
        ),
        Column("n_distinct_minima", "int32", "1", "Vacua among them."),
        Column("certified", "bool", "1", "Whether the class is proved: all critical points on the ray, and all signs."),
        Column(
            "certificate_radius",
            "float64",
            "1",
            "The proved critical point is within this relative distance in x = a tau.",
        ),
        Column(
            "min_abs_eigenvalue_bound",
            "float64",
            masses,
            "Proved lower bound of the |M^2| at the row's point, the ray's own "
            "two modes to rounding; 0 if not certified.",
        ),
    )


# --- compiled loops over the rows of a batch ----------------------------------------------------------------------------


@njit(cache=True)
def _label_one_modulus(key, ids, n_draws, packed, chi, kappa, instantons, draws, numbers, counts):
    uniforms, work, nothing = np.empty(priors.N_UNIFORMS), np.empty(ray.N_WORK), np.empty(0)
    for g in range(len(ids)):
        for sample in range(n_draws):
            row = g * n_draws + sample
            fill_uniform(key, ids[g], sample, 0, uniforms)
            priors.draw(packed, 0, uniforms, draws[row])
            signed = -chi[g] if draws[row, priors.MIRROR] == 1.0 else chi[g]
            on = instantons[g] or draws[row, priors.STRICT] == 0.0
            solve.solve_row(
                draws[row],
                signed,
                1,
                kappa[g] / 6.0,
                kappa[g] / 2.0,
                1.0,
                nothing,
                0.0,
                on,
                work,
                numbers[row],
                counts[row],
            )


@njit(cache=True)
def _label_ray(
    key,
    ids,
    n_draws,
    packed,
    chi,
    fibred,
    data,
    data_offsets,
    c1_squared,
    offsets,
    instantons,
    rays,
    draws,
    numbers,
    counts,
):
    """As above for several moduli; ``data`` are the intersection numbers, or with ``fibred`` the self-intersections."""
    coupling_uniforms, work = np.empty(priors.N_UNIFORMS), np.empty(ray.N_WORK)
    for g in range(len(ids)):
        n = offsets[g + 1] - offsets[g]
        uniforms, tau, matrix, spectrum = np.empty(n + 2), np.empty(n), np.empty((n, n)), np.empty(n - 1)
        workspace, v, edges = np.empty((4, n)), np.empty((n + 1, 2)), np.empty(n + 1)
        geometry = data[data_offsets[g] : data_offsets[g + 1]]
        for sample in range(n_draws):
            row = g * n_draws + sample
            fill_uniform(key, ids[g], sample, 0, coupling_uniforms)
            fill_uniform(key, ids[g], sample, 1, uniforms)
            priors.draw(packed, 2 if fibred else 1, coupling_uniforms, draws[row])
            t = rays[n_draws * offsets[g] + sample * n : n_draws * offsets[g] + (sample + 1) * n]
            spread = packed[priors.RAY_SPREAD]
            if fibred:
                low, high = packed[priors.FIBRE_SHARE], packed[priors.FIBRE_SHARE + 1]
                share = low + (high - low) * uniforms[n + 1]
                smallest = lattices.fibration_ray(
                    geometry, c1_squared[g], spread, share, uniforms, v, edges, t, tau, matrix
                )
            else:
                smallest = lattices.hyperplane_ray(geometry, n, spread, uniforms, t, tau, matrix)
            volume, least_tau = 0.0, np.inf
            for i in range(n):
                volume += t[i] * tau[i] / 3.0
                least_tau = min(least_tau, tau[i])
            error = lattices.transverse_spectrum(n, t, tau, matrix, spectrum, workspace)
            on = instantons[g] or draws[row, priors.STRICT] == 0.0
            solve.solve_row(
                draws[row], chi[g], n, volume, least_tau, smallest, spectrum, error, on, work, numbers[row], counts[row]
            )
            draws[row, priors.UNIT] = draws[row, priors.RANK] / (6.283185307179586 * least_tau)


def label(parameters, seed, dataset, features, n_draws, n_starts=0) -> dict:
    """Label a batch of geometries.

    Parameters
    ----------
    parameters : complete, as `vacuagym.models.resolve` returns them.
    seed : integer, 0 <= seed < 2^64. dataset : ks, cicy3 or fth6d.
    features : columns of the batch, those of `reads(dataset)`.
    n_draws : draws of couplings a geometry. n_starts : not used, since the search is complete.

    Returns
    -------
    dict : the columns `label_columns()`, n_draws rows a geometry, ordered by geometry, then draw. A row depends on the seed,
        the dataset's name, its geometry and its number alone.
    """
    key, packed = draw_key(seed, dataset), priors.pack(parameters)
    ids = np.asarray(features["geometry_id"], dtype=np.int64)
    chi = np.asarray(features["euler_characteristic"], dtype=np.float64)
    rows = len(ids) * n_draws
    divisors = _divisor_euler_numbers(dataset, features)
    n_fields = np.diff(divisors.offsets)
    all_rigid = np.logical_and.reduceat(divisors.values == 1, divisors.offsets[:-1])
    draws, numbers = np.zeros((rows, priors.N_DRAWS)), np.empty((rows, solve.N_NUMBERS))
    counts = np.zeros((rows, solve.N_COUNTS), dtype=np.int64)
    rays = np.ones(n_draws * divisors.offsets[-1])
    if dataset == "ks":
        kappa = np.asarray(features["primitive_triple_intersection"], dtype=np.float64)
        _label_one_modulus(key, ids, n_draws, packed, chi, kappa, all_rigid, draws, numbers, counts)
        draws[:, priors.UNIT] = draws[:, priors.RANK] / (np.pi * np.repeat(kappa, n_draws))
    else:
        fibred = dataset == "fth6d"
        data = features["self_intersections" if fibred else "triple_intersection_numbers"]
        c1_squared = 9.0 - features["n_tensor_multiplets"] if fibred else np.zeros(len(ids))
        _label_ray(
            key, ids, n_draws, packed, chi, fibred, data.values.astype(np.int64), data.offsets, c1_squared,
            divisors.offsets, all_rigid, rays, draws, numbers, counts,
        )  # fmt: skip
    return _table(dataset, features, n_draws, n_fields, divisors, rays, draws, numbers, counts)


def _divisor_euler_numbers(dataset, features) -> Ragged:
    """chi(O_D) = D^3 / 6 + c2·D / 12 of the divisors of the basis, a ragged int32 column; integers by Riemann-Roch."""
    if dataset == "ks":
        kappa = np.asarray(features["primitive_triple_intersection"], dtype=np.int64)
        chern = np.asarray(features["primitive_second_chern"], dtype=np.int64)
        offsets = np.arange(len(kappa) + 1, dtype=np.int32)
    elif dataset == "cicy3":
        chern, offsets = features["second_chern"].values.astype(np.int64), features["second_chern"].offsets
        numbers, starts = features["triple_intersection_numbers"]
        cubes = [start + _cubes(n) for start, n in zip(starts[:-1], np.diff(offsets), strict=True)]
        kappa = numbers[np.concatenate(cubes)].astype(np.int64)
    else:
        curves, starts = features["self_intersections"]
        offsets = (starts - np.arange(len(starts))).astype(np.int32)
        tensors = np.asarray(features["n_tensor_multiplets"], dtype=np.int64)
        # E^3 = c1^2 and c2·E = c2(B) + 11 c1^2; D^3 = 0 and c2·D = 12 c1·D for the others
        numbers = np.delete(curves.astype(np.int64) + 2, starts[:-1])
        chern = 9 - tensors  # c1^2
        numbers[offsets[:-1]] = (2 * chern + (3 + tensors) + 11 * chern) // 12
        return Ragged(numbers.astype(np.int32), offsets)
    return Ragged(((2 * kappa + chern) // 12).astype(np.int32), offsets)


def _cubes(n):
    """Positions of d_rrr among the d_rst with r <= s <= t, t fastest."""
    remaining = np.arange(n, 0, -1)
    return np.concatenate([[0], np.cumsum(remaining * (remaining + 1) // 2)[:-1]])


def _table(dataset, features, n_draws, n_fields, divisors, rays, draws, numbers, counts):
    index = np.repeat(np.arange(len(n_fields)), n_draws)
    n = n_fields[index].astype(np.int32)
    offsets = np.concatenate([[0], np.cumsum(n)]).astype(np.int32)
    type_ = counts[:, solve.TYPE]
    names = np.array(list(VACUUM_TYPES))
    vacuum_type = names[type_]
    there = ~np.isnan(numbers[:, solve.X])
    x = numbers[:, solve.X]
    two_cycle, xi_ratio = numbers[:, solve.TWO_CYCLE], numbers[:, solve.XI_RATIO]
    controlled = (two_cycle > MIN_TWO_CYCLE) & (np.abs(xi_ratio) < MAX_XI_RATIO) & (x > MIN_EXPONENT)
    flux = np.exp(-draws[:, priors.LOG_RATIO])
    scale = np.sqrt(draws[:, priors.UNIT] * x)
    points = rays * np.repeat(scale, n)
    kept = np.repeat(there, n)
    n_moduli = np.asarray(features["n_moduli"])[index].astype(np.int32)
    certified = counts[:, solve.CERTIFIED] == 1

    def count(k):
        return counts[:, k].astype(np.int32)

    return {
        "dataset": np.full(len(index), dataset),
        "geometry_id": np.asarray(features["geometry_id"], dtype=np.int64)[index],
        "sample": np.tile(np.arange(n_draws, dtype=np.int32), len(n_fields)),
        "n_moduli": n_moduli,
        "n_fields": n,
        "is_truncated": n < n_moduli,
        "stability": np.array([_STABILITY[name] for name in VACUUM_TYPES])[type_],
        "vacuum_type": vacuum_type,
        "minimization_success": type_ <= solve.LAST_STABLE,
        "failure_reason": np.where(type_ == solve.FAILED, NO_RAY, ""),
        "regime": np.array(REGIMES)[draws[:, priors.STRICT].astype(np.int64)],
        "log10_flux": (-draws[:, priors.LOG_RATIO] / np.log(10.0)).astype(np.float32),
        "condensate_rank": draws[:, priors.RANK].astype(np.float32),
        "string_coupling": draws[:, priors.STRING_COUPLING].astype(np.float32),
        "uplift_ratio": draws[:, priors.UPLIFT_RATIO].astype(np.float32),
        "uplift_power": draws[:, priors.P],
        "uplift": draws[:, priors.UPLIFT] * flux**2,
        "is_mirror": draws[:, priors.MIRROR] == 1.0,
        "ray": Ragged(rays, offsets),
        "divisor_euler_numbers": take({"": divisors}, index)[""],
        "potential_value": numbers[:, solve.V] * flux**2,
        "potential_scaled": numbers[:, solve.SCALED_V],
        "critical_point": Ragged(points[kept], np.concatenate([[0], np.cumsum(n * there)]).astype(np.int32)),
        "axion_branch": count(solve.BRANCH),
        "n_pos": count(solve.N_POS),
        "n_neg": count(solve.N_NEG),
        "n_flat": count(solve.N_FLAT),
        "min_eigenvalue": numbers[:, solve.LOWEST],
        "max_eigenvalue": numbers[:, solve.HIGHEST],
        "barrier": numbers[:, solve.BARRIER] * flux**2,
        "exponent": x,
        "volume": numbers[:, solve.VOLUME],
        "smallest_two_cycle": two_cycle,
        "xi_ratio": xi_ratio,
        "controlled": controlled | (type_ == solve.RUNAWAY),
        "n_critical_points": count(solve.N_CRITICAL),
        "n_distinct_minima": count(solve.N_MINIMA),
        "certified": certified,
        "certificate_radius": numbers[:, solve.RADIUS],
        "min_abs_eigenvalue_bound": np.where(certified & there, numbers[:, solve.GAP], 0.0),
    }
