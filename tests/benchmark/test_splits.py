"""Splits: groups never cross parts, parts never change, thresholds hold out what they say."""

import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vacuagym.benchmark.splits import PROTOCOLS, SPLITS, build_split, protocols_of, splits_of
from vacuagym.benchmark.splits.held_out import shared_groups
from vacuagym.config import read_config
from vacuagym.errors import InputError
from vacuagym.fingerprints import fingerprint_of
from vacuagym.geometry import COMPLETE_FAMILIES, FAMILIES
from vacuagym.geometry.build import build_features, build_geometries
from vacuagym.recipes import paths_of, tables_of
from vacuagym.schema import GEOMETRY_KEYS, PARTS, Column, names_of
from vacuagym.tables.shards import new_shard, read_recipe

THRESHOLDS = read_config()["splits"]
THRESHOLD_SPLITS = [name for name, split in SPLITS.items() if split.measure]
MEASURES = {
    "ood_complexity": lambda table: table["n_fields"],
    "ood_euler": lambda table: abs(table["euler_characteristic"]),
}


def threshold_of(split, dataset):
    return THRESHOLDS.get(split, {}).get(dataset)


def parts(split, dataset, features, threshold=None):
    """Part of each row of features, from the columns that the split says it reads and no other."""
    family, split = FAMILIES[dataset], SPLITS[split]
    table = pl.DataFrame({"dataset": [dataset] * len(features["geometry_id"])} | features)
    part = split.part(family, threshold).alias("part")
    return table.select(split.reads(family, threshold)).select(pl.col("geometry_id"), part)["part"].to_numpy()


def features_of(dataset, seed, groups=40, rows=200):
    """Made-up geometries; those of a group have the same number of fields and the same Euler number, of either sign."""
    rng = np.random.default_rng(seed)
    index = rng.integers(0, groups, rows)
    table = {"geometry_id": np.arange(rows), "duplicate_group": rng.integers(0, 2**63, groups)[index]}
    fields, euler = (2 * THRESHOLDS[split][dataset] for split in THRESHOLD_SPLITS)
    table["n_fields"] = rng.integers(1, fields, groups)[index].astype(np.int32)
    table["euler_characteristic"] = rng.integers(-euler, euler, groups)[index].astype(np.int32)
    return table


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("dataset", COMPLETE_FAMILIES)
@given(st.integers(0, 2**32))
def test_groups_never_cross_parts_and_parts_never_change(split, dataset, seed):
    table = features_of(dataset, seed)
    threshold = threshold_of(split, dataset)
    found = parts(split, dataset, table, threshold)
    groups = table["duplicate_group"].tolist()
    part_of = dict(zip(groups, found.tolist(), strict=True))
    assert [part_of[group] for group in groups] == found.tolist()
    prefix = {name: column[:50] for name, column in table.items()}
    assert parts(split, dataset, prefix, threshold).tolist() == found[:50].tolist()


@pytest.mark.parametrize("split", THRESHOLD_SPLITS)
@pytest.mark.parametrize("dataset", COMPLETE_FAMILIES)
@given(st.integers(0, 2**32))
def test_what_is_trained_on_is_below_the_threshold_and_what_is_tested_is_not(split, dataset, seed):
    table = features_of(dataset, seed)
    threshold = THRESHOLDS[split][dataset]
    found = parts(split, dataset, table, threshold)
    is_held_out = MEASURES[split](table) >= threshold
    assert set(found[~is_held_out]) <= {"train", "val"}
    assert set(found[is_held_out]) <= {"ood_val", "test"}


