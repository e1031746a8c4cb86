"""Searching: what `search` and `ask` do alike, once the options are read."""

from pathlib import Path
from typing import TYPE_CHECKING

from app.terminal import notice

if TYPE_CHECKING:
    from app.core.settings import Settings
    from app.retrieval.retriever import Found
    from app.retrieval.search import Search


def found_by(collection: str, search: "Search", settings: "Settings") -> "Found":
    """Open a collection and search it."""
    from app.core.collection import open_collection
    from app.retrieval.search import Searcher

    with open_collection(collection, settings) as opened:
        return Searcher(opened, settings).search(search)


def require_target(figure: Path | None, *, force: bool) -> None:
    """Refuse a file that cannot be written before a search is run for it."""
    if figure is not None:
        from app.figures import check_target

        check_target(figure, force=force)


def write_sheet(file: Path | None, search: "Search", found: "Found", *, force: bool) -> None:
    """Draw what was found, if a file was named for it."""
    if file is None:
        return
    from app.figures import result_sheet, write_figure

    picture = search.image.name if search.image else ""
    asked = search.words or picture or (_place(search) if search.near else "")
    title = " · ".join(part for part in (asked, search.where) if part)
    write_figure(result_sheet(title, found.hits, query_image=search.image), file, force=force)
    notice(f"wrote {file}")


def _place(search: "Search") -> str:
    lat, lon, km = search.near or (0, 0, 0)
    return f"within {km:g} km of {lat:g}, {lon:g}"
