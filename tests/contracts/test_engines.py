"""What an engine promises, asked of every engine in the folder.

`server` speaks over loopback to a stand-in, and to a real server where SIGHTLINE_TEST_QDRANT names
one.
"""

import json
import logging
import os
import pkgutil
import random
import shutil
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from inspect import signature
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

import app.store.engines
from app.filters.compile import compile_filter
from app.filters.conditions import AllOf, Compare
from app.model.errors import CollectionBusyError, CollectionError, SettingsError
from app.model.points import FirstStage, Point, Query
from app.model.settings import Settings
from app.store.engines import Engine, Spaces
from app.store.engines.connection import Connection
from app.store.engines.edge import EdgeEngine
from app.store.engines.lock import Purpose
from app.store.engines.server import ServerEngine, names_on_server
from tests.qdrant_double import QdrantDouble

SPACES = Spaces(
    dense={"image": 2, "page_mean": 2}, rows={"text": 2}, sparse=("keywords",), late={"page": 2}
)
INDEXES = {"source": "keyword", "fields.city": "keyword", "fields.safer": "float"}
MANIFEST = {"made": "by hand", "nested": {"ключ": [1, 2.5, None]}}

Open = Callable[[Purpose], Engine]


def edge(tmp_path: Path) -> Open:
    return lambda purpose="write": EdgeEngine(tmp_path / "streets", purpose)


def server(qdrant: QdrantDouble) -> Open:
    connection = Connection(qdrant.url, Settings())
    return lambda purpose="write": ServerEngine(connection, "streets", purpose=purpose)


def server_over_grpc(qdrant_with_grpc: QdrantDouble) -> Open:
    port = qdrant_with_grpc.grpc_port or 0
    connection = Connection(qdrant_with_grpc.url, Settings(qdrant_grpc_port=port))
    assert connection.is_grpc
    return lambda purpose="write": ServerEngine(connection, "streets", purpose=purpose)


@pytest.fixture
def qdrant_with_grpc() -> Iterator[QdrantDouble]:
    with QdrantDouble(grpc_port=0) as double:
        yield double


def real_server() -> Open:
    url = os.environ.get("SIGHTLINE_TEST_QDRANT")
    if not url:
        pytest.skip("SIGHTLINE_TEST_QDRANT names no Qdrant server")
    key = os.environ.get("SIGHTLINE_TEST_QDRANT_API_KEY")
    connection = Connection(url, Settings(qdrant_api_key=key))
    name = f"sightline-test-{uuid.uuid4().hex[:8]}"
    return lambda purpose="write": ServerEngine(connection, name, purpose=purpose)


ENGINES = {"edge": edge, "server": server}


def test_every_engine_of_the_folder_is_under_contract() -> None:
    modules = {module.name for module in pkgutil.iter_modules(app.store.engines.__path__)}
    parts = {"lock", "copies", "connection", "lease", "metadata"} | {
        f"{name}_filters" for name in ENGINES
    }
    assert modules - parts == ENGINES.keys()


@pytest.fixture(
    params=[
        *ENGINES.values(),
        server_over_grpc,
        real_server,
    ],
    ids=[*ENGINES, "server_over_grpc", "real_server"],
)
def open_engine(request: pytest.FixtureRequest) -> Open:
    """What a builder takes are fixtures."""
    return request.param(*map(request.getfixturevalue, signature(request.param).parameters))


@pytest.fixture
def engine(open_engine: Open) -> Iterator[Engine]:
    engine = open_engine("write")
    made(engine)
    yield engine
    engine.drop()
    engine.close()


def made(engine: Engine, manifest: dict[str, Any] | None = None, **more: bool) -> None:
    engine.create(SPACES, INDEXES, manifest or MANIFEST, **more)
    engine.publish()


def begin_writing(engine: Engine, source: str) -> None:
    engine.open()
    engine.hold(source)


def id_of(number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, str(number)))


EAST, NORTH, DIAGONAL = (1.0, 0.0), (0.0, 1.0), (0.6, 0.8)

