"""Registries of records."""

import pytest

from vacuagym.benchmark.baselines import BASELINES
from vacuagym.benchmark.splits import PROTOCOLS, SPLITS
from vacuagym.benchmark.tasks import TASKS
from vacuagym.errors import InputError
from vacuagym.geometry import FAMILIES
from vacuagym.models import MODELS
from vacuagym.registry import Registry

REGISTRIES = (FAMILIES, SPLITS, PROTOCOLS, TASKS, MODELS, BASELINES)


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.kind)
def test_an_unknown_name_is_an_error_that_lists_the_known_ones(registry):
    with pytest.raises(InputError) as error:
        registry["nonesuch"]
    assert f"{registry.kind} 'nonesuch'" in str(error.value)
    assert all(name in str(error.value) for name in registry)


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.kind)
def test_records_know_their_names(registry):
    assert registry and all(record.name == name for name, record in registry.items())


def test_a_name_is_registered_once():
    with pytest.raises(ValueError, match="two records of the family ks"):
        Registry("family", "vacuagym.geometry", "FAMILY", "weight_systems", "weight_systems")
