"""Random threefolds against CYTools, in an environment of its own, and duplicate keys against PALP."""

import json
import shutil
import subprocess
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from vacuagym.geometry import FAMILIES
from vacuagym.geometry.triangulations import triangulate
from vacuagym.tables.arrays import n_rows, take

ROOT = Path(__file__).parents[2]
LARGEST = 151_327  # a weight system with h11 = h21 = 251
CYTOOLS = ROOT / ".venv-cytools" / "bin" / "python"


def some_rows(name, chosen):
    """Rays (R, 4) of the threefolds of some rows of a family, and whether they are truncated."""
    family, found = FAMILIES[name], []
    geometries = family.functions.generate()
    for rows in np.array_split(chosen, 1 + len(chosen) // 1000):
        part = family.functions.features(take(geometries, rows))
        values, offsets = part["rays"]
        for i in range(n_rows(part)):
            rays = values[offsets[i] : offsets[i + 1]].reshape(-1, 4).astype(int)
            found.append((rays, bool(part["is_truncated"][i]), int(part["duplicate_group"][i])))
    return found


def dense_walls(threefold):
    found = np.zeros((len(threefold.wall_rays), len(threefold.rays)), np.int64)
    np.put_along_axis(found, threefold.wall_rays, threefold.wall_degrees, axis=1)
    return found


def on_rays(threefold):
    """The triple intersection numbers and second Chern numbers of the divisors of all rays."""
    n, rays, basis = len(threefold.basis), threefold.rays, threefold.basis
    corners = np.setdiff1d(np.arange(len(rays)), basis)
    classes = np.zeros((len(rays), n))
    classes[basis] = np.eye(n)
    classes[corners] = -np.rint(rays[basis] @ np.linalg.inv(rays[corners])).T
    kappa = np.zeros((n, n, n))
    i, j, k = threefold.triple_intersection_indices.T
    for index in ((i, j, k), (i, k, j), (j, i, k), (j, k, i), (k, i, j), (k, j, i)):
        kappa[index] = threefold.triple_intersection_numbers
    for _ in range(3):  # the last axis of classes becomes the first one of rays
        kappa = np.tensordot(classes, kappa, (1, 2))
    return kappa, classes @ threefold.second_chern_numbers


@pytest.mark.thorough
def test_random_threefolds_by_cytools():
    """kappa, c2 and the toric Mori cone of our triangulations of 520 threefolds, favourable or not, h11 up to 251."""
    if not CYTOOLS.is_file():
        pytest.skip(f"{CYTOOLS} does not exist; `make thorough` installs CYTools there")
    draw = np.random.default_rng(15)
    ks = some_rows("ks", np.append(draw.choice(FAMILIES["ks"].count, 5_000, replace=False), LARGEST))
    by_size = sorted(ks, key=lambda row: len(row[0]))
    rows = by_size[::13] + by_size[-20:]
    rows += some_rows("fth6d", np.sort(draw.choice(FAMILIES["fth6d"].count, 115, replace=False)))
    threefolds = [triangulate(rays) for rays, *_ in rows]
    assert len(rows) >= 500 and max(len(t.basis) for t in threefolds) == 251
    assert 50 < sum(truncated for _, truncated, _ in rows) < len(rows) - 50
    text = "".join(json.dumps({"rays": t.rays.tolist(), "simplices": t.tetrahedra.tolist()}) + "\n" for t in threefolds)
    script = str(Path(__file__).with_name("with_cytools.py"))
    done = subprocess.run([str(CYTOOLS), script], input=text, stdout=subprocess.PIPE, text=True, check=True)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    for threefold, theirs in zip(threefolds, found, strict=True):
        kappa, second_chern = on_rays(threefold)
        expected = np.zeros_like(kappa)
        i, j, k, numbers = np.array(theirs["kappa"]).T
        for index in ((i, j, k), (i, k, j), (j, i, k), (j, k, i), (k, i, j), (k, j, i)):
            expected[index] = numbers
        assert np.array_equal(kappa, expected)
        assert second_chern.tolist() == theirs["c2"]
        walls = {tuple(row) for row in dense_walls(threefold).tolist()}
        assert walls == {tuple(row) for row in theirs["mori"]}


@pytest.mark.thorough
def test_keys_of_duplicates_by_normal_forms_of_palp(tmp_path):
    """Polytopes with one normal form share the key; of 5,000 pairs and more with different ones, none does."""
    program = shutil.which("poly-4d.x", path=f"{sysconfig.get_path('scripts')}:{palp_folder()}")
    assert program, "PALP's poly-4d.x is part of the test requirements"
    draw, rows = np.random.default_rng(15), []
    for name, count in (("ks", 12_000), ("fth6d", 4_000)):
        rows += some_rows(name, np.sort(draw.choice(FAMILIES[name].count, count, replace=False)))
    text = "".join(
        f"{len(rays)} 4\n" + "\n".join(" ".join(map(str, ray)) for ray in rays.tolist()) + "\n" for rays, *_ in rows
    )
    (tmp_path / "in").write_text(text)
    with open(tmp_path / "in") as file:
        done = subprocess.run([program, "-fN"], stdin=file, stdout=subprocess.PIPE, text=True, check=True)
    lines = done.stdout.splitlines()
    forms = ["\n".join(lines[i + 1 : i + 5]) for i, line in enumerate(lines) if "Normal form" in line]
    assert len(forms) == len(rows)
    pairs = {(form, key) for form, (*_, key) in zip(forms, rows, strict=True)}
    different = len(set(forms))
    assert 10_000 < different < len(rows) - 1_000  # there are equal ones, and different ones
    assert len(pairs) == different  # one key for each normal form
    assert len({key for _, key in pairs}) == different  # and another one for another


def palp_folder():
    return next((str(path.parent) for path in Path(sysconfig.get_path("purelib")).rglob("poly-4d.x")), "")
