"""What a batch job does to its own process: where output goes, how many threads, how much memory."""

import fcntl
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

PROGRESS_LINES = 20
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


def peak_memory_mb() -> float:
    """Peak resident memory of this process in MB (10^6 bytes), from VmHWM.

    ``ru_maxrss`` will not do: a child starts with the peak of the process that launched it.
    """
    return _status_kb("VmHWM") * 1024 / 1e6


def _status_kb(key: str) -> int:
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith(key + ":"):
                return int(line.split()[1])
    raise KeyError(f"/proc/self/status has no {key}")


def watch_memory(limit_mb: float, name: str, interval: float = 0.05) -> None:
    """End this process with exit status 137 and a message as soon as its resident memory passes ``limit_mb``."""

    def watch():
        while True:
            used = _status_kb("VmRSS") * 1024 / 1e6
            if used > limit_mb:
                message = (
                    f"error: {name} uses {used:.0f} MB, declared mem_mb is {limit_mb:.0f}; "
                    f"raise resources.{name.split()[0]}.mem_mb in the config or lower shard_rows\n"
                )
                os.write(2, message.encode())
                os._exit(_KILLED)
            time.sleep(interval)

    threading.Thread(target=watch, name="memory watchdog", daemon=True).start()


def record_memory(table: Path, rule: str, wildcards: str, mem_mb: float, peak_mb: float) -> None:
    """Append one row to the tab-separated ``table``; safe when jobs end at the same moment."""
    table.parent.mkdir(parents=True, exist_ok=True)
    with open(table, "a") as out:
        fcntl.flock(out, fcntl.LOCK_EX)
        if out.tell() == 0:
            out.write("rule\twildcards\tmem_mb\tpeak_mb\n")
        out.write(f"{rule}\t{wildcards}\t{mem_mb:.0f}\t{peak_mb:.1f}\n")


def progress(total: int, unit: str = "rows") -> Callable[[int], None]:
    """A function to call with the number of rows just done; prints at most some twenty lines, whatever ``total``."""
    start = time.monotonic()
    done = 0
    printed = 0

    def advance(rows: int) -> None:
        nonlocal done, printed
        done += rows
        step = done * PROGRESS_LINES // max(total, 1)
        if step > printed or done == total:
            printed = step
            seconds = max(time.monotonic() - start, 1e-9)
            rate = done / seconds
            print(f"{done:,} of {total:,} {unit}, {rate:,.0f} a second, {(total - done) / rate:.0f} s left")

    return advance