@pytest.mark.parametrize(
    ("split", "dataset", "threshold", "shares"),
    [
        ("iid", "ks", None, {"train": 0.70, "val": 0.15, "test": 0.15}),
        ("ood_dataset_ks", "ks", None, {"ood_val": 0.20, "test": 0.80}),
        ("ood_dataset_ks", "cicy3", None, {"train": 0.85, "val": 0.15}),
        ("ood_complexity", "cicy3", 8, {"train": 0.85 / 2, "val": 0.15 / 2, "ood_val": 0.20 / 2, "test": 0.80 / 2}),
        ("ood_euler", "cicy3", 8, {"train": 0.85 / 2, "val": 0.15 / 2, "ood_val": 0.20 / 2, "test": 0.80 / 2}),
        ("ood_euler", "cicy3", None, {"train": 0.85, "val": 0.15}),
    ],
)
def test_shares_of_the_parts(split, dataset, threshold, shares):
    ids = np.arange(100_000)
    size = np.where(ids % 2 == 0, 8, 7)  # half of the geometries at the threshold, half below it
    features = {"geometry_id": ids, "duplicate_group": ids, "n_fields": size, "euler_characteristic": -size}
    found = parts(split, dataset, features, threshold)
    assert set(found.tolist()) == set(shares)
    for part, share in shares.items():
        assert np.mean(found == part) == pytest.approx(share, abs=0.0065)  # four standard errors


@pytest.mark.parametrize("split", splits_of(COMPLETE_FAMILIES), ids=lambda split: split.name)
def test_a_split_gives_no_part_but_its_own_and_each_geometry_one(split):
    found = set()
    for dataset in COMPLETE_FAMILIES:
        part_of = parts(split.name, dataset, features_of(dataset, 1, 400, 1_000), threshold_of(split.name, dataset))
        assert None not in part_of
        found |= set(part_of)
    assert found == set(split.parts) and split.parts == tuple(part for part in PARTS if part in found)
    assert ("ood_val" in found) == split.shifts


def test_a_group_is_in_the_same_part_whatever_its_family():
    features = {"geometry_id": np.arange(1_000), "duplicate_group": np.random.default_rng(1).integers(0, 2**63, 1_000)}
    of_family = [parts("iid", dataset, features).tolist() for dataset in COMPLETE_FAMILIES]
    assert of_family[0] == of_family[1] == of_family[2]


def test_polytopes_of_the_held_out_family_are_kept_out_of_training():
    shared = shared_groups()
    features = {"geometry_id": np.arange(len(shared)), "duplicate_group": shared.to_numpy()}
    assert len(shared) == 4_092 and shared.is_sorted() and shared.is_unique().all()
    assert set(parts("ood_dataset_ks", "fth6d", features)) == set(parts("ood_dataset_fth6d", "ks", features)) == {"val"}
    for split, dataset in (("ood_dataset_cicy3", "ks"), ("ood_dataset_ks", "cicy3"), ("iid", "fth6d")):
        assert "train" in parts(split, dataset, features)


def test_only_families_of_the_run_are_held_out():
    assert splits_of(COMPLETE_FAMILIES) == [
        split for split in SPLITS.values() if split.holds_out in (None, *COMPLETE_FAMILIES)
    ]
    always = ["iid", "ood_complexity", "ood_euler"]
    names = [split.name for split in splits_of(["ks", "fth6d"])]
    assert names == [*always, "ood_dataset_ks", "ood_dataset_fth6d"]
    assert [split.name for split in splits_of(["ks"])] == always
    assert [split.name for split in splits_of(["ks", "ks"])] == always  # two datasets of one family
    # nobody knows which polytopes of a user stand in the other families too
    assert [split.name for split in splits_of(["ks", "polytopes"])] == always
    names = [split.name for split in splits_of(["ks", "cicy3", "polytopes"])]
    assert names == [*always, "ood_dataset_cicy3"]


def features_table(folder, dataset):
    """Make the features of every geometry of a dataset; their path."""
    tables = tables_of(read_config({"n_limit": None, "shard_rows": 1_000_000}))
    geometries = paths_of(tables, f"geometries/{dataset}")
    (features,) = paths_of(tables, f"features/{dataset}")
    build_geometries([folder / path for path in geometries], tables[geometries[0]])
    build_features([folder / path for path in geometries], folder / features, tables[features])
    return folder / features


