"""Broken JSON: a text that no parser takes whole → the objects of its list that are sound."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from app.model.records import Skip
from ingest.loaders import Row, object_row, parse_integer

MAX_ATTEMPTS = 1_000
"""To find where the next object begins. What has more faults is no list of objects."""

MAX_FAULTS = 1_000
"""Of a list that has more, the rest is left out, and told."""

WINDOWS = (1 << 12, 1 << 16, 1 << 20)
"""Characters that are tried first; most rows fit the first."""

SAMPLE_OBJECTS = 200
"""Enough to tell which keys a row has."""

_BLANK = re.compile(r"[\s,]*")
_OBJECT = re.compile(r'\{\s*"')
_END = re.compile(r"\s*(?:[,\]]|\Z)")
_DECODER = json.JSONDecoder(parse_int=parse_integer)


def sound_rows(text: str, start: int, error: ValueError) -> Iterator[Row | Skip]:
    """Yield the objects of the list whose first item is at `start`, a Skip for each broken one.

    A file that was cut off has one Skip at its end. Raises `error`, which is what the parser says
    of the whole, where every item is sound, as with a comma too many.
    """
    keys = _keys_of_rows(text, start)
    faults, number, line, counted_to = 0, 0, 1, 0
    at = _blank_end(text, start)
    while at < len(text) and text[at] != "]":
        number += 1
        if faults == MAX_FAULTS:
            told = f"{MAX_FAULTS:,} objects before it are broken; nothing from here on is read"
            yield Skip(f"row {number}", "bad_row", told)
            return
        line, counted_to = line + text.count("\n", counted_to, at), at
        where = f"row {number}, line {line}"
        try:
            value, end = _decoded(text, at)
        except ValueError as broken:
            faults += 1
            end = _next_object(text, at + 1, keys)
            rest = "; nothing after it can be read" if end == len(text) else ""
            yield Skip(where, "bad_row", f"it is not valid JSON: {broken}{rest}")
        else:
            yield object_row(value, where)
        at = _blank_end(text, end)
    if not faults and at < len(text):
        raise error
    if not faults:
        yield Skip(f"row {number + 1}", "bad_row", "the file ends before it, and was cut off")


def _decoded(text: str, at: int) -> tuple[Any, int]:
    """Read the value at this place, and where it ends. Raises ValueError, also for no comma."""
    try:
        value, end = _first_decoded(text, at)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not _END.match(text, end) and text[_blank_end(text, end)] != "{":
        raise json.JSONDecodeError("Expecting ',' delimiter", text, end)
    return value, end


def _first_decoded(text: str, at: int) -> tuple[Any, int]:
    """Read the value at this place out of a window: an error counts lines from where it begins.

    In the whole of a text that would be quadratic: 1 MB with 15,000 faults took 27 s.
    """
    for size in WINDOWS:
        try:
            value, end = _DECODER.raw_decode(text[at : at + size])
        except json.JSONDecodeError:
            if at + size >= len(text):
                raise
        else:
            if end < size:  # else a number may go on
                return value, at + end
    return _DECODER.raw_decode(text, at)


def _next_object(text: str, at: int, keys: set[str]) -> int:
    """Return where the next sound object begins that has one of the keys of a row.

    So an object inside the broken one is not taken for a row.
    """
    for found, _ in zip(_OBJECT.finditer(text, at), range(MAX_ATTEMPTS), strict=False):
        try:
            value, _ = _decoded(text, found.start())
        except ValueError:
            continue
        if keys & value.keys():
            return found.start()
    return len(text)


def _keys_of_rows(text: str, start: int) -> set[str]:
    """Return the keys of the rows: of the objects that begin with the commonest first key.

    Objects inside a broken row are among them, but those inside sound ones are not.
    """
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    at = start
    for _ in range(SAMPLE_OBJECTS):
        found = _OBJECT.search(text, at)
        if found is None:
            break
        try:
            value, at = _decoded(text, found.start())
            rows[next(iter(value))].append(value)
        except ValueError:
            at = found.start() + 1
    commonest = max(rows.values(), key=lambda alike: (len(alike), len(alike[0])), default=[])
    return {key for value in commonest for key in value}


def _blank_end(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at
