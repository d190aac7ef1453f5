"""The elementary functions that replace libm, against 40 digits, on doubles and lane by lane."""

import mpmath
import numpy as np
import pytest

from vacuagym.models.toy_eft.simd import LANES, lane_storage, lane_view
from vacuagym.numerics import elementary
from vacuagym.numerics.compiled import njit


@njit
def compiled_exp(x):
    return elementary.exp(x)


@njit
def compiled_log(x):
    return elementary.log(x)


@njit
def lanes_exp_log(storage):
    view = lane_view(storage)
    view[1] = elementary.exp(view[0])
    view[2] = elementary.log(view[1])


RNG = np.random.default_rng(20260101)
EXP_ARGUMENTS = np.concatenate([RNG.uniform(-707, 708, 1500), RNG.uniform(-1, 1, 500), [0.0, -708.0, 709.0, 1e-300]])
LOG_ARGUMENTS = np.concatenate([np.exp(RNG.uniform(-700, 700, 1500)), RNG.uniform(0.5, 2, 500), [1.0, 2.0**-1022]])


@pytest.mark.parametrize(
    ("compiled", "exact", "arguments"),
    [(compiled_exp, mpmath.exp, EXP_ARGUMENTS), (compiled_log, mpmath.log, LOG_ARGUMENTS)],
    ids=["exp", "log"],
)
def test_error_in_units_in_the_last_place(compiled, exact, arguments):
    with mpmath.workdps(40):
        for x in arguments.tolist():
            true = exact(mpmath.mpf(x))
            assert abs(compiled(x) - true) <= 1.3 * np.spacing(abs(float(true)))


def test_outside_the_range():
    assert compiled_exp(-np.inf) == compiled_exp(-708.0) > 0
    assert compiled_exp(np.inf) == compiled_exp(709.0) < np.inf
    assert np.isnan(compiled_exp(np.nan)) and np.isnan(compiled_log(np.nan))
    assert compiled_log(np.inf) == np.inf


def test_lanes_equal_doubles():
    storage = lane_storage(3)
    for arguments in EXP_ARGUMENTS[: 50 * LANES].reshape(-1, LANES):
        storage[0] = arguments
        lanes_exp_log(storage)
        assert storage[1].tolist() == [compiled_exp(x) for x in arguments]
        assert storage[2].tolist() == [compiled_log(x) for x in storage[1]]
