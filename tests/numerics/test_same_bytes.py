"""The label table has the same bytes on processors of different age."""

import subprocess
import sys

import numpy as np
import pytest

from vacuagym.geometry import FAMILIES
from vacuagym.models import labeller
from vacuagym.tables.arrays import content_sha256, n_rows

N_GEOMETRIES = 150


def table_hash(name: str) -> str:
    """Of the labels of made-up geometries by the toy model, or of the examples of all families by another."""
    model, digests = labeller({"name": name, "draws": 2, "starts": 3}, 7), []
    for family in FAMILIES.values():
        if name == "toy_eft":
            ids = np.arange(N_GEOMETRIES)
            features = {"geometry_id": ids, "geometry_key": ids, "n_moduli": 1 + ids % 17}
        else:
            features = family.functions.features(family.example)
            features |= {"geometry_id": np.arange(n_rows(features))}
        table = model.label(family, {column: features[column] for column in model.model.reads(family)})
        digests.append(content_sha256({column: values for column, values in table.items() if column != "dataset"}))
        if name == "toy_eft":
            break
    return " ".join(digests)


@pytest.mark.parametrize("model", ["toy_eft", pytest.param("supergravity", marks=pytest.mark.slow)])
def test_code_for_a_generic_processor_gives_the_same_bytes(model, generic_processor):
    script = f"import runpy; print(runpy.run_path({__file__!r})['table_hash']({model!r}))"
    run = subprocess.run([sys.executable, "-c", script], env=generic_processor, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == table_hash(model).split()
