"""The tasks of the benchmark."""

from vacuagym.registry import Registry

TASKS = Registry(
    "task",
    __name__,
    "TASKS",
    "stability",
    "barrier",
    "kklt",
    "cicy",
    "weight_systems",
    "toric_bases",
)
