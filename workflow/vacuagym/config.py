"""The configuration: typed, with its defaults, and checked as a whole before anything runs.

The JSON schema (`workflow/schemas/config.schema.json`), the defaults (`config/config.yaml`) and the table of
`config/README.md` follow from the types; ``python -m vacuagym.config`` writes them.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from vacuagym.benchmark.splits import SPLITS
from vacuagym.errors import InputError
from vacuagym.geometry import COMPLETE_FAMILIES, FAMILIES, is_own
from vacuagym.geometry.family import Family
from vacuagym.geometry.lists import list_files
from vacuagym.geometry.sources import files_of
from vacuagym.models import MODELS
from vacuagym.models.parameters import complete
from vacuagym.schema import CLASSES

ROOT = Path(__file__).parents[2]
CONFIG, README = ROOT / "config" / "config.yaml", ROOT / "config" / "README.md"
SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.json"
_TABLE_BEGIN, _TABLE_END = "<!-- The table follows from vacuagym/config.py. -->", "<!-- End of the table. -->"


# --- types ------------------------------------------------------------------------------------------------------------


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


def _section(
    name: str, meaning: str, keys: Mapping[str, tuple], values: str = "a mapping", base: type[BaseModel] = _Section
) -> tuple:
    """A section with these keys; its default is made of theirs."""
    section = create_model(name, __base__=base, **keys)
    return _key(section, meaning, values, section())


def _key(type_: Any, meaning: str, values: str, default: Any, **limits) -> tuple:
    """A key of a section: its type, what it means, which values it takes in words, its default, limits for pydantic."""
    return Annotated[type_, Field(description=meaning, json_schema_extra={"values": values}, **limits)], default


def _integer(default: int, low: int, high: int, meaning: str) -> tuple:
    return _key(int, meaning, f"an integer from {low} to {high}", default, ge=low, le=high)


def _share(default: float, meaning: str) -> tuple:
    return _key(float, meaning, "a number from 0 to 1", default, ge=0.0, le=1.0)


_OPEN = [name for name, family in FAMILIES.items() if family.entries]  # to geometries of the user's own
_Source = Annotated[str, Field(min_length=1)]
_AtLeast1 = Annotated[int, Field(ge=1)]


class _OwnDataset(_Section):
    family: Literal[tuple(_OPEN)]
    source: _Source


class _Datasets(_Section):
    """Keys besides the declared ones are datasets of the user's own."""

    model_config = ConfigDict(extra="allow", strict=True)
    __pydantic_extra__: dict[str, _OwnDataset | None] = Field(init=False)


class _Thresholds(_Section):
    """Keys besides the declared ones are datasets of the user's own."""

    model_config = ConfigDict(extra="allow", strict=True)
    __pydantic_extra__: dict[str, _AtLeast1 | None] = Field(init=False)


class _Resources(_Section):
    threads: Annotated[int, Field(ge=1, le=256)]
    mem_mb: Annotated[int, Field(ge=50)]


def _dataset(family: Family) -> tuple:
    """The key of a dataset that the project has itself: its name says the family."""
    section = create_model(
        family.name,
        __base__=_Section,
        family=(Annotated[Literal[family.name], Field(exclude=True)], family.name),
        source=(_Source, ...),
    )
    return _key(
        section | None,
        f"{family.text}, {family.count:,}. `source` is `generate`, or {family.source}.",
        "`{source: …}`, or null to leave the dataset out",
        section(source="generate"),
    )


