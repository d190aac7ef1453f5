"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("compiled", deadline=None)  # the first call of a compiled function compiles it
settings.load_profile("compiled")


@pytest.fixture(scope="session")
def lists() -> Path:
    """The folder of downloaded published lists, named by the environment variable VACUAGYM_LISTS."""
    folder = os.environ.get("VACUAGYM_LISTS")
    if not folder:
        pytest.skip("VACUAGYM_LISTS names no folder of published lists")
    return Path(folder)
