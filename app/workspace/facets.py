"""Facets: an open collection and a filter → what each column holds among the records that pass."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import NamedTuple

from app.filters.conditions import (
    AllOf,
    Column,
    Condition,
    Exists,
    Not,
    columns_of,
    find_column,
)
from app.model.records import Field, FieldType
from app.store.collection import Collection

BINS = 20

MONTHS = 24
"""Times that span no more than these are counted by the month, others by the year or by years."""

FIRST_MONTH, LAST_MONTH = 12, 9999 * 12 + 11
"""Of all that there are, counted from the year 0."""


class Value(NamedTuple):
    """A value of a column of words or booleans, as a filter writes it, and how many have it."""

    value: str
    records: int


class Bin(NamedTuple):
    """A part of a column's range, and how many records lie in it.

    Of numbers all from `least` to below `greatest`; the last bin has its `greatest` too. Of times
    both are months or years, such as "2019", and both belong to it whole.
    """

    least: float | str
    greatest: float | str
    records: int


@dataclass(frozen=True, slots=True)
class Facet:
    """What a column holds: `records` have a value in it; filters call it `slug`.

    Of words and booleans there are the commonest `values`, and whether there are `more`; of numbers
    and times the ends of their range, None where no record has a value, and `bins` between them.
    """

    name: str
    slug: str
    type: FieldType
    records: int
    values: tuple[Value, ...] = ()
    more: bool = False
    least: float | str | None = None
    greatest: float | str | None = None
    bins: tuple[Bin, ...] = ()


def facets_of(
    collection: Collection,
    where: Condition | None,
    *,
    columns: Sequence[str] | None = None,
    limit: int = 10,
) -> list[Facet]:
    """Return a facet of each column, or of those named; counts are exact, of what passes `where`.

    Raises QueryError for a column that is none of the collection's own.
    """
    known = [column for column in columns_of(collection.fields) if column.name]
    chosen = known if columns is None else [find_column(known, name) for name in columns]
    return [_facet(collection, where, column, limit) for column in chosen]


def _facet(collection: Collection, where: Condition | None, column: Column, limit: int) -> Facet:
    field = Field(column.name, column.slug, column.type)
    facet = Facet(*(field.name, field.slug, field.type), records=0)
    if column.type in ("words", "boolean"):
        values = collection.commonest(field, limit + 1, where)
        return replace(
            facet,
            records=collection.count(_both(where, Exists(column.key))),
            values=tuple(Value(*each) for each in values[:limit]),
            more=len(values) > limit,
        )
    ends = collection.extremes(field, where)
    if ends is None:
        return facet
    count = _times if column.type == "time" else _numbers
    bins = tuple(count(collection, where, column, ends))
    records = sum(each.records for each in bins)
    return replace(facet, records=records, least=ends[0], greatest=ends[1], bins=bins)


def _numbers(
    collection: Collection, where: Condition | None, column: Column, ends: tuple[float, float]
) -> list[Bin]:
    edges = _edges(*ends)
    counts = collection.histogram(column.key, edges, where)
    return [Bin(*part, n) for part, n in zip(pairwise(edges), counts, strict=True)]


def _times(
    collection: Collection, where: Condition | None, column: Column, ends: tuple[str, str]
) -> list[Bin]:
    """Count by what clocks showed, as filters do: of a time in UTC that is the time itself."""
    local = column.local_key or ""
    is_local = bool(collection.ordered(local, 1, where))
    spans = list(_spans(*map(datetime.fromisoformat, ends), is_local=is_local))
    edges = [_start(first) for first, _ in spans] + [_end(spans[-1][1])]
    if is_local:
        utc = _both(where, Not(Exists(local)))
        parts = [
            collection.histogram(local, edges, where),
            collection.histogram(column.key, edges, utc),
        ]
        counts = [sum(each) for each in zip(*parts, strict=True)]
    else:
        counts = collection.histogram(column.key, edges, where)
    bins = [Bin(*span, n) for span, n in zip(spans, counts, strict=True)]
    filled = [number for number, each in enumerate(bins) if each.records]
    return bins[filled[0] : filled[-1] + 1] if filled else []


def _both(where: Condition | None, part: Condition) -> Condition:
    return part if where is None else AllOf((where, part))


def _edges(least: float, greatest: float) -> list[float]:
    """Return what divides a range into bins of one width, whole between whole numbers.

    >>> _edges(0, 3), _edges(2.5, 2.5)
    ([0, 1, 2, 3, 3], [2.5, 2.5])
    """
    if least == greatest:
        return [least, greatest]
    span = greatest - least
    if float(least).is_integer() and float(greatest).is_integer() and span < 1 << 52:
        width = math.ceil((span + 1) / BINS)
        return [*(least + width * n for n in range(int(span) // width + 1)), greatest]
    shares = (number / BINS for number in range(BINS + 1))
    return sorted({least * (1 - share) + greatest * share for share in shares})


def _spans(least: datetime, greatest: datetime, *, is_local: bool) -> Iterator[tuple[str, str]]:
    """Yield the months or years from a time to another, or tens of years, as a filter has them.

    Clocks of other zones can be in the month before or after that.
    """
    first = max(FIRST_MONTH, least.year * 12 + least.month - 1 - is_local)
    last = min(LAST_MONTH, greatest.year * 12 + greatest.month - 1 + is_local)
    if last - first < MONTHS:
        for month in range(first, last + 1):
            text = f"{month // 12:04}-{month % 12 + 1:02}"
            yield text, text
        return
    begin, end = first // 12, last // 12
    years = next(n for n in (1, 2, 5, 10, 20, 50, 100, 200, 500) if end // n - begin // n < BINS)
    for year in range(begin // years * years, end + 1, years):
        yield f"{max(1, year):04}", f"{min(9999, year + years - 1):04}"


def _start(period: str) -> datetime:
    """Return when a month or a year begins."""
    year, _, month = period.partition("-")
    return datetime(int(year), int(month or 1), 1, tzinfo=UTC)


def _end(period: str) -> datetime:
    """Return when a month or a year ends."""
    year, _, month = period.partition("-")
    number = int(year) * 12 + int(month or 12)
    if number > LAST_MONTH:
        return datetime.max.replace(tzinfo=UTC)
    return datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)
