"""Whether four-cycles of given proportions exist: against brute force, the certificates, and the shares of a study."""

from itertools import permutations

import numpy as np
import pytest

from vacuagym.geometry import FAMILIES
from vacuagym.models.supergravity.existence import decide
from vacuagym.tables.arrays import take

RANKS = np.log([10.0, 50.0])  # of the study: N_i log-uniform, tau proportional to them


@pytest.fixture(scope="module")
def favourable():
    """kappa (n, n, n) of favourable CICYs, by n: up to 40 each."""
    family, found = FAMILIES["cicy3"], {}
    geometries = family.functions.generate()
    for n in (2, 3, 4, 6):
        rows = np.flatnonzero(geometries["n_factors"] == n)
        features = family.functions.features(take(geometries, rows[:: max(1, len(rows) // 60)]))
        kept = np.flatnonzero(features["is_favourable"])[:40]
        found[n] = [dense(features, row) for row in kept]
    return found


def dense(features, row):
    n = features["n_fields"][row]
    indices, numbers = features["triple_intersection_indices"], features["triple_intersection_numbers"]
    triples = indices.values[indices.offsets[row] : indices.offsets[row + 1]].reshape(-1, 3)
    kappa = np.zeros((n, n, n))
    for order in permutations(range(3)):
        kappa[tuple(triples[:, order].T)] = numbers.values[numbers.offsets[row] : numbers.offsets[row + 1]]
    return kappa


def decided(kappa, rng):
    n = len(kappa)
    tau = np.exp(rng.uniform(*RANKS, n))
    return tau, decide(kappa, np.eye(n), np.ones(n), tau)


def test_two_moduli_by_brute_force(favourable):
    rng, t = np.random.default_rng(1), np.stack([np.exp(np.linspace(-30, 30, 20_001)), np.ones(20_001)])
    answers = []
    for kappa in favourable[2]:
        ratios = np.divide(*np.einsum("ijk,jx,kx->ix", kappa, t, t))
        for _ in range(5):
            tau, answer = decided(kappa, rng)
            assert answer.exists == (ratios.min() < tau[0] / tau[1] < ratios.max())
            answers.append(answer.exists)
    assert 0.3 < np.mean(answers) < 0.8


def test_certificates(favourable):
    """A point has tau(t) proportional to tau*. Multipliers are positive where curves vanish: no other point can have."""
    rng = np.random.default_rng(2)
    for kappas in favourable.values():
        for kappa in kappas:
            tau, answer = decided(kappa, rng)
            four_cycles = 0.5 * kappa @ answer.point @ answer.point
            assert (answer.point > 0).all() and answer.residual < 1e-8
            if answer.exists:
                assert four_cycles / four_cycles.sum() == pytest.approx(tau / tau.sum(), rel=1e-9)
                assert not answer.multipliers.any()
            else:
                gradient = tau / tau.mean() - four_cycles / (four_cycles @ answer.point / 3)
                assert gradient == pytest.approx(answer.multipliers, abs=1e-8) and gradient.max() > 1e-5
                assert (answer.multipliers * answer.point).max() < 1e-10  # complementary


def test_shares_fall_with_the_number_of_moduli(favourable):
    rng = np.random.default_rng(3)
    shares = {
        n: np.mean([decided(kappa, rng)[1].exists for kappa in kappas for _ in range(5)])
        for n, kappas in favourable.items()
    }
    assert shares[2] > shares[3] > shares[4] > shares[6]
    assert shares[6] < 0.06


def test_another_basis_gives_the_same_answer(favourable):
    rng = np.random.default_rng(4)
    change = np.array([[1.0, 0.0, 0.0], [2.0, 1.0, 0.0], [1.0, 3.0, 1.0]])  # t = change @ t', tau' = change.T @ tau
    for kappa in favourable[3]:
        tau, answer = decided(kappa, rng)
        other = np.einsum("ijk,ia,jb,kc->abc", kappa, change, change, change)
        again = decide(other, change, np.linalg.solve(change, np.ones(3)), change.T @ tau)
        assert again.exists == answer.exists
        assert change @ again.point * (answer.point.sum() / (change @ again.point).sum()) == pytest.approx(
            answer.point, rel=1e-6, abs=1e-9
        )
