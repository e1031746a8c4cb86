"""Records whose pictures are gone: they come after the others, and it is told what to do."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from app.model.settings import Settings
from app.render import description_lines, found_lines, hit_json
from app.retrieval.search import Search, Searcher
from app.store.collection import Collection, open_collection
from app.workspace.describe import describe_collection
from ingest import ingest
from tests.conftest import COLOURS, Run, make_squares
from tests.ollama_double import OllamaDouble
from tests.pdfs import pdf

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect:UserWarning")


def bring(path: Path, settings: Settings, label: str | None = None) -> None:
    ingest(path, "mine", settings, image="palette", text="minilm", label=label)


@pytest.fixture
def folders(tmp_path: Path, either_engine: Settings) -> Path:
    """Two folders of the same squares, `old` and `new`, of which `old` is gone."""
    make_squares(tmp_path / "old", COLOURS)
    bring(tmp_path / "old", either_engine)
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    bring(tmp_path / "new", either_engine)
    shutil.rmtree(tmp_path / "old")
    return tmp_path


@pytest.fixture
def collection(folders: Path, either_engine: Settings) -> Iterator[Collection]:
    with open_collection("mine", either_engine) as opened:
        yield opened


@pytest.fixture
def searcher(collection: Collection, either_engine: Settings) -> Searcher:
    return Searcher(collection, either_engine)


def ids(found) -> list[str]:
    return [hit.record_id for hit in found.hits]


def searches(folders: Path) -> dict[str, Search]:
    red = folders / "new" / "red.png"
    return {
        "words": Search("a red square", top_k=4),
        "picture": Search(image=red, top_k=4),
        "both": Search("a red square", image=red, top_k=4),
        "filter": Search(where='shade in ["red", "green", "blue"]', top_k=4),
    }


@pytest.mark.parametrize("kind", ["words", "picture", "both", "filter"])
def test_what_is_there_comes_first_however_many_are_asked_for(
    kind: str, searcher: Searcher, folders: Path
) -> None:
    found = searcher.search(searches(folders)[kind])
    assert [hit.source for hit in found.hits] == ["new", "new", "new", "old"]
    assert [hit.gone for hit in found.hits] == [False, False, False, True]
    if kind != "filter":
        assert ids(found)[0] == "new/red.png"
        scores = [hit.score for hit in found.hits]
        assert scores[:3] == sorted(scores[:3], reverse=True)
        assert ids(found)[3] == "old/red.png"
    told = found.notices[-1]
    assert told.startswith("1 of 4 hits come last, as their pictures are gone: source 'old'")
    assert "not at" in told
    assert "--label old" in told


def test_one_hit_is_one_that_is_there_and_needs_no_notice(
    searcher: Searcher, folders: Path
) -> None:
    one = searcher.search(Search(image=folders / "new" / "red.png", top_k=1))
    assert (ids(one), one.notices) == (["new/red.png"], [])


def test_the_best_of_each_value_is_one_that_is_there(searcher: Searcher, folders: Path) -> None:
    found = searcher.search(Search("a square", per="shade", top_k=3))
    assert {hit.source for hit in found.hits} == {"new"}
    assert len(found.hits) == 3


def test_a_disk_that_is_away_hides_nothing(
    searcher: Searcher, folders: Path, collection: Collection
) -> None:
    shutil.rmtree(folders / "new")
    found = searcher.search(Search("a red square", top_k=2))
    assert {hit.record_id for hit in found.hits} == {"old/red.png", "new/red.png"}
    assert found.notices[-1].startswith("the pictures of all 2 hits are gone: ")
    assert collection.count() == 6  # a search deletes nothing


def test_a_file_that_left_its_folder_comes_last_too(searcher: Searcher, folders: Path) -> None:
    (folders / "new" / "red.png").unlink()
    found = searcher.search(Search("a red square", top_k=3))
    assert [hit.source for hit in found.hits] == ["new", "new", "old"]
    assert ids(found)[2] in ("old/red.png", "new/red.png")
    few = searcher.search(Search("a red square", top_k=6))
    assert f"files have left {folders / 'new'}; ingest it again" in few.notices[-1]


def test_past_more_than_all_candidates_that_are_gone_the_others_are_found(
    tmp_path: Path, settings: Settings
) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for number in range(30):
        Image.new("RGB", (8, 8), (200 + number, 0, 0)).save(many / f"{number}.png")
    bring(many, settings)
    one = tmp_path / "one"
    one.mkdir()
    Image.new("RGB", (8, 8), "blue").save(one / "blue.png")
    bring(one, settings)
    picture = tmp_path / "asked.png"
    shutil.copy(many / "7.png", picture)
    shutil.rmtree(many)
    with open_collection("mine", settings) as opened:
        found = Searcher(opened, settings).search(Search(image=picture, top_k=2))
    assert ids(found)[0] == "one/blue.png"
    assert found.hits[1].gone


def test_a_page_whose_document_is_gone_is_there_while_its_picture_is(
    tmp_path: Path, settings: Settings
) -> None:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    (shelf / "lamps.pdf").write_bytes(pdf("a lamp at night", "a tree by day"))
    bring(shelf, settings)
    shutil.rmtree(shelf)
    with open_collection("mine", settings) as opened:
        kept = Searcher(opened, settings).search(Search("a lamp", top_k=1))
        assert [hit.gone for hit in kept.hits] == [False]
        assert kept.hits[0].file.is_file()
        shutil.rmtree(opened.pages)
        lost = Searcher(opened, settings).search(Search("a lamp", top_k=1))
    assert [hit.gone for hit in lost.hits] == [True]


def test_hits_say_that_they_are_gone_in_words_and_as_json(
    searcher: Searcher, folders: Path
) -> None:
    found = searcher.search(Search("a red square", top_k=4))
    assert [hit_json(hit, 1).get("gone") for hit in found.hits] == [None, None, None, True]
    lines = [line for line in found_lines(found) if ".png" in line]
    assert [line.endswith("  (gone)") for line in lines] == [False, False, False, True]


def test_info_names_the_sources_that_are_gone(collection: Collection) -> None:
    described = describe_collection(collection)
    assert described["gone_sources"] == ["old"]
    lines = list(description_lines(described))
    after = lines[next(n for n, line in enumerate(lines) if "source   old: 3" in line) + 1]
    assert "is not there on this machine" in after
    assert "sightline ingest PATH --collection mine --label old" in after


def test_an_empty_folder_is_what_an_unmounted_disk_leaves(
    folders: Path, collection: Collection
) -> None:
    (folders / "old").mkdir()
    assert describe_collection(collection)["gone_sources"] == ["old"]


def test_ask_shows_the_model_what_is_there_and_names_what_is_not(
    sightline: Run, squares: Path, tmp_path: Path
) -> None:
    sightline("ingest", squares, "-c", "mine", "--offline")
    (squares / "red.png").unlink()
    with OllamaDouble(reply="Green it is [1].") as ollama:
        said = sightline("ask", "a red square?", "-c", "mine", "--ollama", ollama.url, "--json")
        assert said.json["status"] == "answered"
        shown = [piece["path"] for piece in said.json["evidence"]]
        assert sorted(shown) == ["blue.png", "green.png"]
        assert any(
            "1 picture left out" in told and "red.png" in told for told in said.json["notices"]
        )
        squares.rename(tmp_path / "elsewhere")
        asked = len(ollama.requests)
        said = sightline("ask", "a red square?", "-c", "mine", "--ollama", ollama.url, "--json")
        assert (said.json["status"], said.json["evidence"]) == ("not_enough_evidence", [])
        assert any("--label squares" in told for told in said.json["notices"])
        assert any("3 pictures left out" in told for told in said.json["notices"])
        assert len(ollama.requests) == asked


def test_a_sheet_of_hits_is_drawn_without_their_pictures(
    sightline: Run, squares: Path, tmp_path: Path
) -> None:
    sightline("ingest", squares, "-c", "mine", "--offline")
    shutil.rmtree(squares)
    sheet = tmp_path / "sheet.png"
    drawn = sightline("search", "a red square", "-c", "mine", "--figure", sheet)
    assert drawn.code == 0
    assert sheet.is_file()
