"""Triangulated threefolds against CYTools, known manifolds, Qhull, exact fractions, brute force and Riemann-Roch."""

import doctest
import gzip
import itertools
import json
from fractions import Fraction
from math import gcd, lcm

import numpy as np
import pytest
import scipy.optimize
import scipy.spatial
from hypothesis import given, settings
from hypothesis import strategies as st

from vacuagym.errors import InputError
from vacuagym.geometry import FAMILIES, triangulations
from vacuagym.geometry.polytopes import complete_pair, new_polytope
from vacuagym.geometry.triangulations import MAX_TETRAHEDRA, kahler_cone, new_fan, restore, triangulate
from vacuagym.numerics.compiled import njit
from vacuagym.tables.arrays import Ragged, n_rows, ragged, take

ORACLE = "threefolds-cytools.jsonl.gz"
UNIT = np.eye(4, dtype=np.int64)
ROOTS_D4 = [v for v in itertools.product((-1, 0, 1), repeat=4) if np.dot(v, v) == 2]
SIMPLE_ROOTS = [[1, -1, 0, 0], [0, 1, -1, 0], [0, 0, 1, -1], [0, 0, 1, 1]]


def simplex(*ray):
    """Vertices: the unit vectors and one more."""
    return np.concatenate([UNIT, [ray]])


POLYTOPES = {  # vertices; some without symmetry, some with much
    "quintic": simplex(-1, -1, -1, -1),
    "P11169": simplex(-1, -1, -6, -9),
    "P11226": simplex(-1, -2, -2, -6),
    "P(1,1,2,8,12)": simplex(-1, -2, -8, -12),
    "P(1,1,12,28,42)": simplex(-1, -12, -28, -42),
    "cross-polytope": np.concatenate([UNIT, -UNIT]),
    "cube": np.array(list(itertools.product((-1, 1), repeat=4))),
    "24-cell": np.rint(np.array(ROOTS_D4) @ np.linalg.inv(SIMPLE_ROOTS)).astype(np.int64),
    "mirror of P(13,20,21,74,94)": np.array(
        [[-4, -4, 3, -1], [-2, -5, 4, 0], [-2, -2, 1, 0], [-1, -1, 0, 0], [0, -1, 0, 1], [0, 0, -1, 0], [1, 2, 0, 0]]
    ),
}


@pytest.fixture(scope="module")
def threefolds():
    return {name: triangulate(vertices) for name, vertices in POLYTOPES.items()}


@pytest.fixture(scope="module")
def oracle(lists):
    """230 threefolds of random weight systems, computed with CYTools."""
    if not (lists / ORACLE).is_file():
        pytest.skip(f"{lists} holds no {ORACLE}")
    with gzip.open(lists / ORACLE, "rt") as file:
        return [json.loads(line) for line in file]


def row_of(table, row) -> dict:
    """One row of a table of features."""
    return {
        name: column.values[column.offsets[row] : column.offsets[row + 1]]
        if isinstance(column, Ragged)
        else column[row]
        for name, column in table.items()
    }


def of_system(*weights) -> dict:
    """Features of a weight system."""
    geometry = {
        "kind": np.zeros(1, np.int8),
        "degrees": ragged([[sum(weights)]], np.int32),
        "weights": ragged([weights], np.int32),
    }
    return row_of(FAMILIES["ks"].functions.features(geometry), 0)


def of_base(*curves) -> dict:
    """Features of a toric base."""
    return row_of(FAMILIES["fth6d"].functions.features({"self_intersections": ragged([curves], np.int16)}), 0)


def rays_of(threefold) -> np.ndarray:
    return np.asarray(threefold["rays"], np.int64).reshape(-1, 4)


