"""CPU time, memory and disk of reflexive polytopes of one's own, step by step, for some sizes.

    .venv/bin/python benchmarks/bench_own.py [--rows 1000 100000 1000000] [--labelled 200000] [--folder FOLDER]

The polytopes are made by random walks inside those of weight systems and written into one parquet file, as the
Kreuzer-Skarke list is published, beside a wide column that nothing reads. Each step runs in a process of its own, over all
its shards, on one core. `reading` is one more reading of a list whose polytopes belong to other shards, `hodge numbers`
are these and the point counts alone, as `features` computes them. CPU time per polytope is what a size takes beyond the
first one, so that what a process takes to start does not count.
"""

import argparse
import sys
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
    parser.add_argument("--rows", nargs="+", type=int, default=[1_000, 100_000, 1_000_000], help="numbers of polytopes")
    parser.add_argument("--labelled", type=int, default=200_000, help="of which so many are labelled, at most")
    parser.add_argument("--folder", type=Path, help="where to work, on a disk with room; a temporary folder by default")
    options = parser.parse_args()
    lines = []
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        list(measured(Path(folder) / "first", options.rows[0], options.labelled))  # compiles
        for rows in options.rows:
            for line in measured(Path(folder) / str(rows), rows, options.labelled):
                lines.append(line)
                print(line, file=sys.stderr, flush=True)
    rows, cpu = pl.col("rows"), pl.col("CPU s")
    beyond = (cpu - cpu.first()).over("step") / (rows - rows.first()).over("step")
    print(as_markdown(pl.DataFrame(lines).with_columns((1e6 * beyond).fill_nan(None).alias("CPU µs each")), 1))


def measured(folder, rows, labelled):
    """The cost of each step, as rows of the table."""
    folder.mkdir()
    write_list(folder / "list.parquet", rows)
    mine = {"mine": {"family": "polytopes", "source": str(folder / "list.parquet")}}
    config = {"n_limit": None, "datasets": dict.fromkeys(("ks", "cicy3", "fth6d")) | mine}
    tables = tables_of(read_config(config))
    of = {kind: paths_of(tables, f"{kind}/mine") for kind in ("geometries", "features", "labels", "stability")}
    few = [k for k, path in enumerate(of["labels"]) if tables[path]["rows"][1] <= labelled]
    steps = {
        "geometries": ("vacuagym.geometry.build:build_geometries", [
            ([folder / path for path in of["geometries"]], tables[of["geometries"][-1]])
        ]),
        "reading": ("polytope_steps:read_list", [(folder / "list.parquet",)]),
        "hodge numbers": ("polytope_steps:count_shard", [(folder / path,) for path in of["geometries"]]),
        "features": ("vacuagym.geometry.build:build_features", [
            ([folder / source for source in geometries_for(tables, path)], folder / path, tables[path])
            for path in of["features"]
        ]),
        "labels": ("vacuagym.models.build:label_vacua", [
            (*(folder / of[kind][k] for kind in ("features", "labels", "stability")), tables[of["labels"][k]])
            for k in few
        ]),
    }  # fmt: skip
    for name, (function, calls) in steps.items():
        cost = in_own_process(function, calls)
        done = tables[of["labels"][few[-1]]]["rows"][1] if name == "labels" else rows
        made = [path for path in of.get(name, ()) if (folder / path).exists()]
        yield {
            "rows": done,
            "step": name,
            "CPU s": cost["cpu_s"],
            "peak MB": cost["peak_mb"],
            "bytes each": sum((folder / path).stat().st_size for path in made) / done,
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
