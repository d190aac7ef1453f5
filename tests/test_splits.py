"""Splits and run order: what must never change when a run grows."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from vacuagym import steps
from vacuagym.geometry import COUNTS
from vacuagym.plan import tables_of
from vacuagym.run_order import limited, run_order, shard_ranges
from vacuagym.splits import SPLITS, THRESHOLD_SPLITS, parts, reads, splits_of
from vacuagym.tables.columns import Column
from vacuagym.tables.shards import new_shard

THRESHOLDS = yaml.safe_load((Path(__file__).parents[1] / "config" / "config.yaml").read_text())["splits"]


@pytest.mark.parametrize("dataset", COUNTS)
def test_run_order_is_a_permutation_without_trend(dataset):
    count = COUNTS[dataset]
    order = run_order(count, dataset)
    assert np.array_equal(np.sort(order), np.arange(count))
    # the mean of a fair sample of 1,000 has a standard error of count / sqrt(12,000)
    assert abs(order[:1000].mean() - count / 2) < 4 * count / np.sqrt(12_000)


def test_run_order_is_fixed():
    assert run_order(COUNTS["cicy3"], "cicy3")[:6].tolist() == [179, 5919, 3416, 5134, 3221, 878]


@given(st.integers(0, 5_000), st.integers(1, 700), st.integers(0, 5_000))
def test_shards_cover_the_rows_and_full_ones_stay(rows, shard_rows, more):
    ranges = shard_ranges(rows, shard_rows)
    assert [row for start, stop in ranges for row in range(start, stop)] == list(range(rows))
    full = [shard for shard in ranges if shard[1] - shard[0] == shard_rows]
    assert shard_ranges(rows + more, shard_rows)[: len(full)] == full


@pytest.mark.parametrize(("n_limit", "expected"), [(None, 7_890), (20, 20), (10**9, 7_890), (7_890, 7_890)])
def test_limit(n_limit, expected):
    assert limited(7_890, n_limit) == expected


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
@pytest.mark.parametrize("dataset", COUNTS)
@given(st.integers(0, 2**32))
def test_groups_never_cross_parts_and_parts_never_change(split, dataset, seed):
    table = features_of(dataset, seed)
    table = {name: table[name] for name in reads(split, dataset)}  # nothing else is needed
    found = parts(split, dataset, table, THRESHOLDS.get(split))
    groups = table["duplicate_group"].tolist()
    part_of = dict(zip(groups, found.tolist(), strict=True))
    assert [part_of[group] for group in groups] == found.tolist()
    prefix = {name: column[:50] for name, column in table.items()}
    assert parts(split, dataset, prefix, THRESHOLDS.get(split)).tolist() == found[:50].tolist()


@pytest.mark.parametrize("split", THRESHOLD_SPLITS)
@pytest.mark.parametrize("dataset", COUNTS)
@given(st.integers(0, 2**32))
def test_what_is_trained_on_is_below_the_threshold_and_what_is_tested_is_not(split, dataset, seed):
    table = features_of(dataset, seed)
    threshold = THRESHOLDS[split][dataset]
    found = parts(split, dataset, table, THRESHOLDS[split])
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
        return parts("ood_complexity", "fth6d", row, {"fth6d": threshold})[0]

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


def test_unknown_split_is_refused():
    with pytest.raises(ValueError, match="known: iid"):
        parts("idd", "ks", {"geometry_id": np.arange(1), "duplicate_group": np.arange(1)})


def test_only_datasets_of_the_run_are_held_out():
    assert splits_of(list(COUNTS)) == SPLITS
    always = ("iid", "ood_complexity", "ood_hodge")
    assert splits_of(["ks", "fth6d"]) == (*always, "ood_dataset_ks", "ood_dataset_fth6d")
    assert splits_of(["ks"]) == always


@pytest.mark.slow
@pytest.mark.parametrize("dataset", COUNTS)
def test_the_whole_landscape(dataset, tmp_path):
    """No real group crosses parts; each threshold is the smallest that holds out at most 15 % of its dataset."""
    config = {"datasets": {dataset: {"source": "generate"}}, "n_limit": None, "shard_rows": 1_000_000, "splits": {}}
    tables = tables_of(config | {"model": {}, "seed": 0})
    geometries, features = f"resources/geometries/{dataset}.parquet", f"results/features/{dataset}/part-00000.parquet"
    steps.build_geometries(tmp_path / "geometries.parquet", tables[geometries])
    steps.build_features(
        tmp_path / "geometries.parquet", tables[geometries], tmp_path / "features.parquet", tables[features]
    )
    for split in SPLITS:
        table = pl.read_parquet(tmp_path / "features.parquet", columns=list(reads(split, dataset)))
        columns = {name: table[name].to_numpy() for name in table.columns}
        found = pl.Series("part", parts(split, dataset, columns, THRESHOLDS.get(split)))
        assert table.with_columns(found).group_by("duplicate_group").agg(pl.col("part").n_unique())["part"].max() == 1
        if split in THRESHOLD_SPLITS:
            threshold = THRESHOLDS[split][dataset]
            shares = [
                np.mean(parts(split, dataset, columns, {dataset: t}) == "test") for t in (threshold, threshold - 1)
            ]
            assert shares[0] <= 0.15 < shares[1]


@pytest.mark.slow
def test_memory_of_a_split_does_not_grow_with_its_rows(tmp_path):
    """10^6 rows and 10^7 rows, ten times the same shard, with memory as a job measures it."""
    names = reads("ood_hodge", "ks")
    shards, inputs = [tmp_path / f"part-{part:05d}.parquet" for part in range(10)], {"dataset": "ks"}
    with new_shard(shards[0], [Column(name, "int64", "1", "") for name in names], inputs) as write:
        for start in range(0, 1_000_000, 1_000):
            write({name: np.random.default_rng(start).integers(1, 500, 1_000) for name in names})
    for shard in shards[1:]:
        shard.hardlink_to(shards[0])
    made_by = {"split": "ood_hodge", "thresholds": THRESHOLDS["ood_hodge"]}
    peaks = []
    for count in (1, 10):
        code = (
            "from pathlib import Path\nfrom vacuagym import steps\nfrom vacuagym.process import peak_memory_mb\n"
            f"features = {{Path(path): {inputs} for path in {[str(shard) for shard in shards[:count]]}}}\n"
            f"steps.build_split(features, Path({str(tmp_path / 'split.parquet')!r}), {made_by})\n"
            "print(peak_memory_mb())"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        peaks.append(float(done.stdout.split()[-1]))
    assert pl.scan_parquet(tmp_path / "split.parquet").select(pl.len()).collect().item() == 10_000_000
    assert peaks[1] < 300 and peaks[1] < 1.1 * peaks[0]
