"""Explain: what a filter has to do with a hit, and with there being none."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from app.core.collection import Collection
from app.core.conditions import (
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
from app.core.records import Place

MAX_VALUES = 1_000
"""Of a column, commonest first, among which a misspelt one is looked for."""


def answers(
    where: Condition | None, collection: Collection, payload: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what a record has where a filter asks: values by slug, and `km` from its place."""
    if where is None:
        return {}
    asked = list(_leaves(where))
    keys = {part.key for part in asked if not isinstance(part, Near)}
    found = {
        column.slug: value
        for column in columns_of(collection.fields)
        if column.name and keys & {column.key, column.words_key}
        if (value := payload["fields"].get(column.slug)) is not None
    }
    place = payload.get("place")
    for part in asked:
        if isinstance(part, Near) and place:
            here = Place(place["lat"], place["lon"])
            found["km"] = round(here.km_to(Place(part.lat, part.lon)), 3)
    return found


def misspelt(where: Condition | None, collection: Collection) -> Iterator[str]:
    """Yield a notice for each value that a filter asks for and no record has."""
    words = {key_of("fields", field.slug): field for field in collection.fields}
    for part in _leaves(where) if where else ():
        if not isinstance(part, Compare | OneOf) or part.key not in words:
            continue
        field = words[part.key]
        if field.type != "words" or collection.count(part):
            continue
        known = {value.casefold(): value for value, _ in collection.commonest(field, MAX_VALUES)}
        for value in part.values if isinstance(part, OneOf) else (str(part.value),):
            close = get_close_matches(value.casefold(), known, n=3) or list(known)[:3]
            has = ", ".join(f'"{known[name]}"' for name in close) or "none"
            yield f'no record has {field.slug} == "{value}"; there is {has}'


def _leaves(where: Condition) -> Iterator[Compare | OneOf | Contains | Exists | Near]:
    match where:
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from _leaves(part)
        case Not(part):
            yield from _leaves(part)
        case Compare() | OneOf() | Contains() | Exists() | Near():
            yield where
