"""Lists of geometries: where their files are, and their text, plain or compressed, whatever an editor left in it."""

import bz2
import gzip
import io
import lzma
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from vacuagym.errors import InputError

COMPLETE = "the list must be the published one, complete and unchanged; n_limit takes a part of it"
ENDINGS = (".gz", ".xz", ".bz2", ".zst")  # of compressed files
_DAMAGED = (EOFError, OSError, zlib.error, lzma.LZMAError)  # what a cut or changed compressed file raises


def list_files(source: Path, names: Sequence[str]) -> list[Path]:
    """The files of a published list.

    Parameters
    ----------
    source : Path
        The file, or the folder that holds the files if the list has several.
    names : sequence of str
        Names of its files. A file in a folder may be compressed, with one of `ENDINGS`; a single file may have any name.

    Returns
    -------
    list of Path
        One for each name.

    Raises
    ------
    InputError
        ``source`` is not there, is no file or no folder as it should be, or lacks a file; says which path is meant.
    """
    is_file, is_folder = os.path.isfile(source), os.path.isdir(source)
    if not is_file and not is_folder:
        raise InputError(source, "is neither a file nor a folder" if os.path.exists(source) else "does not exist")
    if len(names) == 1:
        if is_folder:
            raise InputError(source, "is a folder, not a file" + _meant(_in_folder(source, names[0])))
        return [source]
    if is_file:
        raise InputError(source, "is a file, not a folder" + _meant(source.parent))
    found = [_in_folder(source, name) for name in names]
    if missing := [name for name, path in zip(names, found, strict=True) if not path]:
        below = min((path.parent for path in source.glob(f"*/{missing[0]}*")), default=None)
        raise InputError(source, f"lacks {len(missing)} of {len(names)} files, {', '.join(missing)}" + _meant(below))
    return found


def _meant(path: Path | None) -> str:
    return f" (perhaps {path} is meant)" if path else ""


def _in_folder(folder: Path, name: str) -> Path | None:
    return next((path for ending in ("", *ENDINGS) if os.path.isfile(path := folder / f"{name}{ending}")), None)


def _open_zst(path: Path, _mode: str) -> BinaryIO:
    return io.BufferedReader(pa.CompressedInputStream(pa.OSFile(str(path)), "zstd"))


# The first bytes of a compressed file, its kind, and what opens it.
_COMPRESSED = (
    (b"\x1f\x8b", "gzip", gzip.open),
    (b"\xfd7zXZ\x00", "xz", lzma.open),
    (b"BZh", "bzip2", bz2.open),
    (b"\x28\xb5\x2f\xfd", "zst", _open_zst),
)


def read_lines(path: Path) -> Iterator[str]:
    """Stream the lines of a list, plain or compressed (told apart by content), each with a line feed at its end.

    Raises
    ------
    InputError
        The file is empty, cut short or not text; says in which line.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(8)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})") from error
    kind, opened = next(((kind, opened) for magic, kind, opened in _COMPRESSED if start.startswith(magic)), ("", open))
    blank = True
    try:
        with opened(path, "rb") as stream:
            # every byte is a character of Latin-1, so that nothing is lost before it is checked
            for number, line in enumerate(io.TextIOWrapper(stream, encoding="latin-1"), start=1):
                line = line.removeprefix("\xef\xbb\xbf") if number == 1 else line
                if not line.isascii() or "\0" in line:
                    _refuse(path, number, line)
                blank = blank and not line.strip()
                yield line
    except _DAMAGED as error:
        reason = (
            f"is a damaged {kind} file ({error}); compress or download it again"
            if kind
            else f"cannot be read ({error})"
        )
        raise InputError(path, reason) from error
    if blank:
        raise InputError(path, "is empty; expected a list of geometries")


def _refuse(path: Path, number: int, line: str) -> None:
    if "\0" in line or line.startswith(("\xff\xfe", "\xfe\xff")):
        raise InputError(path, "is not text, since it holds zero bytes; if it is UTF-16, save it as UTF-8")
    raise InputError(f"{path}, line {number}", "is not text; expected a list of geometries, plain or compressed")


def read_text(path: Path) -> str:
    """The text of a list, with the errors of `read_lines`."""
    return "".join(read_lines(path))
