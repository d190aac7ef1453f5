"""Weight systems against the published lists, PALP, the published counts, and brute force on small cases."""

import gzip
import itertools
import shutil
import subprocess
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vacuagym.errors import InputError
from vacuagym.geometry import weight_systems
from vacuagym.geometry.polytopes import MAX_POINTS, facets, lattice_points
from vacuagym.tables.columns import content_sha256, ragged, take


@pytest.fixture(scope="module")
def systems():
    return weight_systems.generate()


@pytest.fixture(scope="module")
def features(systems):
    parts = [
        weight_systems.features(take(systems, np.arange(start, min(start + 1000, weight_systems.COUNT))))
        for start in range(0, weight_systems.COUNT, 1000)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def single(*weights):
    return {
        "kind": np.zeros(1, np.int8),
        "degrees": ragged([[sum(weights)]], np.int32),
        "weights": ragged([weights], np.int32),
    }


def test_generated_systems_are_the_published_ones(systems, lists):
    assert content_sha256(weight_systems.read(lists)) == content_sha256(systems)


def test_counts_of_generated_systems(systems):
    assert np.bincount(systems["kind"]).tolist() == [184_026, 16_040, 1_122, 36, 6]
    assert content_sha256(systems) == weight_systems.CONTENT_SHA256
    assert [len(weight_systems.interior_point_systems(n)) for n in (2, 3, 4)] == [1, 3, 95]


def test_published_counts(systems, features):
    pairs = [set(zip(features["h11"][of], features["h21"][of], strict=True)) for of in kinds(systems)]
    assert [len(of) for of in pairs] == [10_237, 2_543, 596, 29, 6]
    five = systems["kind"] == 0
    assert np.count_nonzero(features["is_transverse"]) == 7_555
    assert np.count_nonzero(features["is_favourable"][five]) == 89_092
    assert np.count_nonzero(features["divisibility"][five] > 1) == 444
    assert len(np.unique(features["duplicate_group"][five])) == 51_586
    degree = features["total_degree"]
    for bound, count, transverse, hodge in [(50, 4472, 948, 1994), (60, 7930, 1292, 2918), (100, 27090, 2410, 5808)]:
        of = five & (degree <= bound)
        assert np.count_nonzero(of) == count
        assert np.count_nonzero(features["is_transverse"][of]) == transverse
        assert len(set(zip(features["h11"][of], features["h21"][of], strict=True))) == hodge


def kinds(systems):
    return [systems["kind"] == kind for kind in range(5)]


def test_riemann_roch(features):
    kappa, c2 = features["primitive_triple_intersection"], features["primitive_second_chern"]
    assert not ((2 * kappa + c2) % 12).any()
    assert np.array_equal(kappa * features["divisibility"] ** 3, features["triple_intersection_j"])


@pytest.mark.parametrize(
    ("weights", "hodge", "primitive"),
    [
        ((1, 1, 1, 1, 1), (1, 101), (5, 50)),
        ((1, 1, 1, 1, 2), (1, 103), (3, 42)),
        ((1, 1, 2, 2, 2), (2, 86), (8, 56)),
        ((1, 1, 2, 2, 6), (2, 128), (4, 52)),
        ((1, 1, 1, 6, 9), (2, 272), (9, 102)),
        ((1, 1, 12, 28, 42), (11, 491), None),
    ],
)
def test_known_hypersurfaces(weights, hodge, primitive):
    found = weight_systems.features(single(*weights))
    assert (found["h11"][0], found["h21"][0]) == hodge
    if primitive:
        assert (found["primitive_triple_intersection"][0], found["primitive_second_chern"][0]) == primitive


def test_euler_number_of_transverse_systems(systems, features):
    """chi = (1/d) sum_{g | d} J_2(d / g) prod_{i : d | g w_i} (1 - d / w_i); Vafa 1989."""
    rows = np.flatnonzero(features["is_transverse"])[::50]
    for row in rows:
        w = take(systems, np.array([row]))["weights"].values.tolist()
        d = sum(w)
        total = 0
        for g in (g for g in range(1, d + 1) if d % g == 0):
            term = jordan(d // g)
            for x in w:
                if g * x % d == 0:
                    term *= 1 - d / x
            total += term
        assert round(total / d) == features["euler_characteristic"][row], w


def jordan(n):
    """Jordan's totient J_2: pairs (a, b) modulo n that with n have no common divisor."""
    value, p, rest = n * n, 2, n
    while rest > 1:
        if rest % p == 0:
            value = value * (p * p - 1) // (p * p)
            while rest % p == 0:
                rest //= p
        p += 1
    return value


def test_toric_spec(systems, features, lists):
    """The published Hodge data of the single systems; its columns are h21, h11, chi."""
    with gzip.open(lists / "toric.spec.gz", "rt") as file:
        rows = [line.split() for line in file]
    listed = {(int(row[1]), int(row[0])) for row in rows if len(row) >= 3 and row[0].isdigit() and row[1].isdigit()}
    five = systems["kind"] == 0
    assert set(zip(features["h11"][five].tolist(), features["h21"][five].tolist(), strict=True)) <= listed
    assert len(listed) == 10_237


@pytest.mark.slow
def test_all_hodge_numbers_against_palp(systems, features, tmp_path):
    """Points, vertices and Hodge numbers of all 201,230 polytopes as PALP computes them."""
    poly = shutil.which("poly-4d.x", path=f"{sysconfig.get_path('scripts')}:{palp_folder()}")
    assert poly, "PALP's poly-4d.x is part of the test requirements"
    for kind in range(5):
        rows = np.flatnonzero(systems["kind"] == kind)
        width = weight_systems._COORDINATES[kind]
        text = "\n".join(as_text(take(systems, np.array([row])), width) for row in rows)
        (tmp_path / "in").write_text(text + "\n")
        done = subprocess.run([poly, "-f"], stdin=open(tmp_path / "in"), capture_output=True, text=True, check=True)
        lines = [line for line in done.stdout.splitlines() if "M:" in line]
        assert len(lines) == len(rows)
        for row, line in zip(rows, lines, strict=True):
            words = line[line.index("M:") :].replace("M:", "").replace("N:", "").replace("H:", "").split()
            h11, h21 = words[4].split(",")[:2]
            names = ("n_points_m", "n_vertices_m", "n_points_n", "n_vertices_n", "h11", "h21")
            assert [int(x) for x in (*words[:4], h11, h21)] == [int(features[name][row]) for name in names], line


def palp_folder():
    return next((str(path.parent) for path in Path(sysconfig.get_path("purelib")).rglob("poly-4d.x")), "")


def as_text(system, width):
    weights = system["weights"].values.reshape(-1, width)
    return " ".join(
        f"{degree} " + " ".join(map(str, row)) for degree, row in zip(system["degrees"].values, weights, strict=True)
    )


@given(st.lists(st.integers(1, 12), min_size=3, max_size=5), st.integers(1, 8))
def test_lattice_points_by_brute_force(weights, degree):
    points = np.empty((1_000, len(weights)), np.int64)
    count = lattice_points(np.array([weights]), np.array([degree]), points)
    ranges = [range(degree // w + 1) for w in weights]
    expected = [a for a in itertools.product(*ranges) if np.dot(a, weights) == degree]
    assert sorted(map(tuple, points[:count].tolist())) == sorted(expected)


@given(st.lists(st.tuples(*[st.integers(-3, 3)] * 2), min_size=3, max_size=9, unique=True))
def test_facets_of_polygons_by_brute_force(points):
    array = np.array(points, dtype=np.int64)
    normals, incidence = np.empty((64, 3), np.int64), np.zeros((64, MAX_POINTS // 64), np.uint64)
    count = facets(array, len(array), normals, incidence)
    expected = set()
    for (x0, y0), (x1, y1) in itertools.permutations(points, 2):
        a, b = y0 - y1, x1 - x0
        g = np.gcd.reduce([a, b, -(a * x0 + b * y0)])
        normal = (-(a * x0 + b * y0) // g, a // g, b // g)
        values = [normal[0] + normal[1] * x + normal[2] * y for x, y in points]
        if min(values) >= 0 and max(values) > 0:
            expected.add(normal)
    if count == -1:  # all on a line
        assert np.linalg.matrix_rank(array - array[0]) < 2
    else:
        assert {tuple(normal) for normal in normals[:count].tolist()} == expected
        for normal, bits in zip(normals[:count], incidence[:count], strict=True):
            on = [j for j, (x, y) in enumerate(points) if normal[0] + normal[1] * x + normal[2] * y == 0]
            assert int(bits[0]) == sum(1 << j for j in on)


@given(st.integers(0, 184_025), st.permutations(range(5)))
def test_features_do_not_depend_on_the_order_of_weights_or_the_batch(systems, features, row, order):
    weights = take(systems, np.array([row]))["weights"].values
    found = weight_systems.features(single(*weights[np.array(order)].tolist()))
    for name, column in found.items():
        assert column[0] == features[name][row], name


def test_dictionary_describes_the_features(features):
    assert tuple(features) == tuple(column.name for column in weight_systems.FEATURES)
    assert all(str(features[column.name].dtype) == column.type for column in weight_systems.FEATURES)


def test_damaged_lists_are_refused(lists, tmp_path):
    for path in lists.glob("w*.ip*"):
        shutil.copy(path, tmp_path)
    (tmp_path / "w33.ip").chmod(0o644)
    text = (tmp_path / "w33.ip").read_bytes()
    for damaged, expected in [
        (text.replace(b"4 0 0 0 2 1 1", b"4 0 0 0 2 1 2", 1), "line 2"),
        (text[: len(text) // 2 + 9], "line 4"),
        (text.replace(b"\n", b" x\n", 1), "line 1"),
        (text.replace(b"3 0 0 0 1 1 1", b"3 1 1 1 0 0 0", 1), "coordinate without a weight"),
        (text.replace(b"4 0 0 0 2 1 1", b"1000000000003 0 0 0 1000000000000 2 1", 1), "largest degree"),
        (text.replace(b"4 0 0 0 2 1 1", b"9" * 30 + b" 0 0 0 2 1 1", 1), "largest degree"),
        (b"\n".join(text.split(b"\n")[1:]), "holds 5"),
        (b"", "empty"),
        (b"\x1f\x8b" + text, "gzip"),
        (bytes(range(128, 256)), "not text"),
    ]:
        (tmp_path / "w33.ip").write_bytes(damaged)
        with pytest.raises(InputError) as error:
            weight_systems._read_kind(tmp_path / "w33.ip", 4)
        assert "w33.ip" in str(error.value) and expected in str(error.value)
    first, second, *others = text.splitlines()
    (tmp_path / "w33.ip").write_bytes(b"\n".join([second, first, *others]))  # each line by itself is right
    with pytest.raises(InputError, match="other than the published ones"):
        weight_systems.read(tmp_path)
    (tmp_path / "w33.ip").unlink()
    with pytest.raises(InputError, match="holds neither w33.ip"):
        weight_systems.read(tmp_path)
