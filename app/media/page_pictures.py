"""Page pictures: the pages of a collection as JPEGs in a folder, so that hits show at once.

A cache: the documents are the truth, and a picture that was lost is drawn again when it is asked
for. Several processes may use it, and any of them may delete from it at any time.
"""

import hashlib
import logging
import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from threading import get_ident
from typing import TYPE_CHECKING

from app.media import isolated
from app.media.pages import render_page
from app.media.picture_files import content_hash
from app.media.private import make_private, tighten
from app.model.errors import SourceError
from app.model.records import FileState, page_content

if TYPE_CHECKING:
    from PIL import Image

logger = logging.getLogger(__name__)

_HASH = re.compile("[0-9a-f]{64}")

STEM = 32
"""Characters of the hash that name a file."""

MAX_BYTES = 2 << 30
"""About 8,000 pages. More than that, and those that were not used for longest are let go."""

QUALITY = 85
"""Of the JPEG: text stays sharp, and a page takes about 250 kB."""

UNFINISHED_SECONDS = 3600
"""What is still being written after this long was left behind by a process that was killed."""


def picture_file(folder: Path, content: str) -> Path:
    """Return where the picture of a page with this content hash is kept, if it is."""
    return folder / f"{_stem(content)}.jpg"


def _stem(content: str) -> str:
    """Return how the names of its pictures begin; what is no hash could lead out of the folder."""
    name = content if _HASH.fullmatch(content) else hashlib.sha256(content.encode()).hexdigest()
    return name[:STEM]


def as_kept(image: "Image.Image") -> bytes:
    """Return a page as the JPEG that is kept of it."""
    from app.media.images import to_jpeg

    return to_jpeg(image, quality=QUALITY)


def keep(jpeg: bytes, file: Path) -> None:
    """Write a picture, whole or not at all."""
    make_private(file.parent)
    new = file.with_name(f".{file.name}.{os.getpid()}.{get_ident()}")
    new.write_bytes(jpeg)
    tighten(new)
    new.replace(file)


def restore(document: Path, page: int, file: FileState, picture: Path) -> None:
    """Draw a picture again if it was lost; a warning, if the document was lost or changed."""
    if picture.exists():
        note_use(picture)
        if why := _outdated(document, page, file):
            told = "%s, page %d is shown as it was ingested: the document %s since"
            logger.warning(told, document.name, page, why)
        return
    try:
        if not is_same(document, page, file):
            raise SourceError("changed_document", "it has changed since; ingest it again")
        isolated.call(draw, document, page, picture)
        trim(picture.parent)
    except (SourceError, OSError) as error:
        logger.warning("%s, page %d cannot be shown: %s", document.name, page, error)


def _outdated(document: Path, page: int, file: FileState) -> str:
    try:
        return "" if is_same(document, page, file) else "has changed"
    except OSError:
        return "is gone"


def is_same(document: Path, page: int, file: FileState) -> bool:
    """Tell whether this is the edition that the page was taken from; its bytes, if need be."""
    status = document.stat()
    if file.is_unchanged(status.st_size, status.st_mtime_ns):
        return True
    content = _hash_of(document, status.st_size, status.st_mtime_ns)
    return page_content(content, page) == file.content_hash


@lru_cache(maxsize=64)
def _hash_of(document: Path, _size: int, _mtime_ns: int) -> str:
    """Hash a document once for all its pages, as long as its size and time stay as they are."""
    return content_hash(document)


def draw(document: Path, page: int, picture: Path) -> None:
    """Draw a page and keep its picture. Raises OSError, and as `render_page`."""
    keep(as_kept(render_page(document, page)[0]), picture)


def trim(folder: Path, limit: int | None = None) -> None:
    """Delete the pictures that were unused for longest, until the others are within the limit."""
    finished = [found for found in _listed(folder) if not _is_unfinished(found[0])]
    total = 0
    for file, status in sorted(finished, key=lambda found: -found[1].st_mtime_ns):
        total += status.st_size
        if total > (MAX_BYTES if limit is None else limit):
            _let_go(file)


def remove_unused(folder: Path, contents: Iterable[str]) -> None:
    """Let go of pictures of what is no longer in the collection, and of what was left."""
    wanted = {_stem(content) for content in contents}
    stale = time.time() - UNFINISHED_SECONDS
    for file, status in _listed(folder):
        if file.name[:STEM] not in wanted and not (
            _is_unfinished(file) and status.st_mtime > stale
        ):
            _let_go(file)


def size_bytes(folder: Path) -> int:
    """Return how many bytes the pictures take."""
    return sum(status.st_size for _, status in _listed(folder))


def _is_unfinished(file: Path) -> bool:
    return file.name.startswith(".")


def note_use(picture: Path) -> None:
    """Tell those that are used from those that `trim` may let go of."""
    with suppress(OSError):  # let go by another process just now, or on a disk that is read only
        os.utime(picture)


def _let_go(picture: Path) -> None:
    with suppress(OSError):  # as above
        picture.unlink()


def _listed(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield the files of the folder with their status, without those that vanish meanwhile."""
    with suppress(OSError):
        for entry in list(os.scandir(folder)):
            with suppress(FileNotFoundError):
                yield Path(entry.path), entry.stat()
