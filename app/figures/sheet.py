"""Figures, the result sheet: hits → numbered pictures, each with score and caption → a Figure.

It is laid out in inches from the top left corner.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from matplotlib.figure import Figure
from PIL import Image

from app.figures.style import ACCENT, MUTED, WIDTH_INCHES
from app.figures.text import FONT, wrap
from app.figures.tiles import (
    CAPTION_POINTS,
    GAP,
    MARGIN,
    TITLE_POINTS,
    Picture,
    add_frame,
    caption_of,
    cell_width,
    common_shape,
    draw_picture,
    open_picture,
    text_height,
    write,
)

if TYPE_CHECKING:
    from app.retrieval.hits import Hit

MAX_SHEET_HITS = 30
"""Six rows of five: one page. The sheet says how many more there are."""

CAPTION_LINES = 6


def result_sheet(title: str, hits: "Sequence[Hit]", *, query_image: Path | None = None) -> Figure:
    """Return the query and its numbered hits, each with picture, score and caption.

    A picture that can no longer be opened is a grey tile that says so.
    """
    tiles = [_tile(hit) for hit in hits[:MAX_SHEET_HITS]]
    grid = _grid(tiles)
    header = 1.7 if query_image else 0.75 + 0.29 * _heading(title, MARGIN).count("\n")
    rows = math.ceil(len(tiles) / grid.columns)
    height = MARGIN + header + max(rows * grid.row, 0.6) + 0.35 * (len(hits) > len(tiles))
    figure = Figure((WIDTH_INCHES, height), facecolor="white")
    _draw_query(figure, title, len(hits), query_image)
    for index, tile in enumerate(tiles):
        row, column = divmod(index, grid.columns)
        corner = (MARGIN + column * (grid.cell + GAP), MARGIN + header + row * grid.row)
        _draw_tile(figure, corner, grid, index + 1, tile)
    if not hits:
        write(figure, MARGIN, MARGIN + header, "Nothing found.", size=11, color=MUTED)
    if more := len(hits) - len(tiles):
        write(figure, MARGIN, height - 0.45, f"… and {more} more", color=MUTED)
    return figure


# What is shown, and how it is laid out.


class _Tile(NamedTuple):
    """What a sheet shows of a hit."""

    picture: Picture
    caption: str
    score: float | None


def _tile(hit: "Hit") -> _Tile:
    return _Tile(open_picture(hit.file), caption_of(hit), hit.score)


class _Grid(NamedTuple):
    """How the hits are laid out: so many columns, and the inches of a cell, its picture, a row."""

    columns: int
    cell: float
    picture: float
    row: float


def _grid(tiles: Sequence[_Tile]) -> _Grid:
    """Up to five hits stand in one row, more in rows as even as they come; all cells are alike."""
    count = len(tiles)
    columns = max(1, count if count <= 5 else min(5, math.ceil(count / 2)))
    cell = cell_width(max(3, columns))
    picture = cell * common_shape(tile.picture for tile in tiles)
    captions = max((text_height(_caption(tile.caption, cell)) for tile in tiles), default=0)
    return _Grid(columns, cell, picture, picture + 0.3 + captions + 0.25)


def _caption(text: str, cell: float) -> str:
    return wrap(text, inches=cell, points=CAPTION_POINTS, lines=CAPTION_LINES)


def _heading(title: str, left: float) -> str:
    return wrap(title, inches=WIDTH_INCHES - MARGIN - left, points=TITLE_POINTS, lines=3)


# Its parts, drawn.


def _draw_query(figure: Figure, title: str, count: int, image: Path | None) -> None:
    left = MARGIN
    if image:
        picture = open_picture(image)
        shape = picture.width / picture.height if isinstance(picture, Image.Image) else 4 / 3
        width = 1.4 * min(2.0, max(0.6, shape))
        draw_picture(add_frame(figure, left, MARGIN, width, 1.4), picture)
        left += width + 0.25
    hits = f"query · {count} hit{'' if count == 1 else 's'}"
    write(figure, left, MARGIN, hits, color=MUTED)
    write(figure, left, MARGIN + 0.2, _heading(title, left), size=TITLE_POINTS)


def _draw_tile(
    figure: Figure, corner: tuple[float, float], grid: _Grid, rank: int, tile: _Tile
) -> None:
    left, top = corner
    draw_picture(add_frame(figure, left, top, grid.cell, grid.picture), tile.picture)
    below = top + grid.picture + 0.09
    write(figure, left, below, str(rank), size=10, color=ACCENT, weight="bold", family=FONT)
    if tile.score is not None:
        score = f"{tile.score:.3f}"
        write(figure, left + grid.cell, below + 0.01, score, color=MUTED, ha="right")
    write(figure, left, below + 0.21, _caption(tile.caption, grid.cell))
