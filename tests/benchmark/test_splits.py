"""Splits: groups never cross parts, parts never change, thresholds hold out what they say."""

import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vacuagym.benchmark.splits import SPLITS, splits_of
from vacuagym.benchmark.splits.held_out import shared_groups
from vacuagym.config import read_config
from vacuagym.errors import InputError
from vacuagym.fingerprints import fingerprint_of
from vacuagym.geometry import COMPLETE_FAMILIES, FAMILIES
from vacuagym.geometry.build import build_features, build_geometries
from vacuagym.recipes import paths_of, tables_of
from vacuagym.schema import Column
from vacuagym.tables.shards import new_shard

THRESHOLDS = read_config()["splits"]
THRESHOLD_SPLITS = [name for name, split in SPLITS.items() if split.measure]


def threshold_of(split, dataset):
    return THRESHOLDS.get(split, {}).get(dataset)


def parts(split, dataset, features, threshold=None):
    """Part of each row of features, from the columns that the split says it reads and no other."""
    family, split = FAMILIES[dataset], SPLITS[split]
    table = pl.DataFrame({"dataset": [dataset] * len(features["geometry_id"])} | features)
    part = split.part(family, threshold).alias("part")
    return table.select(split.reads(family, threshold)).select(pl.col("geometry_id"), part)["part"].to_numpy()


def features_of(dataset, seed, groups=40, rows=200):
    """Made-up geometries; those of a group have the same Hodge numbers."""
    rng = np.random.default_rng(seed)
    index = rng.integers(0, groups, rows)
    table = {"geometry_id": np.arange(rows), "duplicate_group": rng.integers(0, 2**63, groups)[index]}
    largest = 2 * THRESHOLDS["ood_complexity"][dataset]
    table |= {name: rng.integers(1, largest, groups)[index].astype(np.int32) for name in ("h11", "h21")}
    return table | {"n_moduli": table["h11"]}


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
    measure = table["n_moduli"] if split == "ood_complexity" else table["h11"] + table["h21"]
    assert (measure[found == "train"] < threshold).all()
    assert (measure[found == "test"] >= threshold).all()
    assert (found[measure >= threshold] == "test").all()


def test_shares_of_the_parts():
    features = {"geometry_id": np.arange(100_000), "duplicate_group": np.arange(100_000)}
    found = parts("iid", "ks", features)
    for part, share in (("train", 0.70), ("val", 0.15), ("test", 0.15)):
        assert np.mean(found == part) == pytest.approx(share, abs=0.006)  # four standard errors
    assert set(parts("ood_dataset_ks", "ks", features).tolist()) == {"test"}
    held_in = parts("ood_dataset_ks", "cicy3", features)
    assert set(held_in.tolist()) == {"train", "val"}
    assert np.mean(held_in == "train") == pytest.approx(0.85, abs=0.006)


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


def test_a_family_without_a_threshold_holds_nothing_out():
    features = features_of("ks", 1)
    assert set(parts("ood_hodge", "ks", features, None)) == {"train", "val"}


def test_only_families_of_the_run_are_held_out():
    assert splits_of(COMPLETE_FAMILIES) == [
        split for split in SPLITS.values() if split.holds_out in (None, *COMPLETE_FAMILIES)
    ]
    always = ["iid", "ood_complexity", "ood_hodge"]
    names = [split.name for split in splits_of(["ks", "fth6d"])]
    assert names == [*always, "ood_dataset_ks", "ood_dataset_fth6d"]
    assert [split.name for split in splits_of(["ks"])] == always
    assert [split.name for split in splits_of(["ks", "ks"])] == always  # two datasets of one family
    # nobody knows which polytopes of a user stand in the other families too
    assert [split.name for split in splits_of(["ks", "polytopes"])] == always
    names = [split.name for split in splits_of(["ks", "cicy3", "polytopes"])]
    assert names == [*always, "ood_dataset_cicy3"]


@pytest.fixture(scope="module")
def all_features(tmp_path_factory):
    """The features of every geometry, by dataset, lazily."""
    folder, frames = tmp_path_factory.mktemp("landscape"), {}
    tables = tables_of(read_config({"n_limit": None, "shard_rows": 1_000_000}))
    for dataset in COMPLETE_FAMILIES:
        geometries = paths_of(tables, f"geometries/{dataset}")
        (features,) = paths_of(tables, f"features/{dataset}")
        build_geometries([folder / path for path in geometries], tables[geometries[0]])
        build_features([folder / path for path in geometries], folder / features, tables[features])
        frames[dataset] = pl.scan_parquet(folder / features)
    return frames


@pytest.mark.slow
@pytest.mark.parametrize("dataset", COMPLETE_FAMILIES)
def test_the_whole_landscape(dataset, all_features):
    """No real group crosses parts; each threshold is the smallest that holds out at most 15 % of its dataset."""
    table = all_features[dataset].select("geometry_id", "duplicate_group", "n_moduli", "h11", "h21").collect()
    for split in SPLITS.values():
        threshold = threshold_of(split.name, dataset)
        part = split.part(FAMILIES[dataset], threshold).alias("part")
        assert table.with_columns(part).group_by("duplicate_group").agg(pl.col("part").n_unique())["part"].max() == 1
        if split.measure:
            shares = [
                table.select((split.part(FAMILIES[dataset], t) == "test").mean()).item()
                for t in (threshold, threshold - 1)
            ]
            assert shares[0] <= 0.15 < shares[1]


@pytest.mark.slow
def test_shared_groups_are_those_of_the_complete_families(all_features):
    groups = [all_features[name].select("duplicate_group").collect().to_series().unique() for name in ("ks", "fth6d")]
    assert shared_groups().to_list() == sorted(set(groups[0]) & set(groups[1]))


def made_up_shards(folder, count, rows):
    """As many shards of features of ks, each a link to the first, and the recipe of a split of them."""
    recipe = {"table": "features/ks", "dataset": "ks", "rows": [0, rows]}
    names = SPLITS["ood_hodge"].reads(FAMILIES["ks"], 1)
    columns = [Column(name, "string" if name == "dataset" else "int64", "1", "") for name in names]
    shards = [folder / "ks" / f"part-{part:05d}.parquet" for part in range(count)]
    with new_shard(shards[0], columns, recipe) as write:
        for start in range(0, rows, 1_000):
            batch = {name: np.random.default_rng(start).integers(1, 500, 1_000) for name in names}
            write(batch | {"dataset": np.full(1_000, "ks")})
    for shard in shards[1:]:
        shard.hardlink_to(shards[0])
    made = {"table": "splits", "split": "ood_hodge", "thresholds": THRESHOLDS["ood_hodge"], "families": {"ks": "ks"}}
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
    from vacuagym.benchmark.splits import build_split

    shards, recipe = made_up_shards(tmp_path, 2, 3_000)
    build_split(shards, tmp_path / "split.parquet", recipe | {"geometries": {"ks": 6_000}})
    split, features = pl.read_parquet(tmp_path / "split.parquet"), pl.concat(map(pl.read_parquet, shards))
    assert split["geometry_id"].equals(features["geometry_id"])
    expected = parts("ood_hodge", "ks", features.drop("dataset").to_dict(), threshold_of("ood_hodge", "ks"))
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
