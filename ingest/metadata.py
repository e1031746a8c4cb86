"""A path → its metadata: which files say something of pictures, read whole, and what they lack.

A folder without metadata has one table all the same, made of the pictures themselves.
"""

import posixpath
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from app.media.inside import quoted
from app.media.pages import SUFFIX
from app.media.picture_files import IMAGE_SUFFIXES
from app.model.errors import SettingsError, SourceError
from app.model.messages import did_you_mean
from app.model.records import Skip
from ingest.columns import (
    Columns,
    choose_columns,
    column_names,
    image_names,
    named_columns,
    told_of_few,
)
from ingest.dataset_file import DATASET_FILE, DatasetFile
from ingest.folder import (
    LINKED_FOLDER,
    REASONS,
    Folder,
    build_folder,
    find_picture,
    index_folder,
    is_picture_name,
    named,
    needs_parent,
    reason_of,
)
from ingest.loaders import Row, loader_for, pdf_pages, pictures
from ingest.rows import Table, examples
from ingest.telling import tell
from ingest.unreadable import Known, Stamp, skip_of

METADATA_SUFFIXES = frozenset(
    {".json", ".jsonl", ".ndjson", ".jsonlines", ".csv", ".tsv", ".txt", ".pdf"}
)
"""What is offered to the loaders within a folder; a file that is named itself is always offered."""

UNTOLD_SUFFIXES = frozenset({".gps", ".md", ".toml", ".yaml", ".yml", ".py", ".ipynb", ".html"})
"""Of what lies beside pictures and is not missed."""

MAX_COLUMNS_LISTED = 30

_BARE = Columns(images=("file_name",), captions=(), place=())
_FOLDER_CODES = frozenset({"path_outside_root", "unreadable_folder"})
"""What is told of a bare folder although it is not named like a picture."""


@dataclass(frozen=True, slots=True)
class Contents:
    """The rows of a source's metadata files, and what could not be read.

    `bare` is set where the one table is made of the pictures. `ignored` says of each file that is
    no metadata why not; `columns` has those of every file with rows, also of an ignored one.
    `stamps` are of the documents, as they were before they were opened.
    """

    folder: Folder
    tables: list[Table] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    columns: dict[str, list[str]] = field(default_factory=dict)
    stamps: dict[str, Stamp] = field(default_factory=dict)
    bare: bool = False


def read_picture(path: Path) -> Contents:
    """Read one picture: a table of one row, and nothing else of its folder."""
    beside = [name for name in (path.name, f"{path.stem}.gps") if (path.parent / name).is_file()]
    folder = build_folder(path.parent, dict.fromkeys(beside))
    rows = [Row({"file_name": path.name}, path.name)]
    return Contents(folder, [Table("", rows, _BARE)], bare=True)


def read_folder(path: Path, given: DatasetFile, unreadable: Mapping[str, Known]) -> Contents:
    """Read every metadata file in a folder; where none is about pictures, the pictures themselves.

    A document that is known to be `unreadable`, and has not changed, is not opened. Raises
    SettingsError for a column that `given` names and that no metadata has: what it is to say would
    be missing from every record.
    """
    contents = Contents(index_folder(path))
    found = sorted(contents.folder.files)
    files = [name for name in found if posixpath.splitext(name)[1].lower() in METADATA_SUFFIXES]
    for done, file in enumerate(files):
        tell(f"reading tables and documents: {done:,} of {len(files):,}, {quoted(file)}")
        _add_file(contents, file, given, unreadable)
    _require_columns(contents, given)
    deeper = [file for file in contents.folder.files if file.endswith(f"/{DATASET_FILE}")]
    if deeper:
        told = examples(sorted(deeper))
        contents.notices.append(f"not read, because only the one in {path.name} counts: {told}")
    if contents.ignored:
        told = f"({len(contents.ignored):,}): {examples(contents.ignored)}"
        contents.notices.append(f"ignored, because they are not metadata {told}")
    contents.notices.extend(_strangers(contents.folder))
    is_told = any(table.file in contents.columns for table in contents.tables)
    return contents if is_told else _bare_folder(path, contents, given)


def _strangers(folder: Folder) -> list[str]:
    """Tell of files that are neither pictures nor metadata; a photograph may be among them."""
    known = METADATA_SUFFIXES | IMAGE_SUFFIXES | UNTOLD_SUFFIXES
    odd = sorted(
        file
        for file in folder.files
        if posixpath.splitext(file)[1].lower() not in known
        and not posixpath.basename(file).startswith(".")
    )
    told = examples(map(quoted, odd))
    return (
        [f"not read, because neither pictures nor metadata ({len(odd):,}): {told}"] if odd else []
    )


def read_file(path: Path, given: DatasetFile) -> Contents:
    """Read one metadata file; its root is the folder above where its paths need that.

    Raises SourceError when it is no metadata, SettingsError as `read_folder` does.
    """
    tell(f"reading {quoted(path.name)}")
    try:
        rows, skips = _rows(path, path.name)
    except SourceError as error:
        raise named(error, path.name) from error
    if rows and rows[0].page:
        folder = build_folder(path.parent, {path.name: None})
        return Contents(folder, [_table(path.name, rows, folder, given)], bare=True)
    folder = index_folder(path.parent)
    if not rows:
        told = f"{path.name} holds no rows that could be read"
        return Contents(folder, skips=skips, notices=[told])
    above = _folder_above(path, rows, folder, given)
    contents = Contents(above or folder, skips=skips)
    file = f"{path.parent.name}/{path.name}" if above else path.name
    contents.columns[file] = column_names(rows)
    _require_columns(contents, given)
    contents.tables.append(_table(file, rows, contents.folder, given))
    return contents