_DATASETS = {name: _dataset(family) for name, family in COMPLETE_FAMILIES.items()}
_OWN = (
    "A dataset of your own: the name is yours, the family one of "
    f"{', '.join(f'`{name}`' for name in _OPEN)}, and the source a file or a folder of files, "
    "see [docs/own-geometries.md](../docs/own-geometries.md).",
    "`{family: …, source: …}`, or null to leave the dataset out",
)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
# Of tables, beside which the name of a dataset would stand, and of all datasets together.
_TAKEN = (
    "all",
    "geometries",
    "features",
    "labels",
    "stability",
    "splits",
    "split_classes",
    "baselines",
    "active_learning",
)
_MODEL = {
    "name": _key(
        Literal[tuple(MODELS)],
        "Which one. " + " ".join(f"`{name}`: {model.summary}." for name, model in MODELS.items()),
        ", ".join(f"`{name}`" for name in MODELS),
        next(iter(MODELS)),
    ),
    "draws": _integer(3, 1, 1000, "Draws of the couplings per geometry: rows of the label table per geometry."),
    "starts": _integer(
        3, 1, 100, "Starting points per draw from which critical points are sought, for models that need them."
    ),
    "parameters": _key(
        dict[str, Any], "Parameters of the model to replace; the rest keep the model's defaults.", "a mapping", {}
    ),
}
_THRESHOLDS = {
    split.name: _section(
        split.name,
        f"Smallest {split.measure} that is held out, by dataset; null: nothing is held out. The default of a dataset of your "
        "own is that of its family.",
        {
            name: _key(int | None, "", "an integer of at least 1, or null", threshold, ge=1)
            for name, threshold in split.thresholds(COMPLETE_FAMILIES).items()
        },
        "a mapping from datasets to integers of at least 1, or null",
        _Thresholds,
    )
    for split in SPLITS.values()
    if split.measure
}
_BASELINES = {
    "train_rows": _key(
        Annotated[list[Annotated[int, Field(ge=1, le=1_000_000)]], Field(min_length=1)],
        "Rows a model is fitted on, one fit for each: the points of a learning curve. Where there are fewer, all of them. "
        "Splits that shift the distribution take the largest alone.",
        "a list of integers from 1 to 1000000",
        [100, 1000, 10_000],
    ),
    "test_rows": _integer(20_000, 1, 10_000_000, "Scored rows of the test part, at most."),
    "seeds": _integer(5, 1, 1000, "Seeds: as many samples of training rows, and fits of each model."),
}
_ACTIVE_LEARNING = {
    "pool_rows": _integer(5000, 1, 1_000_000, "Rows of the training part that may be asked about."),
    "test_rows": _integer(5000, 1, 1_000_000, "Scored rows of the test part, at most."),
    "first_rows": _integer(100, 1, 1_000_000, "Rows asked about at first, at random."),
    "batch_rows": _integer(100, 1, 1_000_000, "Rows asked about in each round."),
    "rounds": _integer(9, 1, 1000, "Rounds."),
    "seeds": _integer(5, 1, 1000, "Seeds: as many curves of each strategy."),
}
_VALIDATION = {
    "min_geometries": _key(
        int,
        "Datasets with fewer geometries are too small for the checks below, and for a part of a split to be expected to "
        "hold two classes; they are counted, not judged.",
        "an integer of at least 1",
        500,
        ge=1,
    ),
    "max_failed_share": _share(0.01, "Largest share of rows labelled `failed`."),
    "max_class_share": _share(0.8, "Largest share of the most frequent class."),
    "min_classes": _integer(3, 1, len(CLASSES), "Smallest number of classes that hold at least 1 % of the rows each."),
    "min_certified_share": _key(
        Annotated[float, Field(ge=0.0, le=1.0)] | None,
        "Smallest share of certified rows among those with a critical point; null: that of the label model, "
        + ", ".join(f"{model.min_certified_share:g} for `{name}`" for name, model in MODELS.items())
        + ".",
        "a number from 0 to 1, or null",
        None,
    ),
    "max_grad_norm": _key(
        float,
        "Largest gradient norm of a certified row, for label models that publish it.",
        "a number above 0",
        1e-6,
        gt=0.0,
    ),
    "max_explained_share": _share(
        0.5, "Largest share of the label's entropy that one input column takes away; 1 is a copy of the label."
    ),
    "max_association_p_value": _share(
        0.001,
        "Largest p-value of the hypothesis that the label does not depend on the geometry. `toy_eft` hardly depends on it "
        "and needs 1.",
    ),
}
_RULES = {  # memory in MB, and what a job does
    "compile_code": (600, "Compiling the code of one family or of the label model, once."),
    "build_geometries": (450, "Generating a dataset, or reading its list."),
    "build_features": (450, "One shard of features."),
    "label_vacua": (600, "One shard of labels; where the code is not compiled for these sources, compiling too."),
    "build_split": (250, "One split."),
    "build_protocol": (250, "One published protocol."),
    "count_split_classes": (250, "The classes of every part of every split."),
    "score_baselines": (900, "All baselines of one task on one dataset and split."),
    "collect_baselines": (250, "The table of the baselines."),
    "scan_active_learning": (900, "Active learning on one dataset."),
    "collect_active_learning": (250, "The table of active learning."),
    "build_data_dictionary": (250, "The data dictionary."),
    "count_labels": (300, "The counts of the labels."),
    "validate_labels": (300, "The checks of the labels."),
    "hash_content": (300, "The hashes of the values."),
    "build_manifest": (250, "The manifest."),
    "verify": (200, "The check of every file against the manifest."),
    "build_release": (300, "The release."),
    "plot_figures": (300, "The figures of geometries and labels."),
    "plot_portraits": (400, "The figures of the label model."),
    "plot_costs": (400, "The figure of memory and rates."),
    "plot_scores": (400, "The figures of scores."),
    "plot_errors": (700, "The figure of a baseline's errors."),
}
_RESOURCES = {
    rule: _key(
        _Resources, meaning, "`{threads: …, mem_mb: …}`, at least 1 and 50", _Resources(threads=1, mem_mb=mem_mb)
    )
    for rule, (mem_mb, meaning) in _RULES.items()
}

