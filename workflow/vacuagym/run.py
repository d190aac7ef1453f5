"""One run per folder: the lock of a run, and recovery from a run that was killed, before Snakemake looks at the folder."""

import contextlib
import fcntl
import io
import os
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TextIO

RUN_LOCK = Path(".snakemake/run.lock")
_SNAKEMAKE_LOCKS = Path(".snakemake/locks")

# Options of Snakemake with which nothing is run: they look at the workflow or tidy up Snakemake's own files.
_LOOKING = (
    "archive", "cleanup_metadata", "cleanup_shadow", "conda_cleanup_envs", "conda_create_envs_only", "containerize",
    "d3dag", "dag", "delete_all_output", "delete_temp_output", "detailed_summary", "dryrun", "filegraph",
    "generate_unit_tests", "lint", "list_changes", "list_code_changes", "list_conda_envs", "list_input_changes",
    "list_params_changes", "list_rules", "list_target_rules", "list_untracked", "print_compilation", "report",
    "rulegraph", "summary", "unlock",
)  # fmt: skip


def is_real_run(arguments: Sequence[str]) -> bool:
    """Whether Snakemake with these command-line arguments, and the profiles that they name, will run jobs.

    Asked while the Snakefile is read: recovery has to come before Snakemake checks its lock and the dates of files, and
    until then Snakemake does not say itself.
    """
    from snakemake.cli import parse_args

    try:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            _, options = parse_args(list(arguments))
    except SystemExit:  # another program's command line
        return False
    return not any(getattr(options, name, None) for name in _LOOKING)


def begin() -> tuple[TextIO | None, list[str]]:
    """Lock this folder for a run and mend what a killed run, or a wrong clock, left in it.

    Returns
    -------
    lock : file or None
        Locks the folder for as long as it stays open; None if another run is at work in it.
    notes : list of str
        What was mended, for people.
    """
    lock = acquire_run_lock(RUN_LOCK)
    if lock is None:
        return None, [busy()]
    notes = []
    if any(_SNAKEMAKE_LOCKS.glob("*")):
        # Whatever Snakemake's own lock says, there is no other run: this one's lock could be had.
        shutil.rmtree(_SNAKEMAKE_LOCKS)
        notes.append("unlocked: the run that held the lock was killed, this one goes on where it was")
    if count := date_back(chain(Path("resources").rglob("*.*"), Path("results").rglob("*.*"))):
        notes.append(f"{count} files were dated in the future and are given the present time")
    return lock, notes


def busy() -> str:
    """What to tell somebody who starts a second run in a folder."""
    return (
        f"another snakemake is at work in this folder: {run_holder(RUN_LOCK)}; "
        "wait until it ends, or use another folder (--directory)"
    )


def acquire_run_lock(path: Path, wait: float = 1.0) -> TextIO | None:
    """Lock ``path`` for as long as the file returned stays open; None if another process holds it ``wait`` seconds on.

    The system drops the lock when the process ends, however it ends: a lock that can be had has no living holder.
    The file says who holds it, in words that no other holder has.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = open(path, "a+")
    give_up = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > give_up:
                file.close()
                return None
            time.sleep(0.05)
    file.truncate(0)
    file.write(f"process {os.getpid()} on {os.uname().nodename}, run {secrets.token_hex(4)}")
    file.flush()
    return file


def run_holder(path: Path) -> str | None:
    """Who holds a lock, as its file says; None if no living process does, or locks do not work there."""
    try:
        with open(path) as file:
            run = file.read()
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return run
    except OSError:
        return None
    return None


def date_back(paths: Iterable[str | Path]) -> int:
    """Give files that are dated later than now, by a clock that was wrong, the present time; returns how many.

    What is made from such a file would seem older than it, and would be made again and again.
    """
    now = time.time()
    late = list(_dated_after(paths, now + 1))
    for path in late:
        os.utime(path, (now, now))
    return len(late)


def _dated_after(paths: Iterable[str | Path], limit: float) -> Iterator[str | Path]:
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            if os.stat(path).st_mtime > limit:
                yield path
