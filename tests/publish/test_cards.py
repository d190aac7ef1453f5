"""The texts of a release: they name the files there are, describe their columns, and say what the records say."""

import hashlib
import json
import re

import polars as pl
import pytest
import yaml

from vacuagym.benchmark.splits import SPLITS
from vacuagym.benchmark.tasks import TASKS
from vacuagym.benchmark.tasks.base import DRAW, GEOMETRY
from vacuagym.geometry import FAMILIES
from vacuagym.models import MODELS
from vacuagym.publish import cards
from vacuagym.publish.release import Config, Shard, Table
from vacuagym.schema import CLASSES, COUPLING, DRAW_KEYS, FEATURE, GEOMETRY_KEYS, Column, names_of
from vacuagym.tables.frames import to_arrow
from vacuagym.tables.shards import arrow_schema, new_shard, read_schema

NAMES = ["iid", "ood_euler"]
H11 = Column("h11", "int32", "1", "Hodge number.", "arXiv:1", role=FEATURE)
DEGREES = Column("degrees", "list<int32>", "1", "A list.", role=FEATURE)
IS_FAVOURABLE = Column("is_favourable", "bool", "1", "A flag.", role=FEATURE)
LABELS = [
    *DRAW_KEYS,
    H11,
    Column("log10_flux", "float64", "M_P", "A coupling.", role=COUPLING),
    Column("stability", "string", "1", "The class."),
]
TABLES = {
    "ks": [Table("features", GEOMETRY, [*GEOMETRY_KEYS, H11, DEGREES], {}), Table("labels", DRAW, LABELS, {})],
    "cicy3": [
        Table("features", GEOMETRY, [*GEOMETRY_KEYS, H11, IS_FAVOURABLE], {}),
        Table("labels", DRAW, LABELS, {}),
    ],
}
ROWS = {
    "ks": {("train", "train"): 5, ("val", "val"): 2, ("test", "test"): 3},
    "cicy3": {("train", "test"): 4, ("val", "train"): 1, ("test", "val"): 2, ("train", "ood_val"): 6},
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
        for k, dataset in enumerate(TABLES)
    },
}


def run(model="supergravity"):
    config = {"splits": {"ood_euler": {"ks": 243, "cicy3": 43}}}
    config["datasets"] = {dataset: {"family": dataset, "source": "generate"} for dataset in TABLES}
    return {"version": "9.8.7", "seed": 5, "model": {"name": model, "draws": 3}, "config": config}


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """A folder with small files, the files, and the configurations, and the texts about them."""
    folder, shards = tmp_path_factory.mktemp("release"), []
    for dataset, files in ROWS.items():
        for table in TABLES[dataset]:
            for parts, rows in files.items():
                path = folder / table.name / dataset / f"{'-'.join(parts)}-00000.parquet"
                values = {"dataset": dataset, "h11": 3, "stability": "stable", "log10_flux": 0.5, "degrees": [1, 2]}
                values |= {"is_favourable": True}
                frame = pl.DataFrame([values | {"geometry_id": k, "sample": 0} for k in range(rows)])
                with new_shard(path, table.columns, {"table": f"release/{table.name}/{dataset}"}) as write:
                    write(to_arrow(frame, arrow_schema(table.columns, {})))
                content, name = path.read_bytes(), path.relative_to(folder).as_posix()
                sha256 = hashlib.sha256(content).hexdigest()
                shards.append(Shard(name, table.name, dataset, parts, rows, len(content), sha256))
    configs = [config(name, name, "labels", list(ROWS), names_of(LABELS)) for name in NAMES]
    configs += [
        config("ks-iid", "iid", "labels", ["ks"], names_of(LABELS)),
        config("ks-iid-geometries", "iid", "features", ["ks"], ["dataset", "geometry_id", "degrees"]),
        config("cicy3_hodge-iid", "iid", "features", ["cicy3"], ["geometry_id", "is_favourable"]),
    ]
    for name, text in cards.texts(run(), CHECKS, TABLES, configs, shards, NAMES).items():
        (folder / name).write_text(text)
    return folder, shards, configs


def config(name, split, table, datasets, columns):
    files, k = {}, NAMES.index(split)
    for part in SPLITS[split].parts:
        pattern = "-".join(part if i == k else "*" for i in range(len(NAMES)))
        there = [dataset for dataset in datasets if part in {parts[k] for parts in ROWS[dataset]}]
        files[part] = [f"{table}/{dataset}/{pattern}-*.parquet" for dataset in there]
    return Config(name, split, table, datasets, columns, files)


