"""The families of geometries, one sub-package or module each, which holds a record `FAMILY`."""

from collections.abc import Iterable

from vacuagym.registry import Registry

FAMILIES = Registry(
    "family",
    __name__,
    "FAMILY",
    "weight_systems",
    "cicy",
    "toric_bases",
)


def in_order(datasets: Iterable[str]) -> list[str]:
    """Names of datasets in a fixed order: those that are named as their family in the order of the families, then the rest."""
    names = set(datasets)
    return [*(name for name in FAMILIES if name in names), *sorted(names - FAMILIES.keys())]
