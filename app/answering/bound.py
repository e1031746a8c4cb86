"""Bound: an answer that a schema binds, as it streams → its text, and the evidence it names.

A server that binds answers gives JSON, others whatever the model writes: what does not begin as
JSON goes through as it is. Models write such JSON unasked, too.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import from_json

MAX_BOUND_CHARACTERS = 20_000
"""Of JSON, which is read anew with each piece; an answer of 512 tokens has 3,000."""

_FRONT = re.compile(r"\s*(?:`{1,3}(?:j|js|jso|json)?\s*)?\Z")
"""What may still become JSON: nothing so far, or a fence."""

_OBJECT = re.compile(r"\s*(?:```(?:json)?\s*)?(?=\{)")

_TEXTS = ("answer", "response", "text")
_NUMBERS = ("evidence", "citations", "sources", "references")
_NUMBER = re.compile(r"\D{0,20}(\d{1,4})\D{0,2}")


def schema_of(numbers: Sequence[int]) -> Mapping[str, Any]:
    """Return the JSON schema of an answer that rests on evidence of these numbers."""
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
    and no answer.

    >>> text = BoundText()
    >>> text.add('{"answer": "It is r') + text.add('ed.", "evidence": [2]}') + text.end()
    'It is red.'
    >>> text.evidence
    (2,)
    """

    def __init__(self) -> None:
        self.evidence: tuple[int, ...] = ()
        self.is_other = False
        self._raw = ""
        self._given = ""
        self._is_plain = False
        self._next = 0  # how long it is to be when it is read again: all of it is, each time

    def add(self, piece: str) -> str:
        """Take a piece of what the model writes; return what of the text is new."""
        if self._is_plain:
            return piece
        self._raw += piece
        if len(self._raw) > MAX_BOUND_CHARACTERS:
            return ""
        if begins := _OBJECT.match(self._raw):
            if len(self._raw) < self._next:
                return ""
            self._next = len(self._raw) + len(self._raw) // 50
            return self._new(_read(self._raw[begins.end() :]))
        if _FRONT.match(self._raw):
            return ""
        self._is_plain = True
        return self._raw

    def end(self) -> str:
        """Return the rest: the model has finished, or broke off."""
        if self._is_plain:
            return ""
        begins = _OBJECT.match(self._raw)
        found = _read(self._raw[begins.end() : MAX_BOUND_CHARACTERS]) if begins else {}
        new = self._new(found)
        self.evidence = _numbers(found)
        if not self._given:
            self.is_other = begins is not None and not any(key in found for key in _TEXTS)
            return self._raw if self.is_other or not begins else ""
        return new

    def _new(self, found: Mapping[str, Any]) -> str:
        text = next((found[key] for key in _TEXTS if isinstance(found.get(key), str)), "")
        if not text.startswith(self._given):
            return ""
        new = text[len(self._given) :]
        self._given = text
        return new


def _read(text: str) -> Mapping[str, Any]:
    """Return what of a JSON object there is so far, also of a string that goes on."""
    try:
        found = from_json(_first_object(text), allow_partial="trailing-strings")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _first_object(text: str) -> str:
    """Return an object without what a model writes after it: the end of a fence, a remark."""
    depth, is_string, is_escaped = 0, False, False
    for place, sign in enumerate(text):
        if is_escaped:
            is_escaped = False
        elif is_string:
            is_escaped = sign == "\\"
            is_string = sign != '"'
        elif sign == '"':
            is_string = True
        elif sign in "{[":
            depth += 1
        elif sign in "}]":
            depth -= 1
            if not depth:
                return text[: place + 1]
    return text


def _numbers(found: Mapping[str, Any]) -> tuple[int, ...]:
    listed: list[Any] = next(
        (found[key] for key in _NUMBERS if isinstance(found.get(key), list)), []
    )
    matches = (_NUMBER.fullmatch(str(each)) for each in listed if isinstance(each, int | str))
    return tuple(dict.fromkeys(int(match[1]) for match in matches if match))
