"""Pages: writes a page as a picture."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import ForceOption, HomeOption, JsonOption, QdrantOption, path_of, settings_of
from app.cli.terminal import notice, show
from app.media.pages import PAGE_SIDE


def pages_command(
    document: Annotated[
        str, typer.Argument(help="A PDF, or a page as an answer names it: report.pdf#page=3.")
    ],
    page: Annotated[int | None, typer.Argument(metavar="N", min=1, help="Page, from 1.")] = None,
    collection: Annotated[
        str | None,
        typer.Option("--collection", "-c", metavar="NAME", help="Only documents of this one."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(parser=path_of, metavar="FILE", help="PNG or JPEG. Default: document-N.png."),
    ] = None,
    side: Annotated[
        int, typer.Option(min=64, max=8192, metavar="PIXELS", help="Long side of the picture.")
    ] = PAGE_SIDE,
    force: ForceOption = False,
    json_: JsonOption = False,
    home: HomeOption = None,
    qdrant: QdrantOption = None,
) -> None:
    """Write a page of a document as a picture, to look a citation up."""
    from app.workspace import Workspace

    with Workspace(settings_of(home=home, qdrant=qdrant)) as workspace:
        file = workspace.page(
            document, page, collection=collection, out=out, side=side, force=force
        )
    show({"file": str(file)}) if json_ else notice(f"wrote {file}")
