"""Reflexive polytopes by their points: against PALP, against the weight systems, their duals, and other bases."""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from vacuagym.geometry import FAMILIES
from vacuagym.geometry.polytopes import complete_pair, new_polytope
from vacuagym.tables.arrays import Ragged, concatenate, ragged, take

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))

from subpolytopes import subpolytopes, unimodular

FAMILY = FAMILIES["polytopes"]
COUNT = 1_000
PALP = ("n_points_m", "n_vertices_m", "n_points_n", "n_vertices_n", "h11", "h21")


def features(points):
    """Features of polytopes, given by integer arrays (points, 4)."""
    column = ragged([np.ravel(of_one) for of_one in points], np.int32)
    rows = [
        take({"vertices": column}, np.arange(start, min(start + 500, len(points))))
        for start in range(0, len(points), 500)
    ]
    return concatenate([FAMILY.functions.features(batch) for batch in rows])


def as_points(column):
    return [row.reshape(-1, 4) for row in np.split(column.values, column.offsets[1:-1])]


@pytest.fixture(scope="module")
def polytopes():
    """Vertices of random reflexive polytopes inside those of weight systems, each in a random basis of the lattice."""
    found = [points for batch in subpolytopes(COUNT, 7) for points in as_points(batch)]
    rng = np.random.default_rng(7)
    return [points @ unimodular(rng) for points in found]


@pytest.fixture(scope="module")
def found(polytopes):
    return features(polytopes)


def dual(points):
    """Vertices of the dual polytope."""
    m, n = new_polytope(), new_polytope()
    m.points[: len(points)] = points
    m.sizes[0] = len(points)
    assert complete_pair(m, n)
    return m.normals[: m.sizes[1]].copy()


def test_points_vertices_and_hodge_numbers_are_those_of_palp(polytopes, found, tmp_path):
    folder = next((path.parent for path in Path(sysconfig.get_path("purelib")).rglob("poly-4d.x")), "")
    poly = shutil.which("poly-4d.x", path=f"{sysconfig.get_path('scripts')}:{folder}")
    assert poly, "PALP's poly-4d.x is part of the test requirements"
    text = "".join(f"{len(p)} 4\n" + "\n".join(" ".join(map(str, x)) for x in p.tolist()) + "\n" for p in polytopes)
    (tmp_path / "in").write_text(text)
    with open(tmp_path / "in") as file:
        done = subprocess.run([poly, "-f"], stdin=file, capture_output=True, text=True, check=True)
    lines = [line for line in done.stdout.splitlines() if "M:" in line]
    assert len(lines) == COUNT
    for row, line in enumerate(lines):
        words = line[line.index("M:") :].replace("M:", "").replace("N:", "").replace("H:", "").split()
        expected = [*words[:4], *words[4].split(",")[:2]]
        assert list(map(int, expected)) == [int(found[name][row]) for name in PALP], line


def test_the_dual_is_the_mirror(polytopes, found):
    of_dual = features([dual(points) for points in polytopes])
    for here, there in (("h11", "h21"), ("n_points_m", "n_points_n"), ("n_vertices_m", "n_vertices_n")):
        assert np.array_equal(found[here], of_dual[there]) and np.array_equal(found[there], of_dual[here])
    unequal = found["h11"] != found["h21"]
    assert unequal.sum() > COUNT / 2
    assert np.array_equal(found["is_mirror"][unequal], ~of_dual["is_mirror"][unequal])
    for name, column in found.items():  # the threefold with fewer moduli is the same one
        if isinstance(column, Ragged):
            pairs = zip(*(np.split(t[name].values, t[name].offsets[1:-1]) for t in (found, of_dual)), strict=True)
            assert all(np.array_equal(a, b) for (a, b), differ in zip(pairs, unequal, strict=True) if differ), name
    assert np.array_equal(found["duplicate_group"][unequal], of_dual["duplicate_group"][unequal])
    assert not set(found["geometry_key"][unequal]) & set(of_dual["geometry_key"][unequal])


def test_neither_basis_nor_order_nor_points_that_are_no_vertices_matter(polytopes, found):
    rng = np.random.default_rng(3)
    others = [
        rng.permutation(np.concatenate([points, np.zeros((1, 4), int)])) @ unimodular(rng) for points in polytopes
    ]
    again = features(others)
    for name, column in found.items():
        same = (
            np.array_equal(column.values, again[name].values)
            if isinstance(column, Ragged)
            else np.array_equal(column, again[name])
        )
        assert same, name


def test_the_polytopes_of_weight_systems_have_the_features_of_these():
    from vacuagym.geometry.weight_systems.polytopes import _newton_polytope

    family = FAMILIES["ks"]
    table = family.functions.generate()
    rows = np.sort(np.random.default_rng(5).choice(np.flatnonzero(table["kind"] == 0), 300, replace=False))
    systems, points = take(table, rows), []
    monomials, m, n = np.empty((1024, 8), np.int64), new_polytope(), new_polytope()
    for weights in systems["weights"].values.reshape(-1, 5).astype(np.int64):
        assert _newton_polytope(weights[None], np.array([weights.sum()]), monomials, m) and complete_pair(m, n)
        points.append(n.normals[: n.sizes[1]].copy())
    theirs, mine = family.functions.features(systems), features(points)
    for name, column in mine.items():
        if name != "geometry_key":
            assert (
                all(map(np.array_equal, np.atleast_2d(column), np.atleast_2d(theirs[name])))
                if not isinstance(column, Ragged)
                else np.array_equal(column.values, theirs[name].values)
            ), name
