"""The leaderboard's permutation-invariant network: its tokens, which need neither JAX nor training, and what pages say of it."""

import importlib.util
import json
import math
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "leaderboard" / "deep_sets"


@pytest.fixture(scope="module")
def tokens():
    spec = importlib.util.spec_from_file_location("deep_sets_tokens", FOLDER / "tokens.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.tokens


def a_row(rng, n, m):
    """A ray, m of the κ_ijk of n classes, and c2."""
    triples = [(i, j, k) for i in range(n) for j in range(i, n) for k in range(j, n)]
    indices = np.array(triples)[np.sort(rng.permutation(len(triples))[:m])]
    return np.exp(rng.normal(size=n)), indices, rng.choice([-1, 1], m) * rng.integers(1, 9, m), rng.integers(-9, 99, n)


@pytest.mark.parametrize("n_classes", [4, 6, 8])  # fewer than there are, all, and more
@pytest.mark.parametrize("n_terms", [5, 40])
def test_the_order_of_the_classes_changes_no_token(tokens, n_classes, n_terms):
    rng = np.random.default_rng(0)
    for _ in range(20):
        ray, indices, kappa, c2 = a_row(rng, 6, 40)
        place = rng.permutation(6)  # of each class in another order
        order, moved = np.argsort(place), np.sort(place[indices], axis=1)
        rows = np.lexsort(moved.T[::-1])
        first = tokens(ray, indices, kappa, c2, n_classes, n_terms)
        again = tokens(ray[order], moved[rows], kappa[rows], c2[order], n_classes, n_terms)
        assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


def test_tokens_are_the_classes_and_their_intersection_numbers(tokens):
    """κ_000 = 2, κ_001 = -3, κ_111 = 5 at t = (1, 4): |κ_ijk| t^j t^k is 2 and 12 in class 0, 80 and 3 in class 1."""
    indices = np.array([[0, 0, 0], [0, 0, 1], [1, 1, 1]])
    classes, terms = tokens(np.array([1.0, 4.0]), indices, np.array([2, -3, 5]), np.array([-6, 0]), 3, 2)
    t = math.log(4)
    assert classes == pytest.approx(np.array([[t, 0, 0, 1], [0, -1, math.log(7), 1], [0, 0, 0, 0]]))
    of_1 = [[1, math.log(5), t, t, 1, 2, 1], [-1, math.log(3), 0, 0, 1, 0, 1]]
    of_0 = [[-1, math.log(3), t, 0, 0, 1, 1], [1, math.log(2), 0, 0, 1, 2, 1]]
    assert terms == pytest.approx(np.array([of_1, of_0, np.zeros((2, 7))]))


def test_the_largest_are_kept(tokens):
    rng = np.random.default_rng(1)
    ray, indices, kappa, c2 = a_row(rng, 6, 40)
    classes, terms = tokens(ray, indices, kappa, c2, 3, 4)
    assert classes[:, 0] == pytest.approx(np.sort(np.log(ray))[:2:-1], rel=1e-6)
    for i, of_class in zip(np.argsort(-ray), terms, strict=False):
        sizes = []
        for triple, number in zip(indices.tolist(), kappa, strict=True):
            if i in triple:
                triple.remove(i)
                sizes.append(abs(number) * ray[triple].prod())
        assert np.exp(of_class[:, 1:4].sum(axis=1)) == pytest.approx(sorted(sizes)[:-5:-1], rel=1e-5)


def macro_f1(entry, split):
    """As the pages write it, by dataset."""
    report = json.loads((FOLDER.parent / entry / f"stability-{split}.json").read_text())
    return {name: f"{found['metrics']['macro_f1']['value']:.3f}"[1:] for name, found in report["datasets"].items()}


def words_of(page):
    return " ".join((ROOT / page).read_text().split())


def test_pages_give_the_scores_of_the_entries():
    network, trees = (macro_f1(entry, "iid") for entry in ("deep_sets", "gradient_boosting"))
    text = words_of("README.md")
    assert "reaches {ks}, {cicy3} and {fth6d};".format(**network) in text
    assert "the ranges of these numbers, {ks}, {cicy3} and {fth6d}.".format(**trees) in text
    text = words_of("docs/baselines.md")
    for split in ("iid", "ood_euler", "ood_complexity"):
        network, trees = (macro_f1(entry, split) for entry in ("deep_sets", "gradient_boosting"))
        assert ", ".join(f"{name} {network[name]} to {trees[name]}" for name in network) in text
