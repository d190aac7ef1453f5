"""Tables cut into pieces and put together again."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vacuagym.schema import Column
from vacuagym.tables.arrays import concatenate, from_lists, n_rows, ragged, take

lists = st.lists(st.lists(st.integers(-99, 99), max_size=4), min_size=1, max_size=40)


def a_table(rows):
    return {"number": np.arange(len(rows)), "list": ragged(rows, np.int16)}


def rows_of(table):
    values, offsets = table["list"]
    return [(n, values[a:b].tolist()) for n, a, b in zip(table["number"], offsets[:-1], offsets[1:], strict=True)]


@given(lists, st.lists(st.integers(1, 9), min_size=1))
def test_pieces_put_together_are_the_table(rows, sizes):
    table, pieces, start = a_table(rows), [], 0
    for k in range(len(rows)):
        stop = min(start + sizes[k % len(sizes)], len(rows))
        if start < stop:
            pieces.append(take(table, np.arange(start, stop)))
            assert n_rows(pieces[-1]) == stop - start
        start = stop
    assert rows_of(concatenate(pieces)) == rows_of(table) == list(enumerate(rows))


@given(lists)
def test_columns_from_lists_have_the_types_of_the_dictionary(rows):
    columns = (Column("number", "int8", "1", "."), Column("list", "list<int32>", "1", "."))
    table = from_lists(columns, {"number": [1] * len(rows), "list": rows})
    assert table["number"].dtype == np.int8 and table["list"].values.dtype == np.int32
    assert [row for _, row in rows_of(table)] == rows
