"""Codes: what is asked with its hyphens is found with its hyphens, first."""

import csv
from pathlib import Path

import pytest
from PIL import Image

from app.model.settings import Settings
from app.retrieval.codes import MAX_CODES, codes_in, number_had
from app.retrieval.search import Search, Searcher
from app.store.collection import open_collection
from ingest import ingest

CAPTIONS = {
    "spoken": "the KX-200-B pump, manual",
    "sibling": "KX-200-C pump",
    "parts": "pump B of series KX, 200 bar",
    "longer": "KX-200-B-2 seal for a pump",
    "typeset": "pump kx\u2011200\u2011b",
    "plain": "a pump for a garden",
    "decoy": "200 KX B KX B 200 KX 200 B pump",
}

EXACT = {"spoken", "typeset", "column", "silent"}


@pytest.fixture
def searcher(tmp_path: Path, either_engine: Settings):
    folder = tmp_path / "parts"
    folder.mkdir()
    rows = {**{name: (text, "") for name, text in CAPTIONS.items()}}
    rows |= {"column": ("a thing in a box", "KX-200-B"), "silent": ("", "KX-200-B")}
    with (folder / "m.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["image", "caption", "article"])
        for number, (name, row) in enumerate(rows.items()):
            Image.new("RGB", (64, 48), (30 * number, 90, 120)).save(folder / f"{name}.png")
            table.writerow([f"{name}.png", *row])
    ingest(folder, "parts", either_engine, image="palette", text="minilm")
    with open_collection("parts", either_engine) as opened:
        yield Searcher(opened, either_engine)


def names(found) -> list[str]:
    return [hit.path.removesuffix(".png") for hit in found.hits]


@pytest.mark.parametrize("words", ["KX-200-B", "a pump, kx-200-b", "the KX\u2013200\u2013B?"])
@pytest.mark.parametrize("mode", ["hybrid", "text"])
def test_what_has_the_code_comes_first(searcher, words, mode):
    found = names(searcher.search(Search(words=words, mode=mode, top_k=9)))
    assert set(found[:4]) == EXACT
    assert len(found) == len(set(found)) == 9


def test_a_record_with_both_codes_comes_before_one_with_either(searcher):
    found = names(searcher.search(Search(words="KX-200-C or KX-200-B", top_k=9)))
    assert set(found[:5]) == EXACT | {"sibling"}


def test_a_filter_and_pages_of_hits_hold_for_codes_too(searcher):
    asked = Search(words="KX-200-B", where='not caption.contains("manual")', top_k=3)
    assert set(names(searcher.search(asked))) == EXACT - {"spoken"}
    whole = names(searcher.search(Search(words="KX-200-B", top_k=9)))
    after = names(searcher.search(Search(words="KX-200-B", top_k=9, start=2)))
    assert after == whole[2:]


def test_a_hit_says_that_it_has_the_code_whatever_its_cosine(searcher):
    asked = Search(words="KX-200-B", top_k=9, min_score=0.99)
    found = searcher.search(asked)
    assert set(names(found)) == EXACT
    assert {(hit.score, hit.signals["code"].score) for hit in found.hits} == {(1.0, 1.0)}
    assert [hit.signals["code"].rank for hit in found.hits] == [1, 2, 3, 4]
    assert found.nearest is None


def test_a_code_that_nobody_has_changes_nothing_but_is_told(searcher, monkeypatch):
    asked = Search(words="a KX-900-Z", top_k=9)
    found = searcher.search(asked)
    assert "none has kx-900-z: what follows is only like the words" in found.notices
    monkeypatch.setattr("app.retrieval.retriever.codes_in", lambda words: [])
    usual = searcher.search(asked)
    assert [(hit.path, hit.score) for hit in found.hits] == [
        (hit.path, hit.score) for hit in usual.hits
    ]


@pytest.mark.parametrize(
    ("words", "codes"),
    [
        ("KX-200-B", ["kx-200-b"]),
        ("is abc-123 like ABC-123?", ["abc-123"]),
        ("4a-77 v2.0.1 NX_12 A/7", ["4a-77", "v2.0.1", "nx_12", "a/7"]),
        ("978-3-16-148410-0 of 2010-01-27", ["978-3-16-148410-0", "2010-01-27"]),
        ("a 10-year-old in a 3-door car, 19th-century, 1990s-style", []),
        ("and/or 24/7 t-shirt 5-10 people 3.5 1,000 well-known e.g.", []),
        ("ПК-7", ["пк-7"]),
        (" 12653 ", ["12653"]),
        ("2012 12653 2012", ["2012", "12653"]),
        ("\uff11\uff12\uff16\uff15\uff13", ["12653"]),
        ("a street in 2012", []),
        ("360 1,000 1234.5", []),
        ("-- - -7 7- KX- -200", []),
        ("", []),
    ],
)
def test_a_code_is_told_from_plain_words(words, codes):
    assert codes_in(words) == codes


def test_a_question_has_so_many_codes_at_most():
    assert len(codes_in(" ".join(f"KX-{n}" for n in range(2_000)))) == MAX_CODES


NUMBERS = {  # article (numbers), lot (words), year (numbers), caption
    "spoken": ("", "", 2012, "a pump called 12653 and 2012"),
    "article": (12653, "", 2012, "a pump"),
    "lot": (77, "12653", 2013, "a seal"),
    "longer": (126531, "12653-B", 2013, "a valve"),
    "4711": (88, "", 2013, "a hose"),
}


@pytest.fixture
def numbered(tmp_path: Path, either_engine: Settings):
    folder = tmp_path / "numbered"
    folder.mkdir()
    with (folder / "m.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["image", "article", "lot", "year", "caption"])
        for number, (name, row) in enumerate(NUMBERS.items()):
            Image.new("RGB", (64, 48), (30 * number, 90, 120)).save(folder / f"{name}.png")
            table.writerow([f"{name}.png", *row])
    ingest(folder, "numbered", either_engine, image="palette", text="minilm")
    with open_collection("numbered", either_engine) as opened:
        yield Searcher(opened, either_engine)


def test_a_number_alone_finds_what_has_just_that_in_a_column_first(numbered):
    found = names(numbered.search(Search(words="12653", top_k=5)))
    assert set(found[:2]) == {"article", "lot"}
    assert len(found) == len(set(found)) == 5
    only = Search(words="12653", where="exists(article) and article < 1000", top_k=5)
    assert names(numbered.search(only))[0] == "lot"


def test_a_number_alone_finds_the_picture_that_is_called_so_if_no_column_has_it(numbered):
    assert names(numbered.search(Search(words="4711", top_k=5)))[0] == "4711"
    beside = Search(words="4711", where="year == 2012", top_k=5)
    assert set(names(numbered.search(beside))) == {"spoken", "article"}


def test_a_year_counts_alone_and_not_among_words(numbered, monkeypatch):
    assert set(names(numbered.search(Search(words="2012", top_k=2)))) == {"spoken", "article"}
    asked = Search(words="a hose 2012", top_k=5)
    found = names(numbered.search(asked))
    monkeypatch.setattr("app.retrieval.retriever.codes_in", lambda words: [])
    assert found == names(numbered.search(asked))


def test_what_a_stranger_wrote_has_no_code():
    assert number_had({"captions": ["KX-1"], "fields": {"a": [1, None]}}, ["kx-1"]) == 1
    for content in ("[]", "{", None, "[" * 10_000):
        assert number_had({"_node_content": content}, ["kx-1"]) == 0
