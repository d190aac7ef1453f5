"""Published lists: where their files are, and their text, plain or compressed, whatever an editor left in it."""

import gzip
import os
import zlib
from collections.abc import Sequence
from pathlib import Path

from vacuagym.errors import InputError

COMPLETE = "the list must be the published one, complete and unchanged; n_limit takes a part of it"


def list_files(source: Path, names: Sequence[str]) -> list[Path]:
    """The files of a published list.

    Parameters
    ----------
    source : Path
        The file, or the folder that holds the files if the list has several.
    names : sequence of str
        Names of its files. A file in a folder may be gzip, with the ending ``.gz``; a single file may have any name.

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
    return next((path for path in (folder / name, folder / f"{name}.gz") if os.path.isfile(path)), None)


def read_text(path: Path) -> str:
    """The text of a list, plain or gzip (told apart by content), with lines that end in a line feed.

    Raises
    ------
    InputError
        The file is empty, cut short or not text.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})") from error
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError, zlib.error) as error:
            raise InputError(path, f"is a damaged gzip file ({error}); compress or download it again") from error
    if b"\0" in data:
        raise InputError(path, "is not text, since it holds zero bytes; if it is UTF-16, save it as UTF-8")
    data = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if not data.strip():
        raise InputError(path, f"is empty; {COMPLETE}")
    try:
        return data.decode("ascii")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}, line {line}", "is not text; expected the published list, plain or gzip") from error
