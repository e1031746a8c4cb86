"""Private: the home folder and what is in it, for its owner alone.

A collection holds what its pictures show, says and where they were taken; none of that is for
whoever else has an account on the machine. The embedded engine makes its files as the umask says,
which is the whole process's and not this program's to change; so they are tightened afterwards,
and until then lie in a folder that nobody else can enter.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

OWN = ("collections", "pages", "servers", "unreadable")
"""What this program has in a home."""

OTHERS = stat.S_IRWXG | stat.S_IRWXO
"""The bits of a mode that let anybody but the owner in."""


def make_private(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for the owner alone.

    The XDG specification asks for that mode of a data folder, and of those above it. Below a folder
    that a group shares they are shared too.
    """
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    mode = 0o777 if _is_shared(folder) else 0o700
    for each in reversed(missing):
        each.mkdir(mode=mode, exist_ok=True)


def secure_home(home: Path) -> None:
    """Make an open home folder, with all that is ours in it, accessible to its owner alone.

    A home that holds something else too, such as `--home .`, keeps its own mode: it is the user's
    folder. One with the set-group-ID bit is shared by its group on purpose, and stays as it is.
    """
    with suppress(OSError):  # not there yet, or not to be read: whoever writes to it tells
        names = {each.name for each in home.iterdir()}
        own = [home / name for name in OWN if name in names]
        for folder in own if names - set(OWN) else [home, *own]:
            if folder.stat().st_mode & OTHERS and not _is_shared(home):
                tighten(folder)


def tighten(path: Path) -> None:
    """Make a file, or a folder and all below it, accessible to its owner alone.

    What is somebody else's, gone, or on a disk that is read only stays as it is: this is no reason
    for a search to fail. No link is followed.
    """
    if os.name == "nt" or _is_shared(path if path.is_dir() else path.parent):
        return  # on Windows a user's data folder is the user's own
    found: Iterable[Path | os.DirEntry[str]] = (path, *_below(path))
    for each in found:
        with suppress(OSError):
            mode = each.stat(follow_symlinks=False).st_mode
            if mode & OTHERS and not stat.S_ISLNK(mode):
                Path(each).chmod(stat.S_IMODE(mode) & ~OTHERS)


def _below(folder: str | Path) -> Iterator["os.DirEntry[str]"]:
    with suppress(OSError), os.scandir(folder) as entries:
        for each in entries:
            yield each
            if each.is_dir(follow_symlinks=False):
                yield from _below(each.path)


def _is_shared(folder: Path) -> bool:
    """Tell whether a group may enter a folder that hands its group on to what is made in it."""
    mode = folder.stat().st_mode if folder.is_dir() else 0
    return bool(mode & stat.S_ISGID and mode & stat.S_IXGRP)
