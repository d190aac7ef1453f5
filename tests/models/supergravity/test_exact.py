"""Random rows in 60 digits, as the full potential of n moduli and n axions."""

import sys
from fractions import Fraction
from pathlib import Path

import mpmath
import numpy as np
import pytest

from vacuagym.geometry import COMPLETE_FAMILIES
from vacuagym.geometry.triangulations import kahler_cone

sys.path.insert(0, str(Path(__file__).parent))
from full_potential import Theory, derivatives, four_cycles, supersymmetry, volume
from threefolds import dense_kappa, euler_number, label, rows_of, some_features

DIGITS = 60
TINY = mpmath.mpf(10) ** -40
ROUNDING = 1e-13  # of the couplings


def numbers(array):
    return np.array([mpmath.mpf(float(x)) for x in array], dtype=object)


def exact_theory(row, kappa, chi):
    """The row's potential from its published couplings and the geometry, with nothing rounded."""
    t = numbers(row["ray"])
    tau, v = four_cycles(kappa, t), volume(kappa, t)
    g_s, flux = mpmath.mpf(float(row["string_coupling"])), mpmath.mpf(10) ** mpmath.mpf(float(row["log10_flux"]))
    xi = -chi * mpmath.zeta(3) / (2 * (2 * mpmath.pi) ** 3 * g_s ** mpmath.mpf(1.5))
    rates = 2 * mpmath.pi * min(tau) / (mpmath.mpf(float(row["condensate_rank"])) * tau)
    amplitudes = t * tau / (3 * v) * (1 - 2 * int(row["axion_branch"]))
    uplift, power = mpmath.mpf(float(row["uplift"])), mpmath.mpf(float(row["uplift_power"]))
    return Theory(kappa, xi, -flux, amplitudes, rates, uplift, power), t


def n_negative(matrix):
    """Number of negative eigenvalues of a symmetric matrix: its negative pivots (Sylvester's law of inertia)."""
    matrix, count = matrix.copy(), 0
    for k in range(len(matrix)):
        pivot = matrix[k, k]
        assert pivot != 0
        count += pivot < 0
        factors = matrix[k + 1 :, k] / pivot
        matrix[k + 1 :, k + 1 :] = matrix[k + 1 :, k + 1 :] - np.outer(factors, matrix[k, k + 1 :])
    return count


def check_point(row, geometry):
    """Critical point, class, numbers and extremes of masses of a row that has a point."""
    kappa = dense_kappa(geometry).astype(int).astype(object)
    theory, ray = exact_theory(row, kappa, euler_number(geometry))
    published = scale = mpmath.mpf(float(row["ray_scale"]))
    for _ in range(8):  # Newton's method along the ray doubles the digits
        d = derivatives(theory, scale * ray)
        step = -(ray @ d.gradient) / (ray @ d.hessian @ ray)
        scale = scale + step
        if abs(step) < scale * mpmath.mpf(10) ** -45:
            break
    assert abs(scale / published - 1) < 1e-9
    t = scale * ray
    x = theory.rates[0] * four_cycles(kappa, t)[0]
    assert abs(x / mpmath.mpf(float(row["exponent"])) - 1) <= float(row["certificate_radius"]) + ROUNDING
    d, v = derivatives(theory, t), volume(kappa, t)
    unit = theory.w0**2 / v**2
    size = np.abs(np.outer(t, t) * d.hessian).max()
    assert np.abs(t * d.gradient).max() < TINY * size  # all n directions
    assert abs(d.value / (unit * mpmath.mpf(float(row["potential_scaled"]))) - 1) < 1e-6
    assert n_negative(d.metric) == 0

    def below(mass):
        """How many M^2 are below mass, in units of w^2 / volume^2."""
        return sum(n_negative(block / 2 - mass * unit * d.metric) for block in (d.hessian, d.axion_hessian))

    n, negative = len(t), below(mpmath.mpf(0))
    assert (row["n_neg"], row["n_pos"], row["n_flat"]) == (negative, 2 * n - negative, 0)
    lowest, highest = (mpmath.mpf(float(row[name])) for name in ("min_eigenvalue", "max_eigenvalue"))
    room = 1e-6 * abs(lowest) + 1e-9 * max(abs(lowest), abs(highest))
    assert below(lowest - room) == 0 < below(lowest + room)
    assert below(highest * (1 - mpmath.mpf(1e-6))) < 2 * n == below(highest * (1 + mpmath.mpf(1e-6)))
    gap = mpmath.mpf(float(row["min_abs_eigenvalue_bound"]))
    assert below(gap * (1 - mpmath.mpf(1e-9))) == below(-gap) == negative
    if d.value > 0:
        expected = "ds_saddle" if negative else "ds_minimum"
    elif negative:
        bound = -mpmath.mpf(3) / 4 * abs(d.value) / unit * (1 + mpmath.mpf(TINY))  # supersymmetric points can be at it
        expected = "ads_saddle" if below(bound) else "ads_bf_stable_tachyonic"
    else:
        broken = np.abs(supersymmetry(theory, t) * four_cycles(kappa, t)).max()
        expected = "ads_susy" if broken < TINY * abs(theory.w0) else "ads_nonsusy"
    assert row["vacuum_type"] == expected


def check_cone(row, geometry):
    """The ray is inside the cone, in rational numbers."""
    ray = [Fraction(float(x)) for x in row["ray"]]
    for curve in kahler_cone(geometry).tolist():
        assert sum((degree * x for degree, x in zip(curve, ray, strict=True) if degree), Fraction(0)) > 0


def check_runaway(row, geometry):
    """V has the sign of slope that the type says all along the ray, at 60 points from x = 1 to 10^5."""
    kappa = dense_kappa(geometry).astype(int).astype(object)
    for branch in (0, 1):
        theory, ray = exact_theory(row | {"axion_branch": branch}, kappa, euler_number(geometry))
        unit = mpmath.sqrt(1 / (theory.rates[0] * four_cycles(kappa, ray)[0]))  # x = 1
        start = max(1.0, float(abs(theory.xi / volume(kappa, unit * ray))) ** (2 / 3) * 1.001)
        for x in np.geomspace(start, 1e5, 60):
            t = unit * mpmath.sqrt(mpmath.mpf(float(x))) * ray
            slope = t @ derivatives(theory, t).gradient
            assert slope < 0 if row["vacuum_type"] == "runaway_decompactification" else slope > 0


@pytest.mark.thorough
@pytest.mark.parametrize(("least", "most", "count"), [(1, 20, 100), (21, 60, 5)], ids=["up to 20", "above"])
@pytest.mark.parametrize("name", COMPLETE_FAMILIES)
def test_rows_in_sixty_digits(name, least, most, count):
    features, checked = some_features(name, 4 * count, least, most, seed=8), 0
    runaways = 0
    table = rows_of(label(name, features, 1, seed=21))
    with mpmath.workdps(DIGITS):
        for row, geometry in zip(table, rows_of(features), strict=True):
            check_cone(row, geometry)
            if row["certified"] and not np.isnan(row["potential_value"]) and checked < count:
                check_point(row, geometry)
                checked += 1
            elif row["stability"] == "runaway" and geometry["n_fields"] <= 6 and runaways < 5:
                check_runaway(row, geometry)
                runaways += 1
            if checked == count:
                break
    assert checked == (count if len(features["geometry_id"]) > count else 0)
