"""The command line: what each command prints, and its exit status."""

import json

import pytest
from click.testing import CliRunner

from vacuagym import cli as command_line
from vacuagym.benchmark import loading, scoring
from vacuagym.cli import cli
from vacuagym.fingerprints import file_sha256
from vacuagym.publish import manifest

DICTIONARY = "table,column,type,unit,meaning,source,role\nsplits,part,string,1,One of three.,,key\n"
MEMORY = "rule\twildcards\tmem_mb\tpeak_mb\trows\tseconds\nbuild_split\tsplit=iid\t300\t{}\t0\t1.0\n"


def call(*arguments):
    """Exit status and output of a command."""
    done = CliRunner().invoke(cli, list(map(str, arguments)))
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


def test_verify_names_what_is_damaged_and_removes_it_on_request(results):
    assert call("verify", "--results", results) == (0, "1 files are as the manifest says\n")
    path = results / "data_dictionary.csv"
    path.write_text(DICTIONARY.replace("three", "seven"))
    status, text = call("verify", "--results", results)
    assert status == 1 and str(path) in text and path.exists()
    status, text = call("verify", "--results", results, "--remove")
    assert status == 1 and str(path) in text and not path.exists()


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
    assert call("describe", "--results", results) == (0, f"{'splits':<20}   1 columns\n")


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


def test_bad_input_is_one_line_on_stderr(results, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["vacuagym", "describe", "parts", "--results", str(results)])
    with pytest.raises(SystemExit) as end:
        command_line.main()
    output = capsys.readouterr()
    assert end.value.code == 2 and output.out == ""
    assert output.err.startswith("error: parts: is no dataset") and output.err.count("\n") == 1
