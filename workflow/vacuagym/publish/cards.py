"""The texts of a release: dataset card, datasheet, Croissant description, label model, citations.

What they say of families, splits and the label model is what the records of these say.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from string import Template

import yaml

from vacuagym.benchmark.folders import VIEW
from vacuagym.benchmark.splits import SPLITS
from vacuagym.benchmark.tasks import TASKS
from vacuagym.geometry import FAMILIES
from vacuagym.geometry.family import Family
from vacuagym.models import MODELS
from vacuagym.models.base import LabelModel
from vacuagym.schema import CLASSES, DRAW_KEYS, Column

ROOT = Path(__file__).parents[3]
TEMPLATES = Path(__file__).with_name("templates")
VERDICTS = {True: "yes", False: "no", None: "not judged: too few rows"}
_PARQUET = "application/x-parquet"


def texts(
    run: dict,
    checks: dict,
    tables: Mapping[str, Sequence],
    configs: Sequence,
    shards: Sequence,
    splits: Sequence[str],
) -> dict[str, str]:
    """Write every text of a release.

    Parameters
    ----------
    run : dict
        The manifest.
    checks : dict
        The result of the validation.
    tables : mapping of str to sequence of `vacuagym.publish.release.Table`
        The tables of each dataset.
    configs : sequence of `vacuagym.publish.release.Config`
    shards : sequence of `vacuagym.publish.release.Shard`
        The files.
    splits : sequence of str
        Names of the splits, in the order in which a file's name lists the parts.

    Returns
    -------
    dict of str to str
        File name to content.
    """
    model, config = MODELS[run["model"]["name"]], run["config"]
    datasets = {name: checks["datasets"][name] for name in tables}
    rows = {
        name: sum(shard.rows for shard in shards if (shard.table, shard.dataset) == ("labels", name))
        for name in datasets
    }
    number = {name: entry["geometries"] for name, entry in datasets.items()}
    complete = all(number[name] == _family(run, name).count for name in datasets)
    geometries = [(f"`{name}`", f"{number[name]:,}", f"{rows[name]:,}", _family(run, name).text) for name in datasets]
    shares = {
        name: [entry["stability"][c] / max(entry["rows"], 1) for c in CLASSES] for name, entry in datasets.items()
    }
    classes = [(name, *(f"{share[k]:.1%}" for share in shares.values())) for k, name in enumerate(CLASSES)]
    judged = [
        (c["check"], c["dataset"], f"{c['value']:.6g}", c["condition"], VERDICTS[c["passed"]]) for c in checks["checks"]
    ]
    of_configs = [_config_row(config, shards, splits) for config in configs]
    there = {name: [column for table in some for column in table.columns] for name, some in tables.items()}
    tasks = [
        (f"`{task.name}`", task.row, task.text)
        for task in TASKS.values()
        if any(task.applies(name, columns) for name, columns in there.items())
    ]
    values = {
        "version": run["version"],
        "seed": run["seed"],
        "model": model.name,
        "draws": run["model"]["draws"],
        "limit": "the complete lists" if complete else "a pseudo-random sample of each list",
        "n_rows": f"{sum(rows.values()):,}",
        "n_geometries": f"{sum(number.values()):,}",
        "n_datasets": len(datasets),
        "families": "; ".join(dict.fromkeys(_family(run, name).text for name in datasets)),
        "geometry_table": _table(("dataset", "geometries", "rows", "what"), geometries),
        "label_note": model.text,
        "toy_note": model.toy_text,
        "example": next((config.name for config in configs if len(config.datasets) == 1), configs[0].name),
        "example_dataset": next(iter(datasets)),
        "task_table": _table(("task", "one row per", "what"), tasks),
        "config_table": _table(("configuration", "columns", *VIEW.values()), of_configs),
        "split_list": "\n".join(f"- `{split}`: {_split_text(split, config)}" for split in splits),
        "split_names": ", ".join(f"`{split}`" for split in splits),
        "class_table": _table(("class", *datasets), classes),
        "check_table": _table(("check", "dataset", "value", "condition", "passed"), judged),
        "citations": citations(run, tables).strip(),
        "size": _size(sum(rows.values())),
        "configs": _configs_text(configs),
        "features": _features_text(configs, tables),
    }
    return {
        "README.md": _filled("README.md", values),
        "DATASHEET.md": _filled("DATASHEET.md", values),
        "LABELS.md": _label_text(model),
        "CITATION.bib": citations(run, tables),
        "LICENSE": (ROOT / "LICENSE").read_text(encoding="utf-8"),
        "croissant.json": json.dumps(croissant(run, tables, shards, values), indent=1, ensure_ascii=False) + "\n",
    }


def _family(run: dict, dataset: str) -> Family:
    return FAMILIES[run["config"]["datasets"][dataset]["family"]]


def _label_text(model: LabelModel) -> str:
    """The page that describes a label model, or what its record says if there is no page."""
    if model.document:
        return (ROOT / model.document).read_text(encoding="utf-8")
    return f"# The label model `{model.name}`\n\n{model.text}\n\n{model.toy_text}\n"


def _filled(template: str, values: Mapping) -> str:
    return Template((TEMPLATES / template).read_text(encoding="utf-8")).substitute(values)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def _config_row(config, shards, splits) -> tuple[str, ...]:
    k = splits.index(config.split)
    mine = [shard for shard in shards if shard.table == config.table and shard.dataset in config.datasets]
    rows = (sum(shard.rows for shard in mine if shard.parts[k] == part) for part in VIEW)
    return (f"`{config.name}`", str(len(config.columns)), *(f"{count:,}" if count else "" for count in rows))


def _split_text(split: str, config: dict) -> str:
    thresholds = config["splits"].get(split) or {}
    limits = ", ".join(f"{value} in `{dataset}`" for dataset, value in thresholds.items() if value is not None)
    return SPLITS[split].text + (f" The smallest held out is {limits}." if limits else "")


def _configs_text(configs: Sequence) -> str:
    """The configurations as the YAML at the head of a dataset card has them, which `datasets` and its hub read."""
    entries = []
    for number, config in enumerate(configs):
        entry = {"config_name": config.name} | ({"default": True} if number == 0 else {})
        entry["data_files"] = [{"split": VIEW[part], "path": list(paths)} for part, paths in config.files.items()]
        entry["columns"] = list(config.columns)  # a list of its own: YAML writes a shared one as a reference
        entries.append(entry)
    return yaml.safe_dump(entries, sort_keys=False, allow_unicode=True, width=120).strip()


def _features_text(configs: Sequence, tables: Mapping[str, Sequence]) -> str:
    """The types of the columns of every configuration, as the head of a dataset card has them; classes by name."""
    entries = []
    for config in configs:
        table = next(table for table in tables[config.datasets[0]] if table.name == config.table)
        types = {column.name: column.type for column in table.columns}
        features = [{"name": name, **_feature(name, types[name])} for name in config.columns]
        entries.append({"config_name": config.name, "features": features})
    return yaml.safe_dump(entries, sort_keys=False, allow_unicode=True, width=120).strip()


def _feature(name: str, type_: str) -> dict:
    if name == "stability":
        return {"dtype": {"class_label": {"names": {str(k): label for k, label in enumerate(CLASSES)}}}}
    if type_.startswith("list<"):
        return {"list": type_[5:-1]}
    return {"dtype": type_}


def _size(rows: int) -> str:
    """The name that the hub gives to a number of rows: a power of ten below and above."""
    bounds = ("1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T")
    k = max(len(str(rows)) - 3, 0)
    return f"{bounds[k - 1]}<n<{bounds[k]}" if k else "n<1K"


def citations(run: dict, datasets: Iterable[str]) -> str:
    """BibTeX of the benchmark itself, then of the sources of its geometries and of its label model."""
    sources = [
        *dict.fromkeys(_family(run, name).bibliography for name in datasets),
        MODELS[run["model"]["name"]].bibliography,
    ]
    return "\n\n".join(text.strip() for text in (_own_citation(run), *sources) if text.strip()) + "\n"


def _own_citation(run: dict) -> str:
    return _filled("vacuagym.bib", {"version": run["version"]}).strip()


def croissant(run: dict, tables: Mapping[str, Sequence], shards: Sequence, values: Mapping) -> dict:
    """Describe the release as Croissant 1.0: every file with its hash, one record set per table, every column.

    Parameters
    ----------
    run, tables, shards
        As of `texts`.
    values : mapping
        n_geometries, n_rows, label_note and toy_note, as text.
    """
    files = [
        {
            "@type": "cr:FileObject",
            "@id": shard.path,
            "name": shard.path,
            "description": f"{shard.rows} rows of {shard.table} of {shard.dataset}.",
            "contentUrl": shard.path,
            "contentSize": f"{shard.bytes} B",
            "encodingFormat": _PARQUET,
            "sha256": shard.sha256,
        }
        for shard in shards
    ]
    named = [(f"{dataset}-{table.name}", dataset, table) for dataset, some in tables.items() for table in some]
    sets = [
        {
            "@type": "cr:FileSet",
            "@id": f"{name}-files",
            "name": f"{name}-files",
            "description": f"Every file of the {table.name} of {dataset}.",
            "encodingFormat": _PARQUET,
            "includes": f"{table.name}/{dataset}/*.parquet",
        }
        for name, dataset, table in named
    ]
    records = [
        {
            "@type": "cr:RecordSet",
            "@id": name,
            "name": name,
            "description": f"{_family(run, dataset).text}: {table.name}, one row per {table.row}.",
            "key": [{"@id": f"{name}/{column.name}"} for column in table.columns if column in DRAW_KEYS],
            "field": [_field(name, column) for column in table.columns],
        }
        for name, dataset, table in named
    ]
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    return json.loads((TEMPLATES / "croissant.json").read_text(encoding="utf-8")) | {
        "description": f"{values['n_geometries']} string-theory geometries with exact features and {values['n_rows']} "
        f"simulated labels of vacuum stability. {values['label_note']} {values['toy_note']}",
        "citeAs": _own_citation(run),
        "datePublished": cited["date-released"].isoformat(),
        "version": run["version"],
        "distribution": [*files, *sets],
        "recordSet": records,
    }


def _field(table: str, column: Column) -> dict:
    item = column.type.removeprefix("list<").removesuffix(">")
    kinds = {"string": "sc:Text", "bool": "sc:Boolean"}
    return {
        "@type": "cr:Field",
        "@id": f"{table}/{column.name}",
        "name": f"{table}/{column.name}",
        "description": column.text,
        "dataType": kinds.get(item, "sc:Float" if item.startswith("float") else "sc:Integer"),
        **({"repeated": True} if item != column.type else {}),
        "source": {"fileSet": {"@id": f"{table}-files"}, "extract": {"column": column.name}},
    }
