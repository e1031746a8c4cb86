"""Figures, the board of an outfit: a garment, and what goes with it by slot → a Figure.

It is a grid of cells, laid out in inches from the top left corner. The garment takes two columns;
the slots follow one another beside it, and over the whole width below it.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import accumulate, groupby, islice, zip_longest
from typing import TYPE_CHECKING, NamedTuple

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from app.figures.style import ACCENT, HUES, INK, MUTED, OTHER, WIDTH_INCHES
from app.figures.text import FONT, wrap
from app.figures.tiles import (
    CAPTION_POINTS,
    GAP,
    MARGIN,
    TITLE_POINTS,
    Picture,
    Words,
    add_frame,
    cell_width,
    common_shape,
    draw_picture,
    headline_of,
    open_picture,
    words_height,
    write,
    write_words,
)
from app.render import why_unchecked

if TYPE_CHECKING:
    from app.assistants.outfit.assembly import Suggestion
    from app.assistants.outfit.complete import Outfit
    from app.model.garments import Slot

MAX_SLOT_TILES = 12
"""Three rows of four: a slot may be given a hundred. Its heading says how many more there are."""

GARMENT_COLUMNS, GARMENT_INCHES = 2, 4.9
"""Its width, and how high it is at most."""

GARMENT_PIXELS = 960
"""It is drawn up to 5 inches high, at 160 dots an inch."""

HEADING, LINE_GAP, ROW_GAP = 0.33, 0.16, 0.3
"""Inches: from a slot's name to its pictures, and below a line of pictures, and below a row."""

FITS, UNCHECKED = HUES[2], HUES[1]


def outfit_board(outfit: "Outfit") -> Figure:
    """Return a garment, and beside it what goes with it by slot, each with its verdict and why.

    What a model refused is counted at the bottom and not shown. A picture that can no longer be
    opened is a grey tile that says so.
    """
    head, foot = _head(outfit), _foot(outfit)
    top = MARGIN + words_height(head) + 0.25
    grid, blocks = _layout(outfit)
    garment = _garment(outfit, grid.width(GARMENT_COLUMNS))
    garment_end = top + garment.height
    rows = _rows(blocks, grid, top, garment_end)
    end = max([garment_end, *(row.top + row.height for row in rows)])
    height = end + (0.2 + words_height(foot) if foot else 0) + MARGIN
    figure = Figure((WIDTH_INCHES, height), facecolor="white")
    write_words(figure, MARGIN, MARGIN, head)
    _draw_tile(figure, MARGIN, top, garment)
    for row in rows:
        _draw_row(figure, row, grid)
    if not rows:
        left = grid.left(GARMENT_COLUMNS)
        told = (
            "All that was found was refused."
            if outfit.refused
            else "Nothing was found to go with it."
        )
        told = wrap(told, inches=grid.width(1), points=11, lines=3)
        write(figure, left, top, told, size=11, color=MUTED)
    write_words(figure, MARGIN, end + 0.2, foot)
    return figure


# What is said.


def _head(outfit: "Outfit") -> list[Words]:
    count = len(outfit.suggestions)
    counted = f"outfit · {count} suggestion{'' if count == 1 else 's'}"
    record = outfit.worn.record
    name = headline_of(record) if record else outfit.worn.picture.name
    return [
        Words(counted, color=MUTED, above=0),
        _across(name, TITLE_POINTS, INK, lines=3),
        _how_checked(outfit),
    ]


def _how_checked(outfit: "Outfit") -> Words:
    """Say how much of what is shown a model has looked at; plainly, where that is not all."""
    count = len(outfit.suggestions)
    checked = sum(each.verdict.status == "fits" for each in outfit.suggestions)
    if why := why_unchecked(outfit):
        told = f"not checked: {why}"
    elif checked == count:
        return _across(f"each checked by {outfit.model}" if count else "", CAPTION_POINTS, MUTED)
    elif checked:
        told = f"{checked} of {count} checked by {outfit.model}"
    else:
        told = f"not checked: {outfit.model} gave no verdict on these"
    return _across(told, 10, UNCHECKED)


