"""Index: a collection as a MultiModalVectorStoreIndex, for those who build on LlamaIndex.

The index embeds both sides and writes each node as one whole point. Its text store and its image
store are two views of that one collection, so a delete takes the record from every space, and the
spaces cannot drift apart. What differs from LlamaIndex's own index says so where it does.
"""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from copy import copy
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NoReturn, Self

from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.chat_engine.types import BaseChatEngine, ChatMode
from llama_index.core.data_structs.data_structs import IndexDict
from llama_index.core.indices.multi_modal import MultiModalVectorStoreIndex
from llama_index.core.indices.multi_modal.retriever import MultiModalVectorIndexRetriever
from llama_index.core.llms import LLM
from llama_index.core.llms.utils import LLMType, resolve_llm
from llama_index.core.schema import (
    BaseNode,
    Document,
    NodeWithScore,
    QueryBundle,
    TransformComponent,
)
from llama_index.core.storage.storage_context import StorageContext

from app.encoders import bm25
from app.encoders.maxsim import page_vectors
from app.filters.conditions import OneOf
from app.llama.embeddings import ImageAdapter, TextAdapter
from app.llama.engines import RETRIEVER_OPTIONS, chat_engine, query_engine
from app.llama.inserted import WholeNode, left_behind, new_fields, unfilterable, whole_node
from app.llama.views import SpaceView
from app.llama.vision import VisionLLM
from app.media.images import open_image
from app.model.callbacks import own_callbacks
from app.model.errors import QueryError, SourceError
from app.model.messages import counted
from app.model.points import Point, Vector
from app.model.records import MAX_FIELDS
from app.model.settings import Settings
from app.store.collection import Collection, open_collection
from app.store.models import Models

if TYPE_CHECKING:
    from PIL import Image

logger = logging.getLogger(__name__)

NODE_BATCH = 32
"""Nodes that are embedded and written together: pictures of up to 12 MB each are open at once."""

BATCH_ROWS = 512
"""Rows of words of such a batch, unless one node has more; each takes 12 KB on its way."""

MAX_ROW_NUMBERS = 1024 * 1024
"""In all rows of a point: a server of Qdrant's takes no more (MAX_MULTIVECTOR_FLATTENED_LEN)."""


Ready = tuple[WholeNode, list[str]]
"""A node, and what is to be embedded of its words."""


def open_index(name: str, settings: Settings) -> "CollectionIndex":
    """Open a collection as a LlamaIndex index, to read and to write. Close it, or use `with`.

    Its query engine and its chats ask the vision model that the settings name (`model`, on `ollama`
    or `vision_url`), unless they are given another: `as_query_engine(llm=…)`. A number in square
    brackets that is none of the nodes it was shown is taken out of a query's answer, as `ask` does;
    not where the question is put by a template of one's own, nor in a chat.

    LlamaIndex's own QdrantVectorStore reads a collection on a server too, one space at a time:
    `QdrantVectorStore(name, client, dense_vector_name="image")`, or "text"; its filters name
    columns as they are called. It must not write: its upsert replaces a whole point by one with one
    vector.
    Raises CollectionMissingError, CollectionBusyError.
    """
    collection = open_collection(name, settings, purpose="write")
    try:
        collection.hold("")  # nodes of LlamaIndex are of no source
        return CollectionIndex(collection, settings)
    except BaseException:
        collection.close()
        raise


