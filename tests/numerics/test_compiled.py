"""Where compiled code is kept, tried in a process of its own."""

import os
import subprocess
import sys

from vacuagym.numerics.compiled import UNFINISHED


def test_a_folder_in_which_compiled_code_cannot_be_kept_is_named(tmp_path):
    (tmp_path / "cache").touch()
    script = (
        "from vacuagym.errors import InputError\nfrom vacuagym.numerics.compiled import mark_compiled\n"
        "try:\n    mark_compiled('ks')\nexcept InputError as error:\n    print(error)\n"
    )
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    run = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert "cannot be kept here (Not a directory); set NUMBA_CACHE_DIR to a folder" in run.stdout, run.stderr


STEPS = """
from vacuagym.numerics.compiled import end_above, njit

@njit(cache=True)
def double(x):
    return 2 * x

@njit(cache=True)
def triple(x):
    return 3 * x

end_above(0)
print(double(1), end=" ")
print(triple(1))
"""


def test_processes_that_end_while_they_compile_finish_one_after_the_other(tmp_path):
    """The first puts one function into the cache and ends before the second; the next one goes on from there."""
    steps, environment = tmp_path / "steps.py", os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    steps.write_text(STEPS)
    found = []
    for _ in range(2):
        run = subprocess.run([sys.executable, str(steps)], env=environment, capture_output=True, text=True)
        found.append((run.returncode, run.stdout.split()))
    assert found == [(UNFINISHED, ["2"]), (0, ["2", "3"])]


LINKED = """
import sys
from vacuagym.numerics.compiled import njit

@njit(cache=True)
def double(x):
    return 2 * x

@njit(cache=True)
def quadruple(x):
    return double(double(x))

double(1)
[library] = [found.library for found in double.overloads.values()]
print(library._bitcode != b"", library._shared_module is None)
if len(sys.argv) > 1:
    print(quadruple(1), library._shared_module is None)
"""


def test_what_other_code_needs_of_code_from_the_cache_is_read_when_it_is_compiled(tmp_path):
    script, environment = tmp_path / "linked.py", os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    script.write_text(LINKED)
    found = []
    for arguments in ((), (), ("link",)):
        run = subprocess.run([sys.executable, script, *arguments], env=environment, capture_output=True, text=True)
        found.append(run.stdout.split())
    assert found == [["False", "False"], ["True", "True"], ["True", "True", "4", "False"]], run.stderr
