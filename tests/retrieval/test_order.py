"""Order: what a filter alone passes comes in an order that is asked for, and is always the same."""

import csv
from pathlib import Path

import pytest
from PIL import Image

from app.model.errors import QueryError
from app.model.settings import Settings
from app.retrieval import order, retriever
from app.retrieval.order import sort_of
from app.retrieval.search import Search, Searcher
from app.store.collection import open_collection
from ingest import ingest

# name: safer, taken, city, place. Marina Bay 1.2834, 103.8607.
ROWS = {
    "a": (3, "2020-01-01T00:30:00+09:00", "Bonn", (1.2834, 103.8607)),
    "b": (5, "2019-12-31T20:00:00Z", "ghent", (1.2934, 103.8607)),  # 1.1 km
    "c": (5, "2021-05-01", "Ghent", (1.2834, 103.8707)),  # 1.1 km, a little less
    "d": ("", "", "", (0, 0)),
    "e": (1, "2018-01-01", "Aachen", (-1.2834, 103.8607)),  # 285 km
    "f": (5, "2021-05-01", "Zürich", ("", "")),
    "g": (5, "2021-05-01", "Œ", (1.2835, 103.8607)),
    "h": (-2, "2022-01-01", "bonn", (1.2834, 103.8607)),
}


@pytest.fixture
def searcher(tmp_path: Path, either_engine: Settings):
    folder = tmp_path / "squares"
    folder.mkdir()
    with (folder / "m.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "caption", "safer", "taken", "city", "lat", "lon"])
        for n, (name, (safer, taken, city, place)) in enumerate(ROWS.items()):
            Image.new("RGB", (64, 48), (30 * n, 90, 120)).save(folder / f"{name}.png")
            rows.writerow([f"{name}.png", f"square {name}", safer, taken, city, *place])
    ingest(folder, "squares", either_engine, image="palette", text="minilm")
    with open_collection("squares", either_engine) as opened:
        yield Searcher(opened, either_engine)


def names(found) -> str:
    return "".join(hit.path.removesuffix(".png") for hit in found.hits)


def by_id(searcher: Searcher, some: str) -> str:
    """The names in the order of their points' ids, which breaks ties."""
    ids = dict(searcher.collection.record_ids(None))
    return "".join(sorted(some, key=lambda name: ids[f"squares/{name}.png"]))


def pages(searcher: Searcher, size: int, **asked) -> str:
    """The hits of page after page, until one is empty."""
    found = ""
    while some := names(searcher.search(Search(top_k=size, start=len(found), **asked))):
        found += some
    return found


def test_fractions_that_the_engine_reads_with_another_last_digit_end(
    tmp_path: Path, either_engine: Settings
) -> None:
    numbers = [-9.785325409824301, 9.348680322094573, 0.1, 2.5] * 3
    folder = tmp_path / "squares"
    folder.mkdir()
    with (folder / "m.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "safer"])
        for n, number in enumerate(numbers):
            Image.new("RGB", (64, 48), (20 * n, 90, 120)).save(folder / f"{n}.png")
            rows.writerow([f"{n}.png", number])
    ingest(folder, "squares", either_engine, image="palette", text="minilm")
    with open_collection("squares", either_engine) as opened:
        for size in (1, 2, 5, 12):
            search = Search(sort="safer", where="safer > 0", top_k=size)
            found = Searcher(opened, either_engine).search(search).hits
            values = [numbers[int(hit.path.removesuffix(".png"))] for hit in found]
            assert values == sorted(number for number in numbers if number > 0)[:size]


@pytest.mark.parametrize("size", [1, 2, 3, 20])
def test_pages_of_any_size_make_the_whole_in_order(searcher, size):
    ties = by_id(searcher, "bcfg")
    latest = by_id(searcher, "cfg")
    asked = {"sort": "safer"}
    assert pages(searcher, size, **asked) == f"hea{ties}d"
    assert pages(searcher, size, sort="safer:desc") == f"{ties}aehd"
    assert pages(searcher, size, sort="taken:desc") == f"h{latest}bae"[:4] + "bae"[0:3] + "d"
    assert pages(searcher, size, sort="city", where="exists(city)") == "eahbcfg"
    assert pages(searcher, size, near=(1.2834, 103.8607, 500)) == by_id(searcher, "ah") + "gcbe"
    assert pages(searcher, size, where="safer >= 1") == "abcefg"


def test_many_are_listed_without_reading_all(searcher, monkeypatch):
    monkeypatch.setattr(order, "READ", 2)
    everything = by_id(searcher, "abcefgh")
    assert pages(searcher, 2, where="exists(safer)") == everything
    found = searcher.search(Search(where="exists(safer)", top_k=2, start=2))
    assert found.passing == 7
    assert found.notices[0].startswith("7 pass; these are 3 to 4, as they are stored")
    nearest = by_id(searcher, "ah") + "gcbe"
    assert pages(searcher, 1, near=(1.2834, 103.8607, 500)) == nearest
    assert pages(searcher, 4, where="near(1.2834, 103.8607, 500)") == nearest


def test_how_many_pass_is_told(searcher):
    found = searcher.search(Search(where="safer == 5", sort="city:desc", top_k=2))
    assert (names(found), found.passing, found.start) == ("gf", 4, 0)
    assert found.notices == ["4 pass; these are the first 2, by city, descending"]
    beyond = searcher.search(Search(where="safer == 5", start=4))
    assert (beyond.hits, beyond.notices) == ([], ["there are 4 hits, and none from 4 on"])
    everything = searcher.search(Search(where="safer == 5", top_k=4))
    assert (everything.passing, everything.notices) == (4, [])


def test_pages_of_a_ranking_are_one_ranking(searcher):
    whole = names(searcher.search(Search(words="square c", top_k=8)))
    assert len(set(whole)) == 8
    assert pages(searcher, 3, words="square c") == whole


def test_what_is_ranked_is_not_sorted(searcher):
    for asked in (Search(words="square", sort="safer"), Search(like=("x",), sort="safer")):
        with pytest.raises(QueryError, match="leave --sort out"):
            searcher.search(asked)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Search(sort="safr"), "no field is called safr"),
        (Search(sort=""), "nothing is asked"),
        (Search(sort=":desc"), "the name of a field is missing"),
        (Search(sort="``"), "the name of a field is missing"),
        (Search(sort="safer", start=-1), "--from is -1"),
        (Search(sort="safer", start=10_000), "--from is 10000"),
    ],
)
def test_what_cannot_be_listed_is_refused(searcher, asked, said):
    with pytest.raises(QueryError, match=said):
        searcher.search(asked)


