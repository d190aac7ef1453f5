"""What a job does to its own process, tried in processes of their own."""

import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vacuagym import job
from vacuagym.errors import InputError
from vacuagym.job import check_declared_memory, progress, record_job
from vacuagym.run import acquire_run_lock


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


def test_all_output_goes_to_the_log(tmp_path):
    log = tmp_path / "logs" / "job.log"
    done = run(
        "import os, subprocess, sys\nfrom pathlib import Path\nfrom vacuagym.job import redirect_output\n"
        f"redirect_output(Path({str(log)!r}))\n"
        "print('python')\nprint('error', file=sys.stderr)\nos.write(1, b'native\\n')\nsubprocess.run(['echo', 'child'])\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted(log.read_text().split()) == ["child", "error", "native", "python"]


def test_a_job_over_its_memory_ends_with_a_message(tmp_path):
    start = time.monotonic()
    done = run(
        "import time\nfrom pathlib import Path\nfrom vacuagym.job import peak_memory_mb, record_job, watch\n"
        f"record = lambda: record_job(Path({str(tmp_path / 'memory.tsv')!r}), 'rule', '', 100, peak_memory_mb(), 0, 0)\n"
        "watch('label_vacua dataset=ks', 100, record)\n"
        "held = []\nfor _ in range(300):\n    held.append(bytearray(b'x' * 2_000_000))\n    time.sleep(0.02)\n"
    )
    assert done.returncode == 137
    assert "label_vacua dataset=ks uses 1" in done.stderr and "declared mem_mb is 100" in done.stderr
    assert time.monotonic() - start < 30
    assert "rule: peak of 1" in next(check_declared_memory(tmp_path / "memory.tsv"))


def test_a_job_that_is_over_before_the_watchdog_looks_again_ends_the_same_way():
    job = (
        "from vacuagym.job import watch\nstop = watch('build_split', {limit})\n"
        "held = b'x' * 100_000_000\ndel held\nstop()\nprint('done')\n"
    )
    for _ in range(5):
        done = run(job.format(limit=100))
        assert done.returncode == 137 and "build_split uses 1" in done.stderr
    done = run(job.format(limit=1000))
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


@pytest.mark.parametrize(("system", "unit"), [("linux", 1024), ("darwin", 1)])
def test_without_proc_memory_is_what_getrusage_says(monkeypatch, system, unit):
    monkeypatch.setattr(job, "_STATUS", Path("/none/status"))
    monkeypatch.setattr("sys.platform", system)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert before * unit / 1e6 <= job._own_peak_mb() <= (before + 10_000) * unit / 1e6


def test_a_job_that_hangs_ends_with_a_trace():
    """Also in compiled code that never lets another thread of the interpreter run."""
    done = run(
        "import re\nfrom vacuagym.job import limit_time\nlimit_time(2)\nre.match('(a*)*b', 'a' * 60)\n",
    )
    assert done.returncode == 1
    assert "Timeout (0:00:02)!" in done.stderr and "most recent call first" in done.stderr


HOLDER = "import time\nfrom pathlib import Path\nfrom vacuagym.run import acquire_run_lock\n"
JOB = "import time\nfrom pathlib import Path\nfrom vacuagym.job import watch\n"


@pytest.mark.parametrize("next_run", [True, False])
def test_a_job_ends_with_the_run_that_started_it(tmp_path, next_run):
    lock = tmp_path / "run.lock"
    hold = f"{HOLDER}lock = acquire_run_lock(Path({str(lock)!r}))\nprint(lock is not None, flush=True)\ntime.sleep(60)"
    holder = subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "True\n"
    assert acquire_run_lock(lock, wait=0.1) is None
    code = (
        f"{JOB}watch('label_vacua', 1000, run_lock=Path({str(lock)!r}))\nprint('at work', flush=True)\ntime.sleep(60)"
    )
    job = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert job.stdout.readline() == "at work\n"
    time.sleep(1)
    assert job.poll() is None
    holder.kill()
    holder.wait()
    held = acquire_run_lock(lock) if next_run else None
    assert not next_run or held
    assert "the run that started it has ended" in job.communicate(timeout=30)[1]
    assert job.returncode == 1


def test_a_job_without_a_run_is_left_alone(tmp_path):
    code = f"{JOB}watch('label_vacua', 1000, run_lock=Path({str(tmp_path / 'none.lock')!r}))\ntime.sleep(1.5)"
    assert run(code).returncode == 0


def test_threads_are_limited():
    done = run(
        "from vacuagym.job import limit_libraries\nlimit_libraries(1)\n"
        "import polars, pyarrow\nprint(polars.thread_pool_size(), pyarrow.io_thread_count())"
    )
    assert done.stdout.split() == ["1", "1"], done.stderr


def test_progress_is_short_whatever_the_rows(capsys):
    for rows in (1, 7, 50_000):
        advance = progress(rows)
        for _ in range(rows):
            advance(1)
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) <= 20
        assert lines[-1].startswith(f"{rows:,} of {rows:,} rows")


def test_memory_table(tmp_path):
    table = tmp_path / "logs" / "memory.tsv"
    record_job(table, "build_split", "split=iid", 300, 99.44, 0, 1.5)
    record_job(table, "label_vacua", "dataset=ks,part=00001", 400, 200, 0, 1.5)
    assert table.read_text().splitlines() == [
        "rule\twildcards\tmem_mb\tpeak_mb\trows\tseconds",
        "build_split\tsplit=iid\t300\t99.4\t0\t1.50",
        "label_vacua\tdataset=ks,part=00001\t400\t200.0\t0\t1.50",
    ]


def test_declared_memory_is_compared_with_what_was_taken(tmp_path):
    table = tmp_path / "memory.tsv"
    with pytest.raises(InputError, match="run the workflow first"):
        list(check_declared_memory(table))
    record_job(table, "honest", "part=00000", 300, 101, 0, 1.5)
    record_job(table, "honest", "part=00001", 300, 299, 0, 1.5)
    record_job(table, "greedy", "part=00000", 1000, 120, 0, 1.5)
    record_job(table, "greedy", "part=00001", 1000, 199, 0, 1.5)
    record_job(table, "short", "part=00000", 400, 300, 0, 1.5)
    record_job(table, "short", "part=00001", 400, 404, 0, 1.5)
    record_job(table, "short", "part=00001", 800, 410, 0, 1.5)  # its second attempt
    record_job(table, "mended", "part=00000", 100, 110, 0, 1.5)
    record_job(table, "mended", "part=00000", 200, 110, 0, 1.5)  # of a later run, with more declared
    assert list(check_declared_memory(table)) == [
        "greedy: peak of 199 MB is under a fifth of the declared 1000 MB",
        "short: peak of 410 MB is above the declared 400 MB",
    ]
    table.write_text("rule\twildcards\nonly\ttwo\n")
    with pytest.raises(InputError, match="is no table of rule, wildcards, mem_mb, peak_mb, rows, seconds"):
        list(check_declared_memory(table))
