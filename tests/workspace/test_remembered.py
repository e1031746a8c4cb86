"""Remembered: the same question of a collection that has not changed is answered at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from app import Search, Settings, Workspace
from app.retrieval.search import Searcher
from tests.conftest import make_squares

RED = Search("a red square", where="brightness > 0")


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[Search]:
    """What was really searched for, on a machine that is in no hurry."""
    monkeypatch.setattr("app.workspace.IDLE_SECONDS", 600.0)
    monkeypatch.setattr("app.workspace.remembered.MAX_SECONDS", 600.0)
    done: list[Search] = []
    search: Callable[..., Any] = Searcher.search

    def noted(self: Searcher, asked: Search) -> Any:
        done.append(asked)
        return search(self, asked)

    monkeypatch.setattr(Searcher, "search", noted)
    return done


@pytest.fixture
def embedded(squares: Path, settings: Settings) -> Workspace:
    workspace = Workspace(settings)
    workspace.ingest(squares, "squares", image="palette", text="minilm")
    return workspace


def test_a_server_is_always_asked_the_embedded_engine_once(
    workspace: Workspace, searched: list[Search]
) -> None:
    first = workspace.search("squares", RED)
    assert workspace.search("squares", Search("a red square", where="brightness > 0")) == first
    assert len(searched) == (2 if workspace.settings.qdrant else 1)
    assert workspace.search("squares", Search("a red square", start=1)).hits != first.hits


def test_what_is_handed_out_may_be_changed(embedded: Workspace) -> None:
    embedded.search("squares", RED).hits.clear()
    embedded.search("squares", RED).notices.clear()
    assert len(embedded.search("squares", RED).hits) == 3
    assert embedded.search("squares", RED).notices


def test_a_picture_that_goes_or_comes_back_is_seen(embedded: Workspace, squares: Path) -> None:
    def found() -> list[tuple[str, bool]]:
        return [(hit.path, hit.gone) for hit in embedded.search("squares", RED).hits]

    assert found()[0] == ("red.png", False)
    kept = (squares / "red.png").read_bytes()
    (squares / "red.png").unlink()
    assert found()[-1] == ("red.png", True)
    (squares / "red.png").write_bytes(kept)
    assert found()[0] == ("red.png", False)


@pytest.mark.parametrize("by", ["itself", "a job", "another"])
def test_what_was_written_meanwhile_is_found(
    by: str, either_engine: Settings, squares: Path
) -> None:
    more = make_squares(squares.parent / "more", {"white": (255, 255, 255)})
    with Workspace(either_engine) as reading, Workspace(either_engine) as another:
        reading.ingest(squares, "squares", image="palette", text="minilm")
        assert len(reading.search("squares", "a square").hits) == 3
        assert len(reading.facets("squares")[1].values) == 3
        if by == "itself":
            reading.ingest(more, "squares")
        elif by == "a job":
            assert reading.start_ingest(more, "squares").wait(120)
        else:
            another.ingest(more, "squares")
        assert len(reading.search("squares", "a square").hits) == 4
        assert len(reading.facets("squares")[1].values) == 4
        another.remove("squares", "more")
        assert len(reading.search("squares", "a square").hits) == 3


def test_a_picture_is_looked_at_each_time(embedded: Workspace, tmp_path: Path) -> None:
    for name, colour in (("red.png", (220, 30, 30)), ("blue.png", (30, 60, 220))):
        Image.new("RGB", (64, 64), colour).save(tmp_path / "asked.png")
        asked = Search(image=tmp_path / "asked.png", top_k=1)
        assert embedded.search("squares", asked).hits[0].path == name
        liked = Search(like=(tmp_path / "asked.png",), top_k=1)
        assert embedded.search("squares", liked).hits[0].path == name


def test_weights_and_lists_tell_searches_apart(embedded: Workspace, searched: list[Search]) -> None:
    for weights in ({"text": 1.0}, {"text": 0.5}, {"text": 1.0}):
        embedded.search("squares", Search("a red square", weights=weights))
    assert len(searched) == 2
    listed: Any = ["a red square"]
    for _ in range(2):
        embedded.search("squares", Search(like=listed))
    assert len(searched) == 4


def test_only_the_last_are_remembered_and_not_for_long(
    embedded: Workspace, searched: list[Search], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.workspace.remembered.MAX_ANSWERS", 2)
    for words in ("red", "blue", "red", "green", "red", "blue"):
        embedded.search("squares", words)
    assert [search.words for search in searched] == ["red", "blue", "green", "blue"]
    monkeypatch.setattr("app.workspace.remembered.MAX_SECONDS", 0.0)
    embedded.search("squares", "blue")
    assert len(searched) == 5


@pytest.mark.usefixtures("searched")
def test_facets_are_counted_once(embedded: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    first = embedded.facets("squares", Search("red", where="brightness > 2"))
    with monkeypatch.context() as patch:
        patch.delattr("app.store.collection.Collection.commonest")
        again = embedded.facets("squares", Search("blue", where="brightness > 2"))
    assert again == first
    assert embedded.facets("squares", limit=1) != first


def test_threads_ask_the_same_at_once(embedded: Workspace) -> None:
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: embedded.search("squares", RED), range(200)))
    assert all(each == found[0] for each in found)
