"""What each rule's jobs take as a run grows: the workflow itself at some limits, and the largest peak of each rule.

    .venv/bin/python benchmarks/bench_memory.py [--limits 20 1000 null] [--targets all] [--out FOLDER]

Each limit is a run of its own in an empty folder, with the default configuration. One before them compiles what is not
compiled yet, which takes more. Prints a table of MB (10^6 bytes of VmHWM, as in logs/memory.tsv) and, with --out, writes it to
memory.md.
"""

import argparse
import csv
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from vacuagym.process import MEMORY_COLUMNS

ROOT = Path(__file__).parents[1]
RULE, WILDCARDS, DECLARED, PEAK = MEMORY_COLUMNS


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--limits", nargs="+", default=["20", "1000", "null"], help="values of n_limit, null for all")
    parser.add_argument("--targets", nargs="+", default=["all"], help="what is made")
    parser.add_argument("--out", type=Path, help="folder for memory.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder) / "compiled", options.limits[0], options.targets)
        peaks = {limit: run(Path(folder) / limit, limit, options.targets) for limit in options.limits}
    text = as_markdown(peaks)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "memory.md").write_text(text)
    print(text)


def run(folder, limit, targets) -> dict:
    """Declared memory and largest peak in MB, by rule and dataset, of a run in a new folder."""
    shutil.copytree(ROOT / "config", folder / "config")
    command = [sys.executable, "-m", "snakemake", *targets, "--directory", str(folder), "--cores", "2"]
    subprocess.run([*command, "--config", f"n_limit={limit}"], cwd=ROOT, check=True, capture_output=True)
    jobs = {}
    with open(folder / "logs" / "memory.tsv", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            wildcards = dict(pair.split("=") for pair in row[WILDCARDS].split(",") if pair)
            job, found = (row[RULE], wildcards.get("dataset", "")), (float(row[DECLARED]), float(row[PEAK]))
            jobs[job] = max(found, jobs.get(job, found), key=lambda pair: pair[1])
    shutil.rmtree(folder)
    return jobs


def as_markdown(peaks) -> str:
    limits = list(peaks)
    header = ("rule", "dataset", "declared", *(f"n_limit {limit}" for limit in limits), "most / least")
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    for job, (declared, _) in sorted(peaks[limits[-1]].items()):
        found = [peaks[limit][job][1] for limit in limits]
        cells = (*job, f"{declared:.0f}", *(f"{peak:.0f}" for peak in found), f"{max(found) / min(found):.2f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
