"""The label engine beside scipy.optimize, one problem at a time, on the same problems of the toy model.

    .venv/bin/python benchmarks/bench_labels.py [--features results/features] [--rows 6000] [--out FOLDER]

Prints two tables and the peak memory and, with --out, writes them to labels.md and the first to labels.csv. A label is one
draw of couplings with three descents and one search for the critical point that is classified; the engine also proves that
point and looks for barriers, which the reference does not. All times are CPU times of one core, after compilation.

The reference is scipy.optimize as a person would use it who wants it fast: value, gradient and the right Hessian as numpy
expressions of whole vectors, one call of `minimize` a start, stopped where V falls without bound, one call of `root` for the
critical point, and LAPACK for its inertia. The first table has the method that is the fastest of those that converge; the
second compares methods on the real mix of all geometries.

Floating-point operations are counted by running the formulas uncompiled on numbers that count (an addition, product,
quotient, comparison or root is one). The peak is that of fused multiply-adds in registers, two operations each, measured
here; labels may not fuse, so half of it is their limit.
"""

import argparse
import csv
import io
import math
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from llvmlite import ir
from numba import njit
from numba.core.extending import intrinsic
from scipy import optimize

from vacuagym import engine, models
from vacuagym.engine import labels
from vacuagym.engine.draws import draw_key
from vacuagym.engine.lanes import LANES, LANES_TYPE, lane_storage, lane_view
from vacuagym.engine.linalg import factor, solve
from vacuagym.engine.model import pack
from vacuagym.engine.search import CONVERGED, DESCEND
from vacuagym.errors import InputError
from vacuagym.geometry import COUNTS
from vacuagym.models import toy_eft

N_DRAWS, N_STARTS, SEED = 3, 3, 1
COLUMNS = (
    "fields",
    "labels",
    "engine_us_per_label",
    "scipy_us_per_label",
    "ratio",
    "scipy_converged",
    "gflops",
    "of_peak",
)
# scipy's methods, the derivatives given to them, and their options; the first is that of the main table
METHODS = {
    "trust-ncg": ("trust-ncg", 2, {"gtol": 1e-8, "maxiter": 300}),
    "trust-exact": ("trust-exact", 2, {"gtol": 1e-8, "maxiter": 300}),
    "Newton-CG": ("Newton-CG", 2, {"xtol": 1e-10, "maxiter": 300}),
    "BFGS": ("BFGS", 1, {"gtol": 1e-8, "maxiter": 1000}),
    "BFGS, no derivatives given": ("BFGS", 0, {"gtol": 1e-5, "maxiter": 1000}),
}
REFERENCE = """The reference is scipy.optimize, one problem at a time: value, gradient and the right Hessian as numpy expressions
of whole vectors, one call of `minimize` a start (stopped where V falls without bound), one call of `root` for the critical
point, LAPACK for its inertia; {ms:.1f} ms a call on the real mix. It proves nothing and looks for no barrier; the engine does.
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--features", type=Path, default=Path("results/features"), help="feature shards: the real mix")
    parser.add_argument("--rows", type=int, default=6000, help="labels a line for the engine")
    parser.add_argument("--reference-rows", type=int, default=60, help="labels a line for scipy")
    parser.add_argument("--out", type=Path, help="folder for labels.csv and labels.md")
    options = parser.parse_args()
    peak = fma_peak()
    rows = [compare(str(n), np.full(options.rows // N_DRAWS, n), options, peak) for n in (2, 4, 8, 16, 32)]
    text = ""
    if options.features.exists():
        n_moduli = real_mix(options.features, options.rows // N_DRAWS)
        rows.append(compare("real mix", n_moduli, options, peak))
        seconds = rows[-1]["engine_us_per_label"] * N_DRAWS * sum(COUNTS.values()) * 1e-6
        text += (
            f"All {sum(COUNTS.values()):,} geometries × {N_DRAWS} draws × {N_STARTS} starts: {seconds:.1f} CPU s.\n\n"
        )
        text += compare_methods(n_moduli, options.reference_rows, rows[-1]["engine_us_per_label"])
    else:
        print(f"{options.features} does not exist: no line for the real mix; `make run` makes it")
    memory = {n: peak_memory(n) for n in (1_000, 40_000)}
    text += (
        "\nPeak memory of a process: " + ", ".join(f"{mb} MB for {n:,} geometries" for n, mb in memory.items()) + ".\n"
    )
    text = f"{as_markdown(rows)}\nFMA peak of a core: {peak:.0f} GFLOP/s. {text}"
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "labels.csv").write_text(as_csv(rows))
        (options.out / "labels.md").write_text(text)
    print(text)


def compare(name, n_moduli, options, peak) -> dict:
    """One line of the table: the engine and scipy on geometries of these numbers of moduli."""
    model, parameters = models.resolve("toy_eft", {"max_fields": 32} if name != "real mix" else {})
    features = {"geometry_id": np.arange(len(n_moduli)), "n_moduli": n_moduli.astype(np.int32)}

    def run():
        engine.label(model, parameters, SEED, "ks", features, N_DRAWS, N_STARTS)

    run()  # compiles
    engine_time = min(cpu_time(run) for _ in range(5)) / (len(n_moduli) * N_DRAWS)
    sizes = model.n_fields(features, parameters)
    scipy_time, converged = time_reference(model, parameters, sizes, options.reference_rows, next(iter(METHODS)))
    gflops = search_speed(model, parameters, int(np.median(sizes)))
    line = dict(zip(COLUMNS, (name, len(n_moduli) * N_DRAWS, engine_time * 1e6, scipy_time * 1e6), strict=False))
    line |= {"ratio": scipy_time / engine_time, "scipy_converged": converged}
    line |= {"gflops": gflops, "of_peak": gflops / peak}
    print({key: value if isinstance(value, str) else round(float(value), 3) for key, value in line.items()}, flush=True)
    return line


def compare_methods(n_moduli, rows, engine_us) -> str:
    """The table of scipy's methods on geometries of these numbers of moduli, as markdown."""
    model, parameters = models.resolve("toy_eft")
    sizes = model.n_fields({"n_moduli": n_moduli}, parameters)
    lines = ["| scipy's method, real mix | µs a label | ratio | ends with gradient < 1e-7 |", "|---|---|---|---|"]
    fastest = math.inf
    for method in METHODS:
        seconds, converged = time_reference(model, parameters, sizes, rows, method)
        us = seconds * 1e6
        fastest = min(us, fastest)
        lines.append(f"| {method} | {us:,.0f} | {us / engine_us:,.0f} | {converged:.0%} |")
    return REFERENCE.format(ms=fastest * 1e-3 / (N_STARTS + 1)) + "\n" + "\n".join(lines) + "\n"


