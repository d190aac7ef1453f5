"""What figures show of rows: the potential against the full one, places and margins against their meaning."""

import sys
from pathlib import Path

import numpy as np
import pytest

from vacuagym.geometry import COMPLETE_FAMILIES, FAMILIES
from vacuagym.models.supergravity import MODEL, portrait
from vacuagym.tables.arrays import take

sys.path.insert(0, str(Path(__file__).parent))
from full_potential import derivatives
from test_labels import theory_of
from threefolds import PARAMETERS, TORIC, dense_kappa, euler_number, label, rows_of, some_features

DRAWS = 6


@pytest.fixture(scope="module", params=COMPLETE_FAMILIES)
def run(request):
    """A family, features of 12 geometries, their labels, and the columns that figures see."""
    name = request.param
    features = some_features(name, 12)
    labels = label(name, features, DRAWS)
    beside = take(features, np.repeat(np.arange(12), DRAWS))
    return name, features, labels, {key: (beside | labels)[key] for key in MODEL.oracle.reads(FAMILIES[name])}


def test_curves_are_the_full_potential_on_the_ray(run):
    name, features, labels, columns = run
    found, places = portrait.curves(columns), portrait.places(columns)
    checked = 0
    for number, (row, curve) in enumerate(zip(rows_of(labels), found, strict=True)):
        assert len(curve.critical) == row["n_critical_points"]
        if row["n_critical_points"] == 0 or row["axion_branch"] != 0:
            continue
        assert np.isclose(curve.critical[:, 0], row["exponent"], rtol=1e-9).sum() == 1
        geometry = rows_of(take(features, np.array([number // DRAWS])))[0]
        theory, t, _ = theory_of(row, dense_kappa(geometry), euler_number(geometry))

        def full(x, theory=theory, t=t, row=row):
            return derivatives(theory, t * np.sqrt(x / row["exponent"])).value

        some = [0, len(curve.x) // 3, len(curve.x) - 1]
        expected = np.array([full(x) for x in curve.x[some]])
        unit = expected[0] / curve.value[0]  # the depth of the AdS vacuum
        assert curve.value[some] * unit == pytest.approx(expected, rel=1e-5)
        assert unit > 0
        if checked < 4:
            bare = theory._replace(xi=0.0, uplift=0.0)
            lowest = min(derivatives(bare, t * np.sqrt(x / row["exponent"])).value for x in curve.x)
            assert unit == pytest.approx(-lowest, rel=1e-2)
        checked += 1
    assert checked > 20
    assert np.isnan(places[:, 1]).sum() == np.count_nonzero(labels["uplift"] == 0)


def test_places_grow_with_the_uplift_and_the_correction(run):
    name, features, labels, columns = run
    places = portrait.places(columns)
    twice = portrait.places(columns | {"uplift": 2 * columns["uplift"]})
    assert twice[:, 1] == pytest.approx(2 * places[:, 1], rel=1e-12, nan_ok=True)
    weaker = portrait.places(columns | {"string_coupling": 4 * columns["string_coupling"]})
    assert weaker[:, 0] == pytest.approx(places[:, 0] / 8, rel=1e-5)


def test_margins_are_where_other_uplifts_change_the_class(run):
    """The labels with all uplifts multiplied, which the priors can do: in steps of 10^0.05."""
    name, features, labels, columns = run
    margins = portrait.margins(columns)
    key = "log10_uplift_toric" if name in TORIC else "log10_uplift_nef"
    low, high = PARAMETERS[key]
    steps = np.arange(1, 13) * 0.05
    changed = np.full(len(margins), np.inf)
    for step in steps[::-1]:
        for shift in (-step, step):
            other = label(name, features, DRAWS, **{key: (low + shift, high + shift)})["stability"]
            changed[(other != labels["stability"]) & (other != "marginal")] = step
    known = ~np.isnan(margins)
    assert np.array_equal(known, labels["uplift"] > 0) and known.sum() > 20
    found = np.log10(margins[known])
    assert (found >= 0).all()
    expected = np.where(found > steps[-1], np.inf, steps[np.minimum(np.searchsorted(steps, found), len(steps) - 1)])
    beside = np.abs(found[:, None] - steps).min(axis=1) < 0.003
    changed, expected = changed[known][~beside], expected[~beside]
    assert (changed >= expected).all()  # a class may come back within a step
    assert np.mean(changed == expected) > 0.95 and len(changed) > 20 and len(np.unique(expected)) > 5
