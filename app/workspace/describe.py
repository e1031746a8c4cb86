"""Describe: an open collection → what is in it, for people and programs."""

from collections.abc import Iterator
from shlex import quote
from typing import Any

from app.assistants.outfit.catalogue import read_catalogue
from app.filters.conditions import AllOf, Exists, Not
from app.model.errors import QueryError
from app.model.messages import counted
from app.model.records import Field
from app.render import shown, value_text
from app.retrieval.weights import weights_of
from app.store.collection import Collection
from app.store.engines import Placement
from app.store.manifest import Manifest, Model
from app.store.payload import file_state

COMMONEST = 5


def describe(collection: Collection) -> dict[str, Any]:
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
    return f"{model.model_id} ({model.dimensions} numbers)"


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


def description_lines(description: dict[str, Any]) -> Iterator[str]:
    """Yield a description as lines."""
    disk = description["disk_mb"]
    yield (
        f"{description['collection']}: {counted(description['records'], 'record')},"
        f" {description['with_captions']} with captions, {description['with_place']} with a place"
        + (f", {disk} MB on disk" if disk is not None else "")
    )
    if description["unfinished"]:
        yield "  not all is in: the last ingest did not end; the same command goes on from there"
    if mute := description["pages_without_words"]:
        yield f"  {counted(mute, 'page')} without words, found by the picture alone"
    if unread := description["pages_unread"]:
        yield (
            f"  {counted(unread, 'page')} with no text layer, or one that says little;"
            " `ingest --ocr` reads what they show"
        )
    if server := description["server"]:
        copies = counted(server["replicas"], "copy", "copies")
        yield (
            f"  server   {counted(server['shards'], 'shard')}, {copies} of each,"
            f" {counted(server['nodes'], 'node')}"
        )
        if server["nodes"] > 1 and server["replicas"] == 1:
            yield (
                "  one copy: while its node is down a shard cannot be read; `ingest --rebuild"
                " --replicas 2` keeps two"
            )
    for label, source in description["sources"].items():
        yield f"  source   {shown(label)}: {source['records']} from {shown(source['path'])}"
        if label in description["gone_sources"]:
            yield (
                "           which is not there on this machine; bring it back, or, from its new"
                f" place: sightline ingest PATH --collection {description['collection']} --label"
                f" {shown(quote(label))}"
            )
    for space, model in description["models"].items():
        yield f"  {space:<8} {shown(model)}"
    weights = "  ".join(f"{name} {weight:g}" for name, weight in description["weights"].items())
    yield f"  weights  {weights} (text is {description['text']})"
    if columns := description["outfit"]:
        told = (f"{part} = {shown(name)}" for part, name in columns.items() if name)
        yield f"  outfit   {', '.join(told)}"
    for field in description["fields"]:
        called = f"{field['filter']} ({field['type']}){_own_name(field)}"
        yield f"  field    {shown(called)}: {_values(field)}"


def _own_name(field: dict[str, Any]) -> str:
    """Say what a column is called by its owner, where a filter writes it otherwise."""
    name = field["name"]
    return "" if name.lower() == field["filter"] else f", your {name!r}"


def _values(field: dict[str, Any]) -> str:
    if "range" in field:
        return " to ".join(map(value_text, field["range"])) if field["range"] else "no values"
    counted = (f"{value_text(value)} ({count})" for value, count in field["commonest"].items())
    return ", ".join(counted) or "no values"
