"""Conditions: what a filter says of a record, as plain data, with names and types checked.

A condition is true of a record or not; there is no third value. So `not x` keeps every record that
x leaves out, those without the field among them.
"""

import math
import re
from calendar import monthrange
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from difflib import get_close_matches
from functools import cache
from typing import Literal, cast

from app.model.errors import QueryError
from app.model.records import MAX_FIELDS, Field, FieldType
from app.model.words import composed, spellings, words_of

MAX_CONDITIONS = 256
"""A filter typed by a person has ten; each costs the engine a look at an index."""

MAX_NESTING = 24
"""A level can become four levels of JSON (a list in an object, twice), and Qdrant reads 128."""

MAX_FIELDS_LISTED = 30

Order = Literal["==", "<", "<=", ">", ">="]
Operator = Literal["==", "!=", "<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True)
class Period:
    """A time as precise as it was written; `end` is outside it, and None for a moment.

    An `end` of `datetime.max` is in it.

    One that `is_local` says what a clock showed, wherever that was, and is in UTC here; any other
    says when it was.
    """

    start: datetime
    end: datetime | None
    is_local: bool


Value = float | str | bool | Period


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part holds; with no parts, always."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds; with no parts, never."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: "Condition"


@dataclass(frozen=True, slots=True)
class Compare:
    """The value at a payload key is there and compares so; words know only `==`."""

    key: str
    order: Order
    value: float | str | datetime


@dataclass(frozen=True, slots=True)
class Between:
    """The value at a payload key is from `low` to below `high`; if `closed`, up to `high` itself.

    One range takes the engine half as long as the same two that are joined.
    """

    key: str
    low: float | datetime
    high: float | datetime
    closed: bool = False


@dataclass(frozen=True, slots=True)
class OneOf:
    """The words at a payload key are one of these."""

    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Contains:
    """The array of words at a payload key has all of these."""

    key: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Exists:
    """The payload key holds something other than null and an empty list."""

    key: str


@dataclass(frozen=True, slots=True)
class Near:
    """The record's place lies within so many km."""

    lat: float
    lon: float
    km: float


@dataclass(frozen=True, slots=True)
class Ids:
    """The point is one of these."""

    ids: tuple[str, ...]


Condition = AllOf | AnyOf | Not | Compare | Between | OneOf | Contains | Exists | Near | Ids


def foregone(condition: Condition) -> bool | None:
    """Return what a condition is of every record, whatever it holds; None where that depends.

    >>> foregone(Not(OneOf("fields.city", ()))), foregone(Exists("fields.city"))
    (True, None)
    """
    match condition:
        case AllOf(parts):
            found = {foregone(part) for part in parts}
            return False if False in found else None if None in found else True
        case AnyOf(parts):
            found = {foregone(part) for part in parts}
            return True if True in found else None if None in found else False
        case Not(part):
            inner = foregone(part)
            return None if inner is None else not inner
        case OneOf(values=()) | Ids(()):
            return False
        case Contains(words=()):
            return True
    return None


@cache
def key_of(*names: str) -> str:
    """Return the path of a payload key; quoted where an engine could read it as something else.

    >>> key_of("fields", "safer"), key_of("fields", "more.beautiful")
    ('fields.safer', 'fields."more.beautiful"')
    """
    plain = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
    return ".".join(name if plain.fullmatch(name) else f'"{name}"' for name in names)


# ---- columns: what can be asked of, and where it lies in the payload


@dataclass(frozen=True, slots=True)
class Column:
    """Something a filter can name: what it holds, its payload key, and that of its words.

    `name` is the user's own; what every record has by our hand has only a slug. `local_key` has a
    time as a clock showed it, where that was not UTC.
    """

    name: str
    slug: str
    type: FieldType
    key: str
    words_key: str | None = None
    local_key: str | None = None


_BUILT_IN = (
    Column("", "lat", "number", "place.lat"),
    Column("", "lon", "number", "place.lon"),
    Column("", "caption", "words", "captions", "words.caption"),
    Column("", "seen", "words", "seen", "seen_words"),
    Column("", "record_id", "words", "record_id"),
    Column("", "source", "words", "source"),
    Column("", "path", "words", "path"),
)


def columns_of(fields: Sequence[Field]) -> tuple[Column, ...]:
    """Return what a filter over these fields can name: what every record has, then the fields."""
    return _BUILT_IN + tuple(
        Column(
            field.name,
            field.slug,
            field.type,
            key_of("fields", field.slug),
            key_of("words", field.slug) if field.type == "words" else None,
            key_of("local_times", field.slug) if field.type == "time" else None,
        )
        for field in fields
    )


def find_column(columns: Sequence[Column], name: str, *, quoted: bool = False) -> Column:
    """Return the column of this slug or name; as spelt if there is one, else in any case.

    A letter with an accent is one whether it is written as one character or as two.

    `quoted` names a column in its own words, so that a user's `source` can be told from ours.
    Raises QueryError for a name that none has, and for an empty one.
    """
    if not name:
        raise QueryError(f"the name of a field is missing\n{listed(columns, '')}")
    keys: tuple[Callable[[Column], str], ...] = (lambda column: column.slug, _own_name)
    for fold in (str, composed, lambda text: composed(text).casefold()):
        for key in reversed(keys) if quoted else keys:
            for column in columns:
                if fold(key(column)) == fold(name):
                    return column
    raise QueryError(f"{_why_not(columns, name)}\n{listed(columns, name)}")


def _why_not(columns: Sequence[Column], name: str) -> str:
    """Say that there is no such field; in a collection that is full, what else it may be."""
    indexed = sum(bool(column.name) for column in columns)
    if indexed < MAX_FIELDS:
        return f"no field is called {_shown(name)}"
    return (
        f"{_shown(name)} cannot be used in a filter: this collection indexes {indexed} columns, the"
        " most that it can, and this is not among them. If it is a column of yours, name it under"
        " [types] in dataset.toml and ingest again with --rebuild"
    )


def _own_name(column: Column) -> str:
    return column.name


def listed(columns: Sequence[Column], near: str) -> str:
    """Return the line that names the fields that exist, those most like `near` first."""
    ours_last = sorted(columns, key=lambda column: not column.name)
    known = {column.slug.casefold(): column for column in ours_last}
    wanted = near.casefold()
    close = [slug for slug in known if slug.startswith(wanted)]
    close += get_close_matches(wanted, known, n=3)
    ordered = [known[slug] for slug in dict.fromkeys((*close, *known))]
    names = [f"{_shown(column.slug)} ({column.type})" for column in ordered]
    more = f", and {len(names) - MAX_FIELDS_LISTED} more" if len(names) > MAX_FIELDS_LISTED else ""
    return f"fields: {', '.join(names[:MAX_FIELDS_LISTED])}{more}"


def _shown(name: str) -> str:
    """Write a name as the language takes it: bare where that works, else in backticks."""
    clean = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in name)
    return clean if re.fullmatch(r"[^\W\d]\w*", clean) else f"`{clean}`"


