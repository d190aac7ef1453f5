"""What the command line says about a run."""

import numpy as np
import pytest
from click.testing import CliRunner

from vacuagym import manifest, steps
from vacuagym.cli import cli
from vacuagym.errors import InputError
from vacuagym.overview import describe, status
from vacuagym.splits import COLUMNS
from vacuagym.tables.shards import new_shard


@pytest.fixture
def run(tmp_path):
    """A folder with two split tables, a dictionary of ks and fth6d, and the memory of three jobs."""
    results = tmp_path / "results"
    for split, rows in (("iid", 1200), ("ood_hodge", 34)):
        with new_shard(results / "splits" / f"{split}.parquet", COLUMNS, {"table": "splits"}) as write:
            write({"dataset": np.full(rows, "ks"), "geometry_id": np.arange(rows), "part": np.full(rows, "val")})
    steps.build_data_dictionary(["ks", "fth6d"], {"name": "supergravity"}, results / "data_dictionary.csv")
    memory = tmp_path / "memory.tsv"
    memory.write_text(
        "rule\twildcards\tmem_mb\tpeak_mb\nbuild_split\tsplit=iid\t300\t90.5\n"
        "build_split\tsplit=ood_hodge\t300\t86.2\nbuild_manifest\t\t200\t78.0\n"
    )
    return results, memory


def test_status_of_a_run_without_and_with_a_manifest(run):
    results, memory = run
    lines = list(status(results, memory))
    assert "not complete" in lines[0] and "n_limit" not in "\n".join(lines)
    assert ["splits", "2", "1,234"] in [line.split()[:3] for line in lines]
    assert ["build_split", "2", "90", "300"] in [line.split() for line in lines]
    shards = sorted(results.rglob("*.parquet"))
    config = {"seed": 7, "model": {"name": "supergravity", "draws": 3}, "n_limit": None}
    entries = [
        {"path": path.relative_to(results).as_posix(), "schema": "splits", "rows": 617, "bytes": 1} for path in shards
    ]
    described = {"version": "0", **config, "config": config, "schemas": {}, "shards": entries, "files": []}
    (results / "manifest.json").write_text("".join(manifest.as_text(described)))
    whole = "\n".join(status(results, memory))
    assert "seed 7, n_limit null" in whole and "supergravity, 3 draws" in whole and "data_dictionary.csv" in whole


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (None, ["features/ks", "labels/fth6d", "splits", "baselines"]),
        ("ks", ["201,230 geometries", "features/ks", "labels/ks"]),
        ("labels/ks", ["stability", "outcome", "condensate_rank", "coupling"]),
        ("h11", ["h11: int32, feature, in features/ks", "features/fth6d", "Hodge number"]),
        ("potential_value", ["outcome, in labels/ks, labels/fth6d", "Unit: M_P^4."]),
    ],
)
def test_datasets_tables_and_columns_are_described(run, name, expected):
    text = "\n".join(describe(run[0], name))
    for part in expected:
        assert part in text
    if name == "ks":
        assert "fth6d" not in text


def test_unknown_names_come_with_those_that_are_close(run):
    with pytest.raises(InputError, match="do you mean .*stability"):
        list(describe(run[0], "stabilty"))
    with pytest.raises(InputError, match="the tables are features/ks"):
        list(describe(run[0], "zzzzzz"))


def test_a_missing_or_foreign_dictionary_is_named(run):
    path = run[0] / "data_dictionary.csv"
    path.write_text("table,column\nsplits,part\n")
    with pytest.raises(InputError, match="not the data dictionary of this version"):
        list(describe(run[0], "part"))
    path.unlink()
    with pytest.raises(InputError, match="run the workflow first"):
        list(describe(run[0], None))


@pytest.mark.parametrize("command", ["verify", "evaluate", "status", "describe"])
def test_every_command_has_help(command):
    done = CliRunner().invoke(cli, [command, "--help"])
    assert done.exit_code == 0 and "--results" in done.output


def test_commands_print(run):
    results, memory = run
    done = CliRunner().invoke(cli, ["status", "--results", str(results), "--memory", str(memory)])
    assert done.exit_code == 0 and "build_manifest" in done.output
    done = CliRunner().invoke(cli, ["describe", "part", "--results", str(results)])
    assert done.exit_code == 0 and "train, val or test" in done.output