@pytest.fixture(scope="module")
def cicy_features(tmp_path_factory):
    return features_table(tmp_path_factory.mktemp("complete intersections"), "cicy3")


@pytest.fixture(scope="module")
def all_features(tmp_path_factory, cicy_features):
    """The features of every geometry, by dataset, lazily."""
    folder = tmp_path_factory.mktemp("landscape")
    paths = {name: cicy_features if name == "cicy3" else features_table(folder, name) for name in COMPLETE_FAMILIES}
    return {name: pl.scan_parquet(path) for name, path in paths.items()}


@pytest.mark.slow
@pytest.mark.parametrize("dataset", COMPLETE_FAMILIES)
def test_the_whole_landscape(dataset, all_features):
    """No real group crosses parts; no threshold holds out less than a tenth, or more than a third, of its dataset."""
    columns = [*names_of(GEOMETRY_KEYS), "duplicate_group", "n_fields", "euler_characteristic"]
    table, tests = all_features[dataset].select(columns).collect(), {}
    for split in SPLITS.values():
        threshold = threshold_of(split.name, dataset)
        found = table.with_columns(split.part(FAMILIES[dataset], threshold).alias("part"))
        assert found.group_by("duplicate_group").agg(pl.col("part").n_unique())["part"].max() == 1
        assert found["part"].null_count() == 0
        if split.measure:
            held_out = found.filter(pl.col("part").is_in(["ood_val", "test"]))
            assert 0.1 <= len(held_out) / len(table) <= 1 / 3
            tests[split.name] = set(found.filter(part="test")["geometry_id"])
    a, b = tests.values()
    assert len(a & b) / len(a | b) < 0.5  # the splits test different things


@pytest.mark.slow
def test_shared_groups_are_those_of_the_complete_families(all_features):
    groups = [all_features[name].select("duplicate_group").collect().to_series().unique() for name in ("ks", "fth6d")]
    assert shared_groups().to_list() == sorted(set(groups[0]) & set(groups[1]))


def made_up_shards(folder, count, rows):
    """As many shards of features of ks, each a link to the first, and the recipe of a split of them."""
    recipe = {"table": "features/ks", "dataset": "ks", "rows": [0, rows]}
    names = SPLITS["ood_euler"].reads(FAMILIES["ks"], 1)
    columns = [Column(name, "string" if name == "dataset" else "int64", "1", "") for name in names]
    shards = [folder / "ks" / f"part-{part:05d}.parquet" for part in range(count)]
    with new_shard(shards[0], columns, recipe) as write:
        for start in range(0, rows, 1_000):
            batch = {name: np.random.default_rng(start).integers(1, 500, 1_000) for name in names}
            write(batch | {"dataset": np.full(1_000, "ks")})
    for shard in shards[1:]:
        shard.hardlink_to(shards[0])
    made = {"table": "splits", "split": "ood_euler", "thresholds": THRESHOLDS["ood_euler"], "families": {"ks": "ks"}}
    return shards, made | {"inputs": {"features/ks": fingerprint_of(recipe)}}


