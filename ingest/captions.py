"""Captions as they are found in the wild → a list of texts."""

import ast
import re
import warnings

from ingest.loaders import parse_json
from ingest.schema import clean_text

MAX_LIST_CHARACTERS = 4_000_000
"""Longer texts in brackets are not read as lists: parsing takes about 100 times their size."""

_BREAKS = re.compile(r"(?:\s|\\r\\n|\\n|[\x00-\x1f\x7f])+")


def parse_captions(value: object) -> list[str] | None:
    r"""Return the captions that a value holds, in order; None for what can hold none.

    A list, a list written as text in Python's or JSON's way, or a text. A text in broken brackets
    stays as it is. A line break, real or spelled as backslash and n, is a space.

    >>> parse_captions('["it\'s a dog", "a street"]')
    ["it's a dog", 'a street']
    >>> parse_captions("[broken] [brackets]")
    ['[broken] [brackets]']
    """
    if value is None or (isinstance(value, float) and value != value):
        return []
    if isinstance(value, list | tuple):
        texts = [item for item in value if item is not None]
        return _clean(texts) if all(isinstance(text, str) for text in texts) else None
    if not isinstance(value, str):
        return None
    return _clean(_written_list(value.strip()) or [value])


def _written_list(text: str) -> list[str] | None:
    if not (text.startswith(("[", "(")) and text.endswith(("]", ")"))):
        return None
    if len(text) > MAX_LIST_CHARACTERS:
        return None
    single_quotes = text[1:].lstrip().startswith("'")  # no JSON: half of the time is saved
    for parse in (_parse_python,) if single_quotes else (parse_json, _parse_python):
        try:
            found = parse(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        if isinstance(found, list | tuple) and all(isinstance(item, str) for item in found):
            return list(found) or [""]
    return None


def _parse_python(text: str) -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "\d" in a caption is an invalid escape, and no matter
        return ast.literal_eval(text)


def _clean(texts: list[str]) -> list[str]:
    lines = (_BREAKS.sub(" ", clean_text(text)).strip() for text in texts)
    return [line for line in dict.fromkeys(lines) if line]
