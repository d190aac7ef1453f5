"""The steps of a run, file to file: stream rows in, compute, stream rows out. Memory does not depend on the rows."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from vacuagym import geometry, manifest, splits
from vacuagym.errors import InputError
from vacuagym.process import progress
from vacuagym.run_order import run_order
from vacuagym.tables.columns import Column, content_sha256, n_rows, take
from vacuagym.tables.shards import BATCH_ROWS, new_shard, read_metadata, read_rows, write_text

# rows at a time of the tables that are one file, and rows a row group: a reader's memory holds what the file says of each
LARGE_BATCH_ROWS, GROUP_ROWS = 5 * BATCH_ROWS, 50 * BATCH_ROWS

KEY_COLUMNS = (
    Column("dataset", "string", "1", "Family of the geometry: ks, cicy3 or fth6d."),
    Column("geometry_id", "int64", "1", "Number of the geometry within its dataset, 0 to N - 1, in canonical order."),
)


def feature_columns(dataset: str) -> tuple[Column, ...]:
    """Data dictionary of a dataset's feature table."""
    return KEY_COLUMNS + geometry.family(dataset).FEATURES


def build_geometries(out: Path, made_by: dict) -> None:
    """Generate a dataset's geometries, or read its published list, into one table in run order.

    Parameters
    ----------
    made_by : here and below, the table's entry of `vacuagym.plan.tables_of`.
    """
    dataset, source = made_by["dataset"], made_by["source"]
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
    print(f"{count:,} geometries, sha256 of their content {content_sha256(table)}")
    if provenance:
        table = table | {provenance[0].name: family.published_numbers(Path(source))}
    order = run_order(count, dataset)
    advance = progress(count)
    with new_shard(out, [KEY_COLUMNS[1], *columns, *provenance], made_by, GROUP_ROWS) as write:
        for start in range(0, count, LARGE_BATCH_ROWS):
            ids = order[start : start + LARGE_BATCH_ROWS]
            write({"geometry_id": ids, **take(table, ids)})
            advance(len(ids))


def build_features(geometries: Path, inputs: dict, out: Path, made_by: dict) -> None:
    """Compute the exact features of one range of rows of the run order into one shard.

    Parameters
    ----------
    inputs : here and below, what the table that is read must be made by.
    """
    dataset, (start, stop) = made_by["dataset"], made_by["rows"]
    family = geometry.family(dataset)
    reads = ["geometry_id", *(column.name for column in family.GEOMETRY_COLUMNS)]
    _, names, _ = read_metadata(geometries, inputs)
    _say_what_is_read(geometries, reads, names)
    advance, written = progress(stop - start), 0
    with new_shard(out, feature_columns(dataset), made_by) as write:
        for batch in read_rows(geometries, reads, start, stop):
            ids = batch.pop("geometry_id")
            write({"dataset": np.full(len(ids), dataset), "geometry_id": ids, **family.features(batch)})
            written += len(ids)
            advance(len(ids))
        _check_rows(geometries, stop - start, written)


