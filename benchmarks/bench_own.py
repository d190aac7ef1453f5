"""CPU time, memory and disk of reflexive polytopes of one's own: geometries, features and labels, for two sizes.

    .venv/bin/python benchmarks/bench_own.py --rows 100000 1000000

The polytopes are made by random walks inside those of weight systems and written into one parquet file, as the
Kreuzer-Skarke list is published, beside a wide column that nothing reads.
"""

import argparse
import tempfile
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from measure import as_markdown, in_own_process
from subpolytopes import subpolytopes

from vacuagym.config import read_config
from vacuagym.geometry import FAMILIES
from vacuagym.recipes import geometries_for, paths_of, tables_of
from vacuagym.tables.shards import arrow_schema, record_batch


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", nargs="+", type=int, default=[100_000, 1_000_000], help="numbers of polytopes")
    parser.add_argument("--folder", type=Path, help="where to work, on a disk with room; a temporary folder by default")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        lines = [line for rows in options.rows for line in measured(Path(folder) / str(rows), rows)]
    print(as_markdown(pl.DataFrame(lines), 1))


def measured(folder, rows):
    """The cost of each step, as rows of the table."""
    folder.mkdir()
    write_list(folder / "list.parquet", rows)
    mine = {"mine": {"family": "polytopes", "source": str(folder / "list.parquet")}}
    config = {"n_limit": None, "datasets": dict.fromkeys(("ks", "cicy3", "fth6d")) | mine}
    tables = tables_of(read_config(config))
    of = {kind: paths_of(tables, f"{kind}/mine") for kind in ("geometries", "features", "labels", "stability")}
    steps = {
        "geometries": ("vacuagym.geometry.build:build_geometries", [
            ([folder / path for path in of["geometries"]], tables[of["geometries"][-1]])
        ]),
        "features": ("vacuagym.geometry.build:build_features", [
            ([folder / source for source in geometries_for(tables, path)], folder / path, tables[path])
            for path in of["features"]
        ]),
        "labels": ("vacuagym.models.build:label_vacua", [
            (folder / path, folder / labels, folder / stability, tables[labels])
            for path, labels, stability in zip(of["features"], of["labels"], of["stability"], strict=True)
        ]),
    }  # fmt: skip
    for name, (function, calls) in steps.items():
        cost = in_own_process(function, calls)
        disk = sum((folder / path).stat().st_size for path in of[name])
        yield {
            "rows": rows,
            "step": name,
            "CPU µs each": 1e6 * cost["cpu_s"] / rows,
            "peak MB": cost["peak_mb"],
            "bytes each": disk / rows,
        }


def write_list(path, rows):
    """Polytopes as parquet: a list of coordinates each, and a text of a kilobyte."""
    schema = arrow_schema(FAMILIES["polytopes"].geometry_columns, {})
    wide = schema.append(pa.field("raw_config", pa.string()))
    with pq.ParquetWriter(path, wide, compression="zstd") as writer:
        for vertices in subpolytopes(rows, 1):
            batch = record_batch({"vertices": vertices}, schema)
            texts = pa.array([f"{row:01000d}" for row in range(len(batch))], pa.string())
            writer.write_batch(pa.RecordBatch.from_arrays([*batch.columns, texts], schema=wide))


if __name__ == "__main__":
    main()
