"""Weight systems against the published lists, PALP, the published counts, and brute force on small cases."""

import gzip
import itertools
import shutil
import subprocess
import sysconfig
from pathlib import Path

import numpy as np
import pytest
import scipy.spatial
from hypothesis import given
from hypothesis import strategies as st

from vacuagym.errors import InputError
from vacuagym.geometry.polytopes import facets, new_hull
from vacuagym.geometry.weight_systems import FAMILY
from vacuagym.geometry.weight_systems import systems as weight_systems
from vacuagym.geometry.weight_systems.polytopes import interior_point, kernel_lattice, lattice_points
from vacuagym.tables.arrays import Ragged, concatenate, content_sha256, ragged, take


@pytest.fixture(scope="module")
def systems():
    return weight_systems.generate()


@pytest.fixture(scope="module")
def features(systems):
    """Features of all systems, but for the lists."""
    parts = []
    for start in range(0, FAMILY.count, 1000):
        batch = take(systems, np.arange(start, min(start + 1000, FAMILY.count)))
        found = weight_systems.features(batch)
        assert all(np.array_equal(found[name].values, batch[name].values) for name in ("degrees", "weights"))
        parts.append({name: column for name, column in found.items() if not isinstance(column, Ragged)})
    return concatenate(parts)


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


@pytest.mark.slow
def test_published_counts(systems, features):
    pairs = [set(zip(features["h11"][of], features["h21"][of], strict=True)) for of in kinds(systems)]
    assert [len(of) for of in pairs] == [10_237, 2_543, 596, 29, 6]
    five = systems["kind"] == 0
    assert np.count_nonzero(features["is_transverse"]) == 7_555
    assert np.count_nonzero(features["is_favourable"][five]) == 89_092
    assert np.count_nonzero(features["divisibility"][five] > 1) == 444
    degree = features["total_degree"]
    for bound, count, transverse, hodge in [
        (50, 4_472, 948, 1_994),
        (60, 7_930, 1_292, 2_918),
        (80, 16_619, 1_884, 4_544),
        (100, 27_090, 2_410, 5_808),
    ]:
        of = five & (degree <= bound)
        assert np.count_nonzero(of) == count
        assert np.count_nonzero(features["is_transverse"][of]) == transverse
        assert len(set(zip(features["h11"][of], features["h21"][of], strict=True))) == hodge


def kinds(systems):
    return [systems["kind"] == kind for kind in range(5)]


@pytest.mark.slow
def test_riemann_roch(features):
    """chi(O(H)) = H^3 / 6 + c2·H / 12 is an integer, H^3 and c2·H too (so J^3 and c2·J are exact multiples of them)."""
    kappa, c2, r = (
        features[name] for name in ("primitive_triple_intersection", "primitive_second_chern", "divisibility")
    )
    assert len(kappa) == FAMILY.count
    assert not ((2 * kappa + c2) % 12).any()
    assert np.array_equal(kappa * r**3, features["triple_intersection_j"])
    assert np.array_equal(c2 * r, features["second_chern_j"])
    assert np.array_equal(c2 * r, 12 * (features["n_points_m"] - 1) - 2 * kappa * r**3)


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


