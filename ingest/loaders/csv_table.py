"""CSV and its kin → rows: Flickr's captions.txt, product catalogues, what a spreadsheet saves."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from app.core.errors import SourceError
from app.core.records import Skip
from ingest.columns import names_an_image
from ingest.loaders import Row, beginning, read_text

SUFFIXES = frozenset({".csv", ".tsv"})
DELIMITERS = (",", ";", "\t", "|")

MAX_CELL_CHARACTERS = 1 << 24
"""16 million, as for a line of JSON; Python's own limit of 131,072 loses long captions."""


def reads(path: Path) -> bool:
    """Tell by the suffix; a `.txt` file is a table when its first line names a picture column."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES | {".txt"} or not path.is_file():
        return False
    return suffix != ".txt" or _is_table(path)


def load(path: Path) -> Iterator[Row | Skip]:
    """Yield the rows below the header; the delimiter is the one that the header has most of.

    Surplus cells of a row belong to its last column, whose commas somebody did not quote, most
    likely. A row that is too long or too short is used, and noted.
    """
    csv.field_size_limit(MAX_CELL_CHARACTERS)
    text = read_text(path)
    delimiter = _delimiter(text.lstrip().partition("\n")[0])
    table = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    header: list[str] = []
    while True:
        try:
            cells = next(table, None)
        except csv.Error as error:
            yield Skip(f"line {table.line_num}", "bad_row", f"it is no row of a table: {error}")
            continue
        if cells is None:
            break
        if not any(cell.strip() for cell in cells):
            continue
        if header:
            yield _row(header, cells, delimiter, f"line {table.line_num}")
        else:
            header = _header(cells)
    if not header:
        raise SourceError("not_metadata", f"{path.name} is empty")


def _is_table(path: Path) -> bool:
    first = beginning(path).partition("\n")[0]
    cells = next(csv.reader([first], delimiter=_delimiter(first)), [])
    return len(cells) > 1 and any(map(names_an_image, cells))


def _delimiter(header: str) -> str:
    return max(DELIMITERS, key=header.count)


def _header(cells: list[str]) -> list[str]:
    """Return the column names, each once; a column without one is called by its number."""
    header: list[str] = []
    for number, cell in enumerate(cells, start=1):
        name = cell.strip() or f"column {number}"
        header.append(name if name not in header else f"{name} {number}")
    return header


def _row(header: list[str], cells: list[str], delimiter: str, where: str) -> Row:
    width, note = len(header), ""
    if len(cells) < width:
        note = f"only {len(cells)} of {width} columns"
    elif len(cells) > width:
        note = f"more cells than the {width} columns: {header[-1]!r} has the rest"
        cells = [*cells[: width - 1], delimiter.join(cells[width - 1 :])]
    return Row(dict(zip(header, cells, strict=False)), where, note)
