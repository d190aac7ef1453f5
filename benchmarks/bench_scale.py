"""What a run costs as it grows: a synthetic dataset through features, labels, a split and the manifest, step by step.

    .venv/bin/python benchmarks/bench_scale.py [--rows 10000 100000 1000000] [--dataset ks] [--out FOLDER]

No family has 10^7 geometries, so the real ones are repeated under new numbers, in their run order, and go through the
steps of the workflow in shards of the default size. Each step runs in a process of its own, over all its shards, on one
core. From the third size on, the CPU time is also predicted: the first two give what a step costs at all and per row. The
last table is the time that Snakemake takes to know what to do, for some numbers of jobs. With --compute, features and labels
are computed for so many rows alone, and the shards beyond are copies of the first, which the split and the manifest read as if
they were others. 10^7 rows of ks in full take about 40 CPU minutes and 5 GB of disk: add 10000000 to --rows.
"""

import argparse
import csv
import io
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from vacuagym.geometry import COUNTS

REAL_COUNTS = dict(COUNTS)
SPLIT = "results/splits/iid.parquet"
ROOT = Path(__file__).parents[1]
COLUMNS = ("step", "rows", "shards", "wall_s", "cpu_s", "cpu_us_per_row", "predicted_cpu_s", "peak_mb", "bytes_per_row")
SETTINGS = {"seed": 20260101, "model": {"name": "supergravity", "draws": 3, "starts": 3, "parameters": {}}}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="sizes")
    parser.add_argument(
        "--dataset", default="ks", choices=("ks", "cicy3", "fth6d"), help="family whose geometries are repeated"
    )
    parser.add_argument("--shard-rows", type=int, default=20_000)
    parser.add_argument("--compute", type=int, help="rows whose features and labels are computed; default all")
    parser.add_argument("--model", default=SETTINGS["model"]["name"], help="label model")
    parser.add_argument("--jobs", type=int, nargs="*", default=[50, 500, 5_000], help="jobs of the dry runs")
    parser.add_argument("--out", type=Path, help="folder for scale.csv and dag.csv")
    options = parser.parse_args()
    if options.compute and options.compute < options.shard_rows:
        parser.error("--compute is less than a shard")
    SETTINGS["model"]["name"] = options.model
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        real = Path(folder) / "real.parquet"
        made_by = recipes(options, REAL_COUNTS[options.dataset])[f"resources/geometries/{options.dataset}.parquet"]
        in_own_process(generate, real, made_by)
        list(measure(Path(folder) / "first", real, 1_000, options))  # compiles
        for rows in options.rows:
            for step, done in measure(Path(folder) / str(rows), real, rows, options):
                line = {"step": step, **done}
                line |= cost_model([other for other in lines if other["step"] == step], line)
                lines.append(line)
                print("  ".join(f"{key} {shown(line[key])}" for key in COLUMNS), flush=True)
            shutil.rmtree(Path(folder) / str(rows))
    dag = [dry_run(jobs) for jobs in options.jobs]
    print(as_csv(dag, tuple(dag[0])) if dag else "")
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "scale.csv").write_text(as_csv(lines, COLUMNS))
        (options.out / "dag.csv").write_text(as_csv(dag, tuple(dag[0])) if dag else "")


def measure(folder, real, rows, options):
    """Name and cost of every step for a dataset of so many rows."""
    tables = recipes(options, rows)
    geometries, split, manifest = f"resources/geometries/{options.dataset}.parquet", SPLIT, "results/manifest.json"
    features, labels = ([path for path in tables if f"/{table}/" in path] for table in ("features", "labels"))
    stability = [path.replace("/labels/", "/stability/") for path in labels]
    computed = [path for path in features if tables[path]["rows"][1] <= (options.compute or rows)]
    labelled = labels[: len(computed)]
    n_computed = tables[computed[-1]]["rows"][1]
    for step, function, arguments, made, step_rows in (
        ("geometries", repeat, (real, geometries, rows), [geometries], rows),
        ("features", build_features, (geometries, computed), computed, n_computed),
        ("labels", label, (computed, labelled), [*labelled, *stability[: len(computed)]], n_computed),
        ("split", build_split, (features,), [split], rows),
        ("manifest", build_manifest, (), [manifest], rows),
    ):
        if step == "split":
            for paths in (features, labels, stability):
                for path in paths[len(computed) :]:
                    copy(folder, tables, paths[0], path)
        done = in_own_process(function, folder, tables, *arguments)
        size = sum((folder / path).stat().st_size for path in made)
        yield step, {"rows": step_rows, "shards": len(made), "bytes_per_row": size / step_rows, **done}


