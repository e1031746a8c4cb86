"""Loaders: a file of some format → rows. The first half of source → records.

One file a format. Each has `reads(path)`, which decides by the suffix and a look at the beginning,
and `load(path)`, which yields rows in order and a Skip for each part that cannot be read. `load`
raises SourceError: `bad_metadata` when nothing of the file can be read, `not_metadata` when it is
sound, but holds something else than rows about pictures.
"""

import importlib
import json
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from app.model.errors import SourceError
from app.model.records import Skip
from ingest.schema import clean_text

MAX_METADATA_BYTES = 1 << 29
"""512 MiB: about 5 GiB of memory once JSON or a table is parsed. JSON lines may be larger."""

MAX_INTEGER_DIGITS = 400
"""More than any float has (309), fewer than Python refuses to convert (4,300)."""


@dataclass(frozen=True, slots=True)
class Row:
    """The values of one row, untyped. `where` is its place in the file: `row 3`, `line 7`.

    `note` is something that a person should know of a row which is usable all the same. `page` is
    set where the picture is a page of the document that the row names.
    """

    fields: dict[str, Any]
    where: str
    note: str = ""
    page: int | None = None


class Loader(Protocol):
    """The functions that every file in this folder has."""

    def reads(self, path: Path) -> bool:
        """Tell whether this path is of the loader's format."""

    def load(self, path: Path) -> Iterator[Row | Skip]:
        """Yield the rows of the file, in order."""


class HugeInteger(str):
    """The digits of an integer that no number type here can hold."""

    __slots__ = ()


def loader_names() -> list[str]:
    """Return the names of the loaders in the order in which they are asked."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def loader(name: str) -> Loader:
    """Return one loader by name."""
    return cast(Loader, importlib.import_module(f"{__name__}.{name}"))


def loader_for(path: Path) -> Loader | None:
    """Return the first loader that reads this path; None when it is of no known format."""
    return next((found for found in map(loader, loader_names()) if found.reads(path)), None)


def encoding_of(path: Path) -> str:
    """Return the encoding that a text file's first bytes show: UTF-8, -16 or -32, BOM or not."""
    with path.open("rb") as stream:
        return json.detect_encoding(stream.read(4))


def beginning(path: Path, characters: int = 65536) -> str:
    """Return the first characters of a text file, without blanks before them."""
    with path.open(encoding=encoding_of(path), errors="replace") as stream:
        return stream.read(characters).lstrip()


def read_text_file(path: Path) -> str:
    """Read a whole text file; SourceError when it is too large or not Unicode."""
    size = path.stat().st_size
    if size > MAX_METADATA_BYTES:
        raise SourceError(
            "metadata_too_large",
            f"{path.name} has {size:,} bytes, over {MAX_METADATA_BYTES:,}; split it, or save it"
            " as JSON lines",
        )
    try:
        return path.read_text(encoding=encoding_of(path))
    except UnicodeError as error:
        raise SourceError(
            "bad_metadata", f"{path.name} is not UTF-8 ({error}); save it as UTF-8"
        ) from error


def parse_json(text: str) -> Any:  # noqa: ANN401 - JSON is anything
    """Parse JSON; NaN and Infinity are allowed, and of a key given twice the last counts.

    Integers beyond `MAX_INTEGER_DIGITS` come as HugeInteger. Raises ValueError saying why not.
    """
    try:
        return json.loads(text, parse_int=parse_integer)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def parse_integer(digits: str) -> int | HugeInteger:
    """Return an integer of JSON; one that no number type here can hold as its digits."""
    return int(digits) if len(digits) <= MAX_INTEGER_DIGITS else HugeInteger(digits)


def read_json(path: Path) -> Any:  # noqa: ANN401 - JSON is anything
    """Read a whole JSON file; SourceError `bad_metadata` when it is not valid."""
    try:
        return parse_json(read_text_file(path))
    except ValueError as error:
        raise SourceError("bad_metadata", f"{path.name} is not valid JSON: {error}") from error


def object_row(value: object, where: str) -> Row | Skip:
    """Return the row of a JSON object; a Skip for anything else, and for values of no type."""
    if not isinstance(value, dict):
        return Skip(where, "bad_row", f"it is {_kind(value)}, not an object")
    huge = [key for key, found in value.items() if isinstance(found, HugeInteger)]
    if huge:
        digits = len(value[huge[0]])
        return Skip(where, "bad_row", f"{huge[0]!r} is an integer of {digits:,} digits")
    if not all(map(str.isascii, value)):
        value = {clean_text(key): found for key, found in value.items()}
    return Row(value, where)


def _kind(value: object) -> str:
    kinds = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")
