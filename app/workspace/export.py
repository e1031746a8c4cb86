"""Export: records of a collection → a table, or a folder of pictures that can be ingested again."""

import csv
import json
import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from app.media.inside import inside
from app.model.errors import CollectionError, SettingsError, SourceError
from app.model.points import Point
from app.model.records import Skip, document_of
from app.store.collection import Collection
from app.store.stored import node_content
from app.written import SIGNATURE, write_whole

SUFFIXES = (".csv", ".jsonl", ".zip")

METADATA, DATASET = "metadata.json", "dataset.toml"

FILE, CAPTIONS, LAT, LON = (f"sightline:{name}" for name in ("file", "captions", "lat", "lon"))
"""Keys of a folder's metadata.json that no column of a user's is called by."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a text may begin with that a spreadsheet would run (OWASP, CSV injection)."""

Records = Iterable[tuple[Collection, Point, float | None]]
"""Each record with the collection that it is read from, and its score if it was ranked."""

Put = Callable[[Path, str], None]
"""A file, and the name under which it goes into a folder or a ZIP."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: `skipped` are records whose pictures are not among it, and why."""

    path: Path
    records: int
    skipped: tuple[Skip, ...] = ()


def check_out(out: Path, *, force: bool) -> None:
    """Raise SettingsError for what cannot be written, or would write over something.

    With `force` it replaces a file, and a folder that is an export; never another folder.
    """
    if out.suffix.lower() not in (*SUFFIXES, ""):
        raise SettingsError(
            f"{out.name!r} does not say what to write; end it in {', '.join(SUFFIXES)}, or in"
            " nothing for a folder"
        )
    if not out.absolute().parent.is_dir():
        raise SettingsError(f"the folder {out.parent} is not there; make it, then write {out}")
    if out.is_symlink():
        raise SettingsError(f"{out} is a link, and links are not written through; name another")
    if not out.exists():
        return
    if not force:
        raise SettingsError(f"{out} is there already; choose another name, or add --force")
    if out.is_dir() != (not out.suffix) or (out.is_dir() and not _is_export(out)):
        what = "a folder that Sightline did not write" if out.is_dir() else "no folder"
        raise SettingsError(f"{out} is {what}, and is not written over; choose another name")


def write_export(out: Path, records: Records) -> Exported:
    """Write records whole or not at all, one at a time: none but the last few are in memory.

    Raises SettingsError when they cannot be written, and what reading them raises; what was there
    is then as it was.
    """
    beside = out.with_name(f".sightline-{secrets.token_hex(8)}")
    done = _Done()
    try:
        match out.suffix.lower():
            case ".csv":
                write_whole(out, lambda file: _write_csv(file, records, beside, done))
            case ".jsonl":
                write_whole(out, lambda file: _write_lines(file, records, done))
            case ".zip":
                write_whole(out, lambda file: _write_zip(file, records, beside, done))
            case _:
                _write_folder(out, records, beside, done)
    finally:
        with suppress(FileNotFoundError):
            shutil.rmtree(beside) if beside.is_dir() else beside.unlink()
    return Exported(out, done.records, tuple(done.skipped))


@dataclass(slots=True)
class _Done:
    records: int = 0
    skipped: list[Skip] = field(default_factory=list)


# ---- tables


def _rows(records: Records, done: _Done) -> Iterator[dict[str, Any]]:
    """Yield each record as an object, the user's own metadata in one of its own."""
    for _, point, score in records:
        payload, place = point.payload, point.payload.get("place")
        row = {
            "record_id": payload["record_id"],
            "source": payload.get("source", ""),
            "path": payload.get("path", ""),
            "page": payload.get("page"),
            "score": score,
            "captions": payload.get("captions", []),
            "lat": place["lat"] if place else None,
            "lon": place["lon"] if place else None,
        }
        done.records += 1
        known = {key: value for key, value in row.items() if value is not None}
        yield known | {"metadata": _metadata(payload)}


def _metadata(payload: Mapping[str, Any]) -> dict[str, Any]:
    with suppress(CollectionError):  # a point of somebody else's has its words alone
        return dict(node_content(payload)["metadata"])
    return {}


def _write_lines(file: Path, records: Records, done: _Done) -> None:
    with file.open("w", encoding="utf-8", errors="replace") as stream:
        for row in _rows(records, done):
            stream.write(f"{json.dumps(row, ensure_ascii=False)}\n")


