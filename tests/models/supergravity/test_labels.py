"""Rows of the label table against the full potential, and what a row may depend on."""

import sys
from dataclasses import replace
from pathlib import Path

import mpmath
import numpy as np
import pytest
import scipy.optimize
import scipy.stats

from vacuagym.errors import InputError
from vacuagym.geometry import COMPLETE_FAMILIES, FAMILIES
from vacuagym.geometry.family import THREEFOLD
from vacuagym.geometry.triangulations import kahler_cone, triangulate
from vacuagym.models.parameters import pack
from vacuagym.models.supergravity import MODEL, labels, priors, rays, solve
from vacuagym.models.supergravity.columns import CLASSES, VACUUM_TYPES
from vacuagym.models.supergravity.priors import alpha_prime
from vacuagym.tables.arrays import Ragged, from_lists, n_rows, ragged, take

sys.path.insert(0, str(Path(__file__).parent))
from full_potential import Theory, derivatives, four_cycles, masses_squared, supersymmetry, volume
from threefolds import (
    PARAMETERS,
    TORIC,
    dense_kappa,
    euler_number,
    features_of,
    geometries,
    label,
    rows_of,
    some_features,
)

NEF = [name for name in COMPLETE_FAMILIES if name not in TORIC]


@pytest.fixture(scope="module")
def few():
    """Features of 20 geometries of each family."""
    return {name: some_features(name, 20) for name in COMPLETE_FAMILIES}


def theory_of(row, kappa, chi):
    """The row's potential, rebuilt from the published couplings and the geometry alone, and its point."""
    direction = row["ray"]
    tau, v = four_cycles(kappa, direction), volume(kappa, direction)
    amplitudes = direction * tau / (3 * v) * (1 - 2 * row["axion_branch"])
    ranks = float(row["condensate_rank"]) * tau / tau.min()
    g_s, flux = float(row["string_coupling"]), 10.0 ** np.float64(row["log10_flux"])
    power = np.float64(row["uplift_power"])
    theory = Theory(kappa, alpha_prime(chi, g_s), -flux, amplitudes, 2 * np.pi / ranks, row["uplift"], power)
    return theory, row["ray_scale"] * direction, flux


def type_of(row, value, masses, theory, t):
    """The vacuum type that V, M^2 and D_iW at a point say."""
    if value > 0:
        return "ds_minimum" if masses.min() > 0 else "ds_saddle"
    if masses.min() > 0:
        broken = np.abs(supersymmetry(theory, t) * four_cycles(theory.kappa, t)).max()
        return "ads_susy" if broken < 1e-8 * abs(theory.w0) else "ads_nonsusy"
    return "ads_bf_stable_tachyonic" if masses.min() >= -0.75 * abs(value) else "ads_saddle"


