"""The families of geometries, one sub-package or module each, which holds a record `FAMILY`."""

from vacuagym.registry import Registry

FAMILIES = Registry(
    "family",
    __name__,
    "FAMILY",
    "weight_systems",
    "cicy",
    "toric_bases",
)
