"""``njit`` of numba, with a cache that is as old as the code, and a compiler that takes no memory while it is idle.

Numba's cache does not notice edits of the functions a function calls, and would run what they were. So the cache is in a
folder named by the hash of all sources of the package, within the environment variable NUMBA_CACHE_DIR or else within
``__pycache__``. Every module of the package takes ``njit`` from here.
"""

import ctypes
import os
import re
from pathlib import Path

import numba
from numba import njit
from numba.core import event

from vacuagym.provenance import source_hash

__all__ = ["njit"]

_PACKAGE = Path(__file__).parent
_BASE = os.environ.get("NUMBA_CACHE_DIR") or _PACKAGE / "__pycache__"
numba.config.CACHE_DIR = str(Path(_BASE) / f"compiled-{source_hash('engine', 'geometry', 'models', 'tables')[:16]}")

_MADV_DONTNEED = 4  # of Linux; Python's madvise takes only mappings of its own


def _unchanged_mappings(library: str) -> list[tuple[int, int]]:
    """Address and length of the mappings of a library's file that nobody changed or can change; none outside Linux."""
    found, mapping = [], None
    try:
        smaps = open("/proc/self/smaps")
    except FileNotFoundError:
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
    """Gives back the pages of the compiler's library, some 70 MB, whenever the compiler is done with a function.

    They are a file's, unchanged: the system brings them again when the compiler is next needed.
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


@njit("void()", cache=True)
def _start():
    """Loads the compiler's own code, which takes 50 MB for a moment, before there are data."""
