"""Factorisations and eigenvalues against LAPACK."""

import numpy as np
import pytest
from numba import njit

from vacuagym.engine.linalg import (
    count_below,
    extreme_eigenvalues,
    factor,
    invert,
    multiply,
    quadratic_form,
    solve,
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
def compiled_invert(factors):
    inverse = np.empty_like(factors)
    invert(len(factors), factors, inverse, np.empty(len(factors)))
    return inverse


@njit
def compiled_products(matrix, factors, x):
    product = np.empty_like(x)
    multiply(len(x), matrix, x, product)
    return product, quadratic_form(len(x), factors, x)


@njit
def compiled_spectrum(matrix, x):
    n = len(matrix)
    diagonal, squares, v, p = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    tridiagonalise(n, matrix, diagonal, squares, v, p)
    low, high, norm = extreme_eigenvalues(n, diagonal, squares)
    return low, high, norm, count_below(n, diagonal, squares, x, 1.0 / norm)


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
    n_negative, n_tiny = compiled_factor(factors, 1e-300, False)
    assert n_negative == np.count_nonzero(np.linalg.eigvalsh(matrix) < 0)
    assert n_tiny == 0
    growth = np.abs(factors[np.tri(n, dtype=bool)]).max() ** 2 * np.abs(np.diag(factors)).max()
    np.testing.assert_allclose(rebuilt(np.nan_to_num(factors)), matrix, atol=1e-14 * n * (1 + growth))
    x = np.linspace(1, 2, n)
    scale = np.linalg.cond(matrix) * (1 + growth)
    np.testing.assert_allclose(compiled_solve(factors, x.copy()), np.linalg.solve(matrix, x), atol=1e-14 * scale)
    np.testing.assert_allclose(compiled_invert(factors), np.linalg.inv(matrix), atol=1e-14 * scale)
    product, form = compiled_products(lower(matrix), factors, x)
    np.testing.assert_allclose(product, matrix @ x, rtol=1e-12, atol=1e-11)
    assert form == pytest.approx(x @ matrix @ x, rel=1e-9, abs=1e-12 * (1 + growth))


@pytest.mark.parametrize("n", SIZES)
def test_modified_factors_are_positive_definite(n):
    matrix = symmetric(n, 7)
    factors = lower(matrix)
    n_negative, _ = compiled_factor(factors, 0.0, True)
    assert np.linalg.eigvalsh(rebuilt(np.nan_to_num(factors))).min() > 0
    assert (n_negative > 0) == (np.linalg.eigvalsh(matrix).min() < 0)


def test_pivots_are_kept_above_the_floor():
    factors = lower(np.diag([2.0, 1e-12, -3.0, 0.0]))
    assert compiled_factor(factors, 1e-8, False) == (1, 2)
    assert np.diag(factors).tolist() == [2.0, 1e-8, -3.0, 1e-8]


@pytest.mark.parametrize("n", SIZES)
def test_extreme_eigenvalues_and_counts(n):
    matrix = symmetric(n, 11)
    true = np.linalg.eigvalsh(matrix)
    for x in (-1.3, 0.0, 2.7):
        low, high, norm, below = compiled_spectrum(lower(matrix), x)
        assert (low, high) == pytest.approx((true[0], true[-1]), abs=1e-12 * norm)
        assert norm >= np.abs(true).max()
        assert below == np.count_nonzero(true < x)


def test_a_multiple_of_the_identity_has_one_eigenvalue():
    low, high, _, _ = compiled_spectrum(lower(np.eye(5) * 3.0), 0.0)
    assert (low, high) == pytest.approx((3, 3), abs=1e-12)