def recipes(options, rows) -> dict:
    """What every table of a run of so many geometries must be made by, by path; one split."""
    from vacuagym import geometry, plan

    geometry.COUNTS[options.dataset] = rows
    config = {"datasets": {options.dataset: {"source": "generate"}}, "n_limit": None, "shard_rows": options.shard_rows}
    tables = plan.tables_of(SETTINGS | config | {"splits": {}})
    return {path: made_by for path, made_by in tables.items() if "/splits/" not in path or path == SPLIT}


def copy(folder, tables, source, out):
    """The rows of a shard as another shard."""
    from vacuagym import engine, models, steps
    from vacuagym.tables.shards import new_shard, read_rows

    table, dataset = tables[out]["table"].split("/")
    if table == "features":
        columns = steps.feature_columns(dataset)
    else:
        columns = models.labeller(SETTINGS["model"]["name"]).columns if table == "labels" else engine.STABILITY_COLUMNS
    with new_shard(folder / out, columns, tables[out]) as write:
        for batch in read_rows(folder / source, [column.name for column in columns]):
            write(batch)


def cost_model(smaller, line) -> dict:
    """CPU time per row beyond what the step costs without any, and the CPU time that the two smallest sizes predict."""
    smaller = [other for other in smaller if other["rows"] < line["rows"]]
    per_row = slope(smaller[0], line) if smaller else float("nan")
    predicted = float("nan")
    if len(smaller) > 1:
        predicted = smaller[0]["cpu_s"] + slope(*smaller[:2]) * (line["rows"] - smaller[0]["rows"])
    return {"cpu_us_per_row": per_row * 1e6, "predicted_cpu_s": predicted}


def slope(less, more) -> float:
    return (more["cpu_s"] - less["cpu_s"]) / (more["rows"] - less["rows"])


def generate(out, made_by):
    from vacuagym import steps

    steps.build_geometries(out, made_by)


def repeat(folder, tables, real, out, rows):
    """The real geometries again and again until there are ``rows``, numbered from 0."""
    import numpy as np

    from vacuagym.geometry import family
    from vacuagym.steps import GROUP_ROWS, KEY_COLUMNS, LARGE_BATCH_ROWS
    from vacuagym.tables.shards import new_shard, read_metadata, read_rows

    count, _, _ = read_metadata(real)
    columns = [KEY_COLUMNS[1], *family(tables[out]["dataset"]).GEOMETRY_COLUMNS]
    names, written = [column.name for column in columns], 0
    with new_shard(folder / out, columns, tables[out], GROUP_ROWS) as write:
        while written < rows:
            for batch in read_rows(real, names, 0, min(count, rows - written), LARGE_BATCH_ROWS):
                ids = np.arange(written, written + len(batch["geometry_id"]))
                write(batch | {"geometry_id": ids})
                written += len(ids)


def build_features(folder, tables, geometries, outs):
    from vacuagym import steps

    for out in outs:
        steps.build_features(folder / geometries, tables[geometries], folder / out, tables[out])


def label(folder, tables, features, labels):
    from vacuagym import steps

    for path, out in zip(features, labels, strict=True):
        stability = folder / out.replace("/labels/", "/stability/")
        steps.label_vacua(folder / path, tables[path], folder / out, stability, tables[out])


def build_split(folder, tables, features):
    from vacuagym import steps

    steps.build_split({folder / path: tables[path] for path in features}, folder / SPLIT, tables[SPLIT])


def build_manifest(folder, tables):
    from vacuagym import steps

    steps.build_manifest(folder, tables, [], SETTINGS, folder / "results" / "manifest.json")


def in_own_process(function, *arguments) -> dict:
    """Cost of a call in a fresh process that uses one core: wall and CPU seconds, peak of resident memory in MB."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_measured, SETTINGS, function, arguments).result()


def _measured(settings, function, arguments):
    from vacuagym.process import limit_libraries, peak_memory_mb

    SETTINGS.update(settings)
    limit_libraries(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    wall, cpu = time.perf_counter(), time.process_time()
    function(*arguments)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"wall_s": wall, "cpu_s": cpu, "peak_mb": peak_memory_mb()}


def dry_run(jobs) -> dict:
    """Cost of `snakemake -n` on a run of about so many jobs: a job of features and one of labels for each shard."""
    shard_rows = -(-sum(REAL_COUNTS.values()) * 2 // jobs)
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "snakemake",
            "-s",
            str(ROOT / "Snakefile"),
            "-d",
            folder,
            "-n",
            "--quiet",
            "rules",
        ]
        command += [
            "--configfile",
            str(ROOT / "config/config.yaml"),
            "--config",
            "n_limit=null",
            f"shard_rows={shard_rows}",
        ]
        wall, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(done.stdout + done.stderr)
    total = next(int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("total"))
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"jobs": total, "wall_s": round(time.perf_counter() - wall, 2), "cpu_s": round(cpu, 2)}


def shown(value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def as_csv(lines, columns) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: shown(line[key]) for key in columns} for line in lines)
    return text.getvalue()


if __name__ == "__main__":
    main()
