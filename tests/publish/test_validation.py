"""The checks of the labels: each statistic against another program or a closed form, each check made to fail."""

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, entropy
from sklearn.metrics import mutual_info_score

from vacuagym.config import read_config
from vacuagym.errors import InputError
from vacuagym.publish import label_counts, validation
from vacuagym.schema import COUPLING, FEATURE, GEOMETRY_KEYS, PART, Column
from vacuagym.tables.frames import read_run
from vacuagym.tables.shards import new_shard

THRESHOLDS = read_config()["validation"]
FEATURES = [
    Column(name, "int32", "1", "", role=FEATURE) for name in ("h11", "h21", "euler_characteristic", "n_moduli", "kind")
]
KEYS = list(GEOMETRY_KEYS)
LABELS = [
    *KEYS,
    Column("sample", "int32", "1", ""),
    Column("stability", "string", "1", ""),
    Column("certified", "bool", "1", ""),
    Column("grad_norm", "float64", "1", ""),
    Column("coupling", "float32", "1", "", role=COUPLING),
]


def a_run(geometries=600, draws=2, seed=0):
    """Features, labels and parts of a benchmark with nothing wrong: the class depends on h11 and on chance."""
    rng = np.random.default_rng(seed)
    h11, h21 = rng.integers(1, 40, geometries), rng.integers(1, 40, geometries)
    features = {
        "geometry_id": rng.permutation(2 * geometries)[:geometries].astype(np.int64),
        "duplicate_group": (h11 * 100 + h21).astype(np.int64),
        "h11": h11,
        "h21": h21,
        "euler_characteristic": 2 * (h11 - h21),
        "n_moduli": h11,
        "kind": rng.integers(0, 3, geometries),
    }
    u = rng.random(geometries * draws) + np.repeat(h11, draws) / 80
    names = np.array(["stable", "saddle", "runaway"])[np.searchsorted([0.5, 1.0], u)]
    labels = {
        "geometry_id": np.repeat(features["geometry_id"], draws),
        "sample": np.tile(np.arange(draws), geometries).astype(np.int32),
        "stability": names,
        "certified": names != "runaway",
        "grad_norm": 10.0 ** rng.uniform(-14, -9, len(names)),
        "coupling": rng.random(len(names)).astype(np.float32),
    }
    parts = np.array(["train", "val", "test"])[features["duplicate_group"] % 3]
    return features, labels, parts


def write(folder, features, labels, parts, shard_rows=250):
    """Write the run as the workflow does; the files that `count_labels` reads."""
    draws = len(labels["geometry_id"]) // len(features["geometry_id"])
    columns = [*KEYS, Column("duplicate_group", "int64", "1", ""), *FEATURES]
    features, labels = (table | {"dataset": np.full(len(table["geometry_id"]), "ks")} for table in (features, labels))
    paths = {"features": [], "labels": []}

    def put(table, number, columns, rows):
        paths[table].append(folder / f"{table}/ks/part-{number:05d}.parquet")
        with new_shard(paths[table][-1], columns, {}) as write_batch:
            write_batch(rows)

    for start in range(0, len(parts), shard_rows):
        rows, drawn = slice(start, start + shard_rows), slice(start * draws, (start + shard_rows) * draws)
        put(
            "features",
            start,
            columns,
            {
                c.name: features[c.name][rows].astype(c.type, copy=False)
                if c.type != "string"
                else features[c.name][rows]
                for c in columns
            },
        )
        put("labels", start, LABELS, {name: column[drawn] for name, column in labels.items()})
    split = folder / "splits" / "iid.parquet"
    with new_shard(split, [*KEYS, PART], {}) as write_batch:
        write_batch({"dataset": features["dataset"], "geometry_id": features["geometry_id"], "part": parts})
    described = [("features/ks", *column) for column in FEATURES]
    described += [("labels/ks", *column) for column in LABELS]
    header = ["table", "column", *Column._fields[1:]]
    pl.DataFrame(described, header, orient="row").write_csv(folder / "data_dictionary.csv")
    return paths | {"splits": [split], "dictionary": folder / "data_dictionary.csv"}


def counted(folder, run, **options):
    label_counts.count_labels(write(folder, *run, **options), folder / "counts.json")
    return folder / "counts.json"


def validated(folder, run, thresholds=THRESHOLDS, **options):
    validation.validate_labels(counted(folder, run, **options), thresholds, folder / "validation.json")
    return json.loads((folder / "validation.json").read_text())


def totals(rows):
    return np.sum(list(rows.values()), axis=0).tolist()


