"""The texts of a release: they name the files there are, describe their columns, and say what the records say."""

import hashlib
import json
import re
from typing import NamedTuple

import polars as pl
import pytest
import yaml

from vacuagym.benchmark.splits import SPLITS
from vacuagym.geometry import FAMILIES
from vacuagym.models import MODELS
from vacuagym.publish import cards
from vacuagym.schema import CLASSES, COUPLING, DRAW_KEYS, FEATURE, KEY, Column, names_of
from vacuagym.tables.frames import to_arrow
from vacuagym.tables.shards import arrow_schema, new_shard, read_schema

NAMES = ["iid", "ood_hodge"]
SHARED = (
    *DRAW_KEYS,
    Column("h11", "int32", "1", "Hodge number.", "arXiv:1", role=FEATURE),
    *(Column(name, "string", "1", f"Part in {name}.", role=KEY) for name in NAMES),
    Column("log10_flux", "float64", "M_P", "A coupling.", role=COUPLING),
    Column("stability", "string", "1", "The class."),
)
COLUMNS = {"ks": SHARED, "cicy3": (*SHARED, Column("degrees", "list<int32>", "1", "A list.", role=FEATURE))}
ROWS = {
    "ks": {("train", "train"): 5, ("val", "val"): 2, ("test", "test"): 3},
    "cicy3": {("train", "test"): 4, ("val", "train"): 1, ("test", "val"): 2},
}
CHECKS = {
    "checks": [
        {"check": "share of failed rows", "dataset": "ks", "value": 0.125, "condition": "<= 0.2", "passed": True},
        {"check": "share of largest class", "dataset": "ks", "value": 0.5, "condition": "<= 0.8", "passed": None},
    ],
    "datasets": {
        dataset: {
            "geometries": 1234 + k,
            "rows": 200,
            "inputs": ["h11", "log10_flux"],
            "stability": dict.fromkeys(CLASSES, 0) | {"stable": 150, "runaway": 50 - k},
        }
        for k, dataset in enumerate(COLUMNS)
    },
}


class Shard(NamedTuple):
    """One file of the release."""

    path: str
    dataset: str
    parts: tuple[str, ...]
    rows: int
    bytes: int
    sha256: str


def run(model="supergravity"):
    config = {"splits": {"ood_hodge": {"ks": 243, "cicy3": 43}}}
    config["datasets"] = {dataset: {"family": dataset, "source": "generate"} for dataset in COLUMNS}
    return {"version": "9.8.7", "seed": 5, "model": {"name": model, "draws": 3}, "config": config}


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """A folder with six small files, and the texts about them."""
    folder, shards = tmp_path_factory.mktemp("release"), []
    for dataset, files in ROWS.items():
        for parts, rows in files.items():
            path = folder / "data" / dataset / f"{'-'.join(parts)}-00000.parquet"
            values = {"dataset": dataset, "h11": 3, "stability": "stable", "log10_flux": 0.5, "degrees": [1, 2]}
            values |= dict(zip(NAMES, parts, strict=True))
            table = pl.DataFrame([values | {"geometry_id": k, "sample": 0} for k in range(rows)])
            with new_shard(path, COLUMNS[dataset], {"table": f"release/{dataset}"}) as write:
                write(to_arrow(table, arrow_schema(COLUMNS[dataset], {})))
            content = path.read_bytes()
            name = path.relative_to(folder).as_posix()
            shards.append(Shard(name, dataset, parts, rows, len(content), hashlib.sha256(content).hexdigest()))
    shared = names_of(SHARED)
    configs = [config(name, name, list(ROWS), shared, NAMES.index(name)) for name in NAMES] + [
        config("ks-iid", "iid", ["ks"], None, 0)
    ]
    for name, text in cards.texts(run(), CHECKS, COLUMNS, configs, shards, NAMES).items():
        (folder / name).write_text(text)
    return folder, shards, configs


def config(name, split, datasets, columns, k):
    pattern = {part: "-".join(part if i == k else "*" for i in range(len(NAMES))) for part in cards.VIEW}
    files = {part: [f"data/{dataset}/{pattern[part]}-*.parquet" for dataset in datasets] for part in cards.VIEW}
    return {"name": name, "split": split, "datasets": datasets, "columns": columns, "files": files}


def test_croissant_names_every_file_there_is_with_its_hash_and_size(release):
    folder, _, _ = release
    described = json.loads((folder / "croissant.json").read_text())
    files = {entry["contentUrl"]: entry for entry in described["distribution"] if entry["@type"] == "cr:FileObject"}
    there = {path.relative_to(folder).as_posix(): path for path in (folder / "data").rglob("*.parquet")}
    assert set(files) == set(there)
    for name, path in there.items():
        assert files[name]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert files[name]["contentSize"] == f"{path.stat().st_size} B"
    sets = {entry["@id"]: entry["includes"] for entry in described["distribution"] if entry["@type"] == "cr:FileSet"}
    for dataset in ROWS:
        found = {path.relative_to(folder).as_posix() for path in folder.glob(sets[f"{dataset}-files"])}
        assert found == {name for name in there if f"/{dataset}/" in name}


