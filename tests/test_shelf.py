"""The sample shelf: its numbers are the streets', its words are text, its questions find pages."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.media.pages import read_document, read_text_layer, render_page
from app.model.settings import Settings
from app.retrieval.search import Search, Searcher
from app.store.collection import open_collection
from data.make_sample import make_scenes, scores_of
from ingest import ingest
from ingest.passages import readable
from tests.conftest import Drawn

ROOT = Path(__file__).parents[1]
REPORT, SLIDES = "how-people-see-the-streets.pdf", "what-a-street-needs.pdf"
PAGES = [(REPORT, page) for page in range(1, 9)] + [(SLIDES, page) for page in range(1, 7)]
PLATE = (REPORT, 8)

QUESTIONS: list[dict[str, Any]] = json.loads((ROOT / "data/questions.json").read_text())
ANSWERED = [asked for asked in QUESTIONS if asked.get("says")]
OF_THE_PLATE = [asked for asked in QUESTIONS if asked.get("says") == ""]
UNANSWERED = [asked for asked in QUESTIONS if "page" not in asked]

SCENES = make_scenes(60, 7)


@pytest.fixture(scope="module")
def shelf(drawn: Drawn) -> Path:
    return drawn("shelf")


@pytest.fixture(scope="module")
def searcher(shelf: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searcher]:
    settings = Settings(home=tmp_path_factory.mktemp("home"), qdrant=None)
    report = ingest(shelf, "shelf", settings, image="palette", text="minilm")
    assert (report.new, report.skipped) == (14, [])
    with open_collection("shelf", settings) as collection:
        yield Searcher(collection, settings)


def text_of(shelf: Path, document: str, page: int) -> str:
    return readable(read_text_layer(shelf / document, page))


def pages_found(searcher: Searcher, asked: dict[str, Any]) -> list[tuple[str, int]]:
    hits = searcher.search(Search(words=asked["question"], top_k=5)).hits
    return [(hit.metadata["document"], int(hit.metadata["page"])) for hit in hits]


def mean_score(name: str, *, time: str, lamps: bool) -> str:
    scores = [scores_of(s)[name] for s in SCENES if (s.time, s.lamps) == (time, lamps)]
    return f"{sum(scores) / len(scores):.1f}"


def test_the_same_bytes_come_out_whenever_and_in_whichever_process(shelf, tmp_path):
    # Another hash seed: what went through a set would come out in another order.
    again = (
        "import sys; from pathlib import Path; from data.make_shelf import *;"
        "write_pdf(Path(sys.argv[1]), slides.TITLE, slides.slides(sample_streets()))"
    )
    environment = os.environ | {"PYTHONHASHSEED": "5", "PYTHONPATH": str(ROOT)}
    subprocess.run(
        [sys.executable, "-c", again, tmp_path / "again.pdf"], check=True, env=environment
    )
    assert sorted(file.name for file in shelf.iterdir()) == [REPORT, SLIDES]
    assert (tmp_path / "again.pdf").read_bytes() == (shelf / SLIDES).read_bytes()


def test_a_report_of_eight_pages_and_six_slides_say_their_titles(shelf):
    report, slides = (read_document(shelf / name) for name in (REPORT, SLIDES))
    assert (report.pages, report.title) == (8, "How people see the streets")
    assert (slides.pages, slides.title) == (6, "What a street needs")


@pytest.mark.parametrize(("document", "page"), PAGES)
def test_every_page_opens_the_report_s_upright_and_the_slides_across(shelf, document, page):
    picture, _ = render_page(shelf / document, page)
    assert (picture.height > picture.width) == (document == REPORT)
    darkest, lightest = picture.convert("L").getextrema()
    assert lightest - darkest > 150  # there is something on it


@pytest.mark.parametrize(("document", "page"), PAGES)
def test_every_page_but_the_plate_has_words(shelf, document, page):
    assert bool(text_of(shelf, document, page)) == ((document, page) != PLATE)


def test_text_comes_in_reading_order_the_foot_last(shelf):
    text = text_of(shelf, REPORT, 6)
    heading, chart, foot = (text.index(words) for words in ("After dark", "4.5", "the streets 6"))
    assert heading < chart < foot


def test_there_are_thirteen_questions_with_a_page_and_three_that_no_page_answers():
    assert (len(ANSWERED), len(OF_THE_PLATE), len(UNANSWERED)) == (12, 1, 3)
    assert {(asked["document"], asked["page"]) for asked in ANSWERED} <= set(PAGES) - {PLATE}


@pytest.mark.parametrize("asked", ANSWERED, ids=lambda asked: asked["question"])
def test_what_answers_a_question_stands_on_its_page(shelf, asked):
    assert asked["says"] in text_of(shelf, asked["document"], asked["page"])


@pytest.mark.parametrize("asked", ANSWERED, ids=lambda asked: asked["question"])
def test_a_question_finds_its_page_among_the_first_five(searcher, asked):
    assert (asked["document"], asked["page"]) in pages_found(searcher, asked)


def test_words_do_not_find_a_page_that_has_none(searcher):
    (asked,) = OF_THE_PLATE
    assert PLATE not in pages_found(searcher, asked)


# What the pages claim holds for the streets that `make_sample` draws.


def test_the_table_counts_what_the_scenes_hold(shelf):
    text = text_of(shelf, REPORT, 5)
    for thing, held in (
        ("trees", lambda scene: scene.tree_count),
        ("parked bicycles", lambda scene: scene.bicycles),
        ("streets with a shop", lambda scene: scene.shop != ""),
        ("stone bridges", lambda scene: scene.bridge),
    ):
        counts = [
            sum(held(scene) for scene in SCENES if scene.city.name == city)
            for city in ("Amsterdam", "Lisbon", "Melbourne")
        ]
        assert f"{thing} {counts[0]} {counts[1]} {counts[2]} {sum(counts)}" in text


def test_lamps_are_worth_what_the_summary_says(shelf):
    dark, lit = (mean_score("safer", time="night", lamps=lamps) for lamps in (False, True))
    text = text_of(shelf, REPORT, 2)
    assert f"given {dark} of ten for safety; with lamps it is given {lit}," in text


def test_the_example_adds_up_to_the_first_street_s_score(shelf):
    example = text_of(shelf, REPORT, 3).split("An example", 1)[1].replace("−", "-")
    points = [float(row) for row in re.findall(r" ([+-]\d\.\d\d)(?= [a-z])", example)]
    # Six trees, sunset, one car, and the noise; the weights stand before a sign, not a word.
    assert points[:3] == [1.50, 0.90, -0.30]
    assert f"{5 + sum(points):.2f}" == f"{scores_of(SCENES[0])['more beautiful']:.2f}"
    assert f"its score {5 + sum(points):.2f}" in example


def test_office_towers_stand_in_melbourne_alone():
    assert {s.city.name for s in SCENES if s.buildings == "office towers"} == {"Melbourne"}


def test_yellow_is_the_commonest_colour():
    cars = [colour for scene in SCENES for colour in scene.cars]
    assert max(set(cars), key=cars.count) == "yellow"
    assert all(cars.count(colour) < cars.count("yellow") for colour in set(cars) - {"yellow"})
