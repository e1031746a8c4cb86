"""JSON lines → rows: one object a line, read line by line, so that the file may be of any size."""

from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from app.core.records import Skip
from ingest.loaders import Row, beginning, encoding_of, object_row, parse_json

SUFFIXES = frozenset({".jsonl", ".ndjson", ".jsonlines"})

MAX_LINE_CHARACTERS = 1 << 24
"""16 million: longer than any row of captions and scores, short enough to parse in memory."""


def reads(path: Path) -> bool:
    """Tell by the suffix; a `.json` file is read as lines when its first line is a whole object."""
    if not path.is_file():
        return False
    return path.suffix.lower() in SUFFIXES or (path.suffix.lower() == ".json" and _lines(path))


def load(path: Path) -> Iterator[Row | Skip]:
    """Yield the objects; a line that cannot be read is a Skip, and the next ones are read."""
    with path.open(encoding=encoding_of(path), errors="surrogateescape") as stream:
        for number, line in enumerate(_bounded_lines(stream), start=1):
            if line is None or line.strip():
                yield _row(line, f"line {number}")


def _lines(path: Path) -> bool:
    first, _, rest = beginning(path).partition("\n")
    if not first.startswith("{") or not rest.lstrip().startswith("{"):
        return False
    try:
        return isinstance(parse_json(first), dict)
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


def _row(line: str | None, where: str) -> Row | Skip:
    if line is None:
        return Skip(where, "bad_row", f"it is longer than {MAX_LINE_CHARACTERS:,} characters")
    if not line.isascii() and any("\udc80" <= letter <= "\udcff" for letter in line):
        return Skip(where, "bad_row", "it is not UTF-8")
    try:
        return object_row(parse_json(line), where)
    except ValueError as error:
        return Skip(where, "bad_row", f"it is no valid JSON: {error}")
