"""Source → records: a folder, a metadata file or a picture on disk, read whole.

What dataset.toml does not say is guessed, and told, so that it can be corrected there.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from app.media.images import image_format
from app.media.inside import quoted
from app.model.errors import SettingsError, SourceError
from app.model.records import Field, Record, Skip
from app.store.manifest import TextKind
from ingest.attributes import with_attributes
from ingest.columns import named_columns
from ingest.dataset_file import DATASET_FILE, DatasetFile, read_dataset_file
from ingest.fields import choose_fields, unindexed_notice
from ingest.loaders import loader, loader_for
from ingest.metadata import METADATA_SUFFIXES, Contents, read_file, read_folder, read_picture
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
from ingest.schema import clean_text, infer_types
from ingest.unreadable import Known, Stamp

SNIFFED_BYTES = 1 << 20
"""Of a file with an unknown name: enough for a picture's header, little of anything else."""


@dataclass(frozen=True, slots=True)
class Source:
    """A source as it was read: its records, what was left out and why, and what was guessed.

    `path` is what was asked for, resolved; `root` the folder that the records' paths start from.
    `fields` has the collection's known fields first, then new ones. `given` is what dataset.toml
    says; `guesses` says by what each other part was found: image, captions, place, pattern, text.
    `stamps` are of the documents of a folder, by path.
    """

    label: str
    root: Path
    path: Path
    records: list[Record]
    skips: list[Skip]
    notices: list[str]
    fields: tuple[Field, ...]
    given: DatasetFile
    guesses: dict[str, str]
    stamps: dict[str, Stamp]

    @property
    def text_kind(self) -> TextKind:
        """The kind of its texts: pages where it has any, else what was chosen or guessed."""
        if any(record.page for record in self.records):
            return "pages"
        return "rows" if any(record.attributes for record in self.records) else "captions"


def load_source(
    path: Path,
    *,
    label: str | None = None,
    known_fields: Sequence[Field] = (),
    unreadable: Mapping[str, Known] = MappingProxyType({}),
) -> Source:
    """Read a source. `known_fields` have a type already, which no value here can change.

    Of its documents those that are known to be `unreadable` are opened only if they have changed.
    Raises SourceError when there is nothing to read at `path`, SettingsError for a label or a
    dataset.toml that cannot be used. Anything else that is wrong with a part of it is a Skip.
    """
    path = _existing(path)
    given = _dataset_file(path)
    label = _label(given.label if label is None else label, path)
    if path.is_dir():
        contents = read_folder(path, given, unreadable)
    elif _is_picture(path):
        contents = read_picture(path)
    else:
        contents = read_file(path, given)
    return _source(path, contents, given, label, known_fields)


def default_label(path: Path) -> str:
    """Return a source's default label: that of dataset.toml, else the name of its folder."""
    path = _existing(path)
    return _label(_dataset_file(path).label, path)


def _existing(path: Path) -> Path:
    try:
        found = path.expanduser().resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:  # a loop, a NUL, no such home
        raise SourceError(
            "missing_source",
            f"{quoted(str(path))} is not there; give a folder, a metadata file, a picture or a PDF",
        ) from error
    if not found.is_dir() and not found.is_file():
        raise SourceError("not_a_file", f"{found} is neither a file nor a folder")
    return found


def _dataset_file(path: Path) -> DatasetFile:
    file = (path if path.is_dir() else path.parent) / DATASET_FILE
    return read_dataset_file(file) if file.is_file() else DatasetFile()


def _label(given: str | None, path: Path) -> str:
    if given is None:
        return _clean_label(path.name if path.is_dir() else path.stem) or "source"
    if not given or _clean_label(given) != given:
        raise SettingsError(
            f"{quoted(given)} is not a label; a label is one line without slashes and outer blanks"
        )
    return given


def _clean_label(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f/\\]", "_", clean_text(text)).strip()


def _is_picture(path: Path) -> bool:
    """Tell whether a file is a picture, by its name, or by its content if no loader knows it."""
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


def _source(
    path: Path, contents: Contents, given: DatasetFile, label: str, known: Sequence[Field]
) -> Source:
    folder, tables = contents.folder, contents.tables
    items = [item for table in tables for item in read_entries(table, folder)]
    entries = [item for item in items if isinstance(item, Entry)]
    paths = dict.fromkeys(entry.path for entry in entries)
    pattern = given.pattern or guess_pattern(list(paths))
    keys = {name for table in tables for name in contents.columns.get(table.file, ())}
    taken = {key.lower() for key in keys}
    names = {path: read_name(path, pattern, taken) for path in paths} if pattern else {}
    if given.place and not given.pattern and not any(name.values for name in names.values()):
        pattern, names = None, {}  # a guess that says nothing new, as in an export
    columns = column_values(tables, names.values())
    types = infer_types(columns, types=given.types, known=known)
    first = _named_first(tables, given, names.values())
    fields = choose_fields(columns, types, known=known, first=first)
    typed_entries, misfits = type_entries(entries, types, names)
    notices = [*contents.notices, *_unnamed(path, contents, paths), *noted(entries)]
    notices += [*_unfitting(pattern, names), *_untyped(given, columns, keys)]
    notices += [*_wordless(contents, columns), *_twins(fields)]
    notices += [*misfits, *nested(columns, types), *unindexed_notice(types, fields, first)]
    notices += conflicts(typed_entries)
    records = build_records(typed_entries, folder, label=label, names=names)
    skipped = {skip.source for skip in contents.skips}  # a document that a row names, perhaps
    records = [record for record in records if record.path not in skipped]
    if _is_catalogue(contents, given):
        captions = {name for table in tables for name in table.columns.captions}
        records = with_attributes(records, types, captions)
    return Source(
        label=label,
        root=folder.root,
        path=path,
        records=records,
        skips=[*contents.skips, *(item for item in items if isinstance(item, Skip))],
        notices=notices,
        fields=fields,
        given=given,
        guesses=_guesses(contents, given, pattern),
        stamps=contents.stamps,
    )


