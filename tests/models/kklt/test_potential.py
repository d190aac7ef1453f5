"""V, its derivatives and masses: against 50 digits, and against the textbook."""

import sys
from pathlib import Path

import mpmath
import numpy as np
import pytest

from vacuagym.models.kklt import phases, points, potential, proof, solve, uplift

sys.path.insert(0, str(Path(__file__).parent))
from kklt_theories import Exact, favourable, rows_of, space_of


@pytest.mark.parametrize("n", [2, 3])
def test_derivatives_against_fifty_digits(n):
    rng = np.random.default_rng(n)
    row = rows_of(favourable(3, n, n))[2]
    space, t = space_of(row)
    phases.enter_phase(space, t)
    t = 3.0 * t / np.abs(t).max()
    classes = phases.classes_of(space)
    terms = rng.choice(len(classes), n + 2, replace=False)
    matrix, tau, theta = np.empty((n, n)), np.empty(n), rng.normal(size=n)
    points.geometry_at(space.kappa, t, matrix, tau)
    rates = 2 * np.pi / rng.choice([1.0, 6.0], n + 2)
    logs = rates * (classes[terms] @ tau) + rng.normal(size=n + 2) - 1.0
    theory = points.Theory(classes[terms], classes, rates, logs, rng.uniform(0, 6, n + 2), 0.3 * rng.normal())
    jet = potential.new_jet(n, n + 2)
    potential.derivatives(space.kappa, theory, 0.7, 4 / 3, t, theta, jet)
    exact = Exact(space.kappa, theory, 0.7, 4 / 3)
    with mpmath.workdps(50):
        point = [mpmath.mpf(x) for x in t], [mpmath.mpf(x) for x in theta]
        gradient, hessian = exact.derivatives(*point, mpmath.mpf("1e-12"))
        value = exact.value(*point)
    turn = np.block([[np.eye(n), np.zeros((n, n))], [np.zeros((n, n)), matrix]])  # from t and phi to t and theta
    gradient = turn.T @ np.array(gradient.tolist(), float).ravel()
    hessian = turn.T @ np.array(hessian.tolist(), float) @ turn
    assert jet.numbers[0] + jet.numbers[1] == pytest.approx(float(value), rel=1e-10)
    assert np.abs(jet.gradient - gradient).max() < 1e-9 * np.abs(gradient).max()
    assert np.abs(jet.hessian - hessian).max() < 1e-9 * np.abs(hessian).max()


def one_modulus():
    """The KKLT example W0 = -1e-4, A = 1, a = 0.1 on a threefold with kappa = 6, where K = -2 ln t^3."""
    one, kappa = np.ones((1, 1)), np.full((1, 1, 1), 6.0)
    return kappa, points.Theory(one, one, np.array([0.1]), np.array([np.log(1e4)]), np.array([np.pi]), 0.0)


def test_textbook_vacuum():
    """hep-th/0301240: sigma, V and masses; K = -3 ln(T + Tbar) there, so that V is larger by 36 kappa here."""
    kappa, theory = one_modulus()
    sigma = 113.589124073558
    jet = potential.new_jet(1, 1)
    t = np.array([np.sqrt(2 * sigma / 6.0)])
    potential.derivatives(kappa, theory, 0.0, 4 / 3, t, np.zeros(1), jet)
    value = jet.numbers[0]
    assert value * 1e-8 / (36 * 6) == pytest.approx(-1.99657689577396e-15, rel=1e-12)
    assert abs(t[0] * jet.gradient[0] / value) < 1e-9
    masses = np.array(solve.masses(jet)) * -3.0 / value
    assert masses == pytest.approx([584.2530, 633.6887], rel=1e-6)


