"""Collections: which there are, what is in one, and away with one."""

import sys
from typing import Annotated

import typer

from app.model.errors import CollectionError
from app.options import Home, Json, Qdrant, settings_of
from app.terminal import EXIT_ERROR, lines, notice, show


def collections_command(json_: Json = False, home: Home = None, qdrant: Qdrant = None) -> None:
    """List the collections."""
    from app.model.messages import counted
    from app.store.collection import collection_names, find_manifest

    settings = settings_of(home=home, qdrant=qdrant)
    names = collection_names(settings)
    records: dict[str, int] = {}
    for name in names:
        try:
            manifest = find_manifest(name, settings)
        except CollectionError as error:  # a damaged one hides none of the others
            notice(str(error))
        else:
            records |= {name: manifest.points} if manifest else {}
    if json_:
        show({"collections": [{"name": n, "records": count} for n, count in records.items()]})
        return
    lines(f"{name}  {counted(count, 'record')}" for name, count in records.items())
    if not names:
        notice("no collections yet; make one: sightline ingest PATH --collection NAME")


def info_command(
    name: Annotated[str, typer.Argument(help="Name of the collection.")],
    json_: Json = False,
    home: Home = None,
    qdrant: Qdrant = None,
) -> None:
    """Show what is in a collection: counts, sources, models, weights, fields, disk."""
    from app.describe import describe, description_lines
    from app.store.collection import open_collection

    with open_collection(name, settings_of(home=home, qdrant=qdrant)) as collection:
        description = describe(collection)
    show(description) if json_ else lines(description_lines(description))


def remove_command(
    name: Annotated[str, typer.Argument(help="Name of the collection.")],
    source: Annotated[
        str | None, typer.Option(metavar="LABEL", help="Only this source of it; see `info`.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    home: Home = None,
    qdrant: Qdrant = None,
) -> None:
    """Delete a collection, or a source of it; pictures and metadata on disk stay as they are."""
    from app.model.messages import counted
    from app.store.collection import open_collection, remove_collection

    what = f"collection {name!r}" if source is None else f"source {source!r} of {name!r}"
    if not yes and not sys.stdin.isatty():
        raise typer.BadParameter("without a terminal to ask on, say --yes", param_hint="--yes")
    if not yes and not typer.confirm(f"Delete {what}?", err=True):
        raise typer.Exit(EXIT_ERROR)
    settings = settings_of(home=home, qdrant=qdrant)
    if source is None:
        remove_collection(name, settings)
        notice(f"removed {name}")
        return
    with open_collection(name, settings, purpose="write") as collection:
        notice(f"removed {counted(collection.forget(source), 'record')} of {what}")
