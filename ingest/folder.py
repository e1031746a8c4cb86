"""A source's folder: which files are in it, and which of them a name means. Nothing outside it.

The folder is walked once, and names are looked up in what was found. A name can therefore mean no
file outside, whatever tricks it plays: there is nothing else to find.
"""

import os
import posixpath
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from app.media.inside import inside, is_usable, quoted
from app.media.picture_files import IMAGE_SUFFIXES
from app.model.errors import SourceError
from ingest.telling import tell

FOREIGN_FOLDERS = frozenset({"__MACOSX", "@eaDir"})
"""Made by archivers and file servers; what they hold is named like pictures and is none."""

LINKED_FOLDER = "linked_folder"
"""The code of a link to a folder inside: its pictures are found where they are."""

_URL = re.compile(r"[a-z][a-z0-9+.-]+:(?!\s)", re.IGNORECASE)
_ABSOLUTE = re.compile(r"[a-z]:|/|\\", re.IGNORECASE)

REASONS = {
    "bad_path": "is not a usable file name",
    "not_a_picture": "is a folder or a device, not a picture",
    "path_outside_root": "leads out of the source's folder",
    "unreadable_folder": "may not be read",
    "missing_picture": "is a link to nothing",
}


@dataclass(frozen=True)
class Folder:
    """What a folder holds. Paths are relative to `root`, with forward slashes, sorted.

    `refused` has what is there and must not be used, with the code that says why. Tables to look
    paths up in are made when one is not found as it is written: they take 10 µs a file.
    """

    root: Path
    files: frozenset[str]
    pictures: tuple[str, ...]
    refused: Mapping[str, str]

    @cached_property
    def by_loose_path(self) -> Mapping[str, list[str]]:
        """Files by path, in any case and with letters composed."""
        return _grouped((_loose(path), path) for path in sorted(self.files))

    @cached_property
    def by_name(self) -> Mapping[str, list[str]]:
        """Files by bare name."""
        return _grouped((posixpath.basename(path), path) for path in sorted(self.files))

    @cached_property
    def by_loose_name(self) -> Mapping[str, list[str]]:
        """Files by bare name, as in `by_loose_path`."""
        return _grouped((_loose(posixpath.basename(path)), path) for path in sorted(self.files))

    @cached_property
    def by_stem(self) -> Mapping[str, list[str]]:
        """Pictures by bare name without suffix."""
        return _grouped((stem_of(path), path) for path in self.pictures)


def index_folder(root: Path) -> Folder:
    """Walk a folder. Raises SourceError when it cannot be read.

    Hidden folders are left out, hidden pictures are not. Links are used when they lead to a file
    inside; linked folders are not followed: inside, they would only show everything twice.
    """
    root = root.resolve()
    found = dict(_walk(root))
    if "" in found:
        raise SourceError("unreadable_source", f"{root} may not be read; check its permissions")
    return build_folder(root, found)


def build_folder(root: Path, found: Mapping[str, str | None]) -> Folder:
    """Return a folder of these paths; those with an error code are refused."""
    files = sorted(path for path, code in found.items() if code is None)
    pictures = tuple(path for path in files if is_picture_name(path))
    return Folder(
        root=root,
        files=frozenset(files),
        pictures=pictures,
        refused={path: code for path, code in found.items() if code is not None},
    )


def is_picture_name(name: str) -> bool:
    """Tell whether a path ends like a picture's; `._a.jpg` is what macOS keeps beside `a.jpg`."""
    return posixpath.splitext(name)[1].lower() in IMAGE_SUFFIXES and not posixpath.basename(
        name
    ).startswith("._")


def stem_of(path: str) -> str:
    """Return the bare name of a file without its suffix."""
    return posixpath.splitext(posixpath.basename(path))[0]


def find_picture(folder: Folder, name: str, *, base: str = "") -> str:
    """Return the path of the file that a metadata file in the sub-folder `base` calls `name`.

    Tried in turn: the path from `base`, from the folder above it, both again as loosely written
    (upper or lower case, composed or decomposed letters), then the bare name anywhere, and a bare
    name without its suffix. Backslashes separate folders, unless a file is called just so.
    Raises SourceError: bad_path, url_not_fetched, path_outside_root, not_a_picture,
    ambiguous_path, missing_picture.
    """
    literal = posixpath.join(base, name)
    if literal in folder.files:
        return literal
    paths = _candidates(name, base)
    for path in paths:
        if path in folder.files:
            return path
    for path in paths:
        linked = _through_links(folder, path, name)
        if linked is not None:
            return linked
    loosely = _find_loosely(folder, paths, name)
    if loosely is not None:
        return loosely
    if "\n" in name:
        raise SourceError("bad_path", f"{quoted(name)} holds a line break and names no file")
    raise SourceError("missing_picture", f"{quoted(name)} is not in {folder.root.name}")


def needs_parent(folder: Folder, names: Iterable[str]) -> bool:
    """Tell whether any of the names is a path that starts in the folder above this one."""
    return any(_starts_above(folder, name) for name in names)


