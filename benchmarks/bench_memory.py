"""What each rule's jobs take as a run grows: the workflow itself at some limits, and the largest peak of each rule.

    .venv/bin/python benchmarks/bench_memory.py [--limits 20 1000 null] [--targets all] [--out FOLDER]

Each limit is a run of its own in an empty folder, with the default configuration. One before them compiles what is not
compiled yet, which takes more. Prints a table of MB (10^6 bytes of VmHWM, as in logs/memory.tsv) and, with --out, writes it to
memory.md.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import polars as pl
from measure import as_markdown

ROOT = Path(__file__).parents[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--limits", nargs="+", default=["20", "1000", "null"], help="values of n_limit, null for all")
    parser.add_argument("--targets", nargs="+", default=["all"], help="what is made")
    parser.add_argument("--out", type=Path, help="folder for memory.md")
    options = parser.parse_args()
    run(options.limits[0], options.targets)  # compiles
    text = as_markdown(largest_peaks(pl.concat([run(limit, options.targets) for limit in options.limits])), 2)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "memory.md").write_text(f"{text}\n")
    print(text)


def run(limit, targets) -> pl.DataFrame:
    """The jobs of a run in a new folder, one row per job."""
    command = [sys.executable, "-m", "snakemake", *targets, "--snakefile", str(ROOT / "Snakefile"), "--cores", "2"]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*command, "--config", f"n_limit={limit}"], cwd=folder, check=True, capture_output=True)
        jobs = pl.read_csv(f"{folder}/logs/memory.tsv", separator="\t")
    return jobs.with_columns(pl.lit(f"n_limit {limit}").alias("limit"))


def largest_peaks(jobs) -> pl.DataFrame:
    """Declared memory, largest peak of each run, and the largest of these over the least, by rule and dataset."""
    dataset = pl.col("wildcards").str.extract("dataset=([^,]+)").fill_null("")
    jobs = jobs.select("rule", dataset.alias("dataset"), pl.col("mem_mb").alias("declared"), "limit", "peak_mb")
    table = jobs.pivot("limit", values="peak_mb", aggregate_function="max").sort("rule", "dataset")
    limits = pl.col(jobs["limit"].unique().to_list())
    return table.with_columns((pl.max_horizontal(limits) / pl.min_horizontal(limits)).alias("most / least"))


if __name__ == "__main__":
    main()
