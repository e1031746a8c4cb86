"""Words of a text, as `contains` knows them: nodes store them, filters ask for them."""

import re
import unicodedata
from itertools import islice

MAX_WORDS = 2_000
"""Distinct words kept of one text: a page has about 500, and each is an index entry."""

# Chinese, Japanese and Korean are written without spaces between words: each character is a word.
_SIGN = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
_APART = re.compile(f"[{_SIGN}]")
_LETTER = rf"(?:(?![{_SIGN}_])\w)"  # names of files have words between underscores
_WORD = re.compile(rf"[{_SIGN}]|{_LETTER}+(?:'{_LETTER}+)*")


def words_of(text: str) -> list[str]:
    """Return the distinct words of a text in order, folded so that case and accents' form agree.

    >>> words_of("The dog’s DOG, 夜市 at 7_pm")
    ['the', "dog's", 'dog', '夜', '市', 'at', '7', 'pm']
    """
    plain = text.casefold() if text.isascii() else _fold(text)
    found = (match.group() for match in _WORD.finditer(plain))
    return list(islice(dict.fromkeys(found), MAX_WORDS))


def composed(text: str) -> str:
    """Return a text with each letter and its accents as one character where there is one (NFC).

    >>> composed("cafe\u0301") == "caf\u00e9"
    True
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def spellings(text: str) -> tuple[str, ...]:
    """Return a text as it is written, composed (NFC) and decomposed (NFD); once where they agree.

    >>> len(spellings("caf\u00e9")), spellings("cafe")
    (2, ('cafe',))
    """
    if text.isascii():
        return (text,)
    forms = (text, composed(text), unicodedata.normalize("NFD", text))
    return tuple(dict.fromkeys(forms))


def characters_apart(text: str) -> str:
    """Return a text with blanks around each character of Chinese, Japanese and Korean.

    >>> characters_apart("a 夜市"), characters_apart("plain")
    ('a  夜  市 ', 'plain')
    """
    return text if text.isascii() else _APART.sub(r" \g<0> ", text)


def _fold(text: str) -> str:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    # Marks that no letter absorbs (Devanagari vowels, Arabic points) would split a word in two.
    unmarked = "".join(char for char in folded if unicodedata.category(char)[0] != "M")
    return unmarked.replace("’", "'")
