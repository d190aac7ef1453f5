"""More than ten thousand broken configurations and lists: each is taken as it should be, or refused with a clear error."""

import copy
import gzip
import os
import random
import time
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vacuagym.config import read_config
from vacuagym.errors import InputError
from vacuagym.geometry import FAMILIES
from vacuagym.geometry.cicy import threefolds as cicy
from vacuagym.geometry.lists import read_text
from vacuagym.geometry.run_order import shard_ranges
from vacuagym.geometry.toric_bases import bases as toric_bases
from vacuagym.geometry.weight_systems import systems as weight_systems
from vacuagym.models import MODELS
from vacuagym.models.parameters import complete
from vacuagym.recipes import geometries_of
from vacuagym.tables.arrays import content_sha256

pytestmark = pytest.mark.slow
DEFAULT = yaml.safe_load((Path(__file__).parents[2] / "config" / "config.yaml").read_text())
many = settings(deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))

NUMBERS = st.one_of(
    st.integers(), st.floats(), st.booleans(), st.sampled_from([0, 1, -1, 2**31, 2**63, 2**63 - 1, 10**400, 1.0, 20.0])
)
TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["null", "20", "2.5", "1e999", "generate", "0x_", "2026-99-99", "[" * 3000, "&a [*a]", "\0", "a" * 5000]
    ),
    st.sampled_from([".", "/", "/dev/null", "supergravity", "toy_eft", "yes", "1:60", "!!python/none", "9" * 6000]),
)
VALUES = st.recursive(
    st.none() | NUMBERS | TEXTS | st.binary(max_size=5) | st.dates(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=4),
    max_leaves=6,
)


def places_of(config, path=()):
    """Every place of a nested mapping."""
    for key, value in config.items():
        yield (*path, key)
        if isinstance(value, dict):
            yield from places_of(value, (*path, key))


def mutated(config, path, action, value):
    config = copy.deepcopy(config)
    owner = config
    for key in path[:-1]:
        owner = owner[key]
    if action == "delete":
        del owner[path[-1]]
    elif action == "rename":
        owner[value if isinstance(value, str | int | None) else "other"] = owner.pop(path[-1])
    else:
        owner[path[-1]] = value
    return config


def is_valid(config):
    """What config/README.md says, in other words than the schema's."""

    def whole(value, low, high):
        return type(value) is int and low <= value <= high

    resources, model = config["resources"], config["model"]
    return (
        set(config) == set(DEFAULT)
        and all(limit is None or whole(limit, 1, np.inf) for limit in limits_of(config).values())
        and whole(config["seed"], 0, 2**63 - 1)
        and whole(config["shard_rows"], 1, 10**6)
        and any(config["datasets"].values())
        and set(config["datasets"]) <= set(FAMILIES)
        and all(
            value is None
            or (value.keys() == {"family", "source"} and value["family"] == name)
            and (value["source"] == "generate" or os.path.exists(value["source"]))
            for name, value in config["datasets"].items()
        )
        and {"name", "draws", "starts"} <= set(model) <= set(DEFAULT["model"])
        and model["name"] in ("supergravity", "toy_eft")
        and whole(model["draws"], 1, 1000)
        and whole(model["starts"], 1, 100)
        and set(resources) == set(DEFAULT["resources"])
        and all(set(value) == {"threads", "mem_mb"} for value in resources.values())
        and all(whole(value["threads"], 1, 256) and whole(value["mem_mb"], 50, np.inf) for value in resources.values())
    )


def limits_of(config):
    """The limit of every dataset of a run."""
    names = [name for name, settings in config["datasets"].items() if settings]
    limit = config["n_limit"]
    return {name: limit[name] if isinstance(limit, dict) else limit for name in names}


def try_config(config):
    try:
        result = read_config(config)
    except InputError as error:
        assert len(str(error)) < 5000 and "config" in str(error)
        return
    assert is_valid(result)
    for dataset, limit in limits_of(result).items():
        rows = FAMILIES[dataset].count if limit is None else min(limit, FAMILIES[dataset].count)
        assert geometries_of(result, dataset) == rows
        if rows / result["shard_rows"] < 100:
            assert shard_ranges(rows, result["shard_rows"])[-1][1] == rows


@given(st.sampled_from(list(places_of(DEFAULT))), st.sampled_from(["set", "set", "delete", "rename"]), VALUES)
@settings(many, max_examples=4000)
def test_configurations_with_one_change(path, action, value):
    try_config(mutated(DEFAULT, path, action, value))


