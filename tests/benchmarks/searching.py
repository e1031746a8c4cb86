"""Searching: our retrievers beside the bare engine, and beside the plain LlamaIndex way."""

import gc
import shutil
import statistics
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import qdrant_edge as q
from llama_index.core.indices.multi_modal.retriever import MultiModalVectorIndexRetriever

from app.encoders import bm25
from app.filters.parse import parse
from app.model.records import Record
from app.model.settings import Settings
from app.retrieval.hits import Hit
from app.retrieval.modes import hybrid, text_to_image
from app.retrieval.retriever import CANDIDATES, CollectionRetriever
from app.retrieval.signals import Asked
from app.store.collection import Collection, open_collection
from app.store.engines.edge import RESCORED, EdgeEngine
from app.store.models import QueryVectors
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

Where 2 % pass, the engine takes 0.4 ms, and what is the same for every search shows beside it:
0.6 ms for LlamaIndex's own call, its nodes, the filter and the fusion. Hence no limit there.
"""

WARM_UP = 3
"""Queries that are not counted: the first reads the vectors from disk."""

BLOCK = 20
"""Queries to one way before it is the other's turn. After the plain way six of ours are slow, for
what it does to caches and with BLAS threads; a median of 20 does not see them."""


@dataclass(frozen=True, slots=True)
class Bench:
    """A full collection, as an ingest leaves it; its shard as it was before it was optimised, which
    is what Edge gives untuned; and the questions asked of both, with their vectors."""

    collection: Collection
    untuned: q.EdgeShard
    questions: list[str]
    image: Rows
    text: Rows
    settings: Settings

    @property
    def shard(self) -> q.EdgeShard:
        """The engine itself, under our collection."""
        assert isinstance(self.collection.engine, EdgeEngine)
        return self.collection.engine.shard

    def ask(self, mode: type[CollectionRetriever], where: str = "") -> Callable[[str], list[Hit]]:
        """Our whole way from words to hits."""
        vectors = QueryVectors(prepared_models(self.image, self.text, self.settings))
        condition = parse(where, self.collection.fields) if where else None
        retriever = mode(self.collection, vectors, top_k=TOP_K, where=condition)
        return lambda words: retriever.search(Asked(words)).hits

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


def bare(
    bench: Bench,
    shard: q.EdgeShard,
    native_filter: q.Filter | None = None,
    params: q.SearchParams | None = None,
) -> Callable[[str], list[Any]]:
    """One query of the engine, and its winners fetched: the least that a search can do."""

    def asked(question: str) -> list[Any]:
        nearest = q.Query.Nearest(bench.image.of([question])[0].tolist(), using="image")
        request = q.QueryRequest(limit=TOP_K, query=nearest, filter=native_filter, params=params)
        return fetch(shard, [hit.id for hit in shard.query(request)])

    return asked


def fetch(shard: q.EdgeShard, ids: list[Any]) -> list[tuple[str, dict[str, Any]]]:
    """Ids and payloads; the latter become Python's only as they are looked at."""
    return [(str(point.id), point.payload) for point in shard.retrieve(ids, True, False)]


def bare_hybrid(bench: Bench) -> Callable[[str], list[Any]]:
    """Three queries as one batch, as many candidates as ours, and winners fetched; none fused."""

    def asked(question: str) -> list[Any]:
        indices, values = bm25.embed_query(question) or ([], [])
        spaces: dict[str, Any] = {
            "text": [bench.text.of([question])[0].tolist()],
            "keywords": q.SparseVector(indices=indices, values=values),
            "image": bench.image.of([question])[0].tolist(),
        }
        requests = [
            q.QueryRequest(limit=CANDIDATES, query=q.Query.Nearest(vector, using=space))
            for space, vector in spaces.items()
        ]
        lists = bench.untuned.query_batch(q.QueryBatchRequest(requests))
        return fetch(bench.untuned, [hit.id for hit in lists[0][:TOP_K]])

    return asked


def at_least(score: float) -> q.Filter:
    key = "fields.safer"
    return q.Filter(must=[q.FieldCondition(key=key, range=q.RangeFloat(gte=score))])


def fill(sizes: Sizes, folder: Path) -> tuple[Bench, Sequence[Record]]:
    """Write the collection and end as an ingest does; the records are for the plain way."""
    records = make_records(sizes.points)
    settings = Settings(home=folder)
    images = Rows(unit_rows(sizes.points, IMAGE_DIMENSIONS, seed=3))
    texts = Rows(unit_rows(sizes.points, TEXT_DIMENSIONS, seed=4))
    write(records, images, texts, settings, "searched").close()
    shutil.copytree(settings.collections_folder / "searched" / "shard", folder / "untuned")
    collection = open_collection("searched", settings, purpose="write")
    collection.settle()
    deque(collection.ledger(), maxlen=0)  # reads the payloads from disk: a warm start for all
    untuned = q.EdgeShard.load(str(folder / "untuned"))
    asked = sizes.queries + WARM_UP
    image = Rows(unit_rows(asked, IMAGE_DIMENSIONS, seed=5))
    text = Rows(unit_rows(asked, TEXT_DIMENSIONS, seed=6))
    return Bench(collection, untuned, make_questions(asked), image, text, settings), records


def measure(sizes: Sizes, folder: Path) -> list[Row]:
    """p50 of a search: our retrievers beside the engine alone, then beside the plain way."""
    bench, records = fill(sizes, folder)
    at = f"at {sizes.points:,} points"
    gc.collect()
    gc.freeze()  # else the garbage collector walks over the records that were written
    with bench.collection:
        rows = [
            *beside_the_engine(bench, sizes, at),
            beside_the_same_shard(bench, sizes, at),
            hybrid_row(bench, sizes, at),
            beside_the_plain_way(bench, sizes, at, records),
        ]
    bench.untuned.close()
    gc.unfreeze()
    return rows


def beside_the_engine(bench: Bench, sizes: Sizes, at: str) -> list[Row]:
    rows = []
    for passing, score, most in FILTERS:
        where = "" if score is None else f"safer >= {score}"
        ours = bench.ask(text_to_image.Retriever, where)
        engine = bare(bench, bench.untuned, None if score is None else at_least(score))
        must_agree(bench.questions[0], ours, engine)
        took = bench.compare(ours, engine, sizes.queries)
        name = ", ".join(part for part in (f"text-to-image {at}", passing) if part)
        rows.append(ratio_row(name, "ms", took, "bare Edge query and fetch", at_most=most))
    return rows


def beside_the_same_shard(bench: Bench, sizes: Sizes, at: str) -> Row:
    """What is ours alone: from words to a query, and from payloads to LlamaIndex's nodes."""
    closely = q.QuantizationSearchParams(rescore=True, oversampling=RESCORED / TOP_K)
    engine = bare(bench, bench.shard, params=q.SearchParams(quantization=closely))
    took = bench.compare(bench.ask(text_to_image.Retriever), engine, sizes.queries)
    name = f"text-to-image {at}, on one shard"
    return ratio_row(name, "ms", took, "bare query of our optimised shard, and fetch")


def must_agree(
    question: str,
    ours: Callable[[str], list[Hit]],
    engine: Callable[[str], list[Any]],
) -> None:
    """A speed counts only for the right answer."""
    found = {hit.id for hit in ours(question)}
    assert found == {id_ for id_, _ in engine(question)}


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
