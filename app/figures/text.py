"""Figures, their text: what the fonts can draw, in lines of a given width."""

import logging
import re
import unicodedata
from functools import cache, lru_cache
from itertools import accumulate, takewhile
from typing import Any

from matplotlib.font_manager import findfont, findSystemFonts, fontManager, get_font
from PIL import ImageFont

from app.model.messages import shorten

logger = logging.getLogger(__name__)

FONT = "DejaVu Sans"
"""Comes with matplotlib, so that a figure looks the same on every machine."""

FALLBACKS = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans CJK KR", "Noto Sans CJK TC"),
    *("Noto Sans SC", "Noto Sans JP", "Noto Sans KR", "Noto Sans TC"),
    *("Source Han Sans", "Source Han Sans SC", "Source Han Sans CN", "Source Han Sans JP"),
    *("PingFang SC", "Hiragino Sans GB", "Hiragino Sans", "Apple SD Gothic Neo"),
    *("Microsoft YaHei", "Yu Gothic", "Malgun Gothic", "Meiryo", "SimHei", "MS Gothic"),
    *("WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Droid Sans Fallback", "Arial Unicode MS"),
    *("IPAexGothic", "IPAGothic", "TakaoGothic", "VL Gothic", "NanumGothic", "Unifont"),
)
"""Of Linux, macOS and Windows: those that are installed draw what DejaVu lacks, Chinese, Japanese
and Korean above all."""


def _families() -> list[str]:
    """Return the font, and after it those of the others that this machine has."""
    if not (installed := _installed()):
        # matplotlib remembers which fonts there were when it first looked.
        for file in set(findSystemFonts()) - {font.fname for font in fontManager.ttflist}:
            try:
                fontManager.addfont(file)
            except Exception:  # noqa: BLE001 - a font it cannot read is no font
                continue
        installed = _installed()
    return [FONT, *installed]


def _installed() -> list[str]:
    """Return those of the usual weight, for matplotlib complains of others; else one of another."""
    usual = {font.name for font in fontManager.ttflist if font.weight in (400, "normal")}
    others = {font.name for font in fontManager.ttflist}
    among = [name for name in FALLBACKS if name in usual]
    return among or [name for name in FALLBACKS if name in others][:1]


FONTS = _families()

TEXT: dict[str, Any] = {"family": FONTS, "parse_math": False}
"""Of every text that is drawn: a caption with two dollar signs is no formula."""

SLACK = 0.96
"""Of a line's width is filled: on a screen, letters are moved to whole pixels and grow a little."""

_LINE_MARK = re.compile(r"^[ \t]{0,9}(?:#{1,6}[ \t]+|(?:>[ \t]?){1,9}|([-*+])[ \t]+)", re.MULTILINE)
_RULE = re.compile(r"^[ \t]{0,9}(?:[-*_=]{3,99}|`{3,9}\w{0,20})[ \t]{0,9}$", re.MULTILINE)
_LINK = re.compile(r"!?\[([^\[\]\n]{0,300})\]\([^()\s]{1,500}\)")
_STRESS = re.compile(
    r"(?<![\w*_`])(\*{1,3}|_{1,3}|`{1,2})(?=[^\s*_`])([^\n]{1,300}?)(?<=[^\s*_`])\1(?![\w*_`])"
)


def without_markdown(text: str) -> str:
    r"""Return text without the marks of Markdown, of which only words and their order are drawn.

    >>> without_markdown("# Walls\n- a **red** one [1]\n- `wall_2.jpg`, 2 * 3 m [2](b.jpg)")
    'Walls\n• a red one [1]\n• wall_2.jpg, 2 * 3 m [2]'
    """
    text = _LINE_MARK.sub(lambda mark: "• " if mark[1] else "", _RULE.sub("", text))
    for _ in range(2):  # **a *b* c**
        text = _STRESS.sub(r"\2", text)
    return _LINK.sub(lambda link: f"[{link[1]}]" if link[1].isdigit() else link[1], text)


def drawable(text: str) -> str:
    r"""Return text on one line that the fonts can draw; a character that they lack becomes a box.

    >>> drawable("a\n\ue000 b\u202e")
    'a □ b'
    """
    return "".join(
        char if _font_of(char) else _box(char)
        for char in " ".join(text.split())
        if unicodedata.category(char) != "Cf"  # turns the direction, joins, hides: draws nothing
    )


def wrap(text: str, *, inches: float, points: float, lines: int = 1) -> str:
    """Break text into at most so many lines of a width; an ellipsis stands for what is cut."""
    room = SLACK * inches * 72 / points
    rest = drawable(text[:10_000])  # more than any sheet has room for
    laid: list[str] = []
    while rest and len(laid) < lines:
        line = rest[: _cut(rest, room)]
        rest = rest[len(line) :].lstrip()
        laid.append(line.rstrip())
    if rest:
        last = laid[-1] + " "
        laid[-1] = last[: _cut(last, room - _advance("…"))].rstrip(" ,.;") + "…"
    return "\n".join(laid)


def squeeze(text: str, *, inches: float, points: float) -> str:
    """Return text on one line of a width; of what is too long, the middle is left out.

    So a file's name keeps its beginning, its number and its suffix.
    """
    room = SLACK * inches * 72 / points
    text = drawable(shorten(text, 2_000))
    if _fitting(text, room) == len(text):
        return text
    half = (room - _advance("…")) / 2
    end = _fitting(text[::-1], half)
    return f"{text[: _fitting(text, half)]}…{text[len(text) - end :]}"


def text_width(text: str, *, points: float) -> float:
    """Return the inches that a line of text takes."""
    return sum(map(_advance, text)) * points / 72


def _cut(text: str, room: float) -> int:
    """Where a line ends: after the last word that fits; within a word that alone is too long."""
    fitting = max(1, _fitting(text, room))
    if fitting == len(text):
        return fitting
    space = text.rfind(" ", 0, fitting + 1)
    return space if space > 0 else fitting


def _fitting(text: str, room: float) -> int:
    """How many characters of a text fit into so many ems."""
    return sum(1 for _ in takewhile(room.__ge__, accumulate(map(_advance, text))))


@lru_cache(maxsize=10_000)
def _advance(char: str) -> float:
    """Width of a character in ems."""
    return _measure(_font_of(char) or FONT).getlength(char) / 100


@lru_cache(maxsize=10_000)
def _font_of(char: str) -> str | None:
    """The first font that draws a character, as matplotlib will choose it."""
    return next((name for name in FONTS if ord(char) in _characters_of(name)), None)


@cache
def _characters_of(name: str) -> frozenset[int]:
    return frozenset(get_font(findfont(name)).get_charmap())


@cache
def _measure(name: str) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(findfont(name), 100)


def _box(char: str) -> str:
    if unicodedata.category(char)[0] != "C":  # of control codes and the like nobody draws any
        _tell_of_boxes()
    return "□"


@cache
def _tell_of_boxes() -> None:
    """Say once why there are boxes."""
    logger.warning(
        "no font on this machine has some of the characters in the figures, so they are drawn as"
        " boxes. For Chinese, Japanese and Korean install Noto Sans CJK"
    )
