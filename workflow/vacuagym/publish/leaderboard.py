"""The leaderboard: entries, each a folder with scores and what made them, and the table of them in a page.

An entry has no predictions. Its scores hold the hash of the predictions and the stamp of the edition, so that whoever
makes the predictions again can tell that they are the same.
"""

import datetime
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import yaml

from vacuagym.benchmark.metrics import KINDS
from vacuagym.benchmark.splits import SPLITS
from vacuagym.benchmark.splits.base import Split
from vacuagym.benchmark.tasks import TASKS
from vacuagym.benchmark.tasks.base import Task
from vacuagym.errors import InputError
from vacuagym.geometry import FAMILIES
from vacuagym.publish import editions
from vacuagym.tables.shards import write_text

INFO = "info.yaml"
PAGE = "README.md"
BEGIN, END = "<!-- scores: written by vacuagym leaderboard -->", "<!-- end of scores -->"

_INFO = {
    "name": (str, "a text"),
    "authors": (list, "a list of names"),
    "date": (datetime.date, "a date, as 2026-11-26"),
    "code": (str, "a link or a file beside it"),
    "model": (str, "a text"),
    "parameters": (int, "a whole number"),
    "inputs": (str, "a text"),
}
_HEAD = ("split", "entry", "value", "95 % interval", "by dataset", "parameters", "inputs")


class Score(NamedTuple):
    """A row of the table: one file of scores of an entry."""

    entry: str  # name of the folder
    info: dict
    edition: str
    task: str
    split: str
    metric: str
    value: float  # mean of the datasets
    low: float | None
    high: float | None
    datasets: dict[str, float]


def read_scores(folder: Path) -> list[Score]:
    """Read and check every entry of a leaderboard.

    Parameters
    ----------
    folder : Path
        Its subfolders are the entries.

    Returns
    -------
    list of Score
        By edition, task and split; the best first.

    Raises
    ------
    InputError
        An entry lacks something, or its scores are not of a complete test part of a known edition.
    """
    if not (folder / PAGE).is_file():
        raise InputError(folder / PAGE, "does not exist; name a leaderboard's folder")
    stamps = editions.known_stamps()
    scores = [score for entry in sorted(folder.glob("*/")) for score in _read_entry(entry, stamps)]
    names = [name for name, _ in stamps.values()]

    def rank(score: Score) -> tuple:
        task, split = list(TASKS).index(score.task), list(SPLITS).index(score.split)
        return names.index(score.edition), task, split, -score.value, score.entry

    return sorted(scores, key=rank)


def _read_entry(entry: Path, stamps: Mapping[str, tuple[str, list[str]]]) -> Iterator[Score]:
    info, files = _read_info(entry / INFO), sorted(entry.glob("*.json"))
    if not files:
        raise InputError(entry, "has no scores; expected what `vacuagym evaluate --json` prints, in files *.json")
    for path in files:
        try:
            report = json.loads(path.read_text(encoding="utf-8"))
            yield Score(entry.name, info, *_checked(path, report, stamps))
        except InputError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(path, f"is not what `vacuagym evaluate --json` prints ({error!r})") from error


def _read_info(path: Path) -> dict:
    try:
        info = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise InputError(path, f"cannot be read ({error})") from error
    if not isinstance(info, dict) or info.keys() != _INFO.keys():
        raise InputError(path, f"expected the keys {', '.join(_INFO)}")
    for key, (type_, expected) in _INFO.items():
        if type(info[key]) is not type_ or info[key] in ("", []):
            raise InputError(path, f"{key} is {info[key]!r}, expected {expected}")
    return info


def _tested(task: Task, split: Split, datasets: Sequence[str]) -> list[str]:
    """The datasets of an edition that have test rows of a task."""
    if split.holds_out:
        return [split.holds_out]
    thresholds = split.thresholds(FAMILIES) or dict.fromkeys(datasets, 0)
    return [name for name in datasets if name in (task.families or datasets) and thresholds[name] is not None]


def _checked(path: Path, report: dict, stamps: Mapping[str, tuple[str, list[str]]]) -> tuple:
    """Edition, task, split, headline metric, values and interval of a report that may stand on the leaderboard."""
    task, split, stamp = TASKS[report["task"]], SPLITS[report["split"]], report["edition"]
    edition, datasets = stamps.get(stamp["content"], ("", []))
    if not edition or edition != stamp["edition"]:
        known = ", ".join(name for name, _ in stamps.values())
        raise InputError(path, f"is stamped {stamp['edition']}, {stamp['content']}; expected a stamp of {known}")
    if report["part"] != "test":
        raise InputError(path, f"scores the part {report['part']}, expected test")
    if missing := set(_tested(task, split, datasets)) - set(report["datasets"]):
        raise InputError(path, f"misses {', '.join(sorted(missing))}; score the whole task, without --dataset")
    if not re.fullmatch("[0-9a-f]{64}", report["predictions"]):
        raise InputError(path, f"has {report['predictions']!r} as the hash of the predictions, expected a SHA-256")
    metric = KINDS[task.targets[0].kind].headline
    found = report["metrics"][metric]
    values = {name: part["metrics"][metric]["value"] for name, part in report["datasets"].items()}
    if not all(isinstance(value, float) for value in (found["value"], *values.values())):
        raise InputError(path, f"has no value of {metric}")
    return edition, task.name, split.name, metric, found["value"], found["low"], found["high"], values


def write_table(folder: Path) -> int:
    """Put the scores of all entries of a leaderboard into its page, one table per edition and task.

    Returns
    -------
    int
        The number of scores.

    Raises
    ------
    InputError
        As of `read_scores`, or the page has no place for the table.
    """
    scores, path = read_scores(folder), folder / PAGE
    page = path.read_text(encoding="utf-8")
    place = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
    if len(place.findall(page)) != 1:
        raise InputError(path, f"has no place for the table; expected a line {BEGIN} and, below it, {END}")
    tables = "\n".join([BEGIN, "", *as_markdown(scores), END])
    write_text(path, [place.sub(lambda _: tables, page)])
    return len(scores)


def as_markdown(scores: Sequence[Score]) -> Iterator[str]:
    """The lines of the tables of scores, sorted by edition and task."""
    for (edition, task, metric), rows in itertools.groupby(scores, attrgetter("edition", "task", "metric")):
        yield from (f"**Edition {edition}, `{task}`, {metric}**", "")
        yield from (f"| {' | '.join(cells)} |" for cells in (_HEAD, ["---"] * len(_HEAD), *map(_row, rows)))
        yield ""


def _row(score: Score) -> tuple[str, ...]:
    interval = "" if score.low is None else f"{score.low:.4f} to {score.high:.4f}"
    return (
        f"`{score.split}`",
        f"[{score.info['name']}]({score.entry})",
        f"{score.value:.4f}",
        interval,
        "<br>".join(f"{name} {value:.3f}" for name, value in score.datasets.items()),
        f"{score.info['parameters']:,}",
        score.info["inputs"],
    )
