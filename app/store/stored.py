"""Stored: what a point says of its record, with a picture only where it may be opened.

A collection may have been written by somebody else, on a server or in a home that was copied. What
it says of paths is therefore checked as metadata's are; a picture outside is told and left out, so
that nothing further down can open it, or send it to a model.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from app.media import page_pictures
from app.media.inside import inside, quoted
from app.media.picture_files import MAX_FILE_BYTES, content_hash
from app.model.errors import CollectionError, SourceError
from app.model.records import document_of, page_content
from app.store.manifest import SourceEntry
from app.store.payload import file_state, inserted_hash

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record as a collection holds it: its words, the user's metadata, its picture or none."""

    text: str
    metadata: dict[str, Any]
    picture: Path | None = None


def read_stored(
    payload: Mapping[str, Any],
    sources: Mapping[str, SourceEntry],
    pages: Path,
    *,
    is_trusted: bool,
) -> StoredRecord:
    """Return what a payload says of its record; a picture is one that can be opened here.

    `pages` is the folder of the collection's page pictures. A picture that may not be opened is
    told in the log. Where others may have written the collection, even where its sources lie, a
    file must be what was ingested, to the byte: whoever knows no more of it than its path cannot
    have it opened.
    """
    try:
        node = node_content(payload)
    except CollectionError as error:
        logger.warning("of %s only its words are shown: %s", quoted(payload["record_id"]), error)
        return StoredRecord("\n".join(payload.get("captions", ())), {})
    metadata = dict(node["metadata"])
    for name, degrees in payload.get("place", {}).items():
        metadata.setdefault(name, degrees)
    path = node.get("image_path")
    if not path:  # a picture inside the payload, or at an address, is none of ours
        return StoredRecord(node["text"], metadata)
    try:
        picture = _picture(str(path), payload, sources, pages, is_trusted)
    except SourceError as error:
        told = "the picture of %s is not opened: %s"
        logger.warning(told, quoted(str(payload.get("record_id", ""))), error)
        picture = None
    return StoredRecord(node["text"], metadata, picture)


def node_content(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the node that a payload holds, with a text and metadata. Raises CollectionError."""
    try:
        node = json.loads(payload["_node_content"])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise CollectionError("a point holds no node; was it written by Sightline?") from error
    match node:
        case {"text": str(), "metadata": dict()}:
            return dict(node)
    raise CollectionError("a point holds a node without a text; was it written by Sightline?")


def _picture(
    path: str,
    payload: Mapping[str, Any],
    sources: Mapping[str, SourceEntry],
    pages: Path,
    is_trusted: bool,
) -> Path:
    """Return the picture of a record. Raises SourceError for one that may not be opened."""
    label = payload.get("source")
    if not label:
        return _inserted(path, payload)
    if label not in sources:
        raise SourceError("unknown_source", f"the collection has no source {quoted(str(label))}")
    root, page = sources[label].root, payload.get("page")
    file = inside(root, path)
    if page is None:
        if not is_trusted and _content_of(file, path) not in ("", payload.get("content_hash")):
            raise SourceError(
                "changed_picture", f"{quoted(path)} is not what was ingested; ingest it again"
            )
        return file
    if not isinstance(page, int):
        raise SourceError("bad_path", f"{quoted(str(page))} is not the number of a page")
    document = inside(root, document_of(path, page))
    if not is_trusted:
        contents = _content_of(document, path)
        if contents and page_content(contents, page) != payload.get("content_hash"):
            raise SourceError("changed_document", "it has changed since; ingest it again")
    kept = page_pictures.picture_file(pages, str(payload.get("content_hash")))
    page_pictures.restore(document, page, file_state(payload), kept)
    return kept


def _inserted(path: str, payload: Mapping[str, Any]) -> Path:
    """Return the picture of a node that a program inserted by its absolute path.

    It belongs to no folder. So it must be, to the byte, what was inserted: whoever knows no more of
    a file than its path cannot have it opened.
    """
    picture = Path(path)
    if not picture.is_absolute() or "\0" in path:
        raise SourceError("path_outside_root", f"{quoted(path)} belongs to no source")
    content = _content_of(picture, path)
    if not content:
        return picture
    if inserted_hash(payload, content) != payload.get("metadata_hash"):
        raise SourceError(
            "changed_picture", f"{quoted(path)} is not what was inserted; insert it again"
        )
    return picture


def _content_of(file: Path, path: str) -> str:
    """Return the hash of a file; "" where none is, for then the message can say what is gone."""
    try:
        if not file.is_file():
            return ""
        status = file.stat()
        small = status.st_size <= MAX_FILE_BYTES
        return _hash_of(file, status.st_size, status.st_mtime_ns) if small else "too large"
    except OSError as error:
        raise SourceError("unreadable_file", f"{quoted(path)} cannot be read") from error


@lru_cache(maxsize=4096)
def _hash_of(picture: Path, _size: int, _mtime_ns: int) -> str:
    """Hash a picture once, as long as its size and time stay as they are."""
    return content_hash(picture)