# ---- conditions with their types checked


def comparison(column: Column, operator: Operator, value: Value) -> Condition:
    """Return `column operator value`. Raises QueryError where the two do not go together."""
    if not _fits(column, value):
        raise mismatch(column, value, operator)
    if operator == "!=":
        return Not(comparison(column, "==", value))
    if column.type == "time":
        return _time_comparison(column, operator, value)
    if column.type == "number":
        return Compare(column.key, operator, _number(column, value))
    if operator != "==":
        raise QueryError(f"{column.slug} holds {_KINDS[column.type]}: compare it with == or !=")
    return _one_of(column.key, [_text(column, value)])


def membership(column: Column, values: Sequence[Value]) -> Condition:
    """Return `column in [values]`; of no values, that is never true."""
    if column.type in ("words", "boolean"):
        return _one_of(column.key, [_text(column, value) for value in values])
    return AnyOf(tuple(comparison(column, "==", value) for value in values))


def _one_of(key: str, texts: Sequence[str]) -> Compare | OneOf:
    """Return that a text is one of these, with accents as one character or as two.

    New payloads have them as one; those of before, paths and record ids as they were written.
    """
    forms = tuple(form for text in texts for form in spellings(text))
    return Compare(key, "==", forms[0]) if len(forms) == 1 == len(texts) else OneOf(key, forms)


