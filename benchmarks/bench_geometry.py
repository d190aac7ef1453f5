"""CPU time and peak memory of generating and featurising every family, beside PALP on the same work.

    .venv/bin/python benchmarks/bench_geometry.py [--datasets ks cicy3 fth6d] [--palp-generation]

Each job is a whole process of its own, file to file as in a run, with compiled code in the cache: its CPU time is that
of the process from its start, user and system, its peak is VmHWM. PALP (math/0204356) does the work of two of them:

- features of ks: `poly-4d.x -f` on all 201,230 systems. It gives the points, vertices and Hodge numbers only.
- generation of ks: `cws.x -c4` gives the combined systems, `cws.x -w4` the single ones. The latter takes more than ten
  minutes and is run with --palp-generation only; without, it is run up to degree 100, which is 27,090 of the 184,026,
  and the ratio is a lower bound. The lists that PALP prints are compared in number; its 17,320 combined systems are the
  17,204 here and those that have (1, 1) as a part.

A second table has the threefolds with up to 60 Kähler moduli of random rows beside CYTools, if `.venv-cytools` has it
(`make bench` installs it there). CYTools starts at the rays, and triangulates and computes intersection numbers and c2; the
features start at the geometries, and are all that there are. Imports do not count, nor does compiling.
"""

import argparse
import json
import re
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
from measure import as_markdown, cpu_seconds, in_own_process

from vacuagym.config import read_config
from vacuagym.geometry import COMPLETE_FAMILIES, FAMILIES
from vacuagym.recipes import paths_of, tables_of
from vacuagym.tables.arrays import take
from vacuagym.tables.shards import read_batches

ROOT = Path(__file__).parents[1]
MAX_MODULI = 60
DEGREE, UP_TO_DEGREE, SINGLE, COMBINED = 100, 27_090, 184_026, 17_320


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--datasets", nargs="+", choices=COMPLETE_FAMILIES, default=list(COMPLETE_FAMILIES), help="families to measure"
    )
    parser.add_argument(
        "--palp-generation", action="store_true", help="let PALP make all single systems: over 10 minutes"
    )
    options = parser.parse_args()
    tables = tables_of(read_config({"n_limit": None, "shard_rows": 1_000_000}))
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for dataset in options.datasets:
            geometries = [Path(folder) / path for path in paths_of(tables, f"geometries/{dataset}")]
            (features,) = paths_of(tables, f"features/{dataset}")
            recipe = tables[paths_of(tables, f"geometries/{dataset}")[0]]
            for job, arguments in (
                ("geometries", (geometries, recipe)),
                ("features", (geometries, Path(folder) / features, tables[features])),
            ):
                function = f"vacuagym.geometry.build:build_{job}"
                in_own_process(function, [arguments])  # compiles, if need be
                cost = in_own_process(function, [arguments])
                line = {"dataset": dataset, "job": job, "geometries": FAMILIES[dataset].count}
                line |= {"CPU s": cost["process_s"], "peak MB": cost["peak_mb"]}
                if dataset == "ks":
                    seconds, bound, work = (
                        palp_features(geometries) if job == "features" else palp_generation(options.palp_generation)
                    )
                    ratio = f"{bound}{seconds / cost['process_s']:.1f}"
                    line |= {"PALP CPU s": seconds, "PALP / here": ratio, "PALP's work": work}
                lines.append(line)
                print(f"{dataset} {job}: done", file=sys.stderr, flush=True)
    print(as_markdown(pl.DataFrame(lines), 1), flush=True)
    print()
    toric = [dataset for dataset in options.datasets if "rays" in {c.name for c in FAMILIES[dataset].features}]
    print(as_markdown(pl.DataFrame([beside_cytools(dataset) for dataset in toric]), 3) if toric else "")


def beside_cytools(dataset, rows=400) -> dict:
    """CPU milliseconds per threefold, here and by CYTools, on the same ones."""
    family = FAMILIES[dataset]
    geometries = take(family.functions.generate(), np.random.default_rng(1).choice(family.count, rows, replace=False))
    small = np.flatnonzero(family.functions.features(geometries)["n_moduli"] <= MAX_MODULI)  # compiles, if need be
    geometries, repeats = take(geometries, small), 5
    began = time.process_time()
    for _ in range(repeats):
        features = family.functions.features(geometries)
    here = (time.process_time() - began) / repeats / len(small) * 1e3
    line = {"dataset": dataset, "threefolds": len(small), "features, CPU ms": here}
    python = ROOT / ".venv-cytools" / "bin" / "python"
    if not python.is_file():
        print(f"{python} does not exist: no comparison with CYTools; `make bench` installs it", file=sys.stderr)
        return line
    values, offsets = features["rays"]
    rays = [values[offsets[i] : offsets[i + 1]].reshape(-1, 4).tolist() for i in range(len(small))]
    text = "".join(json.dumps({"rays": of_row}) + "\n" for of_row in [rays[0], *rays])  # the first one loads libraries
    _, out = cpu_seconds([str(python), str(ROOT / "tests" / "geometry" / "with_cytools.py")], input=text)
    seconds = [json.loads(found)["seconds"] for found in out.splitlines()][1:]
    theirs = sum(seconds) / len(small) * 1e3
    return line | {"CYTools, CPU ms": theirs, "CYTools / here": theirs / here}


def palp_generation(all_systems) -> tuple[float, str, str]:
    """CPU seconds of PALP for the weight systems, a sign if it makes less than all of them, and what it did."""
    limits = [] if all_systems else ["5", str(DEGREE)]
    single, out = cpu_seconds([palp("cws.x"), "-w4", *limits])
    expect(out, SINGLE if all_systems else UP_TO_DEGREE)
    combined, out = cpu_seconds([palp("cws.x"), "-c4"])
    expect(out, COMBINED)
    command = " ".join(["cws.x -w4", *limits])
    return single + combined, "" if all_systems else ">", f"{command} ({single:.1f} s) and cws.x -c4 ({combined:.1f} s)"


def expect(out, count):
    """Check how many weight systems PALP printed: lines that begin with a degree."""
    found = len(re.findall(r"^\d", out, re.MULTILINE))
    if found != count:
        sys.exit(f"PALP printed {found} weight systems, expected {count}")


def palp_features(geometries) -> tuple[float, str, str]:
    """As `palp_generation`, for points, vertices and Hodge numbers of all systems."""
    total = 0.0
    for text in systems_as_text(geometries):
        seconds, out = cpu_seconds([palp("poly-4d.x"), "-f"], input=text)
        total += seconds
        found, expected = out.count("M:"), text.count("\n")
        if found != expected:
            sys.exit(f"PALP printed the data of {found} polytopes, expected {expected}")
    return total, "", "poly-4d.x -f"


def systems_as_text(geometries) -> list[str]:
    """The systems as PALP reads them, one text for each kind: lines of d w_1 … w_n, block by block."""
    lines = {}
    for path in geometries:
        for batch in read_batches(path, ["kind", "degrees", "weights"]):
            for kind, degrees, weights in zip(*batch.to_pydict().values(), strict=True):
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


if __name__ == "__main__":
    main()