@pytest.mark.parametrize("name", COMPLETE_FAMILIES)
def test_rows_are_critical_points_of_the_full_potential(few, name):
    """The restriction to the ray is consistent, and the masses across it are those of the full 2n x 2n problem."""
    draws, checked, types = 6, 0, set()
    table = rows_of(label(name, few[name], draws))
    for number, row in enumerate(table):
        geometry = rows_of(take(few[name], np.array([number // draws])))[0]
        assert row["vacuum_type"] != "failed"
        assert (kahler_cone(geometry) @ row["ray"] > 0).all()
        if np.isnan(row["potential_value"]):
            assert row["stability"] in ("runaway", "marginal")
            continue
        kappa, n = dense_kappa(geometry), int(geometry["n_fields"])
        theory, t, flux = theory_of(row, kappa, euler_number(geometry))
        d, v = derivatives(theory, t), volume(kappa, t)
        unit = flux**2 / v**2
        exponent = four_cycles(kappa, t) * theory.rates
        assert exponent == pytest.approx(np.full(n, row["exponent"]), rel=1e-9)
        assert v == pytest.approx(row["volume"], rel=1e-9)
        assert theory.xi / v == pytest.approx(row["xi_ratio"], rel=1e-6)
        assert d.value == pytest.approx(row["potential_value"], rel=1e-6, abs=1e-9 * unit)
        assert row["potential_scaled"] * unit == pytest.approx(row["potential_value"], rel=1e-9)
        assert np.abs(t * d.gradient).max() <= 1e-9 * np.abs(np.outer(t, t) * d.hessian).max()
        np.linalg.cholesky(d.metric)
        masses = np.concatenate([masses_squared(d.hessian, d.metric), masses_squared(d.axion_hessian, d.metric)]) / unit
        largest = np.abs(masses).max()
        assert masses.min() == pytest.approx(row["min_eigenvalue"], rel=1e-6, abs=1e-8 * largest)
        assert masses.max() == pytest.approx(row["max_eigenvalue"], rel=1e-6)
        smallest = (kahler_cone(geometry) @ t).min() * np.sqrt(float(row["string_coupling"]))
        assert smallest == pytest.approx(row["smallest_two_cycle"], rel=1e-6)
        held = smallest > 1 and abs(theory.xi / v) < 0.1 and exponent[0] > 1
        assert held == row["controlled"]
        if row["certified"] and row["min_abs_eigenvalue_bound"] > 1e-7 * largest:
            assert (masses < 0).sum() == row["n_neg"] and (masses > 0).sum() == row["n_pos"] == 2 * n - row["n_neg"]
            assert type_of(row, d.value / unit, masses, theory, t) == row["vacuum_type"]
        checked += 1
        types.add(row["vacuum_type"])
    assert checked > 50 and len(types) >= 3


@pytest.mark.parametrize("name", TORIC)
def test_euler_number_is_that_of_the_labelled_threefold(name):
    """chi of the triangulated hypersurface, and the sign of xi: opposite to chi's."""
    features = some_features(name, 40, 1, 20)
    rows, table = rows_of(features), label(name, features, 4)
    for number, row in enumerate(rows):
        chi = triangulate(np.reshape(row["rays"], (-1, 4))).euler_characteristic
        assert chi == euler_number(row)
        ratios = table["xi_ratio"][4 * number : 4 * number + 4]
        assert (np.sign(ratios[~np.isnan(ratios)]) == -np.sign(chi)).all()
    assert len({bool(row["is_mirror"]) for row in rows}) == (2 if any(features["is_mirror"]) else 1)


def test_mirrors_are_among_the_weight_systems(few):
    assert any(few[name]["is_mirror"].any() and not few[name]["is_mirror"].all() for name in TORIC)


@pytest.mark.parametrize("name", NEF)
def test_products_fail_with_the_reason(few, name):
    examples = {
        "n_factors": [2, 3, 1],
        "n_equations": [2, 3, 1],
        "configuration": [[3, 0, 0, 4], [3, 0, 0, 0, 3, 0, 0, 0, 3], [5]],
    }
    features = features_of(name, from_lists(FAMILIES[name].geometry_columns, examples))
    assert features["is_product"].tolist() == [True, True, False]
    table = label(name, features, 3)
    products = np.repeat(features["is_product"], 3)
    assert set(table["failure_reason"][products]) == {labels.NO_POTENTIAL}
    assert set(table["vacuum_type"][products]) == set(table["stability"][products]) == {"failed"}
    assert not table["controlled"][products].any() and not table["certified"][products].any()
    assert np.isnan(table["potential_value"][products]).all() and np.isnan(table["ray_scale"][products]).all()
    alone = label(name, take(features, np.array([2])), 3)
    assert same(take(table, np.flatnonzero(~products)), alone)


# --- what a row depends on ----------------------------------------------------------------------------------------------


def same(left, right, but=()):
    return left.keys() == right.keys() and all(
        a.tobytes() == b.tobytes()
        for name in left.keys() - set(but)
        for a, b in zip(
            left[name] if isinstance(left[name], Ragged) else (left[name],),
            right[name] if isinstance(right[name], Ragged) else (right[name],),
            strict=True,
        )
    )


@pytest.mark.parametrize("name", COMPLETE_FAMILIES)
def test_rows_do_not_depend_on_number_batch_and_order(few, name):
    features = few[name]
    order = np.random.default_rng(1).permutation(20)
    whole = label(name, features, 4)
    shuffled = label(name, take(features, order) | {"geometry_id": np.arange(20) + 777}, 4)
    rows = (order[:, None] * 4 + np.arange(4)).ravel()
    assert same(take(whole, rows), shuffled, but=["geometry_id"])
    assert same(take(whole, np.arange(12, 16)), label(name, take(features, np.array([3])), 4))
    assert [column.name for column in MODEL.columns] == list(whole)


@pytest.mark.parametrize("name", COMPLETE_FAMILIES)
def test_draws_are_keyed_by_geometry_key_and_seed(few, name):
    known = label(name, few[name], 4)
    for other in (
        label(name, few[name] | {"geometry_key": few[name]["geometry_key"] + 1}, 4),
        label(name, few[name] | {"geometry_key": few[name]["geometry_key"] + (1 << 40)}, 4),
        label(name, few[name], 4, seed=12),
    ):
        assert np.mean(other["condensate_rank"] == known["condensate_rank"]) < 0.1
        for one, two in zip(rows_of(known), rows_of(other), strict=True):
            assert len(one["ray"]) == 1 or not np.array_equal(one["ray"], two["ray"])


def permuted_systems(given, rng):
    """The same weight systems with coordinates, and combined systems, in another order."""
    degrees, weights = [], []
    for row in rows_of(given):
        matrix = row["weights"].reshape(len(row["degrees"]), -1)
        order = rng.permutation(len(matrix))
        degrees.append(row["degrees"][order])
        weights.append(matrix[order][:, rng.permutation(matrix.shape[1])].ravel())
    return {"kind": given["kind"], "degrees": ragged(degrees, np.int32), "weights": ragged(weights, np.int32)}


def permuted_cycles(given, rng):
    """The same bases read from another curve, in the other direction."""
    cycles = [np.roll(row["self_intersections"][::-1], rng.integers(100)) for row in rows_of(given)]
    return {"self_intersections": ragged(cycles, np.int16)}


def permuted_configurations(given, rng):
    """The same configurations with factors and equations in another order."""
    matrices = []
    for row in rows_of(given):
        matrix = row["configuration"].reshape(row["n_factors"], -1)
        matrices.append(matrix[rng.permutation(len(matrix))][:, rng.permutation(matrix.shape[1])].ravel())
    return given | {"configuration": ragged(matrices, given["configuration"].values.dtype)}


PERMUTED = {
    "weights": permuted_systems,
    "self_intersections": permuted_cycles,
    "configuration": permuted_configurations,
}


@pytest.mark.parametrize("name", COMPLETE_FAMILIES)
def test_a_geometry_written_otherwise_has_the_same_key_and_labels(name):
    rng = np.random.default_rng(5)
    every = geometries(name)
    some = np.append(rng.choice(n_rows(every), 60, replace=False), n_rows(every) - 1 - np.arange(20))
    given = take(every, some)
    permute = next(function for column, function in PERMUTED.items() if column in given)
    one, other = features_of(name, given), features_of(name, permute(given, rng))
    assert not all(np.array_equal(*pair) for pair in zip(given.values(), permute(given, rng).values(), strict=True))
    assert np.array_equal(one["geometry_key"], other["geometry_key"])
    assert same(label(name, one, 3), label(name, other, 3))


def keys_of(name):
    n = n_rows(geometries(name))
    parts = [
        FAMILIES[name].functions.features(take(geometries(name), np.arange(start, min(start + 2_000, n))))[
            "geometry_key"
        ]
        for start in range(0, n, 2_000)
    ]
    return np.concatenate(parts)


@pytest.mark.slow
@pytest.mark.parametrize("name", COMPLETE_FAMILIES)
def test_keys_are_unique(name):
    keys = keys_of(name)
    assert len(keys) == FAMILIES[name].count == len(np.unique(keys)) and (keys >= 0).all()


# --- the table ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMPLETE_FAMILIES)
def test_column_types(few, name):
    table = label(name, few[name], 2)
    for column in MODEL.columns:
        values = table[column.name]
        found = f"list<{values.values.dtype}>" if isinstance(values, Ragged) else str(values.dtype)
        assert column.type == ("string" if found.startswith("<U") else found), column.name


@pytest.mark.parametrize("name", COMPLETE_FAMILIES)
def test_classes_are_what_their_columns_say(name):
    table = label(name, some_features(name, 400, 1, 500), 5)
    v, kind = table["potential_value"], table["vacuum_type"]
    assert np.all(v[np.char.startswith(kind, "ads")] < 0)
    assert np.all(v[np.char.startswith(kind, "ds")] > 0)
    assert np.all(np.isnan(v[table["stability"] == "runaway"]))
    assert np.all(table["uplift"][kind == "ads_susy"] == 0)
    assert np.all(table["barrier"][kind == "ds_minimum"] > 0)  # V falls to 0 at infinity: there is a barrier
    n = np.diff(table["ray"].offsets)
    proved = table["certified"] & ~np.isnan(v)
    assert np.array_equal((table["n_pos"] + table["n_neg"])[proved], 2 * n[proved])
    assert np.isfinite(table["ray_scale"][proved]).all()
    shares = np.unique(table["stability"], return_counts=True)[1] / len(v)
    assert shares.max() < 0.75
    assert np.mean(np.isin(table["stability"], ["marginal", "failed"])) <= 0.01
    assert np.mean(table["controlled"]) > 0.3


@pytest.mark.parametrize("name", COMPLETE_FAMILIES)
def test_points_are_called_supersymmetric_where_they_are(name):
    """D_iW = 0 on the ray where E (1 + x (2 + r) / 3) = 1; such a point is stable, whatever its masses."""
    table = label(name, some_features(name, 200, 1, 12), 20, no_uplift_fraction=0.9)
    kind, x, r = table["vacuum_type"], table["exponent"], table["xi_ratio"]
    e = (1 - 2 * table["axion_branch"]) * np.exp(-np.log(10) * table["log10_flux"] - x)
    broken = np.abs(e * (1 + x * (2 + r) / 3) - 1)
    at_point = (table["uplift"] == 0) & (table["potential_value"] < 0) & (table["n_flat"] == 0)
    supersymmetric = at_point & (broken < 1e-8)
    assert supersymmetric.sum() > 500
    assert set(kind[supersymmetric]) == {"ads_susy", "ads_bf_stable_tachyonic"}
    assert np.array_equal(kind[supersymmetric] == "ads_susy", table["n_neg"][supersymmetric] == 0)
    assert table["certified"][supersymmetric].all()
    assert np.all(broken[at_point & ~supersymmetric] > 1e-3)
    assert not (kind[~supersymmetric] == "ads_susy").any()


def test_draws_are_within_their_ranges():
    rows, packed, rng = priors.new_rows(1_000), pack(PARAMETERS), np.random.default_rng(0)
    for row in rows:
        priors.draw(packed, 5, True, rng.random(priors.N_UNIFORMS), row)
    for column, name in (("rank", "gauge_rank"), ("string_coupling", "string_coupling")):
        low, high = PARAMETERS[name]
        assert rows[column].min() >= low * (1 - 1e-6) and rows[column].max() <= high * (1 + 1e-6)
        assert np.mean(np.log(rows[column])) == pytest.approx(np.log(low * high) / 2, abs=0.1)
    low, high = PARAMETERS["log10_flux"]
    log10_flux = -rows["log_ratio"] / np.log(10)
    assert low <= log10_flux.min() and log10_flux.max() <= high
    assert 0.1 < np.mean(rows["uplift"] == 0) < 0.2


@pytest.mark.parametrize(("kind", "toric"), [("toric", True), ("nef", False)])
@pytest.mark.parametrize("power", [4 / 3, 2.0])
def test_uplift_is_measured_by_the_depth_of_the_reference(kind, toric, power):
    """D = 3 u (1 - E)^2 w^2 volume^(p - 2) at E (1 + 2 x / 3) = 1, where D_TW = 0 without alpha' correction."""
    packed, rng = pack(PARAMETERS | {"uplift_power": power}), np.random.default_rng(1)
    c, k = PARAMETERS[f"reference_volume_{kind}"], PARAMETERS[f"reference_power_{kind}"]
    low, high = PARAMETERS[f"log10_uplift_{kind}"]
    for row, n in zip(priors.new_rows(60), rng.integers(1, 200, 60), strict=True):
        priors.draw(packed, n, toric, rng.random(priors.N_UNIFORMS), row)
        if row["uplift_ratio"] == 0:
            assert row["uplift"] == 0
            continue
        assert low - 1e-6 <= np.log10(row["uplift_ratio"]) <= high + 1e-6
        logs = row["log_ratio"]
        x = scipy.optimize.brentq(lambda x, logs=logs: logs - x + np.log1p(2 * x / 3), 1e-3, 1e3, xtol=1e-13)
        reference = c * n**k * (x * row["rank"] / (2 * np.pi)) ** 1.5
        depth = 3 * (1 - np.exp(logs - x)) ** 2 / reference**2
        assert row["uplift"] / reference**power == pytest.approx(row["uplift_ratio"] * depth, rel=1e-10)


# --- the ray ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMPLETE_FAMILIES)
def test_transverse_spectrum_against_forty_digits(few, name):
    table = rows_of(label(name, few[name], 1))
    for row, labelled in zip(rows_of(few[name]), table, strict=True):
        kappa, t = dense_kappa(row), labelled["ray"].copy()
        work = rays.workspace(len(t))
        triples = np.asarray(row["triple_intersection_indices"], np.int64)
        rays.intersect(triples, np.asarray(row["triple_intersection_numbers"], np.int64), t, work)
        error, spectrum = rays.transverse_spectrum(t, work), work.spectrum
        with mpmath.workdps(40):
            exact = np.array([mpmath.mpf(x) for x in t])
            matrix = np.einsum("ijk,k->ij", kappa.astype(int).astype(object), exact)
            h = [mpmath.sqrt(2 * a / b) for a, b in zip(exact, matrix @ exact, strict=True)]
            expected = sorted(mpmath.eigsy(mpmath.matrix(matrix * np.outer(h, h)), eigvals_only=True))
            assert abs(expected[-1] - 2) < mpmath.mpf(10) ** -35 and all(value < 0 for value in expected[:-1])
            assert max((abs(a - b) for a, b in zip(spectrum, expected[:-1], strict=True)), default=0) <= error
        assert error < 1e-6


@pytest.mark.parametrize("name", NEF)
def test_nef_rays_are_spread_as_the_prior_says(few, name):
    spread = PARAMETERS["ray_spread"]
    logs = np.log(label(name, few[name], 50)["ray"].values)
    assert np.abs(logs).max() <= spread
    assert scipy.stats.kstest(logs, scipy.stats.uniform(-spread, 2 * spread).cdf).pvalue > 1e-3


@pytest.mark.parametrize("name", TORIC)
def test_rays_are_a_share_of_centre_and_random_point(few, name):
    """Rays of random_share 0 are the same for all draws, the centre; the others are blends with points of their own."""
    draws = 4
    centre, half, most = (label(name, few[name], draws, random_share=share)["ray"].values for share in (0.0, 0.5, 0.9))
    random = 2 * half - centre
    assert most == pytest.approx(0.1 * centre + 0.9 * random, rel=1e-9, abs=1e-9)
    table = label(name, few[name], draws, random_share=0.0)
    for number, row in enumerate(rows_of(few[name])):
        of = rows_of(take(table, np.arange(draws * number, draws * (number + 1))))
        degrees = kahler_cone(row)
        assert all(np.array_equal(of[0]["ray"], other["ray"]) for other in of)
        assert (degrees @ of[0]["ray"] > 0).all()


@pytest.mark.parametrize("name", NEF)
def test_dependent_classes_fail(few, name):
    """Two dependent classes: kappa(t) is singular, the row says so."""
    features = take(few[name], np.array([0])) | {
        "n_fields": np.array([2], np.int32),
        "triple_intersection_indices": ragged([[0, 0, 0, 0, 0, 1, 0, 1, 1, 1, 1, 1]], np.int16),
        "triple_intersection_numbers": ragged([[1, 1, 1, 1]], np.int32),
    }
    table = label(name, features, 3)
    assert set(table["stability"]) == {"failed"} and set(table["failure_reason"]) == {labels.NO_RAY}
    assert np.isnan(table["ray_scale"]).all()


def test_numbers_of_types_are_those_of_their_names():
    names = ("failed", "marginal", "ads_susy", "ds_minimum", "runaway_decompactification")
    numbers = (solve.FAILED, solve.MARGINAL, solve.ADS_SUSY, solve.DS_MINIMUM, solve.RUNAWAY)
    assert [list(VACUUM_TYPES)[number] for number in numbers] == list(names)
    assert {class_ for class_, _ in VACUUM_TYPES.values()} == set(CLASSES) - {"unstable", "not_applicable"}


def test_a_family_without_intersection_numbers_is_an_error():
    family = next(iter(FAMILIES.values()))
    without = tuple(column for column in family.features if column not in THREEFOLD)
    with pytest.raises(InputError, match="does not apply to the family g2, which has no triple_intersection_numbers"):
        MODEL.reads(replace(family, name="g2", features=without))


@pytest.mark.parametrize("name", COMPLETE_FAMILIES)
def test_the_key_is_read(name):
    assert "geometry_key" in MODEL.reads(FAMILIES[name])
