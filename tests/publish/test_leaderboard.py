"""The leaderboard: entries are complete and of a known edition, the page is in step, the example entry is what it says."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import vacuagym
from vacuagym.errors import InputError
from vacuagym.publish import leaderboard

ROOT = Path(__file__).parents[2]
BOARD = ROOT / "docs" / "leaderboard"


@pytest.fixture
def board(tmp_path):
    """A copy of the page and of the example entry."""
    shutil.copytree(BOARD / "majority", tmp_path / "leaderboard" / "majority")
    return Path(shutil.copy(BOARD / "README.md", tmp_path / "leaderboard")).parent


def test_the_page_is_in_step_with_the_entries(tmp_path):
    board = Path(shutil.copytree(BOARD, tmp_path / "leaderboard"))
    leaderboard.write_table(board)
    assert (board / "README.md").read_text() == (BOARD / "README.md").read_text()


def test_entries_hold_no_predictions_and_are_small():
    files = [path for path in BOARD.rglob("*") if path.is_file() and path.parent.name != "__pycache__"]
    assert {path.suffix for path in files} <= {".md", ".yaml", ".json", ".py"}
    for entry in BOARD.glob("*/"):
        assert sum(path.stat().st_size for path in entry.iterdir()) <= 200_000


def test_scores_are_ordered_by_edition_task_and_split_and_the_best_stands_first(board):
    other = shutil.copytree(board / "majority", board / "another")
    path = other / "stability-iid.json"
    report = json.loads(path.read_text())
    report["metrics"]["macro_f1"] = {"value": 0.75, "low": None, "high": None}
    path.write_text(json.dumps(report))
    info = yaml.safe_load((other / "info.yaml").read_text()) | {"name": "Another", "parameters": 12345}
    (other / "info.yaml").write_text(yaml.safe_dump(info))
    assert leaderboard.write_table(board) == 6
    page = (board / "README.md").read_text()
    _, scores = page.split("**Edition mini, `stability`, macro_f1**\n\n")
    _, _, *rows = scores.partition("\n\n")[0].splitlines()
    by_dataset = {name: found["metrics"]["macro_f1"]["value"] for name, found in report["datasets"].items()}
    values = "<br>".join(f"{name} {value:.3f}" for name, value in by_dataset.items())
    assert rows[0] == f"| `iid` | [Another](another) | 0.7500 |  | {values} | 12,345 | dataset |"
    assert [row.split("`")[1] for row in rows] == [
        split for split in ("iid", "ood_complexity", "ood_euler") for _ in range(2)
    ]


SCORES = {
    "no json": (lambda report: "macro_f1: 1", "is not what `vacuagym evaluate --json` prints"),
    "no metrics": (lambda report: report.pop("metrics") and None, "is not what .*KeyError"),
    "unknown task": (lambda report: report.update(task="stabilty"), "task 'stabilty': is unknown"),
    "protocol": (lambda report: report.update(split="cicy3_random_30"), "split 'cicy3_random_30': is unknown"),
    "other values": (lambda report: report["edition"].update(content="0" * 64), "is stamped mini, 000.*expected"),
    "other name": (lambda report: report["edition"].update(edition="1.0.0"), "is stamped 1.0.0.*expected a stamp of"),
    "validation": (lambda report: report.update(part="val"), "scores the part val, expected test"),
    "one dataset": (lambda report: report["datasets"].pop("ks") and None, "misses ks; score the whole task"),
    "no hash": (lambda report: report.update(predictions="none"), "has 'none' as the hash"),
    "no value": (lambda report: report["metrics"]["macro_f1"].update(value=None), "has no value of macro_f1"),
}


@pytest.mark.parametrize("case", SCORES)
def test_scores_that_are_not_of_a_complete_task_of_an_edition_are_refused(board, case):
    change, message = SCORES[case]
    path = board / "majority" / "stability-iid.json"
    report = json.loads(path.read_text())
    path.write_text(change(report) or json.dumps(report))
    with pytest.raises(InputError, match=message):
        leaderboard.read_scores(board)


def test_a_task_of_some_families_needs_their_datasets_alone(board):
    path = board / "majority" / "stability-iid.json"
    report = json.loads(path.read_text()) | {"task": "cicy3_hodge", "metrics": {"exact": {"value": 1.0}}}
    report["metrics"]["exact"] |= {"low": 0.9, "high": 1.0}
    report["datasets"] = {"cicy3": {"metrics": report["metrics"]}}
    path.write_text(json.dumps(report))
    assert [score.task for score in leaderboard.read_scores(board)] == ["stability", "stability", "cicy3_hodge"]
    path.write_text(json.dumps(report | {"task": "ks_hodge"}))
    with pytest.raises(InputError, match="misses ks"):
        leaderboard.read_scores(board)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": ""}, "name is '', expected a text"),
        ({"parameters": "many"}, "parameters is 'many', expected a whole number"),
        ({"date": "last week"}, "date is 'last week', expected a date"),
        ({"colour": "blue"}, "expected the keys name, authors, date, code, model, parameters, inputs"),
    ],
)
def test_what_an_entry_must_say_of_itself(board, change, message):
    path = board / "majority" / "info.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | change))
    with pytest.raises(InputError, match=message):
        leaderboard.read_scores(board)


def test_what_is_no_leaderboard_is_named(board):
    for path in (board / "majority").glob("*.json"):
        path.unlink()
    with pytest.raises(InputError, match="majority: has no scores"):
        leaderboard.read_scores(board)
    shutil.rmtree(board / "majority")
    (board / "README.md").write_text("# No table\n")
    with pytest.raises(InputError, match="has no place for the table"):
        leaderboard.write_table(board)
    (board / "README.md").unlink()
    with pytest.raises(InputError, match="README.md: does not exist"):
        leaderboard.write_table(board)


@pytest.mark.slow
def test_the_example_entry_is_what_its_script_and_the_workflow_make(tmp_path):
    """Every score of it, from nothing: the edition, the predictions by their hash, every metric and interval."""
    options = ["--cores", "2", "--directory", str(tmp_path), "--config", "n_limit=1000"]
    command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), *options]
    targets = ["results/edition.json", "results/data_dictionary.csv"]
    done = subprocess.run([*command, "--", *targets], cwd=ROOT, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stdout + done.stderr
    entry = BOARD / "majority"
    for path in entry.glob("*.json"):
        task, _, split = path.stem.partition("-")
        script = [sys.executable, str(entry / "predict.py"), str(tmp_path / "results"), split, "predictions.parquet"]
        subprocess.run(script, cwd=tmp_path, check=True, timeout=600)
        found = vacuagym.load_task(task, split=split, folder=tmp_path / "results")
        found, said = found.evaluate(tmp_path / "predictions.parquet"), json.loads(path.read_text())
        metrics = [
            [report.pop("metrics"), *(entry.pop("metrics") for entry in report["datasets"].values())]
            for report in (found, said)
        ]
        classes = [[entry.pop("classes") for entry in report["datasets"].values()] for report in (found, said)]
        assert found == said
        for mine, stored in (metrics, classes):
            for values, expected in zip(mine, stored, strict=True):
                assert values.keys() == expected.keys()
                for name in values:
                    assert values[name] == pytest.approx(expected[name], rel=1e-9)
