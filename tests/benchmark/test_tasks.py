"""Tasks: targets against brute force and the features, inputs without the answer."""

import itertools

import numpy as np
import polars as pl
import pytest

from vacuagym.benchmark.splits import PROTOCOLS
from vacuagym.benchmark.tasks import TASKS
from vacuagym.benchmark.tasks.base import DRAW, N_PERMUTATIONS
from vacuagym.benchmark.tasks.cicy import permute_matrices
from vacuagym.benchmark.tasks.toric_bases import ALGEBRAS
from vacuagym.geometry import FAMILIES
from vacuagym.geometry.run_order import run_order
from vacuagym.models import MODELS
from vacuagym.schema import COUPLING, FEATURE, names_of
from vacuagym.tables.arrays import ragged, take

RANK = {"none": 0, "su2": 1, "su3": 2, "g2": 2, "so7": 3, "so8": 4, "f4": 4, "e6": 6, "e7": 7, "e8": 8}
DIMENSION = {"none": 0, "su2": 3, "su3": 8, "g2": 14, "so7": 21, "so8": 28, "f4": 52, "e6": 78, "e7": 133, "e8": 248}


@pytest.fixture(scope="module")
def frame():
    """A function that gives features of the first geometries of a family as a frame."""

    def features(name, rows=200):
        family = FAMILIES[name]
        geometries = take(family.functions.generate(), run_order(family.count, name)[:rows])
        table = family.functions.features(geometries)
        columns = {key: column if isinstance(column, np.ndarray) else _lists(column) for key, column in table.items()}
        return pl.DataFrame({"geometry_id": np.arange(rows)} | columns)

    return features


def _lists(column):
    return pl.Series([part.tolist() for part in np.split(column.values, column.offsets[1:-1])])


def test_inputs_hold_no_outcome_and_no_target():
    for task in TASKS.values():
        for family in FAMILIES.values():
            columns = [*family.feature_columns, *MODELS["supergravity"].columns]
            if not task.applies(family.name, columns):
                continue
            inputs = task.inputs_of(columns)
            assert inputs and {column.role for column in inputs} <= {FEATURE, COUPLING}
            assert not {column.name for column in inputs} & task.target_columns.keys()
            if task.inputs:
                assert names_of(inputs) == [name for name in names_of(columns) if name in task.inputs]
                assert len(inputs) == len(task.inputs) and task.row != DRAW


def test_a_task_applies_where_its_targets_can_be_made():
    columns = [*FAMILIES["ks"].feature_columns, *MODELS["toy_eft"].columns]
    assert TASKS["stability"].applies("ks", columns) and not TASKS["cicy3_hodge"].applies("ks", columns)
    assert not TASKS["barrier"].applies("ks", FAMILIES["ks"].feature_columns)


def test_the_class_of_a_vacuum_from_rigid_divisors():
    """Only of rows with a vertex that are decided and controlled, and only of the label model that has these columns."""
    task, known = TASKS["kklt"], FAMILIES["ks"].feature_columns
    assert task.applies("ks", [*known, *MODELS["kklt"].columns])
    assert not task.applies("ks", [*known, *MODELS["supergravity"].columns])
    rows = pl.DataFrame(
        {
            "stability": ["stable", "runaway", "unstable", "marginal", "metastable", "not_applicable"],
            "controlled": [True, True, True, True, False, False],
            "n_candidates": [1, 2, 0, 1, 1, 0],
        }
    ).with_columns(**task.target_columns)
    assert rows["kklt_class"].to_list() == ["stable", "runaway", *["not_applicable"] * 4]
    assert rows.filter(task.is_scored(rows.columns))["kklt_class"].to_list() == ["stable", "runaway"]


