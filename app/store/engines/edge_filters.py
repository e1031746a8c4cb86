"""Filters for Edge: Qdrant's JSON → the objects that the engine in this process takes."""

from typing import Any

import qdrant_edge as q

from app.filters.compile import FilterJson


def edge_filter(filter: FilterJson | None) -> q.Filter | None:
    """Return what `compile_filter` made as Edge's own filter; None, which passes all, as None."""
    return None if filter is None else _joined(filter)


def _joined(filter: FilterJson) -> q.Filter:
    parts: dict[str, Any] = {how: [*map(_condition, parts)] for how, parts in filter.items()}
    return q.Filter(**parts)


def _condition(part: FilterJson) -> Any:  # noqa: ANN401 - one of the engine's conditions
    match part:
        case {"has_id": ids}:
            return q.HasIdCondition(set(ids))
        case {"is_empty": {"key": key}}:
            return q.IsEmptyCondition(key)
        case {"key": key, "match": {"value": value}}:
            return q.FieldCondition(key, match=q.MatchValue(value))
        case {"key": key, "match": {"any": values}}:
            return q.FieldCondition(key, match=q.MatchAny(values))
        case {"key": key, "geo_radius": {"center": centre, "radius": metres}}:
            return q.FieldCondition(key, geo_radius=q.GeoRadius(q.GeoPoint(**centre), metres))
        case {"key": key, "range": bounds}:
            is_time = any(isinstance(bound, str) for bound in bounds.values())
            return q.FieldCondition(
                key, range=(q.RangeDateTime if is_time else q.RangeFloat)(**bounds)
            )
    return _joined(part)
