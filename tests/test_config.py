"""The configuration's schema, its messages, and its documentation."""

import copy
import re
from pathlib import Path

import pytest
import yaml

from vacuagym.config import SCHEMA, checked
from vacuagym.errors import InputError

ROOT = Path(__file__).parents[1]
DEFAULT = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())


def changed(**keys):
    return copy.deepcopy(DEFAULT) | keys


def test_the_default_configuration_is_valid():
    assert checked(DEFAULT) == DEFAULT


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (changed(n_limt=20), ["'n_limt'", "n_limit, seed, shard_rows"]),
        (changed(n_limit=0), ["'n_limit' is 0", "at least 1"]),
        (changed(n_limit=-3), ["'n_limit' is -3", "at least 1"]),
        (changed(n_limit="abc"), ["'n_limit' is 'abc'", "at least 1"]),
        (changed(n_limit=2.5), ["'n_limit' is 2.5"]),
        (changed(n_limit=True), ["'n_limit' is True"]),
        (changed(n_limit=20.0), ["'n_limit' is 20.0"]),
        (changed(n_limit=""), ["'n_limit' is ''"]),
        (changed(datasets={"ks": {"source": "x" * 10_000}}), ["does not exist"]),
        (changed(shard_rows=None), ["'shard_rows' is None"]),
        (changed(seed=-1), ["'seed' is -1"]),
        (changed(model={"name": "toy", "draws": 3, "starts": 3}), ["'model.name' is 'toy'", "toy_eft"]),
        (changed(model={"name": "toy_eft", "draw": 3, "starts": 3}), ["'model.draw'", "name, draws, starts"]),
        (changed(datasets={"kss": {"source": "generate"}}), ["'datasets.kss'", "ks, cicy3, fth6d"]),
        (changed(datasets={"ks": None}), ["every dataset"]),
        (changed(datasets={"ks": {"source": "/no/such/folder"}}), ["datasets.ks.source", "/no/such/folder"]),
        (changed(splits={"ood_hodge": DEFAULT["splits"]["ood_hodge"]}), ["'splits' lacks ood_complexity"]),
        (changed(baselines={"train_rows": 0, "seeds": 5}), ["'baselines.train_rows' is 0", "from 1 to 1000000"]),
        (changed(resources={}), ["lacks build_geometries"]),
    ],
)
def test_bad_values_are_named(config, expected):
    with pytest.raises(InputError) as error:
        checked(config)
    for text in expected:
        assert text in str(error.value)


def test_values_from_a_command_line_are_typed():
    config = checked(changed(n_limit="null", datasets={"ks": "null", "fth6d": {"source": "generate"}}))
    assert config["n_limit"] is None and config["datasets"]["ks"] is None
    assert checked(changed(n_limit=10**9))["n_limit"] == 10**9


def keys_of(schema, definitions, prefix=""):
    """Dotted names of every key of a schema, but those below $defs, which the documentation explains once."""
    for name, entry in schema.get("properties", {}).items():
        yield prefix + name
        if "$ref" not in entry:
            yield from keys_of(entry, definitions, f"{prefix}{name}.")


def test_every_key_is_documented_and_no_other():
    schema = yaml.safe_load(SCHEMA.read_text())
    documented = re.findall(r"^\| `([\w.]+)` \|", (ROOT / "config" / "README.md").read_text(), re.MULTILINE)
    assert sorted(documented) == sorted(keys_of(schema, schema["$defs"]))


def test_every_documented_resource_is_a_rule():
    rules = set()
    for file in (ROOT / "workflow" / "rules").glob("*.smk"):
        rules |= set(re.findall(r"^rule (\w+):", file.read_text(), re.MULTILINE))
    assert rules == set(DEFAULT["resources"])
