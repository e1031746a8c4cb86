"""Passages: the text layer of a page → its words, and how they begin."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Literal

from app.model.messages import counted

CAPTION_CHARACTERS = 200

CAPTION_LEAST = 160
"""Shorter, so as to end with a word, it does not get: Chinese has no spaces between words."""

GARBAGE_SHARE = 0.3
"""Of a page's characters. Seven pages of a report in an encoding of its own have .79 to .93 bad,
284 others of 16 documents none; text in 18 languages, tables of numbers and code have none."""

LINE_END_HYPHEN = "\ufffe"
"""As PDFium gives it. Joining is right 160 times, and keeping the hyphen 38, on those pages."""

_LEADERS = re.compile(r"(?:[.·…_] ?){4,}")
"""From a heading to its page number. Each dot would be a token: one contents page had 49 rows."""

FEW_CHARACTERS = 150
"""Letters and digits: a stamp, a printed header and a signature have less, a page of text more.
Slides whose background is a picture may have less too; OCR then takes 2 s, and finds the same."""

PICTURE_SHARE = 0.5
"""Of a page, that pictures cover. Scans have 1 or nearly so, figures on a page of text half."""

FEW_WORDS = 5
"""Fewer do not tell whether they are words: `H2O`, `B747`."""

REAL_SHARE = 0.5
"""Of words, that must be words or numbers."""

MAX_HUMPS = 1
"""Capitals that follow a small letter within a word, as in GmbH, iPhone and McDonald."""

_WORD = re.compile(r"[^\W_]+")

_NUMBER = re.compile(r"\d+[^\W\d_]{0,3}|[^\W\d_]{1,3}\d+")
"""1990s, 3rd, 10km, Q3, B747."""

_ODD = re.compile(r"\w[$#&*+<=>?\\^`|~{}!;()\[\]]+\w")
"""A character within a word that no word has."""

_VOWELS = frozenset("aeiouy")

_SPACES = re.compile(r"\s+")


Unread = Literal["", "broken", "none", "little", "nothing"]
"""Why what a page shows is not in its words: its text layer is broken, there is none that can be
read, or it says little of the page; or OCR was there, and found nothing."""

_LAYERS: dict[Unread, str] = {
    "none": "without a text layer that can be read",
    "broken": "with a broken text layer",
    "little": "with a text layer that says little of what they show",
}


def told_unread(pages: Mapping[Unread, Sequence[str]], *, ocr: bool) -> Iterator[str]:
    """Yield notices of pages whose words were not read."""
    hope = "found by the picture alone" if ocr else "--ocr reads what they show"
    for why, fact in _LAYERS.items():
        if paths := pages.get(why):
            failed = "that OCR could not read" if ocr and why == "none" else fact
            failed += ", and that OCR could not read" if ocr and why == "little" else ""
            end = "" if ocr and why == "little" else f"; {hope}"
            yield f"{counted(len(paths), 'page')} {failed}, {paths[0]} first{end}"
    if paths := pages.get("nothing"):
        yield f"{counted(len(paths), 'page')} on which OCR found no words, {paths[0]} first"


def says_little(text: str, picture_share: Callable[[], float]) -> bool:
    """Tell whether a text layer leaves out what a page shows, as a stamp on a scan does.

    Either its words are no words, or they are few and most of the page is a picture; how much of it
    is asked only then.
    """
    return not is_prose(text) or (
        _letters(text) < FEW_CHARACTERS and (not _letters(text) or picture_share() >= PICTURE_SHARE)
    )


def is_prose(text: str) -> bool:
    """Tell whether most words of a text are words or numbers of some language.

    >>> is_prose("Rye bread, 3.50 EUR"), is_prose("I9A8O-P$p $Ax31J(P 9zQ$kk1 FFQ& V8VceZ")
    (True, False)
    """
    words = [word for word in text.split() if _letters(word)]
    real = sum(map(_is_word, words))
    return len(words) < FEW_WORDS or real >= REAL_SHARE * len(words)


def joined(layer: str, read: str) -> str:
    """Return the words of a page from a layer that says little, and from what OCR read.

    What OCR read is all, unless it left out most of what the layer says in words; nothing of it
    where it is no better than the layer.
    """
    if not read or (layer and is_prose(layer) and not is_prose(read)):
        return layer
    said, seen = _folded(layer), _folded(read)
    is_seen = 2 * len(said & seen) >= len(said)
    return read if is_seen or not is_prose(layer) else f"{layer} {read}"


def _folded(text: str) -> set[str]:
    return set(_WORD.findall(text.casefold()))


def _letters(text: str) -> int:
    """Count letters and digits."""
    return sum(map(str.isalnum, text))


def _is_word(word: str) -> bool:
    return all(_is_plain(part) for part in _WORD.findall(word)) and not _ODD.search(word)


def _is_plain(part: str) -> bool:
    """Tell whether letters go together: no digits among them, a vowel, capitals as in a name."""
    if _NUMBER.fullmatch(part):
        return True
    humps = sum(one.islower() and next_.isupper() for one, next_ in pairwise(part))
    if humps > MAX_HUMPS or any(map(str.isdigit, part)):
        return False
    is_latin = len(part) > 3 and part.isascii() and part.islower()
    return not is_latin or not _VOWELS.isdisjoint(part)


def readable(layer: str) -> str:
    """Return a text layer as words on one line; nothing where the layer is garbage.

    Letters shifted to other letters pass for text: only characters that no reader ever sees tell.
    """
    if _is_garbage(layer):
        return ""
    text = unicodedata.normalize("NFKC", layer.replace(LINE_END_HYPHEN, ""))
    text = "".join(" " if _is_bad(char) else char for char in text)
    return _SPACES.sub(" ", _LEADERS.sub(" ", text)).strip()


def caption_of(text: str) -> str:
    """Return how a page begins, in at most 200 characters; cut off, it ends with "…"."""
    if len(text) <= CAPTION_CHARACTERS:
        return text
    end = text.rfind(" ", CAPTION_LEAST, CAPTION_CHARACTERS)
    return text[: end if end > 0 else CAPTION_CHARACTERS - 1] + "…"


def _is_garbage(layer: str) -> bool:
    """Tell whether a layer is garbage. Single characters are ignored: bullets and icons."""
    chars = "".join(chunk for chunk in layer.split() if len(chunk) > 1)
    return sum(map(_is_bad, chars)) > GARBAGE_SHARE * len(chars)


def _is_bad(char: str) -> bool:
    if char in ("\t", "\n", "\r", LINE_END_HYPHEN):
        return False
    return char == "\ufffd" or unicodedata.category(char) in ("Cc", "Cn", "Co", "Cs")
