"""Page file: a document and a page's number → that page as a picture, to look a citation up."""

import re
from collections.abc import Iterator
from pathlib import Path

from app.core import isolated
from app.core.collection import collection_names, find_manifest
from app.core.errors import CollectionError, QueryError, SettingsError, SourceError
from app.core.pages import render_page
from app.core.settings import Settings

SUFFIXES = (".png", ".jpg", ".jpeg")

_MARK = re.compile(r"(?P<document>.+)#page=(?P<page>[0-9]{1,6})")


def write_page(
    document: str,
    page: int | None,
    settings: Settings,
    *,
    collection: str | None = None,
    out: Path | None = None,
    side: int,
) -> Path:
    """Draw a page, `side` pixels on its long side, and return the file that was written.

    `document` is a PDF on disk, or its path as a collection's answers give it, also with `#page=3`
    at its end. Without `out` the file is named for document and page, and lies where one is.
    Raises QueryError, SettingsError, SourceError.
    """
    if page is None and (match := _MARK.fullmatch(document)):
        document, page = match["document"], int(match["page"])
    if page is None:
        raise QueryError(f"which page? Say its number: sightline pages {document} 1")
    file = _found(document, settings, collection)
    target = out or Path(f"{file.stem}-{page}.png")
    if target.suffix.lower() not in SUFFIXES:
        raise SettingsError(f"{target.name!r} does not end in {', '.join(SUFFIXES)}")
    try:
        picture, _ = isolated.call(render_page, file, page, side=side)
    except SourceError as error:
        raise SourceError(error.code, f"{file.name}: {error}") from error
    try:
        picture.save(target)
    except OSError as error:
        raise SettingsError(f"{target} cannot be written: {error.strerror}") from error
    return target


def _found(document: str, settings: Settings, collection: str | None) -> Path:
    here = Path(document).expanduser()
    if collection is None and here.is_file():
        return here
    names = [collection] if collection else collection_names(settings)
    found = list(dict.fromkeys(file for name in names for file in _in(name, document, settings)))
    if not found:
        where = f"collection {collection!r}" if collection else "any collection, nor here"
        raise SourceError("missing_file", f"{document} is not in {where}; give its path")
    if len(found) > 1:
        raise QueryError(f"{document} may be {found[0]} or {found[1]}; give its path")
    return found[0]


def _in(name: str, document: str, settings: Settings) -> Iterator[Path]:
    """Yield the files that a collection may mean; the label of a source may come first."""
    try:
        manifest = find_manifest(name, settings)
    except CollectionError:  # a damaged one hides no document of the others
        return
    for label, source in (manifest.sources if manifest else {}).items():
        for path in (document, document.removeprefix(f"{label}/")):
            file = (source.root / path).resolve()
            if file.is_file() and file.is_relative_to(source.root):
                yield file
