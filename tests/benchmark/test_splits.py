"""Splits: groups never cross parts, parts never change, thresholds hold out what they say."""

import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vacuagym.benchmark.splits import SPLITS, splits_of
from vacuagym.config import read_config
from vacuagym.errors import InputError
from vacuagym.fingerprints import fingerprint_of
from vacuagym.geometry import FAMILIES
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
    """Made-up geometries: what a group has in common, and for fth6d Hodge numbers as its clusters make them."""
    rng = np.random.default_rng(seed)
    index = rng.integers(0, groups, rows)
    table = {"geometry_id": np.arange(rows), "duplicate_group": rng.integers(0, 2**63, groups)[index]}
    largest = 2 * THRESHOLDS["ood_complexity"][dataset]
    table |= {name: rng.integers(1, largest, groups)[index].astype(np.int32) for name in ("h11", "h21")}
    if dataset == "fth6d":
        twos, threes = (rng.integers(0, 12, groups)[index] for _ in range(2))
        clusters = np.array([rng.permutation(possible_clusters(a, b))[0] for a, b in zip(twos, threes, strict=True)])
        for i, name in enumerate(("3_2", "3_2_2", "2_3_2")):
            table[f"n_clusters_{name}"] = clusters[:, i].astype(np.int32)
        table |= {"n_curves_minus_2": twos.astype(np.int32), "n_curves_minus_3": threes.astype(np.int32)}
        for name in ("h11", "h21"):
            table[name] = table[name] + (clusters @ [1, 1, 3]).astype(np.int32)
    return table | {"n_moduli": table["h11"]}


def possible_clusters(twos, threes):
    """Every number of clusters -3 -2, -3 -2 -2, -2 -3 -2 that so many curves of -2 and -3 leave room for."""
    return [
        (a, b, c)
        for a in range(min(twos, threes) + 1)
        for b in range(threes - a + 1)
        for c in range(threes - a - b + 1)
        if a + 2 * b + 2 * c <= twos
    ]


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("dataset", FAMILIES)
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
@pytest.mark.parametrize("dataset", FAMILIES)
@given(st.integers(0, 2**32))
def test_what_is_trained_on_is_below_the_threshold_and_what_is_tested_is_not(split, dataset, seed):
    table = features_of(dataset, seed)
    threshold = THRESHOLDS[split][dataset]
    found = parts(split, dataset, table, threshold)
    measure = table["n_moduli"] if split == "ood_complexity" else table["h11"] + table["h21"]
    assert (measure[found == "train"] < threshold).all()
    assert (measure[found == "test"] >= threshold).all()
    assert dataset == "fth6d" or (found[measure >= threshold] == "test").all()


@pytest.mark.parametrize("twos", range(9))
@pytest.mark.parametrize("threes", range(6))
def test_the_range_within_a_multiset_of_curves_is_exact(twos, threes):
    added = [a + b + 3 * c for a, b, c in possible_clusters(twos, threes)]
    counts = {"n_curves_minus_2": twos, "n_curves_minus_3": threes}
    counts |= dict.fromkeys(("n_clusters_3_2", "n_clusters_3_2_2", "n_clusters_2_3_2"), 0)
    row = {name: np.array([value], dtype=np.int32) for name, value in counts.items()}
    row |= {"geometry_id": np.array([0]), "duplicate_group": np.array([2**62 - 1]), "n_moduli": np.array([100])}

    def part(threshold):  # of a base whose -3 curves stand alone
        return parts("ood_complexity", "fth6d", row, threshold)[0]

    assert min(added) == 0 and part(100) == "test"
    assert max(added) == 0 or part(101) == part(100 + max(added)) == "val"
    assert part(101 + max(added)) == "train"


def test_shares_of_the_parts():
    features = {"geometry_id": np.arange(100_000), "duplicate_group": np.arange(100_000)}
    found = parts("iid", "ks", features)
    for part, share in (("train", 0.70), ("val", 0.15), ("test", 0.15)):
        assert np.mean(found == part) == pytest.approx(share, abs=0.006)  # four standard errors
    assert set(parts("ood_dataset_ks", "ks", features).tolist()) == {"test"}
    held_in = parts("ood_dataset_ks", "cicy3", features)
    assert set(held_in.tolist()) == {"train", "val"}
    assert np.mean(held_in == "train") == pytest.approx(0.85, abs=0.006)


def test_a_family_without_a_threshold_holds_nothing_out():
    features = features_of("ks", 1)
    assert set(parts("ood_hodge", "ks", features, None)) == {"train", "val"}


def test_only_datasets_of_the_run_are_held_out():
    assert splits_of(list(FAMILIES)) == list(SPLITS.values())
    always = ["iid", "ood_complexity", "ood_hodge"]
    names = [split.name for split in splits_of(["ks", "fth6d"])]
    assert names == [*always, "ood_dataset_ks", "ood_dataset_fth6d"]
    assert [split.name for split in splits_of(["ks"])] == always


@pytest.mark.slow
@pytest.mark.parametrize("dataset", FAMILIES)
def test_the_whole_landscape(dataset, tmp_path):
    """No real group crosses parts; each threshold is the smallest that holds out at most 15 % of its dataset."""
    others = dict.fromkeys(set(FAMILIES) - {dataset})
    tables = tables_of(read_config({"datasets": others, "n_limit": None, "shard_rows": 1_000_000}))
    geometries = paths_of(tables, f"geometries/{dataset}")
    (features,) = paths_of(tables, f"features/{dataset}")
    build_geometries([tmp_path / path for path in geometries], tables[geometries[0]])
    build_features([tmp_path / path for path in geometries], tmp_path / features, tables[features])
    table = pl.read_parquet(tmp_path / features)
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
    inputs = {"features/ks": fingerprint_of(recipe)}
    return shards, {"table": "splits", "split": "ood_hodge", "thresholds": THRESHOLDS["ood_hodge"], "inputs": inputs}


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
