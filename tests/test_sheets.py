"""Sheets: that they carry all that was asked, what is said of each hit, and an answer's numbers."""

from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from PIL import Image

from app.answering.answer import Answer
from app.answering.evidence import build_evidence
from app.figures import answer_sheet, result_sheet
from app.retrieval.hits import Hit
from app.retrieval.retriever import Found
from app.retrieval.search import Search
from tests.conftest import COLOURS
from tests.test_figures import hit, words_in


def hit_with(file: Path, caption: str = "", path: str = "", **metadata: object) -> Hit:
    found = hit(file, caption)
    return replace(found, path=path or found.path, metadata=metadata)


def text_at(sheet: Figure, words: str) -> Bbox:
    """Where a line that begins with these words stands, in pixels from the lower left corner."""
    (text,) = [text for text in sheet.findobj(Text) if text.get_text().startswith(words)]
    return text.get_window_extent()


def test_a_sheet_carries_all_that_was_asked_and_how_many_pass(squares):
    search = Search(
        words="a red door",
        image=squares / "red.png",
        where='safer >= 5 and city == "Oslo"',
        near=(1.300012, 103.792352, 2.5),
        per="city",
        like=("night", squares / "green.png"),
        unlike=("rain",),
        min_score=0.25,
        weights={"text": 2.0},
        neighbours=1,
        mode="hybrid",
    )
    words = words_in(result_sheet(search, Found([hit(squares / "blue.png")], passing=41)))
    for asked in (
        "a red door",
        "1 of 41 that pass",
        "picture red.png",
        'safer >= 5 and city == "Oslo"',
        "within 2.5 km of 1.300012, 103.792352",
        "one per city",
        "like night · like green.png",
        "unlike rain",
        "cosine of 0.25 or more",
        "weight of text 2",
        "with 1 page before and after",
        "hybrid",
    ):
        assert asked in words


def test_a_sheet_of_words_alone_says_no_more(squares):
    sheet = result_sheet(Search("a red door"), Found([hit(squares / "red.png", "a door")]))
    assert words_in(sheet).startswith("query · 1 hit a red door 1 0.500")


@pytest.mark.parametrize(
    ("search", "title"),
    [
        (Search(where="safer > 5"), "safer > 5"),
        (Search(near=(1.3, 103.8, 2)), "within 2 km of 1.3, 103.8"),
        (Search(like=("a door",), where="safer > 5"), "safer > 5 · like a door"),
    ],
)
def test_without_words_what_was_asked_is_the_title(search, title):
    assert words_in(result_sheet(search, Found([]))).count(title) == 1


def test_pages_that_came_along_are_not_counted_among_those_that_pass(squares):
    hits = [hit(squares / "red.png"), hit(squares / "blue.png", score=None)]
    words = words_in(result_sheet(Search("x", where="page > 2"), Found(hits, passing=9)))
    assert "1 of 9 that pass, and 1 page beside" in words


def test_a_hit_shows_what_it_has_where_the_filter_asks(squares):
    answers = {"safer": 5.25, "lat": 1.300012, "km": 1.5}
    found = replace(hit(squares / "red.png", "a door"), answers=answers)
    words = words_in(result_sheet(Search(where="safer > 5"), Found([found])))
    assert "safer 5.25 · lat 1.300012 · 1.50 km away" in words


def test_a_caption_is_the_headline_and_the_name_is_small_below_it(squares):
    found = hit_with(squares / "red.png", "a door", path="streets/oslo/IMG_1.png", city="Oslo")
    sheet = result_sheet(Search("x"), Found([found]))
    caption, name = text_at(sheet, "a door"), text_at(sheet, "IMG_1.png")
    assert caption.y0 > name.y1
    assert caption.height > name.height
    assert "streets" not in words_in(sheet)
    assert "Oslo" not in words_in(sheet)


def test_without_a_caption_the_columns_are_the_headline(squares):
    found = hit_with(squares / "red.png", path="IMG_1.png", city="Oslo", year=2012.0, note=None)
    sheet = result_sheet(Search("x"), Found([found]))
    assert text_at(sheet, "city Oslo · year 2012").y0 > text_at(sheet, "IMG_1.png").y1
    assert "note" not in words_in(sheet)