def _foot(outfit: "Outfit") -> list[Words]:
    said = []
    if outfit.empty:
        said.append(f"empty: {', '.join(outfit.empty)}")
    if outfit.refused:
        said.append(f"{len(outfit.refused)} refused by {outfit.model}, and not shown")
    return [_across(text, CAPTION_POINTS, MUTED) for text in said]


def _across(text: str, size: float, color: str, *, lines: int = 2) -> Words:
    """Lay words over the whole width."""
    inches = WIDTH_INCHES - 2 * MARGIN
    return Words(wrap(text, inches=inches, points=size, lines=lines), size, color)


# What is shown, and how it is laid out.


class _Grid(NamedTuple):
    """So many columns over the whole width."""

    columns: int

    def left(self, column: int) -> float:
        """Return where a column starts, in inches."""
        return MARGIN + column * (cell_width(self.columns) + GAP)

    def width(self, columns: int) -> float:
        """Return the inches of so many columns side by side."""
        return columns * (cell_width(self.columns) + GAP) - GAP


class _Tile(NamedTuple):
    """A picture, the inches of its frame, and the words below it."""

    picture: Picture
    width: float
    frame: float
    words: list[Words]

    @property
    def height(self) -> float:
        """The inches from the top of the picture to the end of the words."""
        return self.frame + words_height(self.words)


class _Block(NamedTuple):
    """What is shown for a slot, line by line, and how many are left out."""

    slot: "Slot"
    lines: list[list[_Tile]]
    more: int

    @property
    def columns(self) -> int:
        """How many stand side by side; the first line is the fullest."""
        return len(self.lines[0])


class _Row(NamedTuple):
    """Slots side by side from a column on, and the height of each line that they share."""

    top: float
    column: int
    blocks: list[_Block]
    lines: list[float]

    @property
    def height(self) -> float:
        """The inches from the names of the slots to the end of the last words."""
        return HEADING + sum(self.lines) + LINE_GAP * (len(self.lines) - 1)


def _garment(outfit: "Outfit", width: float) -> _Tile:
    """Lay out the garment itself in a frame of its own shape, so that it hangs from the top."""
    picture = open_picture(outfit.worn.picture, max_side=GARMENT_PIXELS)
    shape = picture.height / picture.width if isinstance(picture, Image.Image) else 1.0
    what = outfit.analysis.category or "something to wear"
    whom = f"for {outfit.analysis.audience}" if outfit.analysis.audience else ""
    words = [
        Words(wrap(what, inches=width, points=12, lines=2), 12, above=0.1),
        Words(wrap(whom, inches=width, points=9.5, lines=2), 9.5, MUTED),
    ]
    return _Tile(picture, width, min(GARMENT_INCHES, width * shape), words)


def _layout(outfit: "Outfit") -> tuple[_Grid, list[_Block]]:
    """Lay out the suggestions by slot, on as many columns as they fill."""
    slots = [
        (slot, [*some]) for slot, some in groupby(outfit.suggestions, key=lambda each: each.slot)
    ]
    grid = _Grid(_columns([_abreast(len(some)) for _, some in slots]))
    shown = [each for _, some in slots for each in some[:MAX_SLOT_TILES]]
    pictures = [open_picture(each.hit.file) for each in shown]
    width = grid.width(1)
    frame = width * common_shape(pictures)
    tiles = iter(
        _Tile(picture, width, frame, _suggested(each, width, outfit.unavailable))
        for each, picture in zip(shown, pictures, strict=True)
    )
    return grid, [_block(slot, len(some), tiles) for slot, some in slots]


def _abreast(count: int) -> int:
    """Return how many of a slot stand side by side: four at most, in lines as even as they come."""
    shown = min(count, MAX_SLOT_TILES)
    return shown if shown <= 3 else min(4, math.ceil(shown / 2))


