"""What decides whether a command line runs the workflow, and what a run mends in its folder first."""

import os
import time

import pytest

from vacuagym import run


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
