"""One run per folder: the lock of a run, and recovery from a run that was killed, before Snakemake looks at the folder."""

import contextlib
import errno
import fcntl
import io
import os
import secrets
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TextIO

from vacuagym.errors import InputError

RUN_LOCK = Path(".snakemake/run.lock")
_SNAKEMAKE_LOCKS = Path(".snakemake/locks")
_SHELL = frozenset(" \t\"'`$&();<>|*?[\\")  # read by the shell; Snakemake does not quote the path of Python
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # of network file systems mounted without them

# Options of Snakemake with which nothing is run: they look at the workflow or tidy up Snakemake's own files.
_LOOKING = (
    "archive", "cleanup_metadata", "cleanup_shadow", "conda_cleanup_envs", "conda_create_envs_only", "containerize",
    "d3dag", "dag", "delete_all_output", "delete_temp_output", "detailed_summary", "dryrun", "filegraph",
    "generate_unit_tests", "lint", "list_changes", "list_code_changes", "list_conda_envs", "list_input_changes",
    "list_params_changes", "list_rules", "list_target_rules", "list_untracked", "print_compilation", "report",
    "rulegraph", "summary", "unlock",
)  # fmt: skip


def write_utf8(*streams: object) -> None:
    """Write UTF-8 to these text files, whatever the locale; escapes for what is no text, such as some names of files."""
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):  # not the cell of a notebook, which has no bytes
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


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
        Locks the folder for as long as it stays open, if its file system can; None if another run is at work in it.
    notes : list of str
        What was mended or cannot be done, for people.

    Raises
    ------
    InputError
        Nothing can be written in this folder, or jobs could not be started or would take for ever.
    """
    if set(sys.executable) & _SHELL:
        raise InputError(sys.executable, "Snakemake starts no job from a path with such characters; install elsewhere")
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        raise InputError("environment variable NUMBA_DISABLE_JIT", "keeps code from being compiled; unset it")
    for folder in ("logs", "resources", "results"):
        if os.path.lexists(folder) and not os.path.isdir(folder):
            raise InputError(Path(folder).absolute(), "is no folder, or a link to none; move it away")
    notes = []
    try:
        lock = acquire_run_lock(RUN_LOCK)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise InputError(
                RUN_LOCK.absolute(), f"cannot be written ({error.strerror}); run elsewhere: --directory"
            ) from error
        lock = open(RUN_LOCK, encoding="utf-8")
        notes.append(
            f"warning: the file system of this folder has no locks ({error.strerror}): jobs go on if this run is killed; "
            "wait until they have ended, then use --unlock"
        )
    if lock is None:
        return None, [busy()]
    if not notes and any(_SNAKEMAKE_LOCKS.glob("*")):
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
    The file says who holds it, in words that no other holder has. OSError if the file cannot be written or locks do not work.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = open(path, "a+", encoding="utf-8")
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
        except OSError:
            file.close()
            raise
    file.truncate(0)
    file.write(f"process {os.getpid()} on {os.uname().nodename}, run {secrets.token_hex(4)}")
    file.flush()
    return file


def run_holder(path: Path) -> str | None:
    """Who holds a lock, as its file says; None if no living process does, or locks do not work there."""
    try:
        with open(path, encoding="utf-8") as file:
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
