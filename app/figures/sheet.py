"""Figures, the sheets: hits, or an answer's evidence → numbered pictures with captions → a Figure.

It is laid out in inches from the top left corner.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from matplotlib.figure import Figure
from PIL import Image

from app.core.messages import counted
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
    from app.answering.answer import Answer
    from app.retrieval.hits import Hit

MAX_SHEET_HITS = 30
"""Six rows of five: one page. The sheet says how many more there are."""

CAPTION_LINES = 6

ANSWER_POINTS, ANSWER_LINES = 10.5, 12

QUERY_INCHES = 1.4
"""The height of the picture that was asked with."""


def result_sheet(title: str, hits: "Sequence[Hit]", *, query_image: Path | None = None) -> Figure:
    """Return the query and its numbered hits, each with picture, score and caption.

    A picture that can no longer be opened is a grey tile that says so.
    """
    tiles = [
        _Tile(open_picture(hit.file), caption_of(hit), str(rank), _score(hit.score))
        for rank, hit in enumerate(hits[:MAX_SHEET_HITS], 1)
    ]
    head = _Head(f"query · {counted(len(hits), 'hit')}", title, query_image)
    return _sheet(head, tiles, len(hits) - len(tiles), "Nothing found.")


def answer_sheet(question: str, answer: "Answer", *, query_image: Path | None = None) -> Figure:
    """Return a question, its answer, and the evidence under the numbers that the answer cites.

    What is cited is framed. What was found and not shown to the model stands last, with no number.
    """
    found = (*answer.evidence, *answer.unshown)
    tiles = [
        _Tile(
            open_picture(piece.file),
            caption_of(piece),
            str(piece.number) if piece.number else "not shown",
            is_marked=piece.number in answer.citations,
        )
        for piece in found[:MAX_SHEET_HITS]
    ]
    said = f"{answer.status.replace('_', ' ')} · {answer.model}"
    head = _Head(said, question, query_image, answer.text or "No answer.")
    return _sheet(head, tiles, len(found) - len(tiles), "Nothing found.")


def _score(score: float | None) -> str:
    return "" if score is None else f"{score:.3f}"


# What is shown, and how it is laid out.


class _Head(NamedTuple):
    """What stands above the tiles: a line of what it is, what was asked, and what was answered."""

    kind: str
    title: str
    picture: Path | None
    text: str = ""


class _Tile(NamedTuple):
    """What a sheet shows of a hit, or of a piece of evidence."""

    picture: Picture
    caption: str
    label: str
    score: str = ""
    is_marked: bool = False


def _sheet(head: _Head, tiles: Sequence[_Tile], more: int, nothing: str) -> Figure:
    grid = _grid(tiles)
    header = _header_height(head)
    rows = math.ceil(len(tiles) / grid.columns)
    height = MARGIN + header + max(rows * grid.row, 0.6) + 0.35 * (more > 0)
    figure = Figure((WIDTH_INCHES, height), facecolor="white")
    _draw_head(figure, head)
    for index, tile in enumerate(tiles):
        row, column = divmod(index, grid.columns)
        corner = (MARGIN + column * (grid.cell + GAP), MARGIN + header + row * grid.row)
        _draw_tile(figure, corner, grid, tile)
    if not tiles:
        write(figure, MARGIN, MARGIN + header, nothing, size=11, color=MUTED)
    if more > 0:
        write(figure, MARGIN, height - 0.45, f"… and {more} more", color=MUTED)
    return figure


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


def _answer_text(text: str, left: float) -> str:
    across = WIDTH_INCHES - MARGIN - left
    return wrap(text, inches=across, points=ANSWER_POINTS, lines=ANSWER_LINES)


def _beside(picture: Path | None) -> tuple[Picture | None, float, float]:
    """Return the picture that was asked with, its width, and where the words beside it begin."""
    if picture is None:
        return None, 0.0, MARGIN
    opened = open_picture(picture)
    shape = opened.width / opened.height if isinstance(opened, Image.Image) else 4 / 3
    width = QUERY_INCHES * min(2.0, max(0.6, shape))
    return opened, width, MARGIN + width + 0.25


def _header_height(head: _Head) -> float:
    left = _beside(head.picture)[2]
    words = 0.2 + text_height(_heading(head.title, left), TITLE_POINTS)
    if head.text:
        words += 0.12 + text_height(_answer_text(head.text, left), ANSWER_POINTS)
    return max(words, QUERY_INCHES if head.picture else 0) + 0.26


# Its parts, drawn.


def _draw_head(figure: Figure, head: _Head) -> None:
    picture, width, left = _beside(head.picture)
    if picture is not None:
        draw_picture(add_frame(figure, MARGIN, MARGIN, width, QUERY_INCHES), picture)
    heading = _heading(head.title, left)
    write(figure, left, MARGIN, head.kind, color=MUTED)
    write(figure, left, MARGIN + 0.2, heading, size=TITLE_POINTS)
    if head.text:
        top = MARGIN + 0.32 + text_height(heading, TITLE_POINTS)
        write(figure, left, top, _answer_text(head.text, left), size=ANSWER_POINTS)


def _draw_tile(figure: Figure, corner: tuple[float, float], grid: _Grid, tile: _Tile) -> None:
    left, top = corner
    frame = add_frame(figure, left, top, grid.cell, grid.picture)
    draw_picture(frame, tile.picture)
    if tile.is_marked:
        frame.spines[:].set(color=ACCENT, linewidth=2, visible=True)
    below = top + grid.picture + 0.09
    color = ACCENT if tile.is_marked or tile.score else MUTED
    write(figure, left, below, tile.label, size=10, color=color, weight="bold", family=FONT)
    if tile.score:
        write(figure, left + grid.cell, below + 0.01, tile.score, color=MUTED, ha="right")
    write(figure, left, below + 0.21, _caption(tile.caption, grid.cell))
