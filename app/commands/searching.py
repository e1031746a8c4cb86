"""Searching: what `search` and `ask` do alike, once the options are read."""

from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from app.model.errors import QueryError
from app.terminal import notice

if TYPE_CHECKING:
    from app.model.settings import Settings
    from app.retrieval.retriever import Found
    from app.retrieval.search import Search
    from app.store.collection import Collection
    from app.store.models import Tell


def found_by(
    collection: str, search: "Search", settings: "Settings", *, on_load: "Tell | None"
) -> "Found":
    """Open a collection and search it; told of `outfit` where that is what is asked."""
    from app.retrieval.search import Searcher
    from app.store.collection import open_collection

    with open_collection(collection, settings) as opened:
        found = Searcher(opened, settings, on_load=on_load).search(search)
        return replace(found, notices=[*found.notices, *_told_of_outfit(search, opened)])


def _told_of_outfit(search: "Search", collection: "Collection") -> list[str]:
    """Say that another command finds what goes with a garment, in a collection of garments."""
    from app.assistants.outfit.asked import asks_what_goes_with
    from app.assistants.outfit.catalogue import read_catalogue

    if not asks_what_goes_with(search.words):
        return []
    try:
        read_catalogue(collection)
    except QueryError:  # it holds no garments, or none of its columns says so
        return []
    garment = quote(str(search.image)) if search.image else "PICTURE"
    return [
        "a search finds what is like its words; what goes with a garment is found by: sightline"
        f" outfit {garment} --collection {collection.name}"
    ]


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

    write_figure(result_sheet(search, found), file, force=force)
    notice(f"wrote {file}")
