"""The steps from nothing, or a published list, to geometries and their features: shards in, shards out."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from vacuagym.errors import InputError
from vacuagym.geometry import FAMILIES, is_own, sources
from vacuagym.geometry.run_order import SHARD_ROWS, own_order, run_order, shard_ranges
from vacuagym.job import progress
from vacuagym.schema import DATASET, GEOMETRY_ID, names_of
from vacuagym.tables.arrays import concatenate, content_sha256, n_rows, take
from vacuagym.tables.shards import (
    BATCH_ROWS,
    arrow_schema,
    check_input,
    new_scratch,
    new_shard,
    read_rows,
    read_scratch,
    record_batch,
    to_numpy,
)

_ROWS = 500  # of features held at a time, since their lists are long
_OPEN_SHARDS = 200  # scratch files open at a time
_SCRATCH = ".{}.scratch"


def build_geometries(shards: Sequence[Path], recipe: dict) -> None:
    """Write the geometries of a dataset in run order, `SHARD_ROWS` per shard.

    Parameters
    ----------
    shards : sequence of Path
        The files to write. They hold every geometry of a dataset of the project, and of a dataset of one's own those of
        the run.
    recipe : dict
        Of the last of them, see `vacuagym.recipes`; the others differ in the rows alone.

    Raises
    ------
    InputError
        A published list is damaged or not complete; a file of one's own is damaged, or holds what is no geometry of the
        family.
    """
    if is_own(recipe["dataset"], recipe["family"]):
        _build_own(shards, recipe)
    else:
        _build_complete(shards, recipe)


def _build_complete(shards: Sequence[Path], recipe: dict) -> None:
    """Generate a family, or read its published list."""
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


def _build_own(shards: Sequence[Path], recipe: dict) -> None:
    """Sort the geometries of a source into its shards, by way of scratch files; memory does not grow with them.

    The source is read once for every `_OPEN_SHARDS` shards.
    """
    dataset, family, rows = recipe["dataset"], FAMILIES[recipe["family"]], recipe["rows"][1]
    columns = [GEOMETRY_ID, *family.geometry_columns]
    schema, ranges, advance = arrow_schema(columns, {}), shard_ranges(rows, SHARD_ROWS), progress(rows)
    for path in shards[0].parent.glob(_SCRATCH.format("*")):  # of a job that was killed
        path.unlink()

    def places_of(ids):
        return own_order(ids, recipe["count"], dataset, inverse=True)

    for group in range(0, len(shards), _OPEN_SHARDS):
        paths, bounds = shards[group : group + _OPEN_SHARDS], ranges[group : group + _OPEN_SHARDS]
        scratch = [path.with_name(_SCRATCH.format(path.stem)) for path in paths]
        edges = [start for start, _ in bounds] + [bounds[-1][1]]

        def chosen(ids, first=edges[0], stop=edges[-1]):
            places = places_of(ids)
            return (first <= places) & (places < stop)

        with ExitStack() as files:
            writers = [files.enter_context(new_scratch(path, schema)) for path in scratch]
            for batch in sources.read(family, Path(recipe["source"]), chosen):
                places = places_of(batch.ids)
                order = np.argsort(places)
                table = record_batch(take({GEOMETRY_ID.name: batch.ids, **batch.columns}, order), schema)
                cuts = np.searchsorted(places[order], edges)
                for write, start, stop in zip(writers, cuts[:-1], cuts[1:], strict=True):
                    if start < stop:
                        write(table.slice(start, stop - start))
        for path, held, (first, stop) in zip(paths, scratch, bounds, strict=True):
            table = concatenate(
                [{name: to_numpy(batch.column(name)) for name in schema.names} for batch in read_scratch(held)]
            )
            order = np.argsort(places_of(table[GEOMETRY_ID.name]))
            if len(order) != stop - first:
                reason = f"gave {len(order)} of the rows {first} to {stop}; it has changed since the run was started"
                raise InputError(recipe["source"], reason)
            with new_shard(path, columns, recipe | {"rows": [first, stop]}) as write:
                for start in range(0, len(order), BATCH_ROWS):
                    write(take(table, order[start : start + BATCH_ROWS]))
                    advance(len(order[start : start + BATCH_ROWS]))
            held.unlink()


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