def test_a_column_may_have_a_colon_in_its_name(searcher):
    fields = searcher.collection.fields
    assert sort_of("SAFER : desc", fields).descending
    assert not sort_of("safer:asc", fields).descending
    assert sort_of("`city`:desc", fields).column.slug == "city"
    assert sort_of("record_id", fields).column.key == "record_id"
    with pytest.raises(QueryError, match="no field is called"):
        sort_of("safer:down", fields)


def test_what_is_near_null_island_is_told_to_be_no_place(searcher):
    found = searcher.search(Search(near=(0, 0, 10)))
    assert not found.hits
    assert any(notice.startswith("0, 0 is no place") for notice in found.notices)
    elsewhere = searcher.search(Search(near=(0, 103.8607, 500)))
    assert not any("no place" in notice for notice in elsewhere.notices)


@pytest.mark.parametrize("count", [40, 130])
def test_pages_of_what_scores_the_same_have_each_record_once(
    count: int, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "walls"
    folder.mkdir()
    shades = ("red", "green")
    for n in range(count):
        Image.new("RGB", (8, 8), shades[n % 2]).save(folder / f"{n}.png", compress_level=n % 10)
    rows = [f"{n}.png,a painted wall" for n in range(count)]
    (folder / "m.csv").write_text("\n".join(["image,caption", *rows]))
    ingest(folder, "walls", settings, image="palette", text="minilm")
    with open_collection("walls", settings) as opened:
        searcher = Searcher(opened, settings)
        red = folder / "0.png"
        for asked in (
            {"image": red},
            {"words": "wall", "mode": "text"},
            {"words": "wall", "image": red},
        ):
            whole = [h.path for h in searcher.search(Search(top_k=count, **asked)).hits]
            assert len(set(whole)) == count
            for size in (7, 30):
                paged: list[str] = []
                while some := searcher.search(Search(top_k=size, start=len(paged), **asked)).hits:
                    paged += [hit.path for hit in some]
                assert paged == whole
        monkeypatch.setattr(retriever, "MAX_TIED", 5)
        first, second = (searcher.search(Search(image=red, top_k=5, start=n)) for n in (0, 5))
        assert not first.notices
        assert "more than 5 records score the same" in second.notices[0]


@pytest.mark.parametrize("sort", [None, "record_id", "path", "town"])
def test_names_are_listed_as_in_an_index_whatever_their_case_and_accents(
    sort: str | None, tmp_path: Path, either_engine: Settings
) -> None:
    names = ["A\u0301vila", "bonn", "Bonna", "Éc", "ed", "Zug", "Østerå"]
    folder = tmp_path / "towns"
    folder.mkdir()
    for number, name in enumerate(names):
        Image.new("RGB", (64, 48), (30 * number, 90, 120)).save(folder / f"{name}.png")
    rows = [f"{name}.png,a square,{name}" for name in names]
    (folder / "m.csv").write_text("\n".join(["image,caption,town", *rows]), encoding="utf-8")
    ingest(folder, "towns", either_engine, image="palette", text="minilm")
    with open_collection("towns", either_engine) as opened:
        asked = Search(where="exists(town)", sort=sort, top_k=9)
        found = [hit.path for hit in Searcher(opened, either_engine).search(asked).hits]
    assert found == [f"{name}.png" for name in names]


def test_a_hit_shows_what_it_is_sorted_and_grouped_by(searcher: Searcher) -> None:
    found = searcher.search(Search(sort="safer:desc", per="city", top_k=3))
    assert [hit.answers["safer"] for hit in found.hits] == [5, 5, 5]
    assert len({hit.answers["city"] for hit in found.hits}) == 3
    assert "one for each city, by safer, descending" in found.notices[0]
