"""A folder for compiled code that is as old as the code: numba's cache does not notice edits of the functions a function
calls, and would run what they were."""

import hashlib
import os
from pathlib import Path

import numba


def use_own_folder() -> Path:
    """Let numba cache in a folder named by the hash of the sources of the engine and the models.

    The folder is within the environment variable NUMBA_CACHE_DIR, or else within this package's ``__pycache__``. To be
    called before the first function is decorated.
    """
    package = Path(__file__).parents[1]
    sources = sorted([*package.glob("engine/*.py"), *package.glob("models/**/*.py")])
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]
    base = os.environ.get("NUMBA_CACHE_DIR") or Path(__file__).parent / "__pycache__"
    folder = Path(base) / f"compiled-{digest}"
    numba.config.CACHE_DIR = str(folder)
    return folder
