"""Counter-based draws against numpy's own Philox."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vacuagym.numerics.philox import draw_key, fill_uniform


@given(
    st.integers(0, 2**64 - 1),
    st.sampled_from(["ks", "cicy3", "fth6d"]),
    st.integers(0, 2**31),
    st.integers(0, 999),
    st.integers(0, 99),
    st.integers(1, 40),
)
def test_draws_are_bit_equal_to_numpy(seed, dataset, geometry, sample, stream, count):
    key = draw_key(seed, dataset)
    found = np.empty(count)
    fill_uniform(key, geometry, sample, stream, found)
    generator = np.random.Generator(np.random.Philox(key=key, counter=[0, geometry, sample, stream]))
    assert np.array_equal(found, generator.random(count))


def test_neighbours_share_no_draws():
    draws = np.empty((3, 3, 3, 8))
    for g in range(3):
        for sample in range(3):
            for stream in range(3):
                fill_uniform(draw_key(g + sample, "ks"), g, sample, stream, draws[g, sample, stream])
    assert len(np.unique(draws)) == draws.size
