"""Figures, the sheets: hits, or an answer's evidence → numbered pictures with captions → a Figure.

It is laid out in inches from the top left corner.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from matplotlib.figure import Figure
from PIL import Image

from app.figures.asked import conditions_of, count_line, title_of
from app.figures.style import ACCENT, MUTED, WIDTH_INCHES
from app.figures.text import FONT, squeeze, without_markdown, wrap
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
    file_name_of,
    headline_of,
    open_picture,
    shown_width,
    words_height,
    write,
    write_words,
)
from app.render import answer_texts

if TYPE_CHECKING:
    from app.answering.answer import Answer
    from app.answering.evidence import Evidence
    from app.retrieval.hits import Hit
    from app.retrieval.retriever import Found
    from app.retrieval.search import Search

MAX_SHEET_HITS = 30
"""Six rows of five: one page. The sheet says how many more there are."""

CAPTION_LINES, NAME_POINTS = 6, 7

ASKED_POINTS, ASKED_LINES = 9.5, 6

ANSWER_POINTS, ANSWER_LINES = 10.5, 40

QUERY_INCHES = 1.4
"""The height of the picture that was asked with."""

SCORE_INCHES = 0.8
"""Of a label and a score beside it; a picture may be narrower."""


def result_sheet(search: "Search", found: "Found") -> Figure:
    """Return all that was asked, and the numbered hits, each with picture, score and caption.

    A picture that can no longer be opened is a grey tile that says so.
    """
    tiles = [
        _Tile(
            hit,
            open_picture(hit.file),
            str(rank),
            "" if hit.score is None else f"{hit.score:.3f}",
            " · ".join(answer_texts(hit.answers)),
        )
        for rank, hit in enumerate(found.hits[:MAX_SHEET_HITS], 1)
    ]
    head = _Head(f"query · {count_line(found)}", title_of(search), search)
    return _sheet(head, tiles, len(found.hits) - len(tiles))


def answer_sheet(question: str, answer: "Answer", search: "Search", found: "Found") -> Figure:
    """Return a question, its answer, and the evidence under the numbers that the answer cites.

    What is cited is framed. What was found and not shown to the model stands last, with no number.
    `search` and `found` are where the evidence comes from, and how much else there was.
    """
    pieces = (*answer.evidence, *answer.unshown)
    tiles = [
        _Tile(
            piece,
            open_picture(piece.file),
            str(piece.number) if piece.number else "not shown",
            is_marked=piece.number in answer.citations,
        )
        for piece in pieces[:MAX_SHEET_HITS]
    ]
    said = f"{answer.status.replace('_', ' ')} · {answer.model} · {count_line(found)}"
    head = _Head(said, question, search, without_markdown(answer.text) or "No answer.")
    return _sheet(head, tiles, len(pieces) - len(tiles))


# What is shown, and how it is laid out.


class _Head(NamedTuple):
    """What stands above the tiles: a line of what it is, what was asked, and what was answered."""

    kind: str
    title: str
    search: "Search"
    text: str = ""


class _Tile(NamedTuple):
    """What a sheet shows of a hit, or of a piece of evidence."""

    hit: "Hit | Evidence"
    picture: Picture
    label: str
    score: str = ""
    asked_for: str = ""
    is_marked: bool = False


def _sheet(head: _Head, tiles: Sequence[_Tile], more: int) -> Figure:
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
        write(figure, MARGIN, MARGIN + header, "Nothing found.", size=11, color=MUTED)
    if more > 0:
        write(figure, MARGIN, height - 0.45, f"… and {more:,} more", color=MUTED)
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
    cell = cell_width(max(2, columns))
    picture = cell * common_shape(tile.picture for tile in tiles)
    words = max((words_height(_words(tile, cell)) for tile in tiles), default=0)
    return _Grid(columns, cell, picture, picture + 0.25 + words + 0.25)


def _words(tile: _Tile, cell: float) -> list[Words]:
    """Say of a hit what it shows, what it has where the filter asks, and, small, its name."""
    headline, name = headline_of(tile.hit), file_name_of(tile.hit)
    shown = wrap(headline, inches=cell, points=CAPTION_POINTS, lines=CAPTION_LINES)
    asked_for = wrap(tile.asked_for, inches=cell, points=CAPTION_POINTS, lines=CAPTION_LINES)
    small = squeeze(name, inches=cell, points=NAME_POINTS) if name != headline else ""
    return [Words(shown), Words(asked_for, color=MUTED), Words(small, NAME_POINTS, MUTED)]


def _head_words(head: _Head, left: float) -> list[Words]:
    inches = WIDTH_INCHES - MARGIN - left
    asked = conditions_of(head.search, head.title)
    return [
        Words(head.kind, color=MUTED, above=0),
        Words(wrap(head.title, inches=inches, points=TITLE_POINTS, lines=3), TITLE_POINTS),
        Words(wrap(asked, inches=inches, points=ASKED_POINTS, lines=ASKED_LINES), ASKED_POINTS),
        Words(
            wrap(head.text, inches=inches, points=ANSWER_POINTS, lines=ANSWER_LINES),
            ANSWER_POINTS,
            above=0.12,
        ),
    ]


def _beside(picture: Path | None) -> tuple[Picture | None, float, float]:
    """Return the picture that was asked with, its width, and where the words beside it begin."""
    if picture is None:
        return None, 0.0, MARGIN
    opened = open_picture(picture)
    shape = opened.width / opened.height if isinstance(opened, Image.Image) else 4 / 3
    width = QUERY_INCHES * min(2.0, max(0.6, shape))
    return opened, width, MARGIN + width + 0.25


def _header_height(head: _Head) -> float:
    left = _beside(head.search.image)[2]
    words = words_height(_head_words(head, left))
    return max(words, QUERY_INCHES if head.search.image else 0) + 0.26


# Its parts, drawn.


def _draw_head(figure: Figure, head: _Head) -> None:
    picture, width, left = _beside(head.search.image)
    if picture is not None:
        draw_picture(add_frame(figure, MARGIN, MARGIN, width, QUERY_INCHES), picture)
    write_words(figure, left, MARGIN, _head_words(head, left))


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
        end = left + max(SCORE_INCHES, shown_width(tile.picture, grid.cell, grid.picture))
        write(figure, end, below + 0.01, tile.score, color=MUTED, ha="right")
    write_words(figure, left, below + 0.16, _words(tile, grid.cell))
