"""Collections: which there are, what is in one, and away with one."""

import sys
from typing import Annotated

import typer

from app.cli.options import (
    HomeOption,
    JsonOption,
    NearOption,
    QdrantOption,
    WhereOption,
    settings_of,
)
from app.cli.terminal import EXIT_ERROR, lines, notice, notices, show


def collections_command(
    json_: JsonOption = False, home: HomeOption = None, qdrant: QdrantOption = None
) -> None:
    """List the collections."""
    from app.model.messages import counted
    from app.workspace import Workspace

    with Workspace(settings_of(home=home, qdrant=qdrant)) as workspace:
        listed = workspace.collections()
    notices(each.problem for each in listed if each.problem)
    records = {each.name: each.records for each in listed if each.records is not None}
    if json_:
        show({"collections": [{"name": n, "records": count} for n, count in records.items()]})
        return
    unfinished = {each.name for each in listed if each.unfinished}
    at_it = "; an ingest is running or did not finish; see `sightline info`"
    lines(
        f"{name}  {counted(count, 'record')}{at_it if name in unfinished else ''}"
        for name, count in records.items()
    )
    if not listed:
        notice("no collections yet; make one: sightline ingest PATH --collection NAME")


def info_command(
    name: Annotated[str, typer.Argument(help="Name of the collection.")],
    json_: JsonOption = False,
    home: HomeOption = None,
    qdrant: QdrantOption = None,
) -> None:
    """Show what is in a collection: counts, sources, models, weights, fields, disk."""
    from app.render import description_lines
    from app.workspace import Workspace

    with Workspace(settings_of(home=home, qdrant=qdrant)) as workspace:
        description = workspace.describe(name)
    show(description) if json_ else lines(description_lines(description))


def facets_command(
    name: Annotated[str, typer.Argument(help="Name of the collection.")],
    where: WhereOption = None,
    near: NearOption = None,
    column: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this column; repeatable.")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=1000, metavar="N", help="Values of each column.")
    ] = 10,
    json_: JsonOption = False,
    home: HomeOption = None,
    qdrant: QdrantOption = None,
) -> None:
    """Count what each column holds, among all records or those that pass a filter."""
    from app.render import facet_json, facet_lines
    from app.retrieval.search import Search
    from app.workspace import Workspace

    with Workspace(settings_of(home=home, qdrant=qdrant)) as workspace:
        search = Search(where=where, near=near)
        facets = workspace.facets(name, search, columns=column, limit=limit)
    if json_:
        show({"collection": name, "facets": [facet_json(each) for each in facets]})
    else:
        lines(facet_lines(facets))


def remove_command(
    name: Annotated[str, typer.Argument(help="Name of the collection.")],
    source: Annotated[
        str | None, typer.Option(metavar="LABEL", help="Only this source of it; see `info`.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    home: HomeOption = None,
    qdrant: QdrantOption = None,
) -> None:
    """Delete a collection, or a source of it; pictures and metadata on disk stay as they are."""
    from app.model.messages import counted
    from app.workspace import Workspace

    what = f"collection {name!r}" if source is None else f"source {source!r} of {name!r}"
    if not yes and not sys.stdin.isatty():
        raise typer.BadParameter(
            "there is no terminal to ask on; add --yes to remove without asking", param_hint="--yes"
        )
    if not yes and not typer.confirm(f"Delete {what}?", err=True):
        notice("nothing was removed")
        raise typer.Exit(EXIT_ERROR)
    with Workspace(settings_of(home=home, qdrant=qdrant)) as workspace:
        removed = workspace.remove(name, source)
    notice(
        f"removed {name}" if removed is None else f"removed {counted(removed, 'record')} of {what}"
    )
