"""The manifest and the recipes of the tables, on a run of a few rows whose tables hold nothing but keys."""

import numpy as np
import pytest
from click.testing import CliRunner

from vacuagym.cli import cli
from vacuagym.config import read_config
from vacuagym.errors import InputError
from vacuagym.publish import manifest
from vacuagym.publish.manifest import build_manifest
from vacuagym.recipes import paths_of, tables_of
from vacuagym.schema import GEOMETRY_KEYS
from vacuagym.tables.shards import new_shard

CONFIG = read_config({"n_limit": 6, "shard_rows": 4, "datasets": {"cicy3": None, "fth6d": None}})
DICTIONARY = "results/data_dictionary.csv"


def keys_of(recipe, tables):
    """(dataset, geometry_id) of the rows of a table, as a run would have them."""
    if recipe["table"] == "splits":
        return [keys for path in paths_of(tables, "features") for keys in keys_of(tables[path], tables)]
    copies = recipe["model"]["draws"] if recipe["table"].startswith("labels/") else 1
    return [(recipe["dataset"], 1000 - row) for row in range(*recipe["rows"]) for _ in range(copies)]


def write(path, recipe, keys):
    with new_shard(path, GEOMETRY_KEYS, recipe) as write_batch:
        datasets, ids = zip(*keys, strict=True)
        write_batch({"dataset": np.array(datasets), "geometry_id": np.array(ids)})


def make_run(folder, config=CONFIG):
    tables = tables_of(config)
    for path, recipe in tables.items():
        if path.startswith("results/"):
            write(folder / path, recipe, keys_of(recipe, tables))
    (folder / DICTIONARY).write_text("table,column\n")
    return tables


def finish(folder, config=CONFIG):
    build_manifest(folder.joinpath, tables_of(config), [DICTIONARY], config, folder / "results" / "manifest.json")


@pytest.fixture
def run(tmp_path):
    make_run(tmp_path)
    return tmp_path


def verify(folder, *arguments):
    found = CliRunner().invoke(cli, ["verify", "--results", str(folder / "results"), *arguments])
    return found.exit_code, found.output.replace("\n  ", " ").splitlines()  # of wrapped texts


def test_the_manifest_holds_every_table_and_the_same_bytes_each_time(run):
    finish(run)
    described, first = manifest.load(run / "results"), (run / "results" / "manifest.json").read_bytes()
    expected = {path for path in tables_of(CONFIG) if path.startswith("results/")}
    assert {"results/" + entry["path"] for entry in described["shards"]} == expected
    n_splits = 3
    assert sum(entry["rows"] for entry in described["shards"]) == 6 + 6 + 6 * CONFIG["model"]["draws"] + 6 * n_splits
    assert described["files"][0]["path"] == "data_dictionary.csv"
    finish(run, CONFIG | {"resources": {}})
    assert (run / "results" / "manifest.json").read_bytes() == first
    assert verify(run) == (0, ["10 files are as the manifest says"])


@pytest.mark.parametrize(
    "change",
    [{"seed": 3}, {"model": CONFIG["model"] | {"name": "toy_eft"}}, {"n_limit": 7}, {"shard_rows": 2}],
    ids=["seed", "model", "n_limit", "shard_rows"],
)
def test_tables_of_another_configuration_are_not_taken_into_a_manifest(run, change):
    with pytest.raises(InputError, match="does not belong to this run|No such file"):
        finish(run, CONFIG | change)
    assert not (run / "results" / "manifest.json").exists()


def test_tables_of_other_code_are_not_taken_into_a_manifest(run, monkeypatch):
    monkeypatch.setattr("vacuagym.recipes.source_hash", lambda *parts: "f" * 64)
    with pytest.raises(InputError, match="part-00000.parquet: does not belong to this run: its code is .*ffffffffffff"):
        finish(run)


@pytest.mark.parametrize("table", ["features", "labels", "stability", "splits"])
@pytest.mark.parametrize("damage", ["lost", "doubled", "moved"])
def test_rows_are_conserved_from_table_to_table(run, table, damage):
    tables = tables_of(CONFIG)
    path = paths_of(tables, table)[0]
    keys = keys_of(tables[path], tables)
    keys = {"lost": keys[:-1], "doubled": [keys[0], *keys[:-1]], "moved": keys[::-1]}[damage]
    write(run / path, tables[path], keys)
    with pytest.raises(InputError, match="does not hold"):
        finish(run)


def test_orphans_are_removed_and_files_of_others_are_left(run):
    results = run / "results"
    part = results / "features" / "ks" / "part-00001.parquet"
    duplicate, older = part.with_name("part-00007.parquet"), results / "labels" / "fth6d" / "part-00000.parquet"
    older.parent.mkdir()
    for orphan in (duplicate, older):
        orphan.write_bytes(part.read_bytes())
    unfinished = part.with_name(".part-00009.parquet.0123.tmp")
    unfinished.write_bytes(b"of a writer that was killed")
    finish(run)
    assert not duplicate.exists() and not older.exists() and not unfinished.exists()
    assert verify(run)[0] == 0
    duplicate.write_bytes(part.read_bytes())
    status, lines = verify(run)
    assert status == 1 and len(lines) == 2 and "part-00007.parquet is not in the manifest" in lines[0]
    foreign = part.with_name("notes.parquet")
    foreign.write_bytes(b"somebody's own")
    with pytest.raises(InputError, match="notes.parquet: is no table of this run; move or delete it"):
        finish(run)
    assert foreign.exists()


def test_two_hundred_random_corruptions_of_finished_files_are_found(run):
    finish(run)
    geometries = "resources/geometries/ks/part-00000.parquet"
    write(run / geometries, tables_of(CONFIG)[geometries], [("ks", number) for number in range(100)])
    files = sorted(path for path in run.rglob("*") if path.is_file())
    random = np.random.default_rng(20260101)
    for number in range(200):
        path = files[number % len(files)]
        good = path.read_bytes()
        place = int(random.integers(len(good)))
        flipped = good[:place] + bytes([good[place] ^ (1 << random.integers(8))]) + good[place + 1 :]
        path.write_bytes([flipped, good[:place], good + b"\0"][number % 3])
        status, lines = verify(run)
        assert status == 1 and len(lines) == 2 and path.relative_to(run).as_posix() in lines[0]
        path.write_bytes(good)
    assert verify(run)[0] == 0


def test_remove_leaves_what_the_next_run_makes_again(run):
    finish(run)
    good = {path: path.read_bytes() for path in sorted((run / "results").rglob("*")) if path.is_file()}
    victims = [path for path in good if "/labels/" in str(path) or path.name == "data_dictionary.csv"]
    for path in victims:
        path.write_bytes(good[path][:-1])
    status, lines = verify(run, "--remove")
    assert (
        status == 1 and len(lines) - 1 == len(victims) == 3 and lines[-1] == "They are deleted: run the workflow again."
    )
    left = {path for path in good if path.exists()}
    assert left == set(good) - {*victims, run / "results" / "manifest.json"}
    make_run(run)
    finish(run)
    assert {path: path.read_bytes() for path in good} == good