def _named_first(
    tables: Sequence[Table], given: DatasetFile, names: Iterable[NameFields]
) -> set[str]:
    """The columns to index first: named in dataset.toml or file names, captions, and a page's."""
    named = {*given.types, *(name for _, name in named_columns(given))}
    named |= {name for table in tables for name in table.columns.captions}
    named |= {name for fields in names for name in fields.values}
    pages = (row for table in tables for row in table.rows[:1] if row.page)
    return named | {name for page in pages for name in page.fields}


def _is_catalogue(contents: Contents, given: DatasetFile) -> bool:
    guessed = any(table.columns.in_catalogue for table in contents.tables)
    return given.text == "rows" if given.text else guessed


def _unnamed(path: Path, contents: Contents, named: Mapping[str, None]) -> list[str]:
    """Return a notice of the pictures that no metadata names."""
    if contents.bare or not path.is_dir():
        return []
    left = [picture for picture in contents.folder.pictures if picture not in named]
    told = examples(map(quoted, left))
    return [f"left out, because no metadata names them ({len(left):,}): {told}"] if left else []


def _unfitting(pattern: str | None, names: Mapping[str, NameFields]) -> list[str]:
    odd = [path for path, name in names.items() if not name.fits]
    told = f"({len(odd):,} of {len(names):,}): {examples(map(quoted, odd))}"
    return [f"names that do not fit the pattern {pattern!r} {told}"] if odd else []


def _wordless(contents: Contents, columns: Mapping[str, Sequence[object]]) -> list[str]:
    """Return a notice of columns that may be captions, where none was taken for them."""
    if contents.bare or any(table.columns.captions for table in contents.tables):
        return []
    texts = [name for name, values in columns.items() if _are_texts(values)]
    told = f'if one of these describes the pictures, set captions = "…" in {DATASET_FILE}'
    said = f"no column was taken for captions; {told}: {examples(map(quoted, texts))}"
    return [said] if texts else []


def _are_texts(values: Sequence[object]) -> bool:
    """Whether most values have several words."""
    several = sum(isinstance(value, str) and " " in value.strip() for value in values)
    return 2 * several > len(values)


def _twins(fields: Sequence[Field]) -> list[str]:
    """Return notices of columns whose names differ only in case, with their names in filters."""
    first: dict[str, Field] = {}
    told = []
    for field in fields:
        twin = first.setdefault(field.name.casefold(), field)
        if twin is not field:
            told.append(f"{field.name!r} is not {twin.name!r}: filters call it {field.slug}")
    return told


def _untyped(given: DatasetFile, columns: Collection[str], keys: Collection[str]) -> list[str]:
    """Return notices of names in [types] and [scales] that are not columns with a type."""
    used = "is the picture, a caption or the place and has no type"
    notices = []
    for key, names in (("types", given.types), ("scales", given.scales)):
        odd = [name for name in names if name not in columns]
        told = [f"{name!r}, which {used if name in keys else 'no row has'}" for name in odd]
        notices += [f"[{key}] in {DATASET_FILE} names {examples(told)}"] if told else []
    return notices


def _guesses(contents: Contents, given: DatasetFile, pattern: str | None) -> dict[str, str]:
    """Return what was guessed, by the key of dataset.toml that can correct it."""
    tables = [table for table in contents.tables if table.file in contents.columns]
    images = {table.file: table.columns.images[:1] for table in tables}
    captions = {table.file: table.columns.captions for table in tables}
    places = {table.file: table.columns.place for table in tables}
    sidecars = any(file.endswith(".gps") for file in contents.folder.files)
    guessed = {
        "image": "" if given.image else _told(images),
        "captions": "" if given.captions else _told(captions),
        "place": ""
        if given.place
        else _told(places) or ".gps files beside the pictures" * sidecars,
        "pattern": "" if given.pattern else pattern or "",
        "text": "rows" if given.text is None and _is_catalogue(contents, given) else "",
    }
    return {key: text for key, text in guessed.items() if text}


def _told(columns: Mapping[str, tuple[str, ...]]) -> str:
    """Name the columns; where metadata files differ, with the file or the number of files.

    >>> _told({"a.json": ("lat", "lon"), "b.json": ()})
    'lat and lon'
    >>> _told({"a.json": ("caption",), "b.json": ("caption",), "c.csv": ("title",)})
    'caption in 2 files or title in c.csv'
    """
    files: dict[str, list[str]] = defaultdict(list)
    for file, names in columns.items():
        if names:
            files[" and ".join(names)].append(file)
    if len(files) == 1:
        return next(iter(files))
    return " or ".join(
        f"{names} in {found[0] if len(found) == 1 else f'{len(found)} files'}"
        for names, found in files.items()
    )
