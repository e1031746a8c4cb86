"""Retrieval: words, pictures and filters find what they should, and each hit says why."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.encoders import FloatMatrix
from app.encoders.palette import Palette
from app.model.errors import QueryError, SourceError
from app.model.settings import Settings
from app.retrieval.modes import mode_names
from app.retrieval.search import Search, Searcher
from app.store.collection import Collection, open_collection
from app.store.models import Models
from ingest import ingest
from tests.checkpoints import save_clip
from tests.conftest import COLOURS, make_squares


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A collection of nine squares, made once: three colours, three shades each."""
    folder = tmp_path_factory.mktemp("nine")
    shades = {
        f"{depth}-{name}": tuple(int(part * light) for part in colour)
        for name, colour in COLOURS.items()
        for depth, light in (("light", 1.15), ("middle", 0.8), ("dark", 0.35))
    }
    make_squares(folder / "squares", {n: tuple(min(p, 255) for p in c) for n, c in shades.items()})
    settings = Settings(home=folder / "home")
    ingest(folder / "squares", "squares", settings, image="palette", text="minilm")
    return settings


@pytest.fixture
def collection(home: Settings):
    with open_collection("squares", home) as opened:
        yield opened


@pytest.fixture
def searcher(collection: Collection, home: Settings) -> Searcher:
    return Searcher(collection, home)


def picture(collection: Collection, name: str) -> Path:
    return collection.manifest.sources["squares"].root / name


def sources(found) -> list[str]:
    return [hit.path for hit in found.hits]


# ---- the contract of every mode


@pytest.mark.parametrize("mode", mode_names())
def test_every_mode_obeys_the_filter_and_still_fills_top_k(
    mode: str, searcher: Searcher, collection: Collection
) -> None:
    search = Search(
        words="a square",
        image=picture(collection, "middle-red.png"),
        mode=mode,
        where='not shade.contains("red")',
        top_k=6,
    )
    found = sources(searcher.search(search))
    assert len(found) == 6
    assert not any("red" in source for source in found)


@pytest.mark.parametrize("mode", mode_names())
def test_every_mode_refuses_what_it_cannot_search_with(mode: str, searcher: Searcher) -> None:
    with pytest.raises(QueryError):
        searcher.search(Search(mode=mode))


def test_an_unknown_mode_is_named_with_those_there_are(searcher: Searcher) -> None:
    with pytest.raises(QueryError, match=r"'telepathy'.*hybrid"):
        searcher.search(Search(words="red", mode="telepathy"))


# ---- what finds what


def test_a_picture_of_the_collection_finds_itself_with_cosine_one(
    searcher: Searcher, collection: Collection
) -> None:
    found = searcher.search(Search(image=picture(collection, "dark-blue.png")))
    assert found.hits[0].path == "dark-blue.png"
    assert found.hits[0].score == pytest.approx(1, abs=1e-3)
    assert found.hits[0].signals["image"].rank == 1


def test_words_and_picture_together_use_every_signal(
    searcher: Searcher, collection: Collection
) -> None:
    search = Search(words="dark-blue", image=picture(collection, "dark-blue.png"))
    first = searcher.search(search).hits[0]
    assert first.path == "dark-blue.png"
    assert first.signals.keys() == {"text", "keywords", "image"}


def test_every_hit_has_its_score_under_every_signal(searcher: Searcher) -> None:
    found = searcher.search(Search(words="a dark-green square", top_k=9))
    assert len(found.hits) == 9
    assert all(-1 <= hit.signals["text"].score <= 1 for hit in found.hits)
    assert found.hits[0].signals["keywords"].rank == 1


def test_weights_decide_how_much_a_signal_counts(searcher: Searcher) -> None:
    only_keywords = {"text": 0.0, "keywords": 1.0}
    found = searcher.search(Search(words="dark", weights=only_keywords))
    assert set(sources(found)[:3]) == {
        "dark-red.png",
        "dark-green.png",
        "dark-blue.png",
    }
    assert found.hits[0].signals.keys() == {"keywords"}
    with pytest.raises(QueryError, match=r"'smell'.*keywords"):
        searcher.search(Search(words="dark", weights={"smell": 1.0}))


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), 1e308])
def test_a_weight_that_is_no_number_is_refused(searcher: Searcher, weight: float) -> None:
    with pytest.raises(QueryError, match="weight of text"):
        searcher.search(Search(words="dark", weights={"text": weight}))


