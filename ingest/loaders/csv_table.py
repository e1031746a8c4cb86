"""CSV and its kin → rows: Flickr's captions.txt, product catalogues, what a spreadsheet saves."""

import csv
from collections.abc import Container, Iterator
from pathlib import Path

from app.model.errors import SourceError
from app.model.records import Skip
from ingest.columns import names_an_image
from ingest.loaders import Row, beginning, read_text_file
from ingest.quotes import read_rows

SUFFIXES = frozenset({".csv", ".tsv"})
DELIMITERS = (",", ";", "\t", "|")

MAX_COLUMNS_TOLD = 5
"""Of a header that had to be mended."""


def reads(path: Path) -> bool:
    """Tell by the suffix; a `.txt` file is a table when its first line names a picture column."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES | {".txt"} or not path.is_file():
        return False
    return suffix != ".txt" or _is_table(path)


def load(path: Path) -> Iterator[Row | Skip]:
    """Yield the rows below the header; the delimiter is the one that the header has most of.

    Surplus cells of a row belong to its last column, whose commas somebody did not quote, most
    likely. A row that is too long or too short is used, and noted; one whose quote is not closed is
    a Skip, and costs no other row.
    """
    text = read_text_file(path)
    delimiter = _delimiter(text.lstrip().partition("\n")[0])
    header: list[str] = []
    for row in read_rows(text, delimiter):
        where, read_as = f"line {row.line}", ""
        if not header and row.cells:
            header = _header(row.cells)
            read_as = f"; it was read as the columns {', '.join(header[:MAX_COLUMNS_TOLD])}"
        elif not row.fault:
            yield _row(header, row.cells, delimiter, where)
        if row.fault:
            yield Skip(where, "bad_row", row.fault + read_as)
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
    header: dict[str, None] = {}
    for number, cell in enumerate(cells, start=1):
        name = cell.strip() or f"column {number}"
        header[name if name not in header else _free(name, number, header)] = None
    return list(header)


def _free(name: str, number: int, taken: Container[str]) -> str:
    """Return the name with its column's number; once more, where that is a column's own name."""
    while (name := f"{name} {number}") in taken:
        continue
    return name


def _row(header: list[str], cells: list[str], delimiter: str, where: str) -> Row:
    width, note = len(header), ""
    if len(cells) < width:
        note = f"only {len(cells)} of {width} columns"
    elif len(cells) > width:
        note = f"more cells than the {width} columns: {header[-1]!r} has the rest"
        cells = [*cells[: width - 1], delimiter.join(cells[width - 1 :])]
    return Row(dict(zip(header, cells, strict=False)), where, note)
