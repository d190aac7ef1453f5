"""The command line: what each command prints, and its exit status."""

import json
import subprocess

import numpy as np
import pytest
from click.testing import CliRunner

from vacuagym import cli as command_line
from vacuagym.benchmark import loading, scoring
from vacuagym.benchmark.splits import COLUMNS
from vacuagym.cli import cli
from vacuagym.errors import InputError
from vacuagym.fingerprints import file_sha256
from vacuagym.publish import checksums, manifest
from vacuagym.tables.shards import new_shard

DICTIONARY = "table,column,type,unit,meaning,source,role\nsplits,part,string,1,One of three.,,key\n"
MEMORY = "rule\twildcards\tmem_mb\tpeak_mb\trows\tseconds\nbuild_split\tsplit=iid\t300\t{}\t0\t1.0\n"


def call(*arguments, fails=False):
    """Exit status and output of a command."""
    done = CliRunner().invoke(cli, list(map(str, arguments)), catch_exceptions=not fails)
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, done.output


@pytest.fixture
def results(tmp_path):
    """A run with a manifest that knows one file."""
    folder = tmp_path / "results"
    folder.mkdir()
    path = folder / "data_dictionary.csv"
    path.write_text(DICTIONARY)
    entry = {"path": path.name, "bytes": path.stat().st_size, "sha256": file_sha256(path)}
    model = {"name": "supergravity", "draws": 3}
    config = {"n_limit": 7}
    described = {"version": "0", "seed": 1, "model": model, "config": config, "schemas": {}, "shards": []}
    (folder / "manifest.json").write_text("".join(manifest.as_text(described | {"files": [entry]})))
    return folder


@pytest.mark.parametrize("name", [None, *cli.commands])
def test_help_explains_every_command_and_option_in_80_columns(name):
    status, text = call(*filter(None, [name]), "--help")
    assert status == 0 and max(map(len, text.splitlines())) <= 80
    words = " ".join(text.split())
    if name is None:
        assert all(command.get_short_help_str(200)[:20] in words for command in cli.commands.values())
        return
    for option in cli.commands[name].params:
        if option.param_type_name == "option":
            assert option.opts[0] in words and " ".join(option.help.split()[:4]) in words
        else:
            assert f"{option.name.upper()}" in words.partition("Options:")[0].replace("Usage:", "", 1)


@pytest.fixture
def release(tmp_path):
    """A release of one table and one task."""
    folder = tmp_path / "release"
    with new_shard(folder / "splits" / "iid.parquet", COLUMNS, {"table": "splits"}) as write:
        part = np.array(["train", "train", "train", "test"])
        write({"dataset": np.full(4, "ks"), "geometry_id": np.arange(4), "part": part})
    (folder / "data_dictionary.csv").write_text(DICTIONARY)
    (folder / "edition.json").write_text('{"edition": "mini", "content": "abc", "version": "7.8.9"}')
    (folder / "inputs.json").write_text('{"barrier": {"ks": {}, "mine": {}}}')
    checksums.write_checksums(folder, {})
    return folder


def test_verify_names_what_is_damaged_and_removes_it_on_request(results):
    assert call("verify", "--results", results) == (0, "1 files are as the manifest says\n")
    path = results / "data_dictionary.csv"
    path.write_text(DICTIONARY.replace("three", "seven"))
    status, text = call("verify", "--results", results)
    assert status == 1 and str(path) in text and path.exists()
    status, text = call("verify", "--results", results, "--remove")
    assert status == 1 and str(path) in text and not path.exists()


def test_verify_compares_a_release_with_its_checksums(release, monkeypatch):
    done = subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=release, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.count(": OK") == 4
    (release / ".hidden").touch()
    assert call("verify", "--results", release) == (0, "4 files are as SHA256SUMS says\n")
    monkeypatch.chdir(release)
    assert call("verify") == (0, "4 files are as SHA256SUMS says\n")
    (release / "edition.json").unlink()
    (release / "inputs.json").write_text("{}")
    (release / "splits" / "more.parquet").touch()
    assert call("verify") == (
        1,
        "edition.json is missing\ninputs.json has another sha256\nsplits/more.parquet is not in the release\n"
        "Get them again.\n",
    )
    with pytest.raises(InputError, match="is a release: --remove and --edition are for a run"):
        call("verify", "--remove", fails=True)
    (release / "SHA256SUMS").write_text("no checksum")
    with pytest.raises(InputError, match="SHA256SUMS: cannot be read"):
        call("verify", fails=True)


