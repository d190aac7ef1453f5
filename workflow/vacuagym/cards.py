"""The texts of a release: dataset card, datasheet, Croissant description, citations."""

import json
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from string import Template

import yaml

from vacuagym.tables.columns import Column
from vacuagym.validation import CLASSES

ROOT = Path(__file__).parents[2]
TEMPLATES = Path(__file__).with_name("texts")
VIEW = {"train": "train", "val": "validation", "test": "test"}  # part of a split -> name that `datasets` gives it

DATASETS = {
    "ks": "Kreuzer–Skarke weight systems and the reflexive polytopes they span",
    "cicy3": "Complete-intersection Calabi–Yau threefolds",
    "fth6d": "Smooth toric bases of 6D F-theory",
}
LABELS = {
    "supergravity": "A label says what the potential of the Kähler moduli of type IIB string theory does on a ray of the Kähler cone, with the "
    "geometry's own triple intersection numbers and Euler number, at randomly drawn couplings.",
    "toy_eft": "A label says what a toy potential of a few fields does at randomly drawn couplings; it knows of a geometry its number of moduli "
    "alone, and says nothing about string theory.",
}
TOY = {
    "supergravity": "Toy about it: the dilaton and the complex structure are fixed by hand; flux superpotential, string coupling and "
    "uplift are drawn, not derived from fluxes, and no tadpole is checked; no orientifold is specified; instantons may sit on divisors that "
    "are not rigid; there are no string loops; points off the ray are not searched; `fth6d` reads the elliptic threefold of a "
    "six-dimensional theory as a four-dimensional compactification.",
    "toy_eft": "Everything about the potential is toy; it tests methods and machinery.",
}
SPLITS = {
    "iid": "70/15/15 by a hash of the duplicate group: the same distribution in every part.",
    "ood_complexity": "Geometries with many moduli are held out for the test.",
    "ood_hodge": "Geometries with large Hodge numbers, h11 + h21, are held out for the test.",
    "ood_dataset_ks": "The weight systems are the test part; training and validation have the other families.",
    "ood_dataset_cicy3": "The complete intersections are the test part; training and validation have the other families.",
    "ood_dataset_fth6d": "The toric bases are the test part; training and validation have the other families.",
}
CROISSANT_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_PARQUET = "application/x-parquet"


def texts(
    run: dict,
    checks: dict,
    columns: Mapping[str, Sequence[Column]],
    configs: Sequence[dict],
    shards: Sequence,
    splits: Sequence[str],
) -> dict[str, str]:
    """Name and content of every text of a release.

    Parameters
    ----------
    run : the manifest. checks : the result of the validation. columns : dataset -> columns of its rows.
    configs : name, split, datasets, columns (None: all) and file patterns by part of each configuration.
    shards : the files, see `vacuagym.release.Shard`. splits : their names, in the order of a file's name.
    """
    model = run["model"]["name"]
    notes = model.removesuffix("_legacy")
    geometries = {dataset: checks["datasets"][dataset]["geometries"] for dataset in columns}
    limit = run["config"]["n_limit"]
    example = next((config for config in configs if config["columns"] is None), None)
    values = {
        "version": run["version"],
        "seed": run["seed"],
        "model": model,
        "draws": run["model"]["draws"],
        "limit": "the complete lists" if limit is None else f"at most {limit:,} geometries a dataset",
        "n_rows": f"{sum(shard.rows for shard in shards):,}",
        "n_geometries": f"{sum(geometries.values()):,}",
        "n_datasets": len(columns),
        "geometry_table": "| dataset | geometries | rows | what |\n|---|---|---|---|\n"
        + "\n".join(
            f"| `{dataset}` | {count:,} | {sum(s.rows for s in shards if s.dataset == dataset):,} | {DATASETS[dataset]} |"
            for dataset, count in geometries.items()
        ),
        "label_note": LABELS[notes],
        "toy_note": TOY[notes],
        "example": example["name"] if example else configs[0]["name"],
        "example_dataset": next(iter(columns)),
        "config_table": "\n".join(_config_row(config, shards, splits) for config in configs),
        "split_list": "\n".join(f"- `{split}`: {_split_note(split, run['config'])}" for split in splits),
        "split_names": ", ".join(f"`{split}`" for split in splits),
        "input_columns": "\n".join(
            f"- `{dataset}`: {', '.join(f'`{name}`' for name in checks['datasets'][dataset]['inputs'])}"
            for dataset in columns
        ),
        "class_table": _class_table(checks),
        "check_table": "\n".join(
            f"| {c['check']} | {c['dataset']} | {c['value']:.6g} | {c['condition']} | "
            + ("not judged: too few rows |" if c["passed"] is None else f"{'yes' if c['passed'] else 'no'} |")
            for c in checks["checks"]
        ),
        "citations": "\n".join(citations(run, columns)).strip(),
    }
    card = Template((TEMPLATES / "README.md").read_text()).substitute(values)
    return {
        "README.md": f"---\n{_metadata(configs, shards)}---\n{card}",
        "DATASHEET.md": Template((TEMPLATES / "DATASHEET.md").read_text()).substitute(values),
        "LABELS.md": _label_text(model),
        "CITATION.bib": "\n".join(citations(run, columns)),
        "LICENSE": (ROOT / "LICENSE").read_text(),
        "croissant.json": json.dumps(croissant(run, columns, shards, values), indent=1, ensure_ascii=False) + "\n",
    }


def _split_note(split: str, config: dict) -> str:
    thresholds = config.get("splits", {}).get(split, {})
    limits = ", ".join(f"{smallest} in `{dataset}`" for dataset, smallest in thresholds.items())
    return SPLITS[split] + (f" The smallest held out is {limits}." if limits else "")


