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
    "reflexive",
)


COMPLETE_FAMILIES = {
    name: family for name, family in FAMILIES.items() if family.count
}  # all of whose geometries are known


def is_own(dataset: str, family: str) -> bool:
    """Whether a dataset is the user's own, of any geometries of a family, and not the complete list of that family."""
    return dataset != family or FAMILIES[family].count is None


def in_order(datasets: Iterable[str]) -> list[str]:
    """Names of datasets in a fixed order: those that are named as their family in the order of the families, then the rest."""
    names = set(datasets)
    return [*(name for name in FAMILIES if name in names), *sorted(names - FAMILIES.keys())]
