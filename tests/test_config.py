"""The configuration's schema, its messages, and its documentation."""

import copy
import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from vacuagym import config as configuration
from vacuagym.config import read_config
from vacuagym.errors import InputError
from vacuagym.geometry import FAMILIES
from vacuagym.models import MODELS
from vacuagym.recipes import datasets_of

ROOT = Path(__file__).parents[1]
DEFAULT = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
COMPLETE = DEFAULT | {
    "datasets": {name: {"family": name} | keys for name, keys in DEFAULT["datasets"].items()},
    "validation": DEFAULT["validation"] | {"min_certified_share": 0.99},
}


def changed(**keys):
    return copy.deepcopy(DEFAULT) | keys


def test_the_default_configuration_is_valid():
    assert read_config() == read_config(DEFAULT) == read_config(COMPLETE) == COMPLETE


def test_the_label_model_says_what_must_be_certified():
    kklt = {"model": {"name": "kklt"}, "datasets": {"cicy3": None}}
    assert read_config(kklt)["validation"]["min_certified_share"] == MODELS["kklt"].min_certified_share < 0.99
    given = kklt | {"validation": {"min_certified_share": 0.9}}
    assert read_config(given)["validation"]["min_certified_share"] == 0.9


def test_a_label_model_that_does_not_apply_to_a_dataset_is_refused():
    with pytest.raises(InputError, match="label model kklt: does not apply to the family cicy3"):
        read_config({"model": {"name": "kklt"}})


def test_a_file_says_what_differs_and_the_last_one_counts(tmp_path):
    """Sections are merged key by key, n_limit is replaced as a whole, and a file that is not there says nothing."""
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text("n_limit: {ks: 5, cicy3: null, fth6d: 7}\nbaselines: {seeds: 2}\ndatasets: {cicy3: null}\n")
    second.write_text("n_limit: 20\nbaselines: {train_rows: [50]}\n")
    config = read_config(first, tmp_path / "missing.yaml", second)
    assert config["n_limit"] == 20 and config["datasets"]["cicy3"] is None
    assert config["baselines"] == DEFAULT["baselines"] | {"train_rows": [50], "seeds": 2}
    assert config["datasets"]["ks"] == {"family": "ks", "source": "generate"}
    assert read_config(first)["n_limit"] == {"ks": 5, "cicy3": None, "fth6d": 7}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"n_limit: [", "is not YAML: "),
        (b"- 5\n", "is ['5'], expected keys"),
        (b"seed\n", "is 'seed', expected keys"),
        (b"baselines:\n\tseeds: 3\n", "line 2, column 1"),
        (b"seed: 5\nn_limit: 20\nn_limit: 30\n", "found the key n_limit twice"),
        (b"baselines: {seeds: 5, seeds: 5}\n", "found the key seeds twice"),
        (b"seed: 5\n---\nseed: 6\n", "is not YAML: "),
        (b"[seed]: 5\n", "is not YAML: "),
        (b"seed: 5 # caf\xe9\n", "is not YAML: "),
    ],
)
def test_a_file_that_is_no_configuration_is_named(tmp_path, data, expected):
    path = tmp_path / "mine.yaml"
    path.write_bytes(data)
    with pytest.raises(InputError) as error:
        read_config(path)
    assert str(error.value).startswith(f"{path}: ") and expected in str(error.value)
    assert "\n" not in str(error.value)


def test_a_configuration_that_cannot_be_opened_is_named(tmp_path):
    (tmp_path / "link.yaml").symlink_to(tmp_path / "gone.yaml")
    for path in (tmp_path, tmp_path / "link.yaml"):
        with pytest.raises(InputError, match=f"{path}: cannot be read"):
            read_config(path)


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfn_limit: 1000\n",
        b"n_limit: 1000\r\n\r\nseed: 20260101",
        b"n_limit: 1000  \rseed: 20260101\r",
        "n_limit: 1000\n".encode("utf-16"),
        b"n_limit: '1000'\n",
        b"n_limit: 1_000\n",
        b"n_limit: 01000\n",  # which YAML itself takes for 512
        b"validation: {max_grad_norm: 1e-6}\n",
        b"",
        b"# nothing\n",
    ],
)
def test_traces_of_editors_and_ways_to_write_a_number_change_nothing(tmp_path, data):
    (tmp_path / "mine.yaml").write_bytes(data)
    assert read_config(tmp_path / "mine.yaml") == COMPLETE


