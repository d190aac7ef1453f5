"""The command line ``vacuagym``."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

import click

from vacuagym import __version__
from vacuagym.errors import InputError
from vacuagym.run import write_utf8


def _say(*texts: str, err: bool = False) -> None:
    """Print texts in lines of at most 80 columns."""
    from vacuagym.publish.overview import wrapped

    for text in texts:
        click.echo("\n".join(wrapped(text)), err=err)


def _folder(context: click.Context, option: click.Parameter, given: Path | None) -> Path:
    """The folder that is named; without a name `results`, or this folder if it is a release."""
    from vacuagym.publish.checksums import is_release

    folder = given or Path("." if is_release(Path()) else "results")
    if not folder.is_dir():
        raise InputError(folder, "is no folder; run the workflow here, or name one: --results")
    return folder


RESULTS = click.option(
    "--results",
    type=click.Path(path_type=Path),
    callback=_folder,
    help="Folder with the results of a run, or a release.  [default: results, or this folder if it is a release]",
)
MEMORY = click.option(
    "--memory",
    "table",
    type=click.Path(path_type=Path),
    default="logs/memory.tsv",
    show_default=True,
    help="Table in which the jobs recorded their memory.",
)


@click.group(context_settings={"max_content_width": 80})
@click.version_option(__version__)
def cli() -> None:
    """Inspect, check and score the results of the VacuaGym workflow."""


@cli.command()
@RESULTS
@click.option("--remove", is_flag=True, help="Delete damaged files, so that the next run makes them again.")
@click.option("--edition", help="Compare the values with those of an edition too, for example 1.0.")
def verify(results: Path, remove: bool, edition: str | None) -> None:
    """Check every file of a run against its manifest, or of a release against its checksums.

    The exit status is 1 if any file is missing, damaged or unknown, or if values are not those of the edition.
    """
    from vacuagym.publish import checksums

    if checksums.is_release(results):
        if remove or edition:
            raise InputError(results, "is a release: --remove and --edition are for a run")
        _end_if_damaged(checksums.damaged(results), "Get them again.")
        _say(f"{len(checksums.read_checksums(results))} files are as {checksums.CHECKSUMS} says")
        return
    from vacuagym.publish import editions, manifest

    if remove:
        check, todo = manifest.remove_damaged, "They are deleted: run the workflow again."
    else:
        check, todo = manifest.damaged, "Delete them with verify --remove, then run the workflow again."
    _end_if_damaged(check(results), todo)
    described = manifest.load(results)
    _say(f"{len(described['shards'] + described['files'])} files are as the manifest says")
    if edition:
        found = list(editions.differences(editions.content_of(manifest.run_of(results)), edition))
        _say(*found)
        if found:
            sys.exit(1)
        _say(f"every value is that of edition {edition}")


def _end_if_damaged(found: Iterable[tuple[Path, str]], todo: str) -> None:
    """Name the damaged files and what to do, and end with status 1, if there are any."""
    lines = [f"{path} {reason}" for path, reason in found]
    if lines:
        _say(*lines, todo)
        sys.exit(1)


@cli.command()
@MEMORY
def memory(table: Path) -> None:
    """Check the memory that rules declare.

    The exit status is 1 if a job used more than its rule declares, or all jobs of a rule used less than a fifth of it.
    """
    from vacuagym.job import check_declared_memory

    faults = list(check_declared_memory(table))
    _say(*faults)
    if faults:
        sys.exit(1)
    _say("every rule used between a fifth and all of the memory it declares")


@cli.command()
@click.argument("predictions", type=click.Path(path_type=Path))
@click.option("--split", required=True, help="Name of the split, for example iid.")
@click.option("--task", default="stability", show_default=True, help="Name of the task.")
@click.option("--dataset", help="Dataset that is predicted.  [default: all]")
@click.option("--part", default="test", show_default=True, help="Part of the split that is predicted.")
@click.option(
    "--against",
    type=click.Path(path_type=Path),
    help="Other predictions of the same rows, to compare with.",
)
@RESULTS
@click.option(
    "--resamples", type=click.IntRange(2), default=1000, show_default=True, help="Number of bootstrap resamples."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the bootstrap.")
@click.option("--json", "as_json", is_flag=True, help="Print the scores as JSON.")
def evaluate(predictions, split, task, dataset, part, against, results, resamples, seed, as_json) -> None:
    """Score the file PREDICTIONS of a task on one part of a split.

    PREDICTIONS is a parquet or CSV file with one row per row to predict. Its columns are dataset, geometry_id, for draws
    sample, and the targets of the task: for the task stability the column stability or the probabilities p_stable,
    p_metastable and so on, or both.

    Every metric of the task has a 95 % interval from resampling duplicate groups. Rows that take no part in the task may be
    predicted or left out.
    """
    from vacuagym.benchmark import scoring
    from vacuagym.benchmark.loading import load_task

    report = load_task(task, dataset, split, results).evaluate(predictions, against, part, resamples, seed)
    click.echo(json.dumps(report, indent=1) if as_json else scoring.as_text(report))


@cli.command()
@RESULTS
@MEMORY
def status(results: Path, table: Path) -> None:
    """Show what a run has made, or what a release holds.

    Lists its tables with their rows and sizes; of a release its edition, tasks and splits, of a run the memory that its jobs
    used.
    """
    from vacuagym.publish import overview

    for line in overview.status(results, table):
        click.echo(line)


@cli.command()
@click.argument("name", required=False)
@RESULTS
def describe(name: str | None, results: Path) -> None:
    """Explain NAME: a dataset, table, column, task, split or class.

    Without NAME, list them, but for the columns. Examples are ks, labels/ks, h11, barrier, iid and saddle.
    """
    from vacuagym.publish import overview

    for line in overview.describe(results, name):
        click.echo(line)


@cli.command()
@click.option("--family", required=True, help="Family of the geometries, for example ks.")
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
def convert(family: str, source: Path, out: Path) -> None:
    """Convert the geometries of SOURCE to the parquet file OUT.

    SOURCE is a file of text or parquet, or a folder of such files, of any size. Every geometry is checked.
    """
    from vacuagym.geometry import FAMILIES, sources

    if not source.exists():
        raise InputError(source, "does not exist; expected a file or a folder of geometries")
    _say(f"{sources.convert(FAMILIES[family], source, out):,} geometries in {out}")


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path), default="docs/leaderboard")
def leaderboard(folder: Path) -> None:
    """Check the entries of a leaderboard and write the table of them.

    Every folder in FOLDER is an entry. The table goes into README.md of FOLDER, which has the rules.
    """
    from vacuagym.publish.leaderboard import PAGE, write_table

    _say(f"{write_table(folder)} scores in the table of {folder / PAGE}")


def main() -> None:
    """Run the command line; bad input is a message on stderr and exit status 2, never a traceback. Text is UTF-8."""
    write_utf8(sys.stdout, sys.stderr)
    try:
        cli()
    except InputError as error:
        _say(f"error: {error}", err=True)
        sys.exit(2)
