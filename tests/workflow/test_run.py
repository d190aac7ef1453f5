"""The workflow, tried by running it."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import yaml

ROOT = Path(__file__).parents[2]
DATASETS = ("ks", "cicy3", "fth6d")


def snakemake(folder, *arguments, snakefile="Snakefile"):
    command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / snakefile), "--directory", str(folder)]
    environment = os.environ | {"PYTHONWARNINGS": "ignore"}
    return subprocess.run(
        [*command, "--cores", "2", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900
    )


def new_folder(folder, **changes):
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text()) | changes
    (folder / "config").mkdir(parents=True)
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


def table(folder, name, dataset="*"):
    return pl.concat(pl.read_parquet(path) for path in sorted(folder.glob(f"results/{name}/{dataset}/part-*.parquet")))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A finished run of 20 geometries a dataset in shards of 10."""
    folder = new_folder(tmp_path_factory.mktemp("small"), n_limit=20, shard_rows=10)
    done = snakemake(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_whole_graph_is_known_before_anything_runs(tmp_path):
    folder = new_folder(tmp_path / "run", n_limit=None, shard_rows=20_000)
    graphs = []
    for snakefile in ("Snakefile", "workflow/Snakefile"):
        done = snakemake(folder, "--quiet", "all", "--dag", snakefile=snakefile)
        assert done.returncode == 0, done.stderr
        graphs.append(done.stdout)
    assert graphs[0] == graphs[1]
    shards = 11 + 1 + 4  # of 201,230, 7,890 and 61,539 geometries
    assert graphs[0].count("label_vacua") == graphs[0].count("build_features") == shards
    assert not (folder / "results").exists()


def test_a_run_makes_every_table_with_the_limited_rows(small):
    for dataset in DATASETS:
        features, labels = table(small, "features", dataset), table(small, "labels", dataset)
        assert len(features) == 20 and set(features["dataset"]) == {dataset}
        assert {"h11", "h21", "euler_characteristic", "n_moduli", "duplicate_group"} <= set(features.columns)
        assert len(labels) == 60
        assert labels["geometry_id"].to_list() == [i for i in features["geometry_id"] for _ in range(3)]
        assert labels["sample"].to_list() == [0, 1, 2] * 20
    split = pl.read_parquet(small / "results" / "splits" / "iid.parquet")
    assert len(split) == 20 * len(DATASETS) and set(split["part"]) <= {"train", "val", "test"}


def test_memory_and_logs(small):
    with open(small / "logs" / "memory.tsv") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert {row["rule"] for row in rows} == set(yaml.safe_load((ROOT / "config/config.yaml").read_text())["resources"])
    assert all(0 < float(row["peak_mb"]) <= float(row["mem_mb"]) for row in rows)
    logs = list(small.glob("logs/*/*.log"))
    assert len(logs) == len(rows)
    assert all(len(log.read_text().splitlines()) <= 200 for log in logs)
    text = (small / "logs" / "label_vacua" / "ks-00001.log").read_text()
    assert "rows 10 to 20" in text and "n_limit 20 leaves 20 of 201,230" in text and "columns: geometry_id" in text


def test_the_dictionary_describes_every_column(small):
    with open(small / "results" / "data_dictionary.csv") as file:
        rows = list(csv.DictReader(file))
    described = {}
    for row in rows:
        assert row["meaning"].endswith(".") and row["unit"], row
        described.setdefault(row["table"], []).append(row["column"])
    for dataset in DATASETS:
        for name in ("features", "labels", "stability"):
            assert described[f"{name}/{dataset}"] == table(small, name, dataset).columns
    assert described["splits"] == ["dataset", "geometry_id", "part"]


def test_verify_finds_damage(small, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(small, folder)
    command = [sys.executable, "-c", "from vacuagym.cli import main; main()", "verify"]
    good = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert good.returncode == 0, good.stdout + good.stderr
    entries = json.loads((folder / "results" / "manifest.json").read_text())["shards"]
    victims = [folder / "results" / entry["path"] for entry in entries[::7]]
    for path in victims:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    victims[0].unlink()
    bad = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert bad.returncode == 1
    assert len(bad.stdout.splitlines()) == len(victims)
    assert all(path.relative_to(folder).as_posix() in bad.stdout for path in victims)


def test_a_grown_run_keeps_full_shards_and_begins_with_the_same_rows(small, tmp_path):
    folder = tmp_path / "grown"
    shutil.copytree(small, folder)
    before = {path: path.read_bytes() for path in folder.glob("results/[fl]*/*/*.parquet")}
    listed = snakemake(folder, "--config", "n_limit=30", "--dry-run")
    assert listed.returncode == 0, listed.stderr
    assert "label_vacua" in listed.stdout and "shard 00000" not in listed.stdout and "shard 00001" not in listed.stdout
    done = snakemake(folder, "--config", "n_limit=30")
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(path.read_bytes() == data for path, data in before.items())
    for dataset in DATASETS:
        assert len(table(folder, "labels", dataset)) == 90
        assert table(folder, "labels", dataset).head(60).equals(table(small, "labels", dataset), null_equal=True)


def test_shard_rows_do_not_change_a_table(small, tmp_path):
    folder = tmp_path / "resharded"
    shutil.copytree(small, folder)
    shutil.rmtree(folder / "results")
    done = snakemake(folder, "--config", "shard_rows=7", "--cores", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    for dataset in DATASETS:
        for name in ("features", "labels", "stability"):
            assert table(folder, name, dataset).equals(table(small, name, dataset), null_equal=True)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [("n_limit=0", "at least 1"), ("n_limit=abc", "'abc'"), ("n_limt=3", "allowed here: n_limit")],
)
def test_a_bad_setting_stops_before_anything_runs(tmp_path, setting, expected):
    folder = new_folder(tmp_path / "run")
    done = snakemake(folder, "--config", setting)
    assert done.returncode != 0
    assert expected in done.stdout + done.stderr
    assert not (folder / "results").exists()
