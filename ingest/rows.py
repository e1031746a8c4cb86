"""Rows → records: each row finds its picture, and the rows of one picture become one record."""

import posixpath
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from app.model.errors import SourceError
from app.model.messages import counted
from app.model.records import FieldType, Place, Record, Skip, page_mark
from ingest.captions import parse_captions
from ingest.columns import Columns, image_names, nested_place
from ingest.folder import Folder, find_picture
from ingest.loaders import Row
from ingest.places import NameFields, place_of, read_sidecar
from ingest.schema import WHAT_FITS, is_blank, typed, valid_json

MAX_EXAMPLES = 3
"""Rows or values that a notice names; it counts all of them."""

MAX_COLUMNS_TOLD = 10
"""Columns that a notice names, or that have one of their own: a table may have 20,000."""


@dataclass(frozen=True, slots=True)
class Table:
    """One metadata file: its path in the source, its rows, and what its columns are."""

    file: str
    rows: Sequence[Row]
    columns: Columns


@dataclass(frozen=True, slots=True)
class Entry:
    """The values of one row about the picture at `path`; `notes` are for the report."""

    path: str
    where: str
    captions: tuple[str, ...]
    values: Mapping[str, Any]
    place: Place | None
    notes: tuple[str, ...]
    page: int | None = None


def read_entries(table: Table, folder: Folder) -> list[Entry | Skip]:
    """Return an entry for each row in order, or a Skip if its picture cannot be found."""
    return [_entry(row, table, folder) for row in table.rows]


def column_values(tables: Iterable[Table], names: Iterable[NameFields]) -> dict[str, list[Any]]:
    """Return the values of each metadata column; rows whose picture is missing count as well."""
    columns: dict[str, list[Any]] = defaultdict(list)
    rows = (_values(row, table.columns) for table in tables for row in table.rows)
    for values in (*rows, *(name.values for name in names)):
        for name, value in values.items():
            columns[name].append(value)
    return columns


def build_records(
    entries: Sequence[Entry],
    folder: Folder,
    *,
    label: str,
    names: Mapping[str, NameFields],
) -> list[Record]:
    """Join the entries of each picture, in the order in which pictures were first named.

    `names` has what file names say, by path. Captions are joined without repeating
    any; of a key with several values the first one stays, as `conflicts` tells.
    """
    groups: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[entry.path].append(entry)
    return [
        Record(
            record_id=f"{label}/{path}",
            source=label,
            root=folder.root,
            path=path,
            captions=tuple(dict.fromkeys(text for entry in group for text in entry.captions)),
            metadata=_metadata(group),
            place=_place(group, names.get(path)) or _sidecar(path, folder),
            page=group[0].page,
        )
        for path, group in groups.items()
    ]


def conflicts(entries: Sequence[Entry]) -> list[str]:
    """Return a notice when rows of one picture contradict each other."""
    first: dict[tuple[str, str], Any] = {}
    found: list[str] = []
    rows = Counter(entry.path for entry in entries)
    for entry in (entry for entry in entries if rows[entry.path] > 1):
        for name, value in entry.values.items():
            if first.setdefault((entry.path, name), value) != value:
                found.append(f"{name!r} in {entry.where}")
    told = (
        f"left out, because an earlier row of the same picture has another value ({len(found):,})"
    )
    return [f"{told}: {examples(found)}"] if found else []


def type_entries(
    entries: Iterable[Entry], types: Mapping[str, FieldType], names: Mapping[str, NameFields]
) -> tuple[list[Entry], list[str]]:
    """Give all values the type of their column, file names' own included; drop what is missing.

    Returns a notice beside them for each column with values that are not of its type.
    """
    odd: dict[str, list[str]] = defaultdict(list)
    done = []
    for entry in entries:
        named = names[entry.path].values if entry.path in names else {}
        values = {**entry.values, **named}
        done.append(replace(entry, values=_typed_values(values, types, odd)))
    told = [
        f"{counted(len(values), 'value')} of {name!r} counted as missing, because not of type"
        f" {types[name]}: {examples(dict.fromkeys(values))}; {WHAT_FITS[types[name]]}"
        for name, values in islice(odd.items(), MAX_COLUMNS_TOLD)
    ]
    rest = list(odd)[MAX_COLUMNS_TOLD:]
    if rest:
        told.append(f"so were values of {counted(len(rest), 'more column')}: {_named(rest)}")
    return done, told


