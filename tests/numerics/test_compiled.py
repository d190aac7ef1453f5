"""Where compiled code is kept, tried in a process of its own."""

import os
import subprocess
import sys


def test_a_folder_in_which_compiled_code_cannot_be_kept_is_named(tmp_path):
    (tmp_path / "cache").touch()
    script = (
        "from vacuagym.errors import InputError\nfrom vacuagym.numerics.compiled import mark_compiled\n"
        "try:\n    mark_compiled('ks')\nexcept InputError as error:\n    print(error)\n"
    )
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    run = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert "cannot be kept here (Not a directory); set NUMBA_CACHE_DIR to a folder" in run.stdout, run.stderr
