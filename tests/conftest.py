"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest
from hypothesis import settings
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

settings.register_profile("compiled", deadline=None)  # the first call of a compiled function compiles it
settings.load_profile("compiled")


@pytest.fixture(scope="session")
def lists() -> Path:
    """The folder of downloaded published lists, named by the environment variable VACUAGYM_LISTS."""
    folder = os.environ.get("VACUAGYM_LISTS")
    if not folder:
        pytest.skip("VACUAGYM_LISTS names no folder of published lists")
    return Path(folder)


@pytest.fixture
def generic_processor(tmp_path) -> dict[str, str]:
    """Environment of a process with machine code for any x86-64 or ARMv8, and numpy without its newer instruction sets."""
    newer = [feature for feature in __cpu_dispatch__ if __cpu_features__.get(feature)]
    return os.environ | {
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": "",
        "NUMBA_CACHE_DIR": str(tmp_path),
        "NPY_DISABLE_CPU_FEATURES": " ".join(newer),
    }
