"""Records by name: the families, splits, tasks, label models and baselines there are."""

from importlib import import_module

from vacuagym.errors import InputError


class Registry(dict):
    """Records by their names, in the order of registration; an unknown name is an `InputError` that lists the known ones.

    Parameters
    ----------
    kind : str
        What the records are, as in "split".
    package : str
        The package that holds the modules.
    attribute : str
        What each module calls its record, or its tuple of records.
    modules : str
        Names of the modules.
    """

    def __init__(self, kind: str, package: str, attribute: str, *modules: str):
        self.kind = kind
        for module in modules:
            found = getattr(import_module(f"{package}.{module}"), attribute)
            for record in found if isinstance(found, tuple) else (found,):
                if record.name in self:
                    raise ValueError(f"there are two records of the {kind} {record.name}")
                self[record.name] = record

    def __missing__(self, name: str):
        raise InputError(f"{self.kind} {name!r}", f"is unknown; known are {', '.join(self)}")
