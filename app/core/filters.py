"""Filters: a condition → the filter of either engine; and LlamaIndex's filters → a condition."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from app.core.conditions import (
    MAX_CONDITIONS,
    MAX_NESTING,
    AllOf,
    AnyOf,
    Column,
    Compare,
    Condition,
    Contains,
    Exists,
    Ids,
    Near,
    Not,
    OneOf,
    Order,
    Value,
    columns_of,
    comparison,
    containment,
    find_column,
    listed,
    membership,
    mismatch,
)
from app.core.errors import QueryError
from app.core.records import Field, Place

if TYPE_CHECKING:
    from llama_index.core.vector_stores import MetadataFilter, MetadataFilters


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


# ---- a condition in an engine's own words


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


# ---- LlamaIndex's filters as the same conditions

_DOCUMENT = tuple(
    Column("", name, "words", "doc_id") for name in ("doc_id", "ref_doc_id", "document_id")
)
"""LlamaIndex's names for the document of a node, which its stores filter by like metadata."""


def from_metadata_filters(filters: "MetadataFilters", fields: Sequence[Field]) -> Condition:
    """Return LlamaIndex's filters as a condition; keys are names or slugs of fields.

    No filters at all pass everything. Raises QueryError for what the fields do not allow.
    """
    found = _from_filters(filters, (*columns_of(fields), *_DOCUMENT), depth=1)
    condition = found or AllOf(())
    if _size(condition) > MAX_CONDITIONS:
        raise QueryError(f"a filter may have {MAX_CONDITIONS} conditions; this one has more")
    return condition


def _from_filters(
    filters: "MetadataFilters", columns: Sequence[Column], *, depth: int
) -> Condition | None:
    """Return what was said; None of filters without one, which are left out, as Qdrant's own do."""
    from llama_index.core.vector_stores import MetadataFilters

    if depth > MAX_NESTING:
        raise QueryError(f"a filter may be nested {MAX_NESTING} deep; this one is deeper")
    found = [
        _from_filters(part, columns, depth=depth + 1)
        if isinstance(part, MetadataFilters)
        else _from_filter(part, columns)
        for part in filters.filters
    ]
    parts = tuple(part for part in found if part is not None)
    if not parts:
        return None
    joined = filters.condition.value if filters.condition else "and"
    if joined == "not":  # Qdrant's own store for LlamaIndex reads it so: none of them
        return Not(AnyOf(parts))
    return AnyOf(parts) if joined == "or" else AllOf(parts)


def _from_filter(filter: "MetadataFilter", columns: Sequence[Column]) -> Condition:
    column = find_column(columns, filter.key)
    try:
        return _from_operator(column, filter.operator.value, filter.value)
    except QueryError as error:
        raise QueryError(f"{error}\n{listed(columns, filter.key)}") from error


def _from_operator(column: Column, operator: str, value: Any) -> Condition:  # noqa: ANN401
    if operator == "is_empty":
        return Not(Exists(column.key))
    if operator in ("in", "nin", "any", "all"):
        if operator in ("in", "nin") and isinstance(value, str):
            texts = value.split(",")  # as Qdrant's own store reads it
            value = [text.strip() for text in texts if text.strip()]
        values = [_typed(column, each) for each in (value if isinstance(value, list) else [value])]
        if operator == "all":
            return AllOf(tuple(comparison(column, "==", each) for each in values))
        found = membership(column, values)
        return Not(found) if operator == "nin" else found
    if value is None or isinstance(value, list):
        raise QueryError(f"{operator} takes one value, not {value!r}")
    match operator:
        case "==" | "!=" | "<" | "<=" | ">" | ">=":
            return comparison(column, operator, _typed(column, value))
        case "contains":  # LlamaIndex: the list of values has this one
            return comparison(column, "==", _typed(column, value))
        case "text_match" | "text_match_insensitive":
            if column.type == "time":  # which LlamaIndex has as a text, "2024-01-31"
                return comparison(column, "==", _typed(column, value))
            return containment(column, str(value))
    raise QueryError(f"the operator {operator} is not supported")


def _typed(column: Column, value: Any) -> Value:  # noqa: ANN401 - whatever LlamaIndex lets through
    """Read a value of a MetadataFilter, which knows no booleans: there they are words."""
    if column.type == "boolean" and value in ("true", "false"):
        return bool(value == "true")
    if not isinstance(value, str | float | int):
        raise mismatch(column, value)
    return float(value) if type(value) is int else value


def _size(condition: Condition) -> int:
    match condition:
        case AllOf(parts) | AnyOf(parts):
            return sum(map(_size, parts))
        case Not(part):
            return _size(part)
        case Contains(words=words):
            return len(words)
        case _:
            return 1
