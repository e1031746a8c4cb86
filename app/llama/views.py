"""Space view: one space of a collection as a LlamaIndex vector store; see `index.py`."""

import math
from collections.abc import Sequence
from itertools import islice
from typing import Any, Literal

from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.schema import BaseNode
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
    VectorStoreQueryResult,
)

from app.filters.conditions import AllOf, Compare, Condition, OneOf, foregone
from app.filters.parse import parse
from app.llama.filters import from_metadata_filters
from app.llama.inserted import of_nodes
from app.llama.nodes import node_of
from app.model.errors import CollectionError, QueryError
from app.model.points import Point, Query, Vector
from app.store.collection import Collection
from app.store.gone import GONE_CANDIDATES, is_gone, outside_dead_sources


class SpaceView(BasePydanticVectorStore):
    """Reads one space; deletes whole records, for a record has one point with all its vectors.

    The index writes. Two stores that write would each hold half a record, and drift apart.
    """

    space: Literal["text", "image"]
    _collection: Collection = PrivateAttr()

    def __init__(self, collection: Collection, space: Literal["text", "image"]) -> None:
        super().__init__(stores_text=True, space=space)
        self._collection = collection

    @property
    def client(self) -> Collection:
        """The collection."""
        return self._collection

    def add(self, nodes: Sequence[BaseNode], **_: Any) -> list[str]:
        """Refuse to write, because one space is only half of a record."""
        raise CollectionError(
            "a view only reads; write whole records with the index: insert_nodes, to which also go"
            " the nodes that an IngestionPipeline returns"
        )

    def delete(self, ref_doc_id: str, **_: Any) -> None:
        """Delete every node of a document, with all vectors."""
        self._delete(Compare("doc_id", "==", ref_doc_id))

    def delete_nodes(
        self,
        node_ids: list[str] | None = None,
        filters: MetadataFilters | None = None,
        **_: Any,
    ) -> None:
        """Delete by node id, by filter, or what fits both; told nothing, it deletes nothing.

        Nor does a filter that is true of any record, such as one for all of an empty list.
        LlamaIndex's own stores, told nothing, delete everything; here `clear` does.
        """
        where = self._where(node_ids, filters)
        if where is not None and foregone(where) is None:
            self._delete(where)

    def clear(self) -> None:
        """Delete all records of the collection, in every space, also those of its sources.

        The next ingest of a source brings its records back.
        """
        self._collection.delete([id_ for _, id_ in self._collection.record_ids(None)])

    def get_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None
    ) -> list[BaseNode]:
        """Return nodes by id, by filter, or what fits both; told nothing, all of them."""
        found = self._collection.record_ids(self._where(node_ids, filters))
        points = self._collection.fetch([id_ for _, id_ in found])
        return [node_of(point.payload, self._collection) for point in points.values()]

    def query(
        self, query: VectorStoreQuery, *, where: str | None = None, **unknown: Any
    ) -> VectorStoreQueryResult:
        """Search this space by vector, under every filter at once.

        `where` in the retriever's `vector_store_kwargs` is a filter as `--where` has it, for what
        MetadataFilters cannot say, such as `near`. Raises QueryError.
        """
        vector = self._vector(query)
        if unknown:
            raise QueryError(f"vector_store_kwargs has {', '.join(unknown)}; a view takes `where`")
        condition = self._where(query.node_ids or None, query.filters, query.doc_ids, where=where)
        found = self._best(vector, query.similarity_top_k, condition)
        nodes = [node_of(point.payload, self._collection) for _, point in found]
        return VectorStoreQueryResult(
            nodes=nodes,
            similarities=[score for score, _ in found],
            ids=[node.node_id for node in nodes],
        )

    def _best(
        self, vector: Vector, top_k: int, where: Condition | None
    ) -> list[tuple[float, Point]]:
        """Return the best, with their scores; those whose pictures are gone after the others.

        As in `app/retrieval`, files are looked for of the best alone. Only if some are gone, more
        are looked at, without the sources that are gone as a whole.
        """
        found = self._found(vector, top_k, where)
        gone = [hit for hit in found if is_gone(hit[1].payload, self._collection)]
        if not gone:
            return found
        there = outside_dead_sources(self._collection)
        parts = tuple(part for part in (where, there) if part is not None)
        wider = self._found(vector, max(GONE_CANDIDATES, 2 * top_k), AllOf(parts))
        others = (hit for hit in wider if not is_gone(hit[1].payload, self._collection))
        best = list(islice(others, top_k))
        return best + gone[: top_k - len(best)]

    def _found(
        self, vector: Vector, limit: int, where: Condition | None
    ) -> list[tuple[float, Point]]:
        if not limit:
            return []
        query = Query(self.space, vector)
        (hits,) = self._collection.search([query], limit=limit, where=where)
        points = self._collection.fetch([hit.id for hit in hits])
        # One may have been deleted since.
        return [(hit.score, points[hit.id]) for hit in hits if hit.id in points]

    def _vector(self, query: VectorStoreQuery) -> Vector:
        """Return the vector of a query that this space can be asked."""
        mode, vector = VectorStoreQueryMode(query.mode), query.query_embedding
        if mode != VectorStoreQueryMode.DEFAULT or vector is None:
            raise QueryError(
                f"a view searches by vector, not in mode {mode.value!r}; for hybrid search there is"
                " app.Searcher"
            )
        if query.similarity_top_k < 0:
            raise QueryError(f"{query.similarity_top_k} nodes were asked for; it can be 0 or more")
        manifest = self._collection.manifest
        made = manifest.text if self.space == "text" else manifest.image
        if len(vector) != made.dimensions or not all(map(math.isfinite, vector)):
            raise QueryError(
                f"the query's embedding has {len(vector)} numbers; {made.name}, which made the"
                f" vectors of {self.space} here, gives {made.dimensions} finite ones"
            )
        return [vector] if self.space == "text" else vector

    def _delete(self, where: Condition) -> None:
        self._collection.delete([id_ for _, id_ in self._collection.record_ids(where)])

    def _where(
        self,
        node_ids: Sequence[str] | None,
        filters: MetadataFilters | None,
        doc_ids: Sequence[str] | None = None,
        *,
        where: str | None = None,
    ) -> Condition | None:
        fields = self._collection.fields
        parts: list[Condition] = []
        if node_ids is not None:
            parts.append(of_nodes(node_ids))
        if doc_ids:
            parts.append(OneOf("doc_id", tuple(doc_ids)))
        if filters is not None:
            parts.append(from_metadata_filters(filters, fields))
        if where:
            parts.append(parse(where, fields))
        return AllOf(tuple(parts)) if parts else None
