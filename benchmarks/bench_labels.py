"""The label engine beside scipy.optimize, one problem at a time, on the same problems of the toy model.

    .venv/bin/python benchmarks/bench_labels.py [--features results/features] [--rows 6000] [--out FOLDER]

Prints a table and, with --out, writes it as labels.csv and labels.md. A label is one draw of couplings with three descents
and one search for the critical point that is classified; the engine also proves the point and looks for barriers, which the
reference does not. All times are CPU times of one core, after compilation. Floating-point operations are counted by running
the formulas uncompiled on numbers that count (an addition, product, quotient, comparison or root is one). The peak is that
of fused multiply-adds in registers, two operations each, measured here; labels may not fuse, so half of it is their limit.
"""

import argparse
import csv
import io
import time
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--features", type=Path, default=Path("results/features"), help="feature shards: the real mix")
    parser.add_argument("--rows", type=int, default=6000, help="labels a line for the engine")
    parser.add_argument("--reference-rows", type=int, default=60, help="labels a line for scipy")
    parser.add_argument("--out", type=Path, help="folder for labels.csv and labels.md")
    options = parser.parse_args()
    peak = fma_peak()
    print(f"FMA peak of a core: {peak:.1f} GFLOP/s")
    rows = [compare(str(n), np.full(options.rows // N_DRAWS, n), options, peak) for n in (2, 4, 8, 16, 32)]
    if options.features.exists():
        rows.append(compare("real mix", real_mix(options.features, options.rows // N_DRAWS), options, peak))
        total = sum(COUNTS.values())
        seconds = rows[-1]["engine_us_per_label"] * N_DRAWS * total * 1e-6
        print(f"all {total:,} geometries x {N_DRAWS} draws x {N_STARTS} starts: {seconds:.1f} CPU s")
    else:
        print(f"{options.features} does not exist: no line for the real mix; `make run` makes it")
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "labels.csv").write_text(as_csv(rows))
        (options.out / "labels.md").write_text(as_markdown(rows))
    print(as_markdown(rows))


def compare(name, n_moduli, options, peak) -> dict:
    """One line of the table: the engine and scipy on geometries of these numbers of moduli."""
    model, parameters = models.resolve("toy_eft", {"max_fields": 32} if name != "real mix" else {})
    features = {"geometry_id": np.arange(len(n_moduli)), "n_moduli": n_moduli.astype(np.int32)}

    def run():
        engine.label(model, parameters, SEED, "ks", features, N_DRAWS, N_STARTS)

    run()  # compiles
    engine_time = min(cpu_time(run) for _ in range(3)) / (len(n_moduli) * N_DRAWS)
    sizes = model.n_fields(features, parameters)
    chosen = np.linspace(0, len(sizes) - 1, options.reference_rows).astype(int)
    scipy_time, converged, solves = 0.0, 0, 0
    for g in chosen:
        solver, couplings, starts = problems(model, parameters, int(sizes[g]), np.array([g]))
        _, _, outcomes, _ = solver.search(DESCEND, couplings, np.zeros(N_STARTS, np.int64), starts[0, 1:].copy())
        begun = time.process_time()
        gradients = reference(solver.n, couplings[0], starts[0])
        scipy_time += time.process_time() - begun
        bounded = outcomes == CONVERGED  # where V falls without bound there is nothing for scipy to converge to
        converged += np.count_nonzero(gradients[bounded] < 1e-7)
        solves += np.count_nonzero(bounded)
    gflops = search_speed(model, parameters, int(np.median(sizes)))
    scipy_time /= len(chosen)
    line = dict(zip(COLUMNS, (name, len(n_moduli) * N_DRAWS, engine_time * 1e6, scipy_time * 1e6), strict=False))
    line |= {"ratio": scipy_time / engine_time, "scipy_converged": converged / max(solves, 1)}
    line |= {"gflops": gflops, "of_peak": gflops / peak}
    print({key: value if isinstance(value, str) else round(float(value), 3) for key, value in line.items()}, flush=True)
    return line


def problems(model, parameters, n, geometry):
    """A solver, couplings and starts of the first draw of geometries of n fields."""
    couplings, starts = np.empty((len(geometry), model.n_couplings(n))), np.empty((len(geometry), 1 + N_STARTS, n))
    regimes, uniforms = np.empty(len(geometry), dtype=np.int64), np.empty(model.n_uniforms(n))
    sample = np.zeros(len(geometry), dtype=np.int32)
    drawn = labels.compile_draws(model)
    drawn(n, model.pack(parameters), draw_key(SEED, "ks"), geometry, sample, uniforms, couplings, regimes, starts)
    return labels.Solver(model, n), couplings, starts


def search_speed(model, parameters, n, rows=2000) -> float:
    """GFLOP/s of the descents of n fields."""
    solver, couplings, starts = problems(model, parameters, n, np.arange(rows))
    problem, starts = np.repeat(np.arange(rows), N_STARTS), starts[:, 1:].reshape(-1, n)
    turns = solver.search(DESCEND, couplings, problem, starts)[3]
    seconds = min(cpu_time(lambda: solver.search(DESCEND, couplings, problem, starts)) for _ in range(3))
    return turns.sum() * operations(n, couplings[0]) / seconds * 1e-9


# --- the reference: one problem at a time, the same potential with numpy -------------------------------------------


def reference(n, c, starts) -> np.ndarray:
    """What a row asks for, with scipy: three minimisations, one root, its inertia. Returns |gradient| at the three ends.

    Of scipy's minimisers trust-ncg is the fastest here at 16 fields among those that converge most often (trust-exact and
    Newton-CG take up to 1.7 times as long, BFGS twice, L-BFGS-B ten times).
    """
    value, gradient, hessian = potential(n, c)
    ends = []
    with np.errstate(all="ignore"):
        for start in starts[1:]:
            options = {"gtol": 1e-8, "maxiter": 300}
            end = optimize.minimize(value, start, method="trust-ncg", jac=gradient, hess=hessian, options=options)
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
    header = "fields", "engine, µs a label", "scipy, µs a label", "ratio", "scipy converges", "GFLOP/s", "of FMA peak"
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    for row in rows:
        lines.append(
            f"| {row['fields']} | {row['engine_us_per_label']:.1f} | {row['scipy_us_per_label']:,.0f} "
            f"| {row['ratio']:,.0f} | {row['scipy_converged']:.0%} | {row['gflops']:.1f} | {row['of_peak']:.1%} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
