"""What every script of the workflow does around its one step: threads, log, memory watchdog, memory record."""

import sys
import time
from contextlib import contextmanager
from pathlib import Path

from vacuagym.errors import InputError
from vacuagym.process import limit_libraries, peak_memory_mb, record_memory, redirect_output, watch_memory


@contextmanager
def job(snakemake):
    """Run the body of a script as a job of the rule: what it prints goes to the rule's log, bad input ends it with one line.

    Import numerical libraries inside the body: thread limits only reach libraries that are not loaded yet.
    """
    redirect_output(Path(snakemake.log[0]))
    limit_libraries(snakemake.threads)
    wildcards = ",".join(f"{key}={value}" for key, value in snakemake.wildcards.items())
    mem_mb = snakemake.resources.mem_mb
    watch_memory(mem_mb, f"{snakemake.rule} {wildcards}".strip())
    start = time.monotonic()
    try:
        yield
    except InputError as error:
        print(f"error: {error}")
        sys.exit(1)
    finally:
        peak = peak_memory_mb()
        print(f"{time.monotonic() - start:.1f} s, peak memory {peak:.0f} MB of {mem_mb} MB")
        record_memory(Path("logs/memory.tsv"), snakemake.rule, wildcards, mem_mb, peak)


def say_rows(snakemake, table: str) -> None:
    """Log which rows of the run order the job is for, how many the limit left, and how many other shards hold already."""
    from vacuagym.geometry import COUNTS
    from vacuagym.run_order import limited
    from vacuagym.tables.shards import read_metadata

    dataset = snakemake.wildcards.dataset
    limit, count = snakemake.config["n_limit"], COUNTS[dataset]
    done = sum(read_metadata(path)[0] for path in Path("results", table, dataset).glob("part-*.parquet"))
    start, stop = snakemake.params.rows
    print(
        f"rows {start:,} to {stop:,} of the run order of {dataset}; "
        f"n_limit {limit} leaves {limited(count, limit):,} of {count:,}; {done:,} rows of {table} already done"
    )
