"""The labels of a batch of geometries."""

import numpy as np

from vacuagym.geometry.family import Family
from vacuagym.models.kklt import PARAMETERS, TORIC, priors
from vacuagym.models.kklt.columns import (
    MAX_SHIFT,
    MAX_XI_RATIO,
    MIN_CURVE,
    MIN_EXPONENT,
    VACUUM_TYPES,
    WITH_VACUUM,
    WITHOUT_POINT,
)
from vacuagym.models.kklt.lvs import contractions, large_volume_row
from vacuagym.models.kklt.phases import classes_of, new_room, space_of
from vacuagym.models.kklt.points import Theory
from vacuagym.models.kklt.solve import Row, solve_row
from vacuagym.models.parameters import complete, pack
from vacuagym.models.supergravity.priors import alpha_prime
from vacuagym.numerics.philox import draw_key, fill_uniform
from vacuagym.tables.arrays import Columns, ragged

# two threefolds with two classes: one has two rigid divisors and a vacuum at most couplings; the other, the hypersurface of
# degree 18 in P_{1,1,1,6,9}, has one and large-volume vacua
_EXAMPLES = {
    "rays": [
        [-1, -1, 1, 2, -1, 1, 2, 2, 0, 0, -1, -1, 0, 0, 0, 1, 1, 0, 0, 0, 1, 0, 1, 0],
        [-1, 0, 0, -2, 0, 0, 1, 0, 1, -1, -1, 0, 1, 0, 0, 0, 1, 0, 0, 3, 2, 1, 0, 0],
    ],
    "heights": [[128119, 168232, 41494, 24598, 29370, 34452], [93693, 19684, 64349, 29048, 171749, 95764]],
    "basis": [[3, 4], [3, 5]],
    "holomorphic_euler_characteristics": [[3, 3, 29, 1, 1, 4], [66, 3, 3, 1, 29, 3]],
}
_EXAMPLE_NUMBERS = {"geometry_key": [0, 0], "euler_characteristic": [236, 540], "is_mirror": [True, True]}
_EXAMPLE_PARAMETERS = (  # geometry and what differs from the defaults
    (0, {"no_uplift_fraction": 0.0}),
    (0, {"no_uplift_fraction": 1.0}),
    (1, {"no_uplift_fraction": 1.0, "log10_flux": (-5.0, -1.0)}),
)
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
    """
    key, packed, room = draw_key(seed, family.name), pack(values), new_room()
    applies = (features["n_fields"] <= values["max_moduli"]) & ~features["is_truncated"]
    couplings, rows = [], []
    for geometry in range(len(applies)):
        if applies[geometry]:
            drawn, solved = _label_geometry(key, packed, features, geometry, draws, room)
        else:
            drawn = [priors.NOTHING] * draws
            solved = [Row("not_applicable", NOT_APPLICABLE)] * draws
        couplings += drawn
        rows += solved
    return _table(family.name, features["geometry_id"], values["uplift_power"], draws, couplings, rows)


def use_all() -> None:
    """Use all compiled code once: label geometries that have vacua, with and without uplift, and at large volume."""
    features = {name: ragged(values, np.int64) for name, values in _EXAMPLES.items()}
    features |= {name: np.array(values) for name, values in _EXAMPLE_NUMBERS.items()}
    for geometry, parameters in _EXAMPLE_PARAMETERS:
        packed = pack(complete("kklt", PARAMETERS, parameters))
        _label_geometry(draw_key(0, ""), packed, features, geometry, 4, new_room())


def _label_geometry(key, packed, features, geometry, draws, room):
    """Couplings and rows of the draws of one geometry; key as of `draw_key`, packed as of `pack`."""
    rays, heights, basis, euler = (
        column.values[column.offsets[geometry] : column.offsets[geometry + 1]].astype(np.int64)
        for column in (features[name] for name in (*TORIC, "holomorphic_euler_characteristics"))
    )
    chi = float(features["euler_characteristic"][geometry]) * (-1.0 if features["is_mirror"][geometry] else 1.0)
    space, inside = space_of(rays.reshape(len(heights), -1), heights, basis, room)
    classes, rigid = classes_of(space), euler == 1
    uniforms, of_divisors = np.empty(priors.N_UNIFORMS), np.empty(2 * len(heights))
    couplings, rows, ways = [], [], None
    for sample in range(draws):
        fill_uniform(key, int(features["geometry_key"][geometry]), sample, 0, uniforms)
        fill_uniform(key, int(features["geometry_key"][geometry]), sample, 1, of_divisors)
        drawn = priors.draw(packed, uniforms, of_divisors, space.rays, rigid)
        log_flux = priors.LOG10 * drawn.log10_flux
        theory = Theory(
            classes[rigid],
            classes,
            2.0 * np.pi / drawn.condensates[rigid],
            priors.LOG10 * drawn.log10_amplitudes[rigid] - log_flux,
            drawn.angles[rigid],
            alpha_prime(chi, drawn.string_coupling),
        )
        uplift, power = 3.0 * drawn.uplift_ratio, packed[priors.POWER]
        couplings.append(drawn)
        row = solve_row(space, theory, euler, inside, log_flux, drawn.string_coupling, uplift, power)
        if row.vacuum_type in WITHOUT_POINT and theory.xi > 0.0:
            ways = contractions(space, classes, rigid, inside) if ways is None else ways
            row = large_volume_row(space, theory, rigid, euler, ways, drawn.string_coupling, uplift, power, row)
        rows.append(row)
    return couplings, rows


def _table(name, ids, power, draws, couplings, rows):
    """The columns `COLUMNS` of solved rows and what was drawn for them."""
    of = {
        field: np.array([getattr(row, field) for row in rows]) for field in Row._fields if field not in ("t", "theta")
    }
    types, there = of["vacuum_type"], ~np.isnan(of["potential"])
    flux = np.array([priors.power_of_ten(drawn.log10_flux) for drawn in couplings])
    unit = of["volume"] ** 2
    controlled = (
        (of["potent"] > MIN_CURVE)
        & (of["shift"] < MAX_SHIFT)
        & (np.abs(of["xi_ratio"]) < MAX_XI_RATIO)
        & (of["exponent"] > MIN_EXPONENT)
    )
    drawn = {
        field: np.array([getattr(each, field) for each in couplings])
        for field in ("log10_flux", "string_coupling", "uplift_ratio")
    }
    return {
        "dataset": np.full(len(rows), name),
        "geometry_id": np.repeat(ids, draws),
        "sample": np.tile(np.arange(draws, dtype=np.int32), len(ids)),
        "stability": np.array([VACUUM_TYPES[kind][0] for kind in types.tolist()]),
        "vacuum_type": types,
        "minimization_success": np.isin(types, WITH_VACUUM),
        "failure_reason": of["reason"],
        **{field: values.astype(np.float32) for field, values in drawn.items()},
        "uplift_power": np.where(np.isnan(drawn["log10_flux"]), np.nan, power),
        "condensates": ragged([each.condensates for each in couplings], np.int16),
        "log10_amplitudes": ragged([each.log10_amplitudes for each in couplings], np.float32),
        "amplitude_angles": ragged([each.angles for each in couplings], np.float32),
        "potential_value": of["potential"] * flux**2,
        "potential_scaled": of["potential"] * unit,
        "kahler_parameters": ragged([row.t for row in rows], np.float64),
        "axions": ragged([row.theta for row in rows], np.float64),
        "n_pos": of["n_positive"].astype(np.int32),
        "n_neg": np.zeros(len(rows), np.int32),
        "n_flat": (of["n_modes"] - of["n_positive"]).astype(np.int32),
        "min_eigenvalue": of["lowest"] * unit,
        "max_eigenvalue": of["highest"] * unit,
        "exponent": of["exponent"],
        "volume": of["volume"],
        "xi_ratio": of["xi_ratio"],
        "smallest_two_cycle": of["smallest"],
        "smallest_potent_curve": of["potent"],
        "instanton_shift": of["shift"],
        "controlled": np.where(there, controlled, np.isin(types, WITHOUT_POINT)),
        "n_candidates": of["n_candidates"].astype(np.int32),
        "n_distinct_minima": of["n_vacua"].astype(np.int32),
        "n_flops": of["n_flops"].astype(np.int32),
        "is_extended": of["is_extended"],
        "certified": of["certified"],
        "certificate_radius": of["radius"],
    }
