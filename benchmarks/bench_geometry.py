"""CPU time and peak memory of generating and featurising every family, beside PALP on the same work.

    .venv/bin/python benchmarks/bench_geometry.py [--datasets ks cicy3 fth6d] [--palp-generation]

Each job is a whole process of its own, file to file as in a run, with compiled code in the cache: its CPU time is that
of the process from start to end, user and system, its peak is VmHWM. PALP (math/0204356) does the work of two of them:

- features of ks: `poly-4d.x -f` on all 201,230 systems. It gives the points, vertices and Hodge numbers only.
- generation of ks: `cws.x -c4` gives the combined systems, `cws.x -w4` the single ones. The latter takes more than ten
  minutes and is run with --palp-generation only; without, it is run up to degree 100, which is 27,090 of the 184,026,
  and the ratio is a lower bound. The lists that PALP prints are compared in number; its 17,320 combined systems are the
  17,204 here and those that have (1, 1) as a part.
"""

import argparse
import json
import re
import resource
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from vacuagym.geometry import COUNTS

DEGREE, UP_TO_DEGREE, SINGLE, COMBINED = 100, 27_090, 184_026, 17_320
COLUMNS = ("dataset", "job", "geometries", "CPU s", "peak MB", "PALP CPU s", "PALP / here", "PALP's work")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--datasets", nargs="+", choices=COUNTS, default=list(COUNTS), help="families to measure")
    parser.add_argument(
        "--palp-generation", action="store_true", help="let PALP make all single systems: over 10 minutes"
    )
    parser.add_argument("--job", nargs=3, help=argparse.SUPPRESS)  # generate or features, dataset, folder
    options = parser.parse_args()
    if options.job:
        print(json.dumps(run_job(*options.job)))
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for dataset in options.datasets:
            for job in ("generate", "features"):
                measure(dataset, job, folder)  # compiles, if need be
                seconds, peak = measure(dataset, job, folder)
                rows.append([dataset, job, f"{COUNTS[dataset]:,}", f"{seconds:.1f}", f"{peak:.0f}"])
                if dataset == "ks":
                    palp, work, bound = palp_generation(options) if job == "generate" else palp_features(folder)
                    rows[-1] += [f"{palp:.1f}", f"{bound}{palp / seconds:.1f}", work]
                else:
                    rows[-1] += ["", "", ""]
                print(f"{dataset} {job}: done", file=sys.stderr, flush=True)
    widths = [max(map(len, column)) for column in zip(COLUMNS, *rows, strict=True)]
    for row in (COLUMNS, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def measure(dataset, job, folder) -> tuple[float, float]:
    """CPU seconds and peak memory in MB of a job in a process of its own."""
    seconds, out = cpu_seconds([sys.executable, __file__, "--job", job, dataset, folder])
    return seconds, json.loads(out.splitlines()[-1])


def run_job(job, dataset, folder) -> float:
    """Run a job in this process; returns its peak memory in MB."""
    from vacuagym import process

    process.limit_libraries(1)
    from vacuagym import plan, steps

    config = {"datasets": {dataset: {"source": "generate"}}, "n_limit": None, "shard_rows": 1_000_000}
    tables = plan.tables_of(config | {"model": {}, "seed": 0, "splits": {}})
    geometries, features = f"resources/geometries/{dataset}.parquet", f"results/features/{dataset}/part-00000.parquet"
    if job == "generate":
        steps.build_geometries(Path(folder) / geometries, tables[geometries])
    else:
        steps.build_features(Path(folder) / geometries, tables[geometries], Path(folder) / features, tables[features])
    return process.peak_memory_mb()


def palp_generation(options) -> tuple[float, str, str]:
    """CPU seconds of PALP for the weight systems, what it did, and a sign if that is less than all."""
    limits = [] if options.palp_generation else ["5", str(DEGREE)]
    single, out = cpu_seconds([palp("cws.x"), "-w4", *limits])
    expect(out, UP_TO_DEGREE if limits else SINGLE)
    combined, out = cpu_seconds([palp("cws.x"), "-c4"])
    expect(out, COMBINED)
    command = " ".join(["cws.x -w4", *limits])
    return single + combined, f"{command} ({single:.1f} s) and cws.x -c4 ({combined:.1f} s)", ">" if limits else ""


def expect(out, count):
    """Check how many weight systems PALP printed: lines that begin with a degree."""
    found = len(re.findall(r"^\d", out, re.MULTILINE))
    if found != count:
        sys.exit(f"PALP printed {found} weight systems, expected {count}")


def palp_features(folder) -> tuple[float, str, str]:
    """CPU seconds of PALP for points, vertices and Hodge numbers of all systems."""
    total = 0.0
    for text in systems_as_text(folder):
        seconds, out = cpu_seconds([palp("poly-4d.x"), "-f"], text)
        total += seconds
        found, expected = out.count("M:"), text.count("\n")
        if found != expected:
            sys.exit(f"PALP printed the data of {found} polytopes, expected {expected}")
    return total, "poly-4d.x -f", ""


def systems_as_text(folder) -> list[str]:
    """The systems as PALP reads them, one text for each kind: lines of d w_1 … w_n, block by block."""
    from vacuagym.tables.shards import read_rows

    lines = {}
    for batch in read_rows(Path(folder) / "resources/geometries/ks.parquet", ["kind", "degrees", "weights"]):
        for row, kind in enumerate(batch["kind"].tolist()):
            degrees, weights = (
                column.values[column.offsets[row] : column.offsets[row + 1]].tolist()
                for column in (batch["degrees"], batch["weights"])
            )
            width = len(weights) // len(degrees)
            blocks = [[d, *weights[b * width : (b + 1) * width]] for b, d in enumerate(degrees)]
            lines.setdefault(kind, []).append(" ".join(str(number) for block in blocks for number in block))
    return ["\n".join(of_kind) + "\n" for of_kind in lines.values()]


def palp(name) -> str:
    """Path of one of PALP's programs."""
    for folder in (sysconfig.get_path("scripts"), sysconfig.get_path("purelib")):
        for path in Path(folder).rglob(name):
            return str(path)
    sys.exit(f"PALP's {name} is not installed; `make bench` installs it")


def cpu_seconds(command, text=None) -> tuple[float, str]:
    """User and system time of a child process, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, input=text, stdout=subprocess.PIPE, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


if __name__ == "__main__":
    main()
