"""The workflow on a real Slurm of two nodes, started on this machine; skipped, with the reason, where it cannot be."""

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CONFIG = {"n_limit": 20, "shard_rows": 10}
DATASETS = {"ks": None, "cicy3": None, "fth6d": {"source": "generate"}}  # the quickest to generate
# without an accounting database the controller is asked; tests need not wait as long as an administrator would like
SLURM = ("--workflow-profile", "profiles/slurm", "--slurm-no-account", "--slurm-status-command", "squeue")
SLURM += ("--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "10")


def _slurm():
    spec = importlib.util.spec_from_file_location("slurm", Path(__file__).with_name("slurm.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def cluster():
    """A fresh cluster that has run nothing yet."""
    slurm = _slurm()
    try:
        slurm.up()
    except slurm.Unavailable as reason:
        pytest.skip(str(reason))
    yield slurm
    slurm.down()


def start(folder, *arguments, made="results/manifest.json"):  # the file that makes a run complete
    command = [sys.executable, "-m", "snakemake", made, "-s", str(ROOT / "Snakefile"), "--directory", str(folder)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow"), "PYTHONWARNINGS": "ignore"}
    return subprocess.Popen(
        [*command, *arguments], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def finish(process):
    try:
        output, _ = process.communicate(timeout=600)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
    assert process.returncode == 0, output
    return output


def files(folder):
    """SHA-256 of every file of a run, as its manifest has them."""
    shards = json.loads((folder / "results" / "manifest.json").read_text())["shards"]
    return {entry["path"]: entry["sha256"] for entry in shards}


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def new_folder(folder):
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text()) | CONFIG | {"datasets": DATASETS}
    (folder / "config").mkdir(parents=True)
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """A run of two shards without a cluster."""
    folder = new_folder(tmp_path_factory.mktemp("local"))
    finish(start(folder, "--cores", "1"))
    return folder


@pytest.fixture
def half_done(local, tmp_path):
    """A copy of the local run of which only the geometries are left."""
    folder = tmp_path / "run"
    shutil.copytree(local, folder)
    for made in ("results", "logs"):
        shutil.rmtree(folder / made)
    return folder


def test_where_no_cluster_can_be_started_the_reason_is_said(monkeypatch):
    slurm = _slurm()
    monkeypatch.setattr(slurm.os, "geteuid", lambda: 1000)
    with pytest.raises(slurm.Unavailable, match="needs root|not Debian"):
        slurm.up()


@pytest.mark.slow
def test_a_slurm_run_gives_the_bytes_of_a_local_run(cluster, local, tmp_path):
    folder = new_folder(tmp_path / "run")
    output = finish(start(folder, *SLURM))
    assert files(folder) == files(local) and len(files(local)) == 8  # two shards of three steps, two splits
    jobs = cluster.jobs()
    assert [job["state"] for job in jobs] == ["COMPLETED"] * 12, output


@pytest.mark.slow
def test_a_job_that_slurm_ends_for_its_memory_passes_with_more_on_its_second_attempt(cluster, local, half_done):
    shard = "labels/fth6d/part-00000.parquet"
    # what Slurm is asked for, whatever the job itself may use
    memory = "label_vacua:mem_mb_per_cpu=260*3**(attempt-1)"
    output = finish(start(half_done, *SLURM, "--set-resources", memory, made=f"results/{shard}"))
    _features, first, second = cluster.jobs()
    assert first["state"] != "COMPLETED" and first["memory"] == "260M", output
    assert second["state"] == "COMPLETED" and second["memory"] == "780M", output
    said = "".join(log.read_text() for log in half_done.glob(".snakemake/slurm_logs/**/*.log"))
    assert re.search("oom-kill|[Oo]ut [Oo]f [Mm]emory|exceeded memory limit", said), output + said
    assert sha256(half_done / "results" / shard) == files(local)[shard]


@pytest.mark.slow
def test_a_job_that_passes_its_declared_memory_passes_with_more_on_its_second_attempt(cluster, local, half_done):
    shard = "labels/fth6d/part-00000.parquet"
    path = half_done / "config" / "config.yaml"
    config = yaml.safe_load(path.read_text())
    config["resources"]["label_vacua"]["mem_mb"] = 110  # what it imports takes more
    path.write_text(yaml.safe_dump(config))
    output = finish(start(half_done, *SLURM, made=f"results/{shard}"))
    _features, first, second = cluster.jobs()
    assert "label_vacua dataset=fth6d,shard=00000 uses" in output and "declared mem_mb is 110" in output
    assert first["state"] == "FAILED" and second["state"] == "COMPLETED", output
    assert (first["memory"], second["memory"]) == ("410M", "520M")  # as declared, with what Snakemake takes
    assert sha256(half_done / "results" / shard) == files(local)[shard]


@pytest.mark.slow
def test_jobs_of_a_node_that_fails_run_again_elsewhere(cluster, local, half_done):
    process = start(half_done, *SLURM)
    deadline = time.monotonic() + 200
    while not list(half_done.glob("logs/label_vacua/*.log")):  # until the work has begun
        assert time.monotonic() < deadline and process.poll() is None, process.communicate()
        running = [job for job in cluster.jobs() if job["state"] == "RUNNING"]
    lost = running[0]
    cluster.fail(lost["node"])
    output = finish(process)
    after = {job["id"]: job for job in cluster.jobs()}
    assert after[lost["id"]]["requeues"] == 1 and after[lost["id"]]["node"] != lost["node"], output
    assert {job["state"] for job in after.values()} == {"COMPLETED"}
    assert not re.search("Trying to restart", output)  # Slurm itself did, so that no attempt was used up
    assert files(half_done) == files(local)
