"""Quotes: the text of a table → its rows, where a quote that nobody closed costs one row.

A quoted cell may have several lines, so a quote that is never closed takes the rows after it into
its cell, up to the next quote or the end. Such a cell is told from a long caption by its lines:
those of a caption hardly ever have as many cells as the header, and a picture's name or a number
in the same places as the other rows.
"""

import csv
import io
import re
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import islice
from typing import Self

from ingest.columns import names_an_image
from ingest.folder import is_picture_name

MAX_CELL_CHARACTERS = 1 << 24
"""16 million, as for a line of JSON; Python's own limit of 131,072 loses long captions."""

SAMPLE_LINES, SAMPLE_CHARACTERS = 100, 1 << 20
"""Enough to tell what a row of the table looks like, also of one with 20,000 columns."""

TELLING = 0.5
"""Share of the first rows in which a column must hold the same kind of thing, to tell rows by it:
not more, for some of what is taken for rows there are lines of captions."""

MANY_ROWS = 3
"""So many lines that all look like rows are rows, even where all quotes come in pairs: an inch
mark at the end of a later row closes a quote as properly as its own would have. Where rows are told
by the names of pictures, one such line suffices."""

PICTURE, FIGURES = "picture", "figures"
"""What a cell can be that a line of a caption hardly ever has in its place."""

UNCLOSED = (
    "it opens a quote that is not closed within the row; close it, or write it twice if it is meant"
)


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row as it stands: the number of its first line, its cells, and what is wrong with it.

    A row with a fault has no cells, but for the header, which has what can be made of it.
    """

    line: int
    cells: list[str]
    fault: str = ""


def read_rows(text: str, delimiter: str) -> Iterator[TableRow]:
    """Yield the rows of a table that are not blank, the header first. No line is passed over."""
    csv.field_size_limit(MAX_CELL_CHARACTERS)
    lines, look = _Lines(text), _Look(text[:SAMPLE_CHARACTERS], delimiter, [])
    table = csv.reader(lines, delimiter=delimiter)
    while row := _next_row(table, lines, look):
        if row.fault or any(map(str.strip, row.cells)):
            look = look if look.width else _Look(look.text, delimiter, row.cells)
            yield row


class _Lines:
    """The lines of a text in order; those after the first of a row can be read once more.

    `taken` has the lines of the row, `first` the number of the first of them; `ended` says that the
    row wanted another line and there was none.
    """

    def __init__(self, text: str) -> None:
        self._stream = io.StringIO(text, newline="")
        self._again: deque[str] = deque()
        self.taken: list[str] = []
        self.first = 1
        self.ended = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._stream, None)
        if line is None:
            self.ended = bool(self.taken)
            raise StopIteration
        self.taken.append(line)
        return line

    def next_row(self) -> None:
        self.first += len(self.taken)
        self.taken = []

    def give_back(self) -> None:
        """Leave the row its first line alone."""
        self._again.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]
        self.ended = False


class _Look:
    """What a row of a table looks like: how many cells it has, and what some of them hold.

    `text` is the beginning of the table. Until its header is known, `width` is 0.
    """

    def __init__(self, text: str, delimiter: str, header: Sequence[str]) -> None:
        self.text = text
        self.width = len(header)
        self._header = header
        self._delimiter = delimiter

    def is_overrun(self, lines: Sequence[str], cells: Sequence[str]) -> bool:
        """Tell whether a row of these lines took other rows into a cell."""
        width = self.width or len(self.header(lines[0]))
        inner = [line for line in lines[1:] if line.strip()]
        rows = sum(self._fits(line, width) for line in inner)
        by_pictures = self._telling[0] == PICTURE and bool(self._telling[1])
        if self.width in (0, len(cells)) and _is_well_formed("".join(lines), self._delimiter):
            return rows == len(inner) >= (1 if by_pictures else MANY_ROWS)
        return rows > 0 and (by_pictures or 2 * rows >= len(inner))

    def header(self, line: str) -> list[str]:
        """Read a header whose quote is open: as it is, or without quotes if more rows fit that."""
        widths = Counter(map(len, self._sample))
        read = (self._cells(line), self._cells(line.replace('"', "")))
        return max(read, key=lambda cells: widths[len(cells)])

    def _cells(self, line: str) -> list[str]:
        """Read a line by itself; one with a cell too long is none."""
        try:
            return next(csv.reader([line], delimiter=self._delimiter), [])
        except csv.Error:
            return []

    def _fits(self, line: str, width: int) -> bool:
        """Tell whether a line looks like a row, or like the beginning of a picture's row."""
        cells = self._cells(line)
        kind, places = self._telling
        there = [_kind(cells[at]) for at in places if at < len(cells)]
        if not set(there) <= {kind}:
            return False
        if len(cells) == width:
            return width > 1 or bool(there)
        goes_on = len(cells) < width and not _is_well_formed(line, self._delimiter)
        return goes_on and kind == PICTURE and bool(there)

    @cached_property
    def _sample(self) -> list[list[str]]:
        """The first lines that are rows by themselves, whatever is around them."""
        lines = islice(io.StringIO(self.text, newline=""), SAMPLE_LINES)
        rows = (self._cells(line) for line in lines if _is_well_formed(line, self._delimiter))
        return [cells for cells in rows if any(map(str.strip, cells))]

    @cached_property
    def _telling(self) -> tuple[str, list[int]]:
        """What rows can be told by, and the columns that mostly hold it."""
        rows = [cells for cells in self._sample if len(cells) == self.width][1:]  # no header
        if not rows:  # each has a quote that is open, perhaps
            return PICTURE, [at for at, name in enumerate(self._header) if names_an_image(name)]
        columns = [[_kind(row[at]) for row in rows] for at in range(self.width)]
        for kind, least in ((PICTURE, 1), (FIGURES, MANY_ROWS)):
            enough = max(least, TELLING * len(rows))
            if places := [at for at, kinds in enumerate(columns) if kinds.count(kind) >= enough]:
                return kind, places
        return "", []


def _next_row(table: Iterator[list[str]], lines: _Lines, look: _Look) -> TableRow | None:
    lines.next_row()
    try:
        cells = next(table, None)
    except csv.Error as error:  # a cell too long, perhaps for want of a quote
        if len(lines.taken) == 1:
            return TableRow(lines.first, [], f"it is not a row of a table: {error}")
        lines.ended, cells = True, []
    if cells is None:
        return None
    if lines.ended or (len(lines.taken) > 1 and look.is_overrun(lines.taken, cells)):
        lines.give_back()
        cells = [] if look.width else look.header(lines.taken[0])
        return TableRow(lines.first, cells, UNCLOSED)
    return TableRow(lines.first, cells)


def _kind(cell: str) -> str:
    text = cell.strip()
    if is_picture_name(text):
        return PICTURE
    return FIGURES if re.search("[0-9]", text) and not re.search(r"[^\W\d_]", text) else ""


def _is_well_formed(row: str, delimiter: str) -> bool:
    """Tell whether quotes stand only around cells, or twice within them (RFC 4180)."""
    return _well_formed(delimiter).fullmatch(row) is not None


@cache
def _well_formed(delimiter: str) -> re.Pattern[str]:
    bare = f'[^"\r\n{re.escape(delimiter)}]*'
    cell = f'(?:"[^"]*(?:""[^"]*)*"|{bare})'
    return re.compile(f"{cell}(?:{re.escape(delimiter)}{cell})*(?:\r\n|\r|\n)?")
