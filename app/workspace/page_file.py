"""Page file: a document and a page's number → that page as a picture, to look a citation up."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from shlex import quote
from typing import Any

from app.media import isolated
from app.media.inside import inside
from app.media.page_pictures import is_same
from app.media.pages import SUFFIX, render_page
from app.model.errors import CollectionError, QueryError, SourceError
from app.model.messages import did_you_mean
from app.model.records import FileState
from app.model.settings import Settings
from app.store.collection import collection_names, open_collection
from app.store.payload import file_state
from app.written import SIGNATURE, check_target, write_whole

PAGE_FILE_SUFFIXES = (".png", ".jpg", ".jpeg")

_CITED = re.compile(
    r"(?:\*?\s*\[\d+\]\s+)?(?P<document>.+?)"
    r"(?:#page=|,?\s+(?:page|p\.?)\s+)(?P<page>[0-9]{1,6})",
    re.DOTALL,
)
"""A page as its record's path names it, or as an answer does, with its number or without."""

_PATH = re.compile(r"(?P<document>.+)#page=(?P<page>[0-9]+)", re.DOTALL)
"""A page as its record's path names it."""


@dataclass(frozen=True, slots=True)
class _Document:
    """A document of a collection: its path in its source, and its pages as they were ingested."""

    collection: str
    label: str
    root: Path
    path: str
    pages: dict[int, FileState]

    @property
    def name(self) -> str:
        """What tells it from all others of the collection."""
        return f"{self.label}/{self.path}"

    @property
    def file(self) -> Path:
        """Where it lies. Raises SourceError for a path that leads out of its source's folder."""
        return inside(self.root, self.path).resolve()


def write_page(
    document: str,
    page: int | None,
    settings: Settings,
    *,
    collection: str | None = None,
    out: Path | None = None,
    side: int,
    force: bool = False,
) -> Path:
    """Draw a page, `side` pixels on its long side, and return the file that was written.

    `document` is a PDF on disk, or its path in a collection, where the source's label may come
    first; with the page at its end as answers have it, `#page=3` or `, page 3`. What is found by a
    collection must be as it was ingested. Without `out` the file is named for document and page,
    and lies where one is. What is there already is replaced if this program made it, or with
    `force`. Raises QueryError, SettingsError, SourceError, CollectionError.
    """
    document, page = _parted(document, page)
    if out is not None:  # before any document is looked for
        check_target(out, PAGE_FILE_SUFFIXES, force=force)
    file = _file(document, page, settings, collection)
    target = out or Path(f"{file.stem}-{page}.png")
    check_target(target, PAGE_FILE_SUFFIXES, force=force)
    try:
        picture, _ = isolated.call(render_page, file.absolute(), page, side=side)
    except SourceError as error:
        raise SourceError(error.code, f"{file.name}: {error}") from error
    write_whole(target, lambda to: picture.save(to, **_marked(target.suffix)))
    return target


def _marked(suffix: str) -> dict[str, Any]:
    """Return how Pillow is told to write in a file whose it is."""
    if suffix.lower() != ".png":
        return {"comment": SIGNATURE}
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("Software", SIGNATURE)
    return {"pnginfo": info}


def _parted(document: str, page: int | None) -> tuple[str, int]:
    """Return the document and the page that are asked for, which may be said together, or twice."""
    cited = _CITED.fullmatch(document.strip())
    if cited is None:
        if page is None:
            raise QueryError(f"which page? Say its number: sightline pages {quote(document)} 1")
        return document, page
    number = int(cited["page"])
    if page not in (None, number):
        raise QueryError(f"{document} names page {number}, and {page} is asked for too; say one")
    return cited["document"], number


def _file(document: str, page: int, settings: Settings, collection: str | None) -> Path:
    """Return the file at a path as it is, or of a collection's document as it was ingested."""
    here = Path(document)
    with suppress(RuntimeError):  # `~nobody` has no home
        here = here.expanduser()
    if collection is None and here.is_file():
        return here
    found = _found(document, settings, collection)
    for each in found:
        _require_as_ingested(each, page)
    return found[0].file


def _found(document: str, settings: Settings, collection: str | None) -> list[_Document]:
    """Return the document that a name means, also of several collections, if it is one file."""
    names = [collection] if collection else collection_names(settings)
    documents, errors = _all_documents(names, settings)
    found = (
        [each for each in documents if each.name == document]
        or [each for each in documents if each.path == document]
        or [each for each in documents if PurePosixPath(each.path).name == document]
    )
    if not found and errors:  # it may be there
        raise errors[0]
    if not found:
        where = f"collection {collection!r}" if collection else "any collection, nor a file here"
        known = dict.fromkeys(name for each in documents for name in (each.path, each.name))
        guess = _guessed(document, known)
        told = f"{document} is not a document of {where}{guess or '; give its path'}"
        raise SourceError("missing_file", told)
    files = {each.file: f"{each.name} (-c {each.collection})" for each in found}
    if len(files) > 1:
        one, other = list(files.values())[:2]
        raise QueryError(f"{document} may be {one} or {other}; say which, or give its path")
    return found


def _guessed(document: str, known: Iterable[str]) -> str:
    """Ask for the document that may be meant; a common suffix makes no two names alike."""
    stems = {name.casefold().removesuffix(SUFFIX): name for name in known}
    close = get_close_matches(document.casefold().removesuffix(SUFFIX), stems, n=1)
    return "".join(did_you_mean(stems[stem], [stems[stem]]) for stem in close)


def _all_documents(
    names: Sequence[str], settings: Settings
) -> tuple[list[_Document], list[CollectionError]]:
    """Return the documents of collections; a damaged one hides none of the others."""
    documents: list[_Document] = []
    errors: list[CollectionError] = []
    for name in names:
        try:
            documents += _documents(name, settings)
        except CollectionError as error:
            errors.append(error)
    return documents, errors


def _documents(name: str, settings: Settings) -> list[_Document]:
    pages: dict[tuple[str, str], dict[int, FileState]] = defaultdict(dict)
    with open_collection(name, settings) as opened:
        sources = opened.manifest.sources
        for _, payload in opened.ledger():
            label, state = payload["source"], file_state(payload)
            path = payload["record_id"].removeprefix(f"{label}/")
            if state.page_hash and label in sources and (cited := _PATH.fullmatch(path)):
                pages[label, cited["document"]][int(cited["page"])] = state
    return [
        _Document(name, label, sources[label].root, path, known)
        for (label, path), known in sorted(pages.items())
    ]


def _require_as_ingested(document: _Document, page: int) -> None:
    """Refuse to draw a page of another edition than the one that answers were found in."""
    file, collection = document.file, document.collection
    known = page if page in document.pages else min(document.pages)
    try:
        if is_same(file, known, document.pages[known]):
            return
    except (FileNotFoundError, NotADirectoryError) as error:
        told = f"{document.path} of collection {collection!r} is no longer at {file}"
        hint = "put it back, or give its path"
        raise SourceError("missing_file", f"{told}; {hint}") from error
    except OSError:  # it cannot be drawn either, which says why
        return
    told = f"{document.path} has changed since it was ingested into collection {collection!r}"
    raise SourceError("changed_document", f"{told}; ingest it again, or give its path: {file}")
