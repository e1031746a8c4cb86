"""Source → records: a folder, a metadata file or a picture on disk, read whole.

What dataset.toml does not say is guessed, and told, so that it can be corrected there.
"""

import posixpath
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from app.core.errors import SettingsError, SourceError
from app.core.images import SUFFIXES, image_format
from app.core.records import Field, Record, Skip
from ingest.columns import Columns, choose_columns, image_names
from ingest.dataset_file import NAME, DatasetFile, read_dataset_file
from ingest.folder import (
    LINKED_FOLDER,
    Folder,
    build_folder,
    find_picture,
    index_folder,
    is_picture_name,
    needs_parent,
    refusal,
    shown,
)
from ingest.loaders import Row, loader, loader_for, pictures
from ingest.places import NameFields, guess_pattern, read_name
from ingest.rows import (
    Entry,
    Table,
    build_records,
    column_values,
    conflicts,
    examples,
    nested,
    noted,
    read_entries,
    type_entries,
)
from ingest.schema import clean_text, infer_fields

METADATA_SUFFIXES = frozenset({".json", ".jsonl", ".ndjson", ".jsonlines", ".csv", ".tsv", ".txt"})
"""What is offered to the loaders within a folder; a file that is named itself is always offered."""


SNIFFED_BYTES = 1 << 20
"""Of a file with an unknown name: enough for a picture's header, little of anything else."""

_BARE = Columns(images=("file_name",), captions=(), place=())
_FOLDER_CODES = frozenset({"path_outside_root", "unreadable_folder"})
"""What is told of a bare folder although it is not named like a picture."""


@dataclass(frozen=True, slots=True)
class Source:
    """A source as it was read: its records, what was left out and why, and what was guessed.

    `path` is what was asked for, resolved; `root` the folder that the records' paths start from.
    `fields` has the collection's known fields first, then new ones. `guesses` says by what each
    part was found: image, captions, place.
    """

    label: str
    root: Path
    path: Path
    records: list[Record]
    skips: list[Skip]
    notices: list[str]
    fields: tuple[Field, ...]
    guesses: dict[str, str]
    text_kind: Literal["captions", "rows"]


@dataclass(frozen=True, slots=True)
class _Contents:
    """What the metadata files of a source say, and what of them could not be read.

    Without any, `tables` has one, made of the pictures themselves, and `bare` is set.
    """

    folder: Folder
    tables: list[Table]
    skips: list[Skip]
    notices: list[str]
    bare: bool = False


def load(path: Path, *, label: str | None = None, known_fields: Sequence[Field] = ()) -> Source:
    """Read a source. `known_fields` have a type already, which no value here can change.

    Raises SourceError when there is nothing to read at `path`, SettingsError for a dataset.toml or
    a label that cannot be used. Anything else that is wrong with a part of it is a Skip.
    """
    path = _existing(path)
    given = _dataset_file(path)
    label = _label(given.label if label is None else label, path)
    if path.is_dir():
        contents = _read_folder(path, given)
    elif _is_picture(path):
        contents = _read_picture(path)
    else:
        contents = _read_file(path, given)
    return _source(path, contents, given, label, known_fields)


def default_label(path: Path) -> str:
    """Return the label that a source has unasked: what dataset.toml says, else its own name."""
    path = _existing(path)
    return _label(_dataset_file(path).label, path)


def _existing(path: Path) -> Path:
    try:
        found = path.expanduser().resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:  # a loop, a NUL, no such home
        raise SourceError(
            "missing_source",
            f"{shown(str(path))} is not there; give a folder, a metadata file or a picture",
        ) from error
    if not found.is_dir() and not found.is_file():
        raise SourceError("not_a_file", f"{found} is neither a file nor a folder")
    return found


def _dataset_file(path: Path) -> DatasetFile:
    file = (path if path.is_dir() else path.parent) / NAME
    return read_dataset_file(file) if file.is_file() else DatasetFile()


def _label(given: str | None, path: Path) -> str:
    if given is None:
        return _clean_label(path.name if path.is_dir() else path.stem) or "source"
    if not given or _clean_label(given) != given:
        raise SettingsError(
            f"{shown(given)} is no label; take one line without slashes and outer blanks"
        )
    return given


