"""What the benchmarks share: the cost of calls in a process of their own, the cost of a command, tables in Markdown.

As a script it is that process: it uses one core, and imports no library that the calls do not need.
"""

import contextlib
import json
import os
import pickle
import pkgutil
import resource
import subprocess
import sys
import time
from collections.abc import Iterable

from vacuagym.job import limit_libraries, peak_memory_mb


def in_own_process(function: str, calls: Iterable[tuple]) -> dict[str, float]:
    """Call a function again and again in a new process.

    Parameters
    ----------
    function : str
        Its module and name, as in "vacuagym.geometry.build:build_features".
    calls : iterable of tuple
        The arguments of each call.

    Returns
    -------
    dict of str to float
        Seconds of all calls together, by the clock (``wall_s``) and of the CPU (``cpu_s``); CPU seconds of the process from
        its start (``process_s``); its peak of resident memory in MB (``peak_mb``).
    """
    arguments = pickle.dumps((function, list(calls)))
    done = subprocess.run([sys.executable, __file__], input=arguments, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def main():
    limit_libraries(1)
    name, calls = pickle.load(sys.stdin.buffer)
    function = pkgutil.resolve_name(name)
    wall, cpu = time.perf_counter(), time.process_time()
    with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        for arguments in calls:
            function(*arguments)
    process = time.process_time()
    found = {"wall_s": time.perf_counter() - wall, "cpu_s": process - cpu, "process_s": process}
    print(json.dumps(found | {"peak_mb": peak_memory_mb()}))


def cpu_seconds(command: list[str], **options) -> tuple[float, str]:
    """User and system time of a command, and what it printed; options are those of `subprocess.run`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, **options)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def as_markdown(frame, digits: int) -> str:
    """A polars frame as a table in Markdown, its real numbers with so many decimals."""
    import polars as pl  # not held by the processes that are measured

    with pl.Config(
        tbl_formatting="MARKDOWN",
        tbl_hide_column_data_types=True,
        tbl_hide_dataframe_shape=True,
        tbl_rows=-1,
        tbl_cols=-1,
        tbl_width_chars=-1,
        fmt_str_lengths=1000,
        float_precision=digits,
        thousands_separator=",",
    ):
        return str(frame)


if __name__ == "__main__":
    main()
