"""Coverage of the 95 % intervals of `vacuagym.benchmark.metrics`: how often they hold the truth, where it is known.

    .venv/bin/python benchmarks/bench_coverage.py [--replications 1000] [--kinds classes …] [--groups 300 …] [--out FILE]

Each kind has a population of 100,000 groups, whose scores are the truth. Samples of groups are drawn from it and get their
intervals. As on ks, 1 % of the groups hold 28 % of the rows. Truths and errors are correlated within a group, and the error
depends on its size. Of 1,000 replications, 95 % of the coverages of a perfect interval lie in .936 to .963.

Prints three tables: coverage by kind, metric and number of groups; of the mean over three families and of the difference
of two predictions; and by the number of groups that hold a rare class.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from vacuagym.benchmark.metrics import KINDS, compare, interval
from vacuagym.tables.arrays import Ragged, take

N_POPULATION = 100_000
SIZES = (-0.55, 1.87)  # of the logarithm of the rows of a group, mean and standard deviation
LARGEST = 3_000
SHARES = (0.45, 0.3, 0.15, 0.1)  # of the classes, before a rare one
POSITIVE = 0.2  # share of the true rows of the kind binary
RARE = (5, 10, 20, 40, 80)  # groups of a sample that hold a rare class, on average


# --- populations: columns, of which some are the predictions of a second model, and the group of each row ----------------


def sizes_of(rng):
    return np.minimum(np.ceil(rng.lognormal(*SIZES, N_POPULATION)), LARGEST).astype(np.int64)


def latent(rng, sizes, shape=()):
    """Normal numbers of variance 1 for each row, half of it shared by the rows of a group."""
    shared = np.repeat(rng.normal(size=(len(sizes), *shape)), sizes, axis=0)
    return np.sqrt(0.5) * (shared + rng.normal(size=shared.shape))


def skill(rng, sizes):
    """How well the rows of each group are predicted: around 1, better for the large ones."""
    return np.repeat(0.8 + 0.1 * np.log(sizes) + 0.3 * rng.normal(size=len(sizes)), sizes)


def classes(rng, sizes, shares=SHARES):
    c = len(shares)
    prior = np.log(shares) + np.sqrt(0.5) * np.repeat(rng.normal(size=(len(sizes), c)), sizes, axis=0)
    truth = np.argmax(prior + rng.gumbel(size=prior.shape), axis=1)
    columns = {"truth": truth}
    for name, gain in (("first", 2.5), ("second", 2.3)):
        logits = np.log(shares) + gain * skill(rng, sizes)[:, None] * np.eye(c)[truth] + latent(rng, sizes, (c,))
        p = np.exp(1.2 * (logits - logits.max(axis=1, keepdims=True)))
        p /= p.sum(axis=1, keepdims=True)
        columns |= {f"predicted_{name}": p.argmax(axis=1), f"probabilities_{name}": p}
    return columns


def binary(rng, sizes, share=POSITIVE):
    position = latent(rng, sizes)
    truth = position > np.quantile(position, 1 - share)
    columns = {"truth": truth}
    for name, gain in (("first", 2.5), ("second", 2.3)):
        score = np.log(share / (1 - share)) + gain * skill(rng, sizes) * (truth - 0.3) + latent(rng, sizes)
        columns[f"probabilities_{name}"] = np.round(1 / (1 + np.exp(-score)), 3)  # there are ties
    return columns


def integers(rng, sizes):
    truth = np.round(30 * np.exp(0.5 * latent(rng, sizes, (2,)))).astype(np.int64)
    columns = {"truth": truth}
    for name, scale in (("first", 1.5), ("second", 1.7)):
        error = scale / np.exp(skill(rng, sizes))[:, None] * latent(rng, sizes, (2,)) * np.sqrt(truth)
        columns[f"predicted_{name}"] = truth + np.round(error).astype(np.int64)
    return columns


def number(rng, sizes):
    truth = -10 + 3 * latent(rng, sizes)
    columns = {"truth": truth}
    for name, scale in (("first", 1.0), ("second", 1.1)):
        heavy = np.repeat(rng.gamma(4.0, 0.25, len(sizes)), sizes)
        columns[f"predicted_{name}"] = truth + scale / np.sqrt(heavy) * latent(rng, sizes)
    return columns


def lists(rng, sizes):
    lengths = rng.integers(1, 12, sizes.sum())
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    values = rng.integers(0, 5, offsets[-1])
    columns = {"truth": Ragged(values, offsets)}
    for name, gain in (("first", 2.5), ("second", 2.3)):
        ease = gain * skill(rng, sizes) + latent(rng, sizes)
        wrong = rng.random(offsets[-1]) > np.repeat(1 / (1 + np.exp(-ease)), lengths)
        columns[f"predicted_{name}"] = Ragged(values + wrong, offsets)
    return columns


POPULATIONS = {"classes": classes, "binary": binary, "integers": integers, "number": number, "lists": lists}


class Population:
    """Rows of many groups, with their scores, and samples of them."""

    def __init__(self, kind, seed, **options):
        rng = np.random.default_rng([seed, *kind.encode()])
        self.kind, self.sizes = KINDS[kind], sizes_of(rng)
        self.starts = np.cumsum(self.sizes) - self.sizes
        self.columns = POPULATIONS[kind](rng, self.sizes, **options)
        self.truth = [scores.values() for scores in self.scores(np.arange(len(self.sizes)))]

    def scores(self, groups):
        """The scores of both models on some groups; one that stands there twice is two groups."""
        sizes = self.sizes[groups]
        rows = np.arange(sizes.sum()) + np.repeat(self.starts[groups] - np.cumsum(sizes) + sizes, sizes)
        columns, group = take(self.columns, rows), np.repeat(np.arange(len(groups)), sizes)
        targets = ("h11", "h21") if self.kind.per_target else ()
        return [
            self.kind.score(
                columns["truth"],
                columns.get(f"predicted_{name}"),
                columns.get(f"probabilities_{name}"),
                group,
                targets,
            )
            for name in ("first", "second")
        ]

    def sample(self, rng, n_groups):
        return self.scores(rng.integers(0, len(self.sizes), n_groups))


# --- coverage ---------------------------------------------------------------------------------------------------------


def coverage(n_replications, truth, replicate):
    """Share of replications whose intervals hold the truth, by metric."""
    held = {name: 0 for name in truth}
    for number in range(n_replications):
        found = replicate(np.random.default_rng([number, 7]), number)
        for name, value in truth.items():
            held[name] += found[name].low <= value <= found[name].high
    return {name: count / n_replications for name, count in held.items()}


def of_family(population, n_groups, n_replications):
    def replicate(rng, seed):
        return interval({"a": population.sample(rng, n_groups)[0]}, seed=seed).mean

    return coverage(n_replications, population.truth[0], replicate)


def of_mean(populations, n_groups, n_replications):
    truth = {name: np.mean([p.truth[0][name] for p in populations]) for name in populations[0].truth[0]}

    def replicate(rng, seed):
        parts = zip(populations, n_groups, strict=True)
        return interval({str(k): p.sample(rng, n)[0] for k, (p, n) in enumerate(parts)}, seed=seed).mean

    return coverage(n_replications, truth, replicate)


def of_difference(population, n_groups, n_replications):
    first, second = population.truth
    truth = {name: first[name] - second[name] for name in first}

    def replicate(rng, seed):
        first, second = population.sample(rng, n_groups)
        return compare({"a": first}, {"a": second}, seed=seed).mean

    return coverage(n_replications, truth, replicate)


def groups_with(population, wanted):
    """Share of the groups with a row whose truth is wanted."""
    return np.mean(np.logical_or.reduceat(population.columns["truth"] == wanted, population.starts))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=1000)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    parser.add_argument("--groups", nargs="+", type=int, default=[300, 1000, 5000])
    parser.add_argument("--out", type=Path, help="file for the tables, Markdown")
    args = parser.parse_args()
    lines = []

    def line(*cells):
        lines.append(
            "| " + " | ".join(f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in cells) + " |"
        )
        print(lines[-1], flush=True)

    began = time.monotonic()
    line("kind", "metric", *(f"{n:,} groups" for n in args.groups), "mean of families", "difference")
    line(*["---"] * (4 + len(args.groups)))
    for kind in args.kinds:
        populations = [Population(kind, seed) for seed in range(3)]
        columns = [of_family(populations[0], n, args.replications) for n in args.groups]
        columns.append(of_mean(populations, (300, 500, 1000), args.replications))
        columns.append(of_difference(populations[0], 1000, args.replications))
        for name in columns[0]:
            line(kind, name, *(column[name] for column in columns))
    sizes = np.sort(Population(args.kinds[0], 0).sizes)[::-1]
    share, mean = sizes[: len(sizes) // 100].sum() / sizes.sum(), sizes.mean()
    print(
        f"{share:.0%} of the rows are in 1 % of the groups; {mean:.1f} rows a group; {time.monotonic() - began:.0f} s"
    )

    line("kind", "metric", *(f"{n} groups" for n in RARE))
    line(*["---"] * (2 + len(RARE)))
    for kind, metrics, wanted in (
        ("classes", ("macro_f1", "balanced_accuracy"), len(SHARES)),
        ("binary", ("average_precision", "roc_auc"), True),
    ):
        if kind in args.kinds:
            columns = []
            for n in RARE:
                options = {"shares": (*SHARES, n / 1000)} if kind == "classes" else {"share": n / 1000}
                population = Population(kind, 0, **options)
                n_groups = round(n / groups_with(population, wanted))
                columns.append(of_family(population, n_groups, args.replications))
            for name in metrics:
                line(kind, name, *(column[name] for column in columns))
    if args.out:
        args.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
