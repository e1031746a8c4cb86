"""Index: a collection as a MultiModalVectorStoreIndex, for those who build on LlamaIndex.

The index embeds both sides and writes each point once. Its text store and its image store are two
views of the one collection, so a delete takes the whole record and the spaces cannot drift apart.
"""

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.data_structs.data_structs import IndexDict
from llama_index.core.embeddings.multi_modal_base import MultiModalEmbedding
from llama_index.core.indices.multi_modal import MultiModalVectorStoreIndex
from llama_index.core.indices.multi_modal.retriever import MultiModalVectorIndexRetriever
from llama_index.core.schema import (
    BaseNode,
    Document,
    ImageNode,
    MetadataMode,
    NodeRelationship,
    NodeWithScore,
    QueryBundle,
    RelatedNodeInfo,
    TextNode,
)
from llama_index.core.storage.storage_context import StorageContext
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryResult,
)

from app.core import keywords
from app.core.collection import Collection, open_collection
from app.core.conditions import AllOf, AnyOf, Compare, Condition, Ids
from app.core.engines import Point, Query, Vector
from app.core.errors import CollectionError
from app.core.filters import from_metadata_filters
from app.core.images import content_hash, open_image
from app.core.models import Models
from app.core.nodes import filterable, node_payload, point_id
from app.core.records import Field, FieldType, free_slug
from app.core.settings import Settings
from app.core.where import parse

BATCH = 64


def open_index(name: str, settings: Settings) -> "CollectionIndex":
    """Open a collection as a LlamaIndex index, to read and to write; close it when done.

    Raises CollectionMissingError, CollectionBusyError, EmbeddingError.
    """
    collection = open_collection(name, settings, purpose="write")
    try:
        return CollectionIndex(collection, Models.of(collection.manifest, settings), settings)
    except BaseException:
        collection.close()
        raise


class CollectionIndex(MultiModalVectorStoreIndex):
    """One collection behind LlamaIndex's multi-modal index.

    A document stays one node, however long its text: split, its picture would be stored with every
    part. Nodes with words but no picture, or a picture but no words, are stored as they are.
    """

    def __init__(self, collection: Collection, models: Models, settings: Settings) -> None:
        self._collection = collection
        self._models = models
        self._settings_ = settings
        views = {space: SpaceView(collection, space) for space in ("text", "image")}
        super().__init__(
            nodes=[],
            embed_model=_TextAdapter(models),
            image_embed_model=_ImageAdapter(models, settings),
            storage_context=StorageContext.from_defaults(vector_store=views["text"]),
            image_vector_store=views["image"],
            transformations=[],
        )

    def close(self) -> None:
        """Note the count and let go of the collection."""
        self._collection.settle()
        self._collection.close()

    def as_retriever(self, **kwargs: Any) -> MultiModalVectorIndexRetriever:
        """Return LlamaIndex's retriever over both views."""
        return _Retriever(self, **kwargs)

    def delete_ref_doc(
        self, ref_doc_id: str, delete_from_docstore: bool = False, **delete_kwargs: Any
    ) -> None:
        """Delete every node of a document, with all its vectors."""
        self.vector_store.delete(ref_doc_id)

    def refresh_ref_docs(self, documents: Sequence[Document], **update_kwargs: Any) -> list[bool]:
        """Insert new documents, update those whose text, metadata or picture changed."""
        return [self._refresh(document) for document in documents]

    async def arefresh_ref_docs(
        self, documents: Sequence[Document], **update_kwargs: Any
    ) -> list[bool]:
        """Do what `refresh_ref_docs` does, off the event loop."""
        return await asyncio.to_thread(self.refresh_ref_docs, documents)

    def _refresh(self, document: Document) -> bool:
        node = _as_node(document)
        stored = self._collection.fetch([_id_of(node)])
        if any(point.payload.get("metadata_hash") == _hash(node) for point in stored.values()):
            return False
        self.update_ref_doc(document)
        return True

    def build_index_from_nodes(self, nodes: Sequence[BaseNode], **kwargs: Any) -> IndexDict:
        """Take every node: LlamaIndex's own drops pictures without words."""
        return self._build_index_from_nodes(nodes, **kwargs)

    def _add_nodes_to_index(
        self,
        index_struct: IndexDict,
        nodes: Sequence[BaseNode],
        show_progress: bool = False,
        **insert_kwargs: Any,
    ) -> None:
        own = [_as_node(node) for node in nodes]
        self._collection.remember(fields=_new_fields(own, self._collection.fields))
        for start in range(0, len(own), BATCH):
            self._collection.upsert(list(self._points(own[start : start + BATCH])))

    async def _async_add_nodes_to_index(self, *args: Any, **kwargs: Any) -> None:
        await asyncio.to_thread(self._add_nodes_to_index, *args, **kwargs)

    def _points(self, nodes: Sequence[TextNode]) -> Iterator[Point]:
        texts = [node.get_content(MetadataMode.NONE) for node in nodes]
        images = [
            open_image(path, max_megapixels=self._settings_.max_megapixels)
            for node in nodes
            if (path := _picture_of(node))
        ]
        spoken = [text for text in texts if text]
        rows = iter(self._models.text.embed_documents(spoken).tolist() if spoken else ())
        pictures = iter(self._models.image.embed_images(images).tolist() if images else ())
        for node, text in zip(nodes, texts, strict=True):
            vectors: dict[str, Vector] = {}
            if text:
                vectors["text"] = [next(rows)]
                if sparse := keywords.embed_document(
                    text, self._collection.manifest.average_length
                ):
                    vectors["keywords"] = sparse
            if _picture_of(node):
                vectors["image"] = next(pictures)
            yield Point(_id_of(node), vectors, self._payload(node, text))

    def _payload(self, node: TextNode, text: str) -> dict[str, Any]:
        captions = [text] if text else []
        payload = node_payload(node) | filterable(captions, node.metadata, self._collection.fields)
        path = _picture_of(node)
        return payload | {
            "source": "",  # of no source on disk: no ingest sweeps it away
            "path": str(path) if path else "",
            "metadata_hash": _hash(node),
        }


