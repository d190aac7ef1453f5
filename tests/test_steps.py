"""Steps, file to file: what they take beside what they make."""

import subprocess
import sys

import numpy as np
import pytest

from vacuagym import steps
from vacuagym.plan import tables_of
from vacuagym.tables.columns import Column, n_rows
from vacuagym.tables.shards import new_shard, read_rows

CONFIG = {"datasets": {"fth6d": {"source": "generate"}}, "n_limit": 2_000, "shard_rows": 2_000, "splits": {}, "seed": 1}
CONFIG |= {"model": {"name": "supergravity", "draws": 3, "starts": 1}}
GEOMETRIES, FEATURES, LABELS = (
    f"{table}.parquet"
    for table in ("resources/geometries/fth6d", "results/features/fth6d/part-00000", "results/labels/fth6d/part-00000")
)


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    folder, tables = tmp_path_factory.mktemp("run"), tables_of(CONFIG)
    steps.build_geometries(folder / GEOMETRIES, tables[GEOMETRIES])
    steps.build_features(folder / GEOMETRIES, tables[GEOMETRIES], folder / FEATURES, tables[FEATURES])
    return folder / FEATURES


def peak_of_labelling(features):
    """Peak memory in MB of a process that labels a table of features, and the bytes it makes."""
    out = features.with_suffix(".labels")
    script = f"""
from pathlib import Path
from vacuagym.process import limit_libraries, peak_memory_mb
limit_libraries(1)
from vacuagym import steps
from vacuagym.plan import tables_of
tables = tables_of({CONFIG})
inputs, made_by = tables["{FEATURES}"], tables["{LABELS}"]
steps.label_vacua(Path("{features}"), inputs, Path("{out}"), Path("{out}-shares"), made_by)
print(peak_memory_mb())
"""
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1]), out.read_bytes()


def test_a_column_that_is_not_read_takes_no_memory(features, tmp_path):
    """With 50 kB more a row, 100 MB in all, labels take no more, and are the same."""
    columns = [*steps.feature_columns("fth6d"), Column("raw_config", "string", "1", "Something long.")]
    wide, rng = tmp_path / "wide.parquet", np.random.default_rng(0)
    with new_shard(wide, columns, tables_of(CONFIG)[FEATURES], 1_000) as write:
        for batch in read_rows(features, [column.name for column in columns[:-1]], batch_rows=100):
            write(batch | {"raw_config": np.array([rng.bytes(25_000).hex() for _ in range(n_rows(batch))])})
    assert wide.stat().st_size > 40e6
    peak_of_labelling(features)  # compiles
    narrow_peak, narrow_labels = peak_of_labelling(features)
    wide_peak, wide_labels = peak_of_labelling(wide)
    assert wide_labels == narrow_labels
    assert wide_peak <= narrow_peak + 10
