"""The search of the toy model beside scipy.optimize, one problem at a time, on the same problems of the toy model.

    .venv/bin/python benchmarks/bench_labels.py [--features results/features] [--rows 6000] [--out FOLDER]

Prints two tables and the peak memory and, with --out, writes them to labels.md and the first to labels.csv. A label is one
draw of couplings with three descents and one search for the critical point that is classified; the engine also proves that
point and looks for barriers, which the reference does not. All times are CPU times of one core, after compilation.

The reference is scipy.optimize as a person would use it who wants it fast: value, gradient and the right Hessian as numpy
expressions of whole vectors, one call of `minimize` per start, stopped where V falls without bound, one call of `root` for the
critical point, and LAPACK for its inertia; a descent has converged if it ends with a gradient below 1e-7. The first table has
the method that is the fastest of those that converge; the second compares methods on the real mix of all geometries.

Floating-point operations are counted by running the formulas uncompiled on numbers that count (an addition, product,
quotient, comparison or root is one). The peak is that of fused multiply-adds in registers, two operations each, measured
here; labels may not fuse, so half of it is their limit.
"""

import argparse
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import polars as pl
from llvmlite import ir
from measure import as_markdown, in_own_process
from numba import njit
from numba.core.extending import intrinsic
from scipy import optimize

from vacuagym.geometry import COMPLETE_FAMILIES, FAMILIES
from vacuagym.models import labeller
from vacuagym.models.parameters import pack
from vacuagym.models.toy_eft import labels
from vacuagym.models.toy_eft import potential as toy
from vacuagym.models.toy_eft.search import CONVERGED, DESCEND
from vacuagym.models.toy_eft.simd import LANES, LANES_TYPE, lane_storage, lane_view
from vacuagym.numerics.linalg import factor, solve
from vacuagym.numerics.philox import draw_key
from vacuagym.tables.shards import BATCH_ROWS

