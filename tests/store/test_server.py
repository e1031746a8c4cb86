"""A Qdrant server, with all that one can do: whose it is, who writes, what it limits, how it fails.

It is played by a stand-in on loopback, whose answers are those of a real one, word for word where
they were recorded.
"""

import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from PIL import Image
from qdrant_client import models

from app.model.errors import CollectionBusyError, CollectionError, ServiceUnavailableError
from app.model.points import Point
from app.model.records import Record
from app.model.settings import Settings
from app.store.collection import (
    Collection,
    begin_collection,
    collection_names,
    find_manifest,
    open_collection,
)
from app.store.engines.connection import Connection
from app.store.engines.lease import KEY
from app.store.engines.metadata import MANIFEST_KEY
from app.store.manifest import Manifest, Model, SourceEntry
from app.store.payload import payload_of, point_id
from ingest.pipeline import Watch, ingest
from tests.conftest import Run
from tests.qdrant_double import LOGIN_PAGE, LOST_ANSWER, Fault, QdrantDouble, in_turn, limited

MANIFEST = Manifest(
    image=Model(name="palette", model_id="palette:1", dimensions=2),
    text=Model(name="minilm", model_id="minilm:1", dimensions=2),
    keywords="bm25:english",
    average_length=5.0,
)
EAST = [1.0, 0.0]
ENTRY = SourceEntry(path=Path("/pictures"), root=Path("/pictures"))


@pytest.fixture
def settings(qdrant: QdrantDouble) -> Settings:
    return Settings(qdrant=qdrant.url)


def write(opened: Collection, source: str, *paths: str) -> None:
    """Write a record for each path, as an ingest of their source would."""
    opened.hold(source)
    opened.remember(sources={source: ENTRY})
    opened.upsert([_point(source, path) for path in paths])


def _point(source: str, path: str) -> Point:
    record = Record(f"{source}/{path}", source, ENTRY.root, path, ("a square",))
    return Point(point_id(record.record_id), {"image": EAST}, payload_of(record, None, ()))


def make(settings: Settings, name: str = "squares", *paths: str) -> None:
    with begin_collection(name, MANIFEST, settings) as made:
        write(made, "one", *(paths or ("red.png", "blue.png")))
        made.settle()


def records(settings: Settings, name: str = "squares") -> list[str]:
    with open_collection(name, settings) as opened:
        return [record_id for record_id, _ in opened.record_ids(None)]


# ---- whose it is


@pytest.fixture
def docs(qdrant: QdrantDouble) -> list[int]:
    """Another program's collection, with a point in it; its number."""
    vector = models.VectorParams(size=2, distance=models.Distance.COSINE)
    qdrant.client.create_collection("docs", vectors_config={"body": vector})
    qdrant.client.upsert("docs", [models.PointStruct(id=7, vector={"body": EAST}, payload={})])
    return [7]


@pytest.mark.parametrize(
    "command",
    [
        ("ingest", "{folder}", "-c", "docs", "--offline"),
        ("ingest", "{folder}", "-c", "docs", "--offline", "--rebuild"),
        ("remove", "docs", "--yes"),
        ("remove", "docs", "--source", "squares", "--yes"),
        ("search", "red", "-c", "docs"),
        ("info", "docs"),
    ],
)
def test_another_program_s_collection_is_never_touched(
    command: tuple[str, ...], docs: list[int], qdrant: QdrantDouble, squares: Path, sightline: Run
) -> None:
    ran = sightline(*(part.format(folder=squares) for part in command), "--qdrant", qdrant.url)
    assert ran.code == 1
    assert "is not a collection of Sightline's: it has 1 points with vectors body" in ran.err
    assert "another --collection NAME" in ran.err
    assert {method for method, path, _ in qdrant.requests if "docs" in path} == {"GET"}
    assert [point.id for point in qdrant.client.scroll("docs")[0]] == docs


# ---- generations and names


