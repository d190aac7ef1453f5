"""What a job does to its own process, tried in processes of their own."""

import subprocess
import sys
import time

from vacuagym.process import progress, record_memory


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


def test_all_output_goes_to_the_log(tmp_path):
    log = tmp_path / "logs" / "job.log"
    done = run(
        "import os, subprocess, sys\nfrom pathlib import Path\nfrom vacuagym.process import redirect_output\n"
        f"redirect_output(Path({str(log)!r}))\n"
        "print('python')\nprint('error', file=sys.stderr)\nos.write(1, b'native\\n')\nsubprocess.run(['echo', 'child'])\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted(log.read_text().split()) == ["child", "error", "native", "python"]


def test_a_job_over_its_memory_ends_with_a_message():
    start = time.monotonic()
    done = run(
        "import time\nfrom vacuagym.process import watch_memory\nwatch_memory(100, 'label_vacua dataset=ks')\n"
        "held = []\nfor _ in range(300):\n    held.append(bytearray(b'x' * 2_000_000))\n    time.sleep(0.02)\n"
    )
    assert done.returncode == 137
    assert "label_vacua dataset=ks uses 1" in done.stderr and "declared mem_mb is 100" in done.stderr
    assert time.monotonic() - start < 30


def test_threads_are_limited():
    done = run(
        "from vacuagym.process import limit_libraries\nlimit_libraries(1)\n"
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
    record_memory(table, "build_split", "split=iid", 300, 99.44)
    record_memory(table, "label_vacua", "dataset=ks,part=00001", 400, 200)
    assert table.read_text().splitlines() == [
        "rule\twildcards\tmem_mb\tpeak_mb",
        "build_split\tsplit=iid\t300\t99.4",
        "label_vacua\tdataset=ks,part=00001\t400\t200.0",
    ]
