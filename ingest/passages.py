"""Passages: the text layer of a page → its words, and how they begin."""

import re
import unicodedata
from collections.abc import Iterator, Sequence

from app.core.messages import counted

CAPTION_CHARACTERS = 200

CAPTION_LEAST = 160
"""Shorter, so as to end with a word, it does not get: Chinese has no spaces between words."""

GARBAGE_SHARE = 0.3
"""Of a page's signs. Seven pages of one report in an encoding of its own have .79 to .93 bad ones,
284 others of 16 documents none; text in 18 languages, tables of numbers and code have none."""

LINE_END_HYPHEN = "\ufffe"
"""As PDFium gives it. Joining is right 160 times, and keeping the hyphen 38, on those pages."""

_LEADERS = re.compile(r"(?:[.·…_] ?){4,}")
"""From a heading to its page number. Each dot would be a token: one contents page had 49 rows."""

_SPACES = re.compile(r"\s+")


def told_unread(unread: Sequence[str], broken: Sequence[str], *, ocr: bool) -> Iterator[str]:
    """Yield what to tell of pages that gave no words, by their paths."""
    fact = "that OCR could not read" if ocr else "without a text layer that can be read"
    hope = "found by the picture alone" if ocr else "--ocr reads what they show"
    for paths, told in ((unread, fact), (broken, "with a broken text layer")):
        if paths:
            yield f"{counted(len(paths), 'page')} {told}, {paths[0]} first; {hope}"


def readable(layer: str) -> str:
    """Return a text layer as words on one line; nothing where the layer is garbage.

    Letters shifted to other letters pass for text: only signs that no reader ever sees tell.
    """
    if _is_garbage(layer):
        return ""
    text = unicodedata.normalize("NFKC", layer.replace(LINE_END_HYPHEN, ""))
    text = "".join(" " if _is_bad(sign) else sign for sign in text)
    return _SPACES.sub(" ", _LEADERS.sub(" ", text)).strip()


def caption_of(text: str) -> str:
    """Return how a page begins, in at most 200 characters; cut off, it ends with "…"."""
    if len(text) <= CAPTION_CHARACTERS:
        return text
    end = text.rfind(" ", CAPTION_LEAST, CAPTION_CHARACTERS)
    return text[: end if end > 0 else CAPTION_CHARACTERS - 1] + "…"


def _is_garbage(layer: str) -> bool:
    """Signs that stand alone do not count: they are bullets and icons of a font."""
    signs = "".join(chunk for chunk in layer.split() if len(chunk) > 1)
    return sum(map(_is_bad, signs)) > GARBAGE_SHARE * len(signs)


def _is_bad(sign: str) -> bool:
    if sign in ("\t", "\n", "\r", LINE_END_HYPHEN):
        return False
    return sign == "\ufffd" or unicodedata.category(sign) in ("Cc", "Cn", "Co", "Cs")
