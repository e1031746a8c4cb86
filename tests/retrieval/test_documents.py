"""A shelf of PDFs as its user meets it: pages found, grouped, with those beside them, looked up."""

import os
from pathlib import Path

import pytest
from PIL import Image

from app.model.errors import (
    CollectionError,
    CollectionMissingError,
    QueryError,
    SettingsError,
    SourceError,
)
from app.model.settings import Settings
from app.retrieval.hits import Hit
from app.retrieval.search import Search, Searcher
from app.store.collection import open_collection
from app.workspace.page_file import write_page
from ingest import ingest
from tests.pdfs import Page, chinese, pdf

PAGES = {
    "rivers.pdf": ["rivers of Europe", "the Rhine flows north", "the Danube flows east", "the end"],
    "sea/rivers.pdf": ["harbours", "tides of the Rhine delta"],
    "hills.pdf": ["hills and valleys"],
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home whose collection `shelf` has the pages above."""
    folder = tmp_path_factory.mktemp("data") / "shelf"
    for name, pages in PAGES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(pdf(*(Page(words) for words in pages)))
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    ingest(folder, "shelf", settings, image="palette", text="minilm")
    return settings


def search(settings: Settings, words: str = "", **options: object) -> list[Hit]:
    with open_collection("shelf", settings) as opened:
        return Searcher(opened, settings).search(Search(words, **options)).hits


def test_a_page_says_of_which_document_it_is(settings: Settings) -> None:
    best = search(settings, "where does the Danube flow")[0]
    assert (best.path, best.page) == ("rivers.pdf#page=3", 3)
    assert {name: best.metadata[name] for name in ("document", "pages")} == {
        "document": "rivers.pdf",
        "pages": 4,
    }


def test_a_chinese_question_finds_a_chinese_page_by_its_words(tmp_path: Path) -> None:
    pages = ["夜间街道的照明让人感到更安全", "停放的自行车大多在阿姆斯特丹", "墨尔本的办公大楼"]
    (tmp_path / "街道.pdf").write_bytes(chinese(*pages))
    settings = Settings()
    ingest(tmp_path / "街道.pdf", "shelf", settings, image="palette", text="minilm")
    best = search(settings, "自行车停在哪里?")[0]
    assert best.path == "街道.pdf#page=2"
    assert best.signals["keywords"].score > 0
    assert best.caption == "停放的自行车大多在阿姆斯特丹"


def test_per_document_gives_the_best_page_of_each_and_names_the_others(settings: Settings) -> None:
    hits = search(settings, "the Rhine", per="document", top_k=5)
    assert {hit.path.partition("#")[0] for hit in hits} == set(PAGES)
    assert len(hits) == 3  # two are called rivers.pdf, and are two
    ours = next(hit for hit in hits if hit.path.startswith("rivers.pdf"))
    assert ours.page == 2
    assert set(ours.others) == {f"rivers.pdf#page={page}" for page in (1, 3, 4)}


def test_per_document_without_words_gives_the_first_page_of_each(settings: Settings) -> None:
    hits = search(settings, where="pages > 1", per="document")
    assert [hit.path for hit in hits] == ["rivers.pdf#page=1", "sea/rivers.pdf#page=1"]


def test_any_column_can_be_grouped_by(settings: Settings) -> None:
    hits = search(settings, "rivers", per="pages")
    assert sorted(hit.metadata["pages"] for hit in hits) == [1, 2, 4]


@pytest.mark.parametrize(("per", "told"), [("chapter", "no field"), ("lat", "cannot be grouped")])
def test_what_cannot_be_grouped_by_is_refused(settings: Settings, per: str, told: str) -> None:
    with pytest.raises(QueryError, match=told):
        search(settings, "rivers", per=per)


def test_neighbours_come_after_the_hits_nearest_first_and_once(settings: Settings) -> None:
    hits = search(settings, "the Danube flows east", top_k=1, neighbours=2)
    assert [(hit.page, hit.score is None) for hit in hits] == [
        (3, False),
        (2, True),
        (4, True),
        (1, True),
    ]
    both = search(settings, where='document == "rivers.pdf" and pages == 4', top_k=9, neighbours=1)
    assert [hit.page for hit in both] == [1, 2, 3, 4]


def test_too_many_neighbours_are_refused(settings: Settings) -> None:
    with pytest.raises(QueryError, match="0 to 10"):
        search(settings, "rivers", neighbours=11)


@pytest.mark.parametrize(
    ("document", "page"),
    [
        ("sea/rivers.pdf", 2),
        ("shelf/sea/rivers.pdf", 2),
        ("sea/rivers.pdf#page=2", None),
        ("sea/rivers.pdf, page 2", None),
        ("shelf/sea/rivers.pdf, page 2", 2),
        ("sea/rivers.pdf p. 2", None),
        ("* [1] sea/rivers.pdf, page 2", None),
    ],
)
def test_a_citation_can_be_looked_at(
    settings: Settings,
    document: str,
    page: int | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    written = write_page(document, page, settings, side=400)
    assert written == Path("rivers-2.png")
    with Image.open(written) as picture:
        assert max(picture.size) == 400
        assert min(picture.convert("L").tobytes()) < 100  # there is type on it


def test_a_document_on_disk_needs_no_collection(tmp_path: Path) -> None:
    file = tmp_path / "own.pdf"
    file.write_bytes(pdf("first"))
    settings = Settings(home=tmp_path / "none")
    assert write_page(str(file), 1, settings, out=tmp_path / "a.jpg", side=64).is_file()


@pytest.mark.parametrize(
    ("document", "page", "out", "error", "told"),
    [
        ("rivers.pdf", None, "a.png", QueryError, "which page"),
        ("rivers.pdf#page=3", 4, "a.png", QueryError, "names page 3, and 4 is asked for too"),
        ("rivers.pdf", 5, "a.png", SourceError, "rivers.pdf: there is no page 5; there are 4"),
        ("lakes.pdf", 1, "a.png", SourceError, "of any collection, nor a file here; give its path"),
        ("riverz.pdf", 1, "a.png", SourceError, r"; did you mean 'rivers\.pdf'\?"),
        ("~nobody-at-all/a.pdf", 1, "a.png", SourceError, "of any collection, nor a file here"),
        ("hills", 1, "a.png", SourceError, r"; did you mean 'hills\.pdf'\?"),
        ("sea/river", 1, "a.png", SourceError, r"; did you mean 'sea/rivers\.pdf'\?"),
        ("rivers.pdf", 1, "a.gif", SettingsError, r"'a.gif' .*; end it in \.png"),
        ("rivers.pdf", 1, "no/folder/a.png", SettingsError, "folder is not there; make it"),
    ],
)
def test_a_page_that_cannot_be_written_says_why(
    settings: Settings, tmp_path: Path, document: str, page: int, out: str, error: type, told: str
) -> None:
    with pytest.raises(error, match=told):
        write_page(document, page, settings, out=tmp_path / out, side=64)


def test_what_is_no_document_has_no_pages(settings: Settings, tmp_path: Path) -> None:
    Image.new("RGB", (9, 9), "red").save(tmp_path / "q.png")
    with pytest.raises(SourceError, match=r"q\.png: it is not a PDF, and only a PDF has pages"):
        write_page(str(tmp_path / "q.png"), 1, settings, side=64)


def test_a_collection_that_is_not_there_is_told_as_everywhere(settings: Settings) -> None:
    with pytest.raises(CollectionMissingError, match="no collection 'shelv'; did you mean 'shelf'"):
        write_page("rivers.pdf", 1, settings, collection="shelv", side=64)


@pytest.fixture
def more(tmp_path: Path) -> Settings:
    """A home with `both`, of two sources that each have a report of two pages, and `one`."""
    settings = Settings(home=tmp_path / "home")
    for label in ("m1", "m2"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "report.pdf").write_bytes(pdf(f"{label} one", f"{label} two"))
        ingest(tmp_path / label, "both", settings, image="palette", text="minilm")
    ingest(tmp_path / "m1", "one", settings, image="palette", text="minilm")
    return settings


def write(document: str, settings: Settings, tmp_path: Path, collection: str | None = None) -> Path:
    out = tmp_path / "a.png"
    return write_page(document, 2, settings, collection=collection, out=out, side=64)


def test_of_two_documents_of_one_path_none_is_guessed(more: Settings, tmp_path: Path) -> None:
    told = r"may be m1/report\.pdf \(-c (both|one)\) or m2/report\.pdf \(-c both\).*give its path"
    with pytest.raises(QueryError, match=told):
        write("report.pdf", more, tmp_path)
    assert write("report.pdf", more, tmp_path, "one").is_file()
    assert write("m1/report.pdf", more, tmp_path).is_file()  # in two collections, and one file
    assert write("m2/report.pdf", more, tmp_path).is_file()


def test_a_document_that_is_another_now_is_drawn_only_by_its_path(
    more: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "m1/report.pdf"
    os.utime(file, ns=(1, 1))
    assert write("m1/report.pdf", more, tmp_path).is_file()  # touched, and the same
    file.write_bytes(pdf("put in", "m1 one", "m1 two"))
    with pytest.raises(SourceError, match="changed since it was ingested into collection 'both'"):
        write("m1/report.pdf", more, tmp_path)
    assert write(str(file), more, tmp_path).is_file()
    ingest(tmp_path / "m1", "one", more)
    assert write("report.pdf", more, tmp_path, "one").is_file()


def test_a_document_that_is_gone_is_told_where_it_was(more: Settings, tmp_path: Path) -> None:
    file = tmp_path / "m2/report.pdf"
    file.unlink()
    with pytest.raises(SourceError, match=f"collection 'both' is no longer at {file}; put it back"):
        write("m2/report.pdf", more, tmp_path)


def test_a_damaged_collection_hides_no_document_of_another(more: Settings, tmp_path: Path) -> None:
    (more.collections_folder / "both" / "manifest.json").write_text("{")
    assert write("report.pdf", more, tmp_path).is_file()
    with pytest.raises(CollectionError, match="damaged"):
        write("rapport.pdf", more, tmp_path)
