"""Inside: a path that was stored, or written by somebody else → a file inside a root, or a refusal.

The same on the way in, when a folder is read, and on the way out, when a collection is: what wrote
a collection on a server, or one that was copied, need not have been this program.
"""

import os
import stat
from pathlib import Path, PurePosixPath, PureWindowsPath

from app.model.errors import SourceError

MAX_PATH_BYTES = 4096
"""PATH_MAX of Linux; no file there has a longer path."""


def inside(root: Path, path: str) -> Path:
    """Return the file of a path relative to a root; it need not be there.

    Raises SourceError: bad_path for what names no file, path_outside_root for what is absolute,
    goes up, or leads out by a link.
    """
    if not is_usable(path) or not is_usable(str(root)):
        raise SourceError("bad_path", f"{quoted(path)} is not a usable file name")
    if not root.is_absolute() or ".." in root.parts:
        raise SourceError(
            "path_outside_root",
            f"its source's folder, {quoted(str(root))}, is not on this machine",
        )
    file = root / path
    goes_out = PurePosixPath(path).is_absolute() or ".." in path.split("/")
    # Elsewhere than on Windows a file may be called `c:\..\a.jpg`, and then it is where it is.
    if (goes_out or _goes_out_on_windows(path)) and (goes_out or not os.path.lexists(file)):
        raise _outside(path)
    if _has_link(root, file) and not _is_inside(root, file):
        raise _outside(path)
    return file


def _has_link(root: Path, file: Path) -> bool:
    """Tell whether there may be a link below a root; to look for one takes a tenth of `realpath`.

    Of `file` itself, not of the path it was made from: `./` two thousand times before a link is too
    long a name to look at, and yet opens it.
    """
    if os.name == "nt":  # whose junctions are no links to Python
        return True
    below = file
    while below != root:
        try:
            if stat.S_ISLNK(os.lstat(below).st_mode):
                return True
        except (FileNotFoundError, NotADirectoryError):  # nor is there a link in it
            pass
        except OSError:
            return True
        below = below.parent
    return False


def _is_inside(root: Path, file: Path) -> bool:
    return Path(os.path.realpath(file)).is_relative_to(os.path.realpath(root))


def is_usable(path: str) -> bool:
    """Tell whether a system could have a file of this name: no NUL, valid Unicode, not too long."""
    try:
        return "\0" not in path and 0 < len(path.encode()) <= MAX_PATH_BYTES
    except UnicodeEncodeError:
        return False


def quoted(name: str, length: int = 120) -> str:
    """Return a name as it can be printed: quoted, invisible characters escaped, not too long."""
    return repr(name if len(name) <= length else f"{name[:length]}…")


def _goes_out_on_windows(path: str) -> bool:
    there = PureWindowsPath(path)
    return bool(there.drive or there.root) or ".." in there.parts


def _outside(path: str) -> SourceError:
    return SourceError("path_outside_root", f"{quoted(path)} leads out of the source's folder")
