"""The label models, one module or sub-package each.

A model defines ``PARAMETERS``, ``CLASSES``, ``COUPLINGS``, ``reads(dataset)``, ``label_columns()`` and ``label(parameters,
seed, dataset, features, n_draws, n_starts)``, see `vacuagym.models.supergravity`; or, as `vacuagym.models.toy_eft`, what
`vacuagym.engine.model` lists, and the engine searches for its critical points.
"""

import importlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from vacuagym.errors import InputError
from vacuagym.tables.columns import Column

# name in the configuration: (module, what differs from the module's defaults)
_MODELS = {
    "supergravity": ("supergravity", None),
    "toy_eft": ("toy_eft", None),
    "toy_eft_legacy": ("toy_eft", "LEGACY"),
}
NAMES = tuple(_MODELS)

_ROLES = dict.fromkeys(("dataset", "geometry_id", "sample"), "key")
_ROLES |= dict.fromkeys(("n_moduli", "n_fields", "is_truncated", "divisor_euler_numbers"), "feature")


class Labeller(NamedTuple):
    """A label model with its parameters, ready for batches of geometries."""

    reads: Callable  # dataset -> names of the feature columns it reads, geometry_id among them
    columns: tuple[Column, ...]  # data dictionary of its label table
    couplings: tuple[str, ...]  # those of the columns that are drawn: inputs of a learner; no other is, see `role`
    label: Callable  # (seed, dataset, features, n_draws, n_starts) -> the columns, n_draws rows a geometry


def labeller(name: str, parameters: dict | None = None) -> Labeller:
    """The labeller of a model of the configuration; arguments and errors as of `resolve`."""
    from vacuagym import engine

    model, values = resolve(name, parameters)
    if hasattr(model, "label"):
        return Labeller(model.reads, model.label_columns(), model.COUPLINGS, partial(model.label, values))
    return Labeller(
        lambda dataset: ("geometry_id", *model.READS),
        engine.label_columns(model),
        ("regime", *(column.name for column in model.COUPLINGS)),
        partial(engine.label, model, values),
    )


def role(column: str, couplings: Sequence[str]) -> str:
    """What a column of a label table is to a learner: ``key``, ``feature`` (of the geometry), ``coupling`` or ``outcome``."""
    if column in couplings:
        return "coupling"
    return _ROLES.get(column, "outcome")


def resolve(name: str, parameters: dict | None = None):
    """The module of a label model and its complete parameters.

    Parameters
    ----------
    name : one of NAMES.
    parameters : values that replace the model's own; keys and ranges as in the model's PARAMETERS.

    Raises
    ------
    InputError : unknown model, unknown parameter, or a value of wrong length or out of range.
    """
    if name not in _MODELS:
        raise InputError("config key model.name", f"{name!r} is not a label model; expected one of {', '.join(NAMES)}")
    module_name, preset = _MODELS[name]
    model = importlib.import_module(f"vacuagym.models.{module_name}")
    values = {key: parameter.default for key, parameter in model.PARAMETERS.items()}
    values |= getattr(model, preset) if preset else {}
    for key, value in (parameters or {}).items():
        where = f"config key model.parameters.{key}"
        if key not in model.PARAMETERS:
            raise InputError(where, f"{name} has no such parameter; it has {', '.join(model.PARAMETERS)}")
        values[key] = _checked(where, value, model.PARAMETERS[key])
    return model, values


def _checked(where, value, parameter):
    size = np.size(parameter.default)
    expected = f"{size} numbers" if np.ndim(parameter.default) else "a number"
    expected += f" within [{parameter.minimum:g}, {parameter.maximum:g}] ({parameter.meaning})"
    try:
        numbers = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(where, f"is {value!r}, expected {expected}") from error
    good = numbers.shape == np.shape(parameter.default) and not isinstance(value, bool)
    if isinstance(parameter.default, int):
        good, expected = good and numbers == np.rint(numbers), f"a whole number, {expected.removeprefix('a number ')}"
    if not good or not np.all((numbers >= parameter.minimum) & (numbers <= parameter.maximum)):
        raise InputError(where, f"is {value!r}, expected {expected}")
    if size == 2 and numbers[0] > numbers[1]:
        raise InputError(where, f"is {value!r}, a range whose lower end is above the upper; expected {expected}")
    if size > 2 and not numbers.any():
        raise InputError(where, f"is {value!r}, weights of which none is above 0; expected {expected}")
    return tuple(numbers.tolist()) if np.ndim(parameter.default) else type(parameter.default)(value)