@pytest.mark.parametrize(
    "text",
    ["n_limit:", "n_limit: ~", "n_limit: 1e3", "n_limit: true", "n_limit: 1:30", "n_limit: 0x10", "n_limit: 1,000",
     "n_limit: 2024-01-01", "n_limit: None", "n_limit: {ks: , cicy3: 1, fth6d: 1}", "seed: 9223372036854775808",
     f"seed: {'9' * 30}", "seed: .nan", "baselines:", "datasets: {ks: }", "model: {parameters: }",
     "splits: {ood_euler: {ks: }}", "validation: {max_failed_share: .inf}"],
)  # fmt: skip
def test_what_is_no_value_is_refused_in_a_file(tmp_path, text):
    """No value is not null, and a text is only the number that it looks like."""
    (tmp_path / "mine.yaml").write_text(f"{text}\n")
    with pytest.raises(InputError, match=rf"^config: key '{text.split(':')[0]}[a-z0-9_.]*' is .*, expected "):
        read_config(tmp_path / "mine.yaml")


def test_a_source_is_a_path_with_the_home_folder_and_without_braces(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "bases.m").touch()
    config = read_config({"datasets": {"fth6d": {"source": "~/bases.m"}}})
    assert config["datasets"]["fth6d"]["source"] == str(tmp_path / "bases.m")
    for dataset, source, expected in [
        ("fth6d", "~", "is a folder, not a file; expected generate, or the list toric-bases.m (plain or compressed)"),
        ("ks", "~/bases.m", f"is a file, not a folder (perhaps {tmp_path} is meant); expected generate, or the folder"),
        ("fth6d", "{lists}/bases.m", "holds a brace, which Snakemake takes for a wildcard"),
        ("fth6d", "bases\0.m", "does not exist"),
    ]:
        with pytest.raises(InputError) as error:
            read_config({"datasets": {dataset: {"source": source}}})
        assert error.value.where == f"config key datasets.{dataset}.source" and expected in error.value.reason


def test_limits_name_every_dataset_of_the_run():
    with pytest.raises(InputError, match="config key n_limit: names no limit of fth6d"):
        read_config({"n_limit": {"ks": 5, "cicy3": None}})
    config = read_config({"n_limit": {"ks": 5}, "datasets": {"cicy3": None, "fth6d": None}})
    assert config["n_limit"]["ks"] == 5


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (changed(n_limt=20), ["'n_limt'", "n_limit, seed, shard_rows"]),
        (changed() | {5: 20}, ["unknown key '5'", "n_limit, seed, shard_rows"]),
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
        (changed(datasets={"kss": {"source": "generate"}}), ["'datasets.kss' lacks family", "ks, cicy3, fth6d"]),
        (changed(datasets={"ks": {"family": "cicy3", "source": "x"}}), ["'datasets.ks.family' is 'cicy3'"]),
        (
            changed(datasets={"mine": {"family": "cicy", "source": "x"}}),
            ["'datasets.mine.family' is 'cicy'", "expected one of ks, cicy3, fth6d, polytopes"],
        ),
        (changed(datasets={"mine": {"family": "cicy3", "sauce": "x"}}), ["'datasets.mine.sauce'", "family, source"]),
        (changed(datasets={"mine": "x"}), ["'datasets.mine' is 'x'", "family: …"]),
        (
            changed(datasets={"Mine": {"family": "cicy3", "source": "x"}}),
            ["datasets.Mine: is no name", "small letters"],
        ),
        (changed(datasets={"splits": {"family": "cicy3", "source": "x"}}), ["datasets.splits: is no name"]),
        (changed(datasets={"mine": {"family": "cicy3", "source": "generate"}}), ["datasets.mine.source", "'generate'"]),
        (changed(splits={"ood_euler": {"mine": 4}}), ["'splits.ood_euler.mine'", "ks, cicy3, fth6d"]),
        (changed(datasets=dict.fromkeys(FAMILIES)), ["every dataset"]),
        (changed(datasets={"ks": "generate"}), ["'datasets.ks' is 'generate'", "{source: …}"]),
        (changed(validation={"max_failed_share": 2}), ["'validation.max_failed_share' is 2", "from 0 to 1"]),
        (changed(datasets={"ks": {"source": "/no/such/folder"}}), ["datasets.ks.source", "/no/such/folder"]),
        (changed(splits={"ood_euler": {"ks": 0}}), ["'splits.ood_euler.ks' is 0", "at least 1"]),
        (changed(n_limit={"ks": 5, "cicy": 3}), ["'n_limit.cicy'", "ks, cicy3, fth6d"]),
        (changed(n_limit={"ks": 0, "cicy3": 3, "fth6d": 1}), ["'n_limit.ks' is 0", "at least 1"]),
        (changed(n_limit=[5]), ["'n_limit' is [5]"]),
        (changed(baselines={"train_rows": [50, 0]}), ["'baselines.train_rows' is [50, 0]", "from 1 to 1000000"]),
        (changed(baselines={"train_rows": []}), ["'baselines.train_rows' is []", "a list of integers"]),
        (changed(resources={"label_vacua": {"threads": 0}}), ["'resources.label_vacua.threads' is 0", "mem_mb: …"]),
        (changed(resources={"label_vacua": 5}), ["'resources.label_vacua' is 5", "mem_mb: …"]),
        ("n_limit: 5", ["config: is 'n_limit: 5', expected keys"]),
    ],
)
def test_bad_values_are_named(config, expected):
    with pytest.raises(InputError) as error:
        read_config(config)
    for text in expected:
        assert text in str(error.value)