def test_a_good_run_passes_and_is_counted_as_another_program_counts(tmp_path):
    features, labels, _ = run = a_run()
    result = validated(tmp_path, run)
    assert all(check["passed"] for check in result["checks"])
    counts = result["datasets"]["ks"]
    table = pl.DataFrame(labels).join(pl.DataFrame(features), on="geometry_id")
    assert counts["geometries"] == 600 and counts["rows"] == len(table) == 1200
    by_class = dict(table.group_by("stability").len().rows())
    assert {name: number for name, number in counts["stability"].items() if number} == by_class
    bins = counts["by_feature"]["h11"]
    h11 = table["h11"].to_numpy()
    assert totals(bins["rows"]) == [np.count_nonzero((h11 >= low) & (h11 <= high)) for low, high in bins["bins"]]
    assert counts["max_certified_grad_norm"] == table.filter("certified")["grad_norm"].max()


def test_shards_do_not_change_the_result(tmp_path):
    run = a_run()
    validated(tmp_path / "a", run, shard_rows=600)
    validated(tmp_path / "b", run, shard_rows=7)
    for name in ("counts.json", "validation.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_hodge_pairs_are_counted_once_per_geometry_and_class_by_class(tmp_path):
    features, labels, _ = run = a_run()
    pairs = json.loads(counted(tmp_path, run).read_text())["datasets"]["ks"]["hodge"]
    number, keys = pairs["geometries"], list(zip(pairs["h11"], pairs["h21"], strict=True))
    expected = pl.DataFrame(features).group_by("h11", "h21").len().rows()
    assert sorted((*key, n) for key, n in zip(keys, number, strict=True)) == sorted(expected)
    assert number == sorted(number)
    table = pl.DataFrame(labels).join(pl.DataFrame(features), on="geometry_id")
    for stability in ("stable", "saddle", "runaway"):
        rows = table.filter(stability=stability).group_by("h11", "h21").len().rows()
        counts = {key: n for key, n in zip(keys, pairs["rows"][stability], strict=True) if n}
        assert counts == {(h11, h21): n for h11, h21, n in rows}


def twice(features, labels, parts):
    features["geometry_id"][17] = features["geometry_id"][400]
    labels["geometry_id"][34:36] = features["geometry_id"][400]


def out_of_place(features, labels, parts):
    labels["sample"][3] = 0


def shuffled(features, labels, parts):
    labels["geometry_id"][[0, 1, 2, 3]] = labels["geometry_id"][[2, 3, 0, 1]]


def all_stable(features, labels, parts):
    labels["stability"][60:] = "stable"


def failing(features, labels, parts):
    labels["stability"][:20] = "failed"


def uncertified(features, labels, parts):
    labels["certified"][:] = False


def copied(features, labels, parts):
    features["kind"] = np.unique(labels["stability"][::2], return_inverse=True)[1]
    labels["stability"][1::2] = labels["stability"][::2]


def unrelated(features, labels, parts):
    rng = np.random.default_rng(5)
    for name in label_counts.ASSOCIATED:
        features[name] = rng.permutation(features[name])


def steep(features, labels, parts):
    labels["grad_norm"][np.flatnonzero(labels["certified"])[5]] = 0.5


def crossing(features, labels, parts):
    group = features["duplicate_group"]
    values, number = np.unique(group, return_counts=True)
    row = np.flatnonzero(group == values[number > 1][0])[0]
    parts[row] = {"train": "val", "val": "test", "test": "train"}[parts[row]]


@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        (twice, "geometries twice, ks: 1, must be = 0"),
        (out_of_place, "label rows out of place, ks: 1, must be = 0"),
        (shuffled, "label rows out of place, ks: 4, must be = 0"),
        (all_stable, "share of the largest class, ks: 0.9"),
        (failing, "share of failed rows, ks: 0.0166667, must be <= 0.01"),
        (uncertified, "certified share of rows with a critical point, ks: 0, must be >= 0.99"),
        (copied, "share of the label's entropy in one input column, ks: 1, must be <= 0.5"),
        (unrelated, "p-value of no association with the geometry, ks: "),
        (steep, "largest gradient norm of a certified row, ks: 0.5, must be <= 1e-06"),
        (crossing, "duplicate groups across parts, iid: 1, must be = 0"),
    ],
)
def test_each_check_fails_on_its_own_harm(tmp_path, harm, expected):
    run = a_run()
    harm(*run)
    with pytest.raises(InputError, match="checks failed") as error:
        validated(tmp_path, run)
    assert expected in str(error.value)
    assert not (tmp_path / "validation.json").exists()