def _add_file(
    contents: Contents, file: str, given: DatasetFile, unreadable: Mapping[str, Known]
) -> None:
    """Read one file of a folder; one that is broken is a Skip, one that is no metadata is none."""
    if _is_document(file):
        with suppress(OSError):  # it is not there any more: reading it says so
            contents.stamps[file] = Stamp.of((contents.folder.root / file).stat())
            if known := skip_of(unreadable, file, contents.stamps[file]):
                contents.skips.append(known)
                return
    try:
        rows, skips = _rows(contents.folder.root / file, file)
        contents.skips.extend(skips)
        if rows:
            if not rows[0].page:
                contents.columns[file] = column_names(rows)
            contents.tables.append(_table(file, rows, contents.folder, given))
        elif not skips:
            contents.ignored.append(f"{file} holds no rows")
    except SourceError as error:
        if error.code == "not_metadata":
            contents.ignored.append(str(error))
        elif error.code != "unknown_format":  # a README.txt needs no mention
            contents.skips.append(Skip(file, error.code, reason_of(error, file)))


def _require_columns(contents: Contents, given: DatasetFile) -> None:
    """Refuse a column that dataset.toml names and no file has that is used, or else was read."""
    used = [table.file for table in contents.tables if table.file in contents.columns]
    files = used or list(contents.columns)
    known = list(dict.fromkeys(name for file in files for name in contents.columns[file]))
    missing = [(key, name) for key, name in named_columns(given) if name not in known]
    if not files or not missing:
        return
    key, name = missing[0]
    where = files[0] if len(files) == 1 else f"any of {len(files)} metadata files"
    more = ", …" if len(known) > MAX_COLUMNS_LISTED else ""
    raise SettingsError(
        f"{DATASET_FILE} says {key} = {name!r}, but no such column is in {where} (there are"
        f" {', '.join(map(quoted, known[:MAX_COLUMNS_LISTED]))}{more}){did_you_mean(name, known)}"
    )


def _bare_folder(path: Path, contents: Contents, given: DatasetFile) -> Contents:
    if columns := named_columns(given):
        key, name = columns[0]
        why = [*contents.ignored, *(f"{skip.source}: {skip.reason}" for skip in contents.skips)]
        raise SettingsError(
            f"{DATASET_FILE} says {key} = {name!r}, but {path.name} has no metadata with rows about"
            f" pictures{': ' if why else ''}{examples(why)}. Bring it back, or take the key out"
        )
    rows = pictures.rows(contents.folder.pictures)
    refused = [
        Skip(file, code, f"it {REASONS[code]}")
        for file, code in sorted(contents.folder.refused.items())
        if code in _FOLDER_CODES
        or (code != LINKED_FOLDER and (is_picture_name(file) or _is_document(file)))
    ]
    skips = [*contents.skips, *refused]
    if not rows and not skips and not contents.tables:
        raise SourceError(
            "no_pictures",
            f"{path} holds no picture ({', '.join(sorted(IMAGE_SUFFIXES))}), no PDF and no"
            " metadata; give the folder that does",
        )
    tables = [*contents.tables, Table("", rows, _BARE)]
    return replace(contents, tables=tables, skips=skips, bare=True)


def _is_document(file: str) -> bool:
    return file.lower().endswith(SUFFIX)


def _folder_above(
    path: Path, rows: Sequence[Row], folder: Folder, given: DatasetFile
) -> Folder | None:
    """Return the folder above, if a path starts there, or if pictures are found only there."""
    parent = path.parent.parent
    if parent in (parent.parent, Path.home(), path.parent):
        return None  # not the whole disk or everything that a person has
    columns = choose_columns(rows, partial(_finds, folder, ""), given)
    names = [name for row in rows for name in image_names(row, columns)[:1]]
    if needs_parent(folder, names):
        return index_folder(parent)
    if any(_finds(folder, "", name) for name in names):
        return None
    try:
        above = index_folder(parent)
    except SourceError:
        return None
    base = path.parent.name
    columns = choose_columns(rows, partial(_finds, above, base), given)
    names = [name for row in rows for name in image_names(row, columns)[:1]]
    return above if any(_finds(above, base, name) for name in names) else None


def _rows(path: Path, file: str) -> tuple[list[Row], list[Skip]]:
    """Read a metadata file whole; each Skip says which part of which file it is about."""
    try:
        found = loader_for(path)
        if found is None:
            raise SourceError("unknown_format", f"{file} is of no known format")
        items = list(found.load(path))
    except OSError as error:
        raise SourceError("unreadable_file", f"{file} cannot be read: {error.strerror}") from error
    skips = [item for item in items if isinstance(item, Skip)]
    rows = [item for item in items if isinstance(item, Row)]
    return rows, [replace(skip, source=f"{file} {skip.source}") for skip in skips]


def _table(file: str, rows: Sequence[Row], folder: Folder, given: DatasetFile) -> Table:
    if rows[0].page:
        return Table(file, rows, pdf_pages.COLUMNS)
    finds = partial(_finds, folder, posixpath.dirname(file))
    columns = choose_columns(rows, finds, given)
    if columns.images:
        return Table(file, rows, columns)
    if given.image is not None:
        raise SourceError("not_metadata", f"{file} has no column {given.image!r}")
    if few := told_of_few(rows, finds):
        raise SourceError("not_metadata", f"{file}: {few}")
    raise SourceError(
        "not_metadata",
        f"{file} has no column that names pictures, but"
        f" {examples(map(quoted, column_names(rows)))};"
        f' if one does, say so in {DATASET_FILE}: image = "…"',
    )


def _finds(folder: Folder, base: str, name: str) -> bool:
    try:
        return not _is_document(find_picture(folder, name, base=base))  # which is no picture
    except SourceError:
        return False
