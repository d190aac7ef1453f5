"""Factorisations and eigenvalues against LAPACK."""

import numpy as np
import pytest

from vacuagym.numerics.compiled import njit
from vacuagym.numerics.linalg import (
    counts_below,
    factor,
    multiply,
    quadratic_form,
    solve,
    spectrum_edges,
    tridiagonalise,
)

SIZES = [1, 2, 3, 4, 5, 8, 9, 16, 32]


@njit
def compiled_factor(matrix, floor, positive):
    return factor(len(matrix), matrix, np.empty((2, len(matrix))), floor, positive)


@njit
def compiled_solve(factors, x):
    solve(len(x), factors, x)
    return x


@njit
def compiled_products(matrix, factors, x):
    product = np.empty_like(x)
    multiply(len(x), matrix, x, product)
    return product, quadratic_form(len(x), factors, x)


@njit
def compiled_spectrum(matrix, points):
    n = len(matrix)
    diagonal, squares, v, p = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    tridiagonalise(n, matrix, diagonal, squares, v, p)
    smallest, largest, nearest, norm = spectrum_edges(n, diagonal, squares)
    a, b, c, d = points / norm
    return (smallest, largest, nearest), norm, counts_below(n, diagonal, squares, (a, b, c, d))


def symmetric(n, seed):
    matrix = np.random.default_rng(seed).normal(size=(n, n))
    return matrix + matrix.T + np.diag(np.linspace(-3, 3, n) * n)


def lower(matrix):
    """The lower triangle, with rubbish above it: nothing may read that."""
    return np.where(np.tri(len(matrix), dtype=bool), matrix, np.nan)


def rebuilt(factors):
    unit = np.tril(factors, -1) + np.eye(len(factors))
    return unit @ np.diag(np.diag(factors)) @ unit.T


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("seed", range(3))
def test_factors_solve_and_count(n, seed):
    matrix = symmetric(n, seed)
    factors = lower(matrix)
    n_negative = compiled_factor(factors, 1e-300, False)
    assert n_negative == np.count_nonzero(np.linalg.eigvalsh(matrix) < 0)
    growth = np.abs(factors[np.tri(n, dtype=bool)]).max() ** 2 * np.abs(np.diag(factors)).max()
    np.testing.assert_allclose(rebuilt(np.nan_to_num(factors)), matrix, atol=1e-14 * n * (1 + growth))
    x = np.linspace(1, 2, n)
    scale = np.linalg.cond(matrix) * (1 + growth)
    np.testing.assert_allclose(compiled_solve(factors, x.copy()), np.linalg.solve(matrix, x), atol=1e-14 * scale)
    product, form = compiled_products(lower(matrix), factors, x)
    np.testing.assert_allclose(product, matrix @ x, rtol=1e-12, atol=1e-11)
    assert form == pytest.approx(x @ matrix @ x, rel=1e-9, abs=1e-12 * (1 + growth))


@pytest.mark.parametrize("n", SIZES)
def test_modified_factors_are_positive_definite(n):
    matrix = symmetric(n, 7)
    factors = lower(matrix)
    n_negative = compiled_factor(factors, 0.0, True)
    assert np.linalg.eigvalsh(rebuilt(np.nan_to_num(factors))).min() > 0
    assert (n_negative > 0) == (np.linalg.eigvalsh(matrix).min() < 0)


def test_pivots_are_kept_above_the_floor():
    for positive, third in ((False, -3.0), (True, 3.0)):
        factors = lower(np.diag([2.0, -1e-12, -3.0, 0.0]))
        assert compiled_factor(factors, 1e-8, positive) == 1  # the tiny one is not counted
        assert np.diag(factors).tolist() == [2.0, 1e-8, third, 1e-8]


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("shift", [0.0, 20.0, -100.0, 1000.0])
def test_edges_of_the_spectrum_and_counts(n, shift):
    matrix = symmetric(n, 11) + shift * np.eye(n)
    true = np.linalg.eigvalsh(matrix)
    points = shift + np.array([-1.3, 0.0, 2.7, 9.1])
    edges, norm, below = compiled_spectrum(lower(matrix), points)
    assert edges == pytest.approx((true[0], true[-1], np.abs(true).min()), abs=1e-12 * norm)
    assert norm >= np.abs(true).max()
    assert list(below) == [np.count_nonzero(true < x) for x in points]


@pytest.mark.parametrize(
    "spectrum", [[3.0] * 5, [0.0] * 4, [0.0, 0.0, 5.0, -2.0], [1e-8, 1e4, -1e-9, 2.0], [0.0], [1e-8] * 30 + [1.0, -1.0]]
)
def test_diagonal_matrices_fall_into_blocks(spectrum):
    """Multiples of the identity, zeros, and a range as wide as a cusp's."""
    edges, norm, below = compiled_spectrum(lower(np.diag(spectrum)), np.array([-1e9, 1e9, -0.5, 0.5]))
    spectrum = np.array(spectrum)
    assert edges == pytest.approx((spectrum.min(), spectrum.max(), np.abs(spectrum).min()), abs=1e-12 * norm)
    assert list(below) == [np.count_nonzero(spectrum < x) for x in (-1e9, 1e9, -0.5, 0.5)]
