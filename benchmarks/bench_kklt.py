"""Classes, control and cost of the labels of the model kklt, by number of moduli.

    .venv/bin/python benchmarks/bench_kklt.py [--geometries 20000] [--draws 3]

Different favourable polytopes among so many weight systems, taken at random. CPU time of one core, after compilation.
"""

import argparse
import time

import numpy as np

from vacuagym.geometry import FAMILIES
from vacuagym.models import labeller
from vacuagym.schema import WITH_POINT
from vacuagym.tables.arrays import n_rows, take

FAMILY, SEED = "ks", 11
COLUMNS = ("polytopes", "unstabilised", "draws", "point", "none", "undecided", "AdS", "dS", "destroyed", "potent > 1")
COLUMNS = (*COLUMNS, "all curves > 1", "controlled", "flops", "ms a row")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--geometries", type=int, default=20_000, help="weight systems")
    parser.add_argument("--draws", type=int, default=3, help="labels per polytope")
    options = parser.parse_args()
    model = labeller({"name": "kklt", "draws": options.draws, "starts": 0}, SEED)
    features = favourable(options.geometries, model.values["max_moduli"])
    read = {name: features[name] for name in model.model.reads(FAMILIES[FAMILY])}
    model.label(FAMILIES[FAMILY], take(read, np.arange(60)))  # compiled, or from the cache
    print("| " + " | ".join(("n", *COLUMNS)) + " |")
    print("|" + "---|" * (len(COLUMNS) + 1))
    parts = []
    for n in np.unique(features["n_fields"]):
        rows = np.flatnonzero(features["n_fields"] == n)
        start = time.process_time()
        table = model.label(FAMILIES[FAMILY], take(read, rows))
        seconds = time.process_time() - start
        chosen = (
            "stability",
            "vacuum_type",
            "certified",
            "failure_reason",
            "n_candidates",
            "n_distinct_minima",
            "smallest_potent_curve",
            "smallest_two_cycle",
        )
        parts.append(
            {name: table[name] for name in (*chosen, "controlled", "n_flops")} | {"seconds": np.array([seconds])}
        )
        print_row(n, len(rows), parts[-1])
    together = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    print_row("all", n_rows(features), together)
    spanning = together["n_candidates"] > 0
    for reason in np.unique(together["failure_reason"][together["vacuum_type"] == "undecided"]):
        print(f"{reason}: {np.mean(together['failure_reason'][spanning] == reason):.3f}")
    vacua = np.bincount(np.minimum(together["n_distinct_minima"][spanning], 4), minlength=5)
    print("draws with 0, 1, 2, 3 and more vacua:", ", ".join(map(str, vacua)))
    names, counts = np.unique(together["vacuum_type"], return_counts=True)
    print(f"{counts.sum()} rows:", ", ".join(f"{count} {name}" for name, count in zip(names, counts, strict=True)))
    with_point = np.isin(together["stability"], WITH_POINT)
    print(f"certified of those with a critical point: {together['certified'][with_point].mean():.3f}")
    print(f"{together['seconds'].sum():.0f} s")


def favourable(count, most):
    """Features of different favourable polytopes with ``most`` classes or fewer, of ``count`` weight systems."""
    functions = FAMILIES[FAMILY].functions
    geometries = functions.generate()
    chosen = np.random.default_rng(5).choice(n_rows(geometries), min(count, n_rows(geometries)), replace=False)
    features = functions.features(take(geometries, np.sort(chosen)))
    features = {"geometry_id": np.sort(chosen)} | features
    features = take(features, np.flatnonzero((features["n_fields"] <= most) & ~features["is_truncated"]))
    _, first = np.unique(features["duplicate_group"], return_index=True)
    return take(features, np.sort(first))


def print_row(n, polytopes, table):
    """One line: shares of the draws whose rigid divisors span the classes; curves and control of those with a point."""
    types = table["vacuum_type"]
    spanning = table["n_candidates"] > 0
    found = spanning & (table["n_distinct_minima"] > 0)

    def share(rows, among):
        return f"{np.mean(rows[among]):.2f}" if among.any() else "-"

    cells = [n, polytopes, f"{1 - spanning.mean():.2f}", int(spanning.sum()), share(found, spanning)]
    cells += [share(types == name, spanning) for name in ("no_point", "undecided")]
    cells += [share(np.char.startswith(types, "ads"), spanning)]
    cells += [share(types == name, spanning) for name in ("ds_minimum", "destroyed")]
    cells += [share(table[name] > 1, found) for name in ("smallest_potent_curve", "smallest_two_cycle")]
    cells += [share(table["controlled"], found), f"{table['n_flops'][found].mean():.1f}" if found.any() else "-"]
    cells += [f"{1e3 * table['seconds'].sum() / len(types):.2f}"]
    print("| " + " | ".join(map(str, cells)) + " |")


if __name__ == "__main__":
    main()
