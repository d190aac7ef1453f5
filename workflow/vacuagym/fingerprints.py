"""Fingerprints: of what a table is made by, of the sources, and of files."""

import ast
import functools
import hashlib
import json
import re
from pathlib import Path

_PACKAGE = Path(__file__).parent
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_TEXT = "|".join(f"{quote}(?:[^\\\\]|\\\\.)*?{quote}" for quote in ('"' * 3, "'" * 3, '"', "'"))
_TEXT_OR_COMMENT = re.compile(f"({_TEXT})|#.*")


def fingerprint(*parts: object) -> str:
    """SHA-256 (hex) of any JSON-serialisable values, independent of the order of mapping keys."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def fingerprint_of(recipe: dict) -> str:
    """Fingerprint of a recipe: the same for all shards of a table, and for geometries that are generated or read."""
    return fingerprint({key: value for key, value in recipe.items() if key not in ("rows", "source")})


def file_sha256(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes, read in blocks."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def source_hash(*names: str, comments: bool = False) -> str:
    """SHA-256 (hex) of the sources, stored data included, of the package's sub-packages or modules named.

    Parameters
    ----------
    comments : bool
        Whether comments, docstrings and blank lines of Python code count.
    """
    digest = hashlib.sha256()
    for name in names:
        path = _PACKAGE / name
        files = sorted(path.rglob("*.*")) if path.is_dir() else [path.with_suffix(".py")]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                content = file.read_bytes()
                if file.suffix == ".py" and not comments:
                    content = code_alone(content.decode()).encode()
                digest.update(file.relative_to(_PACKAGE).as_posix().encode() + b"\0" + content + b"\0")
    return digest.hexdigest()


@functools.cache
def code_alone(source: str) -> str:
    """Python source without its comments, docstrings, blank lines and trailing blanks."""
    lines, texts = source.splitlines(), set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Constant, ast.JoinedStr)) and node.end_lineno > node.lineno:
            texts.update(range(node.lineno - 1, node.end_lineno))  # lines of a text, in which # is no comment
        elif isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            first, last = node.body[0].lineno - 1, node.body[0].end_lineno
            lines[first:last] = [""] * (last - first)
    for row, line in enumerate(lines):
        if "#" in line and row not in texts:
            lines[row] = _TEXT_OR_COMMENT.sub(lambda match: match[1] or "", line)
    return "\n".join(line.rstrip() for line in lines if line.strip())
