"""JSON → rows: a list of objects, a list inside an object, or an object keyed by file name."""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from app.media.picture_files import IMAGE_SUFFIXES
from app.model.errors import SourceError
from app.model.records import Skip
from ingest.broken_json import sound_rows
from ingest.loaders import Row, object_row, parse_json, read_text_file

LIST_KEYS = ("images", "metadata", "records", "rows", "items", "data", "samples", "photos")
"""Where an object with several keys keeps its rows; under a single key, any name will do. Others
are left alone: an object with `query` and `hits` talks of pictures, but does not describe them."""

_LIST = re.compile(r'\s*(?:\{\s*"[^"\\]*"\s*:\s*)?\[')
"""How a file with a list begins, where no more can be known for it is broken further on."""


def reads(path: Path) -> bool:
    """Tell whether this is a JSON file; whether it is metadata is only known once it is read."""
    return path.suffix.lower() == ".json" and path.is_file()


def load(path: Path) -> Iterator[Row | Skip]:
    """Yield the objects of the file. Of a key given twice in an object, the last counts.

    Of a list that is broken somewhere, or cut off, the sound objects are read.
    """
    text = read_text_file(path)
    try:
        value = parse_json(text) if text.strip() else None
    except ValueError as error:
        yield from _sound_rows(path, text, error)
        return
    for number, item in enumerate(_items(path, value), start=1):
        yield object_row(item, f"row {number}")


def _sound_rows(path: Path, text: str, error: ValueError) -> list[Row | Skip]:
    start = _LIST.match(text)
    try:
        found = list(sound_rows(text, start.end(), error)) if start else []
    except ValueError:
        found = []
    if not any(isinstance(item, Row) for item in found):
        raise SourceError("bad_metadata", f"{path.name} is not valid JSON: {error}") from error
    return found


def _items(path: Path, value: object) -> list[Any]:
    if isinstance(value, dict):
        value = _keyed(value) or _listed(value)
    if value == []:
        return []
    if not isinstance(value, list) or not any(isinstance(item, dict) for item in value):
        raise SourceError("not_metadata", f"{path.name} holds no list of objects")
    return value


def _keyed(value: dict[str, Any]) -> list[Any] | None:
    """Return rows for `{"a.jpg": {…}, "b.jpg": "a caption"}`; None for other keys."""
    pictures = sum(PurePosixPath(key).suffix.lower() in IMAGE_SUFFIXES for key in value)
    if not value or pictures * 2 < len(value):
        return None
    return [
        {**(found if isinstance(found, dict) else {"caption": found}), "file_name": key}
        for key, found in value.items()
    ]


def _listed(value: dict[str, Any]) -> list[Any] | None:
    keys = list(value) if len(value) == 1 else [key for key in LIST_KEYS if key in value]
    return next((value[key] for key in keys if isinstance(value[key], list)), None)
