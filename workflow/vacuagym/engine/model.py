"""What a label model is: a module that says what to minimise. The engine knows nothing else about it."""

from typing import Any, NamedTuple


class Parameter(NamedTuple):
    """One parameter of a model: a number, or a tuple of numbers, each within [minimum, maximum]."""

    default: Any
    minimum: float
    maximum: float
    meaning: str