def _write_csv(file: Path, records: Records, beside: Path, done: _Done) -> None:
    """Write rows by way of another file, for their columns are only known after the last."""
    _write_lines(beside, records, done)
    with beside.open(encoding="utf-8") as lines:
        every: list[dict[str, None]] = [{}, {}]
        for row in map(json.loads, lines):
            every[1].update(dict.fromkeys(row.pop("metadata")))
            every[0].update(dict.fromkeys(row))
    ours, theirs = every
    with (
        beside.open(encoding="utf-8") as lines,
        file.open("w", encoding="utf-8", errors="replace", newline="") as to,
    ):
        table = csv.writer(to)
        table.writerow(map(_cell, _header(ours, theirs)))
        for row in map(json.loads, lines):
            metadata = row.pop("metadata")
            values = [*(row.get(key) for key in ours), *(metadata.get(key) for key in theirs)]
            table.writerow(map(_cell, values))


def _header(ours: Iterable[str], theirs: Iterable[str]) -> list[str]:
    """Return the names of columns; one of the user's that is called as ours is has a number."""
    header = [*ours]
    for name in theirs:
        number, free = 2, name
        while free in header:
            number, free = number + 1, f"{name}_{number}"
        header.append(free)
    return header


def _cell(value: object) -> object:
    """Return what a cell holds: numbers as they are, one text of a list alone, other lists as JSON.

    >>> _cell(-5), _cell("-5"), _cell(["=A1"]), _cell(["a", "b"]), _cell(None)
    (-5, "'-5", "'=A1", '["a", "b"]', '')
    """
    if isinstance(value, list) and len(value) < 2 and all(isinstance(each, str) for each in value):
        value = "".join(value)
    if isinstance(value, list | dict | bool):
        value = json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return "" if value is None else value


# ---- folders


def _write_folder(out: Path, records: Records, beside: Path, done: _Done) -> None:
    """Fill a folder beside it, which takes its place."""
    try:
        beside.mkdir()
        _write_pictures(records, lambda file, name: _copy(file, beside / name), beside, done)
        if out.exists():
            old = beside.with_name(f"{beside.name}.old")
            out.rename(old)
            beside.rename(out)
            shutil.rmtree(old, ignore_errors=True)
        else:
            beside.rename(out)
    except OSError as error:
        raise SettingsError(f"{out} cannot be written: {error.strerror or error}") from error


def _write_zip(file: Path, records: Records, beside: Path, done: _Done) -> None:
    beside.mkdir()
    with ZipFile(file, "w") as packed:
        _write_pictures(records, packed.write, beside, done)
        for name in (METADATA, DATASET):
            packed.write(beside / name, name)


def _write_pictures(records: Records, put: Put, folder: Path, done: _Done) -> None:
    """Put each picture, or the document that a page is in, and say in `folder` what is on it.

    Pages have no rows of their own: they come of their document again, all of them.
    """
    put_already: set[str] = set()
    keys: set[str] = set()
    titles = _Titles()
    collection: Collection | None = None
    with (folder / METADATA).open("w", encoding="utf-8", errors="replace") as stream:
        stream.write("[")
        for collection, point, _ in records:
            done.records += 1
            name = _name(point, collection)
            is_page = "page" in point.payload
            if not (is_page and name in put_already):
                try:
                    source = _source(point, collection)
                    if name in put_already:
                        raise SourceError("same_name", f"another picture is called {name}")
                    inside(folder.absolute(), name)
                    put(source, name)
                    put_already.add(name)
                except SourceError as error:
                    record = str(point.payload["record_id"])
                    done.skipped.append(Skip(record, error.code, str(error)))
            if not is_page:
                row = _picture_row(point, name)
                titles.look_at(row)
                stream.write(f"{',' if keys else ''}\n{json.dumps(row, ensure_ascii=False)}")
                keys |= row.keys()
        stream.write("\n]\n")
    title = titles.found or CAPTIONS
    if titles.found:
        _leave_out_captions(folder / METADATA)
    if not keys:  # of pages alone
        (folder / METADATA).unlink()
    text = _dataset(collection, keys, title)
    (folder / DATASET).write_text(text, encoding="utf-8", errors="replace")


@dataclass(slots=True)
class _Titles:
    """Which column of the user's has what the captions say, in all rows.

    In a catalogue a title that is not known as one would be read twice: as a caption, and among the
    columns.
    """

    captioned: int = 0
    same: Counter[str] = field(default_factory=Counter)
    other: set[str] = field(default_factory=set)

    def look_at(self, row: Mapping[str, Any]) -> None:
        captions = row.get(CAPTIONS, [])
        self.captioned += bool(captions)
        for name in row.keys() - {FILE, CAPTIONS, LAT, LON}:
            if captions and captions == [row[name]]:
                self.same[name] += 1
            elif captions or row[name]:
                self.other.add(name)

    @property
    def found(self) -> str | None:
        whole = (name for name, count in self.same.items() if count == self.captioned)
        return min((name for name in whole if name not in self.other), default=None)