def test_words_that_count_for_nothing_are_refused(searcher: Searcher) -> None:
    with pytest.raises(QueryError, match="weight 0"):
        searcher.search(Search(words="dark", weights={"text": 0, "keywords": 0}))


@pytest.mark.parametrize("score", [float("nan"), 2.0])
def test_a_threshold_that_is_no_cosine_is_refused(searcher: Searcher, score: float) -> None:
    with pytest.raises(QueryError, match="min_score"):
        searcher.search(Search(words="dark", min_score=score))


def test_a_filter_alone_returns_what_passes_by_record_id(searcher: Searcher) -> None:
    found = searcher.search(Search(where='shade in ["middle-red", "dark-red"]'))
    assert sources(found) == ["dark-red.png", "middle-red.png"]
    assert [hit.score for hit in found.hits] == [None, None]


def test_like_pulls_and_unlike_pushes_away(searcher: Searcher, collection: Collection) -> None:
    blue, red = (picture(collection, f"middle-{name}.png") for name in ("blue", "red"))
    pulled = searcher.search(Search(words="a square", like=(blue,), top_k=9))
    assert pulled.hits[0].path == "middle-blue.png"
    pushed = searcher.search(Search(words="a square", unlike=(red,), top_k=9))
    assert pushed.hits[-1].path == "middle-red.png"
    assert pushed.hits[-1].signals[f"unlike:{red}"].score == pytest.approx(1, abs=1e-3)


def test_unlike_alone_has_nothing_to_push_away_from(
    searcher: Searcher, collection: Collection
) -> None:
    with pytest.raises(QueryError, match="what to search for"):
        searcher.search(Search(unlike=(picture(collection, "light-red.png"),)))


def test_a_path_that_is_not_there_is_an_error(searcher: Searcher) -> None:
    for value in ("gone.png", "some/folder", "C:\\pictures\\a.jpg"):
        with pytest.raises(SourceError, match=re.escape(f"the picture {value} is not there")):
            searcher.search(Search(words="red", like=(Path(value),)))