Config = create_model(
    "Config",
    __base__=_Section,
    n_limit=_key(
        _AtLeast1 | None | dict[str, _AtLeast1 | None],
        "Geometries per dataset. The rows of a limited run are the first of a fixed pseudo-random order, so they are a fair "
        "sample, and exactly the first rows of a larger run. Obeyed before anything is loaded.",
        "an integer of at least 1, null for all, or a mapping from every dataset of the run to one of these",
        1000,
    ),
    seed=_key(
        int,
        "Seed of the drawn couplings. Geometries, features and splits do not depend on it.",
        "an integer from 0 to 2^63 - 1",
        20260101,
        ge=0,
        le=2**63 - 1,
    ),
    shard_rows=_integer(
        20_000,
        1,
        1_000_000,
        "Geometries per parquet shard and job. Shards that are full stay valid when `n_limit` grows.",
    ),
    datasets=_section(
        "datasets", "The datasets of the run. A dataset that is null is left out.", _DATASETS, base=_Datasets
    ),
    model=_section("model", "The label model.", _MODEL),
    splits=_section(
        "splits",
        "Thresholds of the splits that hold out a dataset's largest geometries; a geometry that reaches its dataset's "
        "threshold is held out.",
        _THRESHOLDS,
    ),
    baselines=_section("baselines", "The reference scores of `snakemake baselines`.", _BASELINES),
    active_learning=_section("active_learning", "The searches of `snakemake active_learning`.", _ACTIVE_LEARNING),
    validation=_section(
        "validation",
        "What the labels must pass, dataset by dataset; the workflow stops with a message that names the check otherwise. "
        "Two checks have no key: no geometry or draw twice, no duplicate group in two parts of a split.",
        _VALIDATION,
    ),
    resources=_section("resources", "Threads and memory of each rule's jobs.", _RESOURCES),
)


# --- checks -----------------------------------------------------------------------------------------------------------


def read_config(*configs: Path | Mapping) -> dict:
    """A complete, checked configuration: the defaults, and what each of the given ones says otherwise, the last one first.

    Parameters
    ----------
    configs : Path or mapping
        YAML files, which may be missing, or their contents. Values may be text, as on a command line and in files:
        "null" and numbers are what they say. Text that is empty is no value.

    Raises
    ------
    InputError
        Names every offending key, its value and what is expected there; or the label model does not apply to a family.
    """
    given: dict = {}
    for config in configs:
        content = _read(config) if isinstance(config, Path) else config
        if not isinstance(content, Mapping):
            where = config if isinstance(config, Path) else "config"
            raise InputError(where, f"is {_short(content)}, expected keys with their values; see config/README.md")
        given = _merged(given, content)
    given = _typed(given)
    try:
        config = Config.model_validate(_merged(Config().model_dump(), given)).model_dump()
    except ValidationError as error:
        reasons = dict.fromkeys(_explain(entry, given) for entry in error.errors())
        raise InputError("config", "; ".join(filter(None, reasons))) from None
    datasets = config["datasets"] = _with_paths(config["datasets"])
    if isinstance(config["n_limit"], dict):
        _check_known("n_limit", config["n_limit"], datasets)
        _check_limits(config["n_limit"], [name for name, settings in datasets.items() if settings])
    for split, thresholds in config["splits"].items():
        _check_known(f"splits.{split}", thresholds, datasets)
        for name, settings in datasets.items():
            if settings:
                thresholds.setdefault(name, FAMILIES[settings["family"]].thresholds.get(split))
    model = MODELS[config["model"]["name"]]
    complete(model.name, model.parameters, config["model"]["parameters"])
    for settings in filter(None, datasets.values()):
        model.reads(FAMILIES[settings["family"]])
    if config["validation"]["min_certified_share"] is None:
        config["validation"]["min_certified_share"] = model.min_certified_share
    return config