def test_a_collection_is_known_by_an_alias_which_a_rebuild_switches(
    settings: Settings, qdrant: QdrantDouble
) -> None:
    make(settings)
    assert aliases(qdrant) == {"squares": "squares@1"}
    with begin_collection("squares", MANIFEST, settings, replace=True) as made:
        write(made, "one", "green.png")
        assert records(settings) == ["one/blue.png", "one/red.png"]
        made.settle()
    assert aliases(qdrant) == {"squares": "squares@2"}
    assert existing(qdrant) == ["squares@2"]
    assert records(settings) == ["one/green.png"]
    assert collection_names(settings) == ["squares"]


def test_a_name_that_somebody_gave_us_is_as_good_as_our_own(
    settings: Settings, qdrant: QdrantDouble
) -> None:
    make(settings)
    qdrant.client.update_collection_aliases(
        [
            models.CreateAliasOperation(
                create_alias=models.CreateAlias(alias_name="prod", collection_name="squares@1")
            )
        ]
    )
    assert records(settings, "prod") == records(settings)
    with begin_collection("prod", MANIFEST, settings, replace=True) as made:
        write(made, "one", "green.png")
        made.settle()
    assert aliases(qdrant) == {"squares": "squares@2", "prod": "squares@2"}
    assert records(settings, "prod") == records(settings) == ["one/green.png"]


def test_a_second_name_does_not_remove_the_collection(
    settings: Settings, qdrant: QdrantDouble, sightline: Run
) -> None:
    make(settings)
    alias = models.CreateAlias(alias_name="prod", collection_name="squares@1")
    qdrant.client.update_collection_aliases([models.CreateAliasOperation(create_alias=alias)])
    ran = sightline("remove", "prod", "--yes", "--qdrant", qdrant.url)
    assert ran.code == 1
    assert "'prod' is another name of collection 'squares'; remove that" in ran.err
    assert records(settings) == ["one/blue.png", "one/red.png"]
    assert sightline("remove", "squares", "--yes", "--qdrant", qdrant.url).code == 0
    assert (existing(qdrant), aliases(qdrant)) == ([], {})


def old_collection(qdrant: QdrantDouble, settings: Settings) -> None:
    """A collection as it was kept before there were aliases: under its own name, in one value."""
    make(settings)
    client, manifest = qdrant.client, find_manifest("squares", settings)
    assert manifest is not None
    told = manifest.write() | {"unfinished": True}
    told["sources"] = {k: v for k, v in told["sources"].items() if v.pop("unfinished") is False}
    params = client.get_collection("squares@1").config.params
    client.create_collection(
        "old",
        vectors_config=params.vectors,
        sparse_vectors_config=params.sparse_vectors,
        metadata={MANIFEST_KEY: told},
    )
    points, _ = client.scroll("squares@1", with_vectors=True)
    client.upsert("old", [models.PointStruct(**dict(point)) for point in map(_plain, points)])
    qdrant.client.delete_collection("squares@1")


def _plain(point: Any) -> dict[str, Any]:
    return {"id": point.id, "vector": point.vector, "payload": point.payload}


def test_a_collection_from_before_the_aliases_goes_on(
    settings: Settings, qdrant: QdrantDouble
) -> None:
    old_collection(qdrant, settings)
    manifest = find_manifest("old", settings)
    assert manifest is not None
    assert manifest.unfinished
    with open_collection("old", settings, purpose="write") as opened:
        write(opened, "two", "green.png")
        opened.settle()
    found = find_manifest("old", settings)
    assert found is not None
    assert sorted(found.sources) == ["one", "two"]
    assert found.sources["one"].unfinished
    assert not found.sources["two"].unfinished
    with open_collection("old", settings, purpose="write") as opened:
        assert opened.forget("one") == 2
    assert list((find_manifest("old", settings) or MANIFEST).sources) == ["two"]
    with begin_collection("old", MANIFEST, settings, replace=True) as made:
        write(made, "one", "black.png")
        made.settle()
    assert aliases(qdrant) == {"old": "old@1"}
    assert records(settings, "old") == ["one/black.png"]


