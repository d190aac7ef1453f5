"""Run order, limits and shards: what must never change when a run grows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vacuagym.geometry import COMPLETE_FAMILIES, FAMILIES
from vacuagym.geometry.run_order import limited, own_order, run_order, shard_ranges


@pytest.mark.parametrize("dataset", COMPLETE_FAMILIES)
def test_run_order_is_a_permutation_without_trend(dataset):
    count = FAMILIES[dataset].count
    order = run_order(count, dataset)
    assert np.array_equal(np.sort(order), np.arange(count))
    # the mean of a fair sample of 1,000 has a standard error of count / sqrt(12,000)
    assert abs(order[:1000].mean() - count / 2) < 4 * count / np.sqrt(12_000)


def test_run_order_is_fixed():
    assert run_order(FAMILIES["cicy3"].count, "cicy3")[:6].tolist() == [179, 5919, 3416, 5134, 3221, 878]


@given(st.integers(0, 5_000), st.integers(1, 700), st.integers(0, 5_000))
def test_shards_cover_the_rows_and_full_ones_stay(rows, shard_rows, more):
    ranges = shard_ranges(rows, shard_rows)
    assert [row for start, stop in ranges for row in range(start, stop)] == list(range(rows))
    full = [shard for shard in ranges if shard[1] - shard[0] == shard_rows]
    assert shard_ranges(rows + more, shard_rows)[: len(full)] == full


@pytest.mark.parametrize(("n_limit", "expected"), [(None, 7_890), (20, 20), (10**9, 7_890), (7_890, 7_890)])
def test_limit(n_limit, expected):
    assert limited(7_890, n_limit) == expected


@pytest.mark.parametrize("count", [1, 2, 3, 7, 64, 65, 12_345])
def test_the_order_of_a_dataset_of_ones_own_is_a_permutation_without_trend(count):
    order = own_order(np.arange(count), count, "mine")
    assert np.array_equal(np.sort(order), np.arange(count))
    assert np.array_equal(own_order(order, count, "mine", inverse=True), np.arange(count))
    assert np.array_equal(own_order(np.arange(count // 2, count), count, "mine"), order[count // 2 :])
    assert count < 7 or not np.array_equal(order, own_order(np.arange(count), count, "yours"))
    if count > 10_000:
        assert abs(order[:1000].mean() - count / 2) < 4 * count / np.sqrt(12_000)
        assert abs(np.corrcoef(order[:-1], order[1:])[0, 1]) < 4 / np.sqrt(count)


def test_the_order_of_a_dataset_of_ones_own_is_fixed_and_holds_for_any_size():
    assert own_order(np.arange(6), 12_345, "mine").tolist() == [7273, 1783, 6238, 9956, 4877, 6293]
    places = np.arange(10**6, 10**6 + 5)
    numbers = own_order(places, 473_800_776, "mine")
    assert np.array_equal(own_order(numbers, 473_800_776, "mine", inverse=True), places)
