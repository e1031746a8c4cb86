"""Order: what passes a filter, with nothing to rank it by → the first of it, in an order."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from app.filters.compile import inexactness
from app.filters.conditions import (
    AllOf,
    Column,
    Compare,
    Condition,
    Exists,
    Near,
    Not,
    Order,
    columns_of,
    find_column,
)
from app.model.records import Field, Place
from app.store.collection import Collection

READ = 1_000
"""Records that are read to be put in order. Of more that pass, the engine gives the first alone."""

LEAST_KM = 0.001
"""A circle of a metre is not made smaller: all its records may be of one place."""


@dataclass(frozen=True, slots=True)
class Sort:
    """A column to list by; records without a value there come last either way."""

    column: Column
    descending: bool = False

    @property
    def told(self) -> str:
        """The order in words, for a notice."""
        return f"by {self.column.slug}{', descending' if self.descending else ''}"


def sort_of(text: str, fields: Sequence[Field]) -> Sort:
    """Read `taken`, `taken:desc` or `taken:asc`. Raises QueryError when there is no such column."""
    name, _, way = text.rpartition(":")
    if way.strip().lower() not in ("asc", "desc"):
        name, way = text, ""
    name = name.strip()
    quoted = len(name) > 1 and name[0] == name[-1] == "`"
    column = find_column(columns_of(fields), name.strip("`") if quoted else name, quoted=quoted)
    return Sort(column, way.strip().lower() == "desc")


def first_passing(
    collection: Collection, where: Condition | None, sort: Sort | None, limit: int, *, passing: int
) -> tuple[list[str], str]:
    """Return the ids of the first of the `passing` records that pass, and their order in words.

    That of a column; else nearest first, if the filter asks for one place; else by record id, or,
    where too many pass to read them all, as they are stored. It is always the same.
    """
    if sort is not None:
        by = _by_engine if sort.column.type in ("number", "time") else _by_words
        return by(collection, where, sort, limit), sort.told
    nearby = list(_places(where)) if where else []
    if where and len(nearby) == 1:
        return _nearest(collection, where, nearby[0], limit), "nearest first"
    if passing <= READ:
        found = sorted(collection.record_ids(where), key=lambda pair: _folded(pair[0]) or "")
        return [id_ for _, id_ in found][:limit], "by record id"
    stored = "as they are stored (--sort FIELD orders them)"
    return [id_ for id_, _ in collection.first(where, limit)], stored


def _by_engine(
    collection: Collection, where: Condition | None, sort: Sort, limit: int
) -> list[str]:
    """Return ids by value, and among equal values by id: the engine breaks ties as it likes.

    So of the last value that it gives, all records are asked for again.
    """
    key = sort.column.key
    beyond: Order = "<" if sort.descending else ">"
    ids: list[str] = []
    left = where
    while len(ids) < limit:
        found = collection.ordered(key, limit - len(ids), left, descending=sort.descending)
        values = [(_comparable(payload, sort.column), id_) for id_, payload in found]
        if not values:
            return ids + _first(collection, where, Not(Exists(key)), limit - len(ids))
        last = values[-1][0]
        for value, ties in groupby(values, _value):
            if not _are_equal(value, last):
                ids += sorted(id_ for _, id_ in ties)
        ids += _first(collection, where, Compare(key, "==", last), limit - len(ids))
        left = _both(where, Compare(key, beyond, last))
    return ids


def _are_equal(value: Any, other: Any) -> bool:  # noqa: ANN401 - both numbers or both times
    slack = inexactness(other) if isinstance(other, float) else 0
    return bool(abs(value - other) <= slack if slack else value == other)  # as a filter has it


def _value(pair: tuple[Any, str]) -> Any:  # noqa: ANN401 - a number or a time
    return pair[0]


def _first(
    collection: Collection, where: Condition | None, also: Condition, limit: int
) -> list[str]:
    return [id_ for id_, _ in collection.first(_both(where, also), limit)]


def _both(where: Condition | None, also: Condition) -> Condition:
    return also if where is None else AllOf((where, also))


def _by_words(collection: Collection, where: Condition | None, sort: Sort, limit: int) -> list[str]:
    """Return ids by a column of words, in the order of the alphabet; no index has that order.

    Ties come by record id.
    """
    top = sort.column.key.partition(".")[0]
    read = collection.first(where, None, keys=("record_id", top))
    by_record = sorted(read, key=lambda found: found[1]["record_id"])
    values = [(_folded(value_of(payload, sort.column)), id_) for id_, payload in by_record]
    return _in_order(values, descending=sort.descending)[:limit]


def _in_order(found: Sequence[tuple[Any, str]], *, descending: bool = False) -> list[str]:
    """Return ids by their values, ties as they come, those without a value last."""
    valued = [pair for pair in found if pair[0] is not None]
    valued.sort(key=_value, reverse=descending)  # stable, also in reverse
    return [id_ for _, id_ in (*valued, *(pair for pair in found if pair[0] is None))]


def _nearest(collection: Collection, where: Condition, near: Near, limit: int) -> list[str]:
    """Return ids by distance, ties by id. The circle shrinks until it holds few enough to read."""
    circle = where
    while collection.count(circle) > READ:
        near = replace(near, km=near.km / 2)
        smaller = _both(where, near)
        if collection.count(smaller) < limit or near.km < LEAST_KM:
            break
        circle = smaller
    centre = Place(near.lat, near.lon)
    found = collection.first(circle, None, keys=("record_id", "place"))
    by_id = sorted((id_, Place(**at["place"]).km_to(centre)) for id_, at in found)
    return _in_order([(km, id_) for id_, km in by_id])[:limit]


def _places(where: Condition) -> Iterable[Near]:
    """Yield the circles in which every passing record lies."""
    match where:
        case Near():
            yield where
        case AllOf(parts):
            for part in parts:
                yield from _places(part)


def value_of(payload: Mapping[str, Any], column: Column) -> Any:  # noqa: ANN401 - what it holds
    """Return what a record has in a column; None for nothing."""
    if column.name:
        return payload.get("fields", {}).get(column.slug)
    top, _, rest = column.key.partition(".")
    value = payload.get(top)
    return value.get(rest) if rest and isinstance(value, dict) else value


def _comparable(payload: Mapping[str, Any], column: Column) -> float | datetime:
    value = value_of(payload, column)
    if column.type == "number":
        return float(value)
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _folded(value: object) -> str | None:
    """Return a text as a key to sort by, where `Élan` is beside `elan`; None for an empty one.

    >>> _folded("Élan"), _folded(["b", "Ça"]), _folded("")
    ('elan', 'b, ca', None)
    """
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value or "")
    letters = unicodedata.normalize("NFKD", text)
    return "".join(char for char in letters if not unicodedata.combining(char)).casefold() or None
