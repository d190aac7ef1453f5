"""The supergravity labels beside scipy.optimize, one problem at a time, on the same problems; and how many moduli are solved.

    .venv/bin/python benchmarks/bench_supergravity.py [--results results] [--rows 3000] [--reference-rows 20] [--geometries 30]

The reference rebuilds each row's potential from the published couplings and minimises V, with its exact gradient and Hessian in
ln t, by scipy's trust-exact from three starts along the row's ray; it computes the masses of what it finds, proves nothing, and
may miss critical points. The model finds all critical points on the ray with proof. CPU times of one core, after compilation.

The second table follows supersymmetric points of favourable CICYs, without uplift, from the couplings of a ray, N_i and A_i tied to
it, to couplings that are not: equal A_i, then independent N_i. A path that is lost proves nothing.
"""

import argparse
import itertools
import sys
import time
from pathlib import Path

import numpy as np
from scipy import optimize

from vacuagym.geometry import FAMILIES
from vacuagym.models import labeller
from vacuagym.models.supergravity import MODEL
from vacuagym.models.supergravity.priors import alpha_prime
from vacuagym.tables.arrays import n_rows, take
from vacuagym.tables.shards import read_recipe, read_rows

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "models" / "supergravity"))
import full_potential

N_DRAWS, SEED = 3, 1
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
    for dataset in FAMILIES:
        features = first_features(features_folder, dataset, n_rows_wanted // N_DRAWS)
        label(dataset, features, 1)  # compiles
        began = time.process_time()
        table = label(dataset, features, N_DRAWS)
        ours = (time.process_time() - began) / n_rows(table)
        rows = np.linspace(0, n_rows(table) - 1, n_reference).astype(int)
        began, agreed = time.process_time(), 0
        for row in rows:
            agreed += reference(dataset, features, table, row)
        theirs = (time.process_time() - began) / len(rows)
        print(
            f"{dataset:7}  {n_rows(table):6}  {ours * 1e6:8.1f}  {theirs * 1e6:14.0f}  {theirs / ours:5.0f}  "
            f"{agreed} of {len(rows)}"
        )


def moduli_table(features_folder, n_geometries):
    features = first_features(features_folder, "cicy3", 7890, "is_favourable")
    n_moduli = np.diff(features["second_chern_numbers"].offsets)
    print("moduli  draws  ms/draw  found: N_i and A_i tied  N_i tied, A_i equal  N_i independent, A_i equal")
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
    """Whether the row has a critical point on its ray, and whether it can be followed to equal A_i, and to independent N_i."""
    if np.isnan(table["potential_value"][row]):
        return False, False, False
    tied = theory_of("cicy3", features, table, row, row)
    point = full_potential.refine(tied, row_of(table["critical_point"], row))
    if point is None:
        return True, False, False
    n = len(point)
    equal = tied._replace(amplitudes=np.sign(tied.amplitudes) / n)
    low, high = np.log(MODEL.parameters["gauge_rank_nef_classes"].default)
    ranks = np.exp(np.random.default_rng(row).uniform(low, high, n))
    independent = equal._replace(rates=2 * np.pi / ranks)
    return True, *(full_potential.follow(tied, end, point) is not None for end in (equal, independent))


def row_of(column, row):
    """One list of a ragged column."""
    return column.values[column.offsets[row] : column.offsets[row + 1]]


def intersection_numbers(dataset, features, geometry):
    """kappa_ijk of the classes kept, dense (n, n, n)."""
    if dataset == "ks":
        return np.full((1, 1, 1), float(features["primitive_triple_intersection"][geometry]))
    if dataset == "cicy3":
        triples = row_of(features["triple_intersection_indices"], geometry).reshape(-1, 3)
        kappa = np.zeros((len(row_of(features["second_chern_numbers"], geometry)),) * 3)
        for index in itertools.permutations(triples.T):
            kappa[index] = row_of(features["triple_intersection_numbers"], geometry)
        return kappa
    curves = row_of(features["self_intersections"], geometry).astype(float)
    n = len(curves)
    meets = np.diag(curves) + np.roll(np.eye(n), 1, axis=0) + np.roll(np.eye(n), -1, axis=0)
    kappa = np.zeros((n - 1,) * 3)
    kappa[0, 0, 0] = 9 - features["n_tensor_multiplets"][geometry]
    kappa[0, 0, 1:] = kappa[0, 1:, 0] = kappa[1:, 0, 0] = curves[2:] + 2
    kappa[0, 1:, 1:] = kappa[1:, 0, 1:] = kappa[1:, 1:, 0] = meets[2:, 2:]
    return kappa


def theory_of(dataset, features, table, row, geometry):
    """The potential of a row, rebuilt from the published couplings and the geometry alone."""
    kappa = intersection_numbers(dataset, features, geometry)
    direction = row_of(table["ray"], row)
    tau = full_potential.four_cycles(kappa, direction)
    amplitudes = direction * tau / (3 * full_potential.volume(kappa, direction)) * (1 - 2 * table["axion_branch"][row])
    rates = 2 * np.pi * tau.min() / (float(table["condensate_rank"][row]) * tau)
    chi = features["euler_characteristic"][geometry] * (1 - 2 * int(table["is_mirror"][row]))
    return full_potential.Theory(
        kappa,
        alpha_prime(chi, float(table["string_coupling"][row])),
        -(10.0 ** float(table["log10_flux"][row])),
        amplitudes,
        rates,
        table["uplift"][row],
        table["uplift_power"][row],
    )


def reference(dataset, features, table, row):
    """Minimise one row's potential with scipy; whether a minimum was found exactly if the label is a vacuum."""
    theory, direction = theory_of(dataset, features, table, row, row // N_DRAWS), row_of(table["ray"], row)
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
