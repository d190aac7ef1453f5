"""The checksums of a release, as `sha256sum` writes and checks them, by which a release is known."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from vacuagym.errors import InputError
from vacuagym.fingerprints import file_sha256
from vacuagym.tables.shards import write_text

CHECKSUMS = "SHA256SUMS"


def is_release(folder: Path) -> bool:
    """Whether a folder holds a release."""
    return (folder / CHECKSUMS).is_file()


def write_checksums(folder: Path, known: Mapping[str, str]) -> None:
    """Write the hash of every file of a release.

    Parameters
    ----------
    folder : Path
    known : mapping of str to str
        Hashes that are known already, by path relative to the folder; the other files are read.
    """
    names = _files(folder)
    write_text(folder / CHECKSUMS, [f"{known.get(name) or file_sha256(folder / name)}  {name}\n" for name in names])


def _files(folder: Path) -> list[str]:
    """The files of a release but the checksums; hidden ones are those of other programs."""
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return [name for name in found if name != CHECKSUMS and not any(part.startswith(".") for part in name.split("/"))]


def read_checksums(folder: Path) -> dict[str, str]:
    """Path -> SHA-256 (hex) of the files of a release; InputError if that cannot be read."""
    path = folder / CHECKSUMS
    try:
        lines = [line.split("  ", 1) for line in path.read_text(encoding="utf-8").splitlines()]
        return {name: sha256 for sha256, name in lines}
    except (OSError, ValueError) as error:
        raise InputError(path, f"cannot be read ({error}); get the release again") from error


def damaged(folder: Path) -> Iterator[tuple[Path, str]]:
    """Path and reason of every file of a release that is not what its checksum says, or that has none."""
    known = read_checksums(folder)
    for name, sha256 in known.items():
        if not (folder / name).is_file():
            yield folder / name, "is missing"
        elif file_sha256(folder / name) != sha256:
            yield folder / name, "has another sha256"
    for name in _files(folder):
        if name not in known:
            yield folder / name, "is not in the release"