POINTS = [
    Point(
        id_of(1),
        {"image": list(EAST), "text": [list(EAST), list(NORTH)], "keywords": ([7, 9], [1.0, 2.0])},
        {"record_id": "a", "source": "one", "fields": {"city": "Ghent", "safer": 2.5}},
    ),
    Point(
        id_of(2),
        {"image": list(NORTH), "keywords": ([9], [1.0])},
        {"record_id": "b", "source": "one", "fields": {"city": "Ghent", "safer": 7.0}},
    ),
    Point(
        id_of(3),
        {"image": list(DIAGONAL), "text": [list(DIAGONAL)]},
        {"record_id": "c", "source": "two", "fields": {"city": "Bonn"}},
    ),
]


def test_a_vector_finds_its_nearest_first_with_its_cosine(engine: Engine) -> None:
    engine.upsert(POINTS)
    (hits,) = engine.search([Query("image", list(EAST))], limit=2, filter=None)
    assert [hit.id for hit in hits] == [id_of(1), id_of(3)]
    assert [hit.score for hit in hits] == pytest.approx([1.0, 0.6], abs=1e-6)


def test_the_best_row_of_a_text_counts(engine: Engine) -> None:
    engine.upsert(POINTS)
    (hits,) = engine.search([Query("text", [list(NORTH)])], limit=3, filter=None)
    assert [(hit.id, round(hit.score, 6)) for hit in hits] == [(id_of(1), 1.0), (id_of(3), 0.8)]


PAGES = [
    Point(
        id_of(1),
        {"page": [list(EAST), list(NORTH)], "page_mean": [0.707107, 0.707107]},
        {"fields": {"city": "Ghent"}},
    ),
    Point(id_of(2), {"page": [list(EAST)] * 3, "page_mean": list(EAST)}, {}),
    Point(
        id_of(3),
        {"page": [list(DIAGONAL)], "page_mean": list(DIAGONAL)},
        {"fields": {"city": "Ghent"}},
    ),
]

HALVES = [[0.5, 0.0], [0.0, 0.5]]
"""A question of two tokens, east and north, each with half a say."""


def test_a_page_scores_the_best_of_its_rows_for_each_of_a_question_s(engine: Engine) -> None:
    engine.upsert(PAGES)
    (hits,) = engine.search([Query("page", HALVES)], limit=3, filter=None)
    assert [hit.id for hit in hits] == [id_of(1), id_of(3), id_of(2)]
    # 1/2 + 1/2, then .6/2 + .8/2, then 1/2 + 0; kept at half precision.
    assert [hit.score for hit in hits] == pytest.approx([1.0, 0.7, 0.5], abs=5e-4)


def test_rows_of_a_page_come_back_as_they_were_written(engine: Engine) -> None:
    engine.upsert(PAGES)
    first = {point.id: point for point in engine.fetch([id_of(3)], vectors=["page", "page_mean"])}
    engine.upsert([first[id_of(3)]])
    (again,) = engine.fetch([id_of(3)], vectors=["page", "page_mean"])
    assert again.vectors == first[id_of(3)].vectors
    assert again.vectors["page"][0] == pytest.approx(DIAGONAL, abs=5e-4)


def test_after_a_first_stage_only_its_best_are_scored(engine: Engine) -> None:
    engine.upsert(PAGES)
    east = FirstStage("page_mean", list(EAST), 2)
    (hits,) = engine.search([Query("page", HALVES, east)], limit=3, filter=None)
    assert [hit.id for hit in hits] == [id_of(1), id_of(2)]


def test_a_first_stage_is_filtered_before_its_best_are_taken(engine: Engine) -> None:
    engine.upsert(PAGES)
    ghent = compile_filter(Compare("fields.city", "==", "Ghent"))
    east = FirstStage("page_mean", list(EAST), 1)  # nearest of all is point 2, which is no Ghent
    (hits,) = engine.search([Query("page", HALVES, east)], limit=3, filter=ghent)
    assert [hit.id for hit in hits] == [id_of(1)]


