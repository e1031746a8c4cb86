"""Retrievers: a search of ours, in any of its modes, as a retriever of LlamaIndex's."""

import asyncio
from dataclasses import replace
from pathlib import Path

from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle

from app.llama.nodes import nodes_of_hits
from app.model.callbacks import own_callbacks
from app.retrieval.search import Search, Searcher


class HitRetriever(BaseRetriever):
    """Retrieves what a `Searcher` finds, one question at a time.

    `search` has all that is asked beside the question: mode, filter, how many. The words of the
    question, and its picture, take the place of those in it.
    """

    def __init__(self, searcher: Searcher, search: Search | None = None) -> None:
        super().__init__(callback_manager=own_callbacks())
        self._searcher = searcher
        self._search = search or Search()

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        path = query_bundle.image_path
        asked = replace(
            self._search, words=query_bundle.query_str, image=Path(path) if path else None
        )
        return nodes_of_hits(self._searcher.search(asked).hits, self._searcher.collection)

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._retrieve, query_bundle)