def _starts_above(folder: Folder, name: str) -> bool:
    try:
        inner, *above = _candidates(name, folder.root.name)
    except SourceError:
        return False
    own = f"{folder.root.name}/"
    if name in folder.files or inner.removeprefix(own) in folder.files:
        return False
    paths = above if inner.startswith(own) else [inner, *above]
    return any(os.path.isfile(folder.root.parent / path) for path in paths)  # noqa: PTH113


def refusal(path: str, code: str) -> str:
    """Return why an existing path was refused."""
    return f"{quoted(path)} {REASONS[code]}"


def reason_of(error: SourceError, file: str) -> str:
    """Return an error's message without the file's name, for a Skip, which has that already.

    >>> reason_of(SourceError("empty_file", "a.jpg has no bytes"), "photos/a.jpg")
    'it has no bytes'
    """
    said = str(error).removeprefix(f"{posixpath.basename(file)} ")
    return str(error) if said == str(error) else f"it {said}"


def named(error: SourceError, file: str) -> SourceError:
    """Return the error with the file's name at the start, for use outside a Skip.

    >>> str(named(SourceError("empty_file", "it has no bytes"), "a.pdf"))
    'a.pdf: it has no bytes'
    """
    said = str(error)
    return error if said.startswith(file) else SourceError(error.code, f"{file}: {said}")


def _walk(root: Path) -> Iterator[tuple[str, str | None]]:
    """Yield every path below the root, with a code when it must not be used."""
    waiting, seen = [""], 0
    while waiting:
        below = waiting.pop()
        tell(f"looking through {quoted(root.name)}: {seen:,} files so far")
        try:
            entries = list(os.scandir(root / below))
        except OSError:
            yield below, "unreadable_folder"
            continue
        for entry in entries:
            path = posixpath.join(below, entry.name)
            if not entry.is_dir(follow_symlinks=False):
                seen += 1
                yield path, _code(root, path, entry)
            elif not entry.name.startswith(".") and entry.name not in FOREIGN_FOLDERS:
                waiting.append(path)


def _code(root: Path, path: str, entry: os.DirEntry[str]) -> str | None:
    if not is_usable(path):
        return "bad_path"
    if entry.is_symlink():
        try:
            target = inside(root, path)
        except SourceError as error:
            return error.code
        if not target.exists():
            return "missing_picture"
        if target.is_dir():
            return LINKED_FOLDER
    return None if entry.is_file() else "not_a_picture"


def _candidates(name: str, base: str) -> list[str]:
    """Return the paths that a name may mean, from `base` and from above it; SourceError if none."""
    name = name.strip()
    if not is_usable(name):
        raise SourceError("bad_path", refusal(name, "bad_path"))
    if _ABSOLUTE.match(name):
        raise SourceError(
            "path_outside_root",
            f"{quoted(name)} is absolute; use a path from the metadata's folder",
        )
    if _URL.match(name):
        raise SourceError(
            "url_not_fetched",
            f"{quoted(name)} is an address; download it and name the file",
        )
    name = name.replace("\\", "/")
    joined = [posixpath.normpath(posixpath.join(base, name))]
    if base:
        joined.append(posixpath.normpath(posixpath.join(posixpath.dirname(base), name)))
    inside = [path for path in joined if path != ".." and not path.startswith("../")]
    if not inside:
        raise SourceError("path_outside_root", refusal(name, "path_outside_root"))
    return inside


def _through_links(folder: Folder, path: str, name: str) -> str | None:
    """Return the file that a path means through a linked folder; SourceError if it is refused."""
    for part in (path, *map(str, PurePosixPath(path).parents)):
        code = folder.refused.get(part)
        if code == LINKED_FOLDER and part != path:
            target = Path(os.path.realpath(inside(folder.root, path)))
            code = None
            if target.relative_to(folder.root).as_posix() in folder.files:
                return target.relative_to(folder.root).as_posix()
        if code is not None:
            code = "not_a_picture" if code == LINKED_FOLDER else code
            raise SourceError(code, refusal(name, code))
    if os.path.isdir(folder.root / path):  # noqa: PTH112 - Path.is_dir raises for long names
        raise SourceError("not_a_picture", refusal(name, "not_a_picture"))
    return None


def _find_loosely(folder: Folder, paths: Sequence[str], name: str) -> str | None:
    bare = posixpath.basename(paths[0])
    tables = [(folder.by_loose_path, _loose(path)) for path in paths]
    tables += [(folder.by_name, bare), (folder.by_loose_name, _loose(bare))]
    if not is_picture_name(bare):
        tables.append((folder.by_stem, bare))
    for table, key in tables:
        if key in table:
            return _only(table[key], name, bare)
    return None


def _only(paths: Sequence[str], name: str, bare: str) -> str:
    """Return the single path; among several that differ loosely, the one with the same letters."""
    if len(paths) > 1:
        same = [path for path in paths if _composed(path).endswith(_composed(bare))]
        if len(same) != 1:
            raise SourceError(
                "ambiguous_path",
                f"{quoted(name)} may be {quoted(paths[0])} or {quoted(paths[1])};"
                " write its path from the folder",
            )
        paths = same
    return paths[0]


def _loose(path: str) -> str:
    return _composed(path).casefold()


def _composed(path: str) -> str:
    return path if path.isascii() else unicodedata.normalize("NFC", path)


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = defaultdict(list)
    for key, path in pairs:
        groups[key].append(path)
    return dict(groups)
