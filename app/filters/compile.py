"""Filters: a condition → the filter of either engine."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from app.filters.conditions import (
    AllOf,
    AnyOf,
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


class FilterVocabulary(Protocol):
    """An engine's own words for conditions: `engines/edge_filters.py`, `engines/server_filters.py`.

    What the functions return can be passed to the first three, which return a whole filter.
    """

    def all_of(self, conditions: Sequence[Any], /) -> Any: ...  # noqa: ANN401, D102
    def any_of(self, conditions: Sequence[Any], /) -> Any: ...  # noqa: ANN401, D102
    def none_of(self, conditions: Sequence[Any], /) -> Any: ...  # noqa: ANN401, D102
    def equals(self, key: str, value: str, /) -> Any: ...  # noqa: ANN401, D102
    def one_of(self, key: str, values: Sequence[str], /) -> Any: ...  # noqa: ANN401, D102
    def number_range(  # noqa: D102
        self,
        key: str,
        /,
        *,
        gte: float | None = None,
        gt: float | None = None,
        lte: float | None = None,
        lt: float | None = None,
    ) -> Any: ...  # noqa: ANN401
    def time_range(  # noqa: D102
        self,
        key: str,
        /,
        *,
        gte: datetime | None = None,
        gt: datetime | None = None,
        lte: datetime | None = None,
        lt: datetime | None = None,
    ) -> Any: ...  # noqa: ANN401
    def geo_radius(self, key: str, lat: float, lon: float, metres: float, /) -> Any: ...  # noqa: ANN401, D102
    def empty(self, key: str, /) -> Any: ...  # noqa: ANN401, D102
    def has_ids(self, ids: Sequence[str], /) -> Any: ...  # noqa: ANN401, D102


def compile_filter(condition: Condition, vocabulary: FilterVocabulary) -> Any:  # noqa: ANN401
    """Return the engine's own filter that passes the records of which the condition is true."""
    return vocabulary.all_of([_native(condition, vocabulary)])


def _native(condition: Condition, say: FilterVocabulary) -> Any:  # noqa: ANN401 - per engine
    match condition:
        case AllOf(parts):
            return say.all_of([_native(part, say) for part in parts])
        case AnyOf(()):
            return say.has_ids([])  # an empty `should` would pass everything
        case AnyOf(parts):
            return say.any_of([_native(part, say) for part in parts])
        case Not(part):
            return say.none_of([_native(part, say)])
        case OneOf(key, values):
            return say.one_of(key, values) if values else say.has_ids([])
        case Contains(key, words):
            return say.all_of([say.equals(key, word) for word in words])
        case Exists(key):
            return say.none_of([say.empty(key)])
        case Near():
            return _native_near(condition, say)
        case Ids(ids):
            return say.has_ids(ids)
        case Compare(key, order, value):
            return _native_compare(key, order, value, say)


_BOUNDS: Mapping[Order, tuple[str, ...]] = {
    # Floats match no value in Qdrant, not even their own: equality is a range of one number.
    "==": ("gte", "lte"),
    "<": ("lt",),
    "<=": ("lte",),
    ">": ("gt",),
    ">=": ("gte",),
}


def _native_compare(
    key: str,
    order: Order,
    value: float | str | datetime,
    say: FilterVocabulary,
) -> Any:  # noqa: ANN401 - per engine
    if isinstance(value, str):
        return say.equals(key, value)
    if isinstance(value, datetime):
        return say.time_range(key, **dict.fromkeys(_BOUNDS[order], value))
    return say.number_range(key, **dict.fromkeys(_BOUNDS[order], value))


def _native_near(near: Near, say: FilterVocabulary) -> Any:  # noqa: ANN401 - per engine
    """A circle. Qdrant's geo index lacks the pole itself, so it is asked for by its latitude."""
    parts = [say.geo_radius("place", near.lat, near.lon, near.km * 1000)]
    centre = Place(near.lat, near.lon)
    if centre.km_to(Place(90, 0)) <= near.km:
        parts.append(say.number_range("place.lat", gte=90.0))
    if centre.km_to(Place(-90, 0)) <= near.km:
        parts.append(say.number_range("place.lat", lte=-90.0))
    return say.any_of(parts)
