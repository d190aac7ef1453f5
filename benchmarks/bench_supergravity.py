"""The supergravity labels beside scipy.optimize, one problem at a time, on the same problems; and how many moduli are solved.

    .venv/bin/python benchmarks/bench_supergravity.py [--results results] [--rows 3000] [--reference-rows 20] [--geometries 30]

The reference rebuilds each row's potential from the published couplings and minimises V, with its exact gradient and Hessian in
ln t, by scipy's trust-exact from three starts along the row's ray; it computes the masses of what it finds, proves nothing, and
may miss critical points. The model finds all critical points on the ray with proof. CPU times of one core, after compilation.

The second table has, by number of classes, the share of controlled rows and the spread N_max / N_min that the tie implies.

The third table follows supersymmetric points of favourable CICYs, without uplift, from the couplings of a ray, N_i and A_i tied to
it, to couplings that are not: equal A_i, then independent N_i. A path that is lost proves nothing.
"""

import argparse
import sys
import time
from itertools import pairwise, permutations
from pathlib import Path

import numpy as np
from scipy import optimize

from vacuagym.geometry import COMPLETE_FAMILIES, FAMILIES
from vacuagym.models import labeller
from vacuagym.models.supergravity import MODEL, existence
from vacuagym.models.supergravity.priors import alpha_prime
from vacuagym.tables.arrays import n_rows, take
from vacuagym.tables.shards import read_recipe, read_rows

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "models" / "supergravity"))
import full_potential

N_DRAWS, SEED = 3, 1
CLASSES = (1, 2, 4, 7, 11, 21, 51, 101, 256)  # bounds of the numbers of classes that are taken together
RANKS = (10.0, 50.0)  # range of independent N_i
STARTS = (0.7, 1.0, 1.4)  # in units of the Kähler parameters at which x = log(A / w)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=Path("results"), help="results of a run")
    parser.add_argument("--rows", type=int, default=3000, help="labels per dataset for the model")
    parser.add_argument("--reference-rows", type=int, default=20, help="labels per dataset for scipy")
    parser.add_argument("--geometries", type=int, default=30, help="CICYs for each number of moduli")
    options = parser.parse_args()
    cost_table(options.results / "features", options.rows, options.reference_rows)
    print()
    control_table(options.results / "features", options.rows)
    print()
    moduli_table(options.results / "features", options.geometries)


def label(dataset, features, draws, **parameters):
    settings = {"name": MODEL.name, "draws": draws, "starts": 0, "parameters": parameters}
    read = {name: features[name] for name in MODEL.reads(FAMILIES[dataset])}
    return labeller(settings, SEED).label(FAMILIES[dataset], read)


def first_features(features, dataset, rows, *more):
    """The first rows of a dataset's feature shards, with the columns that the model reads, and more."""
    reads, shard = [*MODEL.reads(FAMILIES[dataset]), *more], features / dataset / "part-00000.parquet"
    stop = min(rows, read_recipe(shard)[0])
    return next(iter(read_rows(shard, reads, 0, stop, stop)))