def test_textbook_uplift():
    """The dS minimum at D = 3e-9 / sigma^3 has sigma = 114.894 and V = 1.7665e-17; there is none above 7.86124349e-9."""
    kappa, theory = one_modulus()
    jet = potential.new_jet(1, 1)
    # sigma = 3 t^2 and 36 kappa = 216, so D / sigma^3 is D' / volume^2 with D' = 216 D / 27, in units of W0^2
    unit = 216.0 / 27.0 / 1e-8
    space = one_space(kappa)
    t, theta = np.array([np.sqrt(2 * 113.589124073558 / 6.0)]), np.zeros(1)
    status, reached = uplift.raise_uplift(space, theory, 3e-9 * unit, 2.0, t, theta, jet)
    potential.derivatives(kappa, theory, reached, 2.0, t, theta, jet)
    assert status == points.FOUND and 3 * t[0] ** 2 == pytest.approx(114.894, abs=1e-3)
    assert (jet.numbers[0] + jet.numbers[1]) * 1e-8 / 216 == pytest.approx(1.7665e-17, rel=1e-4)
    for factor, expected in ((0.9999, points.FOUND), (1.0001, uplift.ENDED)):
        t, theta = np.array([np.sqrt(2 * 113.589124073558 / 6.0)]), np.zeros(1)
        assert uplift.raise_uplift(space, theory, factor * 7.86124349e-9 * unit, 2.0, t, theta, jet)[0] == expected


def one_space(kappa):
    """A `Space` with one class whose phase in use has no walls."""
    row = rows_of(favourable(1, 2, 2))[0]
    space, _ = space_of(row)
    space.fan.sizes[3] = 0
    return space._replace(kappa=kappa, basis=space.basis[:1], sizes=np.array([5, 0, phases.HYPERSURFACE]))


def test_balls_hold_the_values_of_fifty_digits():
    """The enclosures of V, gradient and Hessian round a point, each compared with the values at points of the box."""
    row = rows_of(favourable(3, 3, 3))[1]
    space, t = space_of(row)
    phases.enter_phase(space, t)
    t = 3.0 * t / np.abs(t).max()
    classes = phases.classes_of(space)
    matrix, tau = np.empty((3, 3)), np.empty(3)
    points.geometry_at(space.kappa, t, matrix, tau)
    subset = np.arange(3)
    rates = np.full(4, 2 * np.pi)
    theory = points.Theory(
        classes[[*space.basis, 0]],
        classes,
        rates,
        rates * (classes[[*space.basis, 0]] @ tau) - 1.0,
        np.arange(4.0),
        0.2,
    )
    theta = np.array([0.1, -0.2, 0.3])
    frame, jet = proof.adapt(space.kappa, theory, subset, t, theta), proof._ball_jet(3, 4)
    width = 1e-6
    y, terms = proof._widen(frame, width, jet)
    potential.fill_jet(frame.kappa, frame.charges, theory.xi, terms, 0.5, 4 / 3, y, jet)
    rng = np.random.default_rng(2)
    for _ in range(3):
        moved = width * rng.uniform(-1, 1, (2, 3))
        point = t + frame.basis @ moved[0], theta + matrix @ (frame.basis @ moved[1])
        exact = potential.new_jet(3, 4)
        potential.derivatives(space.kappa, theory, 0.5, 4 / 3, *point, exact)
        there = np.empty((3, 3))
        points.geometry_at(space.kappa, point[0], there, tau)
        # derivatives by phi are by theta = kappa_ij phi^j with kappa_ij at the centre of the box
        turn = np.block(
            [[frame.basis, np.zeros((3, 3))], [np.zeros((3, 3)), np.linalg.solve(there, matrix @ frame.basis)]]
        )
        for enclosed, value in (
            (jet.gradient, turn.T @ exact.gradient),
            (jet.numbers, exact.numbers),
        ):
            assert (np.abs(enclosed.centre.real - value) <= enclosed.radius).all()
        block = (turn.T @ exact.hessian @ turn)[:3, :3]
        assert (np.abs(jet.hessian.centre.real[:3, :3] - block) <= jet.hessian.radius[:3, :3]).all()
        block = (turn.T @ exact.hessian @ turn)[3:, 3:]
        assert (np.abs(jet.hessian.centre.real[3:, 3:] - block) <= jet.hessian.radius[3:, 3:]).all()
    assert jet.hessian.radius.max() < 1e-2 * np.abs(jet.hessian.centre).max()
