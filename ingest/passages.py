"""Passages: the text layer of a page → its words, and how they begin."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

from app.core import isolated
from app.core.errors import SourceError
from app.core.pages import read_text
from app.core.records import Record

CAPTION_CHARACTERS = 200

GARBAGE_SHARE = 0.3
"""Of a page's signs. Seven pages of one report in an encoding of its own have .79 to .93 bad ones,
284 others of 16 documents none; text in 18 languages, tables of numbers and code have none."""

LINE_END_HYPHEN = "\ufffe"
"""As PDFium gives it. Joining is right 160 times, and keeping the hyphen 38, on those pages."""

SAMPLE_PAGES = 200
"""Of which the mean length of a text is taken; from 100 to 400 words, R@5 changes by .02."""

_LEADERS = re.compile(r"(?:[.·…_] ?){4,}")
"""From a heading to its page number. Each dot would be a token: one contents page had 49 rows."""

_SPACES = re.compile(r"\s+")


def sample_texts(records: Sequence[Record]) -> Iterator[str]:
    """Yield what is said of records; of pages, which must be opened for it, of some throughout."""
    pages = sum(record.page is not None for record in records)
    step = max(1, pages // SAMPLE_PAGES)
    hostile: set[Path] = set()
    for number, record in enumerate(records):
        if record.page is None:
            yield record.said
        elif number % step == 0 and record.file not in hostile:
            try:
                yield readable(isolated.call(read_text, record.file, record.page))
            except SourceError:  # told when the page is read in its turn
                hostile.add(record.file)


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
    """Return how a page begins."""
    return text[:CAPTION_CHARACTERS]


def _is_garbage(layer: str) -> bool:
    """Signs that stand alone do not count: they are bullets and icons of a font."""
    signs = "".join(chunk for chunk in layer.split() if len(chunk) > 1)
    return sum(map(_is_bad, signs)) > GARBAGE_SHARE * len(signs)


def _is_bad(sign: str) -> bool:
    if sign in ("\t", "\n", "\r", LINE_END_HYPHEN):
        return False
    return sign == "\ufffd" or unicodedata.category(sign) in ("Cc", "Cn", "Co", "Cs")
