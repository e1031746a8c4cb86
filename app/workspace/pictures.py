"""Pictures: a record id → the file that it shows, or a small one of it."""

from itertools import count
from pathlib import Path

from app.media import page_pictures
from app.media.isolated import in_this_process
from app.media.thumbnails import SIDES, shown_content, thumbnail, thumbnail_file
from app.model.errors import QueryError, SourceError
from app.model.points import Point
from app.model.settings import Settings
from app.retrieval.search import Searcher
from app.store.collection import Collection
from app.store.payload import file_state, point_id

TRIM_EVERY = 256
"""Thumbnails that are made before the folder is looked through: 100,000 files take .3 s."""

_made = count(1)


def point_of(searcher: Searcher, record_id: str) -> tuple[Collection, Point]:
    """Return the point of a record, with its collection. Raises QueryError where there is none."""
    collection, wanted = searcher.collection, point_id(record_id)
    found = collection.fetch([wanted])
    if not found:
        wanted = searcher.record(record_id).id
        found = collection.fetch([wanted])
    return collection, found[wanted]


def picture_of(collection: Collection, point: Point) -> Path:
    """Return the file that a record shows: of a page, its picture.

    Raises SourceError no_picture where there is none that may be opened, missing_file.
    """
    name = point.payload["record_id"]
    picture = collection.stored(point.payload).picture
    if picture is None:
        raise SourceError("no_picture", f"{name} has no picture that may be opened")
    if not picture.is_file():
        raise SourceError("missing_file", f"the picture of {name} is not there: {picture}")
    return picture


def thumbnail_of(collection: Collection, point: Point, side: int, settings: Settings) -> bytes:
    """Return a record's picture as a WebP of 320 or 1,024 pixels at most.

    Raises QueryError for another size, SourceError as `picture_of` and for a damaged picture.
    """
    if side not in SIDES:
        raise QueryError(f"thumbnails have {SIDES[0]} or {SIDES[1]:,} pixels, not {side}")
    picture, folder = picture_of(collection, point), collection.pages
    is_page = "page" in point.payload
    try:
        content = shown_content(picture, file_state(point.payload), is_page=is_page)
    except OSError as error:
        told = f"{picture.name} cannot be read: {error.strerror}"
        raise SourceError("unreadable_file", told) from error
    kept = thumbnail_file(folder, content, side)
    was_there = kept.exists()
    with in_this_process(settings.workers == 0):
        made = thumbnail(picture, kept, side, max_megapixels=settings.max_megapixels)
    if not was_there and next(_made) % TRIM_EVERY == 0:
        page_pictures.trim(folder)
    return made