def test_a_rare_word_weighs_more_than_a_common_one(engine: Engine) -> None:
    engine.upsert(POINTS)
    (rare,) = engine.search([Query("keywords", ([7], [1.0]))], limit=3, filter=None)
    (common,) = engine.search([Query("keywords", ([9], [1.0]))], limit=3, filter=None)
    assert [hit.id for hit in rare] == [id_of(1)]
    assert [hit.id for hit in common] == [id_of(1), id_of(2)]
    # idf = ln(1 + (N - n + 0.5) / (n + 0.5)) with N = 2 points that have the space.
    assert rare[0].score > common[1].score


def test_one_filter_serves_every_query_of_a_batch(engine: Engine) -> None:
    engine.upsert(POINTS)
    where = compile_filter(Compare("fields.city", "==", "Ghent"))
    batch = [Query("image", list(DIAGONAL)), Query("keywords", ([9], [1.0]))]
    found = engine.search(batch, limit=5, filter=where)
    assert [{hit.id for hit in hits} for hits in found] == [{id_of(1), id_of(2)}] * 2


def test_a_query_may_name_points_of_its_own(engine: Engine) -> None:
    engine.upsert(POINTS)
    ghent = compile_filter(Compare("fields.city", "==", "Ghent"))
    everything = Query("image", list(DIAGONAL))
    second, none = (everything._replace(among=ids) for ids in ((id_of(2), id_of(3)), ()))
    found = engine.search([everything, second, none], limit=5, filter=ghent)
    assert [{hit.id for hit in hits} for hits in found] == [{id_of(1), id_of(2)}, {id_of(2)}, set()]


def test_an_upsert_replaces_vectors_and_payload(engine: Engine) -> None:
    engine.upsert(POINTS)
    engine.upsert([Point(id_of(1), {"image": list(NORTH)}, {"record_id": "a"})])
    (point,) = engine.fetch([id_of(1)], vectors=["image", "text"])
    assert point.payload == {"record_id": "a"}
    assert point.vectors == {"image": pytest.approx(list(NORTH))}


def test_a_payload_key_can_be_set_and_the_rest_stays(engine: Engine) -> None:
    engine.upsert(POINTS)
    engine.set_payload(id_of(2), {"size": 12})
    (point,) = engine.fetch([id_of(2)], vectors=["image"])
    assert point.payload == {**POINTS[1].payload, "size": 12}
    assert point.vectors["image"] == pytest.approx(list(NORTH))


def test_fetch_leaves_out_what_is_not_there(engine: Engine) -> None:
    engine.upsert(POINTS)
    assert [point.id for point in engine.fetch([id_of(3), id_of(99)])] == [id_of(3)]


def test_scroll_yields_every_point_with_the_keys_asked_for(engine: Engine) -> None:
    many = [Point(id_of(n), {"image": list(EAST)}, {"record_id": str(n)}) for n in range(5000)]
    engine.upsert(many)
    found = dict(engine.scroll(["record_id"]))
    assert found == {id_of(n): {"record_id": str(n)} for n in range(5000)}


def test_delete_and_count_agree(engine: Engine) -> None:
    engine.upsert(POINTS)
    engine.delete([id_of(1), id_of(99)])
    engine.delete([])
    one = compile_filter(Compare("source", "==", "one"))
    assert (engine.count(), engine.count(one)) == (2, 1)


def test_commonest_values_come_with_their_counts(engine: Engine) -> None:
    engine.upsert(POINTS)
    assert engine.commonest("fields.city", 5) == [("Ghent", 2), ("Bonn", 1)]
    first = compile_filter(Compare("record_id", "==", "a"))
    assert engine.commonest("fields.city", 5, first) == [("Ghent", 1)]


def test_points_come_in_the_order_of_an_index_without_those_that_have_no_value(
    engine: Engine,
) -> None:
    assert engine.ordered("fields.safer", 5) == []
    engine.upsert(POINTS)
    rising = [payload["record_id"] for _, payload in engine.ordered("fields.safer", 9)]
    falling = engine.ordered("fields.safer", 9, descending=True)
    assert rising == ["a", "b"]
    assert [payload["record_id"] for _, payload in falling] == ["b", "a"]
    assert [id_ for id_, _ in engine.ordered("fields.safer", 1)] == [id_of(1)]
    safe = compile_filter(Compare("fields.safer", ">", 3))
    assert [id_ for id_, _ in engine.ordered("fields.safer", 9, safe)] == [id_of(2)]


