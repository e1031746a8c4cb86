"""Filters in qdrant-client's words: the vocabulary that `compile_filter` speaks to a server."""

from collections.abc import Sequence
from datetime import datetime

from qdrant_client.models import (
    Condition,
    DatetimeRange,
    FieldCondition,
    Filter,
    GeoPoint,
    GeoRadius,
    HasIdCondition,
    IsEmptyCondition,
    MatchAny,
    MatchValue,
    PayloadField,
    Range,
)


def all_of(conditions: Sequence[Condition]) -> Filter:
    """Pass what passes every condition; with none, everything."""
    return Filter(must=list(conditions))


def any_of(conditions: Sequence[Condition]) -> Filter:
    """Pass what passes at least one condition."""
    return Filter(should=list(conditions))


def none_of(conditions: Sequence[Condition]) -> Filter:
    """Pass what passes no condition."""
    return Filter(must_not=list(conditions))


def equals(key: str, value: str) -> FieldCondition:
    """Pass a string, or a list that has it."""
    return FieldCondition(key=key, match=MatchValue(value=value))


def one_of(key: str, values: Sequence[str]) -> FieldCondition:
    """Pass one of the strings, or a list that has one."""
    return FieldCondition(key=key, match=MatchAny(any=list(values)))


def number_range(
    key: str,
    *,
    gte: float | None = None,
    gt: float | None = None,
    lte: float | None = None,
    lt: float | None = None,
) -> FieldCondition:
    """Pass numbers within the bounds."""
    return FieldCondition(key=key, range=Range(gte=gte, gt=gt, lte=lte, lt=lt))


def time_range(
    key: str,
    *,
    gte: datetime | None = None,
    gt: datetime | None = None,
    lte: datetime | None = None,
    lt: datetime | None = None,
) -> FieldCondition:
    """Pass moments within the bounds; each bound knows its zone."""
    return FieldCondition(key=key, range=DatetimeRange(gte=gte, gt=gt, lte=lte, lt=lt))


def geo_radius(key: str, lat: float, lon: float, metres: float) -> FieldCondition:
    """Pass points of the earth at most so far away."""
    centre = GeoPoint(lon=lon, lat=lat)
    return FieldCondition(key=key, geo_radius=GeoRadius(center=centre, radius=metres))


def empty(key: str) -> IsEmptyCondition:
    """Pass where the key is missing, null or an empty list."""
    return IsEmptyCondition(is_empty=PayloadField(key=key))


def has_ids(ids: Sequence[str]) -> HasIdCondition:
    """Pass the points of these ids; with none, nothing."""
    return HasIdCondition(has_id=list(ids))
