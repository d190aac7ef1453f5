"""The command line ``vacuagym``."""

import json
import sys
from pathlib import Path

import click

from vacuagym import __version__
from vacuagym.errors import InputError
from vacuagym.run import write_utf8

RESULTS = click.option(
    "--results",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default="results",
    show_default=True,
    help="Folder with the results of a run, or a release.",
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
    """Check every file against the manifest.

    The exit status is 1 if any file is missing, damaged or not in the manifest, or if values are not those of the edition.
    """
    from vacuagym.publish import editions, manifest

    found = list((manifest.remove_damaged if remove else manifest.damaged)(results))
    todo = "deleted; rerun the workflow" if remove else "delete it with verify --remove, then rerun the workflow"
    for path, reason in found:
        click.echo(f"{path} {reason}; {todo}")
    if found:
        sys.exit(1)
    described = manifest.load(results)
    click.echo(f"{len(described['shards'] + described['files'])} files are as the manifest says")
    if edition:
        found = list(editions.differences(editions.content_of(manifest.run_of(results)), edition))
        for line in found:
            click.echo(line)
        if found:
            sys.exit(1)
        click.echo(f"every value is that of edition {edition}")


@cli.command()
@MEMORY
def memory(table: Path) -> None:
    """Check the memory that rules declare.

    The exit status is 1 if a job used more than its rule declares, or all jobs of a rule used less than a fifth of it.
    """
    from vacuagym.job import check_declared_memory

    faults = list(check_declared_memory(table))
    for fault in faults:
        click.echo(fault)
    if faults:
        sys.exit(1)
    click.echo("every rule used between a fifth and all of the memory it declares")


@cli.command()
@click.argument("predictions", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--split", required=True, help="Name of the split, for example iid.")
@click.option("--task", default="stability", show_default=True, help="Name of the task.")
@click.option("--dataset", help="Dataset that is predicted.  [default: all]")
@click.option("--part", default="test", show_default=True, help="Part of the split that is predicted.")
@click.option(
    "--against",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
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
    """Show what a run has made.

    Lists its tables with their rows and sizes, and the memory its jobs used.
    """
    from vacuagym.publish import overview

    for line in overview.status(results, table):
        click.echo(line)


@cli.command()
@click.argument("name", required=False)
@RESULTS
def describe(name: str | None, results: Path) -> None:
    """Explain NAME: a dataset, a table or a column.

    Without NAME, list the tables. Examples of tables and columns are splits and h11.
    """
    from vacuagym.publish import overview

    for line in overview.describe(results, name):
        click.echo(line)


@cli.command()
@click.option("--family", required=True, help="Family of the geometries, for example ks.")
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
def convert(family: str, source: Path, out: Path) -> None:
    """Convert the geometries of SOURCE to the parquet file OUT.

    SOURCE is a file of text or parquet, or a folder of such files, of any size. Every geometry is checked.
    """
    from vacuagym.geometry import FAMILIES, sources

    click.echo(f"{sources.convert(FAMILIES[family], source, out):,} geometries in {out}")


def main() -> None:
    """Run the command line; bad input is one line on stderr and exit status 2, never a traceback. Text is UTF-8."""
    write_utf8(sys.stdout, sys.stderr)
    try:
        cli()
    except InputError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