def classes(threefold) -> np.ndarray:
    """The class of each ray's divisor in the basis, (R, n): the rays that are not in it are a basis of Z^4."""
    rays, basis = rays_of(threefold), np.asarray(threefold["basis"])
    corners = np.setdiff1d(np.arange(len(rays)), basis)
    found = np.zeros((len(rays), len(basis)), np.int64)
    found[basis] = np.eye(len(basis), dtype=np.int64)
    found[corners] = -np.rint(rays[basis] @ np.linalg.inv(rays[corners])).astype(np.int64).T
    assert not (rays.T @ found).any()  # sum_r v_r D_r = 0
    return found


def dense(threefold) -> np.ndarray:
    """kappa_ijk of the basis as a symmetric tensor."""
    n = len(threefold["basis"])
    kappa = np.zeros((n, n, n), np.int64)
    i, j, k = np.asarray(threefold["triple_intersection_indices"], np.int64).reshape(-1, 3).T
    assert (i <= j).all() and (j <= k).all()
    for index in itertools.permutations((i, j, k)):
        kappa[index] = threefold["triple_intersection_numbers"]
    return kappa


def on_rays(threefold) -> tuple[np.ndarray, np.ndarray]:
    """kappa (R, R, R) and c2 (R,) of the divisors of all rays."""
    q = classes(threefold)
    return np.einsum("ijk,ai,bj,ck->abc", dense(threefold), q, q, q, optimize=True), q @ np.asarray(
        threefold["second_chern_numbers"], np.int64
    )


def dense_walls(threefold) -> np.ndarray:
    """Degrees of the divisors of all rays on the curves of the walls."""
    found = np.zeros((len(threefold.wall_rays), len(threefold.rays)), np.int64)
    np.put_along_axis(found, threefold.wall_rays, threefold.wall_degrees, axis=1)
    return found


def solve(matrix, right) -> list[Fraction]:
    """The solution of a regular system of integers, by Gauss's elimination in fractions."""
    rows = [[Fraction(int(x)) for x in (*row, value)] for row, value in zip(matrix, right, strict=True)]
    for i in range(len(rows)):
        pivot = next(r for r in range(i, len(rows)) if rows[r][i] != 0)
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [x / rows[i][i] for x in rows[i]]
        for r in range(len(rows)):
            if r != i:
                rows[r] = [x - rows[r][i] * y for x, y in zip(rows[r], rows[i], strict=True)]
    return [row[-1] for row in rows]


# --- the same numbers as CYTools --------------------------------------------------------------------------------------


def with_simplices(row):
    """The fan that CYTools triangulated, and its pair of polytopes, as far as `restore` fills them."""
    fan, polytope, dual = new_fan(), new_polytope(), new_polytope()
    rays = np.array(row["rays"])
    polytope.points[: len(rays)], polytope.sizes[0] = rays, len(rays)
    assert complete_pair(polytope, dual)
    facets = polytope.sizes[1]
    on = rays @ polytope.normals[:facets].T == -1
    fan.rays[: len(rays)], fan.heights[: len(rays)], fan.slots[:, 0], fan.sizes[:] = rays, 0, -1, (len(rays), facets, 0)
    fan.facets[: len(rays)] = on @ (1 << np.arange(facets)).astype(np.uint64)
    for corners in row["simplices"]:
        (facet,) = np.flatnonzero(on[corners].all(axis=0))
        triangulations._add_tetrahedron(fan, *corners, facet)
    return fan, polytope, dual


