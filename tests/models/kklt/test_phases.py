"""Fans in any phase: against the star triangulations, and against what a flop does to intersection numbers."""

import sys
from itertools import combinations
from math import gcd
from pathlib import Path

import numpy as np
import pytest

from vacuagym.models.kklt import phases
from vacuagym.models.kklt.control import POTENT, count_curves

sys.path.insert(0, str(Path(__file__).parent))
from kklt_theories import dense_kappa, favourable, rows_of, space_of


@pytest.fixture(scope="module")
def rows():
    return rows_of(favourable())


def test_star_triangulations_pass_and_have_their_numbers(rows):
    for row in rows:
        space, inside = space_of(row)
        assert phases.enter_phase(space, inside) and space.sizes[2] == phases.HYPERSURFACE
        assert (space.kappa == dense_kappa(row)).all()
        classes = phases.classes_of(space)
        assert not (np.reshape(row["rays"], (-1, 4)).T @ classes).any()


def _jumps(rows, kinds):
    """Neighbouring phases on straight lines: the curve between, its number as counted, and kappa on the two sides."""
    rng = np.random.default_rng(4)
    for row in rows:
        space, inside = space_of(row)
        classes, euler = phases.classes_of(space), row["holomorphic_euler_characteristics"].astype(np.int64)
        for _ in range(12):
            phases.enter_phase(space, inside)
            t, direction = inside / np.abs(inside).max(), rng.normal(size=len(inside))
            for _ in range(6):
                fan, before, kind = space.fan, space.kappa.copy(), space.sizes[2]
                curves = fan.curves[: fan.sizes[3]][:, space.basis]
                sizes, slopes = curves @ t, curves @ direction
                lengths = np.where(slopes < 0, -sizes / np.where(slopes < 0, slopes, 1.0), np.inf)
                first = np.argmin(lengths)
                others = lengths[(curves != curves[first]).any(axis=1)]
                if not 1.01 * lengths[first] < others.min(initial=np.inf) < np.inf:
                    break
                number = count_curves(space, classes, euler, first)
                t = t + 1.0001 * lengths[first] * direction
                if not phases.enter_phase(space, t):
                    break
                kinds.add((kind < 0, space.sizes[2] < 0))
                yield curves[first], number, before, space.kappa.copy()


def test_flops_change_intersection_numbers_by_a_number_of_curves(rows):
    """kappa' = kappa - N C_i C_j C_k, N the number of curves that flop (Witten, hep-th/9603150)."""
    kinds, numbers, flops = set(), set(), 0
    for curve, number, before, after in _jumps(rows, kinds):
        cube = np.einsum("i,j,k->ijk", curve, curve, curve)
        count = np.sum((before - after) * cube) / np.sum(cube * cube)
        assert count == np.rint(count) >= 0
        assert (before - after == count * cube).all()
        assert number in (count, POTENT)
        flops, numbers = flops + (count > 0), numbers | {int(count)}
    assert kinds >= {(True, True), (True, False), (False, False)}  # whether hypersurfaces, on the two sides
    assert flops > 100 and len(numbers) > 5


def test_a_phase_is_a_function_of_the_class_alone(rows):
    rng = np.random.default_rng(7)
    for row in rows[:20]:
        space, inside = space_of(row)
        t = inside / np.abs(inside).max() + 0.3 * rng.normal(size=len(inside))
        found = phases.enter_phase(space, t)
        kappa, kind = space.kappa.copy(), space.sizes[2]
        phases.enter_phase(space, inside)
        assert phases.enter_phase(space, t) == found and space.sizes[2] == kind
        assert not found or ((space.kappa == kappa).all() and phases.smallest_curve(space, t) > 0)


def test_the_index_of_a_face_is_that_of_its_minors(rows):
    for row in rows[:10]:
        space, inside = space_of(row)
        phases.enter_phase(space, inside)
        rays = np.reshape(row["rays"], (-1, 4)).astype(int)
        for cone in space.fan.members[: space.fan.sizes[2], :4]:
            for size in (2, 3, 4):
                face = np.sort(cone)[:size]
                minors = [round(np.linalg.det(rays[face][:, c])) for c in combinations(range(4), size)]
                assert phases._index(space.fan, sum(1 << int(p) for p in face)) == gcd(*minors)


def test_a_hypersurface_with_a_node_is_refused():
    """Without the monomials that are constant or linear at a fixed point, the hypersurface is singular there."""
    row = rows_of(favourable(1, 2, 2))[0]
    space, inside = space_of(row)
    assert phases.enter_phase(space, inside)
    whole = space.whole
    cone = int(space.fan.cones[0])
    kept = [m for m in range(whole.size[0]) if bin(whole.absent[m] & cone).count("1") < 3]
    for target, m in enumerate(kept):
        for part in (whole.absent, whole.linear, whole.counts):
            part[target] = part[m]
    whole.size[0] = len(kept)
    assert not phases.enter_phase(space, inside) or space.sizes[2] != phases.HYPERSURFACE
