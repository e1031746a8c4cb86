"""Explain: what a hit has in the columns that a filter names, and why nothing passes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from app.filters.conditions import (
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Contains,
    Exists,
    Near,
    Not,
    OneOf,
    columns_of,
    key_of,
)
from app.model.records import Place
from app.model.words import composed, spellings
from app.store.collection import Collection

MAX_VALUES = 1_000
"""Of a column, commonest first, among which a misspelt one is looked for."""


def answers(
    where: Condition | None,
    collection: Collection,
    payloads: Iterable[Mapping[str, Any]],
    *,
    also: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Return each record's values in the columns that a filter names, by slug; `km` for a place.

    `also` are slugs of columns that are asked for otherwise, to sort or to group by.
    """
    asked = list(_leaves(where)) if where else []
    keys = {part.key for part in asked if not isinstance(part, Near)}
    columns = [
        column.slug
        for column in columns_of(collection.fields)
        if column.name and (column.slug in also or keys & {column.key, column.words_key})
    ]
    places = [Place(part.lat, part.lon) for part in asked if isinstance(part, Near)]
    return [_answer(payload, columns, places) for payload in payloads]


def _answer(
    payload: Mapping[str, Any], columns: Sequence[str], places: Sequence[Place]
) -> dict[str, Any]:
    values = payload["fields"]
    found = {slug: values[slug] for slug in columns if values.get(slug) is not None}
    for place in places if payload.get("place") else ():
        found["km"] = round(Place(**payload["place"]).km_to(place), 3)
    return found


def misspelt(where: Condition, collection: Collection) -> Iterator[str]:
    """Yield a notice for each value that a filter asks for and no record has."""
    words = {key_of("fields", field.slug): field for field in collection.fields}
    for part in _leaves(where):
        if not isinstance(part, Compare | OneOf) or part.key not in words:
            continue
        field = words[part.key]
        if field.type != "words":
            continue
        there = (composed(value) for value, _ in collection.commonest(field, MAX_VALUES))
        known = {value.casefold(): value for value in there}
        asked = part.values if isinstance(part, OneOf) else (str(part.value),)
        for value in dict.fromkeys(map(composed, asked)):  # each once, however it is spelt
            if collection.count(OneOf(part.key, spellings(value))):
                continue
            close = get_close_matches(value.casefold(), known, n=3) or list(known)[:3]
            has = ", ".join(f'"{known[name]}"' for name in close) or "none"
            yield f'no record has {field.slug} == "{value}"; there is {has}'


def shadowed(where: Condition, collection: Collection) -> Iterator[str]:
    """Yield a notice for each column of the user's that has a name of ours, if a filter asks that.

    So `source` is the label of a source, and a column of that name has another in filters.
    """
    asked = {part.key for part in _leaves(where) if not isinstance(part, Near)}
    for ours in columns_of(()):
        for field in collection.fields if asked & {ours.key, ours.words_key} else ():
            if field.name.casefold() == ours.slug:
                yield (
                    f"{ours.slug} in a filter is Sightline's own; your column {field.name!r} is"
                    f" called {field.slug} there"
                )


def told_of_null_island(where: Condition | None) -> list[str]:
    """Return a notice for a filter that asks what is near 0, 0, which stands for no place."""
    if where is None or not any(
        isinstance(part, Near) and part.lat == part.lon == 0 for part in _leaves(where)
    ):
        return []
    return [
        "0, 0 is no place: cameras and tables write it where they know none, so a record with just"
        " that is kept as one without a place"
    ]


def _leaves(where: Condition) -> Iterator[Compare | OneOf | Contains | Exists | Near]:
    match where:
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from _leaves(part)
        case Not(part):
            yield from _leaves(part)
        case Compare() | OneOf() | Contains() | Exists() | Near():
            yield where
