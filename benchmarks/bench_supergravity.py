"""The supergravity labels beside scipy.optimize, one problem at a time, on the same problems.

    .venv/bin/python benchmarks/bench_supergravity.py [--features results/features] [--rows 3000] [--reference-rows 20]

The reference rebuilds each row's potential from the published couplings and minimises V, with its exact gradient and Hessian in
ln t, by scipy's trust-exact from three starts along the row's ray; it computes the masses of what it finds, proves nothing, and
may miss critical points. The model finds all critical points on the ray with proof. CPU times of one core, after compilation.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from scipy import optimize

from vacuagym.models import supergravity
from vacuagym.models.supergravity import potential
from vacuagym.tables.columns import n_rows
from vacuagym.tables.shards import read_rows

N_DRAWS, SEED = 3, 1
STARTS = (0.7, 1.0, 1.4)  # in units of the Kähler parameters at which x = log(A / w)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--features", type=Path, default=Path("results/features"), help="feature shards")
    parser.add_argument("--rows", type=int, default=3000, help="labels a dataset for the model")
    parser.add_argument("--reference-rows", type=int, default=20, help="labels a dataset for scipy")
    options = parser.parse_args()
    parameters = {name: parameter.default for name, parameter in supergravity.PARAMETERS.items()}
    print("dataset  labels  us/label  scipy us/label  ratio  scipy finds what the label is named after")
    for dataset in ("ks", "cicy3", "fth6d"):
        shard = options.features / dataset / "part-00000.parquet"
        features = next(iter(read_rows(shard, supergravity.reads(dataset), 0, options.rows // N_DRAWS)))
        supergravity.label(parameters, SEED, dataset, features, 1)  # compiles
        began = time.process_time()
        table = supergravity.label(parameters, SEED, dataset, features, N_DRAWS)
        ours = (time.process_time() - began) / n_rows(table)
        rows = np.linspace(0, n_rows(table) - 1, options.reference_rows).astype(int)
        began, agreed = time.process_time(), 0
        for row in rows:
            agreed += reference(dataset, features, table, row)
        theirs = (time.process_time() - began) / len(rows)
        print(
            f"{dataset:7}  {n_rows(table):6}  {ours * 1e6:8.1f}  {theirs * 1e6:14.0f}  {theirs / ours:5.0f}  "
            f"{agreed} of {len(rows)}"
        )


def row_of(column, row):
    """One list of a ragged column."""
    return column.values[column.offsets[row] : column.offsets[row + 1]]


def intersection_numbers(dataset, features, geometry):
    """kappa_ijk of the classes kept, dense (n, n, n)."""
    if dataset == "ks":
        return np.full((1, 1, 1), float(features["primitive_triple_intersection"][geometry]))
    if dataset == "cicy3":
        upper = row_of(features["triple_intersection_numbers"], geometry)
        n = len(row_of(features["second_chern"], geometry))
        kappa, entries = np.zeros((n, n, n)), iter(upper)
        for r in range(n):
            for s in range(r, n):
                for t in range(s, n):
                    value = next(entries)
                    for index in ((r, s, t), (r, t, s), (s, r, t), (s, t, r), (t, r, s), (t, s, r)):
                        kappa[index] = value
        return kappa
    curves = row_of(features["self_intersections"], geometry).astype(float)
    n = len(curves)
    meets = np.diag(curves) + np.roll(np.eye(n), 1, axis=0) + np.roll(np.eye(n), -1, axis=0)
    kappa = np.zeros((n - 1,) * 3)
    kappa[0, 0, 0] = 9 - features["n_tensor_multiplets"][geometry]
    kappa[0, 0, 1:] = kappa[0, 1:, 0] = kappa[1:, 0, 0] = curves[2:] + 2
    kappa[0, 1:, 1:] = kappa[1:, 0, 1:] = kappa[1:, 1:, 0] = meets[2:, 2:]
    return kappa


def reference(dataset, features, table, row):
    """Minimise one row's potential with scipy; whether a minimum was found exactly if the label is a vacuum."""
    geometry = row // N_DRAWS
    kappa = intersection_numbers(dataset, features, geometry)
    direction = row_of(table["ray"], row)
    tau = potential.four_cycles(kappa, direction)
    amplitudes = direction * tau / (3 * potential.volume(kappa, direction))
    rates = 2 * np.pi * tau.min() / (table["gauge_rank"][row] * tau)
    chi = features["euler_characteristic"][geometry] * (1 - 2 * int(table["is_mirror"][row]))
    flux = 10.0 ** float(table["log10_flux"][row])
    theory = potential.Theory(
        kappa,
        potential.alpha_prime(chi, float(table["string_coupling"][row])),
        -flux,
        amplitudes,
        rates,
        table["uplift"][row],
        table["uplift_power"][row],
    )
    x = -np.log(flux)
    start = direction * np.sqrt(x / (rates[0] * tau[0]))
    unit = flux**2 / potential.volume(kappa, start) ** 2

    def value(u):
        return potential.value(theory, np.exp(u), np.zeros(len(u))) / unit

    def gradient(u):
        t = np.exp(u)
        return t * potential.derivatives(theory, t).gradient / unit

    def hessian(u):
        t = np.exp(u)
        d = potential.derivatives(theory, t)
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
                d = potential.derivatives(theory, np.exp(end.x))
                masses = [potential.masses_squared(block, d.metric) for block in (d.hessian, d.axion_hessian)]
            except (ValueError, np.linalg.LinAlgError):  # left the domain, where K_ij is not positive definite
                continue
        found = found or (end.success and min(mass.min() for mass in masses) > 0)
    return found == bool(table["minimization_success"][row])


if __name__ == "__main__":
    main()
