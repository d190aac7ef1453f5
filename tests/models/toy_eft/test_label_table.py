"""The label table keeps the promises of its data dictionary."""

import numpy as np
import pytest

from vacuagym.geometry import FAMILIES
from vacuagym.models import labeller
from vacuagym.models.toy_eft import MODEL, potential
from vacuagym.schema import CLASSES
from vacuagym.tables.arrays import Ragged

LABELLER = labeller({"name": "toy_eft", "draws": 2, "starts": 3}, 20260101)
# how many of the geometries of each family have so many moduli; 16 stands for 16 and more, ks is a sample of 20,000
N_MODULI = {
    "ks": {3: 7, 4: 4, 5: 15, 6: 8, 7: 16, 8: 21, 9: 20, 10: 21, 11: 33, 12: 30, 13: 31, 14: 34, 15: 31, 16: 19729},
    "cicy3": {1: 5, 2: 36, 3: 155, 4: 425, 5: 856, 6: 1257, 7: 1463, 8: 1328, 9: 1040, 10: 648, 11: 372, 12: 161}
    | {13: 72, 14: 22, 15: 16, 16: 34},
    "fth6d": {
        2: 1,
        3: 3,
        4: 2,
        5: 5,
        6: 3,
        7: 7,
        8: 9,
        9: 10,
        10: 13,
        11: 19,
        12: 26,
        13: 34,
        14: 35,
        15: 44,
        16: 61328,
    },
}


@pytest.fixture(scope="module", params=N_MODULI)
def table(request):
    count = np.array(list(N_MODULI[request.param].values()))
    n_moduli = np.random.default_rng(1).choice(list(N_MODULI[request.param]), 1000, p=count / count.sum())
    features = {"geometry_id": np.arange(1000), "geometry_key": np.arange(1000), "n_moduli": n_moduli.astype(np.int32)}
    return LABELLER.label(FAMILIES[request.param], features)


def rows_of(column):
    return np.split(column.values, column.offsets[1:-1])


def test_columns_are_those_of_the_dictionary(table):
    columns = MODEL.columns
    assert [column.name for column in columns] == list(table)
    for column in columns:
        array = table[column.name]
        if column.type.startswith("list"):
            assert isinstance(array, Ragged) and f"list<{array.values.dtype.name}>" == column.type
            assert len(array.offsets) == 2001 and array.offsets.dtype == np.int32
        else:
            kind = "string" if array.dtype.kind == "U" else array.dtype.name.replace("bool_", "bool")
            assert (len(array), kind) == (2000, column.type), column.name
        assert column.unit and column.meaning


def test_shares_of_the_classes(table):
    share = {name: np.mean(table["stability"] == name) for name in CLASSES}
    assert sum(share.values()) == pytest.approx(1)
    assert sum(value >= 0.05 for value in share.values()) >= 3
    assert max(share.values()) <= 0.75
    assert share["failed"] <= 0.001 and share["marginal"] <= 0.005


def test_a_class_is_what_its_columns_say(table):
    stability, n = table["stability"], table["n_variables"]
    is_minimum = np.isin(stability, ["stable", "metastable"])
    proved = is_minimum | np.isin(stability, ["saddle", "unstable"])
    assert (table["certified"] == proved).all()
    assert (table["n_pos"] + table["n_neg"] + table["n_flat"])[proved].tolist() == n[proved].tolist()
    assert (table["n_flat"][proved] == 0).all()
    assert (table["n_neg"][is_minimum] == 0).all()
    assert (table["n_neg"][stability == "unstable"] == n[stability == "unstable"]).all()
    saddle = stability == "saddle"
    assert (table["n_neg"][saddle] > 0).all() and (table["n_pos"][saddle] > 0).all()
    gap = np.minimum(abs(table["min_eigenvalue"]), abs(table["max_eigenvalue"]))
    assert (table["min_abs_eigenvalue_bound"][proved] <= gap[proved] * (1 + 1e-9)).all()
    assert (table["certificate_radius"][proved] >= 0).all() and np.isnan(table["certificate_radius"][~proved]).all()
    runaway = stability == "runaway"
    assert not table["minimization_success"][runaway].any()
    assert np.isin(table["regime"][runaway], "runaway").all()
    assert np.isnan(table["potential_value"][runaway]).all()
    found = np.isfinite(table["barrier"])
    assert found.any() and (stability[found] == "metastable").all() and (table["barrier"][found] > 0).all()


def test_published_couplings_give_the_published_potential(table):
    """V of the model's docstring at the published point with the published couplings."""
    lists = {name: rows_of(table[name]) for name in ("critical_point", "tilt", "mass", "mixing")}
    scalars = [column.name for column in potential.COUPLINGS if not column.type.startswith("list")]
    for row in range(0, 2000, 7):
        x, b, m, triangle = (lists[name][row].astype(np.float64) for name in lists)
        if not len(x):
            continue
        amplitude, rate, uplift, power, quartic, delta, shift = (float(table[name][row]) for name in scalars)
        form = np.diag(m**2 + shift)
        if len(triangle):
            mixing = np.zeros_like(form)
            mixing[np.tril_indices(len(x))] = triangle
            form += mixing + np.tril(mixing, -1).T
        value = x @ form @ x + b @ x + quartic * np.sum(x**4) + uplift / (1 + x @ x) ** power
        value -= amplitude * np.exp(-rate * np.sum(np.sqrt(x**2 + delta)))
        assert table["potential_value"][row] == pytest.approx(value, rel=1e-12, abs=1e-11)
