"""The command line ``vacuagym``."""

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
def verify(results: Path) -> None:
    """Hash every file of the manifest again; exit with 1 if any is damaged."""
    from vacuagym import manifest

    shards = len(manifest.load(results)["shards"])
    count = 0
    for path, reason in manifest.damaged(results):
        count += 1
        click.echo(f"{results / path} {reason}; delete it and run the workflow again")
    if count:
        sys.exit(1)
    click.echo(f"{shards} files are as the manifest says")


def main() -> None:
    """Entry point: bad input is one line on stderr and exit status 2, never a traceback."""
    try:
        cli()
    except InputError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