def test_a_long_name_keeps_its_beginning_and_its_end_on_one_line(squares):
    name = "market " * 30 + "0042.png"
    sheet = result_sheet(Search("x"), Found([hit_with(squares / "red.png", "a door", path=name)]))
    words = words_in(sheet)
    assert "market market" in words
    assert "0042.png" in words
    assert words.count("…") == 1
    assert words_in(sheet).count("market") < 8


def test_a_page_shows_what_bears_on_the_words_and_small_which_it_is(squares):
    page = replace(
        hit(squares / "red.png"),
        page=3,
        path="docs/report.pdf#page=3",
        excerpt="lamps cost 40 euros",
    )
    sheet = result_sheet(Search("x"), Found([page]))
    assert text_at(sheet, "lamps cost").y0 > text_at(sheet, "report.pdf, page 3").y1


def test_a_score_ends_with_its_own_picture(tmp_path):
    for name, size in {"high": (40, 90), "wide": (90, 60), "thread": (4, 900)}.items():
        Image.new("RGB", size, COLOURS["green"]).save(tmp_path / f"{name}.png")
    files = [tmp_path / f"{name}.png" for name in ("high", "wide", "wide", "thread")]
    sheet = result_sheet(
        Search("x"), Found([hit(file, score=0.1 * rank) for rank, file in enumerate(files, 1)])
    )
    words_in(sheet)  # draws it, so that pictures get their own shape
    high, wide, _, thread = (axes.get_window_extent() for axes in sheet.axes)
    assert high.width < 0.8 * wide.width
    assert text_at(sheet, "0.100").x1 == pytest.approx(high.x1, abs=2)
    assert text_at(sheet, "0.200").x1 == pytest.approx(wide.x1, abs=2)
    assert text_at(sheet, "0.400").x0 < thread.x0 + sheet.dpi  # within an inch of a thread


def test_an_answer_bears_its_evidence_under_the_numbers_it_cites_and_the_filter(squares):
    hits = [hit(squares / f"{colour}.png", f"a {colour} one") for colour in ("red", "green")]
    first, second = build_evidence(hits)
    search = Search("Which is green?", where="safer > 5", near=(1.300012, 103.8, 2))
    said = Answer(
        "answered", "That one [2].", (2,), (replace(second, number=2),), "llava",
        unshown=(replace(first, number=0),),
    )  # fmt: skip
    sheet = answer_sheet("Which is green?", said, search, Found(hits, passing=41))
    words = words_in(sheet)
    for expected in (
        "answered · llava · 2 of 41 that pass",
        "Which is green?",
        "safer > 5 · within 2 km of 1.300012, 103.8",
        "That one [2].",
        "2 a green one",
        "not shown a red one",
    ):
        assert expected in words
    cited, other = sheet.axes
    assert cited.spines["top"].get_linewidth() > other.spines["top"].get_linewidth()


def test_an_answer_in_markdown_is_drawn_plain():
    text = "## Two\n* **A *red* door** [1]\n* the [door](a.jpg) of `b_2.jpg`, 2 * 3 m [2](b.jpg)"
    said = Answer("answered", text, (1, 2), (), "llava")
    words = words_in(answer_sheet("Which?", said, Search("Which?"), Found([])))
    assert "Two • A red door [1] • the door of b_2.jpg, 2 * 3 m [2]" in words


def test_a_question_that_is_not_what_was_searched_for_says_what_was(squares):
    said = Answer("not_enough_evidence", "", (), (), "llava")
    words = words_in(answer_sheet("How many?", said, Search("red doors"), Found([])))
    assert "How many? searched for: red doors" in words


def test_a_long_answer_is_shown_to_its_last_citation():
    said = Answer("answered", "They are red and they stand in Oslo. " * 70 + "[1]", (), (), "llava")
    words = words_in(answer_sheet("Which?", said, Search("Which?"), Found([])))
    assert words.count("Oslo") == 70
    assert "[1]" in words
