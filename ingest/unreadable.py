"""Unreadable: files that could not be read → remembered, so that no run reads them in vain.

A file of JSON for each source, in the home of this machine: what a decoder makes of a file is its
own affair, and times of files are too. A cache: where it is lost, the files are read again.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple, Self

from app.media.private import make_private, tighten
from app.model.records import Skip
from app.model.settings import Settings
from app.store.manifest import PIXELS

LASTING = frozenset(
    {
        *("not_an_image", "broken_image", "empty_file", "file_too_large", "too_many_pixels"),
        *("damaged_page", "no_such_page"),
        *("not_a_pdf", "encrypted_pdf", "damaged_pdf", "too_many_pages"),
    }
)
"""Codes of what a file is, whenever it is read. That a process ended or memory ran out passes."""

MAX_FILES = 10_000
"""Of a source: 2 MB. The others are read again each time."""


class Stamp(NamedTuple):
    """A file's state without reading it: size, time and the like.

    Size and `mtime_ns` stay the same where a program mends a file and sets its time back, as
    copying does; `ctime_ns` or the inode then do not. On Windows `ctime_ns` is when it was made.
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    @classmethod
    def of(cls, stat: os.stat_result) -> Self:
        """Return the stamp for a file's status."""
        return cls(stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)


class Known(NamedTuple):
    """A file that could not be read, as it was then, and why."""

    stamp: Stamp
    code: str
    reason: str


def recall(file: Path, settings: Settings) -> dict[str, Known]:
    """Return what is remembered, by path; nothing of what other decoders or limits gave."""
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        if kept["read_by"] == _decoders(settings):
            return {path: _known(each) for path, each in kept["files"].items()}
    except (OSError, AttributeError, KeyError, TypeError, ValueError, RecursionError):
        pass  # there is none, or it was damaged: the files are read again
    return {}


def skip_of(known: Mapping[str, Known], path: str, stamp: Stamp) -> Skip | None:
    """Return why a file could not be read, if it has not changed since.

    Its bytes are not compared: to read them each time is half of what is saved.
    """
    found = known.get(path)
    return Skip(path, found.code, found.reason) if found and found.stamp == stamp else None


def remember(file: Path, settings: Settings, skips: Iterator[tuple[Skip, Stamp]]) -> None:
    """Store these files and no others as unreadable; do nothing where nothing can be written."""
    files: dict[str, Known] = {}
    for skip, stamp in skips:
        if skip.code in LASTING and len(files) < MAX_FILES:
            files[skip.source] = Known(stamp, skip.code, skip.reason)
    with suppress(OSError):
        if not files:
            file.unlink(missing_ok=True)
            return
        make_private(file.parent)
        new = file.with_name(f".{file.name}.{os.getpid()}")
        new.write_text(json.dumps({"read_by": _decoders(settings), "files": files}))
        tighten(new)
        new.replace(file)


def memory_of(folder: Path, label: str) -> Path:
    """Return the file in which the unreadable files of a source are remembered."""
    return folder / f"{hashlib.sha256(label.encode()).hexdigest()[:16]}.json"


def _known(kept: object) -> Known:
    """Read one file's entry. Raises ValueError for what `remember` has not written."""
    match kept:
        case [[int(), int(), int(), int()] as stamp, str() as code, str() as reason]:
            if code in LASTING:
                return Known(Stamp(*stamp), code, reason)
    raise ValueError(kept)


def _decoders(settings: Settings) -> str:
    parts = [f"{name} {version(name)}" for name in ("sightline", "pillow", "pypdfium2")]
    return ", ".join([*parts, f"pixels {PIXELS}", f"{settings.max_megapixels:g} megapixels"])
