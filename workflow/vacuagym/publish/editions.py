"""Editions: frozen versions of the tables, known by hashes of their values, whatever made them and however they are stored.

Values are hashed in blocks of geometries in the run order, so that a run of some geometries can be compared with an
edition of all of them, and any block be made again on its own.
"""

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

import polars as pl

from vacuagym import __version__
from vacuagym.errors import InputError
from vacuagym.tables.frames import Run, read_frames, read_geometries, read_run
from vacuagym.tables.shards import in_blocks, read_schema, write_text

RECORDS = Path(__file__).parents[3] / "config" / "editions"
BLOCK = 1_000  # geometries
_HEAD = ("table", "dataset", "block", "rows", "sha256")

Content = dict[tuple[str, str, int], tuple[int, str]]  # table, dataset, block -> rows, sha256


def hash_content(tables: Mapping[str, Sequence[Path]], out: Path, edition: Path) -> None:
    """Hash the values of a run and say which edition they are.

    Parameters
    ----------
    tables : mapping of str to sequence of Path
        Of the run's features, labels and splits, see `read_run`.
    out : Path
        The CSV of the hashes.
    edition : Path
        The JSON that names the edition.
    """
    content = content_of(read_run(tables))
    write_text(out, [_as_csv(content)])
    stamp = {"edition": name_of(content), "content": _total(content), "version": __version__}
    write_text(edition, [json.dumps(stamp, indent=1) + "\n"])
    print(f"edition {stamp['edition']}: {len(content)} blocks, sha256 {stamp['content']}")


def content_of(run: Run) -> Content:
    """The hashes of the features, labels and splits of a run. Memory holds one block."""
    content: Content = {}
    for dataset, shards in run.by_dataset().items():
        for table, rows in (
            ("features", _frames([shard.features for shard in shards], BLOCK)),
            ("labels", _frames([shard.labels for shard in shards], BLOCK * shards[0].draws)),
            ("splits", chain(*(read_geometries(shard, [], run.splits, BLOCK) for shard in shards))),
        ):
            size = BLOCK * (shards[0].draws if table == "labels" else 1)
            for number, block in enumerate(in_blocks(rows, size, pl.concat)):
                content[table, dataset, number] = len(block), values_sha256(block)
    return content


def _frames(paths: Sequence[Path], rows: int) -> Iterator[pl.DataFrame]:
    return chain(*(read_frames(path, list(read_schema(path)), rows) for path in paths))


def values_sha256(rows: pl.DataFrame) -> str:
    """SHA-256 (hex) of the names and values of the columns of a frame, in the order of its rows."""
    digest = hashlib.sha256()
    for name in sorted(rows.columns):
        column = rows[name]
        if column.dtype in (pl.String, pl.Enum):
            parts = ["text", "\0".join(column.cast(pl.String))]
        elif column.dtype == pl.List:
            values = column.explode(empty_as_null=False).drop_nulls().to_numpy()
            parts = [values.dtype.str, column.list.len().cast(pl.Int64).to_numpy().tobytes(), values.tobytes()]
        else:
            parts = [column.to_numpy().dtype.str, column.to_numpy().tobytes()]
        for part in (name, *parts):
            data = part if isinstance(part, bytes) else part.encode()
            digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()


def name_of(content: Content) -> str:
    """The edition that values belong to.

    Its version if they are all of an edition's; mini if they are its first block of every dataset; else custom.
    """
    for path in sorted(RECORDS.glob("*.csv")):
        known = read_content(path)
        if content == known:
            return f"{path.stem}.0"
        if content == {key: value for key, value in known.items() if key[2] == 0}:
            return "mini"
    return "custom"


def differences(content: Content, edition: str) -> Iterator[str]:
    """One line for every table of a dataset whose values are not those of an edition.

    Raises
    ------
    InputError
        There is no such edition.
    """
    path = RECORDS / f"{edition}.csv"
    if not path.is_file():
        known = ", ".join(found.stem for found in sorted(RECORDS.glob("*.csv")))
        raise InputError(f"edition {edition!r}", f"is unknown; there are {known or 'none'}")
    known = read_content(path)
    for table, dataset in dict.fromkeys(key[:2] for key in known | content):
        found, expected = (
            {key[2]: value for key, value in some.items() if key[:2] == (table, dataset)} for some in (content, known)
        )
        if wrong := [number for number in expected | found if found.get(number) != expected.get(number)]:
            yield (
                f"{table} of {dataset}: {len(wrong)} of {len(expected)} blocks of {BLOCK:,} geometries are not those of "
                f"edition {edition}, the first is {min(wrong)}"
            )


def read_content(path: Path) -> Content:
    """Read the hashes that `hash_content` has written."""
    with open(path, newline="", encoding="utf-8") as file:
        _, *lines = csv.reader(file)
    return {(table, dataset, int(block)): (int(rows), sha256) for table, dataset, block, rows, sha256 in lines}


def _as_csv(content: Content) -> str:
    lines = [_HEAD, *((*key, *value) for key, value in content.items())]
    return "".join(",".join(map(str, line)) + "\n" for line in lines)


def _total(content: Content) -> str:
    return hashlib.sha256(_as_csv(dict(sorted(content.items()))).encode()).hexdigest()
