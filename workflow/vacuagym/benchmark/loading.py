"""Tasks as users load them: rows to train on, rows to predict, and the score of a prediction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from vacuagym.benchmark import scoring
from vacuagym.benchmark.folders import Folder, open_folder, part_name
from vacuagym.benchmark.splits import SPLITS
from vacuagym.benchmark.tasks import TASKS
from vacuagym.benchmark.tasks.base import DRAW, GEOMETRY, N_PERMUTATIONS, Task
from vacuagym.errors import InputError
from vacuagym.schema import COUPLING, DRAW_KEYS, FEATURE, GEOMETRY_KEYS, Column, names_of


@dataclass(frozen=True, repr=False)
class LoadedTask:
    """A task on the tables of one folder, made by `load_task`.

    Rows are ordered by dataset and keys; only rows that take part are among them. Frames are read when first asked for.
    """

    task: Task
    split: str
    datasets: tuple[str, ...]
    folder: Folder

    def __repr__(self) -> str:
        lists = [*self.draw_lists, *self.geometry_lists]
        return (
            f"<{self.task.name} on {', '.join(self.datasets)}; split {self.split} in {self.folder.path}; "
            f"{len(self.inputs)} inputs{', lists ' + ', '.join(lists) if lists else ''}; to predict: {', '.join(self.targets)}>"
        )

    @cached_property
    def input_columns(self) -> list[Column]:
        """The columns that a learner may see, which all datasets of the task have."""
        found = [self.task.inputs_of(self.folder.columns[dataset]) for dataset in self.datasets]
        others = [{(column.name, column.type) for column in columns} for columns in found]
        return [column for column in found[0] if all((column.name, column.type) in other for other in others)]

    @property
    def keys(self) -> list[str]:
        """The columns that say which row it is."""
        return names_of(DRAW_KEYS if self.task.row == DRAW else GEOMETRY_KEYS)

    @cached_property
    def inputs(self) -> list[str]:
        """Names of the input columns in the frames: numbers where a row is a draw, lists too where it is a geometry."""
        return [column.name for column in self.input_columns if self.task.row == GEOMETRY or not _is_list(column)]

    @cached_property
    def draw_lists(self) -> list[str]:
        """Names of the input columns in the frames that are lists, drawn anew for each row."""
        return [column.name for column in self._lists if column.role == COUPLING]

    @cached_property
    def geometry_lists(self) -> list[str]:
        """Names of the input columns of `geometries`: lists, stored once per geometry."""
        return [column.name for column in self._lists if column.role == FEATURE]

    @property
    def targets(self) -> list[str]:
        """Names of the columns to predict."""
        return list(self.task.target_columns)

    @cached_property
    def train(self) -> pl.DataFrame:
        """Rows to train on: keys, inputs, targets.

        Several datasets can have a polytope in common. What one of them tests on is left out of the others.
        """
        return self.rows("train")

    @cached_property
    def val(self) -> pl.DataFrame:
        """Rows to validate on, distributed as those to train on."""
        return self.rows("val")

    @cached_property
    def ood_val(self) -> pl.DataFrame:
        """Rows to validate on that are distributed as the test rows; none where the split has no such part."""
        return self.rows("ood_val")

    @cached_property
    def test(self) -> pl.DataFrame:
        """Rows to predict: keys and inputs, no targets."""
        return self.rows("test").drop(self.targets)

    @cached_property
    def geometries(self) -> pl.DataFrame:
        """The lists of every geometry of the split, one row each: dataset, geometry_id and `geometry_lists`."""
        return pl.concat(
            self.folder.rows(dataset, GEOMETRY, self.split, self.geometry_lists)
            .select(*names_of(GEOMETRY_KEYS), *self.geometry_lists)
            .sort("geometry_id")
            .collect()
            for dataset in self.datasets
        )

    def rows(self, part: str) -> pl.DataFrame:
        """Keys, inputs and targets of a part of the split."""
        inputs = [*self.inputs, *self.draw_lists]
        wanted = [*self.keys, *inputs, *self.targets]
        found = pl.concat(self.truth(dataset, part, inputs) for dataset in self.datasets)
        if part == "train" and len(self.datasets) > 1:
            found = found.join(self._tested_groups(), on="duplicate_group", how="anti", maintain_order="left")
        return found.select(wanted)

    def _tested_groups(self) -> pl.DataFrame:
        tested = [self.folder.rows(dataset, GEOMETRY, self.split, [], "test") for dataset in self.datasets]
        return pl.concat(rows.select("duplicate_group").unique() for rows in tested).collect()

    def truth(self, dataset: str, part: str, columns: Sequence[str] = ()) -> pl.DataFrame:
        """Keys, duplicate group, targets and further columns of the rows that take part, ordered by the keys."""
        there, targets = set(names_of(self.folder.columns[dataset])), self.task.target_columns
        computed = {name: value for name, value in targets.items() if set(value.meta.root_names()) <= there}
        takes_part = self.task.is_scored(sorted(there))
        reads = {name for value in computed.values() for name in value.meta.root_names()}
        reads |= {*columns, *takes_part.meta.root_names(), *targets} - (computed.keys() - there)
        reads -= {"duplicate_group", *self.keys}
        rows = self.folder.rows(dataset, self.task.row, self.split, sorted(reads), part)
        wanted = list(dict.fromkeys([*self.keys, "duplicate_group", *columns, *targets]))
        return rows.with_columns(**computed).filter(takes_part).select(wanted).sort(self.keys).collect()

    def evaluate(
        self,
        predictions,
        against=None,
        part: str = "test",
        n_resamples: int = 1000,
        seed: int = 0,
    ) -> dict:
        """Score predictions of a part.

        Parameters
        ----------
        predictions
            A parquet or CSV file; a frame of polars or pandas; a mapping from columns to arrays; or an array. Files, frames
            and mappings with the keys may hold the rows in any order, those without keys and arrays in the order of
            `test`. Their columns are those of `targets`; of classes also the probabilities p_<class>, of yes or no
            p_<target>.
        against
            Predictions of the same rows by another model; the report then holds the difference to their scores.
        part : str
            One of `vacuagym.schema.PARTS`.
        n_resamples, seed : int
            Of the bootstrap.

        Returns
        -------
        dict
            See `vacuagym.benchmark.scoring.evaluate`.

        Raises
        ------
        InputError
            Missing, unknown or doubled rows; values that are none; says which.
        """
        return scoring.evaluate(self, predictions, against, part_name(part), n_resamples, seed)

    def permuted(self, number: int) -> pl.DataFrame:
        """The test rows in one of `N_PERMUTATIONS` other forms of the same geometries, which have the same targets.

        Raises
        ------
        InputError
            The task has no such forms, or not so many.
        """
        if self.task.permute is None or not 0 <= number < N_PERMUTATIONS:
            expected = f"expected 0 to {N_PERMUTATIONS - 1}" if self.task.permute else "its inputs have one form"
            raise InputError(f"permutation {number} of {self.task.name}", expected)
        return self.task.permute(self.test, number)

    @property
    def _lists(self) -> list[Column]:
        return [column for column in self.input_columns if self.task.row == DRAW and _is_list(column)]


def _is_list(column: Column) -> bool:
    return column.type.startswith("list")


def tasks() -> Mapping[str, str]:
    """The tasks of the benchmark: name -> what is predicted from what."""
    return {name: task.text for name, task in TASKS.items()}


def datasets_of(task: Task, folder: Folder) -> list[str]:
    """The datasets of a folder that a task is about."""
    return [name for name, columns in folder.columns.items() if task.applies(folder.families[name], columns)]


def load_task(
    name: str, dataset: str | None = None, split: str = "iid", folder: str | Path = "results/release"
) -> LoadedTask:
    """Load a task of the benchmark from a release, or from the results of a run.

    Parameters
    ----------
    name : str
        One of `tasks`.
    dataset : str, optional
        By default all datasets that the task is about.
    split : str
        A split, or a published protocol.
    folder : str or Path

    Returns
    -------
    LoadedTask

    Raises
    ------
    InputError
        The task, dataset, split or folder is unknown; says what there is.
    """
    task, found = TASKS[name], open_folder(folder)
    known = datasets_of(task, found)
    if not known:
        raise InputError(f"task {name!r}", f"is about no dataset in {folder}; it has {', '.join(found.columns)}")
    if dataset is not None and dataset not in known:
        raise InputError(f"dataset {dataset!r}", f"is none of the task {name} in {folder}; it has {', '.join(known)}")
    loaded = LoadedTask(task, split, (dataset,) if dataset else tuple(known), found)
    held_out = SPLITS[split].holds_out if split in SPLITS else None
    if split not in found.splits():
        raise InputError(f"split {split!r}", f"is none of those in {folder}; it has {', '.join(found.splits())}")
    if held_out and not {held_out} < set(loaded.datasets):
        reason = (
            f"holds out all of {held_out}: load {name} without naming a dataset"
            if held_out in known
            else (f"holds out {held_out}, of which {name} knows nothing; it has {', '.join(known)}")
        )
        raise InputError(f"split {split!r}", reason)
    return loaded
