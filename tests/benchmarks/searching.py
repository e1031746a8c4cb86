"""Searching: our retrievers beside the bare engine, and beside the plain LlamaIndex way."""

import gc
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import qdrant_edge as q
from llama_index.core.indices.multi_modal.retriever import MultiModalVectorIndexRetriever
from llama_index.core.schema import NodeWithScore

from app.core import keywords
from app.core.collection import Collection
from app.core.engines.edge import EdgeEngine
from app.core.models import QueryVectors
from app.core.records import Record
from app.core.settings import Settings
from app.core.where import parse
from app.retrieval.modes import hybrid, text_to_image
from app.retrieval.retriever import CANDIDATES, CollectionRetriever
from tests.benchmarks import plain
from tests.benchmarks.prepared import (
    IMAGE_DIMENSIONS,
    TEXT_DIMENSIONS,
    Rows,
    make_questions,
    make_records,
    prepared_models,
    unit_rows,
)
from tests.benchmarks.rows import Row, Sizes, ratio_row, seconds
from tests.benchmarks.writing import write

TOP_K = 5

FILTERS = (
    ("", None, 1.3),
    ("half pass", 5.0, 1.5),
    ("10 % pass", 9.0, 1.5),
    ("2 % pass", 9.8, None),
)
"""What passes, the least score for that (they lie evenly from 0 to 10), and the ratio's limit.

Where few pass, the engine takes 0.3 ms, and what LlamaIndex does for a query shows: no limit.
"""

WARM_UP = 3
"""Queries that are not counted: the first reads the vectors from disk."""

BLOCK = 20
"""Queries to one way before it is the other's turn. After the plain way six of ours are slow, for
what it does to caches and with BLAS threads; a median of 20 does not see them."""


@dataclass(frozen=True, slots=True)
class Bench:
    """A full collection, the questions asked of it, and their vectors in both spaces."""

    collection: Collection
    questions: list[str]
    image: Rows
    text: Rows
    settings: Settings

    @property
    def shard(self) -> q.EdgeShard:
        """The engine itself, under our collection."""
        assert isinstance(self.collection.engine, EdgeEngine)
        return self.collection.engine.shard

    def ask(
        self, mode: type[CollectionRetriever], where: str = ""
    ) -> Callable[[str], list[NodeWithScore]]:
        """Our whole way from words to hits."""
        vectors = QueryVectors(prepared_models(self.image, self.text, self.settings))
        condition = parse(where, self.collection.fields) if where else None
        return mode(self.collection, vectors, top_k=TOP_K, where=condition).retrieve

    def compare(
        self, ours: Callable[[str], object], yardstick: Callable[[str], object], count: int
    ) -> tuple[float, float]:
        """Median milliseconds of a question, both ways in turn; none is asked a second time."""
        for question in self.questions[:WARM_UP]:
            ours(question), yardstick(question)
        taken: tuple[list[float], list[float]] = ([], [])
        asked = self.questions[WARM_UP : WARM_UP + count]
        for start in range(0, count, BLOCK):
            for way, took in zip((ours, yardstick), taken, strict=True):
                took += [seconds(partial(way, question)) for question in asked[start:][:BLOCK]]
        return statistics.median(taken[0]) * 1000, statistics.median(taken[1]) * 1000


def bare(bench: Bench, native_filter: q.Filter | None) -> Callable[[str], list[Any]]:
    """One query of the engine, and its winners fetched: the least that a search can do."""

    def asked(question: str) -> list[Any]:
        vector = bench.image.of([question])[0].tolist()
        nearest = q.Query.Nearest(vector, using="image")
        hits = bench.shard.query(q.QueryRequest(limit=TOP_K, query=nearest, filter=native_filter))
        return list(bench.shard.retrieve([hit.id for hit in hits], True, False))

    return asked