def cost_table(features_folder, n_rows_wanted, n_reference):
    print("dataset  labels  us/label  scipy us/label  ratio  scipy finds what the label is named after")
    for dataset in COMPLETE_FAMILIES:
        features = first_features(features_folder, dataset, n_rows_wanted // N_DRAWS)
        label(dataset, features, 1)  # compiles
        began = time.process_time()
        table = label(dataset, features, N_DRAWS)
        ours = (time.process_time() - began) / n_rows(table)
        rows = np.linspace(0, n_rows(table) - 1, n_reference).astype(int)
        began, agreed = time.process_time(), 0
        for row in rows:
            agreed += reference(features, table, row)
        theirs = (time.process_time() - began) / len(rows)
        print(
            f"{dataset:7}  {n_rows(table):6}  {ours * 1e6:8.1f}  {theirs * 1e6:14.0f}  {theirs / ours:5.0f}  "
            f"{agreed} of {len(rows)}"
        )


def control_table(features_folder, n_rows_wanted):
    print("dataset  classes   rows  controlled  median of log10 N_max/N_min, and 95th percentile")
    for dataset in COMPLETE_FAMILIES:
        features = first_features(features_folder, dataset, n_rows_wanted)
        table, n = label(dataset, features, 1), features["n_fields"]
        spreads = np.full(len(n), np.nan)
        for row in np.flatnonzero(table["stability"] != "failed"):
            tau = full_potential.four_cycles(intersection_numbers(features, row), row_of(table["ray"], row))
            spreads[row] = np.log10(tau.max() / tau.min())
        for low, high in pairwise(CLASSES):
            rows = np.flatnonzero((n >= low) & (n < high) & ~np.isnan(spreads))
            if len(rows):
                middle, end = np.quantile(spreads[rows], [0.5, 0.95])
                share = table["controlled"][rows].mean()
                print(f"{dataset:7}  {low:3} - {high - 1:3}  {len(rows):5}  {share:10.2f}  {middle:5.2f}  {end:5.2f}")


def moduli_table(features_folder, n_geometries):
    features = first_features(features_folder, "cicy3", 7890, "is_favourable")
    n_moduli = features["n_fields"]
    print(
        "moduli  draws  ms/draw  found: N_i and A_i tied  N_i tied, A_i equal  N_i independent, A_i equal  "
        "exists at leading order: N_i independent"
    )
    for n in range(1, 13):
        rows = np.flatnonzero((n_moduli == n) & features["is_favourable"])[:n_geometries]
        if len(rows) == 0:
            continue
        chosen = take(features, rows)
        table = label("cicy3", chosen, 1, no_uplift_fraction=1.0)
        began = time.process_time()
        found = np.array([solvable(chosen, table, row) for row in range(len(rows))])
        spent = (time.process_time() - began) / len(rows) * 1e3
        shares = "  ".join(f"{share:6.2f}" for share in found.mean(axis=0))
        print(f"{n:6}  {len(rows):5}  {spent:7.1f}  {shares}")


def solvable(features, table, row):
    """Whether a row has a critical point on its ray, whether it can be followed to equal A_i and then to independent N_i, and
    whether the cone has a point with tau proportional to these N_i.
    """
    n = features["n_fields"][row]
    ranks = np.exp(np.random.default_rng(row).uniform(*np.log(RANKS), n))
    exists = existence.decide(intersection_numbers(features, row), np.eye(n), np.ones(n), ranks).exists
    if np.isnan(table["potential_value"][row]):
        return False, False, False, exists
    tied = theory_of(features, table, row, row)
    point = full_potential.refine(tied, table["ray_scale"][row] * row_of(table["ray"], row))
    if point is None:
        return True, False, False, exists
    equal = tied._replace(amplitudes=np.sign(tied.amplitudes) / n)
    independent = equal._replace(rates=2 * np.pi / ranks)
    return True, *(full_potential.follow(tied, end, point) is not None for end in (equal, independent)), exists


def row_of(column, row):
    """One list of a ragged column."""
    return column.values[column.offsets[row] : column.offsets[row + 1]]


def intersection_numbers(features, geometry):
    """kappa_ijk of the classes kept, dense (n, n, n)."""
    n = features["n_fields"][geometry]
    kappa = np.zeros((n, n, n))
    triples = row_of(features["triple_intersection_indices"], geometry).reshape(-1, 3)
    numbers = row_of(features["triple_intersection_numbers"], geometry)
    for order in permutations(range(3)):
        kappa[tuple(triples[:, order].T)] = numbers
    return kappa


def theory_of(features, table, row, geometry):
    """The potential of a row, rebuilt from the published couplings and the geometry alone."""
    kappa = intersection_numbers(features, geometry)
    direction = row_of(table["ray"], row)
    tau = full_potential.four_cycles(kappa, direction)
    amplitudes = direction * tau / (3 * full_potential.volume(kappa, direction)) * (1 - 2 * table["axion_branch"][row])
    rates = 2 * np.pi * tau.min() / (float(table["condensate_rank"][row]) * tau)
    chi = features["euler_characteristic"][geometry]
    if "is_mirror" in features and features["is_mirror"][geometry]:
        chi = -chi
    return full_potential.Theory(
        kappa,
        alpha_prime(chi, float(table["string_coupling"][row])),
        -(10.0 ** float(table["log10_flux"][row])),
        amplitudes,
        rates,
        table["uplift"][row],
        table["uplift_power"][row],
    )


def reference(features, table, row):
    """Minimise one row's potential with scipy; whether a minimum was found exactly if the label is a vacuum."""
    theory, direction = theory_of(features, table, row, row // N_DRAWS), row_of(table["ray"], row)
    flux, tau = -theory.w0, full_potential.four_cycles(theory.kappa, direction)
    x = -np.log(flux)
    start = direction * np.sqrt(x / (theory.rates[0] * tau[0]))
    unit = flux**2 / full_potential.volume(theory.kappa, start) ** 2

    def value(u):
        return full_potential.value(theory, np.exp(u), np.zeros(len(u))) / unit

    def gradient(u):
        t = np.exp(u)
        return t * full_potential.derivatives(theory, t).gradient / unit

    def hessian(u):
        t = np.exp(u)
        d = full_potential.derivatives(theory, t)
        return (np.outer(t, t) * d.hessian + np.diag(t * d.gradient)) / unit

    found = False
    for factor in STARTS:
        with np.errstate(all="ignore"):
            try:
                end = optimize.minimize(
                    value,
                    np.log(start * factor),
                    jac=gradient,
                    hess=hessian,
                    method="trust-exact",
                    options={"gtol": 1e-8},
                )
                d = full_potential.derivatives(theory, np.exp(end.x))
                masses = [full_potential.masses_squared(block, d.metric) for block in (d.hessian, d.axion_hessian)]
            except (ValueError, np.linalg.LinAlgError):  # left the domain, where K_ij is not positive definite
                continue
        found = found or (end.success and min(mass.min() for mass in masses) > 0)
    return found == bool(table["minimization_success"][row])


if __name__ == "__main__":
    main()
