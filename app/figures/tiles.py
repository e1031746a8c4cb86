"""Figures, their tiles: pictures and words at so many inches from the left and from the top.

What the result sheet and the board of an outfit are laid out with.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from app.figures.style import FAINT, INK, MUTED, OTHER, WIDTH_INCHES
from app.figures.text import FONT, TEXT
from app.media.images import open_image
from app.model.errors import SourceError
from app.model.messages import shorten
from app.model.records import name_of
from app.render import column_text

if TYPE_CHECKING:
    from app.answering.evidence import Evidence
    from app.retrieval.hits import Hit

MARGIN, GAP = 0.3, 0.18
"""Inches: around a figure, and between its pictures."""

CAPTION_POINTS, TITLE_POINTS = 8.5, 15

LINE_HEIGHT = 1.4
"""Of a text's size, from one line to the next."""

NAME_CHARACTERS = 60
"""Of a file's name: two lines, where it has to stand for a caption."""

TILE_PIXELS = 640

Picture = Image.Image | SourceError
"""A picture, or why it cannot be opened."""


# What is shown, and how large.


def open_picture(file: Path | None, *, max_side: int = TILE_PIXELS) -> Picture:
    """Open a picture, with at most so many pixels on its long side."""
    try:
        return open_image(file, max_side=max_side)
    except SourceError as error:
        return error


def headline_of(hit: "Hit | Evidence") -> str:
    """Return what is said of a hit: its caption, or of a page what bears on the words asked.

    Where nothing is said, its columns stand for it; and where it has none, its file's name.
    """
    columns = () if hit.page is not None else hit.metadata.items()
    told = (column_text(name, value) for name, value in columns if value not in (None, ""))
    return hit.snippet or hit.caption or " · ".join(told) or file_name_of(hit)


def file_name_of(hit: "Hit | Evidence") -> str:
    """Return a hit's name without its folders, of a page with its number; not all if it is long."""
    name = hit.path.rpartition("/")[2] or hit.record_id  # of words alone, that have no file
    return shorten(name_of(name, hit.page), NAME_CHARACTERS)


def cell_width(columns: int) -> float:
    """Return the inches that each of so many columns has, with gaps between them."""
    return (WIDTH_INCHES - 2 * MARGIN + GAP) / columns - GAP


def common_shape(pictures: Iterable[Picture]) -> float:
    """Return the height, by the width, of a frame in which most of the pictures look well."""
    shapes = [each.height / each.width for each in pictures if isinstance(each, Image.Image)]
    return min(1.35, max(0.6, median(shapes or [0.75])))


def shown_width(picture: Picture, width: float, height: float) -> float:
    """Return the inches that a picture takes of a frame's width, shown whole."""
    if not isinstance(picture, Image.Image):
        return width
    return min(width, height * picture.width / picture.height)


def text_height(text: str, size: float = CAPTION_POINTS) -> float:
    """Return the inches that lines of text take, of a size in points; none for no text."""
    lines = text.count("\n") + 1 if text else 0
    return lines * size * LINE_HEIGHT / 72


class Words(NamedTuple):
    """Lines of text, and the inches that are left above them. Bold are only words of our own."""

    text: str
    size: float = CAPTION_POINTS
    color: str = INK
    bold: bool = False
    above: float = 0.05


def words_height(words: Sequence[Words]) -> float:
    """Return the inches that words below one another take."""
    return sum(each.above + text_height(each.text, each.size) for each in words if each.text)


# Its parts, drawn.


def add_frame(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Return axes of a size in inches, whose upper left corner is there."""
    across, down = figure.get_size_inches()
    return figure.add_axes(
        (left / across, 1 - (top + height) / down, width / across, height / down)
    )


def draw_picture(axes: Axes, picture: Picture) -> None:
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


def write(
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


def write_words(figure: Figure, left: float, top: float, words: Sequence[Words]) -> None:
    """Write words below one another."""
    for each in words:
        if each.text:
            style = {"weight": "bold", "family": FONT} if each.bold else {}
            write(
                figure, left, top + each.above, each.text, size=each.size, color=each.color, **style
            )
            top += words_height([each])
