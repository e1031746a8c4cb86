"""Kept: what takes seconds to make of weights → a folder in the user's cache, made once."""

import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from app.media.private import make_private
from app.model.settings import cache_folder

MAKING, MAKING_SECONDS = ".making-", 3600.0


def kept(name: str, digest: str, make: Callable[[Path], None]) -> Path:
    """Return a folder of this name and digest; if there is none, `make` fills it.

    It is there whole or not at all, and takes the place of those with other digests. Raises OSError
    where none can be written, and what `make` raises.
    """
    folder = cache_folder() / f"{name}-{digest}"
    if folder.is_dir():
        return folder
    make_private(folder.parent)
    older = [*folder.parent.glob(f"{name}-*")]
    older += filter(_is_left, folder.parent.glob(f"{MAKING}*"))
    with TemporaryDirectory(dir=folder.parent, prefix=MAKING, ignore_cleanup_errors=True) as making:
        make(Path(making))
        for file in Path(making).iterdir():
            with file.open("rb") as written:
                os.fsync(written.fileno())  # or a power cut might leave holes in it
        with suppress(OSError):  # another process was first
            Path(making).rename(folder)
    for each in older:
        if each != folder:
            shutil.rmtree(each, ignore_errors=True)
    return folder


def _is_left(folder: Path) -> bool:
    """Whether it was left by a process that was killed: to make it takes seconds."""
    with suppress(OSError):
        return time.time() - folder.stat().st_mtime > MAKING_SECONDS
    return False