def test_oracle(oracle):
    """kappa, c2, chi, walls and chi(O_D) of the triangulations of CYTools."""
    numbers, second_chern, euler = np.empty((3, 20_000), np.int64)
    members, degrees = np.empty((2, 2 * MAX_TETRAHEDRA, 5), np.int64)
    assert len(oracle) == 230
    for row in oracle:
        fan, polytope, dual = with_simplices(row)
        count, chi = triangulations.intersect(fan, polytope.normals, numbers, second_chern)
        n_rays = len(row["rays"])
        found = [
            [x >> 48, x >> 40 & 255, x >> 32 & 255, (x & 0xFFFFFFFF) - (1 << 31)] for x in numbers[:count].tolist()
        ]
        assert found == row["kappa"]
        assert second_chern[:n_rays].tolist() == row["c2"]
        assert chi == 2 * (row["h11"] - row["h21"])
        walls = np.zeros((triangulations.walls(fan, members, degrees), n_rays), np.int64)
        np.put_along_axis(walls, members[: len(walls)], degrees[: len(walls)], axis=1)
        assert set(map(tuple, walls.tolist())) == set(map(tuple, row["mori"]))
        triangulations.holomorphic_euler(fan, polytope, dual, euler)
        cubes = {i: value for i, _, k, value in row["kappa"] if i == k}
        assert [2 * cubes.get(r, 0) + row["c2"][r] for r in range(n_rays)] == (12 * euler[:n_rays]).tolist()


def test_features_of_the_systems_of_the_oracle(oracle):
    """Its polytopes are those of the features: the rays are equal up to a basis of the lattice."""
    for row in oracle[::4]:
        found, expected = of_system(*row["weights"]), triangulate(row["rays"])
        assert found["is_mirror"] == row["is_mirror"] and found["n_moduli"] == row["h11"]
        assert found["is_truncated"] == (found["n_fields"] < row["h11"])
        for name in ("rays", "heights", "basis", "triple_intersection_numbers", "second_chern_numbers"):
            assert np.array_equal(found[name], getattr(expected, name).ravel()), name
        assert np.array_equal(found["triple_intersection_indices"], expected.triple_intersection_indices.ravel())
        assert np.array_equal(found["holomorphic_euler_characteristics"], expected.holomorphic_euler_characteristics)
        assert found["n_rigid_divisors"] == np.count_nonzero(expected.holomorphic_euler_characteristics == 1)


# --- known manifolds --------------------------------------------------------------------------------------------------

# weights, Euler number, divisors (of a coordinate of this weight, or "E" of the rigid exceptional divisor), kappa, c2
KNOWN = [
    ((1, 1, 1, 1, 1), -200, (1,), {(0, 0, 0): 5}, (50,)),
    ((1, 1, 1, 6, 9), -540, ("E", 1), {(0, 0, 0): 9, (0, 0, 1): -3, (0, 1, 1): 1}, (-6, 36)),
    ((1, 1, 2, 2, 2), -168, (2, 1), {(0, 0, 0): 8, (0, 0, 1): 4}, (56, 24)),
    ((1, 1, 2, 2, 6), -252, (2, 1), {(0, 0, 0): 4, (0, 0, 1): 2}, (52, 24)),
    (
        (1, 1, 2, 8, 12),
        -480,
        ("E", 2, 1),
        {(0, 0, 0): 8, (0, 0, 1): -4, (0, 0, 2): -2, (0, 1, 1): 2, (0, 1, 2): 1},
        (-4, 48, 24),
    ),
]


def divisor(threefold, weights, which) -> np.ndarray:
    """The class of a coordinate of a weight, or of the rigid exceptional divisor."""
    rays, q = rays_of(threefold), classes(threefold)
    if which == "E":
        (ray,) = np.flatnonzero(threefold["holomorphic_euler_characteristics"] == 1)
        return q[ray]
    vertices = next(
        list(chosen)
        for chosen in itertools.permutations(range(len(rays)), 5)
        if not (np.array(weights) @ rays[list(chosen)]).any()
    )
    return q[vertices[weights.index(which)]]


