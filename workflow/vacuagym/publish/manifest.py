"""The manifest: what a run made, with a hash of every file, and the check that it is still there unharmed."""

import hashlib
import json
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from vacuagym import __version__
from vacuagym.errors import InputError
from vacuagym.fingerprints import file_sha256
from vacuagym.recipes import paths_of
from vacuagym.tables.frames import Run, read_run
from vacuagym.tables.shards import (
    AGAIN,
    differences,
    read_recipe,
    read_rows,
    read_schema,
    temporary_files,
    write_text,
)

Place = Callable[[str], Path]

MANIFEST = "manifest.json"
_TABLES = {"results": ("features", "labels", "stability", "splits", "protocols"), "resources": ("geometries",)}


def build_manifest(place: Place, tables: Mapping[str, dict], files: Sequence[str], config: dict, out: Path) -> None:
    """Check the tables of a run against each other and write the manifest, which makes the run complete.

    Parameters
    ----------
    place : callable
        From a path of the run, as in results/manifest.json, to where it is: ``folder.joinpath`` for a folder of a run.
    tables : mapping of str to dict
        The recipe of every table by its path: `vacuagym.recipes.tables_of` the configuration.
    files : sequence of str
        Paths of the results that are no tables.
    config : dict
        The configuration of the run.
    """
    for path in remove_orphans(place, tables):
        print(f"{path}: removed, it is left from a run with another configuration")
    found = describe_run(place, tables, files, config)
    write_text(out, as_text(found))
    shards = found["shards"]
    print(f"{len(shards)} tables, {sum(entry['rows'] for entry in shards):,} rows in the manifest")


def describe_run(place: Place, tables: Mapping[str, dict], files: Sequence[str], config: dict) -> dict:
    """The manifest of a run as plain data, after checking that every table belongs to the run and is whole.

    Parameters are those of `build_manifest`. What jobs may use is left out: it does not change what they make.

    Raises
    ------
    InputError
        A table is damaged, has another recipe, or holds other geometries than the table it is made from.
    """
    schemas, entries = {}, []
    results = {path: recipe for path, recipe in tables.items() if path.startswith("results/")}
    for path, recipe in results.items():
        rows, _, found = read_recipe(place(path))
        if found != recipe:
            reason = differences(found, recipe, sorted(recipe)) or "it has another recipe"
            raise InputError(place(path), f"does not belong to this run: {reason}; {AGAIN}")
        schemas.setdefault(recipe["table"], read_schema(place(path)))
        entries.append(_entry(place, path) | {"rows": rows, "schema": recipe["table"], "recipe": recipe})
    _check_geometries(place, results)
    return {
        "version": __version__,
        "seed": config["seed"],
        "model": config["model"],
        "config": {key: value for key, value in config.items() if key != "resources"},
        "schemas": schemas,
        "shards": entries,
        "files": [_entry(place, path) for path in files],
    }


def _entry(place: Place, path: str) -> dict:
    file = place(path)
    relative = Path(path).relative_to("results").as_posix()
    return {"path": relative, "bytes": file.stat().st_size, "sha256": file_sha256(file)}


def _check_geometries(place: Place, results: Mapping[str, dict]) -> None:
    """Every geometry once in features, stability and each split and once per draw in labels, in the same order."""
    every = hashlib.sha256()
    for path in paths_of(results, "features"):
        labels, stability = (path.replace("/features/", f"/{table}/") for table in ("labels", "stability"))
        ids = np.concatenate([batch["geometry_id"] for batch in read_rows(place(path), ["geometry_id"])])
        start, stop = results[path]["rows"]
        if len(ids) != stop - start or len(np.unique(ids)) != len(ids):
            raise InputError(place(path), f"does not hold {stop - start} different geometries; {AGAIN}")
        every.update(ids.tobytes())
        _compare(place(stability), hashlib.sha256(ids.tobytes()))
        _compare(place(labels), hashlib.sha256(np.repeat(ids, results[labels]["model"]["draws"]).tobytes()))
    for path in paths_of(results, "splits"):
        _compare(place(path), every)


def _compare(path: Path, expected) -> None:
    digest = hashlib.sha256()
    for batch in read_rows(path, ["geometry_id"]):
        digest.update(batch["geometry_id"].tobytes())
    if digest.digest() != expected.digest():
        raise InputError(path, f"does not hold the geometries of the features it is made from, in their order; {AGAIN}")


def _strays(folder: Path, tables: Sequence[str], known: Container[str]) -> Iterator[Path]:
    """Tables, and unfinished files of writers that live no more, that are not among the ``known`` paths in ``folder``."""
    for table in tables:
        for path in sorted((folder / table).rglob("*.parquet")):
            if path.relative_to(folder).as_posix() not in known:
                yield path
        for subfolder in (folder / table, *(folder / table).glob("*/")):
            yield from temporary_files(subfolder)


def remove_orphans(place: Place, tables: Mapping[str, dict]) -> Iterator[Path]:
    """Remove the tables of earlier runs of other configurations, which a reader of the folders would mix in; yields them.

    Raises
    ------
    InputError
        A file is not one that the workflow wrote; it is left alone.
    """
    strays = (
        _strays(place(top), names, {path.removeprefix(f"{top}/") for path in tables}) for top, names in _TABLES.items()
    )
    for path in chain(*strays):
        if path.suffix == ".parquet":
            try:
                read_recipe(path)
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
        text = path.read_text(encoding="utf-8")
        found = json.loads(text)
        if text != "".join(_json(found)) or found.pop("sha256") != _hash(found):
            raise ValueError("its bytes do not have the sha256 it was written with")
    except FileNotFoundError:
        raise InputError(path, "does not exist; run the workflow first") from None
    except (ValueError, KeyError, AttributeError, OSError) as error:
        raise InputError(path, f"is damaged ({error}); {AGAIN}") from error
    return found


def run_of(results: Path) -> Run:
    """The tables of a run that stand side by side, as its manifest lists them."""
    paths = [Path(results) / entry["path"] for entry in load(results)["shards"]]
    names = ("features", "labels", "splits")
    return read_run({name: [path for path in paths if path.relative_to(results).parts[0] == name] for name in names})


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
    for path in _strays(results, _TABLES["results"], {entry["path"] for entry in entries}):
        yield path, "is not in the manifest"
    for path in sorted((results.parent / "resources" / "geometries").rglob("*.parquet")):
        try:
            read_recipe(path)
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