def test_status_of_a_release_says_what_it_is(release, monkeypatch):
    monkeypatch.chdir(release)
    status, text = call("status")
    lines = text.splitlines()
    assert status == 0
    assert lines[:3] == ["release of VacuaGym 7.8.9, edition mini", "task barrier: ks, mine", "splits: iid"]
    assert ["splits", "1", "4"] in [line.split()[:3] for line in lines]
    status, text = call("describe", "iid")
    assert ["ks", "3", "0", "0", "1"] in [line.split() for line in text.splitlines()]


ALL = (["status"], ["describe"], ["describe", "h11"], ["verify"], ["evaluate", "x.parquet", "--split", "iid"])


@pytest.mark.parametrize("command", [*ALL, ["memory"], ["leaderboard"], ["convert", "--family", "ks", "a.txt", "b"]])
def test_in_an_empty_folder_a_line_says_what_is_missing_and_what_to_do(tmp_path, monkeypatch, capsys, command):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["vacuagym", *command])
    with pytest.raises(SystemExit) as end:
        command_line.main()
    output = capsys.readouterr()
    assert end.value.code == 2 and output.out == ""
    [line] = output.err.splitlines()
    missing = {"memory": "logs/memory.tsv", "leaderboard": "docs/leaderboard/README.md", "convert": "a.txt"}
    assert line.startswith(f"error: {missing.get(command[0], 'results')}: ") and len(line) <= 80
    assert any(todo in line for todo in ("run the workflow", "name a", "expected a file"))


@pytest.mark.parametrize(("peak", "status"), [(50.0, 1), (70.0, 0), (290.0, 0), (310.0, 1)])
def test_memory_fails_beyond_the_declared_and_below_a_fifth_of_it(tmp_path, peak, status):
    table = tmp_path / "memory.tsv"
    table.write_text(MEMORY.format(peak))
    found, text = call("memory", "--memory", table)
    assert found == status and ("build_split" in text) == bool(status)


def test_status_and_describe_print_what_there_is(results, tmp_path):
    table = tmp_path / "memory.tsv"
    table.write_text(MEMORY.format(95.0))
    status, text = call("status", "--results", results, "--memory", table)
    assert status == 0 and "n_limit 7" in text
    assert ["build_split", "1", "95", "300"] in [line.split() for line in text.splitlines()]
    assert call("describe", "part", "--results", results) == (0, "part: string, key, in splits. One of three.\n")
    status, text = call("describe", "--results", results)
    assert status == 0 and text.startswith(f"{'splits':<20}   1 columns\ndataset:\ntask: ")
    assert max(map(len, text.splitlines())) <= 80


def test_evaluate_hands_its_options_to_the_task_and_prints_what_it_says(results, tmp_path, monkeypatch):
    class Loaded:
        def evaluate(self, *given):
            assert given == (predictions, other, "val", 50, 3)
            return {"rows": 12}

    def load_task(*given):
        assert given == ("barrier", "ks", "iid", results)
        return Loaded()

    monkeypatch.setattr(loading, "load_task", load_task)
    monkeypatch.setattr(scoring, "as_text", lambda report: f"{report['rows']} rows scored")
    predictions, other = tmp_path / "predictions.parquet", tmp_path / "other.csv"
    predictions.touch()
    other.touch()
    options = ["--split", "iid", "--task", "barrier", "--part", "val", "--dataset", "ks", "--results", results]
    options += ["--against", other, "--resamples", "50", "--seed", "3"]
    assert call("evaluate", predictions, *options) == (0, "12 rows scored\n")
    status, text = call("evaluate", predictions, *options, "--json")
    assert status == 0 and json.loads(text) == {"rows": 12}


def test_the_main_task_is_scored_unless_another_is_named(results, tmp_path, monkeypatch):
    class Loaded:
        def evaluate(self, *given):
            assert given == (predictions, None, "test", 1000, 0)
            return {}

    def load_task(*given):
        assert given == ("stability", None, "iid", results)
        return Loaded()

    monkeypatch.setattr(loading, "load_task", load_task)
    predictions = tmp_path / "predictions.csv"
    predictions.touch()
    assert call("evaluate", predictions, "--split", "iid", "--results", results, "--json") == (0, "{}\n")


def test_bad_input_is_a_message_on_stderr(results, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["vacuagym", "describe", "parts", "--results", str(results)])
    with pytest.raises(SystemExit) as end:
        command_line.main()
    output = capsys.readouterr()
    assert end.value.code == 2 and output.out == ""
    assert output.err.startswith("error: parts: is no dataset") and "Traceback" not in output.err
    assert max(map(len, output.err.splitlines())) <= 80