def bare_hybrid(bench: Bench) -> Callable[[str], list[Any]]:
    """Three queries as one batch, as many candidates as ours, and winners fetched; none fused."""

    def asked(question: str) -> list[Any]:
        indices, values = keywords.embed_query(question) or ([], [])
        spaces: dict[str, Any] = {
            "text": [bench.text.of([question])[0].tolist()],
            "keywords": q.SparseVector(indices=indices, values=values),
            "image": bench.image.of([question])[0].tolist(),
        }
        requests = [
            q.QueryRequest(limit=CANDIDATES, query=q.Query.Nearest(vector, using=space))
            for space, vector in spaces.items()
        ]
        lists = bench.shard.query_batch(q.QueryBatchRequest(requests))
        return list(bench.shard.retrieve([hit.id for hit in lists[0][:TOP_K]], True, False))

    return asked


def at_least(score: float) -> q.Filter:
    key = "fields.safer"
    return q.Filter(must=[q.FieldCondition(key=key, range=q.RangeFloat(gte=score))])


def fill(sizes: Sizes, folder: Path) -> tuple[Bench, Sequence[Record]]:
    """Write the collection through our pipeline; the records are handed on for the plain way."""
    records = make_records(sizes.points)
    settings = Settings(home=folder)
    images = Rows(unit_rows(sizes.points, IMAGE_DIMENSIONS, seed=3))
    texts = Rows(unit_rows(sizes.points, TEXT_DIMENSIONS, seed=4))
    collection = write(records, images, texts, settings, "searched")
    asked = sizes.queries + WARM_UP
    image = Rows(unit_rows(asked, IMAGE_DIMENSIONS, seed=5))
    text = Rows(unit_rows(asked, TEXT_DIMENSIONS, seed=6))
    return Bench(collection, make_questions(asked), image, text, settings), records


def measure(sizes: Sizes, folder: Path) -> list[Row]:
    """p50 of a search, our retrievers first beside the engine alone, then beside the plain way."""
    bench, records = fill(sizes, folder)
    at = f"at {sizes.points:,} points"
    gc.collect()
    gc.freeze()  # else the garbage collector walks over the records that were written
    with bench.collection:
        rows = [
            *beside_the_engine(bench, sizes, at),
            hybrid_row(bench, sizes, at),
            beside_the_plain_way(bench, sizes, at, records),
        ]
    gc.unfreeze()
    return rows


def beside_the_engine(bench: Bench, sizes: Sizes, at: str) -> list[Row]:
    rows = []
    for passing, score, most in FILTERS:
        where = "" if score is None else f"safer >= {score}"
        ours = bench.ask(text_to_image.Retriever, where)
        engine = bare(bench, None if score is None else at_least(score))
        must_agree(bench.questions[0], ours, engine)
        took = bench.compare(ours, engine, sizes.queries)
        name = ", ".join(part for part in (f"text-to-image {at}", passing) if part)
        rows.append(ratio_row(name, "ms", took, "bare Edge query and fetch", at_most=most))
    return rows


def must_agree(
    question: str,
    ours: Callable[[str], list[NodeWithScore]],
    engine: Callable[[str], list[Any]],
) -> None:
    """A speed counts only for the right answer."""
    found = {hit.node.node_id for hit in ours(question)}
    assert found == {str(point.id) for point in engine(question)}


def hybrid_row(bench: Bench, sizes: Sizes, at: str) -> Row:
    ours = bench.ask(hybrid.Retriever)
    took = bench.compare(ours, bare_hybrid(bench), sizes.queries)
    return ratio_row(f"hybrid {at}", "ms", took, "bare batch of three and fetch")


def beside_the_plain_way(bench: Bench, sizes: Sizes, at: str, records: Sequence[Record]) -> Row:
    rows = unit_rows(sizes.points, IMAGE_DIMENSIONS, seed=3)
    index = plain.open_image_index(records, rows, bench.image)
    retriever = MultiModalVectorIndexRetriever(index, image_similarity_top_k=TOP_K)
    gc.collect()
    gc.freeze()
    ours = bench.ask(text_to_image.Retriever)
    took = bench.compare(ours, retriever.text_to_image_retrieve, sizes.plain_queries)
    name = f"text-to-image {at}, beside the plain way"
    return ratio_row(name, "ms", took, "LlamaIndex, qdrant-client in memory", at_most=0.1)
