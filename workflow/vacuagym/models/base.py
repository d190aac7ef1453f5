"""What a label model is, and the guard around it: a geometry that cannot be labelled fails alone, with the reason."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import NamedTuple

import numpy as np

from vacuagym.geometry.family import Family
from vacuagym.models.parameters import Parameter, complete
from vacuagym.schema import CLASSES, COUPLING, Column
from vacuagym.tables.arrays import Columns, Ragged, concatenate, n_rows, no_values, take

NOT_FINITE = "the feature {} is not finite"


class Oracle(NamedTuple):
    """The quantities of which the label is a function, besides the couplings; no learner may see them."""

    names: tuple[str, ...]
    reads: Callable[[Family], tuple[str, ...]]  # columns of features and labels
    of: Callable[[Columns], np.ndarray]  # from these, one row per draw, to float64 (rows, names)


class Curve(NamedTuple):
    """The potential of one draw along a line, for a figure."""

    x: np.ndarray  # float64 (k,)
    value: np.ndarray  # float64 (k,)
    critical: np.ndarray  # float64 (n, 2), the critical points; some may lie outside of x


@dataclass(frozen=True, kw_only=True)
class LabelModel:
    """A label model: how it is called and described, its parameters and columns, and the module that labels.

    The module defines ``label(values, seed, family, features, draws, starts)``: from the parameters' values, the seed, the
    `Family`, and the columns `reads` of a batch of geometries to the columns `columns`, ``draws`` rows per geometry,
    ordered by geometry, then draw. A row may depend on nothing but the seed, the family, its own geometry and its own
    number. It may also define ``use_all()``, which uses whatever compiled code the examples of the families do not reach.
    The module is imported when it is first needed.

    A model with an oracle may have a module of figures, too. It defines functions of the oracle's columns, one row per draw:
    ``places`` to float64 (rows, 2), a point in a plane in which the classes lie apart; ``curves`` to a `Curve` each;
    ``margins`` to float64 (rows,), how far the class is from changing. NaN stands for what a row does not have. ``AXES``,
    ``CURVE_AXES`` (x and y) and ``MARGIN`` say in words what these are. All but curves are drawn on logarithmic axes.
    """

    name: str
    summary: str  # a phrase for lists of models; no full stop
    text: str  # what a label says; whole sentences
    toy_text: str  # what is toy about it; whole sentences
    classes: Mapping[str, str]  # what each of `vacuagym.schema.CLASSES` means here
    parameters: Mapping[str, Parameter]
    columns: tuple[Column, ...]  # of the label table; roles say which are couplings
    goal: Mapping[str, str | bool]  # values of columns: the rows that a search looks for
    goal_text: str  # what these are, a plural; no full stop
    reads: Callable[
        [Family], tuple[str, ...]
    ]  # the feature columns it reads of a family, geometry_id and geometry_key among them
    module: str
    oracle: Oracle | None = None  # what baselines show as a ceiling
    portrait: str = ""  # the module of figures
    min_certified_share: float = 0.99  # of the rows with a critical point, unless a configuration says otherwise
    document: str = ""  # path in the repository of the page that describes it
    bibliography: str = ""  # BibTeX of its sources

    @property
    def couplings(self) -> list[str]:
        """Names of the columns that are drawn: with the features, what a learner may see."""
        return [column.name for column in self.columns if column.role == COUPLING]


@dataclass(frozen=True)
class Labeller:
    """A label model with its settings, ready for batches of geometries.

    Parameters
    ----------
    model : LabelModel
    settings : mapping
        The key ``model`` of a configuration: name, draws, starts, parameters.
    seed : int
        0 <= seed < 2^64.
    """

    model: LabelModel
    settings: Mapping
    seed: int
    values: Mapping = field(init=False)

    def __post_init__(self):
        object.__setattr__(
            self, "values", complete(self.model.name, self.model.parameters, self.settings.get("parameters"))
        )

    @property
    def draws(self) -> int:
        """Draws of couplings per geometry."""
        return self.settings["draws"]

    def label(self, family: Family, features: Columns) -> dict:
        """Label a batch of geometries; those that cannot be labelled get rows of the class ``failed``, with the reason.

        These are geometries with a feature that is not finite, and geometries at which the model's arithmetic breaks down.

        Parameters
        ----------
        features : the columns ``model.reads(family)`` of the batch.

        Returns
        -------
        The columns ``model.columns``, ``draws`` rows per geometry, ordered by geometry, then draw; the dataset is that
        named as the family.
        """
        reasons = {
            row: NOT_FINITE.format(name)
            for name, column in features.items()
            if not isinstance(column, Ragged) and column.dtype.kind == "f"
            for row in np.flatnonzero(~np.isfinite(column)).tolist()
        }
        sound = np.setdiff1d(np.arange(n_rows(features)), list(reasons))
        parts = [self._failed(family, take(features, np.array([row])), reason) for row, reason in reasons.items()]
        parts += self._label(family, take(features, sound) if reasons else features)
        if len(parts) == 1:
            return parts[0]
        table = concatenate(parts)
        place = {int(geometry): row for row, geometry in enumerate(features["geometry_id"])}
        places = np.array([place[geometry] for geometry in table["geometry_id"].tolist()])
        return take(table, np.lexsort((table["sample"], places)))

    def _label(self, family: Family, features: Columns) -> list[dict]:
        """Tables that together hold the rows of the batch, which is halved until what breaks the arithmetic stands alone."""
        count = n_rows(features)
        if count == 0:
            return []
        label = import_module(self.model.module).label
        try:
            return [label(self.values, self.seed, family, features, self.draws, self.settings["starts"])]
        except (ArithmeticError, ValueError) as error:
            if count == 1:
                return [self._failed(family, features, f"the model's arithmetic broke down: {error}")]
        halves = np.array_split(np.arange(count), 2)
        return [part for half in halves for part in self._label(family, take(features, half))]

    def _failed(self, family: Family, features: Columns, reason: str) -> dict:
        """The failed rows of one geometry: numbers that there are not are NaN or 0, texts and lists empty."""
        known = {
            "dataset": np.full(self.draws, family.name),
            "geometry_id": np.repeat(features["geometry_id"], self.draws),
            "sample": np.arange(self.draws, dtype=np.int32),
            "stability": np.full(self.draws, "failed"),
            "vacuum_type": np.full(self.draws, "failed"),
            "failure_reason": np.full(self.draws, reason),
        }
        return {
            column.name: known.get(column.name, no_values(column.type, self.draws)) for column in self.model.columns
        }


def stability_shares(labels: Columns, draws: int) -> dict[str, np.ndarray]:
    """Share of each class among the draws of each geometry: the columns `vacuagym.schema.STABILITY_COLUMNS`.

    Parameters
    ----------
    labels : label rows, ``draws`` per geometry, ordered by geometry.
    """
    stability = labels["stability"].reshape(-1, draws)
    shares = {f"fraction_{name}": np.count_nonzero(stability == name, axis=1) / draws for name in CLASSES}
    keys = {name: labels[name][::draws] for name in ("dataset", "geometry_id")}
    return keys | {"n_draws": np.full(len(stability), draws, dtype=np.int32)} | shares
