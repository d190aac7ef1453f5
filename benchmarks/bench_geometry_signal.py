"""How much of the labels the geometry explains: trees on couplings alone beside trees on couplings and geometry.

    .venv/bin/python benchmarks/bench_geometry_signal.py [--model supergravity] [--datasets ks] [--rows 20000] [--seeds 5]

For each dataset and each of several fresh seeds, geometries of a finished run are labelled anew, once each; rows that are
not scored are left out. Gradient-boosted trees predict the class of rows whose duplicate groups the training rows do not
contain. Of lists they see minimum, mean and maximum. Lists that are drawn, as the ray, or what sits on each divisor, count
as geometry: their lengths and zeros say what the geometry is. The table gives the macro-F1 of both, their difference with an
interval from a bootstrap over groups and seeds, and the macro-F1 of trees that see couplings and what decides, and of trees
that see couplings and, of the geometry, the degree H^3 and the Euler characteristic alone (weight systems only).
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import f1_score

from vacuagym.errors import InputError
from vacuagym.geometry import COMPLETE_FAMILIES, FAMILIES
from vacuagym.models import labeller
from vacuagym.schema import FEATURE, UNDECIDED
from vacuagym.tables.hashing import hash_rows
from vacuagym.tables.shards import read_rows


class Case(NamedTuple):
    """What trees see of the draws of a label model, and which rows count besides those that are decided and controlled."""

    couplings: tuple[str, ...]
    lists: tuple[str, ...]
    counts: Callable[[dict], np.ndarray]


CASES = {
    "supergravity": Case(
        ("log10_flux", "condensate_rank", "string_coupling", "uplift_ratio"),
        ("ray",),
        lambda table: table["controlled"],
    ),
    "kklt": Case(  # the task kklt
        ("log10_flux", "string_coupling", "uplift_ratio"),
        ("condensates", "log10_amplitudes", "amplitude_angles"),
        lambda table: table["controlled"] & (table["n_candidates"] > 0),
    ),
}
DEGREE_AND_CHI = ("primitive_triple_intersection", "euler_characteristic")
LISTS = ("triple_intersection_numbers", "second_chern_numbers")
TEST_SHARE, BOOTSTRAPS = 0.3, 400


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="supergravity", choices=CASES)
    parser.add_argument("--datasets", nargs="+", default=list(COMPLETE_FAMILIES), choices=list(COMPLETE_FAMILIES))
    parser.add_argument("--results", type=Path, default=Path("results"), help="results of a run")
    parser.add_argument("--rows", type=int, default=20_000, help="geometries per dataset, at most")
    parser.add_argument("--seeds", type=int, default=5, help="fresh seeds")
    parser.add_argument("--target", default="stability", choices=("stability", "vacuum_type"))
    options = parser.parse_args()
    print(
        f"{options.target}, macro-F1  rows that count  couplings  with geometry  gain [95 % interval]  with what decides  H^3, χ"
    )
    for dataset in options.datasets:
        try:
            read = labelled_by(options.model, 0).model.reads(FAMILIES[dataset])
        except InputError as error:
            print(error)
            continue
        table = geometry_table(options.results, dataset, options.rows, read)
        runs = [one_seed(options.model, dataset, *table, seed, options.target) for seed in range(options.seeds)]
        share, alone, both, ceiling, few = (np.mean([run[k] for run in runs]) for k in range(5))
        gains = np.concatenate([run[5] for run in runs])
        low, high = np.quantile(gains, [0.025, 0.975])
        print(
            f"{dataset:22}  {share:11.0f}  {alone:9.3f}  {both:13.3f}  {both - alone:.3f} [{low:.3f}, {high:.3f}]  {ceiling:.3f}  {few:.3f}",
            flush=True,
        )


def labelled_by(name, seed):
    """The labeller of a model, with one draw a geometry."""
    return labeller({"name": name, "draws": 1, "starts": 1}, seed)


def geometry_table(results, dataset, limit, needed):
    """Numbers of each geometry (rows, k), those of DEGREE_AND_CHI, its duplicate group, what the model reads in batches."""
    family = FAMILIES[dataset]
    flat = [c.name for c in family.feature_columns if c.role == FEATURE and not c.type.startswith("list")]
    reads = list(dict.fromkeys([*flat, *LISTS, "duplicate_group", *needed]))
    inputs, groups, batches, rows = [], [], [], 0
    for path in sorted((results / "features" / dataset).glob("part-*.parquet")):
        for batch in read_rows(path, reads):
            if rows >= limit:
                break
            numbers = [batch[name] for name in flat] + [values for name in LISTS for values in extremes(batch[name])]
            inputs.append(np.column_stack(numbers).astype(float))
            groups.append(batch["duplicate_group"])
            batches.append({name: batch[name] for name in needed})
            rows += len(groups[-1])
    inputs = np.concatenate(inputs)
    return inputs, inputs[:, np.isin([*flat, *np.repeat(LISTS, 3)], DEGREE_AND_CHI)], np.concatenate(groups), batches


def extremes(column):
    """Minimum, mean and maximum of lists, 0 where they are empty; three float arrays (rows,)."""
    there, starts = np.diff(column.offsets) > 0, column.offsets[:-1][np.diff(column.offsets) > 0]
    found = np.zeros((3, len(there)))
    for k, function in enumerate((np.minimum, np.add, np.maximum)):
        found[k, there] = function.reduceat(column.values.astype(float), starts)
    found[1, there] /= np.diff(column.offsets)[there]
    return list(found)


def one_seed(name, dataset, inputs, few, groups, batches, seed, target):
    """Rows that count, macro-F1 of the four trees, and bootstrapped gains of the second over the first."""
    model, case = labelled_by(name, 1_000 + seed), CASES[name]
    tables = [model.label(FAMILIES[dataset], batch) for batch in batches]
    truth = np.concatenate([table[target] for table in tables])
    counts = np.concatenate([case.counts(table) & ~np.isin(table["stability"], UNDECIDED) for table in tables])
    lists = [np.column_stack([part for some in case.lists for part in extremes(table[some])]) for table in tables]
    couplings = np.concatenate([np.column_stack([table[some] for some in case.couplings]) for table in tables])
    test = hash_rows([groups], f"signal {seed}") / 2.0**63 < TEST_SHARE
    train, test = (np.flatnonzero(counts & part) for part in (~test, test))
    oracle, family = model.model.oracle, FAMILIES[dataset]
    rows = [
        {name: (batch | table)[name] for name in oracle.reads(family)}
        for batch, table in zip(batches, tables, strict=True)
    ]
    decides = np.concatenate([oracle.of(some) for some in rows])
    predictions = []
    for seen in ([], [np.concatenate(lists), inputs], [decides], [few]):
        columns = np.hstack([couplings, *seen])
        tree = HistGradientBoostingClassifier(random_state=seed).fit(columns[train], truth[train])
        predictions.append(tree.predict(columns[test]))
    scores = [macro_f1(truth[test], predicted) for predicted in predictions]
    return counts.sum(), *scores, bootstrap(truth[test], groups[test], predictions[:2], seed)


def bootstrap(truth, groups, predictions, seed):
    """Gains in macro-F1 on resampled duplicate groups, (BOOTSTRAPS,)."""
    names, member = np.unique(groups, return_inverse=True)
    rng, gains = np.random.default_rng(seed), np.empty(BOOTSTRAPS)
    for k in range(BOOTSTRAPS):
        weights = np.bincount(rng.integers(0, len(names), len(names)), minlength=len(names))[member]
        alone, both = (macro_f1(truth, predicted, weights) for predicted in predictions)
        gains[k] = both - alone
    return gains


def macro_f1(truth, predicted, weights=None):
    return f1_score(truth, predicted, average="macro", sample_weight=weights, zero_division=0.0)


if __name__ == "__main__":
    main()
