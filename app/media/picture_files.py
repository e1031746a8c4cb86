"""Picture files: what is known of one that is not decoded: by its name, and by its bytes."""

import errno
import hashlib
import os
import stat
from pathlib import Path

MIME_TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".bmp": "image/bmp",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".avif": "image/avif",
}

IMAGE_SUFFIXES = frozenset(MIME_TYPES)
"""File names that a folder of pictures is searched for, in lower case."""

MAX_FILE_BYTES = 1 << 29
"""512 MiB: above the largest photograph that 100 megapixels give uncompressed at 16 bits in RGB."""


def content_hash(file: Path) -> str:
    """Return the SHA-256 of a file's bytes, as hexadecimal; read in pieces.

    Raises OSError, also for what is no regular file: to open a pipe would wait for ever.
    """
    with open(file, "rb", opener=_open_at_once) as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is no file")
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