def _clean_label(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f/\\]", "_", clean_text(text)).strip()


def _is_picture(path: Path) -> bool:
    """Tell by the name, and for a name that no loader knows, by the content."""
    try:
        found = loader_for(path)
        if found is not None:
            return found is loader("pictures")
        with path.open("rb") as stream:
            image_format(stream.read(SNIFFED_BYTES))
    except (SourceError, OSError) as error:
        known = ", ".join(sorted(METADATA_SUFFIXES))
        raise SourceError(
            "unknown_format",
            f"{path.name} is neither a picture nor metadata ({known}) that can be read",
        ) from error
    return True


def _read_picture(path: Path) -> _Contents:
    beside = [name for name in (path.name, f"{path.stem}.gps") if (path.parent / name).is_file()]
    folder = build_folder(path.parent, dict.fromkeys(beside))
    rows = [Row({"file_name": path.name}, path.name)]
    return _Contents(folder, [Table("", rows, _BARE)], [], [], bare=True)


def _read_folder(path: Path, given: DatasetFile) -> _Contents:
    """Read every metadata file in a folder; where there is none, the pictures themselves."""
    contents = _Contents(index_folder(path), [], [], [])
    ignored: list[str] = []
    for file in sorted(contents.folder.files):
        if posixpath.splitext(file)[1].lower() in METADATA_SUFFIXES:
            _add_file(contents, file, given, ignored)
    deeper = [file for file in contents.folder.files if file.endswith(f"/{NAME}")]
    if deeper:
        told = examples(sorted(deeper))
        contents.notices.append(f"not read, for only the one in {path.name} counts: {told}")
    if ignored:
        told = examples(ignored)
        contents.notices.append(f"ignored, for they are no metadata ({len(ignored):,}): {told}")
    return contents if contents.tables else _bare_folder(path, contents)


def _add_file(contents: _Contents, file: str, given: DatasetFile, ignored: list[str]) -> None:
    """Read one file of a folder; one that is broken is a Skip, one that is no metadata is none."""
    try:
        rows, skips = _rows(contents.folder.root / file, file)
        contents.skips.extend(skips)
        if rows:
            contents.tables.append(_table(file, rows, contents.folder, given))
        elif not skips:
            ignored.append(f"{file} holds no rows")
    except SourceError as error:
        if error.code == "not_metadata":
            ignored.append(str(error))
        elif error.code != "unknown_format":  # a README.txt needs no mention
            contents.skips.append(Skip(file, error.code, str(error)))


def _bare_folder(path: Path, contents: _Contents) -> _Contents:
    rows = [row for row in pictures.load(path) if isinstance(row, Row)]
    refused = [
        Skip(file, code, refusal(file, code))
        for file, code in sorted(contents.folder.refused.items())
        if code != LINKED_FOLDER and (is_picture_name(file) or code in _FOLDER_CODES)
    ]
    skips = [*contents.skips, *refused]
    if not rows and not skips:
        raise SourceError(
            "no_pictures",
            f"{path} holds no picture ({', '.join(sorted(SUFFIXES))}) and no metadata;"
            " give the folder that does",
        )
    table = Table("", rows, _BARE)
    return _Contents(contents.folder, [table], skips, contents.notices, bare=True)


def _read_file(path: Path, given: DatasetFile) -> _Contents:
    """Read one metadata file; its root is the folder above where its paths need that."""
    rows, skips = _rows(path, path.name)
    folder = index_folder(path.parent)
    if not rows:
        return _Contents(folder, [], skips, [f"{path.name} holds no rows that could be read"])
    above = _folder_above(path, rows, folder, given)
    if above is None:
        return _Contents(folder, [_table(path.name, rows, folder, given)], skips, [])
    file = f"{path.parent.name}/{path.name}"
    return _Contents(above, [_table(file, rows, above, given)], skips, [])


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
    columns = choose_columns(rows, partial(_finds, folder, posixpath.dirname(file)), given)
    if not columns.images:
        names = dict.fromkeys(name for row in rows[:100] for name in row.fields)
        raise SourceError(
            "not_metadata",
            f"{file} has no column that names pictures, but {examples(map(shown, names))};"
            f' if one does, say so in {NAME}: image = "…"',
        )
    return Table(file, rows, columns)