def test_croissant_names_every_file_there_is_with_its_hash_and_size(release):
    folder, _, _ = release
    described = json.loads((folder / "croissant.json").read_text())
    files = {entry["contentUrl"]: entry for entry in described["distribution"] if entry["@type"] == "cr:FileObject"}
    there = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.parquet")}
    assert set(files) == set(there)
    for name, path in there.items():
        assert files[name]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert files[name]["contentSize"] == f"{path.stat().st_size} B"
    sets = {entry["@id"]: entry["includes"] for entry in described["distribution"] if entry["@type"] == "cr:FileSet"}
    assert set(sets) == {f"{dataset}-{table}-files" for dataset in ROWS for table in ("features", "labels")}
    for dataset in ROWS:
        for table in ("features", "labels"):
            found = {path.relative_to(folder).as_posix() for path in folder.glob(sets[f"{dataset}-{table}-files"])}
            assert found == {name for name in there if name.startswith(f"{table}/{dataset}/")}


def test_fields_of_croissant_are_the_columns_of_the_files(release):
    folder, shards, _ = release
    kinds = {"string": "sc:Text", "int64": "sc:Integer", "int32": "sc:Integer", "double": "sc:Float"}
    kinds["bool"] = "sc:Boolean"
    records = json.loads((folder / "croissant.json").read_text())["recordSet"]
    assert [record["name"] for record in records] == ["ks-features", "ks-labels", "cicy3-features", "cicy3-labels"]
    for record in records:
        dataset, table = record["name"].split("-")
        path = next(shard.path for shard in shards if (shard.dataset, shard.table) == (dataset, table))
        schema = read_schema(folder / path)
        fields = {field["source"]["extract"]["column"]: field for field in record["field"]}
        assert list(fields) == list(schema)
        for name, type_ in schema.items():
            item = re.sub(r"list<\w+: (\w+)( not null)?>", r"\1", type_)
            assert fields[name]["dataType"] == kinds[item]
            assert fields[name].get("repeated", False) == (item != type_)
            assert fields[name]["source"]["fileSet"]["@id"] == f"{record['name']}-files"
        key = ["dataset", "geometry_id", "sample"] if table == "labels" else ["dataset", "geometry_id"]
        assert [entry["@id"] for entry in record["key"]] == [f"{record['name']}/{name}" for name in key]
        assert fields["h11"]["description"] == "Hodge number. Source: arXiv:1."
    assert fields["log10_flux"]["description"] == "A coupling. Unit: M_P."


def test_the_head_of_the_card_finds_the_rows_that_its_table_counts(release):
    folder, _, configs = release
    text = (folder / "README.md").read_text()
    head = text.split("---\n")[1]
    card = yaml.safe_load(head)
    assert not re.search(r"[&*]id\d", head)  # references, which readers of cards need not know
    assert [entry["config_name"] for entry in card["configs"]] == [config.name for config in configs]
    assert [entry.get("default", False) for entry in card["configs"]] == [True, False, False, False, False]
    for entry, expected in zip(card["configs"], configs, strict=True):
        assert entry["columns"] == expected.columns
        counted = {}
        for part in entry["data_files"]:
            files = [path for pattern in part["path"] for path in folder.glob(pattern)]
            counted[part["split"]] = sum(len(pl.read_parquet(path)) for path in files)
        parts = ["train", "validation", "ood_validation", "test"]
        assert list(counted) == [part for part in parts if part != "ood_validation" or expected.split != "iid"]
        shown = [str(counted.get(part, "")) for part in cards.VIEW.values()]
        assert f"| `{entry['config_name']}` | {len(expected.columns)} | {' | '.join(shown)} |" in text


def test_the_head_of_the_card_gives_the_type_of_every_column_and_the_names_of_the_classes(release):
    folder, shards, configs = release
    described = yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])["dataset_info"]
    assert [entry["config_name"] for entry in described] == [config.name for config in configs]
    for entry, config in zip(described, configs, strict=True):
        assert [feature["name"] for feature in entry["features"]] == config.columns
        for feature in entry["features"]:
            name = feature["name"]
            column = next(c for table in TABLES[config.datasets[0]] for c in table.columns if c.name == name)
            if name == "stability":
                names = feature["dtype"]["class_label"]["names"]
                assert names == {str(number): name for number, name in enumerate(CLASSES)}
            elif column.type.startswith("list"):
                assert f"list<{feature['list']}>" == column.type
            else:
                assert feature["dtype"] == column.type


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
    assert f"{SPLITS['ood_euler'].text} The smallest held out is 243 in `ks`, 43 in `cicy3`." in texts["README.md"]
    assert "| `ks` | 1,234 | 10 |" in texts["README.md"]
    assert "| stable | 75.0% | 75.0% |" in texts["README.md"] and "| runaway | 25.0% | 24.5% |" in texts["README.md"]
    tasks = {
        task.name for task in TASKS.values() if f"| `{task.name}` | {task.row} | {task.text} |" in texts["README.md"]
    }
    assert tasks == {"stability"}  # the others need columns that are not there
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
        texts = cards.texts(run(name), CHECKS | {"datasets": whole}, TABLES, configs, shards, NAMES)
        expected = (cards.ROOT / model.document).read_text() if model.document else model.text
        assert expected in texts["LABELS.md"]
        assert f"label model `{name}`, 3 draws per geometry, the complete lists" in texts["README.md"]
