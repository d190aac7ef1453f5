"""The manifest: what a run made, with a hash of every file, and the check that it is still there unharmed."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from vacuagym import __version__
from vacuagym.errors import InputError
from vacuagym.provenance import file_sha256
from vacuagym.tables.shards import read_metadata, read_schema

MANIFEST = "manifest.json"


def describe_run(results: Path, shards: Iterable[Path], config: dict) -> dict:
    """The manifest of a run as plain data.

    Parameters
    ----------
    results : folder of the results; paths in the manifest are relative to it.
    shards : every parquet file of the run.
    config : the configuration that made them.
    """
    schemas, entries = {}, []
    for path in shards:
        rows, _, made_by = read_metadata(path)
        relative = path.relative_to(results).as_posix()
        table = made_by["table"]
        schemas.setdefault(table, read_schema(path))
        entries.append(
            {
                "path": relative,
                "rows": rows,
                "bytes": path.stat().st_size,
                "sha256": file_sha256(path),
                "schema": table,
                "made_by": made_by,
            }
        )
    return {
        "version": __version__,
        "seed": config["seed"],
        "model": config["model"],
        "config": config,
        "schemas": schemas,
        "shards": entries,
    }


def load(results: Path) -> dict:
    """Read a manifest; InputError if there is none or it is damaged."""
    path = Path(results) / MANIFEST
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise InputError(path, "does not exist; run the workflow first") from None
    except ValueError as error:
        raise InputError(path, f"is damaged ({error}); delete it and run the workflow again") from error


def damaged(results: Path) -> Iterator[tuple[str, str]]:
    """Path and reason of every file that is not what the manifest says."""
    for entry in load(results)["shards"]:
        path = Path(results) / entry["path"]
        if not path.is_file():
            yield entry["path"], "is missing"
        elif path.stat().st_size != entry["bytes"]:
            yield entry["path"], f"has {path.stat().st_size} bytes, the manifest says {entry['bytes']}"
        elif file_sha256(path) != entry["sha256"]:
            yield entry["path"], "has another sha256 than the manifest says"
