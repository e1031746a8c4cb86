"""Documents: records that were found → the best of each document, and the pages beside them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.filters.conditions import columns_of, find_column
from app.model.errors import QueryError
from app.model.records import Field, document_of, page_mark
from app.model.words import composed
from app.store.payload import point_id

DOCUMENT = "document"
"""The column that each page has; two documents of one name are two."""


def column_to_group_by(name: str, fields: Sequence[Field]) -> str:
    """Return the slug of a column by its name. Raises QueryError, also for one of ours."""
    column = find_column(columns_of(fields), name)
    if not column.name:
        raise QueryError(f"{column.slug} cannot be grouped by; take a column that `info` lists")
    return column.slug


def grouped(
    ids: Iterable[str], payloads: Mapping[str, Mapping[str, Any]], slug: str
) -> dict[str, list[str]]:
    """Return the best of each group, with the others of it; both in the order of `ids`.

    A record that has no value there stands for itself.
    """
    best: dict[object, str] = {}
    groups: dict[str, list[str]] = {}
    for id_ in ids:
        first = best.setdefault(_group(payloads[id_], slug) or id_, id_)
        if first == id_:
            groups[id_] = []
        else:
            groups[first].append(id_)
    return groups


def _group(payload: Mapping[str, Any], slug: str) -> object:
    if slug == DOCUMENT and "page" in payload:
        return document_of(payload["record_id"], payload["page"])
    value = payload["fields"].get(slug)
    if isinstance(value, list):
        return tuple(map(composed, value))
    return composed(value) if isinstance(value, str) else value


def beside(pages: Iterable[tuple[str, int]], reach: int) -> list[str]:
    """Return the point ids of pages up to `reach` before and after; `pages` are (record id, page).

    Those of the first page come first, each nearest first; no page twice, and none of `pages`.
    """
    pages = list(pages)
    ids: dict[str, None] = {}
    for record_id, page in pages:
        document = document_of(record_id, page)
        for step in range(1, reach + 1):
            for number in (page - step, page + step):
                ids[point_id(f"{document}{page_mark(number)}")] = None
    found = {point_id(record_id) for record_id, _ in pages}
    return [id_ for id_ in ids if id_ not in found]