N_DRAWS, N_STARTS, SEED = 3, 3, 1
FAMILY = next(iter(FAMILIES.values()))  # its name is part of the key of the draws, nothing else of it matters
# scipy's methods, the derivatives given to them, and their options; the first is that of the main table
METHODS = {
    "trust-ncg": ("trust-ncg", 2, {"gtol": 1e-8, "maxiter": 300}),
    "trust-exact": ("trust-exact", 2, {"gtol": 1e-8, "maxiter": 300}),
    "Newton-CG": ("Newton-CG", 2, {"xtol": 1e-10, "maxiter": 300}),
    "BFGS": ("BFGS", 1, {"gtol": 1e-8, "maxiter": 1000}),
    "BFGS, no derivatives given": ("BFGS", 0, {"gtol": 1e-5, "maxiter": 1000}),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--features", type=Path, default=Path("results/features"), help="feature shards: the real mix")
    parser.add_argument("--rows", type=int, default=6000, help="labels per line for the engine")
    parser.add_argument("--reference-rows", type=int, default=60, help="labels per line for scipy")
    parser.add_argument("--out", type=Path, help="folder for labels.csv and labels.md")
    options = parser.parse_args()
    peak = fma_peak()
    rows = [compare(str(n), np.full(options.rows // N_DRAWS, n), options, peak) for n in (2, 4, 8, 16, 32)]
    methods = ""
    if options.features.exists():
        n_moduli = real_mix(options.features, options.rows // N_DRAWS)
        rows.append(compare("real mix", n_moduli, options, peak))
        count, engine_us = sum(family.count for family in COMPLETE_FAMILIES.values()), rows[-1]["engine_us_per_label"]
        seconds = engine_us * N_DRAWS * count * 1e-6
        methods = f"All {count:,} geometries × {N_DRAWS} draws × {N_STARTS} starts: {seconds:.1f} CPU s.\n\n"
        methods += f"{as_markdown(compare_methods(n_moduli, options.reference_rows, engine_us), 2)}\n\n"
    else:
        print(f"{options.features} does not exist: no line for the real mix; `make run` makes it")
    table = pl.DataFrame(rows)
    memory = ", ".join(f"{peak_memory(n):.0f} MB for {n:,} geometries" for n in (1_000, 40_000))
    text = f"{as_markdown(table, 2)}\n\nFMA peak of a core: {peak:.0f} GFLOP/s. {methods}Peak memory of a process: {memory}.\n"
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        table.write_csv(options.out / "labels.csv")
        (options.out / "labels.md").write_text(text)
    print(text)


def toy_labeller(parameters):
    return labeller({"name": "toy_eft", "draws": N_DRAWS, "starts": N_STARTS, "parameters": parameters}, SEED)


def compare(name, n_moduli, options, peak) -> dict:
    """One line of the table: the engine and scipy on geometries of these numbers of moduli."""
    model = toy_labeller({"max_fields": 32} if name != "real mix" else {})
    features = {"geometry_id": np.arange(len(n_moduli)), "n_moduli": n_moduli.astype(np.int32)}

    def run():
        model.label(FAMILY, features)

    run()  # compiles
    engine_time = min(cpu_time(run) for _ in range(5)) / (len(n_moduli) * N_DRAWS)
    sizes = toy.n_fields(features, model.values)
    scipy_time, converged = time_reference(model.values, sizes, options.reference_rows, next(iter(METHODS)))
    gflops = search_speed(model.values, int(np.median(sizes)))
    print(f"{name}: done", file=sys.stderr, flush=True)
    return {
        "fields": name,
        "labels": len(n_moduli) * N_DRAWS,
        "engine_us_per_label": engine_time * 1e6,
        "scipy_us_per_label": scipy_time * 1e6,
        "ratio": scipy_time / engine_time,
        "scipy_converged": converged,
        "gflops": gflops,
        "of_peak": gflops / peak,
    }


def compare_methods(n_moduli, rows, engine_us) -> pl.DataFrame:
    """What scipy's methods take on geometries of these numbers of moduli."""
    sizes, lines = toy.n_fields({"n_moduli": n_moduli}, toy_labeller({}).values), []
    for method in METHODS:
        seconds, converged = time_reference(toy_labeller({}).values, sizes, rows, method)
        us = seconds * 1e6
        lines.append({"method": method, "us_per_label": us, "ratio": us / engine_us, "converged": converged})
    return pl.DataFrame(lines)


def time_reference(values, sizes, rows, method):
    """CPU seconds per label of the reference with a method, and the share of its descents that converge."""
    chosen = np.linspace(0, len(sizes) - 1, rows).astype(int)
    seconds, converged, solves = 0.0, 0, 0
    for g in chosen:
        solver, couplings, starts = problems(values, int(sizes[g]), np.array([g]))
        _, _, outcomes, _ = solver.search(DESCEND, couplings, np.zeros(N_STARTS, np.int64), starts[0, 1:].copy())
        begun = time.process_time()
        gradients = reference(solver.n, couplings[0], starts[0], method)
        seconds += time.process_time() - begun
        bounded = outcomes == CONVERGED  # where V falls without bound there is nothing for scipy to converge to
        converged += np.count_nonzero(gradients[bounded] < 1e-7)
        solves += np.count_nonzero(bounded)
    return seconds / rows, converged / max(solves, 1)


def peak_memory(geometries) -> float:
    """Peak memory in MB of a new process that labels so many geometries of 16 fields, in batches as the workflow does."""
    model, calls = toy_labeller({}), []
    for ids in np.split(np.arange(geometries), range(BATCH_ROWS, geometries, BATCH_ROWS)):
        features = {"geometry_id": ids, "n_moduli": np.full(len(ids), 16)}
        calls.append((model.values, SEED, FAMILY, features, N_DRAWS, N_STARTS))
    return in_own_process("vacuagym.models.toy_eft.labels:label", calls)["peak_mb"]


def problems(values, n, geometry):
    """A solver, couplings and starts of the first draw of geometries of n fields."""
    solver, sample = labels.Solver(toy, n), np.zeros(len(geometry), dtype=np.int32)
    couplings, _, starts = labels.draw_block(
        solver, pack(values), draw_key(SEED, FAMILY.name), geometry, sample, N_STARTS
    )
    return solver, couplings, starts


def search_speed(values, n, rows=2000) -> float:
    """GFLOP/s of the descents of n fields."""
    solver, couplings, starts = problems(values, n, np.arange(rows))
    problem, starts = np.repeat(np.arange(rows), N_STARTS), starts[:, 1:].reshape(-1, n)
    turns = solver.search(DESCEND, couplings, problem, starts)[3]
    seconds = min(cpu_time(lambda: solver.search(DESCEND, couplings, problem, starts)) for _ in range(3))
    return turns.sum() * operations(n, couplings[0]) / seconds * 1e-9


# --- the reference: one problem at a time, the same potential with numpy -------------------------------------------


def reference(n, c, starts, method) -> np.ndarray:
    """What a row asks for, with scipy: three minimisations, one root, its inertia. Returns |gradient| at the three ends."""
    value, gradient, hessian = potential_of(n, c)
    method, order, options = METHODS[method]
    first, second = gradient if order > 0 else None, hessian if order > 1 else None

    def stop_far_away(x, *_):
        if np.abs(x).max() > 1e3:
            raise StopIteration

    ends = []
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of precision, at the cusps
        for start in starts[1:]:
            end = optimize.minimize(
                value, start, method=method, jac=first, hess=second, options=options, callback=stop_far_away
            )
            ends.append(np.linalg.norm(gradient(end.x)))
        root = optimize.root(gradient, starts[0] + 1e-6, jac=hessian, method="hybr")
        np.linalg.eigvalsh(hessian(root.x))
    return np.array(ends)


def potential_of(n, c):
    """V, gradient and Hessian of the toy model as functions of x, in numpy."""
    amplitude, rate, uplift, power, quartic, delta, shift = c[:7]
    tilt, mass = c[7 : 7 + n], c[7 + n : 7 + 2 * n]
    q = np.zeros((n, n))
    q[np.tril_indices(n)] = c[7 + 2 * n :]
    q = q + np.tril(q, -1).T + np.diag(mass**2 + shift)

    def value(x):
        s, t = np.sqrt(x * x + delta), 1 + x @ x
        return x @ q @ x + tilt @ x - amplitude * np.exp(-rate * s.sum()) + uplift / t**power + quartic * (x**4).sum()

    def gradient(x):
        s, t = np.sqrt(x * x + delta), 1 + x @ x
        pull = amplitude * rate * np.exp(-rate * s.sum())
        return 2 * q @ x + tilt + pull * x / s - 2 * power * uplift * x * t ** (-power - 1) + 4 * quartic * x**3

    def hessian(x):
        s, t = np.sqrt(x * x + delta), 1 + x @ x
        pull = amplitude * rate * np.exp(-rate * s.sum())
        push = 2 * power * uplift * t ** (-power - 1)
        h = 2 * q - pull * rate * np.outer(x / s, x / s) + 2 * (power + 1) * push / t * np.outer(x, x)
        return h + np.diag(pull * delta / s**3 - push + 12 * quartic * x**2)

    return value, gradient, hessian


# --- counting and peak ---------------------------------------------------------------------------------------------


class Counted:
    """A number that counts what is done to it; exp and log count as their polynomials."""

    count = 0

    def __init__(self, x):
        self.x = float(x.x if isinstance(x, Counted) else x)

    def _operate(self, x):
        Counted.count += 1
        return Counted(x)

    def sqrt(self):
        return self._operate(self.x**0.5)

    def exp(self):
        Counted.count += 34
        return Counted(np.exp(min(self.x, 300.0)))

    def log(self):
        Counted.count += 36
        return Counted(np.log(self.x))

    def __neg__(self):
        return self._operate(-self.x)

    def __abs__(self):
        return self._operate(abs(self.x))

    def __bool__(self):
        return bool(self.x)


def _count(name):
    def method(self, other):
        other = other.x if isinstance(other, Counted) else float(other)
        result = getattr(self.x, name)(other)
        Counted.count += 1
        return result if isinstance(result, bool) else Counted(result)

    setattr(Counted, name, method)


for _name in ("add", "sub", "mul", "truediv"):
    _count(f"__{_name}__")
    _count(f"__r{_name}__")
for _name in ("lt", "le", "gt", "ge", "eq"):
    _count(f"__{_name}__")


def operations(n, c) -> int:
    """Floating-point operations of one evaluation of a descent: derivatives, factorisation, solution."""
    numbers = np.vectorize(Counted, otypes=[object])
    rng = np.random.default_rng(0)
    state, gradient = numbers(rng.uniform(0.1, 1, 2 * n)), numbers(np.zeros(n))
    hessian, work = numbers(np.zeros((n, n))), numbers(np.zeros(2 * n))
    c = numbers(c)
    Counted.count = 0
    toy.derivatives(n, c, state, gradient, hessian, work)
    factor(n, hessian, work.reshape(2, n), Counted(1e-10), True)
    solve(n, hessian, gradient)
    return Counted.count


@intrinsic
def _multiply_add(typingctx, a, b, c):
    def codegen(context, builder, signature, arguments):
        function = ir.FunctionType(arguments[0].type, [arguments[0].type] * 3)
        return builder.call(builder.module.declare_intrinsic(f"llvm.fma.v{LANES}f64", (), function), arguments)

    return LANES_TYPE(LANES_TYPE, LANES_TYPE, LANES_TYPE), codegen


@njit
def _multiply_adds(storage, rounds):
    v = lane_view(storage)
    x, y = v[0], v[1]
    a, b, c, d, e, f, g, h, i, j = v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10], v[11]
    for _ in range(rounds):
        a, b, c = _multiply_add(a, x, y), _multiply_add(b, x, y), _multiply_add(c, x, y)
        d, e, f = _multiply_add(d, x, y), _multiply_add(e, x, y), _multiply_add(f, x, y)
        g, h, i, j = _multiply_add(g, x, y), _multiply_add(h, x, y), _multiply_add(i, x, y), _multiply_add(j, x, y)
    v[0] = a + b + c + d + e + f + g + h + i + j


def fma_peak() -> float:
    """GFLOP/s of ten independent chains of fused multiply-adds on lane vectors."""
    storage, rounds = lane_storage(12), 10_000_000
    storage[:] = 0.5
    _multiply_adds(storage, 1)
    return 2 * 10 * LANES * rounds / min(cpu_time(lambda: _multiply_adds(storage, rounds)) for _ in range(3)) * 1e-9


def cpu_time(function) -> float:
    """CPU seconds of a call."""
    begun = time.process_time()
    function()
    return time.process_time() - begun


def real_mix(folder, size) -> np.ndarray:
    """Numbers of moduli of ``size`` geometries, each dataset with its share of all geometries."""
    total, parts = sum(family.count for family in COMPLETE_FAMILIES.values()), []
    for dataset, family in COMPLETE_FAMILIES.items():
        n = pl.read_parquet(folder / dataset / "part-*.parquet", columns=["n_moduli"])["n_moduli"].to_numpy()
        parts.append(np.resize(n, round(size * family.count / total)))
    return np.concatenate(parts)


if __name__ == "__main__":
    main()