class SpaceView(BasePydanticVectorStore):
    """One space of a collection as a LlamaIndex vector store: to read, and to delete records."""

    stores_text: bool = True
    flat_metadata: bool = False
    space: str
    _collection: Collection = PrivateAttr()

    def __init__(self, collection: Collection, space: str) -> None:
        super().__init__(stores_text=True, space=space)
        self._collection = collection

    @property
    def client(self) -> Collection:
        """The collection."""
        return self._collection

    def add(self, nodes: Sequence[BaseNode], **_: Any) -> list[str]:
        """Refuse: one space of a record is half a record. The index writes whole ones."""
        raise CollectionError("write through the index (insert_nodes): a view holds half a record")

    def delete(self, ref_doc_id: str, **_: Any) -> None:
        """Delete every record of a document, with all its vectors."""
        found = self._collection.record_ids(Compare("doc_id", "==", ref_doc_id))
        self._collection.engine.delete([id_ for _, id_ in found])

    def delete_nodes(
        self,
        node_ids: list[str] | None = None,
        filters: MetadataFilters | None = None,
        **_: Any,
    ) -> None:
        """Delete records by node id or by filter. Asked for neither, it deletes nothing."""
        where = self._where(node_ids, filters)
        if where is not None:
            found = self._collection.record_ids(where)
            self._collection.engine.delete([id_ for _, id_ in found])

    async def adelete_nodes(
        self,
        node_ids: list[str] | None = None,
        filters: MetadataFilters | None = None,
        **kwargs: Any,
    ) -> None:
        """Do what `delete_nodes` does; LlamaIndex's own twin refuses."""
        self.delete_nodes(node_ids, filters, **kwargs)

    def get_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None
    ) -> list[BaseNode]:
        """Return nodes by id or filter; with neither, all of them."""
        found = self._collection.record_ids(self._where(node_ids, filters))
        points = self._collection.fetch([id_ for _, id_ in found])
        return [self._collection.node(points[id_].payload) for _, id_ in found if id_ in points]

    def query(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """Search this space. `where` in `vector_store_kwargs` takes a filter as `--where` does."""
        if query.query_embedding is None:
            raise CollectionError("a view searches by vector; its query holds none")
        vector: Vector = query.query_embedding
        if self.space == "text":
            vector = [query.query_embedding]
        where = self._where(query.node_ids or None, query.filters, query.doc_ids, **kwargs)
        (hits,) = self._collection.search(
            [Query(self.space, vector)], limit=query.similarity_top_k, where=where
        )
        points = self._collection.fetch([hit.id for hit in hits])
        return VectorStoreQueryResult(
            nodes=[self._collection.node(points[hit.id].payload) for hit in hits],
            similarities=[hit.score for hit in hits],
            ids=[hit.id for hit in hits],
        )

    def _where(
        self,
        node_ids: Sequence[str] | None,
        filters: MetadataFilters | None,
        doc_ids: Sequence[str] | None = None,
        where: str | None = None,
    ) -> Condition | None:
        fields = self._collection.fields
        parts: list[Condition] = []
        if node_ids is not None:
            parts.append(Ids(tuple(_uuid_of(id_) for id_ in node_ids)))
        if filters is not None and filters.filters:
            parts.append(from_metadata_filters(filters, fields))
        if doc_ids:
            parts.append(AnyOf(tuple(Compare("doc_id", "==", id_) for id_ in doc_ids)))
        if where:
            parts.append(parse(where, fields))
        return AllOf(tuple(parts)) if parts else None


class _Retriever(MultiModalVectorIndexRetriever):
    """LlamaIndex's own, except that a caller's bundle stays as it is and pictures may be Paths."""

    def _text_to_image_retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        adapter = self._image_embed_model
        if isinstance(adapter, _ImageAdapter) and not adapter.reads_words:
            return []  # such a model has nothing to say to words
        own = QueryBundle(query_bundle.query_str, query_bundle.image_path)
        return super()._text_to_image_retrieve(own)

    async def _atext_to_image_retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._text_to_image_retrieve, query_bundle)