@pytest.mark.parametrize(
    ("weights", "chi", "divisors", "numbers", "second_chern"), KNOWN, ids=[str(k[0]) for k in KNOWN]
)
def test_known_manifolds(weights, chi, divisors, numbers, second_chern):
    alone, features = triangulate(simplex(*(-w for w in weights[1:])))._asdict(), of_system(*weights)
    assert alone["euler_characteristic"] == features["euler_characteristic"] == chi
    for threefold in (alone, features):
        d = np.array([divisor(threefold, weights, which) for which in divisors])
        assert round(abs(np.linalg.det(d))) == 1  # they are a basis
        kappa = np.einsum("ijk,ai,bj,ck->abc", dense(threefold), d, d, d)
        triples = itertools.combinations_with_replacement(range(len(d)), 3)
        assert {t: kappa[t] for t in triples if kappa[t]} == numbers
        assert (d @ threefold["second_chern_numbers"]).tolist() == list(second_chern)


def test_the_sum_of_section_and_fibres_of_p11169():
    """H = E + 3 L has H^3 = 9, H^2 L = 3, H L^2 = 1 and c2·H = 102."""
    threefold = triangulate(POLYTOPES["P11169"])._asdict()
    e, fibre = (divisor(threefold, (1, 1, 1, 6, 9), which) for which in ("E", 1))
    h, kappa = e + 3 * fibre, dense(threefold)
    triples = ((h, h, h), (h, h, fibre), (h, fibre, fibre), (h, h, e))
    assert [np.einsum("ijk,i,j,k", kappa, *t) for t in triples] == [9, 3, 1, 0]
    assert h @ threefold["second_chern_numbers"] == 102


def test_a_base_and_a_weight_system_with_one_polytope_are_one_threefold():
    base, system = of_base(1, 1, 1), of_system(1, 1, 1, 6, 9)
    for column in triangulations.threefold_columns(triangulations.new_table(0)):
        assert np.array_equal(base[column], system[column]), column


def test_example_of_the_documentation():
    (example,) = doctest.DocTestFinder(recurse=False).find(triangulate, globs={"triangulate": triangulate})
    assert doctest.DocTestRunner().run(example) == (0, len(example.examples)) and len(example.examples) > 2


# --- what does not matter ---------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(
    st.sampled_from(sorted(POLYTOPES)),
    st.lists(st.tuples(st.permutations(range(4)), st.integers(-9, 9)), max_size=12),
    st.sampled_from(("vertices", "rays", "rays and origin, twice")),
    st.randoms(use_true_random=False),
)
def test_basis_order_and_choice_of_points_do_not_matter(threefolds, name, shears, choice, random):
    transform = UNIT.copy()
    for (i, j, *_), factor in shears:  # with a permutation and signs, these make GL(4, Z)
        transform[i] += factor * transform[j]
    transform = transform[random.sample(range(4), 4)] * [[random.choice((-1, 1))] for _ in range(4)]
    expected = threefolds[name]
    points = {"vertices": POLYTOPES[name], "rays": expected.rays}.get(
        choice, np.concatenate([expected.rays, expected.rays, 0 * UNIT])
    )
    found = triangulate(points[random.sample(range(len(points)), len(points))] @ transform)
    for field, a, b in zip(expected._fields, expected, found, strict=True):
        assert np.array_equal(a, b), field


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        (simplex(-1, -1, -1, -2)[:4], "do not span a reflexive"),
        (simplex(-1, -1, -1, -3), "do not span a reflexive"),
        (simplex(1, 1, 1, 1), "do not span a reflexive"),
        (np.zeros((0, 4), int), "do not span a reflexive"),
        (np.zeros((7, 4), int), "do not span a reflexive"),
        (2 * simplex(-1, -1, -1, -1), "do not span a reflexive"),
        (simplex(-1, -1, -1, -1)[:, :3], r"shape \(5, 3\)"),
        ([1, 1, 1, 1], r"shape \(4,\)"),
        ([[1, 0], [0]], "are no array"),
        (simplex(-1, -1, -1, -1) / 1, "type float64"),
        ([[2**70, 0, 0, 0]], "type object"),
        (simplex(-1, -1, -1, -(2**63)), "reach ±512 in a short basis"),
        (np.random.default_rng(0).integers(-99, 100, (2000, 4)), "at most 680"),
        (np.random.default_rng(0).integers(-(2**62), 2**62, (20, 4)), "reach ±512 in a short basis"),
        ([[5, -1, -1, -1], [-1, 2, -1, -1], [-1, -1, 17, -1], [-1, -1, -1, 17], [-1, -1, -1, -1]], "reflexive"),
    ],
)
def test_points_without_a_threefold_are_refused(points, reason):
    with pytest.raises(InputError, match=f"^points: .*{reason}"):
        triangulate(points)


