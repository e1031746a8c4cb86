"""Index nodes: any LlamaIndex node or document → what a collection stores of it."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from llama_index.core.schema import (
    BaseNode,
    ImageNode,
    Node,
    NodeRelationship,
    RelatedNodeInfo,
    RelatedNodeType,
    TextNode,
)

from app.filters.conditions import AllOf, AnyOf, Condition, Ids, OneOf
from app.llama.nodes import node_payload
from app.media.images import valid_place
from app.media.picture_files import content_hash
from app.model.errors import SourceError
from app.model.records import MAX_FIELDS, Field, FieldType, Place, free_slug
from app.store.payload import filterable, inserted_hash, mimetype_of, on_top_of, point_id

_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
"""How a time begins, as LlamaIndex's readers write it; Python reads `20240131` as one too."""

PLACE_KEYS = ("lat", "lon")
"""Metadata that says where a node is, in degrees; filters find it as the place of any record."""


@dataclass(frozen=True, slots=True)
class WholeNode:
    """A node that belongs to a document, with all that a payload says of it but its fields.

    `brought` are the vectors that came with it, by space; what is missing there is embedded.
    """

    id: str
    node: TextNode
    picture: Path | None
    brought: Mapping[str, list[float]]
    payload: Mapping[str, Any]

    @property
    def text(self) -> str:
        """Its words, or nothing; blanks are nothing."""
        return self.node.text if self.node.text.strip() else ""

    @property
    def is_findable(self) -> bool:
        """Whether a search can find it. Filters find it all the same, and so does its id."""
        return bool(self.text or self.picture or self.brought)

    def payload_with(self, fields: Sequence[Field], *, on_top: bool) -> dict[str, Any]:
        """Return the payload that filters over these fields can see; `on_top` as `payload_of`."""
        captions = [self.text] if self.text else []
        metadata = self.node.metadata
        times = {f.name: _moment(metadata.get(f.name)) for f in fields if f.type == "time"}
        users = on_top_of(metadata) if on_top else {}
        payload = {**users, **self.payload, **filterable(captions, metadata | times, fields)}
        place = _place(metadata)
        return payload | ({"place": place._asdict()} if place else {})


def whole_node(node: BaseNode, dimensions: Mapping[str, int]) -> WholeNode:
    """Return a node or document ready to be stored; its picture is hashed, not opened.

    `dimensions` are those of the spaces `text` and `image`. Raises SourceError for a node with a
    picture that is in no file, with an embedding that does not fit, or with what JSON cannot hold.
    """
    picture = _picture(node)
    kept = _text_node(node, picture)
    brought = {
        space: _unit(vector, node.node_id, space, dimensions[space])
        for space, vector in _brought(node, picture)
        if vector is not None
    }
    return WholeNode(id_of(kept.node_id), kept, picture, brought, _payload(kept, picture))


def id_of(node_id: str) -> str:
    """Return the point of a node. Qdrant takes UUIDs alone; another id is made one, as a record's.

    So is another spelling of a UUID, which would share its point with the usual one.

    >>> id_of("street/1.jpg"), id_of("1cab6e18-d4e5-5d5b-b833-c7dfdc35d14e")
    ('1cab6e18-d4e5-5d5b-b833-c7dfdc35d14e', '1cab6e18-d4e5-5d5b-b833-c7dfdc35d14e')
    """
    return node_id if _uuid(node_id) == node_id else point_id(node_id)


def of_nodes(node_ids: Iterable[str]) -> Condition:
    """Return a filter for the points of these nodes, with those that `left_behind` finds."""
    ids = tuple(node_ids)
    points, left = Ids(tuple(map(id_of, ids))), left_behind(ids)
    return AnyOf((points, left)) if left else points


def left_behind(node_ids: Iterable[str]) -> Condition | None:
    """Return a filter for points that nodes have from when any spelling of a UUID was an id.

    None where there can be none. The record id tells them from the node that is spelt as usual.
    """
    odd = {id_: uuid for id_ in node_ids if (uuid := _uuid(id_)) and uuid != id_}
    return AllOf((Ids(tuple(odd.values())), OneOf("record_id", tuple(odd)))) if odd else None


def _uuid(text: str) -> str | None:
    """Return a UUID in its usual spelling; None for what is not a UUID."""
    try:
        return str(UUID(text))
    except ValueError:
        return None


def new_fields(nodes: Iterable[WholeNode], known: Sequence[Field]) -> list[Field]:
    """Return the columns that these nodes bring, typed by the first value of each.

    A text is a time only if every text there is one. The first columns that come are indexed, while
    a collection has room: others are kept in their nodes.
    """
    kinds: dict[str, FieldType] = {}
    for name, kind in _typed_keys(nodes):
        if kinds.setdefault(name, kind) == "time" and kind == "words":
            kinds[name] = "words"
    slugs = {field.name: field.slug for field in known}
    found: list[Field] = []
    for name, kind in kinds.items():
        if len(slugs) >= MAX_FIELDS:
            break
        if name not in slugs:
            slugs[name] = free_slug(name, slugs.values())
            found.append(Field(name, slugs[name], kind))
    return found


def unfilterable(nodes: Iterable[WholeNode], known: Sequence[Field]) -> list[str]:
    """Return the names of metadata of these nodes that no filter can use, each once."""
    indexed = {field.name for field in known}
    names = dict.fromkeys(name for name, _ in _typed_keys(nodes))
    return [name for name in names if name not in indexed]


