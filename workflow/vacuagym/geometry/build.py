"""The steps from nothing, or a published list, to geometries and their features: shards in, shards out."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vacuagym.errors import InputError
from vacuagym.geometry import FAMILIES
from vacuagym.geometry.run_order import SHARD_ROWS, run_order, shard_ranges
from vacuagym.job import progress
from vacuagym.schema import DATASET, GEOMETRY_ID, names_of
from vacuagym.tables.arrays import content_sha256, n_rows, take
from vacuagym.tables.shards import BATCH_ROWS, check_input, new_shard, read_rows

_ROWS = 500  # of features held at a time, since their lists are long


def build_geometries(shards: Sequence[Path], recipe: dict) -> None:
    """Generate a dataset's geometries, or read its published list, and write them in run order.

    Parameters
    ----------
    shards : sequence of Path
        The files to write, which together hold every geometry, `SHARD_ROWS` each.
    recipe : dict
        What the files share of their recipes, see `vacuagym.recipes`: all but the rows.

    Raises
    ------
    InputError
        The published list is damaged or not complete.
    """
    dataset, family, source = recipe["dataset"], FAMILIES[recipe["family"]], recipe["source"]
    columns, functions = [GEOMETRY_ID, *family.geometry_columns], family.functions
    table = functions.generate() if source == "generate" else functions.read(Path(source))
    if n_rows(table) != family.count:
        raise InputError(source, f"gave {n_rows(table)} geometries of {family.name}, expected {family.count}")
    print(f"{family.count:,} geometries, sha256 of their content {content_sha256(table)}")
    if source != "generate" and family.published_column:
        columns.append(family.published_column)
        table = table | {family.published_column.name: functions.published_numbers(Path(source))}
    order, advance = run_order(family.count, dataset), progress(family.count)
    for path, (first, stop) in zip(shards, shard_ranges(family.count, SHARD_ROWS), strict=True):
        with new_shard(path, columns, recipe | {"rows": [first, stop]}) as write:
            for start in range(first, stop, BATCH_ROWS):
                ids = order[start : min(start + BATCH_ROWS, stop)]
                write({GEOMETRY_ID.name: ids, **take(table, ids)})
                advance(len(ids))


def build_features(geometries: Sequence[Path], features: Path, recipe: dict) -> None:
    """Compute the exact features of one shard.

    Parameters
    ----------
    geometries : sequence of Path
        The shards of geometries that hold its rows, in their order.
    features : Path
        The shard to write.
    recipe : dict
        Its recipe.

    Raises
    ------
    InputError
        A shard of geometries is damaged, missing, or of another run.
    """
    family, (start, stop) = FAMILIES[recipe["family"]], recipe["rows"]
    reads = [GEOMETRY_ID.name, *names_of(family.geometry_columns)]
    advance, row = progress(stop - start), start
    with new_shard(features, family.feature_columns, recipe) as write:
        for path in geometries:
            first, last = check_input(path, recipe, reads)["rows"]
            if first > row:
                break
            for batch in read_rows(path, reads, row - first, min(stop, last) - first, _ROWS):
                ids = batch.pop(GEOMETRY_ID.name)
                keys = {DATASET.name: np.full(len(ids), recipe["dataset"]), GEOMETRY_ID.name: ids}
                write(keys | family.functions.features(batch))
                advance(len(ids))
                row += len(ids)
        if row != stop:
            raise InputError(geometries[0].parent, f"holds no row {row} of the run order; delete it and run again")