@given(st.dictionaries(st.sampled_from(sorted(DEFAULT)) | st.text(max_size=5) | st.integers(), VALUES, max_size=8))
@settings(many, max_examples=1500)
def test_configurations_of_anything(config):
    try_config(DEFAULT | config)
    try_config(config)


@pytest.mark.parametrize("name", ["supergravity", "toy_eft"])
def test_parameters_of_models(name):
    parameters = MODELS[name].parameters

    @given(st.sampled_from(sorted(parameters)) | st.text(max_size=5), VALUES | st.lists(st.floats(-2, 200), max_size=4))
    @settings(many, max_examples=750)
    def one(key, value):
        try:
            values = complete(name, parameters, {key: value})
        except InputError as error:
            assert "config key model.parameters" in str(error)
            return
        numbers, parameter = np.asarray(values[key], dtype=float), parameters[key]
        assert numbers.shape == np.shape(parameter.default) and np.isfinite(numbers).all()
        assert (numbers >= parameter.minimum).all() and (numbers <= parameter.maximum).all()
        assert np.array_equal(numbers, np.asarray(value, dtype=float))

    one()


def broken(random, text):
    """A text with one to three small changes, as a bad disk, a bad download or a bad editor makes them."""
    for _ in range(random.randint(1, 3)):
        text = broken_once(random, text)
    return text


def broken_once(random, text):
    place = random.randrange(len(text) + 1)
    stop = min(len(text), place + random.choice([1, 1, 1, 2, 5, 40]))
    before, within, after = text[:place], text[place:stop], text[stop:]
    lines = text.splitlines(keepends=True)
    return random.choice(
        [
            before + after,
            before + random.choice("0123456789-,{}. \n\t:;x") + after,
            before + random.choice(["\0", "é", "99", "9" * 5000, "{{", "*)", "(*", "\r\n", "1e3"]) + within + after,
            before + within * 2 + after,
            before,
            within + after,
            "".join(random.sample(lines, len(lines))),
            "".join(lines[:-1]),
            text.replace("1", "2", 3),
        ]
    )


def head(path, lines):
    text = read_text(path)
    return "".join(text.splitlines(keepends=True)[:lines])


def must_refuse(read, path, text):
    path.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)
    start = time.process_time()
    with pytest.raises(InputError) as error:
        read(path)
    assert str(path) in str(error.value) and len(str(error.value)) < 2000
    assert time.process_time() - start < 10


@pytest.mark.parametrize("kind", range(5))
def test_broken_lists_of_weight_systems(lists, tmp_path, kind):
    (source,) = lists.glob(f"{weight_systems.KINDS[kind]}.ip*")
    count = min(40, weight_systems.KIND_COUNTS[kind] - 5)
    text, random_ = head(source, count), random.Random(kind)
    for _ in range(240):
        must_refuse(lambda path: weight_systems._read_kind(path, kind), tmp_path / "list.ip", broken(random_, text))


def test_broken_lists_of_configurations(lists, tmp_path):
    text, random_ = head(lists / "cicylist.txt.gz", 120), random.Random(5)
    for _ in range(1200):
        must_refuse(cicy.read, tmp_path / "cicylist.txt", broken(random_, text))


def test_broken_lists_of_bases(lists, tmp_path, monkeypatch):
    monkeypatch.setattr(toric_bases, "generate", cache(toric_bases.generate))
    text, random_ = head(lists / "toric-bases.m.gz", 40), random.Random(6)
    for _ in range(1200):
        must_refuse(toric_bases.read, tmp_path / "toric-bases.m", broken(random_, text))


def test_broken_compressed_lists(lists, tmp_path):
    random_ = random.Random(7)
    packed = gzip.compress(head(lists / "cicylist.txt.gz", 120).encode())
    for _ in range(600):
        place = random_.randrange(2, len(packed))
        bad = bytearray(packed)
        bad[place] ^= 1 << random_.randrange(8)
        must_refuse(cicy.read, tmp_path / "cicylist.txt.gz", bytes(bad) if random_.random() < 0.7 else packed[:place])


@pytest.mark.parametrize(("name", "family"), [("cicylist.txt.gz", cicy), ("toric-bases.m.gz", toric_bases)])
def test_a_whole_list_with_one_change_is_refused_or_holds_the_same_geometries(lists, tmp_path, name, family):
    text, good = read_text(lists / name), content_sha256(family.generate())
    random_, path, refused = random.Random(8), tmp_path / "list", 0
    for _ in range(8):
        place = random_.randrange(len(text))
        digit = random_.choice("0123456789, ")
        path.write_text(text[:place] + digit + text[place + 1 :])
        try:
            assert content_sha256(family.read(path)) == good
        except InputError:
            refused += 1
    assert refused
