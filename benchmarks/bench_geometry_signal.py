"""How much of the supergravity labels the geometry explains: trees on couplings alone beside trees on couplings and geometry.

    .venv/bin/python benchmarks/bench_geometry_signal.py [--results results] [--rows 20000] [--seeds 5]

For each dataset and each of several fresh seeds, geometries of a finished run are labelled anew, once each; rows that are
not scored are left out. Gradient-boosted trees predict the class of rows whose duplicate groups the training rows do not
contain. Of lists, also of the ray, they see minimum, mean and maximum. The table gives the macro-F1 of both, their difference
with an interval from a bootstrap over groups and seeds, and the macro-F1 of trees that see couplings and what decides.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import f1_score

from vacuagym.geometry import COMPLETE_FAMILIES, FAMILIES
from vacuagym.models import labeller
from vacuagym.schema import FEATURE, UNDECIDED
from vacuagym.tables.hashing import hash_rows
from vacuagym.tables.shards import read_rows

COUPLINGS = ("log10_flux", "condensate_rank", "string_coupling", "uplift_ratio")
SETTINGS = {"name": "supergravity", "draws": 1, "starts": 1}
LISTS = ("triple_intersection_numbers", "second_chern_numbers")
TEST_SHARE, BOOTSTRAPS = 0.3, 400


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=Path("results"), help="results of a run")
    parser.add_argument("--rows", type=int, default=20_000, help="geometries per dataset, at most")
    parser.add_argument("--seeds", type=int, default=5, help="fresh seeds")
    parser.add_argument("--target", default="stability", choices=("stability", "vacuum_type"))
    options = parser.parse_args()
    print(f"{options.target}, macro-F1   controlled  couplings  with geometry  gain [95 % interval]  with what decides")
    for dataset in COMPLETE_FAMILIES:
        inputs, groups, features = geometry_table(options.results, dataset, options.rows)
        runs = [one_seed(dataset, inputs, groups, features, seed, options.target) for seed in range(options.seeds)]
        share, alone, both, ceiling = (np.mean([run[k] for run in runs]) for k in range(4))
        gains = np.concatenate([run[4] for run in runs])
        low, high = np.quantile(gains, [0.025, 0.975])
        print(
            f"{dataset:22}  {share:10.3f}  {alone:9.3f}  {both:13.3f}  {both - alone:.3f} [{low:.3f}, {high:.3f}]  {ceiling:.3f}"
        )


def geometry_table(results, dataset, limit):
    """Numbers of each geometry (rows, k), its duplicate group, and the columns that the label model reads, in batches."""
    family = FAMILIES[dataset]
    needed = labeller(SETTINGS, 0).model.reads(family)
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
    return np.concatenate(inputs), np.concatenate(groups), batches


def extremes(column):
    """Minimum, mean and maximum of lists, 0 where they are empty; three float arrays (rows,)."""
    there, starts = np.diff(column.offsets) > 0, column.offsets[:-1][np.diff(column.offsets) > 0]
    found = np.zeros((3, len(there)))
    for k, function in enumerate((np.minimum, np.add, np.maximum)):
        found[k, there] = function.reduceat(column.values.astype(float), starts)
    found[1, there] /= np.diff(column.offsets)[there]
    return list(found)


def one_seed(dataset, inputs, groups, batches, seed, target):
    """Share of controlled rows, macro-F1 of the three trees, and bootstrapped gains of the second over the first."""
    model = labeller(SETTINGS, 1_000 + seed)
    tables = [model.label(FAMILIES[dataset], batch) for batch in batches]
    controlled, truth = (np.concatenate([table[name] for table in tables]) for name in ("controlled", target))
    decided = ~np.isin(np.concatenate([table["stability"] for table in tables]), UNDECIDED)
    rays = np.stack([np.concatenate(some) for some in zip(*(extremes(table["ray"]) for table in tables), strict=True)])
    couplings = np.concatenate([np.column_stack([table[name] for name in COUPLINGS]) for table in tables])
    test = hash_rows([groups], f"signal {seed}") / 2.0**63 < TEST_SHARE
    train, test = (np.flatnonzero(controlled & decided & part) for part in (~test, test))
    oracle, family = model.model.oracle, FAMILIES[dataset]
    rows = [
        {name: (batch | table)[name] for name in oracle.reads(family)}
        for batch, table in zip(batches, tables, strict=True)
    ]
    decides = np.concatenate([oracle.of(some) for some in rows])
    predictions = []
    for columns in (couplings, np.hstack([couplings, rays.T, inputs]), np.hstack([couplings, decides])):
        tree = HistGradientBoostingClassifier(random_state=seed).fit(columns[train], truth[train])
        predictions.append(tree.predict(columns[test]))
    scores = [macro_f1(truth[test], predicted) for predicted in predictions]
    return controlled.mean(), *scores, bootstrap(truth[test], groups[test], predictions[:2], seed)


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