def _finds(folder: Folder, base: str, name: str) -> bool:
    try:
        return bool(find_picture(folder, name, base=base))
    except SourceError:
        return False


def _source(
    path: Path, contents: _Contents, given: DatasetFile, label: str, known: Sequence[Field]
) -> Source:
    folder, tables = contents.folder, contents.tables
    items = [item for table in tables for item in read_entries(table, folder)]
    entries = [item for item in items if isinstance(item, Entry)]
    paths = dict.fromkeys(entry.path for entry in entries)
    pattern = given.pattern or guess_pattern(list(paths))
    keys = {name for table in tables for row in table.rows for name in row.fields}
    taken = {key.lower() for key in keys}
    names = {path: read_name(path, pattern, taken) for path in paths} if pattern else {}
    columns = column_values(tables, names.values())
    fields = infer_fields(columns, types=given.types, known=known)
    typed_entries, misfits = type_entries(entries, fields, names)
    notices = [*contents.notices, *_unnamed(path, contents, paths), *noted(entries)]
    notices += [*_unfitting(given, names), *_unknown_types(given, columns)]
    notices += [*misfits, *nested(columns, fields), *conflicts(typed_entries)]
    return Source(
        label=label,
        root=folder.root,
        path=path,
        records=build_records(typed_entries, folder, label=label, names=names),
        skips=[*contents.skips, *(item for item in items if isinstance(item, Skip))],
        notices=notices,
        fields=fields,
        guesses=_guesses(contents, given, pattern),
        text_kind=given.text,
    )


def _unnamed(path: Path, contents: _Contents, named: Mapping[str, None]) -> list[str]:
    """Tell of the pictures of a folder that its metadata leaves out."""
    if contents.bare or not path.is_dir():
        return []
    left = [picture for picture in contents.folder.pictures if picture not in named]
    told = examples(map(shown, left))
    return [f"left out, for no metadata names them ({len(left):,}): {told}"] if left else []


def _unfitting(given: DatasetFile, names: Mapping[str, NameFields]) -> list[str]:
    odd = [path for path, name in names.items() if not name.fits]
    if given.pattern is None or not odd:
        return []
    told = examples(map(shown, odd))
    return [f"{len(odd):,} of {len(names):,} names do not fit {given.pattern!r}: {told}"]


def _unknown_types(given: DatasetFile, columns: Mapping[str, object]) -> list[str]:
    names = [name for name in given.types if name not in columns]
    told = examples(map(repr, names))
    return [f"[types] in {NAME} names {told}, which no row has"] if names else []


def _guesses(contents: _Contents, given: DatasetFile, pattern: str | None) -> dict[str, str]:
    """Say what was guessed, by the key of dataset.toml that would correct it."""
    tables = [] if contents.bare else contents.tables
    images = {table.file: table.columns.images[:1] for table in tables}
    captions = {table.file: table.columns.captions for table in tables}
    places = {table.file: table.columns.place for table in tables}
    guessed = {
        "image": "" if given.image else _told(images),
        "captions": "" if given.captions else _told(captions),
        "place": "" if given.place else _told(places) or _sidecars(contents.folder),
        "pattern": "" if given.pattern else pattern or "",
    }
    return {key: text for key, text in guessed.items() if text}


def _sidecars(folder: Folder) -> str:
    found = any(file.endswith(".gps") for file in folder.files)
    return ".gps files beside the pictures" if found else ""


def _told(columns: Mapping[str, tuple[str, ...]]) -> str:
    """Name the columns; where metadata files differ, with the files that they are in."""
    files: dict[str, list[str]] = defaultdict(list)
    for file, names in columns.items():
        if names:
            files[", ".join(names)].append(file)
    if len(files) == 1:
        return next(iter(files))
    return "; ".join(f"{names} in {examples(found)}" for names, found in files.items())
