"""The configuration: checked as a whole before anything runs."""

from pathlib import Path

import yaml
from jsonschema import Draft202012Validator

from vacuagym.errors import InputError

SCHEMA = Path(__file__).parents[1] / "schemas" / "config.schema.yaml"


def checked(config: dict) -> dict:
    """The configuration with its values typed, checked against the schema and the files it names.

    Values given on a command line may arrive as text ("null", "20"); they are read as YAML reads them.

    Raises
    ------
    InputError : names every offending key, its value and what is allowed there.
    """
    config = _typed(config)
    schema = yaml.safe_load(SCHEMA.read_text())
    errors = sorted(Draft202012Validator(schema).iter_errors(config), key=lambda error: list(map(str, error.path)))
    if errors:
        raise InputError("config", "; ".join(_explain(error) for error in errors))
    chosen = {dataset: settings for dataset, settings in config["datasets"].items() if settings is not None}
    if not chosen:
        raise InputError("config key datasets", "leaves every dataset out; give at least one of them a source")
    for dataset, settings in chosen.items():
        source = settings["source"]
        if source != "generate" and not Path(source).exists():
            raise InputError(
                f"config key datasets.{dataset}.source",
                f"{source!r} does not exist; expected generate or the path of the published list",
            )
    check_model(config["model"])
    return config


def _typed(value):
    if isinstance(value, dict):
        return {key: _typed(item) for key, item in value.items()}
    if isinstance(value, str):
        try:
            return yaml.safe_load(value)
        except yaml.YAMLError:
            return value
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
            f"unknown key {'.'.join(filter(None, [path, str(key)]))!r}, allowed here: {allowed}" for key in unknown
        )
    if error.validator == "required":
        missing = [key for key in error.schema["required"] if key not in error.instance]
        return f"key {path or 'config'!r} lacks {', '.join(missing)}"
    expected = error.schema.get("description", error.message)
    if error.validator == "enum":
        expected = f"{expected}: {', '.join(map(str, error.validator_value))}"
    return f"key {path!r} is {error.instance!r}, expected {expected}"
