"""Parameters of label models: what the configuration may set, and within which limits."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from vacuagym.errors import InputError


class Parameter(NamedTuple):
    """One parameter of a model: a number, a range of two, or more than two weights; each within [minimum, maximum]."""

    default: Any
    minimum: float
    maximum: float
    meaning: str


def complete(name: str, parameters: Mapping[str, Parameter], given: Mapping | None) -> dict:
    """Complete the values of a model's parameters.

    Parameters
    ----------
    name : str
        The model's, for messages.
    parameters : mapping
        Its parameters by name.
    given : mapping, optional
        Values that replace the defaults.

    Returns
    -------
    dict
        The value of every parameter, in the order of ``parameters``.

    Raises
    ------
    InputError
        Unknown parameter, or a value of wrong length or out of range.
    """
    values = {key: parameter.default for key, parameter in parameters.items()}
    for key, value in (given or {}).items():
        where = f"config key model.parameters.{key}"
        if key not in parameters:
            raise InputError(where, f"{name} has no such parameter; it has {', '.join(parameters)}")
        values[key] = _checked(where, value, parameters[key])
    return values


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


def pack(parameters: Mapping[str, Any]) -> np.ndarray:
    """The values of a model's parameters one after another, float64, for compiled code.

    `offsets` says where each begins; the mapping has their order, as that of `complete` has.
    """
    return np.array([value for values in parameters.values() for value in np.ravel(values)], dtype=np.float64)


def offsets(parameters: Mapping[str, Parameter]) -> dict[str, int]:
    """Position of the first value of each parameter in the array of `pack`."""
    sizes = [np.size(parameter.default) for parameter in parameters.values()]
    return dict(zip(parameters, np.cumsum([0, *sizes[:-1]]).tolist(), strict=True))
