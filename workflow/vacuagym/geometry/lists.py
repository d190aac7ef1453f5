"""Published lists as text: plain or compressed, and what is wrong with them if they are not text."""

import gzip
import zlib
from pathlib import Path

from vacuagym.errors import InputError


def read_text(path: Path) -> str:
    """The text of a list, plain or gzip (told apart by content); InputError if it is empty, cut short or not text."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})") from error
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError, zlib.error) as error:
            raise InputError(path, f"is a damaged gzip file ({error}); download it again") from error
    if not data.strip():
        raise InputError(path, "is empty; download it again")
    try:
        return data.decode("ascii")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}, line {line}", "is not text; expected the published list, plain or gzip") from error
