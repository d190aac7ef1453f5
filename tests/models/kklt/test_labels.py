"""Rows of the label table: against 50 digits, and what a row may not depend on."""

import pickle
import subprocess
import sys
from collections import Counter
from itertools import zip_longest
from pathlib import Path

import mpmath
import numpy as np
import pytest

from vacuagym.errors import InputError
from vacuagym.geometry import FAMILIES
from vacuagym.models.kklt import MODEL, labels, phases, points, potential, solve
from vacuagym.models.kklt.columns import VACUUM_TYPES
from vacuagym.tables.arrays import content_sha256, take

sys.path.insert(0, str(Path(__file__).parent))
from kklt_theories import LARGE_VOLUME, Exact, dense_kappa, favourable, label, rows_of, space_of, theory_of

DRAWS = 3
SEED = 12


@pytest.fixture(scope="module")
def features():
    return favourable()


@pytest.fixture(scope="module")
def table(features):
    return label(features, DRAWS)


@pytest.fixture(scope="module")
def supersymmetric(features):
    """Without uplift."""
    return label(features, DRAWS, SEED, no_uplift_fraction=1.0)


def pairs(features, table):
    """Each row of labels with its row of features."""
    rows = rows_of(features)
    return [(rows[number // DRAWS], row) for number, row in enumerate(rows_of(table))]


def test_all_classes_occur_and_few_rows_are_undecided(table):
    counts = Counter(table["vacuum_type"].tolist())
    assert set(counts) >= {kind for kind in VACUUM_TYPES if not kind.startswith("lvs")} - {"not_applicable", "failed"}
    spanning = sum(counts.values()) - counts["unstabilised"] - counts["lvs_partial"]
    assert counts["undecided"] <= 0.2 * spanning
    assert all(
        VACUUM_TYPES[fine][0] == coarse for fine, coarse in zip(table["vacuum_type"], table["stability"], strict=True)
    )
    assert (table["failure_reason"] != "").tolist() == (table["vacuum_type"] == "undecided").tolist()


def stands_at_fifty_digits(geometry, row, with_hessian):
    """Assert that the true critical point is near the row's, has the proved signs, and at D = 0 is supersymmetric.

    It is found by Newton's method with the Hessian of float64. Near means within the published radius, in all a_p tau_p and
    a_p theta_p of some basis of rigid divisors.
    """
    n, kind, step = int(geometry["n_fields"]), row["vacuum_type"], mpmath.mpf("1e-14")
    space, _ = space_of(geometry)
    assert phases.enter_phase(space, row["kahler_parameters"])
    theory = theory_of(geometry, row, phases.classes_of(space))
    uplift, power = 3.0 * float(row["uplift_ratio"]), float(row["uplift_power"])
    exact = Exact(space.kappa.copy(), theory, uplift, power)
    jet = potential.new_jet(n, len(theory.rates))
    potential.derivatives(space.kappa, theory, uplift, power, row["kahler_parameters"], row["axions"], jet)
    turn = np.block([[np.eye(n), np.zeros((n, n))], [np.zeros((n, n)), jet.matrix]])  # from t and phi to t and theta
    with mpmath.workdps(50):
        start = [mpmath.mpf(x) for x in (*row["kahler_parameters"], *row["axions"])]
        point, last = start, 1.0
        for _ in range(12):
            gradient = np.array([float(x) for x in exact.gradient(point, step)])
            move = turn @ np.linalg.solve(jet.hessian, turn.T @ gradient)
            point, last = [x - mpmath.mpf(y) for x, y in zip(point, move, strict=True)], np.abs(move).max()
            if last < 1e-22:
                break
        assert last < 1e-22
        tau, _, y, w, d_w = exact.parts(point[:n], point[n:])
        before = exact.parts(start[:n], start[n:])[0]
        of_tau = [float(x - y) for x, y in zip(tau, before, strict=True)]
        of_theta = [float(x - y) for x, y in zip(point[n:], start[n:], strict=True)]
        value = exact.value(point[:n], point[n:])
        if kind == "ads_susy":
            assert abs(value / (-3 * abs(w) ** 2 / y**2) - 1) < mpmath.mpf("1e-20")
            assert max(abs(x) for x in d_w) < mpmath.mpf("1e-20")
        else:
            assert (value > 0) == (kind == "ds_minimum")
        if kind != "ads_susy" and with_hessian:
            _, hessian = exact.derivatives(point[:n], point[n:], step)
            assert all(x > 0 for x in mpmath.eigsy(hessian, eigvals_only=True))
    moved = theory.rates * np.maximum(np.abs(theory.classes @ of_tau), np.abs(theory.classes @ of_theta))
    assert np.linalg.matrix_rank(theory.classes[moved <= 1.01 * row["certificate_radius"]]) == n
    assert float(value) == pytest.approx(row["potential_scaled"] / row["volume"] ** 2, rel=1e-6)
    if kind != "ads_susy":
        scale = 1 / np.sqrt(np.diag(jet.hessian))
        assert np.linalg.eigvalsh(jet.hessian * scale * scale[:, None]).min() > 1e-8 and row["n_pos"] == 2 * n


def certified_points(features, *tables):
    """Rows with a certified vacuum, not at large volume, each with its row of features: of the kinds in turn."""
    found = {}
    for table in tables:
        for geometry, row in pairs(features, table):
            if row["certified"] and row["minimization_success"] and not row["vacuum_type"].startswith("lvs"):
                found.setdefault(row["vacuum_type"], []).append((geometry, row))
    return [pair for turn in zip_longest(*found.values()) for pair in turn if pair]


@pytest.mark.slow
def test_certified_points_stand_at_fifty_digits(features, table, supersymmetric):
    few = [pair for pair in certified_points(features, table, supersymmetric) if pair[0]["n_fields"] <= 3][:6]
    assert {row["vacuum_type"] for _, row in few} == {"ads_susy", "ads_nonsusy", "ds_minimum"}
    for geometry, row in few:
        stands_at_fifty_digits(geometry, row, with_hessian=True)


@pytest.mark.thorough
def test_two_hundred_certified_points_stand_at_fifty_digits():
    features = favourable(200, 2, 8, seed=2)
    tables = label(features, DRAWS), label(features, DRAWS, SEED, no_uplift_fraction=1.0)
    chosen = certified_points(features, *tables)[:200]
    assert len(chosen) == 200 and max(geometry["n_fields"] for geometry, _ in chosen) == 8
    for geometry, row in chosen:
        stands_at_fifty_digits(geometry, row, with_hessian=False)


def test_controlled_rows_hold_what_is_said(table):
    found = ~np.isnan(table["potential_value"])
    held = (
        (table["smallest_potent_curve"] > 1)
        & (table["instanton_shift"] < 0.1)
        & (np.abs(table["xi_ratio"]) < 0.1)
        & (table["exponent"] > 1)
    )
    assert (table["controlled"][found] == held[found]).all() and held.any()
    without = np.isin(table["vacuum_type"], ["unstabilised", "no_point"])
    assert table["controlled"][without].all()
    assert (table["smallest_two_cycle"] <= table["smallest_potent_curve"])[found].all()


def test_no_point_is_disproved_by_a_divisor(features, table):
    """Every vertex at leading order, found by brute force, has a toric divisor of volume <= 0."""
    checked = 0
    for geometry, row in pairs(features, table):
        if row["vacuum_type"] != "no_point":
            continue
        space, _ = space_of(geometry)
        theory = theory_of(geometry, row, phases.classes_of(space))
        n, log_flux = int(geometry["n_fields"]), np.log(10.0) * float(row["log10_flux"])
        bounds = (theory.logs + np.log(-2 * n * log_flux / 3)) / theory.rates
        found = 0
        for tau in _vertices(theory.classes, bounds):
            assert (theory.effective @ tau).min() <= 1e-9
            found += 1
        assert found >= row["n_candidates"] > 0
        checked += 1
    assert checked >= 3


def _vertices(matrix, bounds):
    from itertools import combinations

    n = matrix.shape[1]
    for chosen in map(list, combinations(range(len(matrix)), n)):
        if abs(np.linalg.det(matrix[chosen])) > 0.5:
            x = np.linalg.solve(matrix[chosen], bounds[chosen])
            if (matrix @ x >= bounds - 1e-9 * np.abs(bounds).max()).all():
                yield x


def solved(geometry, row, basis=None, order=None, matrix=None, start=None):
    """The row's label with the geometry in another basis of H^2, order of rays, basis of the lattice, or from another start."""
    rays = np.asarray(geometry["rays"], np.int64).reshape(-1, 4)
    order = np.arange(len(rays)) if order is None else order
    matrix = np.eye(4, dtype=np.int64) if matrix is None else matrix
    basis = geometry["basis"].astype(np.int64) if basis is None else basis
    place = np.argsort(order)
    heights = geometry["heights"].astype(np.int64)[order]
    moved = np.ascontiguousarray(rays[order] @ matrix)
    space, inside = phases.space_of(moved, heights, np.sort(place[basis]), phases.new_room())
    classes = phases.classes_of(space)
    theory = theory_of(geometry, row, classes[place])._replace(effective=classes)
    inside = inside if start is None else start(space, inside)
    euler = geometry["holomorphic_euler_characteristics"].astype(np.int64)[order]
    log_flux, uplift = np.log(10.0) * float(row["log10_flux"]), 3.0 * float(row["uplift_ratio"])
    return solve.solve_row(
        space, theory, euler, inside, log_flux, float(row["string_coupling"]), uplift, float(row["uplift_power"])
    )


def other_start(space, inside):
    """A class in another phase, where one is found."""
    rng = np.random.default_rng(3)
    for _ in range(30):
        t = inside / np.abs(inside).max() + 0.3 * rng.normal(size=len(inside))
        if phases.enter_phase(space, t) and t @ space.kappa @ t @ t > 0:
            return t
    return inside


@pytest.mark.parametrize(("geometries", "least"), [(15, 40), pytest.param(300, 1000, marks=pytest.mark.slow)])
def test_labels_do_not_depend_on_start_order_and_bases(geometries, least):
    """Where both runs decide, they find the same; only which paths leave the certified phases depends on the start."""
    rng, decided, features = np.random.default_rng(5), Counter(), favourable(geometries, 2, 8)
    for geometry, row in pairs(features, label(features, DRAWS)):
        if row["vacuum_type"] in ("unstabilised", "failed") or row["vacuum_type"].startswith("lvs"):
            continue
        rays = np.reshape(geometry["rays"], (-1, 4)).astype(np.int64)
        other = [
            p
            for p in (rng.choice(len(rays), len(rays) - 4, replace=False) for _ in range(40))
            if abs(round(np.linalg.det(rays[np.setdiff1d(np.arange(len(rays)), p)]))) == 1
        ]
        shear = np.eye(4, dtype=np.int64)
        shear[0, 1:], shear[2, 3] = (1, -2, 1), 3
        for what, arguments in {
            "basis": {"basis": np.sort(other[0])} if other else None,
            "order": {"order": rng.permutation(len(rays)), "matrix": shear},
            "start": {"start": other_start},
        }.items():
            if arguments is None:
                continue
            again = solved(geometry, row, **arguments)
            kind = again.vacuum_type
            if "undecided" in (kind, row["vacuum_type"]):
                decided[what, "undecided"] += kind != row["vacuum_type"]
                continue
            if row["n_distinct_minima"] != again.n_vacua:
                decided[what, "other number found"] += 1
                continue
            assert kind == row["vacuum_type"], what
            if row["minimization_success"]:
                assert again.volume == pytest.approx(row["volume"], rel=1e-8)
                assert again.potential == pytest.approx(row["potential_scaled"] / row["volume"] ** 2, rel=1e-5)
            if row["minimization_success"] and not row["is_extended"]:
                assert again.potent == pytest.approx(row["smallest_potent_curve"], rel=1e-7)
                assert again.shift == pytest.approx(row["instanton_shift"], rel=1e-6, abs=1e-12), what
            decided[what] += 1
    kinds = ("basis", "order", "start")
    assert sum(decided[what] for what in kinds) >= least, decided
    for what in kinds:
        assert decided[what] >= least / 5, decided
        assert decided[what, "undecided"] + decided[what, "other number found"] <= 0.1 * decided[what], decided


def test_labels_do_not_depend_on_the_batch(features, table):
    alone = label(take(features, np.array([7])), DRAWS)
    for name, column in rows_of(alone)[1].items():
        np.testing.assert_array_equal(column, rows_of(table)[7 * DRAWS + 1][name])


def test_what_decides_is_a_function_of_the_row(table):
    oracle = MODEL.oracle
    found = oracle.of({name: table[name] for name in oracle.reads(FAMILIES["ks"])})
    assert found.shape == (len(table["volume"]), len(oracle.names)) and np.isfinite(found).all()
    there, lifted = ~np.isnan(table["volume"]), table["uplift_ratio"] > 0
    assert (found[~there, 2:] == 0).all() and (found[there & ~lifted, 4] == -99).all()
    relative = table["uplift_ratio"].astype(float) * table["volume"] ** (2 / 3)
    assert found[there & lifted, 4] == pytest.approx(np.log10(relative[there & lifted]))
    lowest = found[table["vacuum_type"] == "ds_minimum", 4].min()
    assert lowest > np.median(found[table["vacuum_type"] == "ads_nonsusy", 4])


def labels_hash(features):
    """Hashes of the label tables of pickled features: as drawn, and where there are large-volume vacua."""
    few = pickle.loads(features.read_bytes())
    tables = label(few, DRAWS), label(few, DRAWS, **LARGE_VOLUME)
    assert np.char.startswith(tables[1]["vacuum_type"], "lvs").any()
    return "".join(content_sha256(table) for table in tables)


@pytest.mark.slow
def test_code_for_a_generic_processor_gives_the_same_bytes(features, tmp_path, generic_processor):
    few = tmp_path / "features"
    few.write_bytes(pickle.dumps(take(features, np.arange(30))))
    script = f"import pathlib, runpy; print(runpy.run_path({__file__!r})['labels_hash'](pathlib.Path({str(few)!r})))"
    run = subprocess.run([sys.executable, "-c", script], env=generic_processor, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split()[-1] == labels_hash(few)


USED = """
import pathlib, pickle, sys
from vacuagym.models.kklt import labels

def used():
    found = [vars(module) for name, module in sys.modules.items() if name.startswith("vacuagym.models.kklt")]
    return [len(value.overloads) for names in found for value in names.values() if hasattr(value, "overloads")]

labels.use_all()
before = used()
sys.path.insert(0, {folder!r})
from kklt_theories import LARGE_VOLUME, label
features = pickle.loads(pathlib.Path({features!r}).read_bytes())
found = label(features, 3)
assert any(kind.startswith("lvs") for kind in label(features, 3, **LARGE_VOLUME)["vacuum_type"])
assert set(found["stability"]) >= {{"stable", "metastable", "unstable", "runaway", "marginal"}}
assert sum(before) > 20 and used() == before, (before, used())
"""


def test_one_example_uses_all_compiled_code(features, tmp_path):
    """What a label needs is compiled by then, so that a job that labels compiles nothing."""
    few = tmp_path / "features"
    few.write_bytes(pickle.dumps(features))
    script = USED.format(folder=str(Path(__file__).parent), features=str(few))
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_geometries_to_which_the_model_does_not_apply(features):
    few = take(features, np.array([0, 1, 2]))
    few["is_truncated"] = np.array([False, True, False])
    table = label(few, 2)
    without = label(take(few, np.array([0, 2])), 2)
    assert table["stability"][2:4].tolist() == ["not_applicable"] * 2
    assert table["failure_reason"][2:4].tolist() == [labels.NOT_APPLICABLE] * 2
    assert not table["controlled"][2:4].any() and not table["certified"][2:4].any()
    assert [str(row) for row in rows_of(without)] == [str(rows_of(table)[k]) for k in (0, 1, 4, 5)]
    assert set(label(few, 1, max_moduli=1)["stability"]) == {"not_applicable"}


def test_families_without_toric_threefolds_are_refused():
    for family in FAMILIES.values():
        if family.is_toric:
            assert "rays" in MODEL.reads(family)
        else:
            with pytest.raises(InputError, match="no toric hypersurfaces"):
                MODEL.reads(family)


def test_condensates_sit_on_the_fixed_divisors(features, table):
    """c_p = 6 on the rigid divisors whose ray is that of the reflected coordinate modulo 2, c_p = 1 on the other rigid ones."""
    sixes = 0
    for geometry, row in pairs(features, table):
        rays = np.reshape(geometry["rays"], (-1, 4)) % 2
        rigid = geometry["holomorphic_euler_characteristics"] == 1
        assert ((row["condensates"] != 0) == rigid).all()
        six = np.flatnonzero(row["condensates"] == 6)
        sixes += len(six)
        for p in six:
            assert (row["condensates"][rigid & (rays == rays[p]).all(axis=1)] == 6).all()
            assert (rays[six] == rays[p]).all()
    assert sixes > 20


def test_points_solve_the_equations_of_the_published_columns(features, supersymmetric):
    """V = -3 e^K |W|^2 to 1e-10 where there is no uplift, and the row's numbers follow from its couplings and kappa."""
    checked = 0
    for geometry, row in pairs(features, supersymmetric):
        if row["vacuum_type"] != "ads_susy" or row["n_flops"]:
            continue
        kappa, t = dense_kappa(geometry), row["kahler_parameters"]
        space, _ = space_of(geometry)
        theory = theory_of(geometry, row, phases.classes_of(space))
        tau = np.einsum("ijk,j,k->i", kappa, t, t) / 2
        terms = np.empty(len(theory.rates), complex)
        points.exponentials(theory, tau, row["axions"], terms)
        volume = tau @ t / 3
        y, w = volume + theory.xi / 2, 1 + terms.sum()
        assert volume == pytest.approx(row["volume"], rel=1e-12)
        assert row["potential_scaled"] == pytest.approx(-3 * abs(w) ** 2 * (volume / y) ** 2, rel=1e-10)
        broken = (theory.rates * terms) @ theory.classes + t * w / (2 * y)
        assert np.abs(broken).max() < 1e-10 * np.abs(t).max() / y
        checked += 1
    assert checked >= 3
