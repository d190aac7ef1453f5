"""The three families of geometries, one module each: generate, read the published list, compute exact features."""

from importlib import import_module
from types import ModuleType

# How many geometries each dataset holds; known before a run, so that the DAG is static.
COUNTS = {"ks": 201_230, "cicy3": 7_890, "fth6d": 61_539}

_MODULES = {"ks": "weight_systems", "cicy3": "cicy", "fth6d": "toric_bases"}


def family(dataset: str) -> ModuleType:
    """The module of a dataset; imported on demand, so that only what is used is loaded."""
    return import_module(f"{__name__}.{_MODULES[dataset]}")
