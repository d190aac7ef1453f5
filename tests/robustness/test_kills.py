"""Runs that are killed, starved, crossed and tampered with end in the bytes of a run that nobody touched."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DATASETS = {"ks": None, "cicy3": {"source": "generate"}, "fth6d": None}
pytestmark = pytest.mark.slow


def new_folder(folder, **changes):
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    config |= {"n_limit": 6, "shard_rows": 2, "datasets": DATASETS} | changes
    (folder / "config").mkdir(parents=True)
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


def command(folder, *arguments):
    made = "results/manifest.json"  # which makes a run complete; what follows from it need not be made fifty times
    return [
        sys.executable,
        "-m",
        "snakemake",
        made,
        "-s",
        str(ROOT / "Snakefile"),
        "--directory",
        str(folder),
        *arguments,
    ]


def start(folder, *arguments, cores=2):
    """A run in a process group of its own."""
    return subprocess.Popen(
        command(folder, "--cores", str(cores), *arguments),
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip


def finish(folder, *arguments, cores=2):
    run = start(folder, *arguments, cores=cores)
    output, _ = run.communicate(timeout=900)
    assert run.returncode == 0, output
    return output


def bytes_of(folder):
    files = sorted(path for path in (folder / "results").rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def wait_for(condition, seconds=120):
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def killed(run):
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The finished run, and its bytes."""
    folder = new_folder(tmp_path_factory.mktemp("undisturbed") / "run")
    finish(folder)
    return folder, bytes_of(folder)


def test_fifty_kills_at_random_moments(undisturbed, tmp_path):
    """Half of them of Snakemake and its jobs together, half of Snakemake alone, whose jobs then end by themselves."""
    moments = random.Random(20260101)
    folder = new_folder(tmp_path / "run")
    kills = unlocked = finished = 0
    while kills < 50 or not finished:
        run = start(folder)
        try:
            output, _ = run.communicate(timeout=moments.uniform(0.3, 9.0) if kills < 50 else 900)
        except subprocess.TimeoutExpired:
            os.kill(run.pid, signal.SIGKILL) if moments.random() < 0.5 else os.killpg(run.pid, signal.SIGKILL)
            kills += 1
            output, _ = run.communicate(timeout=60)
        else:
            assert run.returncode == 0, output
            assert bytes_of(folder) == undisturbed[1]
            assert not list(folder.glob("re*/**/.*.tmp"))
            finished += 1
            if kills < 50:
                shutil.rmtree(folder / "results")
        assert "LockException" not in output and "Incomplete" not in output
        unlocked += "the run that held the lock was killed" in output
    assert unlocked >= 10


def test_two_runs_at_once_in_one_folder(undisturbed, tmp_path):
    folder = new_folder(tmp_path / "run")
    first = start(folder)
    wait_for(lambda: list(folder.glob(".snakemake/locks/*")))
    second = start(folder)
    message, _ = second.communicate(timeout=120)
    assert second.returncode != 0 and f"at work in this folder: process {first.pid} on" in message
    forced = start(folder, "--nolock")
    message, _ = forced.communicate(timeout=120)
    assert forced.returncode != 0 and "wait until it ends, or use another folder" in message
    assert subprocess.run(command(folder, "-n"), cwd=ROOT, capture_output=True).returncode == 0
    output, _ = first.communicate(timeout=600)
    assert first.returncode == 0, output
    assert bytes_of(folder) == undisturbed[1]


def test_configuration_changed_before_a_killed_run_goes_on(undisturbed, tmp_path):
    folder = new_folder(tmp_path / "run")
    run = start(folder)
    wait_for(lambda: list(folder.glob("results/labels/*/*.parquet")))
    killed(run)
    finish(folder, "--config", "seed=5")
    changed = bytes_of(folder)
    assert {json.loads(changed["results/manifest.json"])["seed"]} == {5}
    assert all(entry["recipe"].get("seed", 5) == 5 for entry in json.loads(changed["results/manifest.json"])["shards"])
    finish(folder)
    assert bytes_of(folder) == undisturbed[1]


def test_shards_of_another_seed_put_into_a_run_are_refused(undisturbed, tmp_path):
    """Newer than everything and without Snakemake's records, so that only what they say of themselves gives them away."""
    folder = tmp_path / "run"
    shutil.copytree(undisturbed[0], folder)
    finish(folder, "--config", "seed=5")
    (folder / "results" / "manifest.json").unlink()
    shutil.rmtree(folder / ".snakemake")
    run = start(folder)
    output, _ = run.communicate(timeout=300)
    assert run.returncode != 0
    assert "does not belong to this run: its seed is 5, expected 20260101; delete it and run again" in output
    shutil.rmtree(folder / "results" / "labels")
    finish(folder)
    assert bytes_of(folder) == undisturbed[1]


