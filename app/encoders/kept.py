"""Kept: what takes seconds to make of weights → a folder in the user's cache, made once."""

import logging
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from app.media.private import make_private
from app.model.errors import SightlineError
from app.model.settings import cache_folder

logger = logging.getLogger(__name__)

T = TypeVar("T")

MAKING, MAKING_SECONDS = ".making-", 3600.0


def kept(name: str, digest: str, make: Callable[[Path], None]) -> Path | None:
    """Return a folder of this name and digest; if there is none, `make` fills it.

    It is there whole or not at all, and takes the place of those with other digests. None where
    nothing can be kept, on a disk that is full or read only. Raises the errors of ours that `make`
    does.
    """
    try:
        return _made(name, digest, make)
    except SightlineError:
        raise
    except Exception as error:  # noqa: BLE001 - onnxruntime has errors of its own for a full disk
        logger.debug("nothing is kept of %s: %s", name, error)
        return None


def read_kept(folder: Path | None, read: Callable[[Path], T], make: Callable[[], T]) -> T:
    """Return what is read of a folder that is kept; where it is damaged, or none is, make it."""
    if folder is not None:
        try:
            return read(folder)
        except Exception as error:  # noqa: BLE001 - whatever a file that was cut off gives
            logger.debug("%s is not used: %s", folder, error)
            shutil.rmtree(folder, ignore_errors=True)
    return make()


def _made(name: str, digest: str, make: Callable[[Path], None]) -> Path:
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