def nested(columns: Mapping[str, Sequence[Any]], types: Container[str]) -> list[str]:
    """Return a notice of the columns of objects, which are kept but cannot be used in filters."""
    names = [
        name
        for name, values in columns.items()
        if name not in types and any(not is_blank(value) for value in values)
    ]
    told = _named(names)
    return [f"objects and lists are kept, but cannot be used in filters: {told}"] if names else []


def noted(entries: Iterable[Entry]) -> list[str]:
    """Return the notes of all rows, each once, with the rows it is about."""
    rows: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        for note in entry.notes:
            rows[note].append(entry.where)
    return [
        f"{counted(len(found), 'row')}: {note} ({examples(found)})" for note, found in rows.items()
    ]


def _named(columns: Sequence[str]) -> str:
    more = f", … ({len(columns):,})" if len(columns) > MAX_COLUMNS_TOLD else ""
    return ", ".join(map(repr, columns[:MAX_COLUMNS_TOLD])) + more


def examples(items: Iterable[str]) -> str:
    """Join the first few items, and say that there are more."""
    listed = list(items)
    return ", ".join(listed[:MAX_EXAMPLES]) + (", …" if len(listed) > MAX_EXAMPLES else "")


def _entry(row: Row, table: Table, folder: Folder) -> Entry | Skip:
    where = f"{table.file} {row.where}" if table.file else row.where
    called = image_names(row, table.columns)
    if not called:
        columns = ", ".join(map(repr, table.columns.images))
        return Skip(where, "missing_image_field", f"it names no picture; looked at {columns}")
    try:
        path = find_picture(folder, called[0], base=posixpath.dirname(table.file))
        path += page_mark(row.page) if row.page else ""
    except SourceError as error:
        return Skip(where, error.code, str(error))
    captions, caption_notes = _captions(row, table.columns)
    place, place_notes = _row_place(row, table.columns)
    moved = "" if row.page or path == called[0] else _moved_note(called[0], folder.root / path)
    notes = (*filter(None, (row.note, moved)), *caption_notes, *place_notes)
    return Entry(path, where, captions, _values(row, table.columns), place, notes, row.page)


def _moved_note(name: str, file: Path) -> str:
    """Return a note of a picture that was found by its name in another folder than the row says."""
    said = posixpath.basename(posixpath.dirname(name.strip().replace("\\", "/")))
    if said in ("", ".", "..") or said.casefold() == file.parent.name.casefold():
        return ""
    return (
        ""
        if file.name == name
        else "the path is not there, so a picture of that name elsewhere was taken"
    )


def _captions(row: Row, columns: Columns) -> tuple[tuple[str, ...], list[str]]:
    texts: list[str] = []
    for name in columns.captions:
        parsed = parse_captions(row.fields.get(name))
        if parsed is None:
            return tuple(texts), [f"{name!r} is neither a text nor a list of texts: no caption"]
        texts += parsed
    return tuple(texts), []


def _row_place(row: Row, columns: Columns) -> tuple[Place | None, list[str]]:
    values = [row.fields.get(name) for name in columns.place]
    if len(values) == 1:
        values = list(nested_place(values[0]) or ())
    if not values or all(map(is_blank, values)):
        return None, []
    place = place_of(*values)
    told = "what the columns of the place say is not a latitude and longitude in degrees"
    return place, [] if place else [told]


def _values(row: Row, columns: Columns) -> dict[str, Any]:
    captions = () if columns.in_catalogue else columns.captions  # names are filtered by as well
    used = {*columns.images, *captions, *columns.place}
    return {name: value for name, value in row.fields.items() if name not in used}


def _typed_values(
    values: Mapping[str, Any], types: Mapping[str, FieldType], odd: dict[str, list[str]]
) -> dict[str, Any]:
    """Return the values that are there; those that do not fit are added to `odd`."""
    kept = {}
    for name, value in values.items():
        if name in types:
            found = typed(value, types[name])
        else:
            found = None if is_blank(value) else valid_json(value)
        if found is not None:
            kept[name] = found
        elif name in types and not is_blank(value):
            odd[name].append(_short(value))
    return kept


def _metadata(group: Sequence[Entry]) -> dict[str, Any]:
    """Join the values of several rows; of different values the first counts."""
    metadata: dict[str, Any] = {}
    for entry in group:
        for key, value in entry.values.items():
            metadata.setdefault(key, value)
    return metadata


def _place(group: Sequence[Entry], name: NameFields | None) -> Place | None:
    said = next((entry.place for entry in group if entry.place), None)
    return said or (name.place if name else None)


def _sidecar(path: str, folder: Folder) -> Place | None:
    file = f"{posixpath.splitext(path)[0]}.gps"
    return read_sidecar(folder.root / file) if file in folder.files else None


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}…"