def test_fields_of_croissant_are_the_columns_of_the_files(release):
    folder, shards, _ = release
    kinds = {"string": "sc:Text", "int64": "sc:Integer", "int32": "sc:Integer", "double": "sc:Float"}
    for record in json.loads((folder / "croissant.json").read_text())["recordSet"]:
        dataset = record["name"]
        schema = read_schema(folder / next(shard.path for shard in shards if shard.dataset == dataset))
        fields = {field["source"]["extract"]["column"]: field for field in record["field"]}
        assert list(fields) == list(schema)
        for name, type_ in schema.items():
            item = re.sub(r"list<\w+: (\w+)( not null)?>", r"\1", type_)
            assert fields[name]["dataType"] == kinds[item]
            assert fields[name].get("repeated", False) == (item != type_)
            assert fields[name]["source"]["fileSet"]["@id"] == f"{dataset}-files"
        assert {key["@id"] for key in record["key"]} <= {field["@id"] for field in record["field"]}
        assert fields["log10_flux"]["description"] == "A coupling. Unit: M_P."
        assert fields["h11"]["description"] == "Hodge number. Source: arXiv:1."


def test_the_head_of_the_card_finds_the_rows_that_its_table_counts(release):
    folder, _, configs = release
    text = (folder / "README.md").read_text()
    head = text.split("---\n")[1]
    card = yaml.safe_load(head)
    assert not re.search(r"[&*]id\d", head)  # references, which readers of cards need not know
    assert [entry["config_name"] for entry in card["configs"]] == [config["name"] for config in configs]
    assert [entry.get("default", False) for entry in card["configs"]] == [True, False, False]
    for entry, expected in zip(card["configs"], configs, strict=True):
        assert entry.get("columns") == expected["columns"]
        counted = []
        for part in entry["data_files"]:
            files = [path for pattern in part["path"] for path in folder.glob(pattern)]
            counted.append(sum(pl.scan_parquet(path).select(pl.len()).collect().item() for path in files))
        assert [part["split"] for part in entry["data_files"]] == ["train", "validation", "test"]
        assert f"| `{entry['config_name']}` | {' | '.join(map(str, counted))} |" in text


@pytest.mark.parametrize(
    ("rows", "name"),
    [
        (0, "n<1K"),
        (999, "n<1K"),
        (1000, "1K<n<10K"),
        (999_999, "100K<n<1M"),
        (10**7, "10M<n<100M"),
        (10**9, "1B<n<10B"),
    ],
)
def test_sizes_have_the_names_of_the_hub(rows, name):
    assert cards._size(rows) == name


def test_texts_say_what_the_records_say(release):
    folder, _, _ = release
    texts = {path.name: path.read_text() for path in folder.glob("*.*") if path.is_file()}
    model = MODELS["supergravity"]
    for dataset in ROWS:
        assert FAMILIES[dataset].text in texts["README.md"]
        assert FAMILIES[dataset].text in texts["DATASHEET.md"]
        assert FAMILIES[dataset].text in texts["croissant.json"]
        assert FAMILIES[dataset].bibliography.strip() in texts["CITATION.bib"]
    assert FAMILIES["fth6d"].text not in texts["README.md"]
    for name in ("README.md", "DATASHEET.md", "croissant.json"):
        assert model.text in texts[name] and model.toy_text in texts[name]
    assert model.bibliography.strip() in texts["CITATION.bib"]
    assert texts["CITATION.bib"].strip() in texts["README.md"]
    assert "Version 9.8.7" in texts["CITATION.bib"]
    for split in NAMES:
        assert f"- `{split}`: {SPLITS[split].text}" in texts["README.md"]
    assert f"{SPLITS['ood_hodge'].text} The smallest held out is 243 in `ks`, 43 in `cicy3`." in texts["README.md"]
    assert "| `ks` | 1,234 | 10 |" in texts["README.md"]
    assert "| stable | 75.0% | 75.0% |" in texts["README.md"] and "| runaway | 25.0% | 24.5% |" in texts["README.md"]
    assert "3 draws per geometry, a pseudo-random sample of each list" in texts["README.md"]
    assert "| share of failed rows | ks | 0.125 | <= 0.2 | yes |" in texts["DATASHEET.md"]
    assert "| share of largest class | ks | 0.5 | <= 0.8 | not judged: too few rows |" in texts["DATASHEET.md"]
    assert not any(re.search(r"\$[a-z]", text) for name, text in texts.items() if name != "LABELS.md")


def test_every_label_model_has_texts(release):
    _, shards, configs = release
    for name, model in MODELS.items():
        whole = {
            dataset: entry | {"geometries": FAMILIES[dataset].count} for dataset, entry in CHECKS["datasets"].items()
        }
        texts = cards.texts(run(name), CHECKS | {"datasets": whole}, COLUMNS, configs, shards, NAMES)
        expected = (cards.ROOT / model.document).read_text() if model.document else model.text
        assert expected in texts["LABELS.md"]
        assert f"label model `{name}`, 3 draws per geometry, the complete lists" in texts["README.md"]
