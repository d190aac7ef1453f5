"""The splits of the benchmark, and the step that makes one."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from vacuagym.benchmark.splits.base import Split
from vacuagym.errors import InputError
from vacuagym.geometry import FAMILIES
from vacuagym.registry import Registry
from vacuagym.schema import GEOMETRY_KEYS, PART, names_of
from vacuagym.tables.frames import read_frames, to_arrow
from vacuagym.tables.shards import AGAIN, BATCH_ROWS, arrow_schema, check_input, new_shard

SPLITS = Registry(
    "split",
    __name__,
    "SPLITS",
    "iid",
    "ends",
    "held_out",
)
PROTOCOLS = Registry("protocol", __name__, "PROTOCOLS", "protocols")
COLUMNS = (*GEOMETRY_KEYS, PART)
_GROUP_ROWS = 50 * BATCH_ROWS  # of a row group: a reader holds what the file says of each


def splits_of(families: Iterable[str]) -> list[Split]:
    """The splits of a run with datasets of these families: one can only be held out if it is there and others are too."""
    there = set(families)
    left_out = {split.name for split in splits_that_leak(there)}
    return [
        split
        for split in SPLITS.values()
        if split.holds_out is None or (split.holds_out in there and len(there) > 1 and split.name not in left_out)
    ]


def splits_that_leak(families: Iterable[str]) -> list[Split]:
    """The splits that would hold out a family whose polytopes others may have too, and nobody knows which.

    `SHARED_GROUPS` knows those of the families that the project has completely.
    """
    toric = {name for name in families if FAMILIES[name].is_toric}
    if len(toric) < 2 or all(FAMILIES[name].count for name in toric):
        return []
    return [split for split in SPLITS.values() if split.holds_out in toric]


def protocols_of(datasets: Sequence[str]) -> list[Split]:
    """The published protocols of a run with these datasets."""
    return [protocol for protocol in PROTOCOLS.values() if protocol.family in datasets]


def build_split(features: Sequence[Path], out: Path, recipe: dict) -> None:
    """Give every geometry of the run its part.

    Parameters
    ----------
    features : sequence of Path
        The shards of features of all datasets, in the order of the run.
    out : Path
        The table to write.
    recipe : dict
        Its recipe, see `vacuagym.recipes`.

    Raises
    ------
    InputError
        A shard is damaged, missing or of another run.
    """
    split, thresholds = {**PROTOCOLS, **SPLITS}[recipe["split"]], recipe["thresholds"] or {}
    schema, found, counts = (
        arrow_schema(COLUMNS, recipe),
        dict.fromkeys(recipe["geometries"], 0),
        dict.fromkeys(split.parts, 0),
    )
    with new_shard(out, COLUMNS, recipe, _GROUP_ROWS) as write:
        for number, path in enumerate(features):
            dataset = path.parent.name
            family, threshold = FAMILIES[recipe["families"][dataset]], thresholds.get(dataset)
            reads = split.reads(family, threshold)
            check_input(path, recipe, reads if number == 0 else ())  # one line in the log, however many shards
            for frame in read_frames(path, reads, 5 * BATCH_ROWS):
                parts = frame.select(*names_of(GEOMETRY_KEYS), split.part(family, threshold).alias(PART.name))
                found[dataset] += len(parts)
                parts = parts.drop_nulls(PART.name)
                write(to_arrow(parts, schema))
                for part in counts:
                    counts[part] += (parts[PART.name] == part).sum()
        for dataset, expected in recipe["geometries"].items():
            if found[dataset] != expected:
                where = f"features of {dataset}"
                raise InputError(where, f"hold {found[dataset]} geometries, the run has {expected}; {AGAIN}")
    print(f"{split.name}: " + ", ".join(f"{count:,} {part}" for part, count in counts.items()))
