"""The label table has the same bytes on processors of different age."""

import os
import subprocess
import sys

import numpy as np
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

from vacuagym.geometry import FAMILIES
from vacuagym.models import labeller
from vacuagym.tables.arrays import content_sha256

N_GEOMETRIES = 150


def table_hash() -> str:
    ids = np.arange(N_GEOMETRIES)
    features = {"geometry_id": ids, "n_moduli": 1 + ids % 17}
    model = labeller({"name": "toy_eft", "draws": 2, "starts": 3}, 7)
    table = model.label(next(iter(FAMILIES.values())), features)
    return content_sha256({name: column for name, column in table.items() if name != "dataset"})


def test_code_for_a_generic_processor_gives_the_same_bytes(tmp_path):
    """In a new process: machine code for any x86-64 or ARMv8, and numpy without its newer instruction sets."""
    newer = [feature for feature in __cpu_dispatch__ if __cpu_features__.get(feature)]
    plain = {
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": "",
        "NUMBA_CACHE_DIR": str(tmp_path),
        "NPY_DISABLE_CPU_FEATURES": " ".join(newer),
    }
    script = f"import runpy; print(runpy.run_path({__file__!r})['table_hash']())"
    run = subprocess.run([sys.executable, "-c", script], env=os.environ | plain, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == [table_hash()]