def built(shards, recipe, out):
    """Run `build_split` in a process of its own; its peak memory in MB."""
    code = (
        "from pathlib import Path\nfrom vacuagym.job import limit_libraries, peak_memory_mb\nlimit_libraries(1)\n"
        "from vacuagym.benchmark.splits import build_split\n"
        f"build_split([Path(path) for path in {[str(shard) for shard in shards]}], Path({str(out)!r}), {recipe})\n"
        "print(peak_memory_mb())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def test_a_split_is_written_in_the_order_of_the_run_and_a_missing_shard_is_refused(tmp_path):
    shards, recipe = made_up_shards(tmp_path, 2, 3_000)
    build_split(shards, tmp_path / "split.parquet", recipe | {"geometries": {"ks": 6_000}})
    split, features = pl.read_parquet(tmp_path / "split.parquet"), pl.concat(map(pl.read_parquet, shards))
    assert split["geometry_id"].equals(features["geometry_id"])
    expected = parts("ood_euler", "ks", features.drop("dataset").to_dict(), threshold_of("ood_euler", "ks"))
    assert split["part"].to_list() == expected.tolist()
    with pytest.raises(InputError, match="hold 6000 geometries, the run has 9000"):
        build_split(shards, tmp_path / "other.parquet", recipe | {"geometries": {"ks": 9_000}})
    assert not (tmp_path / "other.parquet").exists()


@pytest.mark.slow
def test_memory_of_a_split_does_not_grow_with_its_rows(tmp_path):
    """10^6 rows and 10^7 rows, ten times the same shard, with memory as a job measures it."""
    shards, recipe = made_up_shards(tmp_path, 10, 1_000_000)
    peaks = [
        built(shards[:count], recipe | {"geometries": {"ks": count * 1_000_000}}, tmp_path / "split.parquet")
        for count in (1, 10)
    ]
    assert pl.scan_parquet(tmp_path / "split.parquet").select(pl.len()).collect().item() == 10_000_000
    assert peaks[1] < 300 and peaks[1] < 1.05 * peaks[0]


# --- published protocols ----------------------------------------------------------------------------------------------


def test_protocols_are_those_of_the_datasets_of_the_run():
    assert protocols_of(list(FAMILIES)) == protocols_of(["cicy3"]) == list(PROTOCOLS.values())
    assert protocols_of(["ks", "fth6d"]) == []
    assert not PROTOCOLS.keys() & SPLITS.keys()


@pytest.mark.parametrize(
    ("name", "geometries", "share"),
    [
        ("cicy3_random_30_all", 7_890, 0.3),
        ("cicy3_random_80_all", 7_890, 0.8),
        ("cicy3_random_30", 7_868, 0.3),
        ("cicy3_random_80", 7_868, 0.8),
    ],
)
def test_protocols_divide_the_published_numbers_of_geometries_at_random(
    tmp_path, cicy_features, name, geometries, share
):
    """22 of the 7,890 complete intersections are products (Candelas, Dale, Lütken, Schimmrigk 1988)."""
    inputs = {"features/cicy3": fingerprint_of(read_recipe(cicy_features)[2])}
    recipe = {"table": "protocols", "split": name, "thresholds": None, "inputs": inputs}
    recipe |= {"families": {"cicy3": "cicy3"}, "geometries": {"cicy3": 7_890}}
    build_split([cicy_features], tmp_path / "protocol.parquet", recipe)
    protocol = pl.read_parquet(tmp_path / "protocol.parquet")
    assert len(protocol) == geometries and protocol["geometry_id"].is_unique().all()
    assert set(protocol["part"]) == {"train", "test"} == set(PROTOCOLS[name].parts) - {"val"}
    trained = protocol.filter(part="train")
    assert len(trained) / geometries == pytest.approx(share, abs=4 * (share * (1 - share) / geometries) ** 0.5)
    groups = pl.read_parquet(cicy_features, columns=["geometry_id", "duplicate_group"]).join(protocol, on="geometry_id")
    crossing = groups.group_by("duplicate_group").agg(pl.col("part").n_unique())["part"]
    assert crossing.max() == 2  # as in the publications


def test_a_smaller_protocol_trains_on_a_subset_of_a_larger_one(cicy_features):
    table = pl.read_parquet(cicy_features, columns=["geometry_id", "is_product"])
    family, trained = FAMILIES["cicy3"], {}
    for name, protocol in PROTOCOLS.items():
        part = table.with_columns(protocol.part(family, None).alias("part")).filter(part="train")
        trained[name] = set(part["geometry_id"])
    assert trained["cicy3_random_30_all"] < trained["cicy3_random_80_all"]
    assert trained["cicy3_random_30"] < trained["cicy3_random_30_all"]
