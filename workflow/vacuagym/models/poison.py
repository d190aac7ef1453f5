"""Geometries whose features no model can work with: they fail with a reason, and spoil no other row."""

import numpy as np

from vacuagym.tables.columns import Column, Columns, Ragged, concatenate, n_rows, no_values, take

NOT_FINITE = "the feature {} is not finite"


def label_all(labeller, seed: int, dataset: str, features: Columns, n_draws: int, n_starts: int) -> dict:
    """Label a batch with a `vacuagym.models.Labeller`; geometries it cannot work with get rows of the class ``failed``.

    Those are geometries with a feature that is not finite, and geometries at which the model's arithmetic breaks down.
    Arguments and result are as of ``labeller.label``.
    """
    arguments = n_draws, n_starts
    reasons = {
        row: NOT_FINITE.format(name)
        for name, column in features.items()
        if not isinstance(column, Ragged) and column.dtype.kind == "f"
        for row in np.flatnonzero(~np.isfinite(column)).tolist()
    }
    sound = np.array([row for row in range(n_rows(features)) if row not in reasons], dtype=np.int64)
    parts = [
        _failed(labeller.columns, dataset, take(features, np.array([row])), n_draws, reasons[row]) for row in reasons
    ]
    parts += _label(labeller, seed, dataset, take(features, sound) if reasons else features, *arguments)
    if len(parts) == 1:
        return parts[0]
    table = concatenate(parts)
    place = {int(geometry): row for row, geometry in enumerate(features["geometry_id"])}
    places = np.array([place[geometry] for geometry in table["geometry_id"].tolist()])
    return take(table, np.lexsort((table["sample"], places)))


def _label(labeller, seed, dataset, features, n_draws, n_starts) -> list[dict]:
    """Tables that together hold the rows of the batch, which is halved until what breaks the arithmetic stands alone."""
    count = n_rows(features)
    if count == 0:
        return []
    try:
        return [labeller.label(seed, dataset, features, n_draws, n_starts)]
    except ArithmeticError as error:
        if count == 1:
            reason = f"the model's arithmetic broke down: {error}"
            return [_failed(labeller.columns, dataset, features, n_draws, reason)]
    halves = np.array_split(np.arange(count), 2)
    return [
        part for half in halves for part in _label(labeller, seed, dataset, take(features, half), n_draws, n_starts)
    ]


def _failed(columns: tuple[Column, ...], dataset: str, features: Columns, n_draws: int, reason: str) -> dict:
    """The failed rows of one geometry: numbers that there are not are NaN or 0, texts and lists empty."""
    known = {
        "dataset": np.full(n_draws, dataset),
        "geometry_id": np.repeat(features["geometry_id"], n_draws),
        "sample": np.arange(n_draws, dtype=np.int32),
        "stability": np.full(n_draws, "failed"),
        "vacuum_type": np.full(n_draws, "failed"),
        "failure_reason": np.full(n_draws, reason),
    }
    return {column.name: known.get(column.name, no_values(column.type, n_draws)) for column in columns}
