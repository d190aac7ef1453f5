"""Classes, control and cost of the labels of the model kklt, by number of moduli.

    .venv/bin/python benchmarks/bench_kklt.py [--geometries 20000] [--draws 3]

Different favourable polytopes among so many weight systems, taken at random. CPU time of one core, after compilation.
A second table puts 100 of them beside `kklt_by_cytools.py`, in the environment that `make bench` installs.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from vacuagym.geometry import FAMILIES
from vacuagym.job import limit_libraries
from vacuagym.models import labeller
from vacuagym.models.supergravity.priors import alpha_prime
from vacuagym.schema import WITH_POINT
from vacuagym.tables.arrays import n_rows, take

FAMILY, SEED = "ks", 11
LINES = ("n", "polytopes", "unstabilised", "draws", "point", "none", "undecided", "AdS", "dS", "destroyed")
LINES = (*LINES, "potent > 1", "all curves > 1", "controlled", "flops", "ms a row")
BESIDE, REPEATS = 100, 5  # polytopes beside CYTools; how often they are labelled here
FIRST = 10  # of these polytopes are labelled by CYTools once more, before the others, which loads libraries
CYTOOLS = Path(__file__).parents[1] / ".venv-cytools" / "bin" / "python"


def main():
    limit_libraries(1)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--geometries", type=int, default=20_000, help="weight systems")
    parser.add_argument("--draws", type=int, default=3, help="labels per polytope")
    options = parser.parse_args()
    model = labeller({"name": "kklt", "draws": options.draws, "starts": 0}, SEED)
    features = favourable(options.geometries, model.values["max_moduli"])
    read = {name: features[name] for name in model.model.reads(FAMILIES[FAMILY])}
    model.label(FAMILIES[FAMILY], take(read, np.arange(60)))  # compiled, or from the cache
    parts, columns = [], []
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
        columns.append(column_of(n, len(rows), parts[-1]))
    together = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    print_table([*columns, column_of("all", n_rows(features), together)])
    spanning = together["n_candidates"] > 0
    for reason in np.unique(together["failure_reason"][together["vacuum_type"] == "undecided"]):
        print(f"{reason}: {np.mean(together['failure_reason'][spanning] == reason):.3f}")
    vacua = np.bincount(np.minimum(together["n_distinct_minima"][spanning], 4), minlength=5)
    print("draws with 0, 1, 2, 3 and more vacua:", ", ".join(map(str, vacua)))
    names, counts = np.unique(together["vacuum_type"], return_counts=True)
    print(f"{counts.sum()} rows:", ", ".join(f"{count} {name}" for name, count in zip(names, counts, strict=True)))
    with_point = np.isin(together["stability"], WITH_POINT)
    print(f"certified of those with a critical point: {together['certified'][with_point].mean():.3f}")
    print(f"{together['seconds'].sum():.0f} s\n")
    if CYTOOLS.is_file():
        beside_cytools(features, model)
    else:
        print(f"{CYTOOLS} does not exist: no comparison with CYTools; `make bench` installs it", file=sys.stderr)


def beside_cytools(features, model):
    """Print CPU milliseconds per label here and by CYTools, in turn for each number of classes, and how many points are equal."""
    features = take(features, np.random.default_rng(1).choice(n_rows(features), BESIDE, replace=False))
    command, lines = [str(CYTOOLS), str(Path(__file__).with_name("kklt_by_cytools.py"))], []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:

        def by_cytools(rows):
            for i in rows:
                print(json.dumps(threefold(take(features, np.array([i])), model)), file=other.stdin, flush=True)
                yield json.loads(other.stdout.readline())

        list(by_cytools(np.arange(FIRST)))
        for n in np.unique(features["n_fields"]):
            rows = np.flatnonzero(features["n_fields"] == n)
            theirs, began = list(by_cytools(rows)), time.process_time()
            for _ in range(REPEATS):
                table = model.label(FAMILIES[FAMILY], take(features, rows))
            seconds, equal = (time.process_time() - began) / REPEATS, []
            found = [row for polytope in theirs for row in polytope["found"]]
            for kind, volume, (its_kind, its_volume) in zip(table["vacuum_type"], table["volume"], found, strict=True):
                if np.isfinite(volume) and its_volume is not None and "undecided" not in (kind, its_kind):
                    equal.append(kind == its_kind and abs(its_volume / volume - 1) < 1e-6)
            its_seconds = sum(polytope["seconds"] for polytope in theirs)
            lines.append((n, len(rows), len(found), seconds, its_seconds, len(equal), sum(equal)))
    print("| n | polytopes | labels | here, ms | CYTools, ms | CYTools / here | points of both | equal |")
    print("|---|---|---|---|---|---|---|---|")
    for n, polytopes, labels, here, there, both, equal in (*lines, ("all", *np.array(lines)[:, 1:].sum(axis=0))):
        costs = f"{1e3 * here / labels:.2f} | {1e3 * there / labels:.0f} | {there / here:.0f}"
        print(f"| {n} | {polytopes:.0f} | {labels:.0f} | {costs} | {both:.0f} | {equal:.0f} |")


def threefold(row, model):
    """What `kklt_by_cytools.py` reads of a row of features (1,): the threefold, and the couplings of its labels."""
    table = model.label(FAMILIES[FAMILY], {name: row[name] for name in model.model.reads(FAMILIES[FAMILY])})
    chi = float(row["euler_characteristic"][0]) * (-1 if row["is_mirror"][0] else 1)
    lists = [table[name] for name in ("condensates", "log10_amplitudes", "amplitude_angles")]
    draws = []
    for k, log10_flux in enumerate(table["log10_flux"].astype(float)):
        condensates, amplitudes, angles = (
            column.values[column.offsets[k] : column.offsets[k + 1]].astype(float) for column in lists
        )
        rigid, log_flux = np.flatnonzero(condensates), np.log(10) * log10_flux
        draws.append(
            {
                "rigid": rigid.tolist(),
                "rates": (2 * np.pi / condensates[rigid]).tolist(),
                "logs": (np.log(10) * amplitudes[rigid] - log_flux).tolist(),
                "angles": angles[rigid].tolist(),
                "xi": alpha_prime(chi, float(table["string_coupling"][k])),
                "log_flux": log_flux,
                "uplift": 3 * float(table["uplift_ratio"][k]),
                "power": float(table["uplift_power"][k]),
            }
        )
    geometry = {name: row[name].values.tolist() for name in ("heights", "basis")}
    return geometry | {"rays": row["rays"].values.reshape(-1, 4).tolist(), "draws": draws}


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


def print_table(columns):
    """One line per quantity, one column per number of moduli."""
    for i, (name, *cells) in enumerate(zip(LINES, *columns, strict=True)):
        print("| " + " | ".join([name, *map(str, cells)]) + " |")
        if i == 0:
            print("|" + "---|" * (len(cells) + 1))


def column_of(n, polytopes, table):
    """One column: shares of the draws whose rigid divisors span the classes; curves and control of those with a point."""
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
    return cells


if __name__ == "__main__":
    main()
