"""What the columns are: the whole column decides, not one row. Values → typed values."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from app.model.records import Field, FieldType, FieldValue

TypedValue = FieldValue | list[str] | None

MAX_EXACT_INTEGER = 2**53
"""Beyond it floats, which filters compare, skip integers: such a number is an id, hence words."""

MAX_METADATA_DEPTH = 8
"""Of lists and objects within a value; what lies deeper is kept as text."""

_BLANK = frozenset({"", "n/a"})
_INFINITE = frozenset({"inf", "-inf", "+inf", "infinity", "-infinity", "+infinity"})
_NUMBER = re.compile(r"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_INTEGER = re.compile(r"-?[0-9]+")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_EXIF_TIME = re.compile(r"([0-9]{4}):([0-9]{2}):([0-9]{2}) ([0-9]{2}:[0-9]{2}:[0-9]{2})")

_BOOLEANS = {
    **dict.fromkeys(("true", "yes", "y", "on", "1", "1.0"), True),
    **dict.fromkeys(("false", "no", "n", "off", "0", "0.0"), False),
}
"""In any case. A column is guessed from `true` and `false` alone: `1` may be any number."""

WHAT_FITS: Mapping[FieldType, str] = {
    "number": "a number is written 4.51: decimal commas and units are not read",
    "boolean": "true and false are written true, yes, y, on, 1 and false, no, n, off, 0",
    "time": "a time is written 2026-11-21 or 2026-11-21T08:30:00Z",
    "words": "words are a text or a list of texts",
}
"""For the report of values that do not fit their column."""

_Vote = FieldType | Literal["nested"]


def infer_types(
    columns: Mapping[str, Iterable[Any]],
    *,
    types: Mapping[str, FieldType] | None = None,
    known: Sequence[Field] = (),
) -> dict[str, FieldType]:
    """Return the types of columns by name: of the known ones first, then of new ones in order.

    A column is what more than half of its values are, else words; `types` overrides that, and a
    known field overrides both. Objects and lists of numbers have none.
    """
    found = {field.name: field.type for field in known}
    for name, values in columns.items():
        if name not in found:
            type_ = (types or {}).get(name) or _column_type(values)
            if type_ is not None:
                found[name] = type_
    return found


def typed(value: object, type_: FieldType) -> TypedValue:
    """Return a value as its column's type has it; None when it is missing or does not fit.

    A time without a zone is in UTC. A number written as an integer stays one.
    """
    if type_ == "number":
        return _number(value)
    if type_ == "boolean":
        return _boolean(value)
    if type_ == "time":
        return _time(value)
    return None if is_blank(value) or _is_nan(value) else _words(value)


def is_blank(value: object) -> bool:
    """Tell whether a value is missing: null, an empty list, blanks, `n/a`."""
    if isinstance(value, str):
        return value.strip().lower() in _BLANK
    return value is None or value == [] or value == {}


def valid_json(value: object, depth: int = MAX_METADATA_DEPTH) -> Any:  # noqa: ANN401 - JSON is anything
    """Return a nested value as valid JSON has it: no NaN, no half characters, not too deep."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth == 0 or not isinstance(value, dict | list):
        return "…"
    if isinstance(value, list):
        return [valid_json(item, depth - 1) for item in value]
    return {clean_text(str(key)): valid_json(item, depth - 1) for key, item in value.items()}


def clean_text(text: str) -> str:
    """Return a text that UTF-8 can hold: halves of surrogate pairs become question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _column_type(values: Iterable[Any]) -> FieldType | None:
    votes = Counter(vote for vote in map(_vote, values) if vote is not None)
    if not votes:
        return None
    winner, count = votes.most_common(1)[0]
    if 2 * count <= votes.total():
        return "words"
    return None if winner == "nested" else winner


def _vote(value: object) -> _Vote | None:
    if _number(value) is not None:
        return "number"
    if is_blank(value) or _is_nan(value):
        return None
    if isinstance(value, dict) or (isinstance(value, list) and _words(value) is None):
        return "nested"
    if isinstance(value, bool | str) and str(value).strip().lower() in ("true", "false"):
        return "boolean"
    if _is_infinite(value):
        return "number"
    return "time" if _time(value) is not None else "words"


def _is_nan(value: object) -> bool:
    if isinstance(value, str):
        return value.strip().lower() == "nan"
    return isinstance(value, float) and math.isnan(value)


def _is_infinite(value: object) -> bool:
    """Tell whether a value is an infinite number: `inf`, or one too large such as 1e400."""
    if isinstance(value, str):
        text = value.strip().lower()
        too_large = _NUMBER.fullmatch(text) and not _INTEGER.fullmatch(text)
        return text in _INFINITE or bool(too_large and math.isinf(float(text)))
    return isinstance(value, float) and math.isinf(value)


def _number(value: object) -> float | int | None:
    """Return a finite number; integers only where floats do not skip any. No text like 007."""
    if isinstance(value, str):
        text = value.strip()
        if len(text) > 400 or not _NUMBER.fullmatch(text):
            return None
        value = int(text) if _INTEGER.fullmatch(text) else float(text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int):
        return value if abs(value) <= MAX_EXACT_INTEGER else None
    return value if math.isfinite(value) else None


def _boolean(value: object) -> bool | None:
    """Return the boolean of a value in a column of booleans; 1 and 0 may be numbers."""
    if not isinstance(value, str | bool | int | float):
        return None
    return _BOOLEANS.get(str(value).strip().lower())


def _time(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    text = _EXIF_TIME.sub(r"\1-\2-\3 \4", value.strip(" \0"))
    if not _TIME.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:  # the 30th of February
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _words(value: object) -> str | list[str] | None:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value) if math.isfinite(value) else None
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return [clean_text(item) for item in value]
    return None
