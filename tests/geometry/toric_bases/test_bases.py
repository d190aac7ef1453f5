"""Toric bases against the published list, brute force, monomials, and the counts of arXiv:1204.0283."""

import gzip
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vacuagym.errors import InputError
from vacuagym.geometry.toric_bases import FAMILY
from vacuagym.geometry.toric_bases import bases as toric_bases
from vacuagym.numerics.compiled import njit
from vacuagym.tables.arrays import content_sha256, ragged, take

LIST = "toric-bases.m.gz"
RAGGED = (
    "self_intersections",
    "triple_intersection_indices",
    "triple_intersection_numbers",
    "second_chern_numbers",
)


@pytest.fixture(scope="module")
def bases():
    return toric_bases.generate()


@pytest.fixture(scope="module")
def features(bases):
    return toric_bases.features(bases)


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
    assert len(np.unique(features["duplicate_group"])) == 26_546
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
    for name in set(found) - set(RAGGED):
        assert found[name][0] == features[name][row], name


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


def dense(curves):
    indices, numbers, second_chern = toric_bases.elliptic_threefold(curves)
    kappa = np.zeros((len(second_chern),) * 3, np.int64)
    for i, j, k in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)):
        kappa[indices[:, i], indices[:, j], indices[:, k]] = numbers
    return kappa, second_chern.astype(np.int64)


def test_threefold_over_p2_is_the_degree_18_hypersurface():
    indices, numbers, second_chern = toric_bases.elliptic_threefold([1, 1, 1])
    assert indices.tolist() == [[0, 0, 0], [0, 0, 1], [0, 1, 1]]
    assert numbers.tolist() == [9, 3, 1]
    assert second_chern.tolist() == [102, 36]


def test_threefold_over_f0_is_the_stu_model():
    kappa, second_chern = dense([0, 0, 0, 0])
    assert second_chern.tolist() == [92, 24, 24]
    assert kappa[0].tolist() == [[8, 2, 2], [2, 0, 1], [2, 1, 0]]


@pytest.fixture(scope="module")
def threefold_rows(features):
    """Rows spread over the list, and the first ones with exceptional curves."""
    return sample(60) + np.flatnonzero(features["n_exceptional_curves"])[:40].tolist()


def test_intersection_form_of_the_base(bases, features, threefold_rows):
    for row in threefold_rows:
        curves, tensors = curves_of(bases, row), int(features["n_tensor_multiplets"][row])
        form = toric_bases.base_intersection_form(curves)
        assert form.shape == (tensors + 3, tensors + 3) and (form == form.T).all()
        # adjunction: all curves are rational; their squares then give c1² = 9 - T on the blown-up base
        curve_classes = np.zeros(tensors + 3, np.int64)
        curve_classes[: len(curves)] = 1  # -K is the sum of the proper transforms of the toric curves
        assert (form @ curve_classes == form.diagonal() + 2).all()
        assert curve_classes @ form @ curve_classes == 9 - tensors
        # the functions of the torus: total transforms of the toric curves with the rays as multiplicities are 0
        exceptional = form[: len(curves), len(curves) :]
        relations = np.concatenate([rays(curves), exceptional.T @ rays(curves)])
        assert (form @ relations == 0).all()
        inertia = np.sign(np.round(np.linalg.eigvalsh(form), 8))
        assert [np.count_nonzero(inertia == sign) for sign in (1, 0, -1)] == [1, 2, tensors]
        assert round(abs(np.linalg.det(form[2:, 2:]))) == 1  # all curves but two neighbours are a basis


def test_riemann_roch_on_the_threefold_and_on_the_base_agree(bases, threefold_rows):
    """chi(k D_0 + j) from kappa and c2 is the sum of chi(B, c c1 + j) over the monomials x^a y^b z^c with b <= 1.

    x, y, z are sections of 2 D_0, 3 D_0 and D_0 - c1, and y² is eliminated by the Weierstrass equation.
    """
    draw = np.random.default_rng(1)
    for row in threefold_rows:
        curves = curves_of(bases, row)
        kappa, second_chern = dense(curves)
        form = toric_bases.base_intersection_form(curves)
        j = np.concatenate([[0, 0], draw.integers(-3, 4, len(form) - 2)])
        c1 = np.where(np.arange(len(form)) < len(curves), 1, 0)
        for k in range(1, 7):
            on_base = 0
            for used in [3 * b + 2 * a for b in (0, 1) for a in range((k - 3 * b) // 2 + 1)]:
                line = (k - used) * c1 + j
                on_base += 1 + (line @ form @ line + line @ form @ c1) / 2
            divisor = np.concatenate([[k], j[2:]])
            cube = np.einsum("ijk,i,j,k", kappa, divisor, divisor, divisor)
            assert cube / 6 + second_chern @ divisor / 12 == pytest.approx(on_base, abs=1e-6)


def test_feature_columns_hold_the_topology_of_the_threefold(bases, features, threefold_rows):
    for row in threefold_rows:
        indices, numbers, second_chern = toric_bases.elliptic_threefold(curves_of(bases, row))
        found = take(features, np.array([row]))
        np.testing.assert_array_equal(found["triple_intersection_indices"].values, indices.ravel())
        np.testing.assert_array_equal(found["triple_intersection_numbers"].values, numbers)
        np.testing.assert_array_equal(found["second_chern_numbers"].values, second_chern)
        assert indices.tolist() == sorted(indices.tolist()) and (np.diff(indices) >= 0).all()
        assert len(second_chern) == features["n_tensor_multiplets"][row] + 2


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
