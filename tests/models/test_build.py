"""The step from features to labels: what it reads, what it takes, what it refuses."""

import subprocess
import sys

import numpy as np
import pytest

from vacuagym.config import read_config
from vacuagym.errors import InputError
from vacuagym.geometry import FAMILIES
from vacuagym.geometry.build import build_features, build_geometries
from vacuagym.models import MODELS, build
from vacuagym.models.build import label_vacua
from vacuagym.recipes import paths_of, tables_of
from vacuagym.schema import Column, names_of
from vacuagym.tables.arrays import n_rows
from vacuagym.tables.shards import new_shard, read_rows

ONLY = {"ks": None, "cicy3": None}
CONFIG = read_config({"datasets": ONLY, "n_limit": 2_000, "shard_rows": 2_000, "seed": 1})
TABLES = tables_of(CONFIG)
FEATURES, LABELS = (f"results/{table}/fth6d/part-00000.parquet" for table in ("features", "labels"))


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    geometries = paths_of(TABLES, "geometries/fth6d")
    build_geometries([folder / path for path in geometries], TABLES[geometries[0]])
    build_features([folder / geometries[0]], folder / FEATURES, TABLES[FEATURES])
    return folder / FEATURES


def labelled(features):
    """Peak memory in MB, bytes and log of a process that labels a table of features."""
    out = features.with_suffix(".labels")
    script = f"""
from pathlib import Path
from vacuagym.job import limit_libraries, peak_memory_mb
limit_libraries(1)
from vacuagym.models.build import label_vacua
label_vacua(Path("{features}"), Path("{out}"), Path("{out}-shares"), {TABLES[LABELS]!r})
import sys
print("imported", *sorted({{name.partition(".")[0] for name in sys.modules}} & {{"polars", "pydantic", "pandas"}}))
print(peak_memory_mb())
"""
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1]), out.read_bytes(), done.stdout


def test_a_column_that_is_not_read_takes_no_memory(features, tmp_path):
    """With a column of 1 GB more, labels take no more memory, are the same, and the log names the columns read."""
    columns = [*FAMILIES["fth6d"].feature_columns, Column("raw_config", "string", "1", "Something long.")]
    wide, rng = tmp_path / "wide.parquet", np.random.default_rng(0)
    with new_shard(wide, columns, TABLES[FEATURES], 200) as write:
        for batch in read_rows(features, names_of(columns[:-1]), batch_rows=100):
            write(batch | {"raw_config": np.array([rng.bytes(250_000).hex() for _ in range(n_rows(batch))])})
    assert wide.stat().st_size > 0.5e9
    labelled(features)  # compiles
    narrow_peak, narrow_labels, _ = labelled(features)
    wide_peak, wide_labels, log = labelled(wide)
    assert wide_labels == narrow_labels
    assert wide_peak <= narrow_peak + 1
    read = MODELS["supergravity"].reads(FAMILIES["fth6d"])
    assert f"{wide}: reads {len(read)} of {len(columns)} columns: {', '.join(read)}\n" in log


@pytest.mark.parametrize(("generates", "lists"), [(True, 1), (False, 0)])
def test_the_code_that_generates_a_list_is_compiled_for_runs_that_generate_it(tmp_path, monkeypatch, generates, lists):
    def generate():
        (tmp_path / f"list {len(list(tmp_path.iterdir()))}").touch()

    marks = []
    monkeypatch.setattr(FAMILIES["fth6d"].functions, "generate", generate)
    monkeypatch.setattr(build, "is_compiled", lambda name: name in marks)
    monkeypatch.setattr(build, "mark_compiled", marks.append)
    build.compile_code("fth6d", generates)
    assert len(list(tmp_path.iterdir())) == lists
    build.compile_code("fth6d", True)  # neither twice, nor never
    assert len(list(tmp_path.iterdir())) == 1


def test_labels_import_neither_polars_nor_pydantic(features):
    assert "imported\n" in labelled(features)[2]


def test_features_of_another_run_are_refused(features, tmp_path):
    out = tmp_path / "labels.parquet", tmp_path / "stability.parquet"
    other = TABLES[LABELS] | {"inputs": {"features/fth6d": "0" * 64}}
    with pytest.raises(InputError, match="does not belong to this run"):
        label_vacua(features, *out, other)
    with pytest.raises(InputError, match=r"holds the rows \[0, 2000\], the run expects \[0, 1000\]"):
        label_vacua(features, *out, TABLES[LABELS] | {"rows": [0, 1000]})
    assert not any(path.exists() for path in out)