def label_vacua(features: Path, inputs: dict, labels: Path, stability: Path, made_by: dict) -> None:
    """Label every geometry of a feature shard: one row a draw in ``labels``, one row a geometry in ``stability``.

    Parameters
    ----------
    made_by : of ``labels``; that of ``stability`` differs in the table's name.
    """
    from vacuagym import engine, models
    from vacuagym.models.poison import label_all

    dataset, model, seed = made_by["dataset"], made_by["model"], made_by["seed"]
    labeller = models.labeller(model["name"], model.get("parameters"))
    reads = labeller.reads(dataset)
    rows, names, _ = read_metadata(features, inputs)
    _say_what_is_read(features, reads, names)
    advance, written = progress(rows, "geometries"), 0
    of_stability = made_by | {"table": f"stability/{dataset}"}
    with (
        new_shard(labels, labeller.columns, made_by, LARGE_BATCH_ROWS) as write_labels,
        new_shard(stability, engine.STABILITY_COLUMNS, of_stability, LARGE_BATCH_ROWS) as write_stability,
    ):
        for batch in read_rows(features, reads, batch_rows=-(-BATCH_ROWS // model["draws"])):
            table = label_all(labeller, seed, dataset, batch, model["draws"], model["starts"])
            write_labels(table)
            write_stability(engine.geometry_stability(table, model["draws"]))
            written += n_rows(table)
            advance(len(batch["geometry_id"]))
        _check_rows(features, rows * model["draws"], written)


def build_split(features: Mapping[Path, dict], out: Path, made_by: dict) -> None:
    """Assign every geometry of the feature shards, given with what each must be made by, to a part, see `splits.parts`."""
    split, thresholds = made_by["split"], made_by["thresholds"]
    counts = dict.fromkeys(splits.PARTS.tolist(), 0)
    with new_shard(out, splits.COLUMNS, made_by, GROUP_ROWS) as write:
        for shard, (path, inputs) in enumerate(features.items()):
            dataset = inputs["dataset"]
            rows, names, _ = read_metadata(path, inputs)
            if shard == 0:  # one line, however many shards
                _say_what_is_read(path, splits.reads(split, dataset), names)
            written = 0
            for batch in read_rows(path, splits.reads(split, dataset), batch_rows=LARGE_BATCH_ROWS):
                part = splits.parts(split, dataset, batch, thresholds)
                write({"dataset": np.full(len(part), dataset), "geometry_id": batch["geometry_id"], "part": part})
                written += len(part)
                for name in counts:
                    counts[name] += int(np.count_nonzero(part == name))
            _check_rows(path, rows, written)
    print(f"{split}: " + ", ".join(f"{count:,} {name}" for name, count in counts.items()))


def describe_splits(labels: Sequence[tuple[str, Path]], split_paths: Sequence[Path], out: Path) -> None:
    """Count the classes of every part of every split, from the label shards (dataset, path), into a CSV.

    Raises
    ------
    InputError : a part is empty or has one class; says which, and why.
    """
    from vacuagym import evaluation

    datasets = list(dict.fromkeys(dataset for dataset, _ in labels))
    counts = np.stack([evaluation.count_classes(labels, dataset, split_paths) for dataset in datasets], axis=2)
    counts = np.concatenate([counts, counts.sum(axis=2, keepdims=True)], axis=2)
    rows, reasons = [], []
    for path, by_part in zip(split_paths, counts.tolist(), strict=True):
        for part, by_dataset in zip(splits.PARTS.tolist(), by_part, strict=True):
            for dataset, (geometries, drawn, *by_class) in zip([*datasets, "all"], by_dataset, strict=True):
                scored = sum(by_class)
                rows += [
                    (path.stem, part, dataset, geometries, drawn, scored, stability, count, count / max(scored, 1))
                    for stability, count in zip(evaluation.CLASSES, by_class, strict=True)
                ]
            geometries, drawn, *by_class = by_dataset[-1]
            there = {stability: count for stability, count in zip(evaluation.CLASSES, by_class, strict=True) if count}
            print(
                f"{path.stem}, {part}: {geometries:,} geometries, {sum(by_class):,} of {drawn:,} rows scored: "
                + ", ".join(f"{stability} {count / sum(by_class):.3f}" for stability, count in there.items())
            )
            if len(there) < 2:
                why = f"has no class but {', '.join(there)}" if there else "has no scored row" if drawn else "is empty"
                reasons.append(f"part {part} of {path.stem} {why}, with {geometries} geometries of the run")
    if reasons:
        raise InputError("splits", "; ".join(reasons) + "; raise n_limit, or change the thresholds or the model")
    _write_csv(out, [column.name for column in splits.CLASS_COLUMNS], rows)


def score_baselines(tables: Mapping[Path, dict], out: Path, made_by: dict) -> None:
    """Score every baseline on the test part of a dataset.

    Parameters
    ----------
    tables : the split, and feature and label shards of all datasets; with what each must be made by.
    made_by : the table's entry of `vacuagym.plan.scores_of`.
    """
    from vacuagym import baselines

    split, dataset, settings = made_by["split"], made_by["dataset"], made_by["settings"]
    shards, split_path, labeller = _learned_from(tables, made_by)
    rows = baselines.score_baselines(
        split, dataset, shards, split_path, labeller, settings["train_rows"], settings["seeds"]
    )
    _write_rows(out, baselines.COLUMNS, rows, made_by)


def scan_active_learning(tables: Mapping[Path, dict], out: Path, made_by: dict) -> None:
    """Scan the learning curves of active learning on a dataset; arguments as of `score_baselines`."""
    from vacuagym import active_learning

    dataset, model, seed, settings = (made_by[key] for key in ("dataset", "model", "seed", "settings"))
    shards, split_path, labeller = _learned_from(tables, made_by)
    rows = active_learning.scan(dataset, shards, split_path, labeller, model, seed, settings)
    _write_rows(out, active_learning.COLUMNS, rows, made_by)


def _learned_from(tables, made_by):
    """Pairs of feature and label shards by dataset, the split, and the labeller, after checking what made the tables."""
    from vacuagym import models

    named = {}
    for path, recipe in tables.items():
        read_metadata(path, recipe)
        named.setdefault(recipe["table"], []).append(path)
    (split_path,) = named.pop("splits")
    datasets = dict.fromkeys(name.partition("/")[2] for name in named)
    shards = {name: list(zip(named[f"features/{name}"], named[f"labels/{name}"], strict=True)) for name in datasets}
    return shards, split_path, models.labeller(made_by["model"]["name"], made_by["model"].get("parameters"))


def collect_tables(tables: Mapping[Path, dict], out: Path) -> None:
    """Put the rows of tables with the same columns, each with what it must be made by, into one CSV."""
    rows = []
    for path, made_by in tables.items():
        _, names, _ = read_metadata(path, made_by)
        for batch in read_rows(path, names):
            rows += zip(*(batch[name].tolist() for name in names), strict=True)
    _write_csv(out, names, rows)
    print(f"{len(rows)} rows from {len(tables)} tables")


def data_dictionary(datasets: Sequence[str], model: dict) -> list[dict]:
    """Every column of every table of a run: table, column, type, unit, meaning, source, role.

    The role is key, feature, coupling or outcome: a learner may see features and couplings and is scored on outcomes.
    """
    from vacuagym import active_learning, baselines, engine, models

    labeller = models.labeller(model["name"], model.get("parameters"))
    tables = {f"features/{dataset}": feature_columns(dataset) for dataset in datasets}
    tables |= {f"labels/{dataset}": labeller.columns for dataset in datasets}
    tables |= {f"stability/{dataset}": engine.STABILITY_COLUMNS for dataset in datasets}
    tables |= {"splits": splits.COLUMNS, "split_classes": splits.CLASS_COLUMNS}
    tables |= {"baselines": baselines.COLUMNS, "active_learning": active_learning.COLUMNS}

    def role(table, column):
        if table.startswith("labels/"):
            return models.role(column, labeller.couplings)
        if column in ("dataset", "geometry_id", "duplicate_group", "split", "part"):
            return "key"
        return "feature" if table.startswith("features/") else "outcome"

    return [
        {"table": table, "column": column.name, "type": column.type, "unit": column.unit}
        | {"meaning": column.meaning, "source": column.source, "role": role(table, column.name)}
        for table, columns in tables.items()
        for column in columns
    ]


def build_data_dictionary(datasets: Sequence[str], model: dict, out: Path) -> None:
    """Write the data dictionary as CSV."""
    rows = data_dictionary(datasets, model)
    _write_csv(out, rows[0], (row.values() for row in rows))
    print(f"{len(rows)} columns described")


def build_manifest(folder: Path, tables: Mapping[str, dict], files: Sequence[str], config: dict, out: Path) -> None:
    """Check the tables of a run against each other and write the manifest, which makes the run complete.

    Parameters
    ----------
    folder : of the run. tables : `vacuagym.plan.tables_of` the configuration. files : results that are no tables.
    """
    for path in manifest.remove_orphans(folder, tables):
        print(f"{path}: removed, it is left from a run with another configuration")
    described = manifest.describe_run(folder, tables, files, config)
    write_text(out, manifest.as_text(described))
    shards = described["shards"]
    print(f"{len(shards)} tables, {sum(entry['rows'] for entry in shards):,} rows in the manifest")


def _write_rows(out: Path, columns: Sequence[Column], rows: Sequence[dict], made_by: dict) -> None:
    """Write rows of flat values as one shard."""
    table = {column.name: np.array([row[column.name] for row in rows]) for column in columns}
    with new_shard(out, columns, made_by) as write:
        write(table)
    print(f"{len(rows)} rows")


def _write_csv(out: Path, names: Iterable[str], rows: Iterable[Iterable]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    write_text(out, [text.getvalue()])


def _say_what_is_read(path: Path, reads: Sequence[str], names: Sequence[str]) -> None:
    print(f"{path}: reads {len(reads)} of {len(names)} columns: {', '.join(reads)}")


def _check_rows(path: Path, expected: int, written: int) -> None:
    if written != expected:
        raise RuntimeError(f"{path}: {expected} rows expected of it, {written} written")
