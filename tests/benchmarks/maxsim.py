"""MaxSim: two stages beside one over everything, on pages of many vectors, in our own collection.

The pages are made: each is of one of 40 topics, half its rows lie around its topic's 25 directions
and half around the 60 that all pages share, as margins and plain paper do. A question is 20 rows of
a page, each with as much noise as it has length. Random rows alone would have no structure that
their mean could keep. Real pages may be kinder or less so: this holds times and the engine, and
what it says of quality is said of such pages only.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from app.encoders import FloatMatrix
from app.encoders.maxsim import FIRST_STAGE, in_two_stages, page_vectors, question_rows
from app.model.points import FirstStage, Point, Query
from app.model.settings import Settings
from app.store.collection import Collection, create_collection
from app.store.manifest import Model
from app.store.payload import point_id
from tests.benchmarks.prepared import prepared_manifest
from tests.benchmarks.rows import Row, Sizes, in_turn, ratio_row

DIMENSIONS, TOKENS, TOP_K = 128, 20, 10

TOPICS, OWN, SHARED = 40, 25, 60
"""Topics, directions of each, and directions that all pages share."""

SPREAD = 0.7
"""Length of a row's noise beside the direction it lies around."""

BATCH = 8


def measure(sizes: Sizes, folder: Path) -> list[Row]:
    """Milliseconds and the best ten of a question, in two stages and in one."""
    chance = np.random.default_rng(9)
    manifest = prepared_manifest().model_copy(
        update={"page": Model(name="colpali:made", model_id="made", dimensions=DIMENSIONS)}
    )
    with create_collection("pages", manifest, Settings(home=folder)) as collection:
        asked = [Query("page", question_rows(rows)) for rows in fill(collection, sizes, chance)]
        collection.settle()
        return [
            times(collection, asked, sizes),
            overlap(collection, asked, sizes, first_stage=FIRST_STAGE),
            overlap(collection, asked, sizes, first_stage=100),
        ]


def fill(collection: Collection, sizes: Sizes, chance: np.random.Generator) -> list[FloatMatrix]:
    """Write the pages; return as many questions, each of another of them, as are to be asked."""
    questions = []
    pages = enumerate(make_pages(sizes.late_pages, sizes.late_rows, chance))
    every = sizes.late_pages // sizes.late_queries
    batch: list[Point] = []
    for number, rows in pages:
        batch.append(Point(point_id(f"page {number}"), page_vectors(rows), {}))
        if number % every == 0 and len(questions) < sizes.late_queries:
            questions.append(noisy(chance.permutation(rows)[:TOKENS], 1.0, chance))
        if len(batch) == BATCH or number + 1 == sizes.late_pages:
            collection.upsert(batch)
            batch = []
    return questions


def make_pages(count: int, rows: int, chance: np.random.Generator) -> Iterator[FloatMatrix]:
    """Yield pages one by one: together they would take most of a GB."""
    topics = unit(chance.standard_normal((TOPICS, OWN, DIMENSIONS), dtype=np.float32))
    shared = unit(chance.standard_normal((SHARED, DIMENSIONS), dtype=np.float32))
    for number in range(count):
        own = topics[number % TOPICS][chance.integers(OWN, size=rows // 2)]
        common = shared[chance.integers(SHARED, size=rows - rows // 2)]
        yield noisy(np.concatenate([own, common]), SPREAD, chance)


def noisy(rows: FloatMatrix, length: float, chance: np.random.Generator) -> FloatMatrix:
    noise = unit(chance.standard_normal(rows.shape, dtype=np.float32))
    return unit(rows + np.float32(length) * noise)


def unit(rows: FloatMatrix) -> FloatMatrix:
    lengths: FloatMatrix = np.linalg.norm(rows, axis=-1, keepdims=True)
    return rows / lengths


def ten_best(collection: Collection, query: Query) -> list[str]:
    """Straight from the engine: a collection decides by its size how many stages there are."""
    (hits,) = collection.engine.search([query], limit=TOP_K, filter=None)
    return [hit.id for hit in hits]


def times(collection: Collection, asked: Sequence[Query], sizes: Sizes) -> Row:
    two = [partial(ten_best, collection, in_two_stages(query, TOP_K)) for query in asked]
    one = [partial(ten_best, collection, query) for query in asked]
    ours, yardstick = in_turn(two, one)
    name = f"MaxSim in two stages, {sizes.late_pages:,} pages of {sizes.late_rows} vectors"
    return ratio_row(name, "ms", (ours * 1000, yardstick * 1000), "exact over every page")


def overlap(
    collection: Collection, asked: Sequence[Query], sizes: Sizes, *, first_stage: int
) -> Row:
    shared = 0
    for query in asked:
        first = in_two_stages(query, TOP_K).first
        assert first is not None
        fewer = query._replace(first=FirstStage(first.space, first.vector, first_stage))
        shared += len({*ten_best(collection, query)} & {*ten_best(collection, fewer)})
    name = (
        f"MaxSim, best {TOP_K} of {sizes.late_pages:,} pages after the {first_stage} nearest means"
    )
    found = (shared / len(asked), float(min(TOP_K, sizes.late_pages)))
    return ratio_row(name, "pages", found, "the best of all pages")