@pytest.mark.parametrize("victim", ["features/cicy3/part-00001", "geometries/cicy3/part-00000"])
def test_damage_met_by_a_reader_is_named(undisturbed, tmp_path, victim):
    folder = tmp_path / "run"
    shutil.copytree(undisturbed[0], folder)
    (path,) = folder.glob(f"re*/{victim}.parquet")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)
    for made_of_it in ("features/cicy3/part-00002", "labels/cicy3/part-00001"):
        (folder / "results" / f"{made_of_it}.parquet").unlink()
    (folder / "results" / "manifest.json").unlink()
    run = start(folder)
    output, _ = run.communicate(timeout=300)
    assert run.returncode != 0
    assert f"{victim}.parquet: is damaged" in output and "delete it and run again" in output
    path.unlink()
    finish(folder)
    assert bytes_of(folder) == undisturbed[1]


@pytest.mark.parametrize("clock", ["all the same", "in the future", "backwards"])
def test_clocks_that_disagree(undisturbed, tmp_path, clock):
    folder = tmp_path / "run"
    shutil.copytree(undisturbed[0], folder)
    files = sorted(path for path in folder.glob("re*/**/*") if path.is_file())
    for number, path in enumerate(sorted(files, key=lambda path: path.stat().st_mtime)):
        moment = time.time() + {"all the same": 0, "in the future": 86_400 + number, "backwards": -number}[clock]
        os.utime(path, (moment, moment))
    finish(folder)
    (folder / "results" / "features" / "cicy3" / "part-00001.parquet").unlink()
    (folder / "results" / "manifest.json").unlink()
    finish(folder)
    assert bytes_of(folder) == undisturbed[1]


def test_cores_and_threads_do_not_change_a_byte(undisturbed, tmp_path):
    folder = new_folder(tmp_path / "run")
    finish(folder, "--set-threads", "label_vacua=2", "build_features=2", cores=4)
    assert bytes_of(folder) == undisturbed[1]


def test_a_worker_killed_from_outside_is_replaced(undisturbed, tmp_path):
    """As the system does when memory runs out."""
    folder = new_folder(tmp_path / "run")
    run = start(folder)

    def workers():
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                line = process.joinpath("cmdline").read_bytes().split(b"\0")
                if os.getpgid(int(process.name)) == run.pid and any(b"label_vacua.py" in word for word in line):
                    found.append(int(process.name))
            except (OSError, ProcessLookupError):
                continue
        return found

    wait_for(workers)
    for worker in workers():
        os.kill(worker, signal.SIGKILL)
    output, _ = run.communicate(timeout=600)
    assert run.returncode == 0 and "Trying to restart job" in output, output
    assert bytes_of(folder) == undisturbed[1]


def test_a_worker_over_its_memory_gets_more_at_the_second_attempt(undisturbed, tmp_path):
    folder = new_folder(tmp_path / "run")
    config = yaml.safe_load((folder / "config" / "config.yaml").read_text())
    config["resources"]["build_split"]["mem_mb"] = 80  # what it imports takes more
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump(config))
    output = finish(folder)
    assert "build_split split=iid uses" in output and "declared mem_mb is 80" in output
    assert bytes_of(folder) == undisturbed[1]
    memory = [line.split("\t") for line in (folder / "logs" / "memory.tsv").read_text().splitlines()]
    assert sorted((row[2] for row in memory if row[0] == "build_split"), key=int) == ["80"] * 3 + ["160"] * 3


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 3 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small disk takes the rights of root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_and_a_read_only_disk(undisturbed, small_disk):
    folder = new_folder(small_disk / "run")
    (folder / "results").mkdir()
    filler = small_disk / "filler"
    run = start(folder)
    wait_for(lambda: list(folder.glob("results/features/*/*.parquet")))
    with pytest.raises(OSError, match="No space"):
        filler.write_bytes(bytes(4 << 20))
    output, _ = run.communicate(timeout=300)
    assert run.returncode != 0 and "No space left on device" in output
    filler.unlink()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    run = start(folder)
    output, _ = run.communicate(timeout=300)
    assert run.returncode != 0 and "Read-only file system" in output
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    finish(folder)
    assert bytes_of(folder) == undisturbed[1]