class _Loader(yaml.BaseLoader):
    """Every value as text, since YAML itself reads 010 as 8 and nothing as null; a key that stands twice is an error."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for position, (key, _) in enumerate(node.value):
            if keys[position] in keys[:position]:
                problem = f"found the key {keys[position]} twice"
                raise yaml.constructor.ConstructorError(problem=problem, problem_mark=key.start_mark)
        return super().construct_mapping(node, deep)


def _read(path: Path) -> Any:
    """The content of a YAML file, which may begin with a byte-order mark; nothing if there is none."""
    if not os.path.lexists(path):
        return {}
    try:
        with open(path, "rb") as file:
            content = yaml.load(file, _Loader)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})") from error
    except yaml.YAMLError as error:
        raise InputError(path, f"is not YAML: {' '.join(str(error).split())}") from error
    return {} if content is None else content


def _with_paths(datasets: Mapping[str, Mapping | None]) -> dict[str, dict | None]:
    """The datasets, with the paths of their lists checked and ``~`` in them replaced."""
    if not any(datasets.values()):
        raise InputError("config key datasets", "leaves every dataset out; give at least one of them a source")
    for name, settings in datasets.items():
        if settings:
            _check_name(name, settings.setdefault("family", name))
    return {
        name: settings
        and settings | {"source": _checked_source(name, FAMILIES[settings["family"]], settings["source"])}
        for name, settings in datasets.items()
    }


def _check_name(dataset: str, family: str) -> None:
    """Raise an InputError unless the dataset may have its name."""
    where = f"config key datasets.{dataset}"
    if not _NAME.fullmatch(dataset) or dataset in _TAKEN:
        expected = "small letters, digits and underscores, a letter first, at most 40"
        raise InputError(where, f"is no name of a dataset: expected {expected}, and none of {', '.join(_TAKEN)}")
    if dataset in FAMILIES and dataset != family:
        raise InputError(
            where, f"is the name of a family, and the dataset is of the family {family}; name it otherwise"
        )


def _check_known(section: str, keys: Iterable[str], datasets: Mapping[str, Mapping | None]) -> None:
    """Raise an InputError unless the keys of a section are names of datasets."""
    unknown = [f"unknown key {_short(f'{section}.{key}')}" for key in keys if key not in datasets]
    if unknown:
        raise InputError("config", f"{'; '.join(unknown)}, allowed here: {', '.join(datasets)}")


def _checked_source(dataset: str, family: Family, source: str) -> str:
    where, path = f"config key datasets.{dataset}.source", Path(os.path.expanduser(source))
    own = is_own(dataset, family.name)
    if source == "generate" and not own:
        return source
    if not own and not family.list_names:
        raise InputError(where, f"is {_short(source)}, but there is no published list; expected generate")
    if set("{}") & set(source):
        raise InputError(
            where, f"{_short(source)} holds a brace, which Snakemake takes for a wildcard; rename or link it"
        )
    expected = "a file or a folder of files" if own else f"generate, or {family.source.replace('`', '')}"
    try:
        files_of(path) if own else list_files(path, family.list_names)
    except InputError as error:
        raise InputError(where, f"{_short(str(path))} {error.reason}; expected {expected}") from None
    return str(path)


def _check_limits(limits: Mapping, datasets: list[str]) -> None:
    missing = [name for name in datasets if name not in limits]
    if missing:
        reason = f"names no limit of {', '.join(missing)}; name every dataset of the run, null for all its geometries"
        raise InputError("config key n_limit", reason)


def _merged(base: Mapping, changes: Mapping) -> dict:
    """The mapping with changes, section by section; a mapping of limits replaces the old one as a whole."""
    merged = dict(base)
    for key, value in changes.items():
        both = isinstance(value, Mapping) and isinstance(base.get(key), Mapping) and key != "n_limit"
        merged[key] = _merged(base[key], value) if both else value
    return merged


_INTEGER = re.compile(r"[+-]?[0-9](_?[0-9]){0,99}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def _typed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: item if key == "source" and item != "null" else _typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_typed(item) for item in value]
    if isinstance(value, str):
        if value == "null":
            return None
        if _INTEGER.fullmatch(value):
            return int(value)
        if _NUMBER.fullmatch(value):
            return float(value)
    return value


def _explain(error: Mapping, given: Mapping) -> str:
    """One of pydantic's errors in words; empty for what speaks of a type that was not meant."""
    path, value = [], given
    is_no_text = error["type"] == "invalid_key"  # then the last part stands for the key
    for part in error["loc"][:-1] if is_no_text else error["loc"]:
        if not (isinstance(value, Mapping) and part in value):
            continue  # a name of a type, or a key that is missing
        path.append(str(part))
        value = value[part]
    if is_no_text:
        path.append(str(error["input"]))
    name = ".".join(path)
    if is_no_text or error["type"] == "extra_forbidden":
        return f"unknown key {_short(name)}, allowed here: {', '.join(_keys_of(path[:-1]))}"
    if error["type"] == "missing":
        return f"key {name!r} lacks {error['loc'][-1]}, expected {_expected(path)}"
    if isinstance(value, Mapping) and error["type"] in ("int_type", "model_type") and path == ["n_limit"]:
        return ""  # the mapping's own errors say what is wrong
    return f"key {name!r} is {_short(value)}, expected {_expected(path)}"