@pytest.mark.slow
def test_euler_number_of_transverse_systems(systems, features):
    """chi = (1/d) sum_{g | d} J_2(d / g) prod_{i : d | g w_i} (1 - d / w_i), Vafa 1989: right for all of the 7,555
    transverse systems, and for none of the other 176,471.
    """
    five = slice(0, 184_026)  # in the order of their degrees
    weights = systems["weights"].values[: 5 * 184_026].reshape(-1, 5)
    chi = np.zeros(len(weights))
    degrees, starts = np.unique(features["total_degree"][five], return_index=True)
    for d, start, stop in zip(degrees.tolist(), starts, [*starts[1:], len(weights)], strict=True):
        w = weights[start:stop]
        for g in (g for g in range(1, d + 1) if d % g == 0):
            chi[start:stop] += jordan(d // g) / d * np.where(g * w % d == 0, 1 - d / w, 1.0).prod(axis=1)
    right = np.abs(chi - features["euler_characteristic"][five]) < 1e-6
    assert np.count_nonzero(right) == 7_555
    assert np.array_equal(right, features["is_transverse"][five])


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


@pytest.mark.slow
def test_toric_spec(systems, features, lists):
    """The published Hodge data of the single systems, as lines of h21, h11, chi with chi = 2 (h11 - h21) exchanged."""
    with gzip.open(lists / "toric.spec.gz", "rt") as file:
        rows = [tuple(map(int, line.split())) for line in file if not line.startswith("#")]
    assert len(rows) == 10_237
    five = systems["kind"] == 0
    h11, h21 = features["h11"][five].tolist(), features["h21"][five].tolist()
    assert {(h21, h11, 2 * (h11 - h21)) for h11, h21 in zip(h11, h21, strict=True)} == set(rows)


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
    hull = new_hull(2)
    count = facets(array, len(array), hull)
    expected = set()
    for (x0, y0), (x1, y1) in itertools.permutations(points, 2):
        a, b = y0 - y1, x1 - x0
        g = np.gcd.reduce([a, b, -(a * x0 + b * y0)])
        normal = (-(a * x0 + b * y0) // g, a // g, b // g)
        values = [normal[0] + normal[1] * x + normal[2] * y for x, y in points]
        if min(values) >= 0 and max(values) > 0:
            expected.add(normal)
    if count == 0:  # all on a line
        assert np.linalg.matrix_rank(array - array[0]) < 2
    else:
        assert {tuple(normal) for normal in hull.normals[:count].tolist()} == expected
        for normal, bits in zip(hull.normals[:count], hull.incidence[:count], strict=True):
            on = [j for j, (x, y) in enumerate(points) if normal[0] + normal[1] * x + normal[2] * y == 0]
            assert int(bits[0]) == sum(1 << j for j in on)


@pytest.mark.parametrize(("n", "highest"), [(2, 12), (3, 40), (4, 24), (5, 18)])
def test_low_degrees_by_brute_force(n, highest):
    """Every weight system up to a degree, its hull by Qhull: those with (1, …, 1) inside are those of the recursion."""
    expected = []
    for degree in range(n, highest + 1):
        for w in partitions(degree, n):
            a = np.indices([degree // x + 1 for x in w]).reshape(n, -1).T
            if np.gcd.reduce(w) == 1 and origin_is_inside(a[a @ w == degree, 1:] - 1.0):
                expected.append(w)
    found = weight_systems.interior_point_systems(n)
    assert found[found.sum(axis=1) <= highest].tolist() == [list(w) for w in sorted(expected, key=canonical_order)]


def partitions(degree, n, least=1):
    """The ascending n-tuples of positive integers with this sum."""
    if n == 1:
        return [(degree,)]
    return [(w, *rest) for w in range(least, degree // n + 1) for rest in partitions(degree - w, n - 1, w)]


def canonical_order(w):
    return sum(w), *reversed(w)


def origin_is_inside(points):
    if np.linalg.matrix_rank(points - points[0]) < points.shape[1]:
        return False
    if points.shape[1] == 1:
        return points.min() < 0 < points.max()
    return scipy.spatial.ConvexHull(points).equations[:, -1].max() < -1e-9


def test_the_sixteen_reflexive_polygons():
    """Polygons of lattice points around the origin, of the four systems whose polygons contain all reflexive ones.

    All facets are at distance 1, boundary points of polygon and dual polygon are 12 in all, and up to bases of the
    lattice there are 16 of them.
    """
    classes = set()
    for weights in ([[1, 1, 1]], [[1, 1, 2]], [[1, 2, 3]], [[1, 1, 0, 0], [0, 0, 1, 1]]):
        weights = np.array(weights)
        degrees, k = weights.sum(axis=1), weights.shape[1]
        points, coordinates = np.empty((16, k), np.int64), np.empty((2, k), np.int64)
        points = points[: lattice_points(weights, degrees, points)]
        assert kernel_lattice(weights, coordinates)
        points = [p for p in map(tuple, ((points - 1) @ coordinates.T).tolist()) if p != (0, 0)]
        for size in range(3, len(points) + 1):
            for chosen in itertools.combinations(points, size):
                chosen = np.array(sorted(chosen, key=lambda p: np.arctan2(p[1], p[0])))
                x, y = chosen.T
                turns = x * np.roll(y, -1) - y * np.roll(x, -1)  # 1 for each pair of neighbours that is a basis
                if not (turns == 1).all():
                    continue  # these are not all the boundary points of a polygon around the origin
                sums = np.roll(chosen, 1, axis=0) + np.roll(chosen, -1, axis=0)  # v_{i-1} + v_{i+1} = m_i v_i
                sequence = (sums * chosen).sum(axis=1) // (chosen**2).sum(axis=1)
                if sequence.max() > 2:
                    continue  # not convex
                hull, dual = new_hull(2), new_hull(2)
                count = facets(chosen, size, hull)
                assert (hull.normals[:count, 0] == 1).all()
                rays = hull.normals[:count, 1:].copy()
                assert facets(rays, count, dual) == np.count_nonzero(sequence < 2) == count
                following = np.roll(in_order(rays), -1, axis=0)
                assert size + np.gcd(*(in_order(rays) - following).T).sum() == 12
                turned = [tuple(np.roll(s, i).tolist()) for s in (sequence, sequence[::-1]) for i in range(size)]
                classes.add(min(turned))
    assert len(classes) == 16


def in_order(points):
    """Points in the plane, once around the origin."""
    return points[np.argsort(np.arctan2(points[:, 1], points[:, 0]))]


def test_too_large_is_not_the_same_as_without_interior_point():
    assert interior_point(np.array([[[1, 1, 1, 1, 3482]], [[1, 1, 1, 1, 1]]]), np.array([[3486], [5]])).tolist() == [
        -1,
        1,
    ]
    with pytest.raises(RuntimeError, match="than there is room for"):
        weight_systems._has_interior_point(np.array([[[1, 1, 1, 1, 3482]]]), np.array([[3486]]))


@given(st.integers(0, 184_025), st.integers(0, 184_025), st.permutations(range(5)))
def test_features_do_not_depend_on_the_order_of_weights_or_the_batch(systems, row, other, order):
    weights = take(systems, np.array([row]))["weights"].values
    found = weight_systems.features(single(*weights[np.array(order)].tolist()))
    batch = take(weight_systems.features(take(systems, np.array([other, row]))), np.array([1]))
    for name in found.keys() - {"weights"}:
        one, two = (column.values if isinstance(column, Ragged) else column for column in (found[name], batch[name]))
        assert np.array_equal(one, two), name


def test_dictionary_describes_the_features():
    features = weight_systems.features(FAMILY.example)
    assert tuple(features) == tuple(column.name for column in FAMILY.features)
    for column in FAMILY.features:
        values = features[column.name]
        found = f"list<{values.values.dtype}>" if isinstance(values, Ragged) else str(values.dtype)
        assert found == column.type, column.name


def test_traces_of_editors_are_read(lists, tmp_path):
    text = (lists / "w33.ip").read_text()
    expected = weight_systems._read_kind(lists / "w33.ip", 4)
    (tmp_path / "w33.ip").write_text("\n \n" + text.replace(" ", "\t").replace("\n", "  \t\n\n").rstrip())
    assert np.array_equal(weight_systems._read_kind(tmp_path / "w33.ip", 4), expected)
    (tmp_path / "w33.ip").write_text(text.replace("\n", "\n\n").replace("4 0 0 0 2 1 1", "4 0 0 0 2 1 2", 1))
    with pytest.raises(InputError, match="line 3: '3 1 1 1 0 0 0  4 0 0 0 2 1 2'"):
        weight_systems._read_kind(tmp_path / "w33.ip", 4)


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
        (text.replace(b"3 0 0 0 1 1 1", b"0 0 0 0 0 0 0", 1), "degree of zero"),
        (text.replace(b"4 0 0 0 2 1 1", b"5 0 0 0 3 1 1", 1), "lacks the interior-point property"),
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
    w5 = tmp_path / "w5.ip"
    for damaged, expected in [
        ("5 1 1 1 1 1\n6 1 1 1 1 2\n6 1 1 1 1 2\n", "line 3.*stands twice"),
        ("6 1 1 1 1 2\n5 1 1 1 1 1\n", "line 2.*list's order"),
        ("6 2 1 1 1 1\n", "line 1.*ascending"),
        ("4 0 1 1 1 1\n", "line 1.*not positive"),
        ("3486 1 1 1 1 3482\n", "line 1.*more lattice points or facets"),
    ]:
        w5.write_text(damaged)
        with pytest.raises(InputError, match=expected):
            weight_systems._read_kind(w5, 0)
    (tmp_path / "w33.ip").unlink()
    with pytest.raises(InputError, match="lacks 1 of 5 files, w33.ip"):
        weight_systems.read(tmp_path)
