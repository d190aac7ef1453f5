"""Complete intersections against the published list, known manifolds, and naive algebra on small cases."""

import gzip
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vacuagym.errors import InputError
from vacuagym.geometry.cicy import FAMILY
from vacuagym.geometry.cicy import threefolds as cicy
from vacuagym.tables.arrays import content_sha256, n_rows, ragged, take

LIST = "cicylist.txt.gz"


@pytest.fixture(scope="module")
def geometries():
    return cicy.generate()


@pytest.fixture(scope="module")
def features(geometries):
    return cicy.features(geometries)


def of(matrix):
    matrix = np.array(matrix)
    return {
        "n_factors": np.array([matrix.shape[0]], np.int32),
        "n_equations": np.array([matrix.shape[1]], np.int32),
        "configuration": ragged([matrix.ravel()], np.int8),
    }


def matrix_of(geometries, row):
    one = take(geometries, np.array([row]))
    return one["configuration"].values.reshape(one["n_factors"][0], -1)


def test_configurations_are_the_published_ones(geometries, lists):
    """Reading compares chi, c2 and the Hodge numbers of all entries but the 22 products with their matrices."""
    assert n_rows(geometries) == 7_890
    assert content_sha256(geometries) == cicy.CONTENT_SHA256
    assert content_sha256(cicy.read(lists / LIST)) == cicy.CONTENT_SHA256


def test_published_counts(features):
    pairs = list(zip(features["h11"].tolist(), features["h21"].tolist(), strict=True))
    product = features["is_product"]
    assert sorted(pair for pair, is_product in zip(pairs, product, strict=True) if is_product) == (
        [(9, 9)] * 4 + [(21, 21)] * 18
    )
    assert len({pair for pair, is_product in zip(pairs, product, strict=True) if not is_product}) == 265
    assert np.count_nonzero(features["is_favourable"]) == 4_874
    chi = features["euler_characteristic"]
    assert (chi.min(), chi.max(), len(np.unique(chi))) == (-200, 0, 70)
    assert features["triple_intersection_numbers"].values.max() == 27
    groups, sizes = np.unique(features["duplicate_group"], return_counts=True)
    assert (len(groups), sizes.max()) == (2_559, 92)


def test_published_numbers_are_a_permutation_that_follows_the_euler_number(features, lists):
    numbers = cicy.published_numbers(lists / LIST)
    assert sorted(numbers.tolist()) == list(range(1, 7_891))
    chi = features["euler_characteristic"][np.argsort(numbers)]
    assert (np.diff(chi) <= 0).all()


@pytest.mark.parametrize(
    ("matrix", "hodge", "kappa", "c2"),
    [
        ([[5]], (1, 101), 5, 50),
        ([[2, 4]], (1, 89), 8, 56),
        ([[3, 3]], (1, 73), 9, 54),
        ([[2, 2, 3]], (1, 73), 12, 60),
        ([[2, 2, 2, 2]], (1, 65), 16, 64),
        ([[3], [3]], (2, 83), None, 36),
        ([[2], [2], [2], [2]], (4, 68), None, 24),
        ([[3, 0], [0, 4]], (21, 21), None, None),
        ([[3, 0, 0], [0, 3, 0], [0, 0, 3]], (9, 9), None, None),
    ],
)
def test_known_manifolds(matrix, hodge, kappa, c2):
    found = cicy.features(of(matrix))
    assert (found["h11"][0], found["h21"][0]) == hodge
    if kappa:
        assert found["triple_intersection_numbers"].values.tolist() == [kappa]
    if c2:
        assert set(found["second_chern_numbers"].values.tolist()) == {c2}


@given(st.integers(0, 7_889), st.randoms())
def test_nothing_depends_on_the_order_of_rows_and_columns(geometries, features, row, random):
    matrix = matrix_of(geometries, row)
    m, k = matrix.shape
    shuffled = matrix[random.sample(range(m), m)][:, random.sample(range(k), k)]
    found = cicy.features(of(shuffled))
    for name, column in found.items():
        if not isinstance(column, tuple):
            assert column[0] == features[name][row], name


@given(st.integers(0, 400))
def test_intersections_by_naive_expansion(geometries, features, row):
    matrix = matrix_of(geometries, row).astype(np.int64)
    n = matrix.sum(axis=1) - 1
    m = len(n)
    one = take(features, np.array([row]))
    triples = map(tuple, one["triple_intersection_indices"].values.reshape(-1, 3).tolist())
    d = dict(zip(triples, one["triple_intersection_numbers"].values.tolist(), strict=True))
    assert list(d) == sorted(d) and 0 not in d.values() and one["n_fields"][0] == m
    for r, s, t in itertools.combinations_with_replacement(range(m), 3):
        poly = {tuple(np.bincount([r, s, t], minlength=m)): 1}
        for column in matrix.T:
            grown = {}
            for powers, coefficient in poly.items():
                for i in np.flatnonzero(column):
                    key = tuple(p + (j == i) for j, p in enumerate(powers))
                    grown[key] = grown.get(key, 0) + coefficient * int(column[i])
            poly = {key: value for key, value in grown.items() if all(p <= top for p, top in zip(key, n, strict=True))}
        assert poly.get(tuple(n.tolist()), 0) == d.get((r, s, t), 0)


