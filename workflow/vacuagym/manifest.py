"""The manifest: what a run made, with a hash of every file, and the check that it is still there unharmed."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from vacuagym import __version__
from vacuagym.errors import InputError
from vacuagym.plan import paths_of
from vacuagym.provenance import file_sha256
from vacuagym.tables.shards import AGAIN, read_metadata, read_rows, read_schema, temporary_files

MANIFEST = "manifest.json"
TABLES = ("features", "labels", "stability", "splits")


def describe_run(folder: Path, tables: Mapping[str, dict], files: Sequence[str], config: dict) -> dict:
    """The manifest of a run as plain data, after checking that every table belongs to the run and is whole.

    Parameters
    ----------
    folder : of the run.
    tables : what each table must be made by, by path in ``folder``, as `vacuagym.plan.tables_of` gives it.
    files : paths in ``folder`` of the results that are no tables.
    config : the configuration of the run. What jobs may use is left out: it does not change what they make.

    Raises
    ------
    InputError : a table is damaged, made by something else, or holds other geometries than the table it is made from.
    """
    schemas, entries = {}, []
    results = {path: made_by for path, made_by in tables.items() if path.startswith("results/")}
    for path, made_by in results.items():
        rows, _, _ = read_metadata(folder / path, made_by)
        schemas.setdefault(made_by["table"], read_schema(folder / path))
        entries.append(_entry(folder, path) | {"rows": rows, "schema": made_by["table"], "made_by": made_by})
    _check_ids(folder, results)
    return {
        "version": __version__,
        "seed": config["seed"],
        "model": config["model"],
        "config": {key: value for key, value in config.items() if key != "resources"},
        "schemas": schemas,
        "shards": entries,
        "files": [_entry(folder, path) for path in files],
    }


def _entry(folder: Path, path: str) -> dict:
    file = folder / path
    relative = Path(path).relative_to("results").as_posix()
    return {"path": relative, "bytes": file.stat().st_size, "sha256": file_sha256(file)}


def _check_ids(folder: Path, results: Mapping[str, dict]) -> None:
    """Every geometry once in features, stability and each split and once a draw in labels, in the same order."""
    every = hashlib.sha256()
    for path in paths_of(results, "features"):
        labels, stability = (path.replace("/features/", f"/{table}/") for table in ("labels", "stability"))
        ids = np.concatenate([batch["geometry_id"] for batch in read_rows(folder / path, ["geometry_id"])])
        start, stop = results[path]["rows"]
        if len(ids) != stop - start or len(np.unique(ids)) != len(ids):
            raise InputError(folder / path, f"does not hold {stop - start} different geometries; {AGAIN}")
        every.update(ids.tobytes())
        _compare(folder / stability, hashlib.sha256(ids.tobytes()))
        draws, drawn = results[labels]["model"]["draws"], hashlib.sha256()
        for geometry_id in ids:
            drawn.update(geometry_id.tobytes() * draws)
        _compare(folder / labels, drawn)
    for path in paths_of(results, "splits"):
        _compare(folder / path, every)


def _compare(path: Path, expected) -> None:
    digest = hashlib.sha256()
    for batch in read_rows(path, ["geometry_id"]):
        digest.update(batch["geometry_id"].tobytes())
    if digest.digest() != expected.digest():
        raise InputError(path, f"does not hold the geometries of the features it is made from, in their order; {AGAIN}")


def _strays(results: Path, known: set[str]) -> Iterator[Path]:
    """Tables, and unfinished files of writers that live no more, that are not among ``known`` (paths in ``results``)."""
    for table in TABLES:
        for path in sorted((results / table).rglob("*.parquet")):
            if path.relative_to(results).as_posix() not in known:
                yield path
        for folder in (results / table, *(results / table).glob("*/")):
            yield from temporary_files(folder)


def remove_orphans(folder: Path, tables: Mapping[str, dict]) -> Iterator[Path]:
    """Remove the tables of earlier runs of other configurations, which a reader of the folders would mix in; yields them.

    Raises
    ------
    InputError : a file is not one that the workflow wrote; it is left alone.
    """
    results = folder / "results"
    for path in _strays(
        results, {Path(path).relative_to("results").as_posix() for path in tables if "results" in path}
    ):
        if path.suffix == ".parquet":
            try:
                read_metadata(path)
            except InputError as error:
                raise InputError(path, f"is no table of this run; move or delete it ({error.reason})") from error
        path.unlink()
        yield path


def as_text(described: dict) -> Iterator[str]:
    """The manifest as JSON, with the hash of what it is without that hash, piece by piece."""
    return _json(described | {"sha256": _hash(described)})


def _hash(described: dict) -> str:
    digest = hashlib.sha256()
    for piece in _json(described):
        digest.update(piece.encode())
    return digest.hexdigest()


def _json(value: dict) -> Iterator[str]:
    yield from json.JSONEncoder(indent=1, sort_keys=True).iterencode(value)
    yield "\n"


def load(results: Path) -> dict:
    """Read a manifest; InputError if there is none or it is damaged."""
    path = Path(results) / MANIFEST
    try:
        text = path.read_text()
        found = json.loads(text)
        if text != "".join(_json(found)) or found.pop("sha256") != _hash(found):
            raise ValueError("its bytes do not have the sha256 it was written with")
    except FileNotFoundError:
        raise InputError(path, "does not exist; run the workflow first") from None
    except (ValueError, KeyError, AttributeError, OSError) as error:
        raise InputError(path, f"is damaged ({error}); {AGAIN}") from error
    return found


def damaged(results: Path) -> Iterator[tuple[Path, str]]:
    """Path and reason of every file that is not what the manifest says, or that it does not know.

    The tables of geometries beside the results are not in the manifest, which does not depend on how they were made;
    they are checked against the hash they hold of themselves.
    """
    results = Path(results)
    try:
        described = load(results)
    except InputError as error:
        if not (results / MANIFEST).exists():
            raise
        yield results / MANIFEST, error.reason.removesuffix(f"; {AGAIN}")
        return
    entries = described["shards"] + described["files"]
    for entry in entries:
        path = results / entry["path"]
        if not path.is_file():
            yield path, "is missing"
        elif path.stat().st_size != entry["bytes"]:
            yield path, f"has {path.stat().st_size} bytes, the manifest says {entry['bytes']}"
        elif file_sha256(path) != entry["sha256"]:
            yield path, "has another sha256 than the manifest says"
    for path in _strays(results, {entry["path"] for entry in entries}):
        yield path, "is not in the manifest"
    for path in sorted((results.parent / "resources" / "geometries").glob("*.parquet")):
        try:
            read_metadata(path)
        except InputError as error:
            yield path, error.reason.removesuffix(f"; {AGAIN}")


def remove_damaged(results: Path) -> Iterator[tuple[Path, str]]:
    """As `damaged`, and remove each file, and the manifest if there is any, so that the next run makes just these again."""
    found = list(damaged(results))
    if found:
        (Path(results) / MANIFEST).unlink()
    for path, reason in found:
        path.unlink(missing_ok=True)
        yield path, reason
