"""Filters: a condition → Qdrant's own filter, as its REST interface writes it."""

import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from app.filters.conditions import (
    AllOf,
    AnyOf,
    Between,
    Compare,
    Condition,
    Contains,
    Exists,
    Ids,
    Near,
    Not,
    OneOf,
    Order,
)
from app.model.records import Place

FilterJson = dict[str, Any]
"""A filter in Qdrant's own JSON (api.qdrant.tech/api-reference, "Filter"), or a part of one.

The client of a server reads it as it is, Edge by way of `app/store/engines/edge_filters.py`.
"""

_NOTHING: FilterJson = {"has_id": []}
"""Passes no point. An empty `should` would pass all."""


def compile_filter(condition: Condition) -> FilterJson:
    """Return the filter that passes the records of which the condition is true.

    >>> compile_filter(AllOf((Compare("a", ">", 1), AllOf((Compare("b", "<", 2),)))))["must"]
    [{'key': 'a', 'range': {'gt': 1}}, {'key': 'b', 'range': {'lt': 2}}]
    """
    return {"must": [_compiled(part) for part in _all_of(condition)]}


def _all_of(condition: Condition) -> Iterator[Condition]:
    """Yield what must all be true. A `must` within a `must` makes counting take twice as long."""
    if isinstance(condition, AllOf):
        for part in condition.parts:
            yield from _all_of(part)
    else:
        yield condition


def _compiled(condition: Condition) -> FilterJson:
    match condition:
        case AllOf():
            return compile_filter(condition)
        case AnyOf(()) | OneOf(values=()):
            return _NOTHING
        case AnyOf(parts):
            return {"should": [_compiled(part) for part in parts]}
        case Not(part):
            return {"must_not": [_compiled(part)]}
        case OneOf(key, values):
            return {"key": key, "match": {"any": list(values)}}
        case Contains(key, words):
            return {"must": [_equals(key, word) for word in words]}
        case Exists(key):
            return {"must_not": [{"is_empty": {"key": key}}]}
        case Near():
            return _near(condition)
        case Ids(ids):
            return {"has_id": list(ids)}
        case Compare(key, order, value):
            return _equals(key, value) if isinstance(value, str) else _range(key, order, value)
        case Between(key, low, high, closed):
            bounds = _bounds(">=", low) | _bounds("<=" if closed else "<", high)
            return {"key": key, "range": bounds}


def _equals(key: str, word: str) -> FilterJson:
    """Return what passes a string, and a list that has it."""
    return {"key": key, "match": {"value": word}}


_BOUNDS: Mapping[Order, Mapping[str, int]] = {
    # Floats match no value in Qdrant, not even their own: equality is a range of one number.
    "==": {"gte": -1, "lte": 1},
    "<": {"lt": -1},
    "<=": {"lte": 1},
    ">": {"gt": 1},
    ">=": {"gte": -1},
}
"""Which bounds an order has, and on which side of the value each lies."""


def _range(key: str, order: Order, value: float | datetime) -> FilterJson:
    return {"key": key, "range": _bounds(order, value)}


def _bounds(order: Order, value: float | datetime) -> dict[str, float | str]:
    if isinstance(value, datetime):
        return dict.fromkeys(_BOUNDS[order], value.isoformat())
    slack = inexactness(value)
    return {bound: value + side * slack for bound, side in _BOUNDS[order].items()}


def inexactness(number: float) -> float:
    """Return by how much the engine may have a number wrong, and a bit more; 0 for whole ones.

    It reads fractions from its JSON within 2 units of the last place: of 5,200 random ones 457 were
    not the number that was written (qdrant-edge 0.9, serde_json without `float_roundtrip`).

    >>> inexactness(7), 0 < inexactness(0.1) < 1e-16
    (0, True)
    """
    return 0 if float(number).is_integer() else 4 * math.ulp(number)


def _near(near: Near) -> FilterJson:
    """A circle. Qdrant's geo index lacks the pole itself, so it is asked for by its latitude."""
    centre = Place(near.lat, near.lon)
    circle = {"center": {"lat": near.lat, "lon": near.lon}, "radius": near.km * 1000}
    parts: list[FilterJson] = [{"key": "place", "geo_radius": circle}]
    if centre.km_to(Place(90, 0)) <= near.km:
        parts.append(_range("place.lat", ">=", 90.0))
    if centre.km_to(Place(-90, 0)) <= near.km:
        parts.append(_range("place.lat", "<=", -90.0))
    return {"should": parts}
