"""The command line: which commands there are."""

from typing import Annotated

import typer

from app.cli.ask import ask_command
from app.cli.collections import (
    collections_command,
    facets_command,
    info_command,
    remove_command,
)
from app.cli.doctor import doctor_command
from app.cli.export import export_command
from app.cli.ingest import ingest_command
from app.cli.outfit import outfit_command
from app.cli.pages import pages_command
from app.cli.search import search_command
from app.cli.terminal import lines, run

app = typer.Typer(
    name="sightline",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
app.command("ingest")(ingest_command)
app.command("search")(search_command)
app.command("ask")(ask_command)
app.command("outfit")(outfit_command)
app.command("pages")(pages_command)
app.command("collections")(collections_command)
app.command("info")(info_command)
app.command("facets")(facets_command)
app.command("export")(export_command)
app.command("remove")(remove_command)
app.command("doctor")(doctor_command)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        lines([f"sightline {version('sightline')}"])
        raise typer.Exit


@app.callback()
def main_command(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Ask grounded questions of pictures and PDFs, and see what the answer rests on."""


def main() -> None:
    """Run the command line."""
    run(app)
