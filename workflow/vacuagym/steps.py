"""The steps of a run, file to file: stream rows in, compute, stream rows out. Memory does not depend on the rows."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from vacuagym import geometry, manifest, splits
from vacuagym.errors import InputError
from vacuagym.process import progress
from vacuagym.provenance import fingerprint
from vacuagym.run_order import run_order
from vacuagym.tables.columns import Column, content_sha256, n_rows, take
from vacuagym.tables.shards import BATCH_ROWS, new_shard, read_metadata, read_rows, write_text

KEY_COLUMNS = (
    Column("dataset", "string", "1", "Family of the geometry: ks, cicy3 or fth6d."),
    Column("geometry_id", "int64", "1", "Number of the geometry within its dataset, 0 to N - 1, in canonical order."),
)


def feature_columns(dataset: str) -> tuple[Column, ...]:
    """Data dictionary of a dataset's feature table."""
    return KEY_COLUMNS + geometry.family(dataset).FEATURES


def build_geometries(dataset: str, source: str, out: Path, code: str) -> None:
    """Generate a dataset's geometries, or read its published list, into one table in run order.

    Parameters
    ----------
    source : ``generate`` or the path of the published list.
    code : hash of the code that makes the table, kept in its metadata.
    """
    family = geometry.family(dataset)
    columns, provenance = list(family.GEOMETRY_COLUMNS), ()
    if source == "generate":
        table = family.generate()
    else:
        table = family.read(Path(source))
        if hasattr(family, "PUBLISHED_NUMBER"):
            provenance = (family.PUBLISHED_NUMBER,)
    count = geometry.COUNTS[dataset]
    if n_rows(table) != count:
        raise InputError(source, f"gave {n_rows(table)} geometries of {dataset}, expected {count}")
    made_by = {"table": f"geometries/{dataset}", "content": content_sha256(table), "code": code, "source": source}
    if provenance:
        table = table | {provenance[0].name: family.published_numbers(Path(source))}
    order = run_order(count, dataset)
    advance = progress(count)
    with new_shard(out, [KEY_COLUMNS[1], *columns, *provenance], made_by) as write:
        for start in range(0, count, BATCH_ROWS):
            ids = order[start : start + BATCH_ROWS]
            write({"geometry_id": ids, **take(table, ids)})
            advance(len(ids))


def build_features(dataset: str, geometries: Path, out: Path, start: int, stop: int, code: str) -> None:
    """Compute the exact features of the geometries ``start`` … ``stop`` of the run order into one shard."""
    family = geometry.family(dataset)
    reads = ["geometry_id", *(column.name for column in family.GEOMETRY_COLUMNS)]
    _, names, made_by = read_metadata(geometries)
    _say_what_is_read(geometries, reads, names)
    made_by = {
        "table": f"features/{dataset}",
        "rows": [start, stop],
        "code": code,
        "inputs": made_by["content"],
    }
    advance, written = progress(stop - start), 0
    with new_shard(out, feature_columns(dataset), made_by) as write:
        for batch in read_rows(geometries, reads, start, stop):
            ids = batch.pop("geometry_id")
            write({"dataset": np.full(len(ids), dataset), "geometry_id": ids, **family.features(batch)})
            written += len(ids)
            advance(len(ids))
        _check_rows(geometries, stop - start, written)


def label_vacua(dataset: str, features: Path, labels: Path, stability: Path, model: dict, seed: int, code: str) -> None:
    """Label every geometry of a feature shard: one row a draw in ``labels``, one row a geometry in ``stability``."""
    from vacuagym import engine, models

    labeller = models.labeller(model["name"], model.get("parameters"))
    reads = labeller.reads(dataset)
    rows, names, made_by = read_metadata(features)
    _say_what_is_read(features, reads, names)
    made_by = {
        "dataset": dataset,
        "rows": made_by["rows"],
        "code": code,
        "inputs": fingerprint(made_by),
        "model": model,
        "seed": seed,
    }
    advance, written = progress(rows, "geometries"), 0
    with (
        new_shard(labels, labeller.columns, {"table": f"labels/{dataset}", **made_by}) as write_labels,
        new_shard(stability, engine.STABILITY_COLUMNS, {"table": f"stability/{dataset}", **made_by}) as write_stability,
    ):
        for batch in read_rows(features, reads):
            table = labeller.label(seed, dataset, batch, model["draws"], model["starts"])
            write_labels(table)
            write_stability(engine.geometry_stability(table, model["draws"]))
            written += n_rows(table)
            advance(len(batch["geometry_id"]))
        _check_rows(features, rows * model["draws"], written)


def build_split(split: str, features: Iterable[tuple[str, Path]], out: Path, code: str) -> None:
    """Assign every geometry of the feature shards (dataset, path) to a part of ``split``."""
    counts = dict.fromkeys(splits.PARTS.tolist(), 0)
    with new_shard(out, splits.COLUMNS, {"table": "splits", "split": split, "code": code}) as write:
        for shard, (dataset, path) in enumerate(features):
            rows, names, _ = read_metadata(path)
            if shard == 0:  # one line, however many shards
                _say_what_is_read(path, splits.READS, names)
            written = 0
            for batch in read_rows(path, splits.READS):
                part = splits.parts(split, dataset, batch)
                write({"dataset": np.full(len(part), dataset), "geometry_id": batch["geometry_id"], "part": part})
                written += len(part)
                for name in counts:
                    counts[name] += int(np.count_nonzero(part == name))
            _check_rows(path, rows, written)
    print(f"{split}: " + ", ".join(f"{count:,} {name}" for name, count in counts.items()))


def data_dictionary(datasets: Sequence[str], model: dict) -> list[dict]:
    """Every column of every table of a run: table, column, type, unit, meaning, source."""
    from vacuagym import engine, models

    label_columns = models.labeller(model["name"], model.get("parameters")).columns
    tables = {f"features/{dataset}": feature_columns(dataset) for dataset in datasets}
    tables |= {f"labels/{dataset}": label_columns for dataset in datasets}
    tables |= {f"stability/{dataset}": engine.STABILITY_COLUMNS for dataset in datasets}
    tables |= {"splits": splits.COLUMNS}
    return [
        {"table": table, "column": column.name, "type": column.type, "unit": column.unit}
        | {"meaning": column.meaning, "source": column.source}
        for table, columns in tables.items()
        for column in columns
    ]


def build_data_dictionary(datasets: Sequence[str], model: dict, out: Path) -> None:
    """Write the data dictionary as CSV."""
    rows = data_dictionary(datasets, model)
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(out, text.getvalue())
    print(f"{len(rows)} columns described")


def build_manifest(results: Path, shards: Sequence[Path], config: dict, out: Path) -> None:
    """Write the manifest: rows, bytes, hash, schema and origin of every shard of the run."""
    described = manifest.describe_run(results, shards, config)
    write_text(out, json.dumps(described, indent=1, sort_keys=True) + "\n")
    print(f"{len(shards)} files, {sum(entry['rows'] for entry in described['shards']):,} rows in the manifest")


def _say_what_is_read(path: Path, reads: Sequence[str], names: Sequence[str]) -> None:
    print(f"{path}: reads {len(reads)} of {len(names)} columns: {', '.join(reads)}")


def _check_rows(path: Path, expected: int, written: int) -> None:
    if written != expected:
        raise RuntimeError(f"{path}: {expected} rows expected of it, {written} written")