def _expected(path: list[str]) -> str:
    """The values that a key takes, in words."""
    if path[0] == "datasets" and len(path) > 1 and path[1] not in _DATASETS:
        if path[2:] == ["family"]:
            return f"one of {', '.join(_OPEN)}"
        return f"{_OWN[1]}; the datasets of the project are {', '.join(_DATASETS)}".replace("`", "")
    name = ".".join(path)
    return [values for key, _, values, _ in described() if name == key or name.startswith(f"{key}.")][-1].replace(
        "`", ""
    )


def _keys_of(path: list[str]) -> list[str]:
    """The keys that are allowed in a section."""
    section: Any = Config
    for part in path:
        field = section.model_fields.get(part)
        section = field.annotation if field else _OwnDataset
        options = [section, *getattr(section, "__args__", ())]
        section = next(option for option in options if isinstance(option, type) and issubclass(option, BaseModel))
    return list(section.model_fields)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else text[:200] + "…"


# --- what follows from the types --------------------------------------------------------------------------------------


def described(section: type[BaseModel] = Config, prefix: str = "") -> Iterator[tuple[str, str, str, Any]]:
    """Every key with its meaning, its values in words, and its default, sections before what is in them."""
    for name, field in section.model_fields.items():
        yield (
            f"{prefix}{name}",
            field.description or "",
            (field.json_schema_extra or {}).get("values", ""),
            field.default,
        )
        type_ = field.annotation
        if isinstance(type_, type) and issubclass(type_, BaseModel) and type_ is not _Resources:
            yield from described(type_, f"{prefix}{name}.")
    if issubclass(section, _Datasets):
        yield f"{prefix}NAME", *_OWN, None


def schema_text() -> str:
    """The JSON schema of the configuration."""
    return json.dumps(Config.model_json_schema(), indent=1, ensure_ascii=False) + "\n"


def defaults_text() -> str:
    """The defaults as YAML: sections in blocks, what is in them in lines."""
    lines = ["# Every key is explained in config/README.md."]
    for key, value in Config().model_dump().items():
        if not isinstance(value, dict):
            lines.append(f"{key}: {_flow(value)}")
            continue
        lines += ["", f"{key}:"]
        lines += [f"  {name}: {_flow(item)}" for name, item in value.items()]
    return "\n".join(lines) + "\n"


def _flow(value: Any) -> str:
    return yaml.dump(value, default_flow_style=True, sort_keys=False, width=1000).removesuffix("\n...\n").strip()


def table_text() -> str:
    """The table of config/README.md."""
    rows = [f"| `{key}` | {meaning} | {values} |" for key, meaning, values, _ in described() if meaning]
    return "\n".join(["| key | meaning | values |", "|---|---|---|", *rows])


def readme_text(current: str) -> str:
    """config/README.md with the table as it should be."""
    before, _, rest = current.partition(_TABLE_BEGIN)
    _, _, after = rest.partition(_TABLE_END)
    return f"{before}{_TABLE_BEGIN}\n\n{table_text()}\n\n{_TABLE_END}{after}"


def main() -> None:
    """Write what follows from the types."""
    SCHEMA.write_text(schema_text(), encoding="utf-8")
    CONFIG.write_text(defaults_text(), encoding="utf-8")
    README.write_text(readme_text(README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