class _TextAdapter(BaseEmbedding):
    """Our text embedding as LlamaIndex's."""

    _models: Models = PrivateAttr()

    def __init__(self, models: Models) -> None:
        super().__init__(model_name=models.text_name)
        self._models = models

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return list(self._models.text.embed_documents(texts).tolist())

    def _get_query_embedding(self, query: str) -> list[float]:
        return list(self._models.text.embed_queries([query])[0].tolist())

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return await asyncio.to_thread(self._get_query_embedding, query)


class _ImageAdapter(MultiModalEmbedding):
    """Our image embedding as LlamaIndex's; pictures come in through our own door."""

    _models: Models = PrivateAttr()
    _max_megapixels: float = PrivateAttr()

    def __init__(self, models: Models, settings: Settings) -> None:
        super().__init__(model_name=models.image_name)
        self._models = models
        self._max_megapixels = settings.max_megapixels

    @property
    def reads_words(self) -> bool:
        """Whether words can be read into the image space."""
        return self._models.reads_words

    def _get_text_embedding(self, text: str) -> list[float]:
        return list(self._models.image.embed_words([text])[0].tolist())

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return await asyncio.to_thread(self._get_text_embedding, query)

    def _get_image_embedding(self, img_file_path: Any) -> list[float]:  # noqa: ANN401 - ImageType
        is_path = isinstance(img_file_path, str | Path)
        source = Path(img_file_path) if is_path else img_file_path.read()
        image = open_image(source, max_megapixels=self._max_megapixels)
        return list(self._models.image.embed_images([image])[0].tolist())

    async def _aget_image_embedding(self, img_file_path: Any) -> list[float]:  # noqa: ANN401
        return await asyncio.to_thread(self._get_image_embedding, img_file_path)


def _as_node(node: BaseNode) -> TextNode:
    """A node of its own kind, with a document to belong to; documents become nodes."""
    path = getattr(node, "image_path", None)
    kind = ImageNode if path else TextNode
    own = kind(
        id_=node.node_id,
        text=node.get_content(MetadataMode.NONE),
        metadata=node.metadata,
        excluded_embed_metadata_keys=list(node.metadata),
        relationships=dict(node.relationships),
        **({"image_path": path} if path else {}),
    )
    if own.ref_doc_id is None:
        own.relationships[NodeRelationship.SOURCE] = RelatedNodeInfo(node_id=node.node_id)
    return own


def _picture_of(node: TextNode) -> Path | None:
    return Path(node.image_path) if isinstance(node, ImageNode) and node.image_path else None


def _id_of(node: BaseNode) -> str:
    return _uuid_of(node.node_id)


def _uuid_of(node_id: str) -> str:
    """Qdrant takes UUIDs alone; any other node id is made one, as a record id is."""
    from uuid import UUID

    try:
        return str(UUID(node_id))
    except ValueError:
        return point_id(node_id)


def _hash(node: TextNode) -> str:
    """Of text, metadata and the picture's bytes; LlamaIndex's own leaves out the last two."""
    path = _picture_of(node)
    said = (node.text, sorted(node.metadata.items(), key=str), path and content_hash(path))
    return hashlib.sha256(repr(said).encode()).hexdigest()[:32]


def _new_fields(nodes: Sequence[TextNode], known: Sequence[Field]) -> list[Field]:
    """Columns that these nodes bring, typed by the first value of each."""
    taken = {field.name: field.slug for field in known}
    new: list[Field] = []
    for node in nodes:
        for name, value in node.metadata.items():
            kind = _type_of(value)
            if name not in taken and kind is not None:
                taken[name] = free_slug(name, taken.values())
                new.append(Field(name, taken[name], kind))
    return new


def _type_of(value: object) -> FieldType | None:
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case datetime():
            return "time"
        case str():
            return "words"
    return None