def test_a_polytope_with_too_many_rays_is_refused():
    """The mirror of P11169 has h11 = 272, and so 276 rays."""
    normals = scipy.spatial.ConvexHull(POLYTOPES["P11169"]).equations
    with pytest.raises(InputError, match="^points: more rays than there is room for; the mirror"):
        triangulate(np.rint(-normals[:, :4] / normals[:, 4:]).astype(int))


@given(st.lists(st.tuples(*[st.integers(-700, 700)] * 4), min_size=5, max_size=40))
def test_random_points_are_refused(points):
    """Numbers may overflow on the way; nothing but an answer or a refusal comes of it."""
    with pytest.raises(InputError):
        triangulate(points)


# --- triangulation ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", POLYTOPES)
def test_fine_regular_star_triangulation(threefolds, name):
    threefold = threefolds[name]
    rays, tetrahedra = threefold.rays, threefold.tetrahedra
    hull = scipy.spatial.ConvexHull(rays)
    normals = np.unique(np.rint(hull.equations[:, :4] / hull.equations[:, 4:]), axis=0)  # n·x <= 1 by Qhull
    on = rays @ normals.T == -1
    assert (rays @ normals.T >= -1).all()
    assert (on[tetrahedra].all(axis=1).sum(axis=1) == 1).all()  # each in one facet
    assert np.array_equal(np.unique(tetrahedra), np.arange(len(rays)))  # fine
    volumes = np.abs(np.rint(np.linalg.det(rays[tetrahedra])))
    assert volumes.min() > 0 and volumes.sum() == round(24 * hull.volume)
    # strictly convex: regular, and the sum of height times divisor is inside the Kähler cone
    for corners in tetrahedra:
        linear = solve(rays[corners], threefold.heights[corners])
        for r in np.setdiff1d(np.arange(len(rays)), corners):
            assert sum(x * int(y) for x, y in zip(linear, rays[r], strict=True)) < threefold.heights[r]


@pytest.mark.parametrize("name", POLYTOPES)
def test_rays_are_the_points_on_two_facets_or_more(threefolds, name):
    """All lattice points of the box around the vertices, with the facets of Qhull."""
    vertices = threefolds[name].rays
    equations = scipy.spatial.ConvexHull(vertices).equations
    normals = np.unique(np.rint(equations[:, :4] / equations[:, 4:]), axis=0)
    ranges = [np.arange(low, high + 1) for low, high in zip(vertices.min(axis=0), vertices.max(axis=0), strict=True)]
    box = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 4)
    values = box @ normals.T
    expected = box[(values >= -1).all(axis=1) & ((values == -1).sum(axis=1) > 1)]
    assert set(map(tuple, expected.tolist())) == set(map(tuple, vertices.tolist()))


