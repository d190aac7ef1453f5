"""Labels: proved points, honest classes, and bytes that depend on nothing but geometry, seed and model."""

import mpmath
import numpy as np
import pytest

from vacuagym.geometry import FAMILIES
from vacuagym.models import labeller
from vacuagym.models.toy_eft import labels as labelling
from vacuagym.models.toy_eft import potential
from vacuagym.models.toy_eft.labels import Solver
from vacuagym.models.toy_eft.search import CONVERGED, NEWTON
from vacuagym.tables.arrays import Ragged, n_rows, take

N_DRAWS, N_STARTS = 3, 3


def labels(ids, n_moduli, dataset="ks", seed=7, n_draws=N_DRAWS):
    features = {"geometry_id": np.asarray(ids), "geometry_key": np.asarray(ids), "n_moduli": np.asarray(n_moduli)}
    model = labeller({"name": "toy_eft", "draws": n_draws, "starts": N_STARTS}, seed)
    return labelling.label(model.values, seed, FAMILIES[dataset], features, n_draws, N_STARTS)


def sizes(ids):
    """Numbers of moduli from 2 to 16."""
    return 2 + np.asarray(ids) % 15


@pytest.fixture(scope="module")
def batch():
    ids = np.arange(400)
    return labels(ids, sizes(ids))


def same(a, b):
    def equal(x, y):
        return np.array_equal(x, y, equal_nan=x.dtype.kind == "f")

    for name, column in a.items():
        if isinstance(column, Ragged):
            assert equal(column.values, b[name].values) and equal(column.offsets, b[name].offsets), name
        else:
            assert equal(column, b[name]), name


def test_a_geometry_alone_has_the_label_it_has_in_a_batch(batch):
    for g in (0, 17, 399):
        alone = labels([g], [sizes(g)])
        same(alone, take(batch, np.arange(g * N_DRAWS, (g + 1) * N_DRAWS)))


def test_the_order_of_a_batch_does_not_matter(batch):
    order = np.random.default_rng(0).permutation(400)
    rows = (order[:, None] * N_DRAWS + np.arange(N_DRAWS)).ravel()
    same(labels(order, sizes(order)), take(batch, rows))


def test_the_key_of_a_geometry_alone_decides_its_draws(batch):
    keys = np.arange(20)
    features = {"geometry_id": keys + 5_000, "geometry_key": keys, "n_moduli": sizes(keys)}
    model = labeller({"name": "toy_eft", "draws": N_DRAWS, "starts": N_STARTS}, 7)
    elsewhere = labelling.label(model.values, 7, FAMILIES["ks"], features, N_DRAWS, N_STARTS)
    there = take(batch, np.arange(20 * N_DRAWS))
    same({name: column for name, column in elsewhere.items() if name != "geometry_id"}, there)
    other = labelling.label(
        model.values, 7, FAMILIES["ks"], features | {"geometry_key": keys + 5_000}, N_DRAWS, N_STARTS
    )
    assert np.isin(other["mass"].values, there["mass"].values).mean() < 0.01


def test_the_size_of_blocks_does_not_matter(batch, monkeypatch):
    monkeypatch.setattr(labelling, "BLOCK_ROWS", 5)
    same(labels(np.arange(400), sizes(np.arange(400))), batch)


def test_more_draws_keep_the_first_ones(batch):
    ids = np.arange(50)
    fewer = labels(ids, sizes(ids), n_draws=N_DRAWS - 1)
    same(fewer, take(batch, np.flatnonzero((batch["geometry_id"] < 50) & (batch["sample"] < N_DRAWS - 1))))


def test_seed_and_dataset_matter(batch):
    ids = np.arange(20)
    for other in (labels(ids, sizes(ids), seed=8), labels(ids, sizes(ids), dataset="fth6d")):
        assert np.isin(other["mass"].values, batch["mass"].values).mean() < 0.01  # single precision: a few meet


