"""Payload: a record → the payload of its point, as LlamaIndex writes that of an ImageNode.

So LlamaIndex's own stores can read it. It is written without LlamaIndex, which takes 2.2 s of CPU
to import. What is ours lies beside the node: the user's fields by slug under `fields`, so that none
of them can hurt a key.
"""

import hashlib
import json
import posixpath
import sys
import unicodedata
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from app.filters.conditions import key_of
from app.media.picture_files import MIME_TYPES
from app.model.records import Field, FieldType, FileState, Place, Record
from app.model.words import composed, words_of
from app.store.engines import IndexKind

INDEXES: dict[str, IndexKind] = {
    "record_id": "keyword",
    "source": "keyword",
    "path": "keyword",
    "doc_id": "keyword",
    "words.caption": "keyword",
    "place": "geo",
    "place.lat": "float",
    "place.lon": "float",
    "page": "integer",
}
"""Payload keys of every collection that filters use: without an index they cost 100 times more."""

SEEN_INDEXES: dict[str, IndexKind] = {"seen": "keyword", "seen_words": "keyword"}
"""The same where an embedding names what it sees."""

INDEX_OF: dict[FieldType, IndexKind] = {
    "number": "float",
    "time": "datetime",
    "boolean": "keyword",
    "words": "keyword",
}

MAX_NUMBER = sys.float_info.max
"""A whole number of 400 digits is JSON, but not a number that an index can hold."""

LEDGER = (
    *("record_id", "source", "content_hash", "metadata_hash", "size", "mtime_ns"),
    *("page_hash", "read_by"),
)
"""Payload keys that say what is stored: enough to plan the next ingest."""


OUR_KEYS = frozenset(
    [
        *LEDGER,
        *("path", "captions", "fields", "local_times", "words", "place", "exif_place", "page"),
        *("seen", "seen_words"),
        *("_node_content", "_node_type", "document_id", "doc_id", "ref_doc_id"),
    ]
)
"""The top level of a payload, but for the user's metadata on a server."""


_KINDS: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(["record_id", "source", "path", "_node_content"], str),
    **dict.fromkeys(["content_hash", "page_hash", "metadata_hash", "read_by"], str),
    **dict.fromkeys(["size", "mtime_ns", "page"], int),
    **dict.fromkeys(["fields", "words", "place"], dict),
    "captions": list,
    "seen": list,
    "exif_place": list,
}
"""What the values of our keys are; somebody else may have written others."""


def is_sound(payload: Mapping[str, Any]) -> bool:
    """Tell whether a payload, or a part of one, can be that of one of our records."""
    return (
        "record_id" in payload
        and all(
            isinstance(value, _KINDS[key]) and not isinstance(value, bool)
            for key, value in payload.items()
            if key in _KINDS
        )
        and all(isinstance(text, str) for text in payload.get("captions", ()))
        and all(isinstance(text, str) for text in payload.get("seen", ()))
        and all(isinstance(degree, int | float) for degree in payload.get("place", {}).values())
    )


@lru_cache(maxsize=1 << 16)
def point_id(record_id: str) -> str:
    """Return the point's id: UUIDv5 of the record id, in the URL namespace."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, record_id))


def metadata_hash(record: Record) -> str:
    """Return a hash of all that metadata says of a record; not of what is read from a page."""
    captions, metadata = () if record.text else record.captions, with_iso_times(record.metadata)
    said = [record.path, captions, metadata, record.place]
    said += [record.attributes] if record.attributes else []
    # Payloads that were written before filters saw these are rewritten by the next ingest.
    seen = f"{captions}{[*metadata.values()]}"
    said += [] if unicodedata.is_normalized("NFC", seen) else ["composed"]
    said += ["local times"] if any(map(_local_time, record.metadata.values())) else []
    return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest()[:32]


def file_state(payload: Mapping[str, Any]) -> FileState:
    """Return what a point's payload says of its file."""
    return FileState(
        payload.get("content_hash", ""),
        payload.get("size", -1),
        payload.get("mtime_ns", -1),
        payload.get("page_hash", ""),
        payload.get("read_by", ""),
    )


def payload_of(
    record: Record,
    file: FileState | None,
    fields: Iterable[Field],
    exif_place: Place | None = None,
    *,
    seen: Sequence[str] = (),
    on_top: bool = False,
) -> dict[str, Any]:
    """Return the payload of a record's point.

    `exif_place` counts when the record has no place of its own; it is kept for the next ingest.
    `seen` is what an embedding names of its picture.
    With `on_top` the user's metadata also stands where LlamaIndex's own store looks for it.
    """
    payload = on_top_of(with_iso_times(record.metadata)) if on_top else {}
    payload |= record_as_node(record)
    payload |= filterable(record.captions, record.metadata, fields)
    if record.page is not None:
        payload["page"] = record.page
        payload["words"]["caption"] = words_of(record.text)
    payload["source"] = record.source
    payload["path"] = record.path
    payload["metadata_hash"] = metadata_hash(record)
    if file is not None:
        payload |= {
            "content_hash": file.content_hash,
            "size": file.size,
            "mtime_ns": file.mtime_ns,
        }
        if file.page_hash:
            payload |= {"page_hash": file.page_hash, "read_by": file.read_by}
    place = record.place or exif_place
    if place:
        payload["place"] = {"lat": place.lat, "lon": place.lon}
    if exif_place:
        payload["exif_place"] = [exif_place.lat, exif_place.lon]
    if seen:
        payload |= {"seen": [*seen], "seen_words": words_of("\n".join(seen))}
    return payload