def test_a_string_is_words_and_opens_no_file(
    searcher: Searcher, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    blue = str(picture(collection, "middle-blue.png"))
    monkeypatch.setattr("app.media.images.open_image", lambda path, **_: pytest.fail(path))
    for words in (blue, "tea and/or coffee", "gone.png", "/etc/passwd", "."):
        found = searcher.search(Search(words="a square", like=(words,), unlike=(words,)))
        assert f"like:{words}" in found.hits[0].signals


def test_min_score_keeps_a_hit_if_any_cosine_reaches_it(searcher: Searcher) -> None:
    everything = searcher.search(Search(words="a dark-red square", top_k=9)).hits
    best = everything[0].signals["text"].score
    found = searcher.search(Search(words="a dark-red square", top_k=9, min_score=best - 1e-4))
    assert [hit.path for hit in found.hits] == [everything[0].path]
    nothing = searcher.search(Search(words="a dark-red square", min_score=0.999))
    assert nothing.hits == []
    assert nothing.nearest is not None
    assert nothing.nearest.path == everything[0].path


def test_palette_says_that_it_searched_captions_instead(searcher: Searcher) -> None:
    found = searcher.search(Search(words="middle-green", mode="text-to-image"))
    assert found.hits[0].path == "middle-green.png"
    assert any("cannot read words" in notice for notice in found.notices)


def test_a_threshold_is_not_reached_by_what_pushes_away(searcher: Searcher) -> None:
    """The record that says just these words is the last thing to show to who wants it least."""
    away = Search(words="dark-red", weights={"text": -1.0}, min_score=0.3, top_k=9)
    assert searcher.search(away).hits == []


def test_a_hit_has_what_the_filter_asks_about(searcher: Searcher) -> None:
    where = 'shade.contains("red") and (brightness > 1 or exists(taken)) and not framed == true'
    hit = searcher.search(Search(where=where)).hits[0]
    assert hit.answers == {
        "brightness": 4.5,
        "shade": "dark-red",
        "taken": "2020-01-03T00:00:00+00:00",
        "framed": "false",
    }


def test_a_filter_alone_tells_how_many_pass(searcher: Searcher) -> None:
    found = searcher.search(Search(where='shade.contains("red")', top_k=2))
    assert found.notices == ["3 pass; these are the first 2, by record id"]
    assert searcher.search(Search(where='shade.contains("red")')).notices == []


@pytest.mark.parametrize("words", ["", "a square"])
def test_a_value_that_no_record_has_is_told_with_those_like_it(
    searcher: Searcher, words: str
) -> None:
    found = searcher.search(Search(words=words, where='shade == "Dark-Red" and brightness > 0'))
    assert found.hits == []
    assert found.notices[0] == "no record passes the filter"
    assert found.notices[1].startswith('no record has shade == "Dark-Red"; there is "dark-red"')
    assert len(found.notices) == 2


def test_of_several_values_those_that_no_record_has_are_told(searcher: Searcher) -> None:
    found = searcher.search(Search(where='shade in ["dark-red", "Dark-Blue"] and brightness < 0'))
    assert [notice.split(";")[0] for notice in found.notices] == [
        "no record passes the filter",
        'no record has shade == "Dark-Blue"',
    ]


def test_half_a_character_is_refused_alone_and_among_many(searcher: Searcher) -> None:
    search = Search(words="caf\udce9")
    with pytest.raises(QueryError, match="not valid Unicode"):
        searcher.search(search)
    assert isinstance(searcher.search_many([search])[0], QueryError)


def test_near_keeps_what_lies_close(searcher: Searcher) -> None:
    assert searcher.search(Search(near=(1.3, 103.8, 5))).hits == []
    with pytest.raises(QueryError, match="latitude"):
        searcher.search(Search(near=(91, 0, 1)))


@pytest.mark.parametrize("top_k", [0, -1, 10**9])
def test_top_k_has_bounds(searcher: Searcher, top_k: int) -> None:
    with pytest.raises(QueryError, match="top_k"):
        searcher.search(Search(words="red", top_k=top_k))


def test_a_book_for_a_question_is_refused(searcher: Searcher) -> None:
    with pytest.raises(QueryError, match="characters"):
        searcher.search(Search(words="red " * 10_000))


@pytest.mark.parametrize("words", ["🦄🦄", "the", "\x00", "ключ 钥匙", "' OR 1=1 --", "{}"])
def test_odd_words_are_searched_like_any(searcher: Searcher, words: str) -> None:
    assert len(searcher.search(Search(words=words)).hits) == 5


def test_many_searches_come_back_in_order_and_a_bad_one_stops_none(
    searcher: Searcher, collection: Collection
) -> None:
    results = searcher.search_many(
        [
            Search(words="dark-red"),
            Search(words="", where="nonsense ==="),
            Search(image=picture(collection, "light-blue.png")),
            Search(),
        ]
    )
    assert isinstance(results[1], QueryError)
    assert isinstance(results[3], QueryError)
    assert results[0] == searcher.search(Search(words="dark-red"))
    assert results[2].hits[0].path == "light-blue.png"


# ---- pictures without captions, and an embedding that reads words


@pytest.mark.torch
def test_a_picture_without_caption_is_neither_lifted_nor_thrown_out(
    home: Settings, tmp_path: Path
) -> None:
    folder = make_squares(tmp_path / "half", COLOURS)
    rows = json.loads((folder / "metadata.json").read_text())
    del rows[0]["Caption"]
    (folder / "metadata.json").write_text(json.dumps(rows))
    checkpoint = tmp_path / "tiny-clip"
    save_clip(checkpoint)
    settings = Settings(home=tmp_path / "home")
    ingest(folder, "half", settings, image=f"clip:{checkpoint}", text="minilm")
    with open_collection("half", settings) as opened:
        hits = Searcher(opened, settings).search(Search(words="a green square")).hits
    assert len(hits) == 3
    assert hits[0].path == "green.png"
    bare = next(hit for hit in hits if hit.path == "red.png")
    assert bare.signals.keys() == {"image"}


def test_words_without_captions_to_find_say_so(tmp_path: Path) -> None:
    folder = make_squares(tmp_path / "bare", COLOURS)
    (folder / "metadata.json").unlink()
    settings = Settings(home=tmp_path / "home")
    ingest(folder, "bare", settings, image="palette", text="minilm")
    with open_collection("bare", settings) as opened:
        found = Searcher(opened, settings).search(Search(words="a red square"))
    assert found.hits == []
    assert len(found.notices) == 1
    assert found.notices[0].startswith("no record has a caption, so words find nothing:")


def test_a_hit_near_a_place_says_how_far_it_is(tmp_path: Path) -> None:
    """Marina Bay and the Botanic Gardens lie 6.0 km apart."""
    folder = tmp_path / "two"
    folder.mkdir()
    for name, colour in zip(("1.2834_103.8607_a_S", "1.3138_103.8159_b_S"), COLOURS, strict=False):
        Image.new("RGB", (64, 64), colour).save(folder / f"{name}.png")
    settings = Settings(home=tmp_path / "home")
    ingest(folder, "two", settings, image="palette", text="minilm")
    with open_collection("two", settings) as opened:
        hits = Searcher(opened, settings).search(Search(near=(1.2834, 103.8607, 7))).hits
    assert [hit.answers["km"] for hit in hits] == [0, pytest.approx(6.02, abs=0.01)]


@pytest.mark.parametrize("words", ["a square", ""])
def test_how_many_pass_is_told_where_there_is_a_filter(searcher: Searcher, words: str) -> None:
    found = searcher.search(Search(words, where='caption.contains("dark-red")', top_k=1))
    assert (len(found.hits), found.passing) == (1, 1)
    found = searcher.search(Search(words, where='caption.contains("square")', top_k=1))
    assert (len(found.hits), found.passing) == (1, 9)
    found = searcher.search(Search(words, where='caption.contains("round")'))
    assert (len(found.hits), found.passing) == (0, 0)


def test_without_a_filter_nothing_is_told_of_what_passes(searcher: Searcher) -> None:
    assert searcher.search(Search("a square")).passing is None


@pytest.mark.torch
def test_words_find_pictures_through_clip(tmp_path: Path) -> None:
    """Random weights know no colours, but the cosine is that of CLIP's own two towers."""
    folder = make_squares(tmp_path / "squares", COLOURS)
    checkpoint = tmp_path / "tiny-clip"
    save_clip(checkpoint)
    settings = Settings(home=tmp_path / "home")
    ingest(folder, "squares", settings, image=f"clip:{checkpoint}", text="minilm")
    with open_collection("squares", settings) as opened:
        searcher = Searcher(opened, settings)
        models = Models.of(opened.manifest, settings)
        found = searcher.search(Search(words="a red square", mode="text-to-image", top_k=3))
        words = models.image.embed_words(["a red square"])[0]
        for hit in found.hits:
            image = Image.open(folder / hit.path).convert("RGB")
            cosine = float(np.dot(words, models.image.embed_images([image])[0]))
            assert hit.score == pytest.approx(cosine, abs=1e-5)
    assert found.notices == []


def test_a_picture_that_several_searches_ask_with_is_embedded_once(
    collection: Collection, home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("RGB", (64, 64), "red").save(tmp_path / "red.png")
    embedded: list[int] = []
    embed = Palette.embed_images

    def counted(self: Palette, images: list[Image.Image]) -> FloatMatrix:
        embedded.append(len(images))
        return embed(self, images)

    monkeypatch.setattr(Palette, "embed_images", counted)
    searches = [Search(image=tmp_path / "red.png", top_k=k) for k in (1, 2, 3)]
    found = Searcher(collection, home).search_many(searches)
    assert [len(each.hits) for each in found] == [1, 2, 3]
    assert embedded == [1]