def test_a_fraction_is_found_as_it_was_written_and_as_it_is_read(engine: Engine) -> None:
    """Edge reads one in eleven back with another last digit; a server reads what was written."""
    chance = random.Random(3)
    many = 200 if isinstance(engine, EdgeEngine) else 12
    written = [chance.uniform(-10, 10) for _ in range(many)]
    points = [
        Point(id_of(n), {"image": list(EAST)}, {"fields": {"safer": number}})
        for n, number in enumerate(written)
    ]
    engine.upsert(points)
    read = [payload["fields"]["safer"] for _, payload in engine.scroll(["fields"])]
    for number in (*written, *read):
        counts = [
            engine.count(compile_filter(Compare("fields.safer", order, number)))
            for order in ("<", "==", ">")
        ]
        assert (counts[1], sum(counts)) == (1, many)


def test_points_are_read_by_id_so_many_at_a_time(engine: Engine) -> None:
    ids = [id_of(number) for number in range(11)]
    engine.upsert([Point(id_, {"image": list(EAST)}, {"record_id": id_}) for id_ in ids])
    assert [id_ for id_, _ in engine.scroll(["record_id"], size=4)] == sorted(ids)


def test_the_manifest_is_replaced_whole(engine: Engine) -> None:
    assert engine.read_manifest() == MANIFEST
    engine.change_manifest(MANIFEST, {"made": "again"})
    assert engine.read_manifest() == {"made": "again"}


def test_an_index_can_be_added_twice(engine: Engine) -> None:
    engine.add_index("fields.later", "datetime")
    engine.add_index("fields.later", "datetime")
    engine.upsert([Point(id_of(1), {"image": list(EAST)}, {"fields": {"later": "2020-01-01"}})])
    assert [id_ for id_, _ in engine.ordered("fields.later", 5)] == [id_of(1)]


def test_what_was_written_is_there_when_opened_again(open_engine: Open) -> None:
    first = open_engine("write")
    made(first)
    first.upsert(POINTS)
    first.close()
    again = open_engine("read")
    again.open()
    assert again.count() == 3
    assert again.read_manifest() == MANIFEST
    again.close()
    open_engine("write").drop()
    assert open_engine("read").read_manifest() is None


def test_a_second_writer_is_refused_at_once_with_the_pid(open_engine: Open) -> None:
    first = open_engine("write")
    made(first)
    first.hold("one")
    with pytest.raises(CollectionBusyError, match=str(os.getpid())):
        begin_writing(open_engine("write"), "one")
    first.close()
    open_engine("write").drop()


def test_create_replaces_what_was_there_only_if_told_to(engine: Engine) -> None:
    engine.upsert(POINTS)
    with pytest.raises(CollectionBusyError, match="another process"):
        engine.create(SPACES, INDEXES, {"made": "again"})
    engine.create(SPACES, INDEXES, {"made": "again"}, replace=True)
    engine.publish()
    assert (engine.count(), engine.read_manifest()) == (0, {"made": "again"})


def test_what_is_begun_is_unseen_until_it_is_published(open_engine: Open) -> None:
    first = open_engine("write")
    made(first)
    first.upsert(POINTS)
    first.close()
    second = open_engine("write")
    second.create(SPACES, INDEXES, {"made": "again"}, replace=True)
    second.upsert(POINTS[:1])
    assert (second.count(), second.read_manifest()) == (1, {"made": "again"})
    assert open_engine("read").read_manifest() == MANIFEST
    second.publish()
    second.publish()
    assert open_engine("read").read_manifest() == {"made": "again"}
    second.close()
    third = open_engine("read")
    third.open()
    assert third.count() == 1
    third.close()


def test_what_is_closed_before_it_is_published_leaves_no_trace(open_engine: Open) -> None:
    for there in (0, 3):
        again = open_engine("write")
        again.create(SPACES, INDEXES, {"made": "again"}, replace=True)
        again.upsert(POINTS[:2])
        again.close()
        if not there:
            assert open_engine("read").read_manifest() is None
            first = open_engine("write")
            made(first)
            first.upsert(POINTS)
            first.close()
    kept = open_engine("read")
    assert kept.read_manifest() == MANIFEST
    kept.open()
    assert kept.count() == 3
    kept.close()