def test_values_from_a_command_line_are_typed():
    config = read_config(changed(n_limit="null", datasets={"ks": "null", "fth6d": {"source": "generate"}}))
    assert config["n_limit"] is None and config["datasets"]["ks"] is None
    assert read_config(changed(n_limit=10**9))["n_limit"] == 10**9


def test_what_follows_from_the_types_is_in_step():
    """`make config` writes these files."""
    assert configuration.CONFIG.read_text(encoding="utf-8") == configuration.defaults_text()
    assert configuration.SCHEMA.read_text(encoding="utf-8") == configuration.schema_text()
    readme = configuration.README.read_text(encoding="utf-8")
    assert readme == configuration.readme_text(readme)
    assert re.findall(r"^\| `(n_limit|resources.verify)` \|", readme, re.MULTILINE) == ["n_limit", "resources.verify"]


def test_the_schema_takes_the_defaults_and_refuses_what_the_types_refuse():
    schema = json.loads(configuration.schema_text())
    jsonschema.validate(DEFAULT, schema)
    for bad in (changed(n_limit=0), changed(n_limt=20), changed(shard_rows="x")):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, schema)


def test_every_documented_resource_is_a_rule():
    rules = set()
    for file in (ROOT / "workflow" / "rules").glob("*.smk"):
        rules |= set(re.findall(r"mem_mb_of\(\"(\w+)\"\)", file.read_text()))
    assert rules == set(DEFAULT["resources"])


def test_a_dataset_of_ones_own_has_a_family_a_limit_and_the_thresholds_of_its_family(tmp_path):
    (tmp_path / "my.txt").touch()
    mine = {"family": "cicy3", "source": str(tmp_path / "my.txt")}
    config = read_config({"datasets": {"mine": mine}, "splits": {"ood_euler": {"mine": 7}}})
    assert config["datasets"]["mine"] == mine
    assert config["splits"]["ood_euler"]["mine"] == 7
    assert config["splits"]["ood_complexity"]["mine"] == config["splits"]["ood_complexity"]["cicy3"]
    assert read_config(config) == config
    assert datasets_of(config) == {"ks": "ks", "cicy3": "cicy3", "fth6d": "fth6d", "mine": "cicy3"}
    with pytest.raises(InputError, match="config key n_limit: names no limit of mine"):
        read_config(config, {"n_limit": {"ks": 5, "cicy3": None, "fth6d": 1}})
