"""Data dictionaries: how they are read, and those that the records hold."""

import pytest

from vacuagym.benchmark.tasks import TASKS
from vacuagym.errors import InputError
from vacuagym.geometry import FAMILIES
from vacuagym.geometry.toric_bases import CLUSTERS, CURVES, MAX_LAG, curve_column
from vacuagym.models import MODELS
from vacuagym.schema import (
    CLASSES,
    COUPLING,
    FEATURE,
    KEY,
    OUTCOME,
    PARTS,
    UNDECIDED,
    VACUA,
    WITH_POINT,
    Column,
    read_columns,
)
from vacuagym.tables.shards import arrow_schema

DICTIONARIES = {
    **{f"targets of {task.name}": task.adds for task in TASKS.values() if task.adds},
    **{f"{family.name} geometries": family.geometry_columns for family in FAMILIES.values()},
    **{f"{family.name} features": family.feature_columns for family in FAMILIES.values()},
    **{model.name: model.columns for model in MODELS.values()},
}


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "columns.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_dictionary_is_read_in_order(written):
    path = written('name,type,unit,meaning,role\nκ,int32,1,"One, or {what}.",feature\ny,bool,m,"A ""b"".",outcome\n')
    assert read_columns(path, what="{two}") == (
        Column("κ", "int32", "1", "One, or {two}.", "", FEATURE),
        Column("y", "bool", "m", 'A "b".', "", OUTCOME),
    )


@pytest.mark.parametrize(
    "line",
    ["x,int32,1", "x,int32,1,Some, more", "x,int32,1,About {nothing}.", "x,int32,1,About {}.", "x,int32,1,An open {."],
)
def test_a_bad_line_is_named(written, line):
    path = written(f"name,type,unit,meaning\nw,int32,1,About {{known}}.\n{line}\n")
    with pytest.raises(InputError, match=r"columns\.csv, line 3: .*known"):
        read_columns(path, known="it")


@pytest.mark.parametrize("header", ["name,type,unit,meaning,colour", "name,type,meaning,source"])
def test_a_bad_header_is_an_error(written, header):
    with pytest.raises(InputError, match="line 2: expected"):
        read_columns(written(f"{header}\n{','.join('x' * len(header.split(',')))}\n"))


@pytest.mark.parametrize("columns", DICTIONARIES.values(), ids=DICTIONARIES)
def test_the_records_columns_are_whole(columns):
    assert len({column.name for column in columns}) == len(columns)
    arrow_schema(columns, {})  # knows all types
    for column in columns:
        assert column.name.isidentifier() and column.unit and column.role in (KEY, FEATURE, COUPLING, OUTCOME)
        assert column.meaning.endswith(".") and not set("{}") & set(column.meaning)


def test_classes_and_parts_have_the_order_that_tables_and_file_names_rely_on():
    assert PARTS == ("train", "val", "ood_val", "test")
    assert VACUA == CLASSES[:2] and set(UNDECIDED) <= set(CLASSES) and set(WITH_POINT) <= set(CLASSES)


def test_toric_bases_have_a_column_for_each_cluster_curve_and_lag():
    found = {column.name: column.meaning for column in FAMILIES["fth6d"].features}
    expected = {f"n_clusters_{name}": f"Non-Higgsable clusters {curves}." for name, curves, *_ in CLUSTERS}
    expected |= {curve_column(value): f"Curves of self-intersection {value}." for value in CURVES}
    expected |= {
        f"correlation_lag_{lag}": f"Sum over i of D_i² D_(i+{lag})², i + {lag} modulo n."
        for lag in range(1, MAX_LAG + 1)
    }
    generated = ("n_clusters_", "n_curves_", "correlation_lag_")
    assert {name: meaning for name, meaning in found.items() if name.startswith(generated)} == expected