def _leave_out_captions(metadata: Path) -> None:
    """Write the rows again, a line at a time, without the captions that a column of theirs has."""
    shorter = metadata.with_suffix(".new")
    with (
        metadata.open(encoding="utf-8") as rows,
        shorter.open("w", encoding="utf-8", errors="replace") as stream,
    ):
        for line in rows:
            row, comma = line.rstrip("\n").removesuffix(","), "," * line.endswith(",\n")
            if row.startswith("{"):
                kept = {key: value for key, value in json.loads(row).items() if key != CAPTIONS}
                row = json.dumps(kept, ensure_ascii=False)
            stream.write(f"{row}{comma}\n")
    shorter.replace(metadata)


def _source(point: Point, collection: Collection) -> Path:
    """Return the file of a picture, or of the document that a page is in. Raises SourceError."""
    payload = point.payload
    picture = collection.stored(payload).picture
    if picture is None:
        raise SourceError("no_picture", "it has no picture that may be opened")
    if (page := payload.get("page")) is not None:
        root = collection.manifest.sources[payload["source"]].root
        picture = inside(root, document_of(payload["path"], page))
    if not picture.is_file():
        raise SourceError("missing_file", f"{picture} is not there")
    try:
        picture.open("rb").close()
    except OSError as error:
        raise SourceError("unreadable_file", f"{picture} may not be read") from error
    return picture


def _name(point: Point, collection: Collection) -> str:
    """Return the path of a picture in the folder: its own, below its source's where there are more.

    What a program inserted has none, and is called by its id.
    """
    payload = point.payload
    source, path = (
        payload.get("source", ""),
        document_of(payload.get("path", ""), payload.get("page")),
    )
    if not source:
        return f"{point.id}{Path(path).suffix}"
    if [*collection.manifest.sources] == [source]:
        return path
    # A label may be called as what is written beside it, or `..`.
    return f"{'_' if source in (METADATA, DATASET, '.', '..') else ''}{source}/{path}"


def _picture_row(point: Point, name: str) -> dict[str, Any]:
    row = _metadata(point.payload) | {FILE: name}
    if captions := point.payload.get("captions"):
        row[CAPTIONS] = captions
    if place := point.payload.get("place"):
        row |= {LAT: place["lat"], LON: place["lon"]}
    return row


def _dataset(collection: Collection | None, keys: set[str], title: str) -> str:
    """Return the dataset.toml that has an ingest read the folder as what it was."""
    lines = [f"# {SIGNATURE}"]
    if collection is None:
        return f"{lines[0]}\n"
    manifest = collection.manifest
    if len(manifest.sources) == 1:
        lines += [f"label = {_toml(*manifest.sources)}"]
    if FILE in keys:
        lines += [f"image = {_toml(FILE)}"]
        if manifest.text_kind != "pages":  # which are known by themselves
            lines += [f"text = {_toml(manifest.text_kind)}"]
    if CAPTIONS in keys:
        lines += [f"captions = {_toml(title)}"]
    if LAT in keys:
        lines += [f"place = {{ lat = {_toml(LAT)}, lon = {_toml(LON)} }}"]
    sources = [*manifest.sources.values()]
    types = {field.name: field.type for field in manifest.fields if field.name in keys}
    lines += _table("types", {name: type_ for name, type_ in types.items() if name != title})
    lines += _table("scales", {name: text for s in sources for name, text in s.scales.items()})
    extras = {name: said for s in reversed(sources) for name, said in s.extras.items()}
    for name, said in extras.items():
        # An ingest refuses a column that is not there, as where no record of this export has it.
        known = {key: v for key, v in said.items() if not isinstance(v, str) or v in keys}
        lines += _table(name, known)
    return "".join(f"{line}\n" for line in lines)


def _table(name: str, held: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a table of texts, lists of texts, and tables of such."""
    if not held:
        return
    inner = {key: value for key, value in held.items() if isinstance(value, dict)}
    yield from ("", f"[{name}]")
    yield from (f"{_toml(key)} = {_toml(held[key])}" for key in held if key not in inner)
    for key, value in inner.items():
        yield from _table(f"{name}.{_toml(key)}", value)


def _toml(value: str | list[str]) -> str:
    """Return a text, or a list of texts, as TOML has it; JSON leaves DEL as it is."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")


def _is_export(folder: Path) -> bool:
    with suppress(OSError):
        return (folder / DATASET).read_text(encoding="utf-8").startswith(f"# {SIGNATURE}")
    return False


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
