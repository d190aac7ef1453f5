"""Fingerprints: what made a table, so that tables made with another config, seed or code are told apart."""

import hashlib
import json
from pathlib import Path

_PACKAGE = Path(__file__).parent


def fingerprint(*parts: object) -> str:
    """SHA-256 (hex) of any JSON-serialisable values, independent of the order of mapping keys."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def source_hash(*folders: str) -> str:
    """SHA-256 (hex) of the sources, stored data included, of the package's sub-packages or modules named."""
    digest = hashlib.sha256()
    for folder in folders:
        path = _PACKAGE / folder
        files = sorted(path.rglob("*.*")) if path.is_dir() else [path.with_suffix(".py")]
        files = [file for file in files if file.is_file() and "__pycache__" not in file.parts]
        for file in files:
            digest.update(file.relative_to(_PACKAGE).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes, read in blocks."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