def _columns(abreast: Sequence[int]) -> int:
    """Return the columns of a board, so that slots fill the width beside the garment.

    Few share all of it; of many, as many as fill five columns or six.
    """
    if sum(abreast) <= 4:
        return GARMENT_COLUMNS + max(1, sum(abreast))
    rooms = [room for room in (3, 4) if room >= max(abreast)]
    left = {room: room - max(end for end in accumulate(abreast) if end <= room) for room in rooms}
    return GARMENT_COLUMNS + min(rooms, key=left.__getitem__)


def _block(slot: "Slot", count: int, tiles: Iterator[_Tile]) -> _Block:
    """Set a slot's tiles, the next of all, in lines."""
    shown, across = min(count, MAX_SLOT_TILES), _abreast(count)
    taken = [*islice(tiles, shown)]
    lines = [taken[start : start + across] for start in range(0, shown, across)]
    return _Block(slot, lines, count - shown)


def _suggested(suggestion: "Suggestion", width: float, known: str) -> list[Words]:
    """Lay out a suggestion's name, verdict and reason; a reason that is `known` is not said."""
    verdict = suggestion.verdict
    name = wrap(headline_of(suggestion.hit), inches=width, points=CAPTION_POINTS, lines=4)
    fits = verdict.status == "fits"
    reason = "" if verdict.reason == known else verdict.reason
    by = {
        "catalogue": "found by the catalogue's word, then by its looks",
        "looks": "found by looks",
    }
    reason = "; ".join(filter(None, (reason, by.get(suggestion.found_by))))
    return [
        Words(name, above=0.07),
        Words("✓ fits" if fits else "not checked", 8, FITS if fits else UNCHECKED, bold=True),
        Words(wrap(reason, inches=width, points=8, lines=8), 8, MUTED, above=0.02),
    ]


def _rows(blocks: Sequence[_Block], grid: _Grid, top: float, garment_end: float) -> list[_Row]:
    """Set slots in rows beside the garment, to its end; what is more than one row, below it."""
    rows: list[_Row] = []
    rest, column = [*blocks], GARMENT_COLUMNS
    while rest:
        last = sum(block.columns for block in rest) <= grid.columns - column
        if column and top > garment_end and not last:
            column = 0
        ends = accumulate(block.columns for block in rest)
        taken = sum(end <= grid.columns - column for end in ends)
        rows.append(_Row(top, column, rest[:taken], _line_heights(rest[:taken])))
        top += rows[-1].height + ROW_GAP
        rest = rest[taken:]
    return rows


def _line_heights(blocks: Sequence[_Block]) -> list[float]:
    """Return the inches of the lines that slots side by side have in common."""
    lines = zip_longest(*(block.lines for block in blocks), fillvalue=())
    return [max(tile.height for tiles in line for tile in tiles) for line in lines]


# Its parts, drawn.


def _draw_row(figure: Figure, row: _Row, grid: _Grid) -> None:
    column = row.column
    for block in row.blocks:
        _draw_heading(figure, grid.left(column), row.top, grid.width(block.columns), block)
        top = row.top + HEADING
        for tiles, height in zip(block.lines, row.lines, strict=False):
            for place, tile in enumerate(tiles):
                _draw_tile(figure, grid.left(column + place), top, tile)
            top += height + LINE_GAP
        column += block.columns


def _draw_heading(figure: Figure, left: float, top: float, width: float, block: _Block) -> None:
    """Draw a slot's name on a line that is as long as its pictures are wide."""
    write(figure, left, top, block.slot, size=11, color=ACCENT, weight="bold", family=FONT)
    if block.more:
        write(figure, left + width, top + 0.03, f"… and {block.more} more", color=MUTED, ha="right")
    across, down = figure.get_size_inches()
    ends, height = [left / across, (left + width) / across], 1 - (top + 0.24) / down
    line = Line2D(ends, [height, height], transform=figure.transFigure, color=OTHER, linewidth=0.8)
    figure.add_artist(line)


def _draw_tile(figure: Figure, left: float, top: float, tile: _Tile) -> None:
    frame = add_frame(figure, left, top, tile.width, tile.frame)
    draw_picture(frame, tile.picture)
    frame.set_adjustable("datalim")  # a card of the frame's size, the picture in its middle
    write_words(figure, left, top + tile.frame, tile.words)
