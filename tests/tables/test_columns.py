"""Tables cut into pieces and put together again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vacuagym.tables.columns import concatenate, n_rows, next_rows, ragged, take

lists = st.lists(st.lists(st.integers(-99, 99), max_size=4), min_size=1, max_size=40)


def a_table(rows):
    return {"number": np.arange(len(rows)), "list": ragged(rows, np.int16)}


def rows_of(table):
    values, offsets = table["list"]
    return [(n, values[a:b].tolist()) for n, a, b in zip(table["number"], offsets[:-1], offsets[1:], strict=True)]


@given(lists, st.lists(st.integers(1, 9), min_size=1), st.lists(st.integers(0, 9), min_size=1))
def test_rows_come_in_order_whatever_the_batches_and_the_demands(rows, sizes, demands):
    table, batches, start = a_table(rows), [], 0
    for k in range(len(rows)):
        stop = min(start + sizes[k % len(sizes)], len(rows))
        if start < stop:
            batches.append(take(table, np.arange(start, stop)))
        start = stop
    assert rows_of(concatenate(batches)) == rows_of(table)
    stream, taken, left = next_rows(iter(batches)), [], len(rows)
    for demand in demands:
        demand = min(demand, left)
        part = stream(demand)
        assert n_rows(part) == demand
        taken += rows_of(part)
        left -= demand
    assert taken + rows_of(stream(left)) == rows_of(table)


def test_a_stream_that_ends_too_early_is_an_error():
    stream = next_rows(iter([a_table([[1], [2, 3]])]))
    with pytest.raises(ValueError, match="3 rows are needed, the stream ends after 2"):
        stream(3)
