"""Toric bases against the published list, the counts of arXiv:1204.0283 and anomaly-free 6D physics."""

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vacuagym.errors import InputError
from vacuagym.geometry import toric_bases
from vacuagym.tables.columns import content_sha256, ragged, take

LIST = "toric-bases.m.gz"


@pytest.fixture(scope="module")
def bases():
    return toric_bases.generate()


@pytest.fixture(scope="module")
def features(bases):
    return toric_bases.features(bases)


def of(*curves):
    return {"self_intersections": ragged([curves], np.int16)}


def test_generated_bases_are_the_published_ones(bases, lists):
    assert content_sha256(toric_bases.read(lists / LIST)) == content_sha256(bases)


def test_the_content_hash_is_that_of_the_generated_bases(bases):
    assert content_sha256(bases) == toric_bases.CONTENT_SHA256


def test_published_counts(features):
    h11, h21 = features["h11"], features["h21"]
    pairs = set(zip(h11.tolist(), h21.tolist(), strict=True))
    assert len(h11) == 61_539
    assert len(pairs) == 7_524
    assert sum((b, a) in pairs for a, b in pairs) == 4_071
    assert (h11.min(), h11.max(), h21.min(), h21.max()) == (2, 491, 2, 491)
    assert (features["euler_characteristic"].min(), features["euler_characteristic"].max()) == (-960, 960)
    assert np.count_nonzero(features["euler_characteristic"] == 0) == 1_500
    assert np.count_nonzero(features["gauge_rank"] == 0) == 16
    assert features["n_clusters"].max() == 65
    assert len(np.unique(features["duplicate_group"])) == 26_546
    heavy = sum(features[f"n_curves_minus_{m}"] for m in (9, 10, 11))
    assert np.count_nonzero(heavy == 0) == 34_868
    assert np.bincount(features["n_rays"]).argmax() == 26
    assert np.count_nonzero(features["n_rays"] == 26) == 2_179


@pytest.mark.parametrize(
    ("curves", "hodge"),
    [((1, 1, 1), (2, 272))]
    + [((0, -m, 0, m), pair) for m, pair in [(0, (3, 243)), (1, (3, 243)), (2, (3, 243)), (9, (14, 404))]]
    + [((0, -m, 0, m), pair) for m, pair in [(10, (13, 433)), (11, (12, 462)), (12, (11, 491))]],
)
def test_hodge_numbers_of_p2_and_hirzebruch_surfaces(curves, hodge):
    found = toric_bases.features(of(*curves))
    assert (found["h11"][0], found["h21"][0]) == hodge


def test_the_base_with_most_tensor_multiplets(features):
    row = int(features["n_tensor_multiplets"].argmax())
    names = ("n_tensor_multiplets", "h11", "h21", "gauge_rank", "n_vector_multiplets", "n_neutral_hypers")
    assert [int(features[name][row]) for name in names] == [193, 491, 11, 296, 5592, 12]


def rays(curves):
    """Rays of the fan with these self-intersections: v_{i+1} = -D_i^2 v_i - v_{i-1}."""
    fan = [(1, 0), (0, 1)]
    for curve in curves[1:-1]:
        (x0, y0), (x1, y1) = fan[-2:]
        fan.append((-curve * x1 - x0, -curve * y1 - y0))
    return np.array(fan)


def monomials(curves, weight):
    """Sections of -weight K, as lattice points m with m·v >= -weight for every ray, by scanning the polygon's rows."""
    fan = rays(curves)
    count = 0
    for y in range(-weight, 12 * weight * len(curves)):
        low, high, alive = -np.inf, np.inf, True
        for vx, vy in fan:
            bound = -weight - vy * y
            if vx > 0:
                low = max(low, -(-bound // vx))
            elif vx < 0:
                high = min(high, bound // vx)
            else:
                alive = alive and bound <= 0
        if not alive:
            break
        if high >= low:
            count += int(high - low) + 1
    return count


def test_monomials_count_the_complex_structure_moduli(bases, features):
    """#f + #g = H0 + 2 + sum over curves k >= -2 of (k + 1), where -2 curves inside clusters are left out."""
    sample = np.unique(np.linspace(0, 61_538, 40).astype(int))
    for row in sample:
        curves = take(bases, np.array([row]))["self_intersections"].values.tolist()
        automorphisms = sum(k + 1 for k in curves if k >= -1) - int(features["n_free_minus_2"][row])
        expected = features["n_neutral_hypers"][row] + 2 + automorphisms
        assert monomials(curves, 4) + monomials(curves, 6) == expected, curves


@given(st.integers(0, 61_538), st.integers(0, 200), st.booleans())
def test_features_do_not_depend_on_rotation_and_reflection(bases, features, row, shift, mirrored):
    curves = np.roll(take(bases, np.array([row]))["self_intersections"].values, shift)
    found = toric_bases.features(of(*(curves[::-1] if mirrored else curves)))
    for name, column in found.items():
        if name != "self_intersections":
            assert column[0] == features[name][row], name


def test_dictionary_describes_the_features(features):
    assert tuple(features) == tuple(column.name for column in toric_bases.FEATURES)
    for column in toric_bases.FEATURES:
        array = features[column.name]
        assert column.type == (f"list<{array.values.dtype}>" if isinstance(array, tuple) else str(array.dtype))


def corrupted(text):
    """Name, damaged text, and what the message must contain."""
    lines = text.split(b"\n")
    at = next(i for i, line in enumerate(lines) if line.startswith(b"{0,9,0,-9}"))
    digit = lines[:]
    digit[at] = digit[at].replace(b"0,10,0,-10", b"0,10,0,-11")
    both = lines[:]
    both[at] = both[at].replace(b"0,10,0,-10", b"0,12,0,-12")
    letter = lines[:]
    letter[at] = letter[at].replace(b"0,10,0", b"0,1O,0")
    yield "digit", b"\n".join(digit), f"line {at + 1}"
    yield "twice", b"\n".join(both), f"line {at + 1}"
    yield "letter", b"\n".join(letter), f"line {at + 1}"
    yield "line cut", b"\n".join(lines[:at] + [lines[at][:17]] + lines[at + 1 :]), f"line {at + 1}"
    yield "line gone", b"\n".join(lines[:at] + lines[at + 1 :]), "61535"
    yield "cut short", text[:2000], "line"
    yield "empty", b"", "empty"
    yield "binary", bytes(range(256)) * 10, "not text"
    yield "gzip cut short", gzip.compress(text)[:1000], "gzip"


def test_damaged_lists_are_refused(lists, tmp_path):
    text = gzip.decompress((lists / LIST).read_bytes())
    path = tmp_path / "bases.m"
    for name, damaged, expected in corrupted(text):
        assert damaged != text, name
        path.write_bytes(damaged)
        with pytest.raises(InputError) as error:
            toric_bases.read(path)
        assert str(path) in str(error.value) and expected in str(error.value), (name, str(error.value))
