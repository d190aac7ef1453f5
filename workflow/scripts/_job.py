"""What every script of the workflow does around its one step: threads, log, limits, a record of memory and time."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# the package beside this folder, in whatever environment the job runs
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from vacuagym.errors import InputError
from vacuagym.job import (
    limit_libraries,
    limit_time,
    peak_memory_mb,
    record_job,
    redirect_output,
    rows_done,
    watch,
)
from vacuagym.run import RUN_LOCK


@contextmanager
def job(snakemake) -> Iterator[tuple[list[Path], list[Path]]]:
    """Run the body of a script as a job of the rule: what it prints goes to the rule's log, bad input ends it with one line.

    Yields the rule's inputs and outputs. Import numerical libraries inside the body: thread limits only reach libraries that are not loaded yet.
    """
    log = Path(snakemake.log[0])
    redirect_output(log)
    limit_libraries(snakemake.threads)
    rule, mem_mb, start = log.parent.name, snakemake.resources.mem_mb, time.monotonic()
    wildcards = dict(snakemake.wildcards.items()) or {"dataset": snakemake.params.get("dataset")}
    wildcards = ",".join(f"{key}={value}" for key, value in wildcards.items() if value)

    def record():
        seconds = time.monotonic() - start
        record_job(memory_table(snakemake), rule, wildcards, mem_mb, peak_memory_mb(), rows_done(), seconds)

    stop_watching = watch(f"{rule} {wildcards}".strip(), mem_mb, record, RUN_LOCK)
    if runtime := snakemake.resources.get("runtime"):
        limit_time(60 * runtime)
    try:
        yield [Path(path) for path in snakemake.input], [Path(path) for path in snakemake.output]
    except InputError as error:
        print(f"error: {error}")
        sys.exit(1)
    finally:
        stop_watching()
        print(f"{time.monotonic() - start:.1f} s, peak memory {peak_memory_mb():.0f} MB of {mem_mb} MB")
        record()


def memory_table(snakemake) -> Path:
    """The table that every job of the run appends to."""
    return Path(snakemake.log[0]).parents[1] / "memory.tsv"


def named(files) -> dict[str, Path | list[Path]]:
    """The named inputs or outputs of a rule."""
    return {
        name: Path(found) if isinstance(found, str) else [Path(path) for path in found] for name, found in files.items()
    }


def log_row_range(snakemake) -> None:
    """Log which rows of the run order a job is for, how many the limit leaves, and how many other shards hold already."""
    from vacuagym.geometry.run_order import limited

    recipe, count, limit = snakemake.params.recipe, snakemake.params.source_rows, snakemake.config["n_limit"]
    dataset, (start, stop) = recipe["dataset"], recipe["rows"]
    limit = limit[dataset] if isinstance(limit, dict) else limit
    folder, table = Path(snakemake.output[0]).parent, recipe["table"].partition("/")[0]
    done = len(list(folder.glob("part-*.parquet")))
    print(
        f"rows {start:,} to {stop:,} of the run order of {dataset}; n_limit {limit} leaves {limited(count, limit):,} of "
        f"{count:,}; {done} shards of {table} already done"
    )