def record_as_node(record: Record) -> dict[str, Any]:
    """Return the record as LlamaIndex writes an ImageNode, without the user's keys at the top.

    What an embedding reads of it is what is said in words.
    """
    metadata = with_iso_times(record.metadata)
    document = {
        "node_id": record.record_id,
        "node_type": None,
        "metadata": dict[str, Any](),
        "hash": None,
        "class_name": "RelatedNodeInfo",
    }
    node = {
        "id_": point_id(record.record_id),
        "embedding": None,
        "metadata": metadata,
        "excluded_embed_metadata_keys": list(metadata),
        "excluded_llm_metadata_keys": [],
        "relationships": {"1": document},  # its source
        "metadata_template": "{key}: {value}",
        "metadata_separator": "\n",
        "text": record.said,
        "mimetype": "text/plain",
        "start_char_idx": None,
        "end_char_idx": None,
        "text_template": "{metadata_str}\n\n{content}",
        "image": None,
        "image_path": record.path,
        "image_url": None,
        "image_mimetype": mimetype_of(record.path),
        "text_embedding": None,
        "class_name": "ImageNode",
    }
    return {
        "_node_content": json.dumps(node, ensure_ascii=False),
        "_node_type": "ImageNode",
        **dict.fromkeys(("document_id", "doc_id", "ref_doc_id", "record_id"), record.record_id),
    }


def on_top_of(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of the user's metadata that can be at a payload's top level.

    There LlamaIndex's own store looks for it. What is called as a key of ours is in `fields` alone.
    """
    return {key: value for key, value in metadata.items() if key not in OUR_KEYS}


def inserted_hash(payload: Mapping[str, Any], content: str) -> str:
    """Return a hash of a node that a program inserted, and of its picture's bytes."""
    said = f"{payload['_node_content']}{content}"
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def with_iso_times(value: Any) -> Any:  # noqa: ANN401 - JSON in, JSON out
    """Return metadata as JSON values: times become ISO strings."""
    if isinstance(value, str | int | float):  # most are, and `Mapping` is slow to ask about
        return value
    if isinstance(value, Mapping):
        return {key: with_iso_times(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [with_iso_times(part) for part in value]
    return value.isoformat() if isinstance(value, datetime) else value


def filterable(
    captions: Sequence[str], metadata: Mapping[str, Any], fields: Iterable[Field]
) -> dict[str, Any]:
    """Return the part of a payload that filters use, without missing and unfitting values.

    Texts are composed (NFC). A time is kept as it is, which is an instant; `local_times` has what
    the clock showed, as far as it is not that of UTC.
    """
    values: dict[str, Any] = {}
    local_times: dict[str, str] = {}
    words: dict[str, list[str]] = {"caption": words_of("\n".join(captions))}
    for field in fields:
        given = metadata.get(field.name)
        value = _stored(field.type, given)
        if value is None:
            continue
        values[field.slug] = value
        if field.type == "time" and (local := _local_time(given)):
            local_times[field.slug] = local
        if isinstance(value, str | list) and field.type == "words":
            words[field.slug] = words_of(value if isinstance(value, str) else "\n".join(value))
    seen = {"captions": list(map(composed, captions)), "fields": values, "words": words}
    return seen | ({"local_times": local_times} if local_times else {})


def _local_time(value: object) -> str | None:
    """Return what the clock showed, for a time not in UTC; None for UTC and other values."""
    if isinstance(value, datetime) and value.utcoffset():
        return value.replace(tzinfo=None).isoformat()
    return None


def _stored(kind: FieldType, value: object) -> str | float | list[str] | None:
    """Return a value as filters compare it. Edge 0.9 cannot filter booleans, so they are words."""
    match kind, value:
        case "boolean", bool():
            return "true" if value else "false"
        case "number", int() | float() if not isinstance(value, bool) and abs(value) <= MAX_NUMBER:
            return float(value)
        case "time", datetime():
            return value.isoformat()
        case "words", str():
            return composed(value)
        case "words", list() if all(isinstance(item, str) for item in value):
            return list(map(composed, value))
    return None


def field_indexes(fields: Iterable[Field]) -> dict[str, IndexKind]:
    """Return the payload keys that fields are filtered by, with the index each needs."""
    indexes: dict[str, IndexKind] = {}
    for field in fields:
        indexes[key_of("fields", field.slug)] = INDEX_OF[field.type]
        if field.type == "time":
            indexes[key_of("local_times", field.slug)] = "datetime"
        if field.type == "words":
            indexes[key_of("words", field.slug)] = "keyword"
    return indexes


def mimetype_of(path: str) -> str:
    """Return a picture's type by its name; LlamaIndex guesses nothing for .JPG in capitals."""
    return MIME_TYPES.get(posixpath.splitext(path)[1].lower(), "image/jpeg")
