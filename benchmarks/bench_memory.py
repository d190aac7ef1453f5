"""What runs of the workflow take as they grow: the largest peak of each rule, and time and memory of the whole.

    .venv/bin/python benchmarks/bench_memory.py [--limits 20 1000 null] [--targets all] [--out FOLDER]

Each limit is a run of its own in an empty folder, with the default configuration. One before them compiles what is not
compiled yet, which takes more. Prints the peaks of the rules in MB (10^6 bytes of VmHWM, as in logs/memory.tsv), then seconds,
largest job and all processes together (largest sum of their PSS, seen every half second) of each run. With --out, writes
both tables to memory.md.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl
import psutil
from measure import as_markdown

ROOT = Path(__file__).parents[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--limits", nargs="+", default=["20", "1000", "null"], help="values of n_limit, null for all")
    parser.add_argument("--targets", nargs="+", default=["all"], help="what is made")
    parser.add_argument("--out", type=Path, help="folder for memory.md")
    options = parser.parse_args()
    run(options.limits[0], options.targets)  # compiles
    jobs, together = zip(*(run(limit, options.targets) for limit in options.limits), strict=True)
    peaks, runs = as_markdown(largest_peaks(pl.concat(jobs)), 2), as_markdown(pl.DataFrame(together), 0)
    text = f"{peaks}\n\n{runs}"
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "memory.md").write_text(f"{text}\n")
    print(text)


def run(limit, targets) -> tuple[pl.DataFrame, dict]:
    """A run in a new folder: one row per job, and what it took as a whole."""
    command = [sys.executable, "-m", "snakemake", *targets, "--snakefile", str(ROOT / "Snakefile"), "--cores", "2"]
    with tempfile.TemporaryDirectory() as folder:
        start, most = time.monotonic(), 0
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen([*command, "--config", f"n_limit={limit}"], cwd=folder, **quiet) as process:
            while process.poll() is None:
                most = max(most, memory_of_tree(process.pid))
                time.sleep(0.5)
        if process.returncode:
            sys.exit(f"the run with n_limit {limit} failed")
        seconds = time.monotonic() - start
        jobs = pl.read_csv(f"{folder}/logs/memory.tsv", separator="\t")
    whole = {"n_limit": limit, "seconds": seconds, "largest job, MB": jobs["peak_mb"].max(), "together, MB": most / 1e6}
    return jobs.with_columns(pl.lit(f"n_limit {limit}").alias("limit")), whole


def memory_of_tree(pid) -> int:
    """Bytes that a process and all below it hold, shared pages divided among those who share them."""
    kib = 0
    for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
        try:
            text = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="utf-8")
        except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            continue
        kib += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return 1024 * kib


def largest_peaks(jobs) -> pl.DataFrame:
    """Declared memory, largest peak of each run, and the largest of these over the least, by rule and dataset."""
    dataset = pl.col("wildcards").str.extract("dataset=([^,]+)").fill_null("")
    jobs = jobs.select("rule", dataset.alias("dataset"), pl.col("mem_mb").alias("declared"), "limit", "peak_mb")
    table = jobs.pivot("limit", values="peak_mb", aggregate_function="max").sort("rule", "dataset")
    limits = pl.col(jobs["limit"].unique().to_list())
    return table.with_columns((pl.max_horizontal(limits) / pl.min_horizontal(limits)).alias("most / least"))


if __name__ == "__main__":
    main()
