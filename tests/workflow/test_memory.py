"""What jobs take, with few geometries and with all of them."""

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.thorough


def peaks(folder, limit):
    """Largest peak in MB of the jobs of each rule and dataset, of a run with its release."""
    command = [sys.executable, "-m", "snakemake", "all", "release", "--snakefile", str(ROOT / "Snakefile")]
    folder.mkdir(exist_ok=True)
    for path in folder.glob("logs/memory.tsv"):
        path.unlink()
    options = ["--cores", "2", "--config", f"n_limit={limit}"]
    done = subprocess.run([*command, *options], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = pl.read_csv(folder / "logs" / "memory.tsv", separator="\t")
    dataset = pl.col("wildcards").str.extract("dataset=([^,]+)").fill_null("").alias("dataset")
    largest = jobs.group_by("rule", dataset).agg(pl.max("peak_mb"))
    return {(rule, dataset): peak for rule, dataset, peak in largest.iter_rows()}


def test_memory_does_not_grow_with_the_geometries(tmp_path):
    """Jobs that hold compiled code are flat; those of tables hold a batch, which the smallest runs do not fill."""
    peaks(tmp_path / "compiled", 20)
    few, many, all_ = (peaks(tmp_path / str(limit), limit) for limit in (20, 1000, "null"))
    for job, peak in all_.items():
        compiled = job[0] in ("build_geometries", "build_features", "label_vacua")
        assert peak <= (1.05 if compiled else 1.2) * few[job], (job, few[job], peak)
        assert peak <= (1.05 if compiled else 1.15) * many[job], (job, many[job], peak)
        assert peak <= 190 or not compiled
