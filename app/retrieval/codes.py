"""Codes: `KX-200-B` among the words that are asked → the records that have it, as it is written.

BM25 and the embeddings see `kx`, `200` and `b`, which a neighbour of the series has nearly all of.
Of an article number, `12653`, they see nothing where its column holds numbers. It is a code where
nothing else is asked: among words it may as well be a year, or how many there are of something.
"""

import json
import posixpath
import re
import unicodedata
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from app.filters.conditions import (
    AnyOf,
    Column,
    Condition,
    columns_of,
    comparison,
    containment,
)
from app.model.records import Field

_PART = r"[^\W_]+"
_CODE = re.compile(rf"(?<!\w){_PART}(?:[-./_]{_PART})+(?!\w)")

_HYPHENS = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2212"), "-") | {0xAD: None}
"""How typesetters write a hyphen; the soft one is seen only where a line ends."""

_COUNTED = re.compile(r"[0-9]+(?:st|nd|rd|th|s)?(?:-[a-z]{2,})+")
"""`10-year-old`, `19th-century`: plain words with a number before them."""

MAX_CODES = 8
"""Of one question; each is looked for in every column of words."""

MIN_DIGITS = 6
"""Of a code without a letter: `24/7` and `5-10` are none, an ISBN and a date are."""

_NUMBER = re.compile(r"[0-9]{4,}")
"""An article number, if it stands alone; a shorter one counts something, or is a size."""

EXACT_DIGITS = 15
"""Of a number that is told from its neighbours in a column of numbers, which holds floats."""


def codes_in(words: str) -> list[str]:
    """Return the codes among words, folded: parts joined by `-`, `.`, `/` or `_`, with a digit.

    Of words that are all numbers of four digits or more, these.

    >>> codes_in("the KX-200-B, not a 10-year-old and/or 24/7 t-shirt"), codes_in("v2.0.1")
    (['kx-200-b'], ['v2.0.1'])
    >>> codes_in("12653"), codes_in("a street in 2012")
    (['12653'], [])
    """
    text = _folded(words)
    asked = text.split()
    if all(map(_NUMBER.fullmatch, asked)):
        found = asked
    else:
        found = [code for code in _CODE.findall(text) if _is_code(code)]
    return list(islice(dict.fromkeys(found), MAX_CODES))


def are_numbers(codes: Sequence[str]) -> bool:
    """Tell numbers that stand alone from codes."""
    return all(map(_NUMBER.fullmatch, codes))


def having(codes: Sequence[str], fields: Sequence[Field]) -> Condition:
    """Return a filter for records with all the parts of a code in a caption or a column.

    Of a number that stands alone, those that have it for a value of a column.
    """
    say = _equalling if are_numbers(codes) else _containing
    columns = columns_of(fields)
    return AnyOf(tuple(part for code in codes for column in columns for part in say(column, code)))


def is_called(path: str, numbers: Sequence[str]) -> bool:
    """Tell whether one of the numbers is the name of a picture."""
    return posixpath.splitext(posixpath.basename(path))[0] in numbers


def number_had(payload: Mapping[str, Any], codes: Sequence[str]) -> int:
    """Return how many of the codes a record has, each as it is written and not within a longer."""
    values: list[Any] = []
    for value in payload.get("fields", {}).values():
        values += value if isinstance(value, list) else [value]
    if are_numbers(codes):
        named = is_called(payload.get("path", ""), codes)
        return named + sum(any(_equals(value, code) for value in values) for code in codes)
    said = [*payload.get("captions", ()), _text(payload), *values]
    text = _folded("\n".join(map(str, said)))
    return sum(
        re.search(rf"(?<!\w)(?<!\w[-./_]){re.escape(code)}(?!\w)(?![-./_]\w)", text) is not None
        for code in codes
    )


def _containing(column: Column, code: str) -> list[Condition]:
    return [containment(column, code)] if column.words_key else []


def _equalling(column: Column, number: str) -> list[Condition]:
    if column.name and column.type == "words":
        return [comparison(column, "==", number)]
    is_exact = column.name and column.type == "number" and len(number) <= EXACT_DIGITS
    return [comparison(column, "==", float(number))] if is_exact else []


def _equals(value: object, number: str) -> bool:
    if isinstance(value, float):
        return len(number) <= EXACT_DIGITS and value == float(number)
    return _folded(str(value)) == number


def _is_code(text: str) -> bool:
    digits = sum(char.isdecimal() for char in text)
    if any(char.isalpha() for char in text):
        return bool(digits) and not _COUNTED.fullmatch(text)
    return digits >= MIN_DIGITS


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text.translate(_HYPHENS)).casefold()


def _text(payload: Mapping[str, Any]) -> str:
    """What a page says, or a catalogue's row."""
    try:
        return str(json.loads(payload["_node_content"]).get("text", ""))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return ""  # somebody else's point: only its text is not looked at
