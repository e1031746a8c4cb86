"""Plain: the usual LlamaIndex way, as a tutorial builds it. The yardstick of ingest and search."""

import warnings
from collections.abc import Sequence
from typing import Any

from llama_index.core import StorageContext
from llama_index.core.embeddings import MultiModalEmbedding
from llama_index.core.indices import MultiModalVectorStoreIndex
from llama_index.core.schema import ImageNode
from llama_index.vector_stores.qdrant import QdrantVectorStore
from pydantic import PrivateAttr
from qdrant_client import QdrantClient

from app.encoders import FloatMatrix
from app.model.records import Record
from app.store.payload import point_id
from ingest.write import RECORD_BATCH
from tests.benchmarks.prepared import Rows


class PreparedEmbedding(MultiModalEmbedding):
    """Prepared rows as LlamaIndex takes them, in the batches that ours has."""

    _rows: Rows = PrivateAttr()

    def __init__(self, rows: Rows) -> None:
        super().__init__(embed_batch_size=RECORD_BATCH)
        self._rows = rows

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return list(self._rows.take(len(texts)).tolist())

    def _get_image_embedding(self, img_file_path: Any) -> list[float]:
        return self._get_image_embeddings([img_file_path])[0]

    def _get_image_embeddings(self, img_file_paths: list[Any]) -> list[list[float]]:
        return list(self._rows.take(len(img_file_paths)).tolist())

    def _get_query_embedding(self, query: str) -> list[float]:
        return list(self._rows.of([query])[0].tolist())

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_query_embedding(query)

    async def _aget_image_embedding(self, img_file_path: Any) -> list[float]:
        return self._get_image_embedding(img_file_path)


def make_nodes(records: Sequence[Record]) -> list[ImageNode]:
    """Records as nodes; Qdrant takes UUIDs alone as ids. The captions alone are embedded."""
    return [
        ImageNode(
            id_=point_id(record.record_id),
            text="\n".join(record.captions),
            image_path=str(record.file),
            metadata=dict(record.metadata),
            excluded_embed_metadata_keys=list(record.metadata),
        )
        for record in records
    ]


def store(client: QdrantClient, name: str) -> QdrantVectorStore:
    return QdrantVectorStore(collection_name=name, client=client)


def ingest(records: Sequence[Record], client: QdrantClient, image: Rows, text: Rows) -> None:
    """Write the records as the constructor of the index does: each to both stores."""
    stores = StorageContext.from_defaults(
        vector_store=store(client, "text"), image_store=store(client, "image")
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # local mode says that it has no payload indexes
        MultiModalVectorStoreIndex(
            make_nodes(records),
            storage_context=stores,
            embed_model=PreparedEmbedding(text),
            image_embed_model=PreparedEmbedding(image),
        )


def open_image_index(
    records: Sequence[Record], rows: FloatMatrix, questions: Rows
) -> MultiModalVectorStoreIndex:
    """An index in memory whose image store is full; nothing asks for its text store."""
    client = QdrantClient(":memory:")
    images = store(client, "image")
    nodes = make_nodes(records)
    for node, row in zip(nodes, rows, strict=True):
        node.embedding = row.tolist()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as above, and that a server is better for so many
        images.add(nodes)
    return MultiModalVectorStoreIndex.from_vector_store(
        store(client, "text"),
        embed_model=PreparedEmbedding(questions),
        image_vector_store=images,
        image_embed_model=PreparedEmbedding(questions),
    )
