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
from vacuagym.benchmark.values import values_sha256
from vacuagym.errors import InputError
from vacuagym.tables.frames import Run, read_frames, read_geometries, read_run
from vacuagym.tables.shards import in_blocks, read_schema, write_text

RECORDS = Path(__file__).with_name("records")
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


def name_of(content: Content) -> str:
    """The edition that values belong to.

    Its version if they are all of an edition's; mini, after the name of the edition if it has one, if they are its first block
    of every dataset; else custom.
    """
    return next((name for name, known in _known_contents() if content == known), "custom")


def known_stamps() -> dict[str, tuple[str, list[str]]]:
    """The editions, and their first blocks, by the hash that stamps their scores: name, and names of the datasets."""
    return {
        _total(content): (name, list(dict.fromkeys(dataset for _, dataset, _ in content)))
        for name, content in _known_contents()
    }


def _known_contents() -> Iterator[tuple[str, Content]]:
    """Name and content of each edition, such as 1.0.0 or kklt-1.0.0, and of its first blocks, mini or kklt-mini."""
    for path in sorted(RECORDS.glob("*.csv")):
        known = read_content(path)
        prefix = path.stem[: path.stem.rfind("-") + 1]
        yield f"{path.stem}.0", known
        yield f"{prefix}mini", {key: value for key, value in known.items() if key[2] == 0}


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