def test_too_few_geometries_are_counted_but_only_shares_are_not_judged(tmp_path):
    run = a_run(geometries=50)
    all_stable(*run)
    result = validated(tmp_path / "a", run)
    judged = {check["check"]: check["passed"] for check in result["checks"]}
    assert judged["share of the largest class"] is None and judged["geometries twice"] is True
    twice_run = a_run(geometries=50)
    twice_run[0]["geometry_id"][3] = twice_run[0]["geometry_id"][40]
    with pytest.raises(InputError, match="geometries twice"):
        validated(tmp_path / "b", twice_run)


def test_rows_to_which_the_model_does_not_apply_are_left_out_of_the_shares(tmp_path):
    run = a_run()
    failing(*run)
    run[1]["stability"] = run[1]["stability"].astype("<U16")
    run[1]["stability"][240:] = "not_applicable"
    with pytest.raises(InputError, match=r"share of failed rows, ks: 0\.0833333, must be <= 0\.01"):
        validated(tmp_path, run)


def test_an_unknown_class_is_named(tmp_path):
    run = a_run()
    run[1]["stability"][7] = "stabel"
    with pytest.raises(InputError, match="stabel"):
        validated(tmp_path, run)


@pytest.mark.parametrize("pass_rows", [1, 13, 100, 10_000])
def test_crossing_groups_are_found_whatever_the_passes(tmp_path, pass_rows):
    features, labels, parts = a_run()
    parts = np.array(["train", "val", "test"])[np.random.default_rng(1).integers(0, 3, len(parts))]
    run = read_run(write(tmp_path, features, labels, parts))
    table = pl.DataFrame({"group": features["duplicate_group"], "part": parts})
    expected = table.group_by("group").agg(pl.col("part").n_unique()).filter(pl.col("part") > 1).height
    assert expected > 50
    assert label_counts.groups_across_parts(run.shards, run.splits, pass_rows) == {"iid": expected}


counts = st.lists(st.lists(st.integers(0, 60), min_size=3, max_size=3), min_size=2, max_size=6)


@given(counts)
def test_information_of_counts(rows):
    matrix = np.array(rows)
    if matrix.sum() == 0:
        return
    found = validation.association(matrix)["mutual_information"]
    value, label = (np.repeat(index.ravel(), matrix.ravel()) for index in np.indices(matrix.shape))
    assert found == pytest.approx(mutual_info_score(value, label) / np.log(2), abs=1e-12)
    share = validation.explained_share(matrix)
    of_label = entropy(matrix.sum(axis=0), base=2)
    assert share == pytest.approx(found / of_label if of_label > 0 else 0.0, abs=1e-9)
    assert -1e-12 <= share <= 1 + 1e-12


@given(st.permutations(range(4)), st.integers(1, 50))
def test_a_copy_of_the_label_explains_it_all_and_a_constant_nothing(order, weight):
    copy = np.diag([3, 1, 4, 2])[list(order)] * weight
    assert validation.explained_share(copy) == pytest.approx(1)
    assert validation.explained_share(copy.sum(axis=0, keepdims=True)) == pytest.approx(0)


def test_association_of_known_tables():
    matrix = np.array([[60, 40], [30, 70]])
    found = validation.association(matrix)
    test = chi2_contingency(matrix, correction=False)
    assert found["p_value"] == pytest.approx(test.pvalue)
    # Bergsma's correction by hand for a 2 x 2 table: phi^2 - 1/199 over min(2 - 1/199, ...) - 1
    assert found["cramers_v"] == pytest.approx(np.sqrt((test.statistic / 200 - 1 / 199) / (1 - 1 / 199)))
    assert validation.association(np.array([[50, 50], [50, 50]]))["p_value"] == pytest.approx(1)
    assert validation.association(np.array([[50, 0], [50, 0]]))["p_value"] == 1.0
    # a bin that has nothing but a class too rare to count goes with it
    rare = np.array([[9000, 10000, 0], [10000, 9000, 0], [0, 0, 60]])
    expected = chi2_contingency(rare[:2, :2], correction=False).pvalue
    assert validation.association(rare)["p_value"] == pytest.approx(expected)


def test_p_values_are_uniform_where_nothing_depends():
    rng = np.random.default_rng(2)
    p = [validation.association(rng.multinomial(50, [0.5, 0.3, 0.2], 8))["p_value"] for _ in range(2000)]
    assert np.mean(np.array(p) < 0.1) == pytest.approx(0.1, abs=4 * np.sqrt(0.09 / 2000))