def test_gauge_algebras_add_up_to_the_features(frame):
    bases = frame("fth6d", 500)
    target = TASKS["fth6d_gauge"].target_columns["gauge_algebras"]
    found = bases.select(target.alias("found"), "self_intersections", "gauge_rank", "n_vector_multiplets")
    seen = set()
    for algebras, curves, rank, dimension in found.iter_rows():
        names = [ALGEBRAS[number] for number in algebras]
        seen.update(names)
        assert len(names) == len(curves)
        assert sum(RANK[name] for name in names) == rank and sum(DIMENSION[name] for name in names) == dimension
    assert seen == set(ALGEBRAS)


def test_intersections_are_those_of_the_configuration_matrix(frame):
    """Integrate products of hyperplane classes over the ambient space, term by term."""
    rows = frame("cicy3", 60).filter(pl.col("n_factors") <= 5)
    target = TASKS["cicy3_intersections"].target_columns["intersections"]
    assert len(rows) > 10
    for m, k, matrix, found in rows.select("n_factors", "n_equations", "configuration", target.alias("f")).iter_rows():
        degrees = np.reshape(matrix, (m, k))
        dimensions = dimensions_of(degrees)
        expected = [
            integral(degrees, dimensions, triple) for triple in itertools.combinations_with_replacement(range(m), 3)
        ]
        assert found == expected


def dimensions_of(degrees):
    """Calabi-Yau: the degrees of a factor P^n sum to n + 1."""
    return degrees.sum(axis=1) - 1


def integral(degrees, dimensions, triple):
    """Coefficient of the top form in J_i J_j J_k times the classes of all polynomials."""
    classes = {tuple(np.bincount(triple, minlength=len(dimensions))): 1}
    for column in degrees.T:
        product = {}
        for powers, value in classes.items():
            for factor, degree in enumerate(column.tolist()):
                if degree and powers[factor] < dimensions[factor]:
                    new = (*powers[:factor], powers[factor] + 1, *powers[factor + 1 :])
                    product[new] = product.get(new, 0) + value * degree
        classes = product
    return classes.get(tuple(dimensions.tolist()), 0)


def test_permuted_matrices_are_the_same_geometries(frame):
    family, rows = FAMILIES["cicy3"], frame("cicy3", 40)
    moved = 0
    for number in (0, N_PERMUTATIONS - 1):
        other = permute_matrices(rows, number)
        assert other.drop("configuration").equals(rows.drop("configuration"))
        assert other["configuration"].dtype == rows["configuration"].dtype
        assert permute_matrices(rows[5:9], number)["configuration"].equals(other["configuration"][5:9])
        moved += (other["configuration"] != rows["configuration"]).sum()
        table = {name: other[name].to_numpy() for name in ("n_factors", "n_equations")}
        again = family.functions.features(table | {"configuration": ragged(other["configuration"].to_list(), np.int8)})
        for name in ("h11", "h21", "duplicate_group", "geometry_key"):
            assert np.array_equal(again[name], rows[name].to_numpy())
    assert moved > 40


def test_transversality_is_asked_of_single_systems_alone(frame):
    task, rows = TASKS["ks_transversality"], frame("ks")
    alone = rows.filter(task.is_scored(rows.columns))
    assert alone["kind"].unique().to_list() == [0] and 0 < alone["is_transverse"].sum() < len(alone) < len(rows)
    assert (alone["weights"].list.len() == 5).all()


def test_protocols_are_random_shares_whatever_the_groups(frame):
    family, rows = FAMILIES["cicy3"], frame("cicy3", 2000)
    for protocol in PROTOCOLS.values():
        assert protocol.reads(family, None)[:2] == ["dataset", "geometry_id"]
        part = rows.select(protocol.part(family, None).alias("part"), "is_product", "duplicate_group")
        named = part.drop_nulls()
        share = 0.01 * int(protocol.name.split("_")[2])
        assert abs((named["part"] == "train").mean() - share) < 4 * np.sqrt(share * (1 - share) / len(named))
        excluded = part.filter(pl.col("part").is_null())
        assert excluded["is_product"].all() and (excluded.is_empty() == protocol.name.endswith("_all"))
        crossing = named.group_by("duplicate_group").agg(pl.col("part").n_unique())
        assert (crossing["part"] > 1).sum() > 100
