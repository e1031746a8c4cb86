"""Codes: `KX-200-B` among the words that are asked → the records that have it, as it is written.

BM25 and the embeddings see `kx`, `200` and `b`, which a neighbour of the series has nearly all of.
"""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from app.core.conditions import AnyOf, Condition, columns_of, containment
from app.core.records import Field

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


def codes_in(words: str) -> list[str]:
    """Return the codes among words, folded: parts joined by `-`, `.`, `/` or `_`, with a digit.

    >>> codes_in("the KX-200-B, not a 10-year-old and/or 24/7 t-shirt"), codes_in("v2.0.1")
    (['kx-200-b'], ['v2.0.1'])
    """
    found = filter(_is_code, _CODE.findall(_folded(words)))
    return list(islice(dict.fromkeys(found), MAX_CODES))


def having(codes: Sequence[str], fields: Sequence[Field]) -> Condition:
    """Return what passes records that have all the parts of a code in a caption or a column."""
    columns = [column for column in columns_of(fields) if column.words_key]
    return AnyOf(tuple(containment(column, code) for column in columns for code in codes))


def number_had(payload: Mapping[str, Any], codes: Sequence[str]) -> int:
    """Return how many of the codes a record has, each as it is written and not within a longer."""
    said = [*payload.get("captions", ()), _text(payload)]
    for value in payload.get("fields", {}).values():
        said += value if isinstance(value, list) else [value]
    text = _folded("\n".join(map(str, said)))
    return sum(
        re.search(rf"(?<!\w)(?<!\w[-./_]){re.escape(code)}(?!\w)(?![-./_]\w)", text) is not None
        for code in codes
    )


def _is_code(text: str) -> bool:
    digits = sum(sign.isdecimal() for sign in text)
    if any(sign.isalpha() for sign in text):
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
