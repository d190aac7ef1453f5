"""Toric bases against the published list, brute force, monomials, and the counts of arXiv:1204.0283."""

import gzip
import itertools
import random

import numpy as np
import pytest
import scipy.optimize
import scipy.spatial
from hypothesis import given
from hypothesis import strategies as st

from vacuagym.errors import InputError
from vacuagym.geometry.polytopes import complete_pair, new_polytope
from vacuagym.geometry.toric_bases import FAMILY
from vacuagym.geometry.toric_bases import bases as toric_bases
from vacuagym.geometry.triangulations import intersect, new_fan, restore, triangulate
from vacuagym.numerics.compiled import njit
from vacuagym.tables.arrays import concatenate, content_sha256, ragged, take

LIST = "toric-bases.m.gz"


@pytest.fixture(scope="module")
def bases():
    return toric_bases.generate()


@pytest.fixture(scope="module")
def features(bases):
    starts = range(0, FAMILY.count, 1000)
    return concatenate([toric_bases.features(take(bases, np.arange(s, min(s + 1000, FAMILY.count)))) for s in starts])


def of(*curves):
    return {"self_intersections": ragged([curves], np.int16)}


def curves_of(bases, row):
    return take(bases, np.array([row]))["self_intersections"].values


def sample(count):
    """Rows spread over the whole list, first and last included."""
    return np.unique(np.linspace(0, FAMILY.count - 1, count).astype(int)).tolist()


# --- the set of bases ---


def test_generated_bases_are_the_published_ones(bases, lists):
    published = toric_bases.read(lists / LIST)["self_intersections"]
    np.testing.assert_array_equal(published.offsets, bases["self_intersections"].offsets)
    np.testing.assert_array_equal(published.values, bases["self_intersections"].values)
    assert content_sha256({"self_intersections": published}) == content_sha256(bases)


def test_geometry_ids_never_change(bases):
    assert content_sha256(bases) == "16c94253e8fc0065dc4465c3a458cb13067c06e10be0949116cbf5d4c79a1089"


def rays(curves):
    """Rays of the fan with these self-intersections: v_{i+1} = -D_i² v_i - v_{i-1}."""
    fan = [(1, 0), (0, 1)]
    for curve in curves[1:-1]:
        (x0, y0), (x1, y1) = fan[-2:]
        fan.append((-int(curve) * x1 - x0, -int(curve) * y1 - y0))
    return np.array(fan)


def canonical(curves):
    """Canonical form by sorting all rotations and reflections."""
    n = len(curves)
    images = [tuple(turned[(i + j) % n] for j in range(n)) for turned in (curves, curves[::-1]) for i in range(n)]
    return min(images, key=lambda image: tuple(-curve for curve in image[::-1]))


def lattice_points(fan, weight):
    """All u with v·u >= -weight for every ray v, by scanning a box; the first two rays are (1, 0) and (0, 1)."""
    x, y = np.meshgrid(np.arange(-weight, 100), np.arange(-weight, 100))
    u = np.stack([x.ravel(), y.ravel()])
    return u[:, (fan @ u >= -weight).all(axis=0)]


def is_allowed(curves):
    """No toric curve or point where all monomials of f and of g vanish to orders 4 and 6."""
    turn = int(np.argmax(curves))  # at the curve of largest self-intersection the polygons fit the box
    fan = rays(np.roll(curves, -turn))
    f, g = ((fan @ lattice_points(fan, weight)).min(axis=1) + weight for weight in (4, 6))
    at_points = (f + np.roll(f, 1) >= 4) & (g + np.roll(g, 1) >= 6)
    return not (((f >= 4) & (g >= 6)) | at_points).any()


def test_bases_of_few_curves_by_brute_force(bases):
    """All blow-ups of P2 and F_m, each judged by its monomials, without closure or orders computed on the way."""
    level = {(1, 1, 1)} | {canonical((0, m, 0, -m)) for m in range(14)}
    for n in range(3, 9):
        expected = {curves for curves in level if len(curves) == n and is_allowed(curves)}
        rows = np.flatnonzero(np.diff(bases["self_intersections"].offsets) == n)
        assert {tuple(curves_of(bases, row).tolist()) for row in rows} == expected
        for curves in [curves for curves in level if len(curves) == n]:
            for i in range(n):
                blown = [*curves[:i], curves[i] - 1, -1, *curves[i + 1 :]]
                blown[(i + 2) % (n + 1)] -= 1
                level.add(canonical(tuple(blown)))


