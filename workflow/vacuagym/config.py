"""The configuration: checked as a whole before anything runs."""

import functools
import os
import re
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator, validators

from vacuagym.errors import InputError

SCHEMA = Path(__file__).parents[1] / "schemas" / "config.schema.yaml"


def checked(config: dict) -> dict:
    """The configuration with its values typed, checked against the schema and the files it names.

    Values given on a command line may arrive as text: "null" and numbers are what they say.

    Raises
    ------
    InputError : names every offending key, its value and what is allowed there.
    """
    config = _typed(config)
    errors = sorted(_validator().iter_errors(config), key=lambda error: list(map(str, error.path)))
    if errors:
        raise InputError("config", "; ".join(dict.fromkeys(map(_explain, errors))))
    chosen = {dataset: settings for dataset, settings in config["datasets"].items() if settings is not None}
    if not chosen:
        raise InputError("config key datasets", "leaves every dataset out; give at least one of them a source")
    for dataset, settings in chosen.items():
        source = settings["source"]
        if source != "generate" and not _exists(source):
            raise InputError(
                f"config key datasets.{dataset}.source",
                f"{_short(source)} does not exist; expected generate or the path of the published list",
            )
    check_model(config["model"])
    return config


@functools.cache
def _validator():
    """Of the schema, for which 2.0 is no integer: it is none where it is used."""
    types = Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )
    return validators.extend(Draft202012Validator, type_checker=types)(yaml.safe_load(SCHEMA.read_text()))


def _exists(path: str) -> bool:
    try:
        os.stat(path)
    except (OSError, ValueError):  # none there, or no possible name of a file
        return False
    return True


_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def _typed(value):
    if isinstance(value, dict):
        return {key: item if key == "source" and item != "null" else _typed(item) for key, item in value.items()}
    if isinstance(value, str):
        if value == "null":
            return None
        if _INTEGER.fullmatch(value):
            return int(value)
        if _NUMBER.fullmatch(value):
            return float(value)
    return value


def check_model(model: dict) -> None:
    """Check the parameters of a label model against those it knows."""
    if model.get("parameters"):
        from vacuagym import models  # compiled code: loaded only where it is needed

        models.resolve(model["name"], model["parameters"])


def _explain(error) -> str:
    path = ".".join(map(str, error.path))
    if error.validator == "additionalProperties":
        allowed = ", ".join(error.schema["properties"])
        unknown = [key for key in error.instance if key not in error.schema["properties"]]
        return "; ".join(
            f"unknown key {_short('.'.join(filter(None, [path, str(key)])))}, allowed here: {allowed}"
            for key in unknown
        )
    if error.validator == "required":
        missing = [key for key in error.schema["required"] if key not in error.instance]
        return f"key {path or 'config'!r} lacks {', '.join(missing)}"
    expected = error.schema.get("description", error.message)
    if error.validator == "enum":
        expected = f"{expected}: {', '.join(map(str, error.validator_value))}"
    return f"key {path!r} is {_short(error.instance)}, expected {expected}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else text[:200] + "…"
