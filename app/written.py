"""Written: a picture and the name a user gave → a file there, whole, and never over one of theirs.

What this program writes says so inside, so that the same command can be run twice.
"""

import os
import secrets
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from app.model.errors import SettingsError

SIGNATURE = "Made by Sightline, which may write over it"
"""In a file's metadata: the `Software` of a PNG, the comment of a JPEG, the creator of others."""

EDGE_BYTES = 8192
"""At either end of a file, where its mark is: PNG and SVG have theirs in front, a PDF behind."""


def check_target(file: Path, suffixes: Sequence[str], *, force: bool = False) -> None:
    """Raise SettingsError when a picture could not be written there, or must not be.

    `force` allows it to replace a file of the user's own; nothing allows it to follow a link, for
    what it leads to was not named.
    """
    if file.suffix.lower() not in suffixes:
        raise SettingsError(
            f"{file.name!r} does not say what to write; end it in {', '.join(suffixes)}"
        )
    if not file.parent.is_dir():
        raise SettingsError(f"the folder {file.parent} is not there; make it, then write {file}")
    _check_replaceable(file, force=force)
    if not os.access(file.parent, os.W_OK | os.X_OK):
        raise SettingsError(f"{file} may not be written; choose a place of your own")


def write_whole(file: Path, write: Callable[[Path], object]) -> None:
    """Write a file whole or not at all: `write` fills another beside it, which takes its place.

    It has the mode that the user's other files get, or that of the file it replaces. Raises
    SettingsError when it cannot be written; what was there is then as it was.
    """
    beside = file.with_name(f".sightline-{secrets.token_hex(8)}{file.suffix}")
    try:
        write(beside)
        if file.exists():
            beside.chmod(stat.S_IMODE(file.stat().st_mode))
        beside.replace(file)
    except OSError as error:
        raise SettingsError(f"{file} cannot be written: {error.strerror or error}") from error
    finally:
        beside.unlink(missing_ok=True)


def is_ours(file: Path) -> bool:
    """Tell whether this program wrote a file, by the mark in it."""
    with file.open("rb") as stream:
        head = stream.read(EDGE_BYTES)
        stream.seek(max(0, file.stat().st_size - EDGE_BYTES))
        return SIGNATURE.encode() in head or SIGNATURE.encode() in stream.read(EDGE_BYTES)


def _check_replaceable(file: Path, *, force: bool) -> None:
    """Refuse to write over what is no file, or none of ours."""
    try:
        mode = file.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:  # a name that is too long
        raise SettingsError(f"{file} cannot be written: {error.strerror}") from error
    if stat.S_ISDIR(mode):
        raise SettingsError(f"{file} cannot be written: it is a folder; choose another name")
    if stat.S_ISLNK(mode):
        raise SettingsError(
            f"{file} is a link, and links are not written through; name the file it leads to, or"
            " another"
        )
    if not stat.S_ISREG(mode):
        raise SettingsError(f"{file} cannot be written: it is not a file; choose another name")
    if not os.access(file, os.W_OK):
        raise SettingsError(f"{file} may not be written; choose a place of your own")
    if not force and not _may_be_ours(file):
        raise SettingsError(
            f"{file} is there already, and Sightline did not make it; choose another name, or add"
            " --force to write over it"
        )


def _may_be_ours(file: Path) -> bool:
    try:
        return is_ours(file)
    except OSError:  # it may be written and not be read: then nobody can tell
        return False
