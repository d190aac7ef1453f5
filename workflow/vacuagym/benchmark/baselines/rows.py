"""Rows to train and test on: those of a task, with their inputs and targets."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from vacuagym.benchmark.baselines.inputs import Inputs
from vacuagym.benchmark.tasks.base import DRAW
from vacuagym.errors import InputError
from vacuagym.schema import DRAW_KEYS, NOT_APPLICABLE, PART, names_of
from vacuagym.tables.frames import Shard, read_draws, read_geometries
from vacuagym.tables.shards import read_schema

DUPLICATE_GROUP = "duplicate_group"
TARGET = "target "  # before the name of a target, the column that holds its value


class Sample(NamedTuple):
    """Rows as learners of tables take them.

    Parameters
    ----------
    x : float64 array (rows, columns)
        Inputs.
    elements : dict of str to float64 array
        Of targets that are lists, by kind: inputs of every element.
    lengths : dict of str to int array (rows,)
        Of these lists.
    table : DataFrame
        Keys, duplicate_group, and targets under `TARGET` and their names.
    """

    x: np.ndarray
    elements: dict[str, np.ndarray]
    lengths: dict[str, np.ndarray]
    table: pl.DataFrame

    def some(self, size: int, seed: int) -> "Sample":
        """``size`` of the rows in the same order, drawn at random; those of a smaller size are among those of a larger."""
        kept = np.zeros(len(self.table), dtype=bool)
        kept[np.random.default_rng(seed).permutation(len(kept))[:size]] = True
        of_elements = {kind: np.repeat(kept, lengths) for kind, lengths in self.lengths.items()}
        return Sample(
            self.x[kept],
            {kind: values[of_elements[kind]] for kind, values in self.elements.items()},
            {kind: lengths[kept] for kind, lengths in self.lengths.items()},
            self.table.filter(kept),
        )


@dataclass(frozen=True)
class Rows:
    """Rows of some datasets, as a learner sees them; memory holds one batch of them.

    Parameters
    ----------
    shards : sequence of Shard
    split : Path
        Table of the split.
    inputs : Inputs
        Of the task.
    """

    shards: Sequence[Shard]
    split: Path
    inputs: Inputs

    def read(self, part: str, only_scored: bool = True, with_inputs: bool = True) -> Iterator[pl.DataFrame]:
        """Stream the rows of a part, in the order of the tables: inputs, duplicate_group, and targets under `TARGET`.

        Without inputs, features and couplings are not read. Without ``only_scored``, all draws are there but those of
        geometries to which the label model does not apply.
        """
        task, splits = self.inputs.task, {PART.name: self.split}
        for shard in self.shards:
            of_features = read_schema(shard.features)
            of_labels = read_schema(shard.labels) if task.row == DRAW else {}
            takes_part = task.is_scored([*of_features, *of_labels])
            wanted = [DUPLICATE_GROUP, *(self.inputs.reads if with_inputs else ())]
            for value in (takes_part, *task.target_columns.values()):
                wanted += [
                    name
                    for name in value.meta.root_names()
                    if name not in task.target_columns.keys() - {*of_features, *of_labels}
                ]
            drawn = [name for name in dict.fromkeys(wanted) if name in of_labels and name not in of_features]
            fixed = [name for name in dict.fromkeys(wanted) if name in of_features]
            if task.row == DRAW:
                batches = read_draws(shard, fixed, drawn, splits)
            else:
                batches = read_geometries(shard, fixed, splits)
            for rows in batches:
                rows = rows.filter(pl.col(PART.name) == part)
                rows = rows.with_columns(**task.target_columns)
                rows = rows.filter(takes_part if only_scored else pl.col("stability") != NOT_APPLICABLE)
                yield rows.with_columns(pl.col(name).alias(TARGET + name) for name in task.target_columns)

    def samples(self, part: str, limit: int, seeds: Sequence[int], only_scored: bool = True) -> "list[Sample]":
        """Samples of the rows of a part, each in the order of the tables; memory holds nothing but these.

        Parameters
        ----------
        part : str
        limit : int
            Rows of a sample, at most.
        seeds : sequence of int
            One per sample.
        only_scored : bool

        Raises
        ------
        InputError
            There is no such row.
        """
        total = sum(map(len, self.read(part, only_scored, with_inputs=False)))
        if total == 0:
            datasets = ", ".join(dict.fromkeys(shard.dataset for shard in self.shards))
            raise InputError(f"split {self.split.stem}", f"has no rows of {datasets} in its part {part}; raise n_limit")
        size = min(limit, total)
        chosen = [np.sort(np.random.default_rng(seed).choice(total, size, replace=False)) for seed in seeds]
        found, first = [[] for _ in seeds], 0
        for rows in self.read(part, only_scored):
            for sample, positions in zip(found, chosen, strict=True):
                low, high = np.searchsorted(positions, [first, first + len(rows)])
                if low < high:
                    sample.append(sample_of(self.inputs, rows[positions[low:high] - first]))
            first += len(rows)
        return [_concatenated(sample) for sample in found]


def sample_of(inputs: Inputs, rows: pl.DataFrame) -> Sample:
    """A sample of rows that have the columns of `Inputs.reads`, duplicate_group, and targets under `TARGET`."""
    task = inputs.task
    lists = {target.kind: target.elements for target in task.targets if target.elements}
    keys = [name for name in names_of(DRAW_KEYS) if name in rows.columns]
    return Sample(
        inputs.matrix(rows),
        {kind: elements.of(rows) for kind, elements in lists.items()},
        {kind: elements.lengths(rows) for kind, elements in lists.items()},
        rows.select(*keys, DUPLICATE_GROUP, *(TARGET + name for name in task.target_columns)),
    )


def _concatenated(samples: Sequence[Sample]) -> Sample:
    return Sample(
        np.concatenate([some.x for some in samples]),
        {kind: np.concatenate([some.elements[kind] for some in samples]) for kind in samples[0].elements},
        {kind: np.concatenate([some.lengths[kind] for some in samples]) for kind in samples[0].lengths},
        pl.concat(some.table for some in samples),
    )
