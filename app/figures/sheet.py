"""Figures, the result sheet: hits → numbered pictures, each with score and caption → a Figure.

It is laid out in inches from the top left corner.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from app.core.errors import SourceError
from app.core.images import open_image
from app.core.records import name_of
from app.figures.style import ACCENT, FAINT, INK, MUTED, OTHER, WIDTH_INCHES
from app.figures.text import FONT, TEXT, wrap

if TYPE_CHECKING:
    from app.retrieval.hits import Hit

MAX_SHEET_HITS = 30
"""Six rows of five: one page. The sheet says how many more there are."""

MARGIN, GAP = 0.3, 0.18
"""Inches: around a sheet, and between its pictures."""

CAPTION_POINTS, CAPTION_LINES, TITLE_POINTS = 8.5, 6, 15

LINE_HEIGHT = 1.4
"""Of a text's size, from one line to the next."""

TILE_PIXELS = 640

Picture = Image.Image | SourceError
"""A picture, or why it cannot be opened."""


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
        _write(figure, MARGIN, MARGIN + header, "Nothing found.", size=11, color=MUTED)
    if more := len(hits) - len(tiles):
        _write(figure, MARGIN, height - 0.45, f"… and {more} more", color=MUTED)
    return figure


# What is shown, and how it is laid out.


class _Tile(NamedTuple):
    """What a sheet shows of a hit."""

    picture: Picture
    caption: str
    score: float | None


def _tile(hit: "Hit") -> _Tile:
    name = name_of(hit.source.rpartition("/")[2], hit.page)
    caption = name if hit.page is not None else hit.caption or name
    return _Tile(_open(hit.file), caption, hit.score)


def _open(file: Path) -> Picture:
    try:
        return open_image(file, max_side=TILE_PIXELS)
    except SourceError as error:
        return error


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
    cell = (WIDTH_INCHES - 2 * MARGIN + GAP) / max(3, columns) - GAP
    pictures = [tile.picture for tile in tiles if isinstance(tile.picture, Image.Image)]
    shape = median([each.height / each.width for each in pictures] or [0.75])
    picture = cell * min(1.35, max(0.6, shape))
    lines = max((_caption(tile.caption, cell).count("\n") + 1 for tile in tiles), default=0)
    captions_height = lines * CAPTION_POINTS * LINE_HEIGHT / 72
    return _Grid(columns, cell, picture, picture + 0.3 + captions_height + 0.25)


def _caption(text: str, cell: float) -> str:
    return wrap(text, inches=cell, points=CAPTION_POINTS, lines=CAPTION_LINES)


def _heading(title: str, left: float) -> str:
    return wrap(title, inches=WIDTH_INCHES - MARGIN - left, points=TITLE_POINTS, lines=3)


# Its parts, drawn.


def _draw_query(figure: Figure, title: str, count: int, image: Path | None) -> None:
    left = MARGIN
    if image:
        picture = _open(image)
        shape = picture.width / picture.height if isinstance(picture, Image.Image) else 4 / 3
        width = 1.4 * min(2.0, max(0.6, shape))
        _draw_picture(_frame(figure, left, MARGIN, width, 1.4), picture)
        left += width + 0.25
    hits = f"query · {count} hit{'' if count == 1 else 's'}"
    _write(figure, left, MARGIN, hits, color=MUTED)
    _write(figure, left, MARGIN + 0.2, _heading(title, left), size=TITLE_POINTS)


def _draw_tile(
    figure: Figure, corner: tuple[float, float], grid: _Grid, rank: int, tile: _Tile
) -> None:
    left, top = corner
    _draw_picture(_frame(figure, left, top, grid.cell, grid.picture), tile.picture)
    below = top + grid.picture + 0.09
    _write(figure, left, below, str(rank), size=10, color=ACCENT, weight="bold", family=FONT)
    if tile.score is not None:
        score = f"{tile.score:.3f}"
        _write(figure, left + grid.cell, below + 0.01, score, color=MUTED, ha="right")
    _write(figure, left, below + 0.21, _caption(tile.caption, grid.cell))


def _draw_picture(axes: Axes, picture: Picture) -> None:
    """Show a picture whole, standing on its caption; or a grey tile with what is amiss."""
    axes.set(xticks=[], yticks=[])
    if isinstance(picture, Image.Image):
        axes.imshow(np.asarray(picture))
        axes.set_anchor("SW")
        axes.spines[:].set(color=OTHER, linewidth=0.5)  # else a page runs into the sheet
        return
    axes.spines[:].set_visible(False)
    axes.set_facecolor(FAINT)
    words = f"cannot be opened:\n{picture.code.replace('_', ' ')}"
    axes.text(0.5, 0.5, words, ha="center", va="center", size=8, color=MUTED, **TEXT)


def _frame(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    across, down = figure.get_size_inches()
    return figure.add_axes(
        (left / across, 1 - (top + height) / down, width / across, height / down)
    )


def _write(
    figure: Figure,
    left: float,
    top: float,
    text: str,
    *,
    size: float = CAPTION_POINTS,
    color: str = INK,
    **style: Any,
) -> None:
    """Write lines of text whose upper corner is so many inches from the left and from the top.

    Each stands on its own baseline: as a block, they would start by their tallest letter.
    """
    across, down = figure.get_size_inches()
    style = TEXT | {"size": size, "color": color} | style
    for number, line in enumerate(text.split("\n"), 1):
        baseline = top + size / 72 * (LINE_HEIGHT * number - 0.4)
        figure.text(left / across, 1 - baseline / down, line, **style)