def containment(column: Column, text: str) -> Condition:
    """Return `column.contains(text)`: all its words are there, whole, in any case and order."""
    if column.words_key is None:
        raise QueryError(f"{column.slug} is compared as a whole: {column.slug} == …, or in [...]")
    words = words_of(text)
    if not words:
        raise QueryError("contains needs at least one word")
    return Contains(column.words_key, tuple(words))


def nearness(lat: float, lon: float, km: float) -> Condition:
    """Return `near(lat, lon, km)`. Raises QueryError for a place that is not on the earth."""
    if not abs(lat) <= 90 or not abs(lon) <= 180:
        raise QueryError(
            f"near takes latitude -90 to 90, then longitude -180 to 180, not {lat:g}, {lon:g}"
        )
    if not 0 < km < math.inf:
        raise QueryError(f"near takes a distance above 0 km, not {km:g}")
    return Near(lat, lon, km)


_KINDS: Mapping[FieldType, str] = {
    "number": "numbers",
    "time": "times",
    "boolean": "true or false",
    "words": "words",
}

_FITTING: Mapping[FieldType, str] = {
    "number": "write one without quotes",
    "time": 'write one in quotes, as precise as you like, "2010", "2010-01-27", "2010-01-27T14:05";'
    " or, without quotes, today or now - 7 days",
    "boolean": "write true or false, without quotes",
    "words": "write them in quotes",
}

_NOES = frozenset({"false", "no", "off", "n", "f", "0"})


def mismatch(column: Column, value: object = None, operator: str = "==") -> QueryError:
    """Return the error for a value that cannot be in this column, with what says the same of it."""
    is_ordered = column.type in ("number", "time") or operator == "!="
    example = f"{_shown(column.slug)} {operator if is_ordered else '=='} {_meant(column, value)}"
    return QueryError(
        f"{column.slug} holds {_KINDS[column.type]}; {_FITTING[column.type]}: {example}"
    )


def _meant(column: Column, value: object) -> str:
    """Write a value as this column takes it; where it has nothing like it, any that it takes."""
    text = f"{value:.15g}" if isinstance(value, float) else str(value).strip().lower()
    match column.type:
        case "number":
            return text if re.fullmatch(r"[+-]?[0-9]{1,15}(\.[0-9]{1,15})?", text) else "4.5"
        case "boolean":
            return "false" if text in _NOES else "true"
        case "time":
            return f'"{text}"' if re.fullmatch(r"[0-9]{4}", text) else "now - 7 days"
        case "words":
            return f'"{text}"' if isinstance(value, float | bool) else '"Singapore"'


def _fits(column: Column, value: Value) -> bool:
    match column.type:
        case "number":
            return isinstance(value, float | int) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "time":
            return isinstance(value, str | Period)
        case "words":
            return isinstance(value, str)


def _number(column: Column, value: Value) -> float:
    number = cast(float, value)
    if not math.isfinite(number):
        raise QueryError(f"{column.slug} cannot be compared with {number:g}: it is not a number")
    return float(number)


def _text(column: Column, value: Value) -> str:
    """Return the string that is stored: booleans are words there, which Edge 0.9 can filter."""
    if not _fits(column, value):
        raise mismatch(column, value)
    return str(value).lower() if column.type == "boolean" else str(value)


def _time_comparison(column: Column, order: Order, value: Value) -> Condition:
    """Compare what a clock showed with a time without a zone, instants with one that has it."""
    period = value if isinstance(value, Period) else _period(column, order, str(value))
    instants = _within(column.key, order, period)
    if not period.is_local or column.local_key is None:
        return instants
    local = _within(column.local_key, order, period)
    return AnyOf((local, AllOf((Not(Exists(column.local_key)), instants))))


def _within(key: str, order: Order, period: Period) -> Condition:
    start, end = period.start, period.end
    if end is None:
        return Compare(key, order, start)
    # The last moment of 9999 is in its period: there is none after it to end that with.
    is_last = end.replace(tzinfo=None) == datetime.max
    up_to = Compare(key, "<=" if is_last else "<", end)
    match order:
        case "==":
            return AllOf((Compare(key, ">=", start), up_to))
        case "<" | ">=":
            return Compare(key, order, start)
        case "<=":
            return up_to
        case ">":
            return Compare(key, ">" if is_last else ">=", end)