def test_one_that_lost_its_old_name_before_it_got_it_as_an_alias_is_found(
    settings: Settings, qdrant: QdrantDouble
) -> None:
    old_collection(qdrant, settings)
    with begin_collection("old", MANIFEST, settings, replace=True) as made:
        write(made, "one", "black.png")
        broken = Fault(500, "Service internal error")
        qdrant.answers = lambda _, path, __: broken if path == "/collections/aliases" else None
        with pytest.raises(CollectionError, match="Service internal error"):
            made.settle()
    qdrant.answers = lambda *_: None
    assert (existing(qdrant), aliases(qdrant)) == (["old@1"], {})
    assert collection_names(settings) == ["old"]
    assert records(settings, "old") == ["one/black.png"]
    with open_collection("old", settings, purpose="write") as opened:
        write(opened, "one", "white.png")
    assert aliases(qdrant) == {"old": "old@1"}
    assert records(settings, "old") == ["one/black.png", "one/white.png"]


@pytest.mark.parametrize(
    "damage",
    [
        {"sightline": "a word"},
        {"sightline": [1]},
        {"sightline.field.shade": 7},
        {"sightline.field.shade": {"name": "shade"}},
        {"sightline.source.one": "a word"},
        {"sightline": {"schema_version": 1, "sources": 3}},
    ],
)
def test_a_damaged_manifest_is_told_and_can_be_made_again(
    damage: dict[str, Any], qdrant: QdrantDouble, squares: Path, sightline: Run
) -> None:
    on = ("--qdrant", qdrant.url)
    sightline("ingest", squares, "-c", "squares", "--offline", *on)
    Connection(qdrant.url, Settings()).client.update_collection("squares", metadata=damage)
    ran = sightline("info", "squares", *on)
    assert ran.code == 1
    assert "--rebuild" in ran.err
    ran = sightline("ingest", squares, "-c", "squares", "--offline", "--rebuild", "--json", *on)
    assert ran.json["new"] == 3
    assert sightline("info", "squares", *on).code == 0


# ---- several writers


def test_writers_of_different_sources_do_not_lose_each_other(settings: Settings) -> None:
    make(settings)
    with (
        open_collection("squares", settings, purpose="write") as one,
        open_collection("squares", settings, purpose="write") as other,
    ):
        write(one, "two", "green.png")
        write(other, "three", "black.png")
        other.settle()
        one.settle()
    manifest = find_manifest("squares", settings)
    assert manifest is not None
    assert sorted(manifest.sources) == ["one", "three", "two"]
    assert not manifest.unfinished
    assert len(records(settings)) == 4


def noted(qdrant: QdrantDouble, name: str = "squares@1") -> dict[str, Any]:
    metadata = qdrant.client.get_collection(name).config.metadata
    return {k.removeprefix(KEY): v for k, v in metadata.items() if k.startswith(KEY)}


def note(qdrant: QdrantDouble, part: str, **changes: Any) -> None:
    """Leave the note of another writer, on another machine."""
    other = {"holder": "x", "host": "attic", "pid": 4711, "system": "another", "beat": 0}
    Connection(qdrant.url, Settings()).client.update_collection(
        "squares", metadata={KEY + part: other | changes}
    )


def test_a_second_writer_of_one_source_is_refused_at_once_on_one_machine(
    settings: Settings,
) -> None:
    make(settings)
    with (
        open_collection("squares", settings, purpose="write") as one,
        open_collection("squares", settings, purpose="write") as other,
    ):
        one.hold("two")
        with pytest.raises(CollectionBusyError, match=rf"process {os.getpid()} on .*wait for it"):
            other.hold("two")
        with pytest.raises(CollectionBusyError):
            begin_collection("squares", MANIFEST, settings, replace=True)
    with open_collection("squares", settings, purpose="write") as again:
        again.hold("two")


def test_what_is_made_anew_is_nobody_else_s_meanwhile(settings: Settings) -> None:
    make(settings)
    with (
        begin_collection("squares", MANIFEST, settings, replace=True),
        open_collection("squares", settings, purpose="write") as other,
        pytest.raises(CollectionBusyError),
    ):
        other.hold("two")