def time_reference(model, parameters, sizes, rows, method):
    """CPU seconds a label of the reference with a method, and the share of its descents that converge."""
    chosen = np.linspace(0, len(sizes) - 1, rows).astype(int)
    seconds, converged, solves = 0.0, 0, 0
    for g in chosen:
        solver, couplings, starts = problems(model, parameters, int(sizes[g]), np.array([g]))
        _, _, outcomes, _ = solver.search(DESCEND, couplings, np.zeros(N_STARTS, np.int64), starts[0, 1:].copy())
        begun = time.process_time()
        gradients = reference(solver.n, couplings[0], starts[0], method)
        seconds += time.process_time() - begun
        bounded = outcomes == CONVERGED  # where V falls without bound there is nothing for scipy to converge to
        converged += np.count_nonzero(gradients[bounded] < 1e-7)
        solves += np.count_nonzero(bounded)
    return seconds / rows, converged / max(solves, 1)


def peak_memory(geometries) -> int:
    """Peak memory in MB of a new process that labels so many geometries of 16 fields, in batches as the workflow does."""
    script = f"""
import numpy as np
from vacuagym import engine, models
from vacuagym.tables.shards import BATCH_ROWS
model, parameters = models.resolve("toy_eft")
for first in range(0, {geometries}, BATCH_ROWS):
    ids = np.arange(first, min(first + BATCH_ROWS, {geometries}))
    features = {{"geometry_id": ids, "n_moduli": np.full(len(ids), 16)}}
    engine.label(model, parameters, {SEED}, "ks", features, {N_DRAWS}, {N_STARTS})
(line,) = (line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(line.split()[1]) * 1024 // 10**6)
"""
    return int(subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout)


def problems(model, parameters, n, geometry):
    """A solver, couplings and starts of the first draw of geometries of n fields."""
    couplings, starts = np.empty((len(geometry), model.n_couplings(n))), np.empty((len(geometry), 1 + N_STARTS, n))
    regimes, uniforms = np.empty(len(geometry), dtype=np.int64), np.empty(model.n_uniforms(n))
    sample = np.zeros(len(geometry), dtype=np.int32)
    drawn = labels.compile_draws(model)
    drawn(n, pack(model, parameters), draw_key(SEED, "ks"), geometry, sample, uniforms, couplings, regimes, starts)
    return labels.Solver(model, n), couplings, starts


def search_speed(model, parameters, n, rows=2000) -> float:
    """GFLOP/s of the descents of n fields."""
    solver, couplings, starts = problems(model, parameters, n, np.arange(rows))
    problem, starts = np.repeat(np.arange(rows), N_STARTS), starts[:, 1:].reshape(-1, n)
    turns = solver.search(DESCEND, couplings, problem, starts)[3]
    seconds = min(cpu_time(lambda: solver.search(DESCEND, couplings, problem, starts)) for _ in range(3))
    return turns.sum() * operations(n, couplings[0]) / seconds * 1e-9


# --- the reference: one problem at a time, the same potential with numpy -------------------------------------------


def reference(n, c, starts, method) -> np.ndarray:
    """What a row asks for, with scipy: three minimisations, one root, its inertia. Returns |gradient| at the three ends."""
    value, gradient, hessian = potential(n, c)
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


def potential(n, c):
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
    toy_eft.derivatives(n, c, state, gradient, hessian, work)
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
    total, parts = sum(COUNTS.values()), []
    for dataset, count in COUNTS.items():
        shards = sorted((folder / dataset).glob("part-*.parquet"))
        if not shards:
            print(f"{folder / dataset} holds no shard: {dataset} is missing in the real mix")
            continue
        n = np.concatenate([pq.read_table(shard, columns=["n_moduli"])["n_moduli"].to_numpy() for shard in shards])
        parts.append(np.resize(n, round(size * count / total)))
    if not parts:
        raise InputError(folder, "holds no feature shards; run `make run` first")
    return np.concatenate(parts)


def as_csv(rows) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_markdown(rows) -> str:
    header = (
        "fields",
        "engine, µs a label",
        "scipy, µs a label",
        "ratio",
        "scipy ends with gradient < 1e-7",
        "GFLOP/s",
        "of FMA peak",
    )
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    for row in rows:
        lines.append(
            f"| {row['fields']} | {row['engine_us_per_label']:.1f} | {row['scipy_us_per_label']:,.0f} "
            f"| {row['ratio']:,.0f} | {row['scipy_converged']:.0%} | {row['gflops']:.1f} | {row['of_peak']:.1%} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