@pytest.mark.parametrize("url", ["not a url", "http://[", "127.0.0.1:6333", "", "ftp://a/b"])
def test_what_is_no_url_of_a_server_is_refused_as_a_setting(url: str) -> None:
    with pytest.raises(SettingsError, match="not the URL of"):
        Connection(url, Settings())


def test_a_web_page_in_place_of_qdrant_is_told_without_its_html(tmp_path: Path) -> None:
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        Thread(target=web.serve_forever, daemon=True).start()
        connection = Connection(f"http://127.0.0.1:{web.server_port}", Settings())
        with pytest.raises(CollectionError, match=r"HTTP 404.*--qdrant") as told:
            names_on_server(connection)
        web.shutdown()
    assert "<" not in str(told.value)


# ---- Edge alone: what it keeps of its own, and what `optimise` does there


DIMENSIONS, MANY = 2048, 5200
"""42 MB of vectors: enough for `optimise` to have something to do."""


@pytest.fixture(scope="module")
def crowd() -> np.ndarray:
    """Unit rows, the first 400 of which are almost the same: frames of one fixed camera."""
    rows = np.random.default_rng(5).standard_normal((MANY, DIMENSIONS), dtype=np.float32)
    rows[:400] = rows[0] + 0.02 * rows[:400]
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def points_of(rows: np.ndarray, first: int = 0) -> list[Point]:
    """Points numbered from `first`; every third is of city Bonn."""
    return [
        Point(id_of(n), {"image": row}, {"fields": {"city": ("Bonn", "Ghent", "Oslo")[n % 3]}})
        for n, row in enumerate(rows.tolist(), first)
    ]


def best_ten(rows: np.ndarray, query: np.ndarray, numbers: range) -> list[float]:
    """What a search should give, worked out in full."""
    return sorted((rows[list(numbers)] @ query).tolist(), reverse=True)[:10]


def found_ten(engine: Engine, query: np.ndarray, **city: str) -> list[float]:
    where = tuple(Compare("fields.city", "==", name) for name in city.values())
    passing = compile_filter(AllOf(where)) if where else None
    (hits,) = engine.search([Query("image", query.tolist())], limit=10, filter=passing)
    return [hit.score for hit in hits]


@pytest.fixture
def optimised(tmp_path: Path, crowd: np.ndarray) -> Iterator[EdgeEngine]:
    engine = EdgeEngine(tmp_path / "frames", "write")
    engine.create(Spaces({"image": DIMENSIONS}, {}, ()), INDEXES, MANIFEST)
    for start in range(0, MANY, 1300):
        engine.upsert(points_of(crowd[start : start + 1300], start))
    engine.optimise()
    assert engine.shard.info().indexed_vectors_count == MANY
    yield engine
    engine.drop()


def test_an_optimised_collection_finds_what_a_full_scan_would(
    optimised: EdgeEngine, crowd: np.ndarray
) -> None:
    everything, bonn = range(MANY), range(0, MANY, 3)
    for query in (crowd[0], crowd[123], crowd[4000]):
        assert found_ten(optimised, query) == pytest.approx(
            best_ten(crowd, query, everything), abs=1e-6
        )
        assert found_ten(optimised, query, city="Bonn") == pytest.approx(
            best_ten(crowd, query, bonn), abs=1e-6
        )


def test_an_optimised_collection_can_be_written_on(
    optimised: EdgeEngine, crowd: np.ndarray
) -> None:
    optimised.delete([id_of(n) for n in range(200)])
    optimised.upsert([Point(id_of(300), {"image": crowd[4000].tolist()}, {"record_id": "moved"})])
    optimised.upsert([Point(id_of(MANY), {"image": crowd[0].tolist()}, {"record_id": "new"})])
    optimised.optimise()
    rows = np.concatenate([crowd[200:300], crowd[301:], crowd[[4000, 0]]])
    for query in (crowd[0], crowd[123], crowd[4000]):
        assert found_ten(optimised, query) == pytest.approx(
            best_ten(rows, query, range(len(rows))), abs=1e-6
        )
    (moved, new) = optimised.fetch([id_of(300), id_of(MANY)])
    assert {moved.payload["record_id"], new.payload["record_id"]} == {"moved", "new"}
    assert optimised.count() == MANY - 200 + 1