def test_a_dead_writer_of_this_machine_holds_nothing(
    settings: Settings, qdrant: QdrantDouble
) -> None:
    make(settings)
    with open_collection("squares", settings, purpose="write") as gone:
        gone.hold("two")
        ours = noted(qdrant)["two"]
    note(qdrant, "two", system=ours["system"], pid=ours["pid"], start="of an earlier process")
    with open_collection("squares", settings, purpose="write") as opened:
        opened.hold("two")
        assert noted(qdrant)["two"]["pid"] == os.getpid()
    assert noted(qdrant) == {}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a second do for the half minute that a dead writer is watched."""
    monkeypatch.setattr("app.store.engines.lease.DEAD_SECONDS", 1.0)


@pytest.mark.parametrize("part", ["two", "*"])
def test_a_writer_elsewhere_that_stands_still_is_dead(
    part: str, quick: None, settings: Settings, qdrant: QdrantDouble, caplog: Any
) -> None:
    make(settings)
    note(qdrant, part)
    with open_collection("squares", settings, purpose="write") as opened:
        opened.hold("two")
        assert list(noted(qdrant)) == ["two"]
    assert "process 4711 on attic may be writing 'squares': waiting up to 1 s" in caplog.text


@pytest.mark.parametrize("left", ["a word", 7, [], {}, {"pid": "../1", "system": None}])
def test_a_note_that_is_none_holds_nothing_for_long(
    left: object, quick: None, settings: Settings, qdrant: QdrantDouble
) -> None:
    make(settings)
    client = Connection(qdrant.url, settings).client
    client.update_collection("squares", metadata={f"{KEY}two": left})
    with open_collection("squares", settings, purpose="write") as opened:
        opened.hold("two")
        assert noted(qdrant)["two"]["pid"] == os.getpid()


@pytest.mark.parametrize("path", ["/collections/squares@1", "/collections/aliases", "/index"])
@pytest.mark.parametrize("replace", [False, True])
def test_an_answer_that_is_lost_loses_nothing_else(
    replace: bool, path: str, settings: Settings, qdrant: QdrantDouble
) -> None:
    if replace:
        make(settings)
        path = path.replace("@1", "@2")
    lost: list[str] = []

    def lose_one(_: str, asked: str, __: Any) -> Fault | None:
        if unquote(asked).endswith(path) and not lost:
            lost.append(asked)
            return LOST_ANSWER
        return None

    qdrant.answers = lose_one
    with begin_collection("squares", MANIFEST, settings, replace=replace) as made:
        write(made, "one", "green.png")
        made.settle()
    assert lost
    assert records(settings) == ["one/green.png"]
    assert existing(qdrant) == list(aliases(qdrant).values())


def test_a_writer_elsewhere_that_lives_is_not_disturbed(
    quick: None, settings: Settings, qdrant: QdrantDouble
) -> None:
    make(settings)
    note(qdrant, "two")
    ended = threading.Event()

    def beat() -> None:
        for number in range(1, 1000):
            if ended.wait(0.2):
                return
            note(qdrant, "two", beat=number)

    beating = threading.Thread(target=beat)
    beating.start()
    with (
        open_collection("squares", settings, purpose="write") as opened,
        pytest.raises(CollectionBusyError, match="process 4711 on attic"),
    ):
        opened.hold("two")
    ended.set()
    beating.join()
    assert noted(qdrant)["two"]["beat"] > 0


def test_of_two_that_begin_at_one_moment_never_do_both_go_on(
    settings: Settings, qdrant: QdrantDouble
) -> None:
    make(settings)

    def rival_notes_itself(method: str, path: str, body: Any) -> None:
        if method == "PATCH" and "two" in str(body) and str(os.getpid()) in str(body):
            qdrant.answers = lambda *_: None
            threading.Thread(target=note, args=(qdrant, "two"), kwargs={"beat": 3}).start()

    qdrant.answers = rival_notes_itself
    with (
        open_collection("squares", settings, purpose="write") as opened,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr("app.store.engines.lease.SETTLE_SECONDS", 3.0)  # 1 was too few, once
        with pytest.raises(CollectionBusyError, match="attic"):
            opened.hold("two")
    assert noted(qdrant)["two"]["host"] == "attic"


def test_a_writer_that_stood_still_until_another_took_over_writes_no_more(
    settings: Settings, qdrant: QdrantDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(settings)
    with open_collection("squares", settings, purpose="write") as opened:
        write(opened, "two", "green.png")
        note(qdrant, "two")
        monkeypatch.setattr("app.store.engines.lease.DEAD_SECONDS", 0.0)
        with pytest.raises(CollectionBusyError, match="stood still too long"):
            write(opened, "two", "black.png")
    assert noted(qdrant)["two"]["host"] == "attic"


# ---- what it limits


def test_a_limit_is_waited_for_as_long_as_the_server_says_and_told(
    settings: Settings, qdrant: QdrantDouble, caplog: Any
) -> None:
    make(settings)
    qdrant.answers = in_turn(limited(seconds=1), limited(seconds=1))
    started = time.monotonic()
    assert len(records(settings)) == 2
    assert time.monotonic() - started >= 2
    assert caplog.text.count("limits its clients: waiting 1 s, as it says") == 2


def test_a_limit_that_never_ends_is_an_error_and_no_bug(
    settings: Settings, qdrant: QdrantDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(settings)
    monkeypatch.setattr("app.store.engines.connection.LIMITED_ATTEMPTS", 2)
    qdrant.answers = lambda *_: limited(seconds=1)
    with pytest.raises(ServiceUnavailableError, match=r"limits its clients.*try again later"):
        records(settings)


STRICT = {
    "enabled": True,
    "max_query_limit": 1000,
    "search_allow_exact": False,
    "unindexed_filtering_retrieve": False,
    "unindexed_filtering_update": False,
}


def test_strict_mode_is_kept_to(
    qdrant: QdrantDouble, squares: Path, sightline: Run, tmp_path: Path
) -> None:
    qdrant.strict = STRICT
    on = ("--qdrant", qdrant.url)
    assert sightline("ingest", squares, "-c", "squares", "--offline", *on).code == 0
    (squares / "red.png").unlink()
    for command in (
        ("ingest", squares, "-c", "squares", "--allow-removals"),
        ("search", "a green square", "-c", "squares"),
        ("search", "square", "-c", "squares", "--where", 'shade == "green" and exists(brightness)'),
        ("search", "-c", "squares", "--where", 'not caption.contains("red")'),
        ("search", "a green square", "-c", "squares", "--per", "shade"),
        ("search", "--image", squares / "blue.png", "-c", "squares"),
        ("info", "squares"),
        ("remove", "squares", "--source", "squares", "--yes"),
    ):
        ran = sightline(*command, *on)
        assert ran.code == 0, (command, ran.err)


# ---- what else may lie in it


def test_points_of_others_are_left_out_and_told(
    qdrant: QdrantDouble, squares: Path, sightline: Run
) -> None:
    on = ("--qdrant", qdrant.url)
    sightline("ingest", squares, "-c", "squares", "--offline", *on)
    blue = qdrant.client.scroll("squares", with_vectors=True, limit=1)[0][0]
    stranger = replace_id(blue, 1, {}), replace_id(blue, 2, {"text": "mine"})
    qdrant.client.upsert("squares", list(stranger))
    ran = sightline("search", "--image", squares / "blue.png", "-c", "squares", "--json", *on)
    assert {hit["record_id"] for hit in ran.json["hits"]} == {
        f"squares/{name}.png" for name in ("red", "green", "blue")
    }
    assert "points that Sightline did not write" in " ".join(ran.json["notices"])
    for command in (("ingest", squares, "-c", "squares"), ("search", "red", "-c", "squares")):
        assert sightline(*command, *on).code == 0
    assert sightline("search", "-c", "squares", "--where", 'not shade == "red"', *on).code == 0
    assert sightline("info", "squares", *on).code == 0


def replace_id(point: Any, id_: int, payload: dict[str, Any]) -> models.PointStruct:
    return models.PointStruct(id=id_, vector=point.vector, payload=payload)


# ---- how it fails


def test_a_login_page_is_told_as_one(qdrant: QdrantDouble, squares: Path, sightline: Run) -> None:
    on = ("--qdrant", qdrant.url)
    sightline("ingest", squares, "-c", "squares", "--offline", *on)
    qdrant.answers = lambda *_: LOGIN_PAGE
    for command in (
        ("collections",),
        ("info", "squares"),
        ("search", "red", "-c", "squares"),
        ("ingest", squares, "-c", "squares"),
        ("remove", "squares", "--yes"),
        ("doctor",),
    ):
        ran = sightline(*command, *on)
        assert ran.code == 1
        assert "does not speak as Qdrant does" in ran.out + ran.err, command
        assert "bug" not in ran.err


def test_a_key_that_may_only_read_is_told_so(
    qdrant: QdrantDouble, squares: Path, sightline: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    qdrant.api_key, qdrant.read_only_key = "master", "reader"
    on = ("--qdrant", qdrant.url)
    ran = sightline("info", "squares", *on)
    assert "needs an API key, or another one; set SIGHTLINE_QDRANT_API_KEY" in ran.err
    monkeypatch.setenv("SIGHTLINE_QDRANT_API_KEY", "master")
    assert sightline("ingest", squares, "-c", "squares", "--offline", *on).code == 0
    monkeypatch.setenv("SIGHTLINE_QDRANT_API_KEY", "reader")
    assert sightline("search", "red", "-c", "squares", *on).code == 0
    ran = sightline("ingest", squares, "-c", "squares", *on)
    assert ran.code == 1
    assert "not allowed to do this (Forbidden: Global manage access is required)" in ran.err
    assert "may manage collections" in ran.err


def test_a_server_that_goes_in_mid_ingest_says_how_many_are_in(
    qdrant: QdrantDouble, sightline: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.write.RECORD_BATCH", 4)
    monkeypatch.setattr("app.store.engines.connection.ATTEMPTS", 1)
    folder = tmp_path / "dots"
    folder.mkdir()
    for number in range(12):
        Image.new("RGB", (32, 32), (20 * number, 10, 90)).save(folder / f"{number}.png")
    left = iter([None, None])

    def gone_after_two(method: str, path: str, _: Any) -> Fault | None:
        if method == "PUT" and path.endswith("/points"):
            qdrant.gone = next(left, True) is True
        return None

    qdrant.answers = gone_after_two
    on = ("--qdrant", qdrant.url)
    ran = sightline("ingest", folder, "-c", "dots", "--offline", *on)
    assert ran.code == 1
    assert "does not answer" in ran.err
    assert "8 records of this run are stored; run the same command to go on" in ran.err
    qdrant.gone, qdrant.answers = False, lambda *_: None
    ran = sightline("ingest", folder, "-c", "dots", "--json", *on)
    assert (ran.json["new"], ran.json["unchanged"]) == (4, 8)


def test_of_two_first_ingests_of_one_name_the_second_waits_and_goes_on(
    qdrant: QdrantDouble, squares: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline = {"image": "palette", "text": "minilm"}
    begun, told = threading.Event(), threading.Event()
    upsert = Collection.upsert

    def upsert_when_told(self: Collection, points: Any) -> None:
        begun.set()
        assert told.wait(60)
        upsert(self, points)

    monkeypatch.setattr(Collection, "upsert", upsert_when_told)
    notices: list[str] = []

    def notice(text: str) -> None:
        notices.append(text)
        if "another process is making" in text:
            told.set()

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(ingest, squares, "both", settings, label="one", **offline)
        assert begun.wait(60)
        watch = Watch(notice=notice)
        ingest(squares, "both", settings, label="two", watch=watch, **offline)
        assert first.result().new == 3
    assert "another process is making 'both': waiting for its first records" in notices
    assert not [told for told in notices if "no collection was made" in told]
    assert len(records(settings, "both")) == 6


# ---- clusters


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_another_node_is_asked_when_one_is_dead(qdrant: QdrantDouble, caplog: Any) -> None:
    dead = f"http://127.0.0.1:{closed_port()}"
    settings = Settings(qdrant=f"{dead}, {qdrant.url}")
    make(settings)
    assert len(records(settings)) == 2
    assert f"{dead} does not answer; asking {qdrant.url}" in caplog.text
    with pytest.raises(ServiceUnavailableError, match=r"none does not answer|does not answer"):
        records(Settings(qdrant=f"{dead},http://127.0.0.1:{closed_port()}"))


def test_shards_and_copies_are_chosen_and_told(
    qdrant: QdrantDouble, squares: Path, sightline: Run
) -> None:
    qdrant.peers = 3
    on = ("--qdrant", qdrant.url)
    told = ("--shards", 2, "--replicas", 2)
    sightline("ingest", squares, "-c", "squares", "--offline", *told, *on)
    assert "server   2 shards, 2 copies of each, 3 nodes" in sightline("info", "squares", *on).out
    sightline("ingest", squares, "-c", "squares", "--rebuild", *on)
    ran = sightline("info", "squares", "--json", *on)
    assert ran.json["server"] == {"shards": 2, "replicas": 2, "nodes": 3}
    sightline("ingest", squares, "-c", "squares", "--rebuild", "--replicas", 1, *on)
    assert "one copy: while its node is down" in sightline("info", "squares", *on).out
    ran = sightline("doctor", *on)
    assert "squares" in ran.out
    assert "--replicas 2" in ran.out


# ---- gRPC


def test_points_go_over_grpc_where_it_answers(
    squares: Path, sightline: Run, monkeypatch: Any
) -> None:
    with QdrantDouble(grpc_port=0) as qdrant:
        on = ("--qdrant", qdrant.url)
        monkeypatch.setenv("SIGHTLINE_QDRANT_GRPC_PORT", str(qdrant.grpc_port))
        assert sightline("ingest", squares, "-c", "squares", "--offline", *on).code == 0
        assert "over gRPC" in sightline("doctor", *on).out
        fast = sightline("search", "a green square", "-c", "squares", "--json", *on).json["hits"]
        monkeypatch.setenv("SIGHTLINE_QDRANT_GRPC_PORT", str(closed_port()))
        assert "over HTTP alone: gRPC does not answer" in sightline("doctor", *on).out
        slow = sightline("search", "a green square", "-c", "squares", "--json", *on).json["hits"]
        assert [hit["record_id"] for hit in fast] == [hit["record_id"] for hit in slow]
        assert [h["score"] for h in fast] == pytest.approx([h["score"] for h in slow], abs=1e-5)


@pytest.mark.parametrize("kind", ["a key that is wrong", "limited", "no such collection"])
def test_over_grpc_errors_are_told_alike(kind: str) -> None:
    with QdrantDouble(grpc_port=0) as qdrant:
        settings = Settings(qdrant=qdrant.url, qdrant_grpc_port=qdrant.grpc_port)
        make(settings)
        connection = Connection(qdrant.url, settings)
        assert connection.is_grpc
        search = [models.QueryRequest(query=EAST, using="image", limit=2)]

        def ask(name: str = "squares") -> Any:
            return connection.ask_fast(lambda client: client.query_batch_points(name, search))

        if kind == "limited":
            qdrant.answers = in_turn(limited(seconds=1))
            assert len(ask()[0].points) == 2
        elif kind == "no such collection":
            with pytest.raises(CollectionError, match="refused: Not found"):
                ask("circles")
        else:
            qdrant.api_key = "another"
            with pytest.raises(ServiceUnavailableError, match="needs an API key"):
                ask()
        connection.close()


def aliases(qdrant: QdrantDouble) -> dict[str, str]:
    found = qdrant.client.get_aliases().aliases
    return {each.alias_name: each.collection_name for each in found}


def existing(qdrant: QdrantDouble) -> list[str]:
    return sorted(each.name for each in qdrant.client.get_collections().collections)
