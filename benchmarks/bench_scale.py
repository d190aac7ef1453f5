"""What a run costs as it grows: a synthetic dataset through features, labels, a split and the manifest, step by step.

    .venv/bin/python benchmarks/bench_scale.py [--rows 10000 100000 1000000] [--dataset ks] [--out FOLDER]

No family has 10^7 geometries, so the real ones are repeated under new numbers, in their run order, and go through the
steps of the workflow in shards of the default size. Each step runs in a process of its own, over all its shards, on one
core. From the third size on, the CPU time is also predicted: the first two give what a step costs at all and per row. The
last table is the time that Snakemake takes to know what to do, for some numbers of jobs. 10^7 rows of ks take about 40 CPU
minutes and 5 GB of disk: add 10000000 to --rows.
"""

import argparse
import dataclasses
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
from measure import as_markdown, cpu_seconds, in_own_process

from vacuagym.config import read_config
from vacuagym.geometry import COMPLETE_FAMILIES, FAMILIES
from vacuagym.recipes import geometries_for, paths_of, tables_of
from vacuagym.schema import GEOMETRY_ID, names_of
from vacuagym.tables.arrays import concatenate, n_rows, take
from vacuagym.tables.shards import BATCH_ROWS, new_shard, read_rows

ROOT = Path(__file__).parents[1]
SPLIT, MANIFEST = "results/splits/iid.parquet", "results/manifest.json"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="sizes")
    parser.add_argument("--dataset", default="ks", choices=FAMILIES, help="family whose geometries are repeated")
    parser.add_argument("--shard-rows", type=int, default=20_000)
    parser.add_argument("--jobs", type=int, nargs="*", default=[50, 500, 5_000], help="jobs of the dry runs")
    parser.add_argument("--out", type=Path, help="folder for scale.csv and dag.csv")
    options = parser.parse_args()
    others = {name: None for name in COMPLETE_FAMILIES if name != options.dataset}
    config = read_config({"n_limit": None, "shard_rows": options.shard_rows, "datasets": others})
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        real = build_real(Path(folder), config, options.dataset)
        list(measure(Path(folder) / "first", real, config, options.dataset, 1_000))  # compiles
        for rows in sorted(options.rows):
            lines += measure(Path(folder) / str(rows), real, config, options.dataset, rows)
            shutil.rmtree(Path(folder) / str(rows))
            print(f"{rows:,} rows: done", file=sys.stderr, flush=True)
    scale = with_prediction(pl.DataFrame(lines))
    dag = pl.DataFrame([dry_run(jobs) for jobs in options.jobs])
    print(as_markdown(scale, 2), as_markdown(dag, 2), sep="\n\n")
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        scale.write_csv(options.out / "scale.csv", float_precision=4)
        dag.write_csv(options.out / "dag.csv", float_precision=4)


def build_real(folder, config, dataset) -> list[Path]:
    """The real geometries, once."""
    tables = tables_of(config)
    paths = paths_of(tables, f"geometries/{dataset}")
    in_own_process("vacuagym.geometry.build:build_geometries", [([folder / path for path in paths], tables[paths[0]])])
    return [folder / path for path in paths]


def measure(folder, real, config, dataset, rows):
    """Name and cost of every step, for a dataset of so many rows in a new folder."""
    tables = tables_of_size(config, dataset, rows)
    geometries, features, labels, stability = (
        paths_of(tables, name) for name in ("geometries", "features", "labels", "stability")
    )

    def inside(paths):
        return [folder / path for path in paths]

    repeated = {folder / path: tables[path] for path in geometries}
    featured = [(inside(geometries_for(tables, path)), folder / path, tables[path]) for path in features]
    recipes = [tables[path] for path in labels]
    labelled = zip(inside(features), inside(labels), inside(stability), recipes, strict=True)
    for step, function, calls, made in (
        ("geometries", "bench_scale:repeat", [(real, repeated)], geometries),
        ("features", "vacuagym.geometry.build:build_features", featured, features),
        ("labels", "vacuagym.models.build:label_vacua", labelled, labels + stability),
        (
            "split",
            "vacuagym.benchmark.splits:build_split",
            [(inside(features), folder / SPLIT, tables[SPLIT])],
            [SPLIT],
        ),
        (
            "manifest",
            "vacuagym.publish.manifest:build_manifest",
            [(folder, tables, [], config, folder / MANIFEST)],
            [MANIFEST],
        ),
    ):
        cost = in_own_process(function, calls)
        size = sum(path.stat().st_size for path in inside(made))
        yield {"step": step, "rows": rows, "shards": len(made), "bytes_per_row": size / rows, **cost}


def tables_of_size(config, dataset, rows) -> dict[str, dict]:
    """The recipes of a run, had the family so many geometries; of one split."""
    family = FAMILIES[dataset]
    FAMILIES[dataset] = dataclasses.replace(family, count=rows)
    tables = tables_of(config)
    FAMILIES[dataset] = family
    return {path: recipe for path, recipe in tables.items() if recipe["table"] != "splits" or path == SPLIT}


def repeat(real, shards):
    """Write shards, given with their recipes, of the real geometries again and again, numbered from 0."""
    family = FAMILIES[next(iter(shards.values()))["dataset"]]
    names = names_of(family.geometry_columns)
    table = concatenate([batch for path in real for batch in read_rows(path, names)])
    for path, recipe in shards.items():
        first, stop = recipe["rows"]
        with new_shard(path, [GEOMETRY_ID, *family.geometry_columns], recipe) as write:
            for start in range(first, stop, BATCH_ROWS):
                ids = np.arange(start, min(start + BATCH_ROWS, stop))
                write({GEOMETRY_ID.name: ids, **take(table, ids % n_rows(table))})


def with_prediction(lines) -> pl.DataFrame:
    """The lines with the CPU time per row beyond the smallest size, and the CPU time that the two smallest sizes predict."""
    rows, cpu = pl.col("rows"), pl.col("cpu_s")
    slope = (cpu - cpu.first()) / (rows - rows.first())
    predicted = cpu.first() + (rows - rows.first()) * slope.get(1, null_on_oob=True)
    return lines.drop("process_s").with_columns(
        (slope * 1e6).fill_nan(None).over("step").alias("cpu_us_per_row"),
        pl.when(pl.int_range(pl.len()) > 1).then(predicted).over("step").alias("predicted_cpu_s"),
    )


def dry_run(jobs) -> dict:
    """Cost of `snakemake -n` on a run of about so many jobs: a job of features and one of labels for each shard."""
    shard_rows = -(-sum(family.count for family in COMPLETE_FAMILIES.values()) * 2 // jobs)
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--snakefile",
        str(ROOT / "Snakefile"),
        "--dry-run",
        "--quiet",
        "rules",
    ]
    command += ["--config", "n_limit=null", f"shard_rows={shard_rows}"]
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        seconds, out = cpu_seconds(command, cwd=folder)
    wall = time.perf_counter() - began
    total = next(int(line.split()[1]) for line in out.splitlines() if line.startswith("total"))
    return {"jobs": total, "wall_s": wall, "cpu_s": seconds}


if __name__ == "__main__":
    main()