def test_what_is_optimised_already_is_not_done_again(
    optimised: EdgeEngine, crowd: np.ndarray
) -> None:
    optimised.upsert(points_of(crowd[:100], MANY))
    optimised.optimise()
    few = optimised.shard.info()
    optimised.upsert(points_of(crowd, MANY))
    optimised.optimise()
    many = optimised.shard.info()
    assert (few.indexed_vectors_count, many.indexed_vectors_count) == (MANY, 2 * MANY)
    assert (few.segments_count, many.segments_count) == (2, 3)  # one is open to new points


def test_optimised_pages_keep_their_exact_scores(tmp_path: Path) -> None:
    # 250 pages of 700 rows of 128 numbers at half precision: 45 MB.
    chance = np.random.default_rng(6)
    engine = EdgeEngine(tmp_path / "pages", "write")
    engine.create(Spaces({}, {}, (), {"page": 128}), INDEXES, MANIFEST)
    question = _units(chance, 5)
    expected = []
    for start in range(0, 250, 10):
        pages = [_units(chance, 700) for _ in range(10)]
        expected += [(page @ question.T).max(axis=0).mean() for page in pages]
        engine.upsert(
            [Point(id_of(n), {"page": page.tolist()}, {}) for n, page in enumerate(pages, start)]
        )
    engine.optimise()
    assert engine.shard.info().indexed_vectors_count == 250
    (hits,) = engine.search([Query("page", (question / 5).tolist())], limit=250, filter=None)
    assert [hit.score for hit in hits] == pytest.approx(sorted(expected)[::-1], abs=5e-4)
    engine.drop()


def _units(chance: np.random.Generator, count: int) -> np.ndarray:
    rows = chance.standard_normal((count, 128), dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_what_a_killed_optimise_left_behind_goes(tmp_path: Path) -> None:
    engine = EdgeEngine(tmp_path / "streets", "write")
    made(engine)
    left = tmp_path / "streets" / "shard" / "temp_segments" / "segment_builder_killed"
    left.mkdir(parents=True)
    engine.optimise()
    assert not left.exists()
    engine.close()


def test_a_collection_that_the_disk_cannot_hold_twice_stays_as_it_is_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    engine = EdgeEngine(tmp_path / "streets", "write")
    made(engine)
    engine.upsert(POINTS)
    full = shutil.disk_usage(tmp_path)._replace(free=engine.size_bytes())
    monkeypatch.setattr("app.store.engines.edge.shutil.disk_usage", lambda _path: full)
    with caplog.at_level(logging.WARNING, "app"):
        engine.optimise()
    assert "'streets' is stored" in caplog.text
    assert "Free some" in caplog.text
    assert engine.count() == 3
    engine.close()


@pytest.mark.parametrize("shard", ["../../elsewhere", "/etc", "", 7, None, "shard-x"])
def test_a_manifest_names_no_shard_elsewhere(tmp_path: Path, shard: object) -> None:
    engine = EdgeEngine(tmp_path / "streets", "write")
    made(engine)
    engine.close()
    file = tmp_path / "streets" / "manifest.json"
    file.write_text(json.dumps({**MANIFEST, "shard": shard}))
    with pytest.raises(CollectionError, match=r"manifest\.json is damaged.*--rebuild"):
        EdgeEngine(tmp_path / "streets", "read").open()
    assert (tmp_path / "streets" / "shard").is_dir()


@pytest.mark.parametrize("damage", ["", "[1]", "{", "[" * 100_000])
def test_a_damaged_manifest_is_named_with_a_way_out(tmp_path: Path, damage: str) -> None:
    engine = EdgeEngine(tmp_path / "streets", "write")
    made(engine)
    (tmp_path / "streets" / "manifest.json").write_text(damage, encoding="utf-8")
    with pytest.raises(CollectionError, match=r"manifest\.json is damaged.*--rebuild"):
        engine.read_manifest()
    engine.close()