@njit
def _scan(x, y, weight, order):
    """Number of lattice points of the polygon {u : v·u >= -weight}; ``order`` gets the least v·u + weight of each ray."""
    order[:] = 1 << 40
    count = 0
    for direction in (1, -1):
        b = 0 if direction == 1 else -1
        while True:
            low, low_over, high, high_over, empty = -(1 << 40), 1, 1 << 40, 1, False
            for i in range(len(x)):  # x_i a >= -weight - y_i b
                bound = -weight - y[i] * b
                if x[i] > 0 and bound * low_over > low * x[i]:
                    low, low_over = bound, x[i]
                elif x[i] < 0 and -bound * high_over < high * -x[i]:
                    high, high_over = -bound, -x[i]
                elif x[i] == 0 and bound > 0:
                    empty = True
            if empty or low * high_over > high * low_over:
                break
            first, last = -(-low // low_over), high // high_over
            if first <= last:
                count += last - first + 1
                for i in range(len(x)):
                    order[i] = min(order[i], weight + y[i] * b + min(x[i] * first, x[i] * last))
            b += direction
    return count


@pytest.mark.slow
def test_monomials_of_every_base(bases, features):
    """#f + #g = H0 + 2 + sum over curves k >= -2 of (k + 1), -2 curves inside clusters left out; no (4,6) anywhere."""
    orders = {}
    for row in range(FAMILY.count):
        curves = curves_of(bases, row)
        fan = rays(curves)
        x, y = np.ascontiguousarray(fan.T)
        f, g = np.empty(len(fan), np.int64), np.empty(len(fan), np.int64)
        count = _scan(x, y, 4, f) + _scan(x, y, 6, g)
        automorphisms = (curves[curves >= -1].astype(int) + 1).sum() - features["n_free_minus_2"][row]
        assert count == features["n_neutral_hypers"][row] + 2 + automorphisms, curves
        assert not ((f >= 4) & (g >= 6)).any() and not ((f + np.roll(f, 1) >= 4) & (g + np.roll(g, 1) >= 6)).any()
        orders.update({int(curve): (f[i], g[i]) for i, curve in enumerate(curves) if curve in (-3, -4, -8, -12)})
    assert orders[-4] == (2, 3) and orders[-8] == (3, 5) and orders[-12] == (4, 5)  # so8, e7, e8 of Kodaira's list


# --- features ---


def test_published_counts(bases, features):
    h11, h21 = features["h11"], features["h21"]
    pairs = set(zip(h11.tolist(), h21.tolist(), strict=True))
    assert len(h11) == 61_539
    assert len(pairs) == 7_524
    assert sum((b, a) in pairs for a, b in pairs) == 4_071
    assert (h11.min(), h11.max(), h21.min(), h21.max()) == (2, 491, 2, 491)
    assert h11[h21 == 2].tolist() == [272]
    assert (features["euler_characteristic"].min(), features["euler_characteristic"].max()) == (-960, 960)
    assert np.count_nonzero(features["euler_characteristic"] == 0) == 1_500
    assert np.count_nonzero(features["gauge_rank"] == 0) == 16  # the reflexive polygons
    assert (features["n_clusters"].min(), features["n_clusters"].max()) == (0, 65)
    assert len(np.unique(features["duplicate_group"])) == 60_603
    assert np.count_nonzero(sum(features[f"n_curves_minus_{m}"] for m in (9, 10, 11)) == 0) == 34_868
    assert np.count_nonzero(features["n_exceptional_curves"] == 0) == 34_868
    assert (features["n_rays"].min(), features["n_rays"].max()) == (3, 194)
    assert np.bincount(features["n_rays"]).argmax() == 26
    assert np.count_nonzero(features["n_rays"] == 26) == 2_179
    assert (bases["self_intersections"].values.min(), bases["self_intersections"].values.max()) == (-12, 12)


@pytest.mark.parametrize(
    ("curves", "hodge"),
    [
        ((1, 1, 1), (2, 272)),
        ((0, 0, 0, 0), (3, 243)),
        ((0, -1, 0, 1), (3, 243)),
        ((0, -2, 0, 2), (3, 243)),
        ((0, -3, 0, 3), (5, 251)),
        ((0, -4, 0, 4), (7, 271)),
        ((0, -5, 0, 5), (7, 295)),
        ((0, -6, 0, 6), (9, 321)),
        ((0, -7, 0, 7), (10, 348)),
        ((0, -8, 0, 8), (10, 376)),
        ((0, -9, 0, 9), (14, 404)),
        ((0, -10, 0, 10), (13, 433)),
        ((0, -11, 0, 11), (12, 462)),
        ((0, -12, 0, 12), (11, 491)),
    ],
)
def test_hodge_numbers_of_p2_and_hirzebruch_surfaces(curves, hodge):
    found = toric_bases.features(of(*curves))
    assert (found["h11"][0], found["h21"][0]) == hodge


def test_the_base_with_most_tensor_multiplets(features):
    row = int(features["n_tensor_multiplets"].argmax())
    names = ("n_tensor_multiplets", "h11", "h21", "gauge_rank", "n_vector_multiplets", "n_neutral_hypers")
    assert [int(features[name][row]) for name in names] == [193, 491, 11, 296, 5592, 12]


def test_cyclic_statistics_by_their_definitions(bases, features):
    symmetric = np.flatnonzero((features["n_rotations"] > 1) | features["has_reflection"])[::40].tolist()
    for row in sample(100) + symmetric:
        curves = curves_of(bases, row).astype(int)
        n = len(curves)
        assert features["n_rotations"][row] == sum(np.array_equal(curves, np.roll(curves, i)) for i in range(n))
        mirror_images = [np.roll(curves[::-1], i) for i in range(n)]
        assert features["has_reflection"][row] == any(np.array_equal(curves, image) for image in mirror_images)
        fan = set(map(tuple, rays(curves).tolist()))
        assert features["n_toric_fibrations"][row] == sum((-x, -y) in fan for x, y in fan) / 2
        for lag in range(1, 7):
            assert features[f"correlation_lag_{lag}"][row] == curves @ np.roll(curves, -lag)
        chains = "".join("x" if curve <= -2 else " " for curve in [*curves, *curves]).split()
        assert features["longest_chain"][row] == max(map(len, chains), default=0)
        for value in range(-12, 13):
            name = f"n_curves_{'minus' if value < 0 else 'plus'}_{abs(value)}"
            assert features[name][row] == np.count_nonzero(curves == value)


def test_every_base_but_p2_is_fibred(features):
    assert np.flatnonzero(features["n_toric_fibrations"] == 0).tolist() == [0]


@given(st.integers(0, FAMILY.count - 1), st.integers(0, 200), st.booleans())
def test_features_do_not_depend_on_rotation_and_reflection(bases, features, row, shift, mirrored):
    curves = np.roll(curves_of(bases, row), shift)
    found = toric_bases.features(of(*(curves[::-1] if mirrored else curves)))
    expected = take(features, np.array([row]))
    for name in set(found) - {"self_intersections"}:
        assert content_sha256({name: found[name]}) == content_sha256({name: expected[name]}), name


@given(st.lists(st.integers(0, FAMILY.count - 1), min_size=1, max_size=20))
def test_features_of_a_row_do_not_depend_on_the_batch(bases, features, rows):
    rows = np.array(rows)
    found, expected = toric_bases.features(take(bases, rows)), take(features, rows)
    assert {name: content_sha256({name: found[name]}) for name in found} == {
        name: content_sha256({name: expected[name]}) for name in expected
    }


def test_dictionary_describes_the_tables(bases, features):
    for columns, table in ((FAMILY.geometry_columns, bases), (FAMILY.features, features)):
        assert tuple(table) == tuple(column.name for column in columns)
        for column in columns:
            array = table[column.name]
            assert column.type == (f"list<{array.values.dtype}>" if isinstance(array, tuple) else str(array.dtype))


@pytest.mark.parametrize(
    ("curves", "reason"),
    [
        ((1, 1), "curves"),
        ((0, -13, 0, 13), "±12"),
        ((1, 1, 2), "sum"),
        ((0, 1, 1, -2), "smooth toric surface"),
        ((1, 1, 1, -3, -3, -3), "smooth toric surface"),
        ((-2, -1, -2, -4, 0, 3), "4 and 6"),
    ],
)
def test_features_refuse_what_is_no_base(bases, curves, reason):
    rows = [curves_of(bases, 5), curves]
    with pytest.raises(InputError, match=f"row 1 .*{reason}"):
        toric_bases.features({"self_intersections": ragged(rows, np.int16)})


# --- topology of the elliptic threefold ---


def monomials(curves):
    """Points (m, a, b) of the Newton polytope of the Weierstrass model, by scanning a box for each power of x and y."""
    turn = int(np.argmax(curves))  # at the curve of largest self-intersection the polygons fit the box
    fan, points = rays(np.roll(curves, -turn)), []
    for a, b in itertools.product(range(-9, 2), repeat=2):
        size = 1 + 2 * a + 3 * b
        if size >= 0:  # else the origin of the base would be outside
            m = lattice_points(fan, size).T
            points.append(np.concatenate([m, np.tile([a, b], (len(m), 1))], axis=1))
    return fan, np.concatenate(points)


def rows_of_few_curves(bases, features):
    """Bases of up to 16 curves: without a gauge group, with exceptional curves, and others."""
    few = np.flatnonzero(np.diff(bases["self_intersections"].offsets) <= 16)
    smooth = few[features["gauge_rank"][few] == 0]
    exceptional = few[features["n_exceptional_curves"][few] > 0]
    return np.unique(
        np.concatenate([smooth, few[:20], few[:: len(few) // 15], exceptional[:: len(exceptional) // 15]])
    ).tolist()


def test_labelled_threefold_is_that_of_the_monomials(bases, features):
    """The features' polytope is the Newton polytope, or its dual by Qhull, up to a basis of the lattice."""
    mirrors = np.flatnonzero(features["is_mirror"])
    for row in rows_of_few_curves(bases, features) + mirrors[:: len(mirrors) // 8].tolist():
        found, (_, points) = take(features, np.array([row])), monomials(curves_of(bases, row))
        assert found["is_mirror"][0] == (found["h21"][0] < found["h11"][0])
        expected = triangulate(points if found["is_mirror"][0] else dual_vertices(points))
        assert np.array_equal(found["rays"].values, expected.rays.ravel())
        assert np.array_equal(found["heights"].values, expected.heights)
        assert np.array_equal(found["basis"].values, expected.basis)
        assert np.array_equal(found["triple_intersection_numbers"].values, expected.triple_intersection_numbers)
        assert np.array_equal(found["second_chern_numbers"].values, expected.second_chern_numbers)


def dual_vertices(points):
    """Vertices of the dual of a reflexive polytope: the n with n·x >= -1 on a facet."""
    equations = scipy.spatial.ConvexHull(points).equations  # n·x + offset <= 0, the offset negative
    vertices = np.rint(equations[:, :4] / equations[:, 4:])
    assert (points @ vertices.T >= -1).all()
    return np.unique(vertices, axis=0).astype(np.int64)


def ample(curves):
    """Integers h_i with sum h_i D_i ample on the base: its degrees h_(i-1) + h_(i+1) + D_i^2 h_i on the curves are positive."""
    form = np.diag(curves)
    for i in range(len(curves)):
        form[i, i - 1] = form[i - 1, i] = 1
    return np.rint(1000 * scipy.optimize.linprog(np.ones(len(curves)), -form, -np.ones(len(curves))).x).astype(int)


def near_fibration(vertices, base, curves):
    """Rays of the elliptic threefold's toric variety in the coordinates of its vertices, kappa and c2 of their divisors.

    An ample class of the base, added many times to the heights, lets each cone lie over one of the base where it can.
    """
    polytope, dual, fan = new_polytope(), new_polytope(), new_fan()
    polytope.points[: len(vertices)], polytope.sizes[0] = vertices, len(vertices)
    assert complete_pair(polytope, dual) and complete_pair(dual, polytope)
    points = polytope.points[: polytope.sizes[0]]
    points = points[(points @ polytope.normals[: polytope.sizes[1]].T == -1).sum(axis=1) > 1].copy()
    heights = (points**2).sum(axis=1) * 2**14 + np.random.default_rng(0).integers(0, 2**14, len(points))
    heights += 2**20 * (np.stack([support(base, point[:2]) for point in points]) @ ample(curves))
    restore(points, heights, polytope, dual, fan)
    numbers, second_chern = np.empty((2, 20_000), np.int64)
    count, _ = intersect(fan, polytope.normals, numbers, second_chern)
    kappa, packed = np.zeros((len(points),) * 3), numbers[:count]
    for index in itertools.permutations((packed >> 48, packed >> 40 & 255, packed >> 32 & 255)):
        kappa[index] = (packed & 0xFFFFFFFF) - (1 << 31)
    return points, kappa, second_chern[: len(points)]


def test_zero_section_and_curves_of_the_base(bases, features):
    """With c1 = c1(B): E^3 = c1^2, E^2 D = -c1·D, E C D = C·D for the section E and pulled-back curves C, D.

    The section is the toric base, c2·E = c2(B) - c1^2 by adjunction, c2·D = 12 c1·D and C D D' = 0 (hep-th/9701162). A
    curve's pull-back is the sum of all divisors over it, with the multiplicities of its support function. Beside a curve of
    self-intersection -3 some curves away from the section are flopped: no cone of the polytope's facets lies over one cone
    of the base there.
    """
    fibred = flopped = 0
    for row in rows_of_few_curves(bases, features):
        curves = curves_of(bases, row).astype(int)
        if features["h11"][row] > 60:
            continue
        fan, newton = monomials(curves)
        curves = np.roll(curves, -int(np.argmax(curves)))
        points, kappa, second_chern = near_fibration(dual_vertices(newton), fan, curves)
        (section,) = np.flatnonzero((points == [0, 0, 2, 3]).all(axis=1))
        pulled = np.stack([support(fan, point[:2]) for point in points])
        form = np.diag(curves)
        for i in range(len(curves)):
            form[i, i - 1] = form[i - 1, i] = 1
        assert np.array_equal(np.einsum("ai,bj,ab->ij", pulled, pulled, kappa[section]), form)
        assert np.array_equal(kappa[section, section] @ pulled, -(curves + 2))
        assert kappa[section, section, section] == 12 - len(curves)
        assert second_chern[section] == len(curves) - (12 - len(curves))
        if -3 in curves:
            flopped += 1
            continue
        assert np.array_equal(second_chern @ pulled, 12 * (curves + 2))
        assert not np.einsum("ai,bj,ck,abc->ijk", pulled, pulled, pulled, kappa, optimize=True).any()
        fibred += 1
    assert fibred > 20 and flopped > 10


def support(fan, point):
    """Coefficients of a point of the plane in the generators of the cone that it lies in."""
    found = np.zeros(len(fan), int)
    for i in range(len(fan)):
        cone = np.array([fan[i - 1], fan[i]])
        x, y = np.rint(point @ np.linalg.inv(cone)).astype(int)
        if x >= 0 and y >= 0:
            found[i - 1], found[i] = x, y
            return found
    raise AssertionError(f"{point} is in no cone")


# --- the published list ---


@pytest.fixture(scope="module")
def text(lists):
    return gzip.decompress((lists / LIST).read_bytes())


@pytest.fixture
def refusal(tmp_path, bases, monkeypatch):
    """A function that gives the message with which a damaged list is refused."""
    monkeypatch.setattr(toric_bases, "generate", lambda: bases)  # saves seconds

    def message(damaged):
        path = tmp_path / "bases.m"
        path.write_bytes(damaged)
        with pytest.raises(InputError) as error:
            toric_bases.read(path)
        assert error.value.where.startswith(str(path))
        return str(error.value)

    return message


def test_traces_of_editors_are_read(text, tmp_path, bases):
    changed = text.replace(b",", b",\t").replace(b"\n", b" \t\r\n\r\n").rstrip()
    (tmp_path / "bases.m").write_bytes(b"\xef\xbb\xbf\n" + changed)
    assert content_sha256(toric_bases.read(tmp_path / "bases.m")) == content_sha256(bases)


def test_a_damaged_line_is_named_whatever_ends_it(text, refusal):
    damaged, line = replaced(text, b"{0,10,0,-10}", b"{0,10,0,-11}")
    assert lines_named(refusal(damaged.replace(b"\n", b"\r")))[0] in (line, line + 1)


def lines_named(message):
    numbers = message.split(", line", 1)[1].split(":")[0].removeprefix("s").split(" to ")
    return int(numbers[0]), int(numbers[-1])


def replaced(text, old, new):
    """The text with one entry replaced, and the number of its line."""
    at = text.index(old)
    return text[:at] + new + text[at + len(old) :], text.count(b"\n", 0, at) + 1


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"{0,10,0,-10}", b"{0,10,0,-11}", "sum"),
        (b"{0,10,0,-10}", b"{0,11,0,-11}", "come after"),
        (b"{0,10,0,-10}", b"{0,13,0,-13}", "beyond"),
        (b"{0,10,0,-10}", b"{10,0,-10,0}", "canonical"),
        (b"{0,10,0,-10}", b"{0,1O,0,-10}", "integers"),
        (b"{0,10,0,-10}", b"{0,99999,0,-10}", "integers"),
        (b"{0,10,0,-10}", b"{}", "integers"),
        (b"{0,10,0,-10}", b"{0}", "curves"),
        (b"{0,10,0,-10},", b"{0,10,0,-10}", "comma"),
        (b"{0,10,0,-10}", b"{0,10,0,-10", "comma"),
        (b"{0,10,0,-10},", b"", "missing before this line; the list holds 61,538 of 61,539 bases"),
        (b"{1,1,12,0,-11}", b"{1,2,11,0,-11}", "smooth toric surface"),
        (b"{1,1,12,0,-11}", b"{0,12,1,1,-11}", "canonical"),
        (b"{1,1,1,1,1,1}", b"{1,1,1,1,2,0}", "smooth toric surface"),
        (b"{2,1,2,3,0,-2}", b"{2,1,2,4,0,-3}", "4 and 6"),
        (b"bases =", b"basis =", "bases = {"),
    ],
)
def test_a_damaged_entry_is_refused_with_its_line(text, refusal, old, new, reason):
    damaged, line = replaced(text, old, new)
    message = refusal(damaged)
    assert reason in message
    assert lines_named(message)[0] in (line, line + 1), message  # the next one where what follows no longer fits


@pytest.mark.parametrize("seed", range(6))
def test_a_changed_digit_is_found_where_it_is(text, refusal, seed):
    draw = random.Random(seed)
    at = draw.choice([i for i in range(len(text) // 100, len(text)) if text[i : i + 1].isdigit()])
    digit = draw.choice([digit for digit in b"0123456789" if digit != text[at]])
    first, last = lines_named(refusal(text[:at] + bytes([digit]) + text[at + 1 :]))
    assert first <= text.count(b"\n", 0, at) + 1 <= last


@pytest.mark.parametrize("seed", range(3))
def test_a_line_cut_out_is_found_where_it_was(text, refusal, seed):
    lines = text.split(b"\n")
    at = random.Random(seed).randrange(20, len(lines) - 5)
    first, last = lines_named(refusal(b"\n".join(lines[:at] + lines[at + 1 :])))
    assert first <= at + 1 <= last + 1


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda text: b"", "empty"),
        (lambda text: b"\n \n", "empty"),
        (lambda text: bytes(range(256)) * 10, "not text"),
        (lambda text: gzip.compress(text, 1)[:100_000], "gzip"),
        (lambda text: text[: len(text) // 2], "lines 48112 to 48113"),
        (lambda text: text[: text.rindex(b",{")] + b"};", "missing"),
        (lambda text: text + b"{1,1,1}", "line 94826: '};' stands"),
    ],
)
def test_a_damaged_file_is_refused(text, refusal, damage, reason):
    assert reason in refusal(damage(text))


def test_layout_and_comments_do_not_matter(text, tmp_path, bases):
    path = tmp_path / "bases.m"
    path.write_bytes(b"(* {1} *)" + text.replace(b"\n", b" ").replace(b"{0,0,0,0},", b"{ 0, 0,0,0} (* F_0\n *) ,\n"))
    assert content_sha256(toric_bases.read(path)) == content_sha256(bases)
