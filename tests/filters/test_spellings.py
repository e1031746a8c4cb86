"""Same to a person, same to a search: é as one character (NFC), or as e and an accent (NFD)."""

import csv
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from app.filters.parse import parse
from app.model.settings import Settings
from app.retrieval.search import Search, Searcher
from app.store import payload
from app.store.collection import open_collection
from ingest import ingest


def decomposed(text: str) -> str:
    return unicodedata.normalize("NFD", text)


ROWS = {
    "a": ("a street café", "Orléans"),
    "b": (decomposed("portrait of Zoë at a café"), decomposed("Orléans")),
    "c": ("a plain road", "Tours"),
    decomposed("d_é"): ("ﬁre in a hall", "서울"),
    "e": ("a market", decomposed("서울")),
}


@pytest.fixture
def towns(tmp_path: Path) -> Path:
    folder = tmp_path / "towns"
    folder.mkdir()
    with (folder / "m.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "caption", "city", decomposed("Größe")])
        for number, (name, (caption, city)) in enumerate(ROWS.items()):
            Image.new("RGB", (64, 48), (50 * number, 90, 120)).save(folder / f"{name}.png")
            rows.writerow([f"{name}.png", caption, city, f"g{number}"])
    return folder


def put(folder: Path, settings: Settings) -> tuple[int, int, int]:
    report = ingest(folder, "towns", settings, image="palette", text="minilm")
    return report.new, report.changed, report.unchanged


def passing(where: str, settings: Settings) -> list[str]:
    with open_collection("towns", settings) as opened:
        found = opened.record_ids(parse(where, opened.fields))
    return sorted(record_id.removeprefix("towns/").removesuffix(".png") for record_id, _ in found)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_filter_finds_either_form_with_either(towns, either_engine, form):
    put(towns, either_engine)
    for where, names in {
        'city == "Orléans"': ["a", "b"],
        'city in ["Orléans", "Tours"]': ["a", "b", "c"],
        'city != "Orléans"': ["c", decomposed("d_é"), "e"],
        'city == "서울"': [decomposed("d_é"), "e"],
        'caption == "portrait of Zoë at a café"': ["b"],
        'caption.contains("CAFÉ")': ["a", "b"],
        'record_id == "towns/d_é.png"': [decomposed("d_é")],
        'Größe == "g2"': ["c"],
        'größe == "g2"': ["c"],
    }.items():
        assert passing(unicodedata.normalize(form, where), either_engine) == names


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("words", ["zoë", "fire", "ﬁre"])
def test_keywords_find_either_form_with_either(towns, settings, form, words):
    put(towns, settings)
    asked = Search(words=unicodedata.normalize(form, words), weights={"text": 0, "keywords": 1})
    with open_collection("towns", settings) as opened:
        hits = Searcher(opened, settings).search(asked).hits
    expected = "b" if words == "zoë" else decomposed("d_é")
    assert [hit.record_id for hit in hits] == [f"towns/{expected}.png"]


def test_a_collection_of_before_is_found_by_filters_and_taken_up_by_the_next_ingest(
    towns, settings, monkeypatch
):
    with monkeypatch.context() as before:
        before.setattr(payload, "composed", lambda text: text)
        before.setattr(payload.unicodedata, "is_normalized", lambda form, text: True)
        put(towns, settings)
    assert passing('city == "Orléans"', settings) == ["a", "b"]
    with open_collection("towns", settings) as opened:
        city = next(field for field in opened.fields if field.name == "city")
        assert len(opened.commonest(city)) == 5
    assert put(towns, settings) == (0, 2, 3)  # b and e
    with open_collection("towns", settings) as opened:
        assert dict(opened.commonest(city)) == {"Orléans": 2, "서울": 2, "Tours": 1}
    assert put(towns, settings) == (0, 0, 5)


def test_a_misspelt_value_is_told_once_and_compared_in_one_form(towns, settings):
    put(towns, settings)
    with open_collection("towns", settings) as opened:
        asked = Search(where=decomposed('city in ["Orléan"]'))
        notices = Searcher(opened, settings).search(asked).notices
    near = '"Orléans"'
    assert len(notices) == 2
    assert f'no record has city == "Orléan"; there is {near}' in notices[1]
