"""Bound: an answer that a schema binds, as it streams → its text, and the evidence it names.

A server that binds answers gives JSON, others whatever the model writes: what does not begin as
JSON goes through as it is. Models write such JSON unasked, too, and with line ends and backslashes
in its strings as no JSON has them.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

MAX_BOUND_CHARACTERS = 20_000
"""Of JSON, which is looked at again as it grows; an answer of 512 tokens has 3,000."""

_FRONT = re.compile(r"\ufeff?[\s`~*]{0,20}(?:j|js|jso|json)?\s{0,20}\[?\s{0,20}\Z", re.IGNORECASE)
"""What may still become JSON: nothing so far, a fence, the beginning of a list."""

_OBJECT = re.compile(r"\ufeff?[\s`~*]{0,20}(?:json)?\s{0,20}\[?\s{0,20}(?=\{)", re.IGNORECASE)
_ANSWER = re.compile(r'\{\s{0,20}"answer"\s{0,20}:\s{0,20}"')
_STRING = re.compile(r'(?:[^"\\]|\\.)*', re.DOTALL)
_ESCAPE = re.compile(r'\\(["\\/bfnrt]|u[0-9a-fA-F]{4})?')
_HALF = re.compile(
    r"(?:\\(?:u[0-9a-fA-F]{0,3})?|\\u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u.{0,3})?)?)\Z"
)
"""What the next piece completes: an escape, or the second of a pair of surrogates."""

_TEXTS = ("answer", "response", "text")
_NUMBERS = ("evidence", "citations", "sources", "references")


def schema_of(numbers: Sequence[int]) -> Mapping[str, Any]:
    """Return the JSON schema of an answer that cites evidence by these numbers."""
    number = {"type": "integer", "enum": list(numbers)}
    return {
        "type": "object",
        "properties": {
            "answer": {"type": "string"},
            "evidence": {"type": "array", "items": number, "maxItems": len(numbers)},
        },
        "required": ["answer", "evidence"],
        "additionalProperties": False,
    }


class BoundText:
    """The text of an answer, whether it comes as JSON or not.

    `evidence` are the numbers that the JSON names beside its text; `is_other` says that it is JSON
    and no answer, or none that can be read to its end.

    >>> text = BoundText()
    >>> text.add('{"answer": "It is r') + text.add('ed.", "evidence": [2]}') + text.end()
    'It is red.'
    >>> text.evidence
    (2,)
    """

    def __init__(self) -> None:
        self.evidence: tuple[int, ...] = ()
        self.is_other = False
        self.is_json = False
        self._raw = ""
        self._given = ""
        self._is_plain = False
        self._next = 0  # how long it is to be when it is looked at again: all of it is, each time

    def add(self, piece: str) -> str:
        """Take a piece of what the model writes, and return the text that it adds."""
        if self._is_plain:
            return piece
        self._raw += piece
        if len(self._raw) > MAX_BOUND_CHARACTERS or len(self._raw) < self._next:
            return ""
        if begins := _OBJECT.match(self._raw):
            self.is_json = True
            self._next = len(self._raw) + len(self._raw) // 50
            return self._new(_begun(self._raw[begins.end() :]))
        if _FRONT.match(self._raw):
            return ""
        self._is_plain = True
        return self._raw

    def end(self) -> str:
        """Return the remaining text, once the model has finished or broken off."""
        if self._is_plain:
            return ""
        begins = _OBJECT.match(self._raw)
        if begins is None:
            return self._raw
        found = _whole(self._raw[begins.end() : MAX_BOUND_CHARACTERS])
        text = next((found[key] for key in _TEXTS if isinstance(found.get(key), str)), None)
        if text is None or not text.startswith(self._given):
            rest = self._new(_begun(self._raw[begins.end() :], is_whole=True))
            self.is_other = True
            return rest if self._given else self._raw
        self.evidence = _numbers(found)
        return self._new(text)

    def _new(self, text: str) -> str:
        new = text[len(self._given) :]
        self._given += new
        return new


def _begun(text: str, *, is_whole: bool = False) -> str:
    """Return the answer's string as far as it has come, from the start of its JSON object."""
    if not (begins := _ANSWER.match(text)):
        return ""
    string = _STRING.match(text, begins.end())
    assert string is not None  # it matches nothing, too
    raw = string[0]
    is_closed = text[string.end() : string.end() + 1] == '"'
    return _decoded(raw if is_closed or is_whole else _HALF.sub("", raw))


def _decoded(raw: str) -> str:
    try:
        return str(json.loads('"' + _mended(raw) + '"', strict=False))
    except ValueError:  # it ends in half an escape
        return ""


def _mended(raw: str) -> str:
    """Double backslashes that are no valid escapes, as in a Windows path."""
    return _ESCAPE.sub(lambda escape: escape[0] if escape[1] else "\\\\", raw)


def _whole(text: str) -> Mapping[str, Any]:
    """Return a complete JSON object, or nothing where it is not complete."""
    try:
        found, _ = json.JSONDecoder(strict=False).raw_decode(_mended(text))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _numbers(found: Mapping[str, Any]) -> tuple[int, ...]:
    named: Any = next((found[key] for key in _NUMBERS if key in found), [])
    listed = named if isinstance(named, list) else [named]
    texts = (str(int(each)) if _is_number(each) else str(each) for each in listed)
    numbers = (
        number for text in texts for number in re.findall(r"(?<![\d.-])\d{1,4}(?![\d.])", text)
    )
    return tuple(dict.fromkeys(map(int, numbers)))


def _is_number(value: object) -> bool:
    return isinstance(value, float) and value.is_integer()
