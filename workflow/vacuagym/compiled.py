"""``njit`` of numba, with a cache that is as old as the code.

Numba's cache does not notice edits of the functions a function calls, and would run what they were. So the cache is in a
folder named by the hash of all sources of the package, within the environment variable NUMBA_CACHE_DIR or else within
``__pycache__``. Every module of the package takes ``njit`` from here.
"""

import os
from pathlib import Path

import numba
from numba import njit

from vacuagym.provenance import source_hash

__all__ = ["njit"]

_PACKAGE = Path(__file__).parent
_BASE = os.environ.get("NUMBA_CACHE_DIR") or _PACKAGE / "__pycache__"
numba.config.CACHE_DIR = str(Path(_BASE) / f"compiled-{source_hash('engine', 'geometry', 'models', 'tables')[:16]}")