class CollectionIndex(MultiModalVectorStoreIndex):
    """One collection behind LlamaIndex's multi-modal index.

    A document stays one node, however long its text: split, its picture would be embedded and
    stored with every part. A long text has a vector for each passage of it, and is found by the
    best of them. Of a node, its words alone are embedded, not the metadata before them. A vector
    that a node brings is kept: `embedding` is that of its picture, if it has one, else of its
    words; `text_embedding` of an ImageNode that of its words.
    Numbers, times, booleans and words in its metadata can be filtered by, typed by the first node
    that has them (a text such as "2024-01-31" is a time), up to 50 columns in all; `lat` and `lon`
    are its place. No ingest sweeps away what was written here; one with --rebuild does, for it
    makes the collection from its sources alone.
    """

    def __init__(self, collection: Collection, settings: Settings) -> None:
        self._settings = settings
        self._collection = collection
        self._models = Models.of(collection.manifest, settings)
        self._dimensions = {
            "text": collection.manifest.text.dimensions,
            "image": collection.manifest.image.dimensions,
        }
        self._writing = Lock()
        self._told = False
        super().__init__(
            nodes=[],
            embed_model=TextAdapter(self._models),
            image_embed_model=ImageAdapter(self._models, settings.max_megapixels),
            storage_context=StorageContext.from_defaults(
                vector_store=SpaceView(collection, "text")
            ),
            image_vector_store=SpaceView(collection, "image"),
            callback_manager=own_callbacks(),
            transformations=[_Whole()],  # LlamaIndex takes an empty list for "split as usual"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Note the count, and let go of the collection."""
        try:
            self._collection.settle()
        finally:
            self._collection.close()

    def as_retriever(self, **kwargs: Any) -> "IndexRetriever":
        """Return a retriever over both views.

        `similarity_top_k` and `image_similarity_top_k` are how many of each; `filters` are
        MetadataFilters by the fields' own names, `vector_store_kwargs={"where": …}` is a filter as
        `--where` has it.
        """
        callbacks = kwargs.pop("callback_manager", None) or own_callbacks()
        reads_words = self._models.reads_words
        return IndexRetriever(self, reads_words=reads_words, callback_manager=callbacks, **kwargs)

    def as_query_engine(  # type: ignore[override]  # theirs is deprecated
        self, llm: LLMType | None = None, **kwargs: Any
    ) -> BaseQueryEngine:
        """Return an engine that shows a model what a question finds: pictures, captions, metadata.

        LlamaIndex's own asks OpenAI when no model is named, and shows it the pictures alone. It
        takes what `as_retriever` does, and `streaming`, `output_cls`, `text_qa_template`,
        `node_postprocessors` or a `response_synthesizer`.
        """
        retriever, options = self._retriever(kwargs)
        return query_engine(retriever, self._model(llm), **options)

    def as_chat_engine(
        self, chat_mode: ChatMode = ChatMode.BEST, llm: LLMType | None = None, **kwargs: Any
    ) -> BaseChatEngine:
        """Return a chat about what each message finds, with the model of `as_query_engine`."""
        retriever, options = self._retriever(kwargs)
        model = self._model(llm)
        return chat_engine(ChatMode(chat_mode), retriever, model, **options)

    @classmethod
    def from_documents(cls, *_: Any, **__: Any) -> NoReturn:
        """Refuse: it would be made with the embeddings of LlamaIndex's global Settings."""
        raise QueryError(
            "an index is opened on a collection: open_index(name, settings), then"
            " refresh_ref_docs(documents)"
        )

    from_vector_store = from_documents

    def update_ref_doc(self, document: Document, **_: Any) -> None:
        """Replace a document. LlamaIndex deletes first: a picture that is gone would lose both."""
        self._replace(self._whole([document]))

    async def aupdate_ref_doc(self, document: Document, **_: Any) -> None:
        """Do what `update_ref_doc` does, off the event loop."""
        await asyncio.to_thread(self.update_ref_doc, document)

    def refresh_ref_docs(self, documents: Sequence[Document], **_: Any) -> list[bool]:
        """Write the documents that are new or changed, and say which were.

        Text, metadata and the picture's bytes count, against what the collection holds: LlamaIndex
        looks at the picture's path, in a store of its own that forgets when the program ends.
        """
        return [
            is_new
            for start in range(0, len(documents), NODE_BATCH)
            for is_new in self._refresh(documents[start : start + NODE_BATCH])
        ]

    async def arefresh_ref_docs(self, documents: Sequence[Document], **_: Any) -> list[bool]:
        """Do what `refresh_ref_docs` does, off the event loop."""
        return await asyncio.to_thread(self.refresh_ref_docs, documents)

    def build_index_from_nodes(self, nodes: Sequence[BaseNode], **kwargs: Any) -> IndexDict:
        """Take every node: LlamaIndex leaves out pictures without words."""
        return self._build_index_from_nodes(nodes, **kwargs)

    def _add_nodes_to_index(
        self, index_struct: IndexDict, nodes: Sequence[BaseNode], *_: Any, **__: Any
    ) -> None:
        """Write whole points, and leave LlamaIndex's flags for empty stores alone.

        It writes halves, and after one batch of words without pictures it takes the image store for
        empty, and finds no picture until it is made again.
        """
        self._write(self._whole(nodes))

    async def _async_add_nodes_to_index(
        self, index_struct: IndexDict, nodes: Sequence[BaseNode], *_: Any, **__: Any
    ) -> None:
        await asyncio.to_thread(self._add_nodes_to_index, index_struct, nodes)

    def _model(self, llm: LLMType | None) -> LLM:
        """Return the model that was given, or else the one that the settings name."""
        if isinstance(llm, LLM):
            return llm
        if llm is not None:
            return resolve_llm(llm, callback_manager=own_callbacks())
        return VisionLLM(self._settings)

    def _retriever(self, given: dict[str, Any]) -> "tuple[IndexRetriever, dict[str, Any]]":
        """Return a retriever made with what is given for it, and the rest."""
        own = {key: given[key] for key in given.keys() & {*RETRIEVER_OPTIONS, "callback_manager"}}
        return self.as_retriever(**own), {key: given[key] for key in given.keys() - own.keys()}

    def _whole(self, nodes: Sequence[BaseNode]) -> list[WholeNode]:
        return [whole_node(node, self._dimensions) for node in nodes]

    def _refresh(self, documents: Sequence[Document]) -> list[bool]:
        nodes = self._whole(documents)
        stored = self._collection.fetch([node.id for node in nodes])
        hashes = {id_: point.payload.get("metadata_hash") for id_, point in stored.items()}
        is_new = []
        for node in nodes:
            is_new.append(hashes.get(node.id) != node.payload["metadata_hash"])
            hashes[node.id] = node.payload["metadata_hash"]  # one may come twice
        self._replace([node for node, new in zip(nodes, is_new, strict=True) if new])
        return is_new

    def _replace(self, nodes: Sequence[WholeNode]) -> None:
        """Write documents; what else was stored of them goes."""
        self._write(nodes)
        of_them = OneOf("doc_id", tuple(str(node.node.ref_doc_id) for node in nodes))
        before = {id_ for _, id_ in self._collection.record_ids(of_them)}
        self._collection.delete(sorted(before - {node.id for node in nodes}))

    def _write(self, nodes: Sequence[WholeNode]) -> None:
        with self._writing:
            if new := new_fields(nodes, self._collection.fields):
                self._collection.remember(fields=new)
            self._tell_left_out(nodes)
            _tell_unfindable(nodes)
            ready = [(node, self._passages(node)) for node in nodes]
            for batch in _batches(ready):
                self._collection.upsert(list(self._points(batch)))
            if left := left_behind(node.node.node_id for node in nodes):
                self._collection.delete([id_ for _, id_ in self._collection.record_ids(left)])

    def _passages(self, node: WholeNode) -> list[str]:
        """Return what is embedded of a node's words: parts that the model reads whole."""
        if not node.text or "text" in node.brought:
            return []
        passages = self._models.text.split(node.text) or [node.text]  # no character has a token
        most = MAX_ROW_NUMBERS // self._dimensions["text"]
        if len(passages) > most:
            raise SourceError(
                "long_text",
                f"node {node.node.node_id!r} has {len(node.text):,} characters, which make"
                f" {len(passages):,} vectors; a node can have {most:,}. Split it with a node parser"
                " of LlamaIndex, such as SentenceSplitter, and give its nodes to insert_nodes",
            )
        return passages

    def _tell_left_out(self, nodes: Sequence[WholeNode]) -> None:
        """Warn once of metadata that no filter can use, because there was no room for it."""
        if not self._told and (names := unfilterable(nodes, self._collection.fields)):
            self._told = True
            logger.warning(
                "collection %r indexes %s columns and no more: %r (of %s) and those after it are"
                " kept in their nodes, but cannot be used in filters",
                *(self._collection.name, MAX_FIELDS, names[0], counted(len(names), "column")),
            )

    def _points(self, batch: Sequence[Ready]) -> Iterator[Point]:
        """Yield the points of a batch; texts and pictures are embedded at once."""
        texts = [passage for _, passages in batch for passage in passages]
        opened = [self._open(node.picture) if node.picture else None for node, _ in batch]
        bare = [
            picture
            for picture, (node, _) in zip(opened, batch, strict=True)
            if picture and "image" not in node.brought
        ]
        pictures = [picture for picture in opened if picture]
        rows = iter(self._models.text.embed_documents(texts).tolist() if texts else ())
        images = iter(self._models.image.embed_images(bare).tolist() if bare else ())
        page = self._models.page if pictures else None
        parts = map(page_vectors, page.embed_images(pictures) if page else ())
        for node, passages in batch:
            vectors: dict[str, Vector] = {}
            if passages:
                vectors["text"] = list(islice(rows, len(passages)))
            elif "text" in node.brought:
                vectors["text"] = [node.brought["text"]]
            if node.picture:
                vectors["image"] = node.brought.get("image") or next(images)
                vectors |= next(parts, {})
            yield Point(node.id, vectors | self._keywords(node.text), self._payload(node))

    def _payload(self, node: WholeNode) -> dict[str, Any]:
        collection = self._collection
        return node.payload_with(collection.fields, on_top=collection.is_shared)

    def _keywords(self, text: str) -> dict[str, Vector]:
        sparse = bm25.embed_document(text, self._collection.manifest.average_length)
        return {"keywords": sparse} if sparse else {}

    def _open(self, picture: Path) -> "Image.Image":
        return open_image(picture, max_megapixels=self._settings.max_megapixels)


class IndexRetriever(MultiModalVectorIndexRetriever):
    """LlamaIndex's own: what words find among texts, then what else they find among pictures.

    The two are not fused, and their scores not alike; `app.Searcher` fuses them. It differs in that
    a caller's QueryBundle stays as it was: LlamaIndex leaves a vector of one space in it, and then
    searches the other space with that.
    """

    def __init__(self, index: CollectionIndex, *, reads_words: bool, **kwargs: Any) -> None:
        for name in ("doc_ids", "node_ids"):
            if kwargs.get(name) == []:
                raise QueryError(
                    f"{name} is empty, so nothing could be found; LlamaIndex's stores search"
                    " everything then. Leave it out for that"
                )
        super().__init__(index, **kwargs)
        # LlamaIndex leaves out what its base class needs for an IndexNode that stands for another.
        self.object_map = index._object_map
        self._verbose = False
        self._reads_words = reads_words

    def _text_retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        """Ask with the words, or with the vector that the bundle brings."""
        own = copy(query_bundle) if query_bundle.embedding else _with_words(query_bundle)
        return super()._text_retrieve(own)

    def _text_to_image_retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        """Return nothing where the image embedding cannot read words, as palette cannot."""
        if query_bundle.embedding and not _has_words(query_bundle):
            return []  # the vector is of the texts' space
        own = _with_words(query_bundle)
        return super()._text_to_image_retrieve(own) if self._reads_words else []

    def _image_to_image_retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        if not query_bundle.image_path:
            raise QueryError("the query has no picture: give a path, or a bundle with image_path")
        return super()._image_to_image_retrieve(copy(query_bundle))

    async def _atext_retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._text_retrieve, query_bundle)

    async def _atext_to_image_retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._text_to_image_retrieve, query_bundle)

    async def _aimage_to_image_retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._image_to_image_retrieve, query_bundle)


