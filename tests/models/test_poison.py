"""Geometries that no model can work with fail alone, with a reason."""

import numpy as np
import pytest

from vacuagym import geometry, models
from vacuagym.engine import geometry_stability
from vacuagym.models.poison import label_all
from vacuagym.tables.columns import Ragged, n_rows, take
from vacuagym.tables.hashing import hash_rows

DRAWS, STARTS, BAD = 3, 2, 4


@pytest.fixture(scope="module")
def features():
    """Ten of the configurations of complete intersections."""
    family = geometry.family("cicy3")
    table = family.generate()
    some = np.argsort(hash_rows([np.arange(n_rows(table))], "some"))[:10]
    return {"geometry_id": some, **family.features(take(table, some))}


def label(features, name):
    labeller = models.labeller(name)
    reads = {column: features[column] for column in labeller.reads("cicy3")}
    return labeller, label_all(labeller, 1, "cicy3", reads, DRAWS, STARTS)


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
    labeller, good = label(features, name)
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
    assert [column.name for column in labeller.columns] == list(table) and n_rows(table) == n_rows(good) == 10 * DRAWS
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
    assert geometry_stability(table, DRAWS)["fraction_failed"].tolist() == [0.0] * BAD + [1.0] + [0.0] * (9 - BAD)


def test_rows_of_every_table_have_their_types(features):
    """A failed row has the types that the data dictionary says."""
    poisoned = dict(features)
    poisoned["euler_characteristic"] = np.full(10, np.inf)
    labeller, table = label(poisoned, "supergravity")
    for column in labeller.columns:
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
