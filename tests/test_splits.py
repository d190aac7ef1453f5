"""Splits and run order: what must never change when a run grows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vacuagym.geometry import COUNTS
from vacuagym.run_order import limited, run_order, shard_ranges
from vacuagym.splits import SPLITS, parts, splits_of


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


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("dataset", COUNTS)
@given(st.integers(0, 2**32))
def test_groups_never_cross_parts_and_parts_never_change(split, dataset, seed):
    groups = np.random.default_rng(seed).integers(0, 2**63, 40)[np.random.default_rng(seed).integers(0, 40, 200)]
    features = {"geometry_id": np.arange(200), "duplicate_group": groups}
    found = parts(split, dataset, features)
    part_of = dict(zip(groups.tolist(), found.tolist(), strict=True))
    assert [part_of[group] for group in groups.tolist()] == found.tolist()
    prefix = {name: column[:50] for name, column in features.items()}
    assert parts(split, dataset, prefix).tolist() == found[:50].tolist()


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
    assert splits_of(["ks", "fth6d"]) == ("iid", "ood_dataset_ks", "ood_dataset_fth6d")
    assert splits_of(["ks"]) == ("iid",)