@pytest.mark.parametrize("name", POLYTOPES)
def test_walls_by_brute_force(threefolds, name):
    """The relation of the five rays of each pair of tetrahedra that share three, in fractions."""
    threefold = threefolds[name]
    rays, expected = threefold.rays, set()
    by_triangle = {}
    for corners in threefold.tetrahedra.tolist():
        for triangle in itertools.combinations(corners, 3):
            by_triangle.setdefault(triangle, []).append(*set(corners) - set(triangle))
    for triangle, (a, b) in by_triangle.items():
        *c, of_a = solve(rays[[*triangle, a]].T, -rays[b])  # of_a v_a + v_b + sum c_i v_i = 0
        scale = lcm(*(x.denominator for x in (*c, of_a)))
        relation = [int(x * scale) for x in (*c, of_a, 1)]
        row = [0] * len(rays)
        for r, x in zip((*triangle, a, b), relation, strict=True):
            row[r] = x // gcd(*relation)
        assert row[a] > 0 and row[b] > 0
        expected.add(tuple(row))
    found = dense_walls(threefold)
    assert set(map(tuple, found.tolist())) == expected
    assert (found @ threefold.heights > 0).all()
    assert np.array_equal(found[:, threefold.basis] @ threefold.interior_point, found @ threefold.heights)
    assert (threefold.interior_point > 0).all()


@pytest.mark.parametrize("name", ["quintic", "P11169", "P11226", "P(1,1,2,8,12)", "cross-polytope"])
def test_intersection_numbers_by_those_of_the_toric_variety(threefolds, name):
    """D_a D_b D_c D_d = 1 / |det| if abcd is a cone of the fan, and 0 if the rays among a, b, c, d span none.

    All other numbers follow from the linear relations, solved for all at once. The hypersurface is the sum of all divisors, its Chern classes are those of the
    product of (1 + D_r), divided by 1 plus that sum.
    """
    threefold = threefolds[name]
    rays = threefold.rays
    n = len(rays)
    places = {t: i for i, t in enumerate(itertools.combinations_with_replacement(range(n), 4))}
    cones = {tuple(t): 1 / abs(np.linalg.det(rays[t])) for t in threefold.tetrahedra.tolist()}
    matrix, right = [], []
    for t, place in places.items():
        if len(set(t)) == 4 or not any(set(t) <= set(cone) for cone in cones):
            matrix.append({place: 1.0})
            right.append(cones.get(t, 0.0))
    for t in itertools.combinations_with_replacement(range(n), 3):
        for c in range(4):
            matrix.append({places[tuple(sorted((*t, r)))]: float(rays[r, c]) for r in range(n)})
            right.append(0.0)
    full = np.zeros((len(matrix), len(places)))
    for i, row in enumerate(matrix):
        full[i, list(row)] = list(row.values())
    ambient, _, rank, _ = np.linalg.lstsq(full, right)
    assert rank == len(places)
    assert np.abs(full @ ambient - right).max() < 1e-9
    kappa, second_chern = on_rays(threefold._asdict())
    expected = np.zeros((n, n, n))
    for t in itertools.combinations_with_replacement(range(n), 3):
        for index in itertools.permutations(t):
            expected[index] = sum(ambient[places[tuple(sorted((*t, r)))]] for r in range(n))
    assert np.abs(kappa - expected).max() < 1e-7
    squares = np.einsum("ijj->i", expected)
    assert second_chern == pytest.approx((expected.sum(axis=(1, 2)) - squares) / 2, abs=1e-6)  # c2 = e_2, as c1 = 0
    third = sum(expected[t] for t in itertools.combinations(range(n), 3))  # c3 = e_3 - e_1 e_2
    assert threefold.euler_characteristic == pytest.approx(third - second_chern.sum(), abs=1e-6)


def check_topology(threefold, h11, h21):
    """Riemann-Roch on all toric divisors, and the Euler number from Chern classes."""
    kappa, second_chern = on_rays(threefold)
    cubes = np.einsum("iii->i", kappa)
    assert not ((second_chern + 2 * cubes) % 12).any()
    assert np.array_equal(2 * cubes + second_chern, 12 * np.asarray(threefold["holomorphic_euler_characteristics"]))
    # (sum_i D_i)^3, sum_ij D_i D_j^2 and sum_i D_i^3 give e_3 - e_1 e_2
    total, mixed, single = kappa.sum(), np.einsum("ijj->", kappa), cubes.sum()
    third = (total - 3 * mixed + 2 * single) / 6
    assert third - second_chern.sum() == 2 * (h11 - h21)


