"""Filters: LlamaIndex's MetadataFilters → a condition."""

from collections.abc import Sequence
from typing import Any

from llama_index.core.vector_stores import MetadataFilter, MetadataFilters

from app.filters.conditions import (
    MAX_CONDITIONS,
    MAX_NESTING,
    AllOf,
    AnyOf,
    Column,
    Condition,
    Contains,
    Exists,
    Not,
    Value,
    columns_of,
    comparison,
    containment,
    find_column,
    listed,
    membership,
    mismatch,
)
from app.model.errors import QueryError
from app.model.records import Field

_DOCUMENT = tuple(
    Column("", name, "words", "doc_id") for name in ("doc_id", "ref_doc_id", "document_id")
)
"""LlamaIndex's names for the document of a node, which its stores filter by like metadata."""


def from_metadata_filters(filters: MetadataFilters, fields: Sequence[Field]) -> Condition:
    """Return LlamaIndex's filters as a condition; keys are names or slugs of fields.

    No filters at all pass everything. Raises QueryError for what the fields do not allow.
    """
    found = _from_filters(filters, (*columns_of(fields), *_DOCUMENT), depth=1)
    condition = found or AllOf(())
    if _size(condition) > MAX_CONDITIONS:
        raise QueryError(f"a filter may have {MAX_CONDITIONS} conditions; this one has more")
    return condition


def _from_filters(
    filters: MetadataFilters, columns: Sequence[Column], *, depth: int
) -> Condition | None:
    """Return what was said; None of filters without one, which are left out, as Qdrant's own do."""
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


def _from_filter(filter: MetadataFilter, columns: Sequence[Column]) -> Condition:
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