_TIME = re.compile(
    r"(?P<year>[0-9]{4})(?:-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2})"
    r"(?:[Tt ](?P<hour>[0-9]{2})(?::(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})"
    r"(?:[.,](?P<fraction>[0-9]{1,9}))?)?)?(?P<zone>[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?)?)?)?"
)


def _period(column: Column, order: Order, text: str) -> Period:
    """Read an ISO time, or a word such as `today`."""
    text = text.strip()
    if MOMENT.fullmatch(text):
        return moment(text)
    match = _TIME.fullmatch(text)
    if match is None:
        raise mismatch(column, text, order)
    part = match.groupdict()
    clock = f"{part['hour'] or '00'}:{part['minute'] or '00'}:{part['second'] or '00'}"
    date_ = f"{part['year']}-{part['month'] or '01'}-{part['day'] or '01'}"
    fraction = (part["fraction"] or "0")[:6].ljust(6, "0")
    zone = (part["zone"] or "Z").upper()
    try:
        start = datetime.fromisoformat(f"{date_}T{clock}.{fraction}{zone}")
    except ValueError as error:
        raise QueryError(f"{text!r} is not a time: {error}") from error
    end = None if part["fraction"] else _after(start, part)
    return Period(start, end, is_local=not part["zone"])


def _after(start: datetime, part: Mapping[str, str | None]) -> datetime:
    """Return the first moment past the period; its last written part says how long it is.

    Of one that ends with the year 9999, the last moment that there is.
    """
    try:
        for name in ("second", "minute", "hour", "day"):
            if part[name]:
                return start + timedelta(**{f"{name}s": 1})
        if part["month"]:
            return (start + timedelta(days=31)).replace(day=1)
        return start.replace(year=start.year + 1)
    except (ValueError, OverflowError):  # past the year 9999
        return datetime.max.replace(tzinfo=start.tzinfo)


MOMENT = re.compile(
    r"(?P<word>now|today|yesterday|tomorrow)(?:\s*(?P<sign>[+-])\s*(?P<number>[0-9]{1,6})"
    r"\s*(?P<unit>minute|hour|day|week|month|year)s?)?(?!\w|[^\x00-\x7f])",
    re.IGNORECASE,
)
"""`now - 7 days`, `today`: a word for a time, and how far before or after it."""

_DAYS = {"yesterday": -1, "today": 0, "tomorrow": 1}


def moment(text: str) -> Period:
    """Return the time that a text of MOMENT's form means now, by the clock of this machine.

    `now` is an instant. The others are days of a calendar, and compared as dates are. Raises
    QueryError for hours of a day, and for what no calendar has.
    """
    match = MOMENT.fullmatch(text)
    if match is None:
        raise QueryError(
            f"{text!r} is not a time: write now - 7 days, today - 2 weeks and the like"
        )
    word, unit, now = match["word"].lower(), (match["unit"] or "day").lower(), _now()
    number = int(match["number"] or 0) * (-1 if match["sign"] == "-" else 1)
    if word in _DAYS and unit in ("minute", "hour"):
        raise QueryError(f"{word} counts days, weeks, months and years; {unit}s count from now")
    try:
        if word == "now":
            return Period(_shifted(now, number, unit).astimezone(UTC), None, is_local=False)
        day = now.date() + timedelta(days=_DAYS[word])
        midnight = datetime.combine(day, time(), UTC)
        start = _shifted(midnight, number, unit)
        return Period(start, start + timedelta(days=1), is_local=True)
    except (ValueError, OverflowError) as error:
        raise QueryError(f"{text!r} is in no year from 1 to 9999") from error


def _now() -> datetime:
    return datetime.now().astimezone()


def _shifted(start: datetime, number: int, unit: str) -> datetime:
    """Return a time so many units later; the 31st becomes the last of a shorter month."""
    if unit not in ("month", "year"):
        return start + timedelta(**{f"{unit}s": number})
    months = start.year * 12 + start.month - 1 + number * (12 if unit == "year" else 1)
    year, month = months // 12, months % 12 + 1
    day = min(start.day, monthrange(year, month)[1])
    return start.replace(year=year, month=month, day=day)