def _typed_keys(nodes: Iterable[WholeNode]) -> Iterator[tuple[str, FieldType]]:
    """Yield the metadata of each node that can be a column, with the type of its value."""
    for whole in nodes:
        for name, value in whole.node.metadata.items():
            kind = _type_of(value)
            if kind is not None and name not in PLACE_KEYS:
                yield name, kind


def _text_node(node: BaseNode, picture: Path | None) -> TextNode:
    """The node as it is, in a document: LlamaIndex deletes and updates by document."""
    own: dict[NodeRelationship, RelatedNodeType] = {
        NodeRelationship.SOURCE: RelatedNodeInfo(node_id=node.node_id)
    }
    if isinstance(node, TextNode):
        kept, relationships = node, own | node.relationships
    else:
        kept, relationships = _of_document(node, picture), node.relationships | own
    update: dict[str, Any] = {"relationships": relationships}
    if isinstance(kept, ImageNode) and picture:
        mimetype = kept.image_mimetype or mimetype_of(picture.name)
        update |= {"image": None, "image_path": str(picture), "image_mimetype": mimetype}
    if isinstance(kept, ImageNode):
        update["text_embedding"] = None  # a vector, which a payload would hold as text
    return kept.model_copy(update=update)


def _brought(node: BaseNode, picture: Path | None) -> Iterator[tuple[str, list[float] | None]]:
    """Yield the vectors that a node brings along, with the space of each."""
    yield ("image" if picture else "text"), node.embedding
    if isinstance(node, ImageNode) and node.text_embedding is not None:
        yield "text", node.text_embedding


def _unit(vector: Sequence[float], node_id: str, space: str, dimensions: int) -> list[float]:
    """Return a vector at length 1: its direction is all that LlamaIndex's stores compare."""
    length = math.hypot(*vector)
    if len(vector) != dimensions or not 0 < length < math.inf:
        raise SourceError(
            "bad_embedding",
            f"node {node_id!r} has an embedding of {len(vector)} dimensions, length {length:.3g};"
            f" this collection's {space} embeddings have {dimensions}, and a length above 0. Make"
            " it with the collection's own model, or set it to None: then the index makes it",
        )
    return [number / length for number in vector]


def _of_document(document: BaseNode, picture: Path | None) -> TextNode:
    """A document as one node: split, its picture would be embedded and stored with each part."""
    same = {name: getattr(document, name) for name in BaseNode.model_fields}
    kind = ImageNode if picture else TextNode
    return kind(**same, text=document.get_content())


def _picture(node: BaseNode) -> Path | None:
    path: object = None
    held: object = None
    if isinstance(node, ImageNode):
        path, held = node.image_path, node.image or node.image_url
    elif isinstance(node, Node) and node.image_resource:
        path, held = node.image_resource.path, node.image_resource.data or node.image_resource.url
    if held and not path:
        raise SourceError(
            "no_picture_file",
            f"node {node.node_id!r} has its picture in itself or at a URL, and a collection only"
            " refers to files: save the picture as a file and give its image_path",
        )
    picture = Path(str(path)).absolute() if path else None
    if picture and not picture.is_file():
        raise SourceError(
            "missing_file", f"the picture of node {node.node_id!r}, {picture}, is not a file"
        )
    return picture


def _payload(node: TextNode, picture: Path | None) -> dict[str, Any]:
    """LlamaIndex's part of a payload, and a ledger of no source: no ingest sweeps it away."""
    try:
        payload = node_payload(node)
        payload[
            "_node_content"
        ].encode()  # half a surrogate pair is text to Python, and to no engine
        pixels = content_hash(picture) if picture else ""
    except OSError as error:
        raise SourceError(
            "unreadable_file", f"the picture of node {node.node_id!r} cannot be read: {error}"
        ) from error
    except UnicodeEncodeError as error:
        raise SourceError(
            "bad_text", f"node {node.node_id!r} holds what is not valid Unicode: {error}"
        ) from error
    except ValueError as error:  # pydantic's, for what has no JSON
        raise SourceError(
            "bad_metadata", f"the metadata of node {node.node_id!r} cannot be stored: {error}"
        ) from error
    # A record id is the id whose point this is: the document's, or that of one node among several.
    document = node.ref_doc_id or node.node_id
    return payload | {
        "record_id": document if id_of(document) == id_of(node.node_id) else node.node_id,
        "source": "",
        "path": str(picture or ""),
        "metadata_hash": inserted_hash(payload, pixels),
    }


def _type_of(value: object) -> FieldType | None:
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case date():
            return "time"
        case str() if _ISO_DATE.match(value) and _moment(value):
            return "time"
        case str() | [str(), *_]:
            return "words"
    return None


def _moment(value: object) -> datetime | None:
    """A time as Python or JSON has it: a node that was read from a collection holds ISO strings."""
    if isinstance(value, datetime):
        return value
    text = value.isoformat() if isinstance(value, date) else value
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _place(metadata: Mapping[str, object]) -> Place | None:
    match metadata:
        case {"lat": int() | float() as lat, "lon": int() | float() as lon}:
            return valid_place(float(lat), float(lon))
    return None
