"""Rows to train and test on: draws of a run, with their inputs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from vacuagym.benchmark.baselines.inputs import Inputs
from vacuagym.benchmark.scored import is_scored, label_reads
from vacuagym.benchmark.scoring import class_code
from vacuagym.errors import InputError
from vacuagym.models.base import LabelModel
from vacuagym.schema import PART, names_of
from vacuagym.tables.frames import Shard, read_draws

DUPLICATE_GROUP = "duplicate_group"


@dataclass(frozen=True)
class Rows:
    """Draws of some datasets, as a learner sees them; memory holds one batch of them.

    Parameters
    ----------
    shards : sequence of Shard
    split : Path
        Table of the split.
    model : LabelModel
        The model that made the labels.
    inputs : Inputs
    """

    shards: Sequence[Shard]
    split: Path
    model: LabelModel
    inputs: Inputs

    def read(self, part: str, only_scored: bool = True, with_inputs: bool = True) -> Iterator[pl.DataFrame]:
        """Stream the rows of a part, in the order of the tables; without inputs, features and couplings are not read."""
        columns = names_of(self.model.columns)
        features, couplings = (self.inputs.feature_names, self.inputs.coupling_names) if with_inputs else ([], [])
        features = [DUPLICATE_GROUP, *features]
        wanted = pl.col(PART.name) == part
        wanted = wanted & is_scored(columns) if only_scored else wanted
        for shard in self.shards:
            for rows in read_draws(shard, features, [*label_reads(columns), *couplings], {PART.name: self.split}):
                yield rows.filter(wanted)

    def groups(self, part: str) -> np.ndarray:
        """The duplicate groups of the scored rows of a part, int64, ascending: what grows with the rows, 8 bytes for each."""
        found = np.zeros(0, dtype=np.int64)
        for rows in self.read(part, with_inputs=False):
            found = np.union1d(found, rows[DUPLICATE_GROUP].to_numpy())
        return found

    def sample(self, part: str, limit: int, seed: int, only_scored: bool = True) -> tuple[np.ndarray, pl.DataFrame]:
        """A sample of the rows of a part, in the order of the tables; memory holds nothing but these.

        Parameters
        ----------
        part : str
        limit : int
            Rows of the sample, at most.
        seed : int
        only_scored : bool

        Returns
        -------
        x : float64 array (rows, columns)
            Inputs.
        rows : DataFrame
            geometry_id, sample, duplicate_group, and class (position in CLASSES) of the same rows.

        Raises
        ------
        InputError
            There is no such row.
        """
        total = sum(map(len, self.read(part, only_scored, with_inputs=False)))
        if total == 0:
            datasets = ", ".join(dict.fromkeys(shard.dataset for shard in self.shards))
            raise InputError(f"split {self.split.stem}", f"has no rows of {datasets} in its part {part}; raise n_limit")
        chosen = np.sort(np.random.default_rng(seed).choice(total, min(limit, total), replace=False))
        x, keys, first = np.empty((len(chosen), len(self.inputs.groups))), [], 0
        for rows in self.read(part, only_scored):
            low, high = np.searchsorted(chosen, [first, first + len(rows)])
            if low < high:
                mine = rows[chosen[low:high] - first]
                x[low:high] = self.inputs.matrix(mine)
                keys.append(mine.select("geometry_id", "sample", DUPLICATE_GROUP, class_code().alias("class")))
            first += len(rows)
        return x, pl.concat(keys)
