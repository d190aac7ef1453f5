"""What decides whether a command line runs the workflow, and what a run mends in its folder first."""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vacuagym import run
from vacuagym.errors import InputError
from vacuagym.job import check_declared_memory, record_job

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "arguments",
    ["-n", "--dry-run", "--lint", "--dag", "--rulegraph", "--filegraph", "--summary", "-D", "--list-rules", "-l",
     "--unlock", "--report report.html", "--list-changes code", "--archive x.tar.gz", "--config n_limit=5 -n"],
)  # fmt: skip
def test_looking_is_no_run(arguments):
    assert not run.is_real_run(["--cores", "2", *arguments.split()])


@pytest.mark.parametrize(
    "arguments", ["", "all release", "--config n_limit=null", "-R label_vacua", "--forceall", "-k"]
)
def test_what_runs_jobs_is_a_run(arguments):
    assert run.is_real_run(["--cores", "2", *arguments.split()])


def test_a_profile_may_say_that_nothing_is_run(tmp_path):
    (tmp_path / "config.yaml").write_text("dry-run: true\n")
    assert not run.is_real_run(["--cores", "2", "--profile", str(tmp_path)])


def test_another_program_s_command_line_is_no_run():
    assert not run.is_real_run(["--no-such-option"])


def test_a_run_removes_the_locks_of_a_killed_one_and_no_others(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    locks = tmp_path / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    (locks / "0.output.lock").touch()
    lock, notes = run.begin()
    assert lock and "this one goes on where it was" in notes[0] and not locks.exists()
    locks.mkdir()
    (locks / "0.output.lock").touch()
    second, notes = run.begin()
    assert second is None and "another snakemake is at work in this folder: process" in notes[0]
    assert (locks / "0.output.lock").exists()
    lock.close()


def test_files_from_the_future_are_given_the_present_time(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    late, early = tmp_path / "results" / "splits" / "late.parquet", tmp_path / "resources" / "early.txt"
    for path, shift in ((late, 1e6), (early, -1e6)):
        path.parent.mkdir(parents=True)
        path.touch()
        os.utime(path, (time.time() + shift,) * 2)
    before = early.stat().st_mtime
    lock, notes = run.begin()
    assert notes == ["1 files were dated in the future and are given the present time"]
    assert late.stat().st_mtime <= time.time() + 1
    assert early.stat().st_mtime == before
    lock.close()


@pytest.mark.parametrize("error", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_without_locks_a_run_goes_on_with_a_warning_and_leaves_snakemake_s_lock(tmp_path, monkeypatch, error):
    def flock(file, how):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr("fcntl.flock", flock)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".snakemake" / "locks").mkdir(parents=True)
    (tmp_path / ".snakemake" / "locks" / "0.output.lock").touch()
    lock, (warning,) = run.begin()
    assert lock and warning.startswith("warning: the file system of this folder has no locks") and "\n" not in warning
    assert (tmp_path / ".snakemake" / "locks" / "0.output.lock").exists()  # whether its run lives is not known
    assert run.run_holder(run.RUN_LOCK) is None
    record_job(tmp_path / "memory.tsv", "build_split", "", 100, 90, 0, 1)
    assert not list(check_declared_memory(tmp_path / "memory.tsv"))
    lock.close()


def test_a_folder_in_which_nothing_can_be_written_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".snakemake").touch()
    with pytest.raises(InputError, match=r"run.lock: cannot be written .*--directory"):
        run.begin()


@pytest.mark.parametrize("make", [lambda path: path.touch(), lambda path: path.symlink_to("nowhere")])
def test_what_stands_where_a_folder_is_wanted_is_named(tmp_path, monkeypatch, make):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "results")
    with pytest.raises(InputError, match="results: is no folder, or a link to none; move it away"):
        run.begin()


def test_results_may_be_a_link_to_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "results").symlink_to("elsewhere")
    lock, notes = run.begin()
    assert lock and not notes
    lock.close()


def test_a_run_without_compiled_code_is_refused_at_once(tmp_path):
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "-s",
        str(ROOT / "Snakefile"),
        "--cores",
        "1",
        "--directory",
        str(tmp_path),
    ]
    done = subprocess.run(
        command, env=os.environ | {"NUMBA_DISABLE_JIT": "1"}, cwd=ROOT, capture_output=True, encoding="utf-8"
    )
    assert (
        done.returncode == 1 and "environment variable NUMBA_DISABLE_JIT: keeps code from being compiled" in done.stderr
    )
    assert not (tmp_path / "logs").exists()
    assert subprocess.run([*command, "-n"], cwd=ROOT, capture_output=True).returncode == 0


def test_a_python_that_snakemake_cannot_start_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.executable", "/opt/my project/.venv/bin/python")
    with pytest.raises(InputError, match="my project.*starts no job from a path with such characters"):
        run.begin()
