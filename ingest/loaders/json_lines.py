"""JSON lines → rows: one object a line, read line by line, so that the file may be of any size."""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TextIO

from app.model.records import Skip
from ingest.loaders import Row, beginning, encoding_of, object_row, parse_json

SUFFIXES = frozenset({".jsonl", ".ndjson", ".jsonlines"})

SAMPLE_LINES = 20
"""Of a `.json` file, to tell whether it has lines."""

MAX_LINE_CHARACTERS = 1 << 24
"""16 million: longer than any row of captions and scores, short enough to parse in memory."""

_ESCAPED, _REPLACED = re.compile("[\udc80-\udcff]"), re.compile("\ufffd")
"""How a byte that is no character comes out of UTF-8, and out of the others: only UTF-8 can escape
one. There a replacement character may be meant."""


def reads(path: Path) -> bool:
    """Tell by the suffix; a `.json` file is read as lines where most are whole objects."""
    if not path.is_file():
        return False
    return path.suffix.lower() in SUFFIXES or (path.suffix.lower() == ".json" and _lines(path))


def load(path: Path) -> Iterator[Row | Skip]:
    """Yield the objects; a line that cannot be read is a Skip, and the next ones are read."""
    encoding = encoding_of(path)
    is_utf8 = encoding.startswith("utf-8")
    odd = _ESCAPED if is_utf8 else _REPLACED
    errors = "surrogateescape" if is_utf8 else "replace"
    with path.open(encoding=encoding, errors=errors) as stream:
        for number, line in enumerate(_bounded_lines(stream), start=1):
            if line is None or line.strip():
                yield _row(line, f"line {number}", odd)


def _lines(path: Path) -> bool:
    """Tell whether most of the first lines are whole objects, also where one of them is broken."""
    if not beginning(path, 64).startswith("{"):
        return False
    with path.open(encoding=encoding_of(path), errors="replace") as stream:
        spoken = (line for line in _bounded_lines(stream) if line is None or line.strip())
        whole = [line is not None and _is_object(line) for line in islice(spoken, SAMPLE_LINES)]
    return sum(whole) > 1 and 2 * sum(whole) > len(whole)


def _is_object(line: str) -> bool:
    try:
        return isinstance(parse_json(line), dict)
    except ValueError:
        return False


def _bounded_lines(stream: TextIO) -> Iterator[str | None]:
    """Yield lines; None for one that is too long, which is read past in pieces."""
    while line := stream.readline(MAX_LINE_CHARACTERS):
        if len(line) < MAX_LINE_CHARACTERS or line.endswith("\n"):
            yield line
            continue
        while line and not line.endswith("\n"):
            line = stream.readline(MAX_LINE_CHARACTERS)
        yield None


def _row(line: str | None, where: str, odd: re.Pattern[str]) -> Row | Skip:
    if line is None:
        return Skip(where, "bad_row", f"it is longer than {MAX_LINE_CHARACTERS:,} characters")
    if not line.isascii() and odd.search(line):
        return Skip(where, "bad_row", "it is not in the encoding of the file: save it as UTF-8")
    try:
        return object_row(parse_json(line), where)
    except ValueError as error:
        return Skip(where, "bad_row", f"it is not valid JSON: {error}")
