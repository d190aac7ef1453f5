"""Runs on a Slurm that takes no jobs or keeps no accounts; its commands are stand-ins that answer as Slurm 22.05 does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vacuagym import slurm

ROOT = Path(__file__).parents[1]
REFUSED = "Batch job submission failed: Invalid account or account/partition combination specified"
COMMANDS = {
    "sbatch": f"echo 'sbatch: error: {REFUSED}' >&2; exit 1",
    "sinfo": "echo 'main*'",
    "scontrol": "echo 'MinJobAge = 300 sec'",
    "sacct": ":",
    "squeue": ":",
    "sshare": ":",
    "sacctmgr": "echo physics",
}
NO_ACCOUNTING = {"sacct": "echo 'Slurm accounting storage is disabled' >&2; exit 1"}


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """A function that puts Slurm's commands, some of them changed, first on the search path."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)

    def install(changed):
        for name, script in (COMMANDS | changed).items():
            (folder / name).write_text(f"#!/bin/sh\n{script}\n")
            (folder / name).chmod(0o755)

    return install


def run_on_slurm(folder, *arguments):
    """What is said by a run of which only features and labels of one shard are left; it must end with an error."""
    for name in ("compiled/cicy3.txt", "compiled/supergravity.txt", "geometries/cicy3/part-00000.parquet"):
        made = folder / "resources" / name
        made.parent.mkdir(parents=True, exist_ok=True)
        made.touch()
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "results/labels/cicy3/part-00000.parquet",
        "-s",
        str(ROOT / "Snakefile"),
    ]
    command += ["--directory", str(folder), "--workflow-profile", str(ROOT / "profiles" / "slurm"), *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    ) as process:
        try:
            output, _ = process.communicate(timeout=100)
        finally:
            process.kill()
    assert process.returncode == 1 and "Traceback" not in output, output
    return output


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ((), f"sbatch: error: {REFUSED}"),
        (("--default-resources", "slurm_account=biology"), "The given account biology appears to be invalid"),
    ],
)
def test_a_run_whose_jobs_are_refused_ends_with_the_reason(commands, tmp_path, options, reason):
    commands({})
    output = run_on_slurm(tmp_path, "--slurm-init-seconds-before-status-checks", "1", *options)
    (line,) = [line for line in output.splitlines() if line.startswith("Slurm refused jobs: ")]
    assert reason in line and "docs/cluster.md" in line


def test_a_run_that_would_never_learn_that_a_job_has_ended_stops_at_once(commands, tmp_path):
    commands(NO_ACCOUNTING)
    output = run_on_slurm(tmp_path)
    assert "Slurm accounting storage is disabled); add --slurm-status-command squeue --slurm-no-account" in output
    assert "submitted" not in output


def test_without_accounting_the_cluster_must_remember_jobs_for_as_long_as_nobody_asks(commands):
    commands({})
    assert slurm.why_no_status("sacct", 200) is None
    commands(NO_ACCOUNTING)
    assert slurm.why_no_status("squeue", 100) is None
    assert "--slurm-init-seconds-before-status-checks 100" in slurm.why_no_status("squeue", 101)
