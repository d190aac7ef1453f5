"""The command line ``vacuagym``."""

import json
import sys
from pathlib import Path

import click

from vacuagym import __version__
from vacuagym.errors import InputError

RESULTS = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group()
@click.version_option(__version__)
def cli() -> None:
    """Look at, check and score what a run of the VacuaGym workflow has made."""


@cli.command()
@click.option("--results", type=RESULTS, default="results", show_default=True, help="Folder of a run's results.")
@click.option("--remove", is_flag=True, help="Remove what is damaged, so that the next run makes just that again.")
def verify(results: Path, remove: bool) -> None:
    """Hash every file of the manifest again; exit with 1 if any is damaged."""
    from vacuagym import manifest

    todo = "removed; run the workflow again" if remove else "verify --remove removes it, then run the workflow again"
    count = 0
    for path, reason in (manifest.remove_damaged if remove else manifest.damaged)(results):
        count += 1
        click.echo(f"{path} {reason}; {todo}")
    if count:
        sys.exit(1)
    described = manifest.load(results)
    click.echo(f"{len(described['shards'] + described['files'])} files are as the manifest says")


@cli.command()
@click.option(
    "--table",
    type=click.Path(path_type=Path),
    default="logs/memory.tsv",
    show_default=True,
    help="What the jobs of a run declared and took.",
)
def memory(table: Path) -> None:
    """Compare the memory rules declare with what they took; exit with 1 if one took more, or under a third."""
    from vacuagym.process import dishonest_declarations

    faults = list(dishonest_declarations(table))
    for fault in faults:
        click.echo(fault)
    if faults:
        sys.exit(1)
    click.echo("every rule took between a third and all of the memory it declares")


@cli.command()
@click.argument("predictions", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--split", required=True, help="Name of the split, as iid.")
@click.option("--part", default="test", show_default=True, help="Part of the split that is predicted.")
@click.option(
    "--dataset", "datasets", multiple=True, help="Dataset that is predicted; can be repeated.  [default: all]"
)
@click.option(
    "--results", type=RESULTS, default="results", show_default=True, help="Folder of the run to score against."
)
@click.option(
    "--resamples", type=click.IntRange(2), default=1000, show_default=True, help="Resamples of the bootstrap."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the bootstrap.")
@click.option("--json", "as_json", is_flag=True, help="Print the scores as JSON.")
def evaluate(predictions, split, part, datasets, results, resamples, seed, as_json) -> None:
    """Score the file PREDICTIONS on a part of a split.

    It is a parquet file with the columns dataset, geometry_id, sample and stability (the predicted class), and possibly
    p_stable, p_metastable, ... (the classes' probabilities): one row for each row of the label tables in the part.

    Prints macro-F1 and balanced accuracy, and log loss and expected calibration error if there are probabilities, with
    95 % intervals from resampling duplicate groups. Not scored are rows whose class is undecided or not under control.
    """
    from vacuagym import evaluation

    report = evaluation.evaluate(predictions, split, results, part, datasets or None, resamples, seed)
    click.echo(json.dumps(report, indent=1) if as_json else evaluation.as_text(report))


@cli.command()
@click.option("--results", type=RESULTS, default="results", show_default=True, help="Folder of a run's results.")
@click.option(
    "--memory",
    type=click.Path(path_type=Path),
    default="logs/memory.tsv",
    show_default=True,
    help="What the run's jobs declared and took.",
)
def status(results: Path, memory: Path) -> None:
    """Say what a run has made: tables, rows, sizes, and the memory its jobs took."""
    from vacuagym import overview

    for line in overview.status(results, memory):
        click.echo(line)


@cli.command()
@click.argument("name", required=False)
@click.option("--results", type=RESULTS, default="results", show_default=True, help="Folder of a run's results.")
def describe(name: str | None, results: Path) -> None:
    """Explain NAME: a dataset (ks), a table (labels/ks) or a column (h11). Without a NAME, list the tables."""
    from vacuagym import overview

    for line in overview.describe(results, name):
        click.echo(line)


def main() -> None:
    """Entry point: bad input is one line on stderr and exit status 2, never a traceback."""
    try:
        cli()
    except InputError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