@pytest.mark.parametrize("name", POLYTOPES)
def test_topology_of_examples(threefolds, name):
    threefold = threefolds[name]
    check_topology(threefold._asdict(), threefold.euler_characteristic // 2, 0)


@pytest.fixture(scope="module")
def spread():
    """Features of weight systems and toric bases, spread over the lists; a few have many classes."""
    found = {}
    for name in ("ks", "fth6d"):
        geometries = FAMILIES[name].functions.generate()
        rows = np.linspace(0, n_rows(geometries) - 1, 150).astype(int)
        found[name] = FAMILIES[name].functions.features(take(geometries, rows))
    return found


@pytest.mark.parametrize("family", ["ks", "fth6d"])
def test_topology_of_rows(spread, family):
    table = spread[family]
    for i in range(n_rows(table)):
        row = row_of(table, i)
        h11, h21 = row["h11"], row["h21"]
        assert row["is_mirror"] == (h21 < h11)
        assert row["n_moduli"] == min(h11, h21) and row["n_fields"] == len(row["basis"]) == len(row["heights"]) - 4
        assert row["is_truncated"] == (row["n_fields"] < row["n_moduli"])
        if row["n_fields"] < 60:  # the tensor is dense
            check_topology(row, min(h11, h21), max(h11, h21))


# --- the cone ---------------------------------------------------------------------------------------------------------


def test_rays_and_heights_restore_the_triangulation(threefolds, spread):
    for row in [t._asdict() for t in threefolds.values()] + [row_of(spread["ks"], i) for i in range(0, 150, 10)]:
        expected, fan = triangulate(rays_of(row)), new_fan()
        restore(rays_of(row), np.asarray(row["heights"], np.int64), new_polytope(), new_polytope(), fan)
        assert np.array_equal(np.unique(fan.tetrahedra[: fan.sizes[2]], axis=0), expected.tetrahedra)
        assert np.array_equal(kahler_cone(row), np.unique(dense_walls(expected)[:, expected.basis], axis=0))
        assert (kahler_cone(row) @ expected.interior_point > 0).all()


def test_cone_of_p11169():
    """It is that of the classes H = E + 3 L and L: all curves are sums of one in E = P2 and of the fibre."""
    row = of_system(1, 1, 1, 6, 9)
    e, fibre = (divisor(row, (1, 1, 1, 6, 9), which) for which in ("E", 1))
    degrees = kahler_cone(row) @ np.stack([e + 3 * fibre, fibre]).T
    assert degrees.min() == 0
    assert {(1, 0), (0, 1)} <= {tuple(int(x) for x in d // np.gcd.reduce(d)) for d in degrees}


@pytest.mark.parametrize("family", FAMILIES)
def test_cone_of_a_row_of_any_family(family):
    example = FAMILIES[family].example
    row = row_of(FAMILIES[family].functions.features(example), n_rows(example) - 1)
    cone = kahler_cone(row)
    assert cone.shape[1] == row["n_fields"]
    assert np.linalg.matrix_rank(cone) == row["n_fields"]  # it holds no line
    assert (cone @ scipy.optimize.linprog(np.zeros(row["n_fields"]), -cone, -np.ones(len(cone))).x > 0.5).all()


def test_what_is_no_triangulation_is_not_restored():
    good = triangulate(POLYTOPES["P11169"])
    for rays, heights, reason in (
        (good.rays[1:], good.heights[1:], "reflexive"),
        (good.rays, 0 * good.heights, "tied"),
        (np.ones((300, 4), np.int64), np.ones(300, np.int64), "room"),
    ):
        with pytest.raises(ValueError, match=reason):
            restore(rays, heights, new_polytope(), new_polytope(), new_fan())


# --- all rows ---------------------------------------------------------------------------------------------------------


@njit
def _smallest_degree(rays, heights, offsets):
    """The least degree of the class of the heights on the curves of each row's walls."""
    polytope, dual, fan = new_polytope(), new_polytope(), new_fan()
    members, degrees = np.empty((2, 2 * MAX_TETRAHEDRA, 5), np.int64)
    found = np.full(len(offsets) - 1, 1 << 62)
    for row in range(len(found)):
        h = heights[offsets[row] : offsets[row + 1]]
        restore(rays[offsets[row] : offsets[row + 1]], h, polytope, dual, fan)
        for w in range(triangulations.walls(fan, members, degrees)):
            degree = np.int64(0)
            for k in range(5):
                degree += degrees[w, k] * h[members[w, k]]
            found[row] = min(found[row], degree)
    return found


@njit
def _row_hashes(values, offsets):
    """A polynomial hash, modulo 2^64, of each row."""
    found = np.zeros(len(offsets) - 1, np.uint64)
    for row in range(len(found)):
        for value in values[offsets[row] : offsets[row + 1]]:
            found[row] = found[row] * np.uint64(0x9E3779B97F4A7C15) + np.uint64(np.int64(value) + (1 << 40))
    return found


def check_all_rows(part):
    """What holds for every row of a batch of features; returns keys and hashes of all that equal polytopes share."""
    rays, heights = part["rays"], part["heights"]
    interior = _smallest_degree(
        rays.values.astype(np.int64).reshape(-1, 4), heights.values.astype(np.int64), heights.offsets
    )
    assert interior.min() > 0
    assert (heights.values > 0).all()
    # 2 D^3 + c2·D = 12 chi(O_D) on the basis
    indices, basis = part["triple_intersection_indices"].values.reshape(-1, 3), part["basis"]
    row = np.repeat(np.arange(n_rows(part)), np.diff(part["triple_intersection_numbers"].offsets))
    cube = indices[:, 0] == indices[:, 2]
    numbers = part["second_chern_numbers"].values.astype(np.int64)
    numbers[basis.offsets[row[cube]] + indices[cube, 0]] += 2 * part["triple_intersection_numbers"].values[cube]
    ray = basis.values + np.repeat(heights.offsets[:-1], np.diff(basis.offsets))
    assert np.array_equal(numbers, 12 * part["holomorphic_euler_characteristics"].values[ray])
    names = (
        "rays",
        "heights",
        "basis",
        "triple_intersection_indices",
        "triple_intersection_numbers",
        "second_chern_numbers",
        "holomorphic_euler_characteristics",
    )
    return np.stack([part["duplicate_group"].view(np.uint64), *(_row_hashes(*part[name]) for name in names)], axis=1)


@pytest.mark.slow
def test_all_threefolds():
    """Each of the 262,769 is triangulated, which checks its volume and Euler number; equal keys are equal threefolds."""
    found, truncated = {}, {}
    for name in ("ks", "fth6d"):
        family = FAMILIES[name]
        geometries, parts, truncated[name] = family.functions.generate(), [], 0
        for start in range(0, family.count, 2000):
            rows = np.arange(start, min(start + 2000, family.count))
            part = family.functions.features(take(geometries, rows))
            truncated[name] += np.count_nonzero(part["is_truncated"])
            parts.append(check_all_rows(part))
        found[name] = np.concatenate(parts)
    ks, fth6d = found["ks"][:, 0], found["fth6d"][:, 0]
    both = np.intersect1d(ks, fth6d)
    assert (len(np.unique(ks)), len(np.unique(fth6d)), len(both)) == (68_592, 60_603, 4_092)
    assert (np.isin(ks, both).sum(), np.isin(fth6d, both).sum()) == (47_751, 4_257)
    together = np.unique(np.concatenate([found["ks"], found["fth6d"]]), axis=0)
    assert len(together) == len(np.unique(together[:, 0])) == 68_592 + 60_603 - 4_092
