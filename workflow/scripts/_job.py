"""What every script of the workflow does around its one step: threads, log, limits, memory record."""

import sys
import time
from contextlib import contextmanager
from pathlib import Path

# the package beside this folder, in whatever environment the job runs
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from vacuagym.errors import InputError
from vacuagym.process import limit_libraries, limit_time, peak_memory_mb, record_memory, redirect_output, watch

RUN_LOCK = Path(".snakemake/run.lock")


@contextmanager
def job(snakemake):
    """Run the body of a script as a job of the rule: what it prints goes to the rule's log, bad input ends it with one line.

    Import numerical libraries inside the body: thread limits only reach libraries that are not loaded yet.
    """
    redirect_output(Path(snakemake.log[0]))
    limit_libraries(snakemake.threads)
    wildcards = ",".join(f"{key}={value}" for key, value in snakemake.wildcards.items())
    mem_mb = snakemake.resources.mem_mb

    def record():
        record_memory(Path("logs/memory.tsv"), snakemake.rule, wildcards, mem_mb, peak_memory_mb())

    stop_watching = watch(f"{snakemake.rule} {wildcards}".strip(), mem_mb, record, RUN_LOCK)
    if runtime := snakemake.resources.get("runtime"):
        limit_time(60 * runtime)
    start = time.monotonic()
    try:
        yield
    except InputError as error:
        print(f"error: {error}")
        sys.exit(1)
    finally:
        stop_watching()
        print(f"{time.monotonic() - start:.1f} s, peak memory {peak_memory_mb():.0f} MB of {mem_mb} MB")
        record()


def inputs(snakemake) -> dict[Path, dict]:
    """The tables that the job reads, in the order of its input, each with what it must be made by."""
    from vacuagym.plan import scores_of, tables_of

    tables = tables_of(snakemake.config)
    tables |= scores_of(snakemake.config, tables)
    return {Path(path): tables[path] for path in snakemake.input}


def by_dataset(paths) -> dict[str, list[Path]]:
    """Dataset -> its shards, in the order given."""
    shards: dict[str, list[Path]] = {}
    for path in map(Path, paths):
        shards.setdefault(path.parent.name, []).append(path)
    return shards


def say_rows(snakemake, table: str) -> None:
    """Log which rows of the run order the job is for, how many the limit left, and how many other shards hold already."""
    from vacuagym.geometry import COUNTS
    from vacuagym.plan import ranges_of
    from vacuagym.run_order import limited

    dataset = snakemake.wildcards.dataset
    limit, count = snakemake.config["n_limit"], COUNTS[dataset]
    shards = ranges_of(snakemake.config, dataset)
    done = {path.stem.removeprefix("part-") for path in Path("results", table, dataset).glob("part-*.parquet")}
    rows_done = sum(stop - start for part, (start, stop) in shards.items() if part in done)
    start, stop = snakemake.params.made_by["rows"]
    print(
        f"rows {start:,} to {stop:,} of the run order of {dataset}; "
        f"n_limit {limit} leaves {limited(count, limit):,} of {count:,}; {rows_done:,} rows of {table} already done"
    )
