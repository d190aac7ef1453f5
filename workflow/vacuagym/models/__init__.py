"""The label models, one sub-package each, which holds a record `MODEL`."""

from collections.abc import Mapping

from vacuagym.models.base import Labeller
from vacuagym.registry import Registry

MODELS = Registry(
    "label model",
    __name__,
    "MODEL",
    "supergravity",
    "toy_eft",
    "kklt",
)


def labeller(settings: Mapping, seed: int) -> Labeller:
    """The labeller of a configuration.

    Parameters
    ----------
    settings : mapping
        The key ``model`` of the configuration: name, draws, starts, parameters.
    seed : int
        0 <= seed < 2^64.

    Returns
    -------
    Labeller
        The model with complete parameters.

    Raises
    ------
    InputError
        Unknown model or parameter, or a value of wrong length or out of range.
    """
    return Labeller(MODELS[settings["name"]], settings, seed)
