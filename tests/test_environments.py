"""The ways to install the project agree: the lock, the conda environment, the container, and what runs these tests."""

import os
import re
import subprocess
import sys
import tomllib
import venv
from importlib.metadata import requires, version
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA = yaml.safe_load((ROOT / "envs" / "vacuagym.yaml").read_text())
CONTAINER = (ROOT / "envs" / "vacuagym.def").read_text()


def locked(name):
    """The requirements of a lock file, without their hashes."""
    lines = (ROOT / "envs" / name).read_text().splitlines()
    return [Requirement(line.rstrip("\\")) for line in lines if line and not line.startswith((" ", "#"))]


LOCK = locked("requirements.lock")


def test_the_conda_environment_has_the_packages_of_the_lock():
    (pip,) = (entry["pip"] for entry in CONDA["dependencies"] if isinstance(entry, dict))
    assert [str(Requirement(line)) for line in pip] == [str(requirement) for requirement in LOCK]


def test_the_container_installs_the_lock():
    source, target = re.search(r"%files\n *(\S+) (\S+)\n\n", CONTAINER).groups()
    assert source == "envs/requirements.lock" and f"--require-hashes -r {target}\n" in CONTAINER
    assert CONTAINER.count("pip install") == 1


def test_all_have_one_python():
    oldest = PROJECT["requires-python"].removeprefix(">=")
    assert f"python={oldest}" in CONDA["dependencies"]
    assert f"\nFrom: python:{oldest}-slim-" in CONTAINER
    assert f"--python-version {oldest} " in (ROOT / "Makefile").read_text()


def test_the_lock_has_what_the_project_depends_on():
    for wanted, name in (
        (PROJECT["dependencies"] + PROJECT["optional-dependencies"]["workflow"], "requirements.lock"),
        (PROJECT["optional-dependencies"]["test"], "requirements-test.lock"),
    ):
        pinned = {canonicalize_name(requirement.name): requirement for requirement in locked(name)}
        for requirement in map(Requirement, wanted):
            (pin,) = pinned[canonicalize_name(requirement.name)].specifier
            assert pin.operator == "==" and requirement.specifier.contains(pin.version), requirement


def test_the_lock_has_what_a_report_of_snakemake_needs():
    needs = [Requirement(text) for text in requires("snakemake") if 'extra == "reports"' in text]
    assert needs and {need.name for need in needs} <= {requirement.name for requirement in LOCK}


def test_the_locks_agree_with_each_other_and_with_what_is_installed():
    assert set(map(str, LOCK)) <= set(map(str, locked("requirements-test.lock")))
    for requirement in LOCK:
        if requirement.marker is None or requirement.marker.evaluate():
            assert requirement.specifier.contains(version(requirement.name)), requirement


def test_a_job_finds_the_package_without_installing_it():
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    code = (
        "import sys\n"
        "sys.meta_path = [finder for finder in sys.meta_path if 'editable' not in repr(finder)]\n"
        "sys.path = [path for path in sys.path if 'vacuagym' not in path and 'editable' not in path]\n"
        f"sys.path.append({str(ROOT / 'workflow' / 'scripts')!r})\n"
        "import _job, vacuagym\n"
        "print(vacuagym.__file__)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment, cwd="/", capture_output=True, text=True)
    assert done.stdout.strip() == str(ROOT / "workflow" / "vacuagym" / "__init__.py"), done.stderr


def test_a_task_is_loaded_and_scored_without_what_the_workflow_needs():
    """Of an installation without extras: whatever is no dependency of the package itself cannot be imported."""
    core = {Requirement(text).name for text in PROJECT["dependencies"]}
    extras = [
        Requirement(text).name for name in ("workflow", "test") for text in PROJECT["optional-dependencies"][name]
    ]
    modules = {"scikit-learn": "sklearn", "pyyaml": "yaml"}
    absent = sorted({modules.get(name, name.replace("-", "_")) for name in extras if name not in core})
    code = (
        "import sys\n"
        f"absent = {absent}\n"
        "class Absent:\n"
        "    def find_spec(self, name, *rest):\n"
        "        if name.partition('.')[0] in absent:\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "import vacuagym\n"
        "from vacuagym.cli import cli\n"
        "assert 'stability' in vacuagym.tasks()\n"
        "for command in (['--help'], ['evaluate', '--help']):\n"
        "    cli(command, standalone_mode=False)\n"
        "from vacuagym.benchmark import loading, scoring\n"
        "from vacuagym.geometry.triangulations import triangulate\n"
        "from vacuagym.models import labeller\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd="/")
    assert done.returncode == 0, done.stderr


def make(folder, *arguments):
    command = ["make", "--dry-run", "--file", str(ROOT / "Makefile"), *arguments]
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(command, cwd=folder, env=outside, capture_output=True, encoding="utf-8")


def test_a_path_with_a_space_is_named(tmp_path):
    folder = tmp_path / "my project"
    folder.mkdir()
    done = make(folder, "run")
    assert done.returncode == 2 and "the path of this folder has a space" in done.stderr and not done.stdout


def test_a_moved_environment_is_named(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    venv.create(old / ".venv", symlinks=True)
    assert "made in another folder" not in make(old, "test").stderr
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / ".venv").symlink_to(old / ".venv")
    assert "made in another folder" not in make(tmp_path / "linked", "test").stderr
    old.rename(new)
    done = make(new, "test")
    assert done.returncode == 2 and ".venv was made in another folder" in done.stderr and not done.stdout
    assert make(new, "clean").returncode == 0
