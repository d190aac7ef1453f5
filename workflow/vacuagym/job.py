"""Logging, thread, memory and time limits for one job."""

import csv
import ctypes
import faulthandler
import fcntl
import itertools
import os
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from vacuagym.errors import InputError
from vacuagym.run import run_holder, write_utf8

PROGRESS_LINES = 20
MEMORY_COLUMNS = ("rule", "wildcards", "mem_mb", "peak_mb", "rows", "seconds")
_M_MMAP_THRESHOLD = -3  # of glibc: blocks of this size and above go back to the system when they are freed
_rows_done = 0  # by this process, as told to `progress`
_STATUS = Path("/proc/self/status")  # of Linux
_KILLED = 137  # what a shell reports for a process ended by SIGKILL; schedulers read it as "out of memory"


def redirect_output(log: Path) -> None:
    """Send everything this process and its children print, native code included, to the file ``log``."""
    log.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    write_utf8(sys.stdout, sys.stderr)
    sys.stdout.reconfigure(line_buffering=True)


def limit_libraries(threads: int) -> None:
    """Cap the threads of numerical libraries and the memory they keep; only effective before they are imported."""
    os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"  # Arrow's own pool holds on to some 30 MB of what was freed
    for variable in (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "NUMBA_NUM_THREADS",
        "POLARS_MAX_THREADS",
        "ARROW_IO_THREADS",
    ):
        os.environ[variable] = str(threads)
    # unless told otherwise, glibc soon maps no array any more but keeps all in its heap, which never shrinks
    with suppress(AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, 1 << 19)


def peak_memory_mb() -> float:
    """Peak resident memory in MB (10^6 bytes) of this process, or of a child that has ended if that is more.

    Of this process it is Linux's VmHWM, or else what getrusage says. ``ru_maxrss`` is only second best: on Linux a child
    starts with the peak of the process that launched it.
    """
    return max(_own_peak_mb(), _rusage_mb(resource.RUSAGE_CHILDREN))


def _own_peak_mb() -> float:
    with suppress(FileNotFoundError), open(_STATUS, encoding="utf-8") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    return _rusage_mb(resource.RUSAGE_SELF)


def _rusage_mb(whose: int) -> float:
    unit = 1 if sys.platform == "darwin" else 1024  # bytes
    return resource.getrusage(whose).ru_maxrss * unit / 1e6


def watch(
    name: str, limit_mb: float, record: Callable[[], None] = lambda: None, run_lock: Path | None = None
) -> Callable[[], None]:
    """End this process with a message as soon as its memory passes ``limit_mb`` or the run that started it ends.

    Parameters
    ----------
    name : of the job, its rule first.
    record : called before the process ends for its memory, with exit status 137.
    run_lock : the lock of the run; a job must not write into a folder in which another run works by then.

    Returns
    -------
    A function to call when the work is done: it looks a last time, since a job may be over before the next look, and stops
    watching.
    """
    run = run_holder(run_lock) if run_lock else None
    looking = threading.Lock()

    def end(message: str, status: int) -> None:
        os.write(2, f"error: {name} {message}\n".encode(errors="backslashreplace"))
        os._exit(status)

    def check_memory() -> None:
        used = peak_memory_mb()
        if used > limit_mb:
            record()
            end(
                f"uses {used:.0f} MB, declared mem_mb is {limit_mb:.0f}; "
                f"raise resources.{name.split()[0]}.mem_mb in the config or lower shard_rows",
                _KILLED,
            )

    def poll() -> None:
        for turn in itertools.count(1):
            with looking:
                check_memory()
                if run and turn % 10 == 0 and run_holder(run_lock) != run:
                    end("ends, because the run that started it has ended", 1)
            time.sleep(0.05)

    def stop() -> None:
        looking.acquire()
        check_memory()

    threading.Thread(target=poll, name="watchdog", daemon=True).start()
    return stop


def limit_time(seconds: float) -> None:
    """End this process after so long, with a trace of where it was; works even if it hangs in compiled code."""
    faulthandler.dump_traceback_later(seconds, exit=True)


def record_job(
    table: Path, rule: str, wildcards: str, mem_mb: float, peak_mb: float, rows: int, seconds: float
) -> None:
    """Append one row to the tab-separated ``table``; safe when jobs end at the same moment."""
    table.parent.mkdir(parents=True, exist_ok=True)
    with open(table, "a", encoding="utf-8") as out:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(out, fcntl.LOCK_EX)
        if out.tell() == 0:
            out.write("\t".join(MEMORY_COLUMNS) + "\n")
        out.write(f"{rule}\t{wildcards}\t{mem_mb:.0f}\t{peak_mb:.1f}\t{rows}\t{seconds:.2f}\n")


def rows_done() -> int:
    """How many rows this process has done, as told to `progress`."""
    return _rows_done


def check_declared_memory(table: Path) -> Iterator[str]:
    """What is wrong with the memory the rules declare, by the last row of each job in ``table``: one line per rule.

    A rule should declare no less than the largest of its jobs took, and no more than five times that: what is compiled once takes most.
    """
    try:
        with open(table, newline="", encoding="utf-8") as file:
            jobs = {(row["rule"], row["wildcards"]): row for row in csv.DictReader(file, delimiter="\t")}
        rows = [(rule, float(row["mem_mb"]), float(row["peak_mb"])) for (rule, _), row in jobs.items()]
    except FileNotFoundError:
        raise InputError(table, "does not exist; run the workflow first, or name a table") from None
    except (OSError, KeyError, TypeError, ValueError, csv.Error) as error:
        raise InputError(
            table, f"is no table of {', '.join(MEMORY_COLUMNS)} ({error}); run the workflow first"
        ) from error
    for rule in sorted({rule for rule, _, _ in rows}):
        declared = min(mem_mb for name, mem_mb, _ in rows if name == rule)  # retries are given more
        peak = max(peak_mb for name, _, peak_mb in rows if name == rule)
        if not declared / 5 <= peak <= declared:
            fault = "is above" if peak > declared else "is under a fifth of"
            yield f"{rule}: peak of {peak:.0f} MB {fault} the declared {declared:.0f} MB"


def progress(total: int, unit: str = "rows") -> Callable[[int], None]:
    """A function to call with the number of rows just done; prints at most some twenty lines, whatever ``total``."""
    start = time.monotonic()
    done = 0
    printed = 0

    def advance(rows: int) -> None:
        global _rows_done
        nonlocal done, printed
        done += rows
        _rows_done += rows
        step = done * PROGRESS_LINES // max(total, 1)
        if step > printed or done == total:
            printed = step
            seconds = max(time.monotonic() - start, 1e-9)
            rate = done / seconds
            print(f"{done:,} of {total:,} {unit}, {rate:,.0f} a second, {(total - done) / rate:.0f} s left")

    return advance
