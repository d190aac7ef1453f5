"""The registry of label models, and the guard: a geometry that cannot be labelled fails alone, with the reason."""

import subprocess
import sys

import numpy as np
import pytest

from vacuagym.errors import InputError
from vacuagym.geometry import FAMILIES
from vacuagym.models import MODELS, labeller
from vacuagym.models.base import stability_shares
from vacuagym.schema import CLASSES, COUPLING, DRAW_KEYS, KEY, STABILITY_COLUMNS
from vacuagym.tables.arrays import Ragged, n_rows, take
from vacuagym.tables.hashing import hash_rows

DRAWS, STARTS, BAD = 3, 2, 4


@pytest.fixture(scope="module")
def features():
    """Ten of the configurations of complete intersections."""
    family = FAMILIES["cicy3"].functions
    table = family.generate()
    some = np.argsort(hash_rows([np.arange(n_rows(table))], "some"))[:10]
    return {"geometry_id": some, **family.features(take(table, some))}


def label(features, name):
    model, family = labeller({"name": name, "draws": DRAWS, "starts": STARTS}, 1), FAMILIES["cicy3"]
    return model, model.label(family, {column: features[column] for column in model.model.reads(family)})


def bytes_of(table, rows):
    found = take(table, rows)
    return {
        name: (column.values.tobytes(), column.offsets.tobytes()) if isinstance(column, Ragged) else column.tolist()
        for name, column in found.items()
        if isinstance(column, Ragged) or column.dtype.kind != "f"
    } | {
        name: column.tobytes()
        for name, column in found.items()
        if not isinstance(column, Ragged) and column.dtype.kind == "f"
    }


@pytest.mark.parametrize(
    ("name", "poison"), [("supergravity", "not finite"), ("supergravity", "no volume"), ("toy_eft", "not finite")]
)
def test_a_poisoned_geometry_fails_alone(features, name, poison):
    model, good = label(features, name)
    poisoned = dict(features)
    if poison == "not finite":
        column = "euler_characteristic" if name == "supergravity" else "n_moduli"
        poisoned[column] = features[column].astype(np.float64)
        poisoned[column][BAD] = np.nan
        reason = f"the feature {column} is not finite"
    else:
        numbers = features["triple_intersection_numbers"]
        values = numbers.values.copy()
        values[numbers.offsets[BAD] : numbers.offsets[BAD + 1]] = 0
        poisoned["triple_intersection_numbers"] = Ragged(values, numbers.offsets)
        reason = "the model's arithmetic broke down: division by zero"
    _, table = label(poisoned, name)
    assert [column.name for column in model.model.columns] == list(table) and n_rows(table) == n_rows(
        good
    ) == 10 * DRAWS
    rows = np.arange(BAD * DRAWS, (BAD + 1) * DRAWS)
    others = np.delete(np.arange(10 * DRAWS), rows)
    assert table["stability"][rows].tolist() == ["failed"] * DRAWS
    assert table["failure_reason"][rows].tolist() == [reason] * DRAWS
    assert (table["geometry_id"][rows] == features["geometry_id"][BAD]).all() and table["sample"][rows].tolist() == [
        0,
        1,
        2,
    ]
    assert bytes_of(table, others) == bytes_of(good, others)
    assert stability_shares(table, DRAWS)["fraction_failed"].tolist() == [0.0] * BAD + [1.0] + [0.0] * (9 - BAD)


def test_rows_of_every_table_have_their_types(features):
    """A failed row has the types that the data dictionary says."""
    poisoned = dict(features)
    poisoned["euler_characteristic"] = np.full(10, np.inf)
    model, table = label(poisoned, "supergravity")
    for column in model.model.columns:
        values = table[column.name].values if isinstance(table[column.name], Ragged) else table[column.name]
        expected = column.type.removeprefix("list<").removesuffix(">")
        assert expected == ("string" if values.dtype.kind == "U" else values.dtype.name), column.name


@pytest.mark.parametrize("name", ["supergravity", "toy_eft"])
def test_labels_do_not_depend_on_the_order_of_the_geometries(features, name):
    _, table = label(features, name)
    order = np.random.default_rng(3).permutation(10)
    _, permuted = label(take(features, order), name)
    back = np.concatenate([np.arange(DRAWS) + DRAWS * row for row in np.argsort(order)])
    assert bytes_of(permuted, back) == bytes_of(table, np.arange(10 * DRAWS))


def test_shares_of_the_classes():
    labels = {
        "dataset": np.full(4, "x"),
        "geometry_id": np.array([7, 7, 9, 9]),
        "stability": np.array(["stable", "saddle"] * 2),
    }
    shares = stability_shares(labels, 2)
    assert list(shares) == [column.name for column in STABILITY_COLUMNS]
    assert shares["geometry_id"].tolist() == [7, 9] and shares["n_draws"].tolist() == [2, 2]
    for name in CLASSES:
        assert shares[f"fraction_{name}"].tolist() == [0.5 * (name in ("stable", "saddle"))] * 2


@pytest.mark.parametrize("name", MODELS)
def test_a_model_describes_its_columns_and_classes(name):
    model = MODELS[name]
    assert model.columns[:3] == DRAW_KEYS and [c.name for c in model.columns if c.role == KEY] == [
        c.name for c in DRAW_KEYS
    ]
    assert list(model.classes) == list(CLASSES) and model.couplings
    stability = next(column for column in model.columns if column.name == "stability")
    assert all(f"{class_}: {meaning}" in stability.meaning for class_, meaning in model.classes.items())
    assert all(column.unit and column.meaning for column in model.columns)
    assert all(column.role == COUPLING for column in model.columns if column.name in model.couplings)


def test_models_are_known_without_compiled_code():
    script = "import sys, vacuagym.models; print({'numba', 'polars', 'pydantic'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["set()"]


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"masss": 1}, "no such parameter"),
        ({"mass": 1.0}, "expected 2 numbers"),
        ({"mass": (3.0, 1.0)}, "lower end"),
        ({"mass": (0.0, 1e9)}, r"\[0, 100\]"),
        ({"softening": "x"}, "expected a number"),
        ({"softening": float("nan")}, "expected a number"),
        ({"max_fields": True}, "expected a whole number"),
        ({"max_fields": 33}, r"\[2, 32\]"),
        ({"regime_weights": [0.0, 0.0, 0.0, 0.0]}, "none is above 0"),
    ],
)
def test_bad_parameters_are_named(parameters, text):
    with pytest.raises(InputError, match=text) as caught:
        labeller({"name": "toy_eft", "parameters": parameters}, 1)
    assert next(iter(parameters)) in str(caught.value)


def test_given_parameters_replace_the_defaults():
    values = labeller({"name": "toy_eft", "parameters": {"mass": [2, 2.5]}}, 1).values
    defaults = {name: parameter.default for name, parameter in MODELS["toy_eft"].parameters.items()}
    assert values == defaults | {"mass": (2.0, 2.5)}


def test_unknown_model():
    with pytest.raises(InputError, match="toy_eft"):
        labeller({"name": "no_such_model"}, 1)
