"""Thumbnails: a record's picture → a small one, made once and kept beside those of pages.

Kept by what the picture holds, so that one that changed gets another; within the bound of
`page_pictures`, and swept with them.
"""

from contextlib import suppress
from pathlib import Path

from app.media import isolated, page_pictures
from app.media.images import open_image, to_webp
from app.media.picture_files import content_hash
from app.model.records import FileState

SIDES = (320, 1024)
"""Pixels on the long side: for a grid, and to look at one."""


def thumbnail_file(folder: Path, content: str, side: int) -> Path:
    """Return where the thumbnail of a picture with this content hash is kept, if it is."""
    kept = page_pictures.picture_file(folder, content)
    return kept.with_name(f"{kept.stem}-{side}.webp")


def shown_content(picture: Path, known: FileState, *, is_page: bool) -> str:
    """Return the hash of what a picture shows now: the known one, unless the file has changed.

    The picture of a page is kept under that hash. Raises OSError.
    """
    status = picture.stat()
    if is_page or known.is_unchanged(status.st_size, status.st_mtime_ns):
        return known.content_hash
    return content_hash(picture)


def thumbnail(picture: Path, kept: Path, side: int, *, max_megapixels: float) -> bytes:
    """Return a picture as a WebP, upright and no larger than it is; made if it is not kept.

    Raises SourceError for a picture that cannot be opened.
    """
    with suppress(OSError):
        made = kept.read_bytes()
        page_pictures.note_use(kept)
        return made
    made = isolated.call(_reduced, picture, side, max_megapixels)
    with suppress(OSError):  # a disk that is full, or read only
        page_pictures.keep(made, kept)
    return made


def _reduced(picture: Path, side: int, max_megapixels: float) -> bytes:
    return to_webp(open_image(picture, max_megapixels=max_megapixels, max_side=side))
