"""``njit`` of numba, with a cache that is never older than the code, and a compiler that takes little memory while idle.

Numba's cache does not notice edits of the functions that a function calls, and would run the old ones. So the cache is in
a folder named by the hash of all sources that may be compiled, inside the folder named by the environment variable
NUMBA_CACHE_DIR, or else inside ``__pycache__``. Every module of the package takes ``njit`` from here.
"""

import ctypes
import os
import re
import sys
from pathlib import Path

import numba
from llvmlite.binding import get_host_cpu_name, parse_bitcode
from numba import njit
from numba.core import codegen, event

from vacuagym.errors import InputError
from vacuagym.fingerprints import source_hash
from vacuagym.job import peak_memory_mb

__all__ = ["UNFINISHED", "end_above", "is_compiled", "mark_compiled", "njit"]

_BASE = Path(os.environ.get("NUMBA_CACHE_DIR") or Path(__file__).with_name("__pycache__"))
_CACHE = _BASE / f"compiled-{source_hash('geometry', 'models', 'numerics', 'tables', comments=True)[:16]}"
numba.config.CACHE_DIR = str(_CACHE)

_MADV_DONTNEED = 4  # of Linux; Python's madvise takes only mappings of its own


def _unchanged_mappings(library: str) -> list[tuple[int, int]]:
    """Address and length of each unmodified, read-only mapping of a library's file; none outside Linux."""
    found, mapping = [], None
    try:
        smaps = open("/proc/self/smaps", encoding="utf-8", errors="replace")
    except OSError:
        return []
    with smaps:
        for line in smaps:
            if match := re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+)", line):
                start, stop = (int(address, 16) for address in match.groups()[:2])
                mapping = (start, stop - start) if library in line and "w" not in match[3] else None
            elif mapping and re.match(r"Anonymous: +0 kB", line):
                found.append(mapping)
    return found


class _IdleCompiler(event.Listener):
    """Releases the pages of the compiler's library, some 70 MB, whenever a function has been compiled.

    They are unmodified pages of a file: the system loads them again when the compiler is next needed.
    """

    def __init__(self):
        self.mappings = _unchanged_mappings("libllvmlite")
        self.madvise = ctypes.CDLL(None).madvise
        self.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)

    def on_start(self, event):
        pass

    def on_end(self, event):
        for start, length in self.mappings:
            self.madvise(start, length, _MADV_DONTNEED)


event.register("numba:compiler_lock", _IdleCompiler())


class _Library(codegen.JITCodeLibrary):
    """Compiled code from the cache, whose bitcode is parsed only when other code is built with it.

    Numba parses the bitcode at once and keeps it, which takes more memory than the code that runs.
    """

    _bitcode = b""

    @classmethod
    def _unserialize(cls, codegen, state):
        library = super()._unserialize(codegen, state)
        _, kind, data = state
        if kind == "object":
            library._bitcode, library._shared_module = data[1], None
        return library

    def _get_module_for_linking(self):
        if self._bitcode and self._shared_module is None:
            self._shared_module = parse_bitcode(self._bitcode)
        return super()._get_module_for_linking()


codegen.JITCPUCodegen._library_class = _Library


UNFINISHED = 75  # exit status of a process that `end_above` ended


class _Ending(event.Listener):
    def __init__(self, limit_mb):
        self.limit_mb, self.kept = limit_mb, _n_kept()

    def on_start(self, event):
        if peak_memory_mb() > self.limit_mb and _n_kept() > self.kept:
            sys.stdout.flush()
            os._exit(UNFINISHED)

    def on_end(self, event):
        pass


def end_above(limit_mb: float) -> None:
    """End this process before it compiles another function, if it needed more memory than this.

    It ends with the status `UNFINISHED`, and only if it has put something into the cache: processes that do the same one
    after the other finish.
    """
    event.register("numba:compile", _Ending(limit_mb))


def _n_kept() -> int:
    """How many compiled functions are in the cache."""
    return sum(1 for _ in _CACHE.rglob("*.nbc"))


@njit("void()", cache=True)
def _start():
    """Load the compiler's own code, which takes 50 MB for a moment, before there are data."""


def is_compiled(what: str) -> bool:
    """Whether `mark_compiled` was told so, for these sources, this processor and these versions."""
    return _mark(what).exists()


def mark_compiled(what: str) -> None:
    """Remember that all code of ``what`` was used once, so that it is in the cache; InputError if nothing can be kept there."""
    try:
        _mark(what).touch()
    except OSError as error:
        reason = (
            f"compiled code cannot be kept here ({error.strerror}); set NUMBA_CACHE_DIR to a folder that can be written"
        )
        raise InputError(_CACHE, reason) from error


def _mark(what: str) -> Path:
    return (
        _CACHE
        / f"{what}-{get_host_cpu_name()}-numba{numba.__version__}-py{sys.version_info[0]}{sys.version_info[1]}.done"
    )
