"""Figures, their text: what the font can draw, in lines of a given width."""

import unicodedata
from functools import cache, lru_cache
from itertools import accumulate
from typing import Any

from matplotlib.font_manager import findfont, get_font
from PIL import ImageFont

FONT = "DejaVu Sans"
"""Comes with matplotlib, so that a figure looks the same on every machine."""

TEXT: dict[str, Any] = {"family": FONT, "parse_math": False}
"""Of every text that is drawn: a caption with two dollar signs is no formula."""

SLACK = 0.96
"""Of a line's width is filled: on a screen, letters are moved to whole pixels and grow a little."""


def drawable(text: str) -> str:
    r"""Return text on one line that the font can draw; a sign that it lacks becomes a box.

    >>> drawable("a\n夜 b\u202e")
    'a □ b'
    """
    known = get_font(findfont(FONT)).get_charmap()
    return "".join(
        sign if ord(sign) in known else "□"
        for sign in " ".join(text.split())
        if unicodedata.category(sign) != "Cf"  # turns the direction, joins, hides: draws nothing
    )


def wrap(text: str, *, inches: float, points: float, lines: int = 1) -> str:
    """Break text into at most so many lines of a width; an ellipsis stands for what is cut."""
    room = SLACK * inches * 72 / points
    rest = drawable(text[:2_000])  # far more than any sheet has room for
    laid: list[str] = []
    while rest and len(laid) < lines:
        line = rest[: _cut(rest, room)]
        rest = rest[len(line) :].lstrip()
        laid.append(line.rstrip())
    if rest:
        last = laid[-1] + " "
        laid[-1] = last[: _cut(last, room - _advance("…"))].rstrip(" ,.;") + "…"
    return "\n".join(laid)


def _cut(text: str, room: float) -> int:
    """Where a line ends: after the last word that fits; within a word that alone is too long."""
    fitting = max(1, _fitting(text, room))
    if fitting == len(text):
        return fitting
    space = text.rfind(" ", 0, fitting + 1)
    return space if space > 0 else fitting


def _fitting(text: str, room: float) -> int:
    """How many signs of a text fit into so many ems."""
    return sum(width <= room for width in accumulate(map(_advance, text)))


@lru_cache(maxsize=10_000)
def _advance(sign: str) -> float:
    """Width of a sign in ems."""
    return _measure().getlength(sign) / 100


@cache
def _measure() -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(findfont(FONT), 100)
