"""Describe: an open collection → what is in it, as a program reads it."""

from collections.abc import Iterator
from typing import Any

from app.assistants.outfit.catalogue import read_catalogue
from app.filters.conditions import AllOf, Exists, Not
from app.model.errors import QueryError
from app.model.records import Field
from app.retrieval.weights import weights_of
from app.store.collection import Collection
from app.store.engines import Placement
from app.store.manifest import Manifest, Model
from app.store.payload import file_state

COMMONEST = 5


def describe_collection(collection: Collection) -> dict[str, Any]:
    """Return counts, sources, models, weights, fields and disk of a collection."""
    manifest = collection.manifest
    bytes_ = collection.size_bytes()
    is_page, speaks = Exists("page"), Exists("words.caption")
    pages = collection.count(is_page)
    return {
        "collection": collection.name,
        "records": collection.count(),
        "with_captions": collection.count(speaks),
        "unfinished": manifest.unfinished,
        "pages_without_words": collection.count(AllOf((is_page, Not(speaks)))),
        "pages_unread": sum(file_state(p).unread for _, p in collection.ledger()) if pages else 0,
        "with_place": collection.count(Exists("place.lat")),
        "sources": {
            label: {"path": str(entry.path), "records": collection.count_source(label)}
            for label, entry in manifest.sources.items()
        },
        "gone_sources": [label for label, entry in manifest.sources.items() if not entry.is_there],
        "models": {
            **{space: _model(model) for space, model in _embeddings(manifest)},
            "keywords": f"{manifest.keywords}, mean length {manifest.average_length:.1f} words",
        },
        "text": manifest.text_kind,
        "weights": weights_of(manifest),
        "outfit": _garments(collection),
        "fields": [_field(collection, field) for field in collection.fields],
        "server": _placed(collection.placement()),
        "disk_mb": None if bytes_ is None else round(bytes_ / 1e6, 1),
    }


def _placed(placement: Placement | None) -> dict[str, int] | None:
    return placement._asdict() if placement else None


def _embeddings(manifest: Manifest) -> Iterator[tuple[str, Model]]:
    yield "image", manifest.image
    yield "text", manifest.text
    if manifest.page:
        yield "page", manifest.page


def _model(model: Model) -> str:
    return f"{model.model_id} ({model.dimensions} dimensions)"


def _field(collection: Collection, field: Field) -> dict[str, Any]:
    """A column: its name, how a filter may write it, and its range or commonest values."""
    described: dict[str, Any] = {"name": field.name, "filter": field.slug, "type": field.type}
    if field.type in ("number", "time"):
        return described | {"range": collection.extremes(field)}
    return described | {"commonest": dict(collection.commonest(field, COMMONEST))}


def _garments(collection: Collection) -> dict[str, str | None] | None:
    """The columns that say of garments what, for whom and for when; None of other things."""
    try:
        found = read_catalogue(collection)
    except QueryError:
        return None
    parts = {
        "category": found.category,
        "audience": found.audience,
        "colour": found.colour,
        "usage": found.usage,
        "season": found.season,
    }
    return {part: column.name if column else None for part, column in parts.items()}