def _batches(ready: Sequence[Ready]) -> Iterator[list[Ready]]:
    """Yield nodes in batches that neither their number nor their words make too large."""
    batch: list[Ready] = []
    rows = 0
    for each in ready:
        if batch and (len(batch) == NODE_BATCH or rows + len(each[1]) > BATCH_ROWS):
            yield batch
            batch, rows = [], 0
        batch.append(each)
        rows += len(each[1])
    if batch:
        yield batch


def _tell_unfindable(nodes: Sequence[WholeNode]) -> None:
    """Warn of nodes with nothing to search by. A folder of files often has an empty one."""
    if bare := [node.node.node_id for node in nodes if not node.is_findable]:
        logger.warning(
            "%s of %s, %r first, have neither words nor a picture: they are kept, but no search"
            " finds them",
            *(len(bare), counted(len(nodes), "node"), bare[0]),
        )


class _Whole(TransformComponent):
    """Documents as they are."""

    def __call__(self, nodes: Sequence[BaseNode], **_: Any) -> Sequence[BaseNode]:
        return nodes


def _with_words(query_bundle: QueryBundle) -> QueryBundle:
    """A copy to leave a vector in."""
    if not _has_words(query_bundle):
        raise QueryError("the query has no words; for a picture there is image_to_image_retrieve")
    return copy(query_bundle)


def _has_words(query_bundle: QueryBundle) -> bool:
    return any(text.strip() for text in query_bundle.embedding_strs)