def _config_row(config, shards, splits) -> str:
    k = splits.index(config["split"])
    rows = {
        part: sum(s.rows for s in shards if s.dataset in config["datasets"] and s.parts[k] == part) for part in VIEW
    }
    return f"| `{config['name']}` | {rows['train']:,} | {rows['val']:,} | {rows['test']:,} |"


def _class_table(checks) -> str:
    datasets = checks["datasets"]
    lines = ["| class | " + " | ".join(datasets) + " |", "|---" * (len(datasets) + 1) + "|"]
    for name in CLASSES:
        shares = [entry["stability"][name] / max(entry["rows"], 1) for entry in datasets.values()]
        lines.append(f"| {name} | " + " | ".join(f"{share:.1%}" for share in shares) + " |")
    return "\n".join(lines)


def _metadata(configs, shards) -> str:
    """The YAML that the `datasets` library and its hub read at the head of a dataset card."""
    rows = sum(shard.rows for shard in shards)
    sizes = [(1e3, "n<1K"), (1e4, "1K<n<10K"), (1e5, "10K<n<100K"), (1e6, "100K<n<1M"), (1e7, "1M<n<10M")]
    entries = []
    for number, config in enumerate(configs):
        entry = {"config_name": config["name"]} | ({"default": True} if number == 0 else {})
        entry["data_files"] = [{"split": VIEW[part], "path": paths} for part, paths in config["files"].items()]
        if config["columns"] is not None:
            entry["columns"] = config["columns"]
        entries.append(entry)
    card = {
        "pretty_name": "VacuaGym",
        "license": "apache-2.0",
        "task_categories": ["tabular-classification"],
        "tags": ["physics", "string-theory", "calabi-yau", "out-of-distribution", "simulated-labels"],
        "size_categories": [next((name for limit, name in sizes if rows < limit), "n>10M")],
        "configs": entries,
    }
    return yaml.dump(card, Dumper=_NoAliases, sort_keys=False, allow_unicode=True, width=120)


class _NoAliases(yaml.SafeDumper):
    """Writes a list that occurs twice twice, instead of a reference to the first."""

    def ignore_aliases(self, data) -> bool:
        return True


def _label_text(model: str) -> str:
    """The document of a label model, or what its module says of itself."""
    document = ROOT / "docs" / f"{model}.md"
    if document.is_file():
        return document.read_text()
    module = import_module(f"vacuagym.models.{model.removesuffix('_legacy')}")
    return f"# The label model `{model}`\n\n{module.__doc__.strip()}\n"


def citations(run: dict, datasets: Iterable[str]) -> list[str]:
    """BibTeX of the benchmark itself, then of the sources of its geometries and of its label model."""
    own = Template((TEMPLATES / "vacuagym.bib").read_text()).substitute(version=run["version"])
    files = [TEMPLATES / f"{name}.bib" for name in (*datasets, run["model"]["name"])]
    return [own, *(file.read_text() for file in files if file.is_file())]


def croissant(run: dict, columns: Mapping[str, Sequence[Column]], shards: Sequence, values: Mapping) -> dict:
    """The release as Croissant 1.0: every file with its hash, a record set a dataset, every column described."""
    files = [
        {
            "@type": "cr:FileObject",
            "@id": shard.path,
            "name": shard.path,
            "description": f"{shard.rows} rows of {shard.dataset}.",
            "contentUrl": shard.path,
            "contentSize": f"{shard.bytes} B",
            "encodingFormat": _PARQUET,
            "sha256": shard.sha256,
        }
        for shard in shards
    ]
    sets = [
        {
            "@type": "cr:FileSet",
            "@id": f"{dataset}-files",
            "name": f"{dataset}-files",
            "description": f"Every file of {dataset}.",
            "encodingFormat": _PARQUET,
            "includes": f"data/{dataset}/*.parquet",
        }
        for dataset in columns
    ]
    records = [
        {
            "@type": "cr:RecordSet",
            "@id": dataset,
            "name": dataset,
            "description": f"{DATASETS[dataset]}; one row a draw of the couplings on a geometry.",
            "key": [{"@id": f"{dataset}/{name}"} for name in ("dataset", "geometry_id", "sample")],
            "field": [_field(dataset, column) for column in described],
        }
        for dataset, described in columns.items()
    ]
    return {
        "@context": CROISSANT_CONTEXT,
        "@type": "sc:Dataset",
        "name": "VacuaGym",
        "description": f"{values['n_geometries']} string-theory geometries with exact features and {values['n_rows']} simulated labels "
        f"of vacuum stability. {values['label_note']} {values['toy_note']}",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "citeAs": citations(run, columns)[0].strip(),
        "creator": {"@type": "Organization", "name": "The VacuaGym developers"},
        "datePublished": yaml.safe_load((ROOT / "CITATION.cff").read_text())["date-released"].isoformat(),
        "license": "https://spdx.org/licenses/Apache-2.0",
        "version": run["version"],
        "distribution": [*files, *sets],
        "recordSet": records,
    }


def _field(dataset: str, column: Column) -> dict:
    item = column.type.removeprefix("list<").removesuffix(">")
    kinds = {"string": "sc:Text", "bool": "sc:Boolean"}
    unit = "" if column.unit == "1" else f" Unit: {column.unit}."
    return {
        "@type": "cr:Field",
        "@id": f"{dataset}/{column.name}",
        "name": f"{dataset}/{column.name}",
        "description": f"{column.meaning}{unit}" + (f" Source: {column.source}." if column.source else ""),
        "dataType": kinds.get(item, "sc:Float" if item.startswith("float") else "sc:Integer"),
        **({"repeated": True} if item != column.type else {}),
        "source": {"fileSet": {"@id": f"{dataset}-files"}, "extract": {"column": column.name}},
    }