def couplings_of(row):
    scalars = [column[0] for name, column in row.items() if name in SCALARS]
    n = int(row["n_variables"][0])
    mixing = row["mixing"].values if len(row["mixing"].values) else np.zeros(n * (n + 1) // 2)
    return np.concatenate([scalars, row["tilt"].values, row["mass"].values, mixing]).astype(np.float64)


SCALARS = ("instanton_amplitude", "instanton_rate", "uplift", "uplift_power", "quartic", "softening", "shift")


def check_certificates(table, rows):
    """Near each certified point, in 50 digits: a root of the gradient within the radius, with the stated inertia."""
    for i in rows:
        row = take(table, np.array([i]))
        n, x = int(row["n_variables"][0]), mpmath.matrix(row["critical_point"].values.tolist())
        with mpmath.workdps(50):
            gradient_and_hessian = exact_derivatives(couplings_of(row), n)
            y, step = x, mpmath.matrix([1])
            while mpmath.norm(step) > mpmath.mpf(10) ** -20:  # Newton's method doubles the digits
                gradient, hessian = gradient_and_hessian(y)
                step = mpmath.lu_solve(hessian, gradient)
                y = y - step
            gradient, hessian = gradient_and_hessian(y)
            assert mpmath.norm(gradient) < mpmath.mpf(10) ** -30
            assert mpmath.norm(y - x) <= row["certificate_radius"][0]
            gap = mpmath.mpf(float(row["min_abs_eigenvalue_bound"][0]))
            assert gap > 0
            # no eigenvalue in [-gap, gap], and as many below as the row says
            assert negative_pivots(hessian + gap * mpmath.eye(n)) == row["n_neg"][0]
            assert negative_pivots(hessian - gap * mpmath.eye(n)) == row["n_neg"][0]


def negative_pivots(matrix):
    """Number of negative eigenvalues of a symmetric matrix: its negative pivots (Sylvester's law of inertia)."""
    matrix, n, count = matrix.copy(), matrix.rows, 0
    for k in range(n):
        count += matrix[k, k] < 0
        for i in range(k + 1, n):
            factor = matrix[i, k] / matrix[k, k]
            for j in range(k + 1, i + 1):
                matrix[i, j] -= factor * matrix[j, k]
    return count


def exact_derivatives(c, n):
    """Gradient and Hessian of the toy potential, written from its formula in multi-precision arithmetic."""
    amplitude, rate, uplift, power, quartic, softening, shift = map(mpmath.mpf, c[:7].tolist())
    tilt, mass, mixing = c[7 : 7 + n].tolist(), c[7 + n : 7 + 2 * n].tolist(), c[7 + 2 * n :].tolist()

    def at(y):
        s = [mpmath.sqrt(v * v + softening) for v in y]
        e = amplitude * mpmath.exp(-rate * sum(s))
        t = 1 + sum(v * v for v in y)
        up1 = -2 * power * uplift * t ** (-power - 1)
        up2 = 4 * power * (power + 1) * uplift * t ** (-power - 2)
        gradient, hessian = mpmath.matrix(n, 1), mpmath.matrix(n, n)
        for i in range(n):
            gradient[i] = 2 * (mpmath.mpf(mass[i]) ** 2 + shift) * y[i] + tilt[i] + 4 * quartic * y[i] ** 3
            gradient[i] += e * rate * y[i] / s[i] + up1 * y[i]
            hessian[i, i] += 2 * (mpmath.mpf(mass[i]) ** 2 + shift) + 12 * quartic * y[i] ** 2
            hessian[i, i] += e * rate * softening / s[i] ** 3 + up1
            for j in range(n):
                entry = 2 * mpmath.mpf(mixing[max(i, j) * (max(i, j) + 1) // 2 + min(i, j)])
                gradient[i] += entry * y[j]
                hessian[i, j] += entry + up2 * y[i] * y[j] - e * rate**2 * y[i] * y[j] / (s[i] * s[j])
        return gradient, hessian

    return at


def test_certificates_hold(batch):
    certified = np.flatnonzero(batch["certified"])
    check_certificates(batch, certified[:: max(1, len(certified) // 40)])


@pytest.mark.slow
def test_a_thousand_certificates_hold(batch):
    certified = np.flatnonzero(batch["certified"])
    assert len(certified) >= 1000
    check_certificates(batch, certified)


@pytest.mark.parametrize("bad", [0, -4, np.nan])
def test_a_geometry_without_moduli_fails_with_its_reason_and_spoils_no_other(batch, bad):
    poisoned = labels(np.arange(3), np.array([2.0, bad, 4.0]))
    assert n_rows(poisoned) == 9
    assert poisoned["stability"][3:6].tolist() == ["failed"] * 3
    assert poisoned["failure_reason"].tolist() == [""] * 3 + [labelling.BAD_SIZE] * 3 + [""] * 3
    same(take(poisoned, np.r_[0:3, 6:9]), take(batch, np.r_[0:3, 6:9]))


def test_no_runaway_row_has_a_minimum_where_newton_leads_from_the_symmetric_point(batch):
    """Checked from the published couplings with numpy's spectrum; the descents alone would miss these minima."""
    without_minimum = np.flatnonzero(~batch["minimization_success"])
    kept = without_minimum[batch["stability"][without_minimum] == "metastable"]
    assert len(kept) > 20  # rows whose only minimum is the reference's
    for i in kept[:40]:
        row = take(batch, np.array([i]))
        c, n = couplings_of(row), int(row["n_variables"][0])
        assert row["certified"][0] and row["n_pos"][0] == n
        gradient, hessian = derivatives(c, row["critical_point"].values)
        assert np.linalg.norm(gradient) < 1e-6 and np.linalg.eigvalsh(hessian)[0] > 0
    for i in np.flatnonzero(batch["stability"] == "runaway"):
        row = take(batch, np.array([i]))
        c, n = couplings_of(row), int(row["n_variables"][0])
        solver = Solver(potential, n)
        point, _, outcome, _ = solver.search(NEWTON, c[None], np.zeros(1, np.int64), np.zeros((1, n)))
        if outcome[0] == CONVERGED:
            _, hessian = derivatives(c, point[0])
            assert np.linalg.eigvalsh(hessian)[0] < 0, i


def derivatives(c, x):
    n = len(x)
    state = np.concatenate([x, np.zeros(n)])
    gradient, hessian = np.zeros(n), np.zeros((n, n))
    potential.reset(n, c, state)
    potential.derivatives(n, c, state, gradient, hessian, np.zeros(2 * n))
    return gradient, np.tril(hessian) + np.tril(hessian, -1).T