@given(st.lists(st.lists(st.integers(-9, 9), min_size=3, max_size=3), min_size=2, max_size=3))
def test_smith_normal_form_by_minors(rows):
    """The product of the first k diagonal entries is the gcd of all k x k minors."""
    matrix = np.array(rows)
    diagonal = cicy.smith_normal_form(matrix.copy())
    for k in range(1, len(diagonal) + 1):
        minors = [
            round(np.linalg.det(matrix[np.ix_(i, j)]))
            for i in itertools.combinations(range(matrix.shape[0]), k)
            for j in itertools.combinations(range(3), k)
        ]
        assert np.prod(diagonal[:k]) == np.gcd.reduce(minors)


def test_a_row_does_not_depend_on_its_batch(geometries, features):
    rows = np.array([7_889, 3, 5_000, 0, 4_096])
    assert content_sha256(cicy.features(take(geometries, rows))) == content_sha256(take(features, rows))
    assert n_rows(cicy.features(take(geometries, rows[:0]))) == 0


def test_dictionary_describes_the_features(features):
    assert tuple(features) == tuple(column.name for column in FAMILY.features)
    for column in FAMILY.features:
        array = features[column.name]
        assert column.type == (f"list<{array.values.dtype}>" if isinstance(array, tuple) else str(array.dtype))


def twice(text):
    """The list with the second entry replaced by the first, numbered 2, its first two rows exchanged."""
    first, _, rest = text.split(b"\n\n", 2)
    lines = first.replace(b"Num    : 1\n", b"Num    : 2\n").split(b"\n")
    lines[8], lines[9] = lines[9], lines[8]
    return b"\n\n".join([first, b"\n".join(lines), rest])


def test_traces_of_editors_are_read(lists, tmp_path):
    expected = cicy._entries(lists / LIST)
    text = gzip.decompress((lists / LIST).read_bytes()).replace(b", ", b" ,\t").replace(b"\n", b" \t\r\r\n")
    (tmp_path / "list").write_bytes(b"\xef\xbb\xbf\n" + text.rstrip())
    for (_, fields, matrix), (_, fields_again, again) in zip(cicy._entries(tmp_path / "list"), expected, strict=True):
        assert fields == fields_again and np.array_equal(matrix, again)


def test_damaged_lists_are_refused(lists, tmp_path):
    text = gzip.decompress((lists / LIST).read_bytes())
    lines = text.split(b"\n")
    cases = {
        "digit": (text.replace(b"{1, 1, 0, 0, 0, 0}", b"{1, 1, 1, 0, 0, 0}", 1), "line 1:"),
        "hodge": (text.replace(b"H11    : 15", b"H11    : 14", 1), "line 1:"),
        "letter": (text.replace(b"{1, 1, 0", b"{1, x, 0", 1), "line 9"),
        "line cut": (b"\n".join(lines[:8] + [lines[8][:9]] + lines[9:]), "line 9"),
        "line gone": (b"\n".join(lines[:9] + lines[10:]), "line 1:"),
        "field gone": (b"\n".join(lines[:4] + lines[5:]), "line 5"),
        "degree": (text.replace(b"{1, 1, 0, 0, 0, 0}", b"{7, 1, 0, 0, 0, 0}", 1), "line 1:"),
        "second chern": (text.replace(b"C2     : {24, 24, 24, 24", b"C2     : {24, 24, 24, 36", 1), "line 1:"),
        "twice": (twice(text), "is entry 1 (line 1)"),
        "cut short": (text[: text.index(b"\n\nNum    : 4000")], "holds 3,999 of 7,890"),
        "others gone": (b"\n\n".join(text.split(b"\n\n")[1::2]), "holds 3,945 of 7,890"),
        "empty": (b" \n", "empty"),
        "binary": (bytes(range(128, 256)), "not text"),
        "gzip cut short": (gzip.compress(text)[:3000], "gzip"),
    }
    path = tmp_path / "cicylist.txt"
    for name, (damaged, expected) in cases.items():
        assert damaged != text, name
        path.write_bytes(damaged)
        with pytest.raises(InputError) as error:
            cicy.read(path)
        assert str(path) in str(error.value) and expected in str(error.value), (name, str(error.value))
