"""Late interaction: words find the pages of which some part shows each of them.

Pages are four patches of colour and the embedding, a stand-in for a real one, has a direction for
each colour: so a page's score is the share of the words whose colour it has.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app.encoders import FloatMatrix
from app.encoders.minilm import load as load_minilm
from app.llama.index import open_index
from app.media.images import open_image
from app.model.errors import CollectionMismatchError, QueryError, SettingsError
from app.model.points import Point
from app.model.settings import Settings
from app.render import description_lines
from app.retrieval.retriever import Found
from app.retrieval.search import Search, Searcher
from app.store.collection import open_collection
from app.workspace.describe import describe_collection
from ingest import Report, ingest
from tests.pdfs import Page, pdf

COLOURS = {"red": "1 0 0", "green": "0 1 0", "blue": "0 0 1", "white": "1 1 1"}

HALF_PRECISION = 5e-4
"""The greatest part by which a number at half precision is off."""


class Patches:
    """One row for each quarter of a picture, one for each colour among the words."""

    model_id = "colpali:patches"
    dimensions = 4

    def __init__(self) -> None:
        self.embedded = 0

    def embed_images(self, images: Sequence[Image.Image]) -> list[FloatMatrix]:
        self.embedded += len(images)
        quarters = (np.asarray(image.resize((2, 2))).reshape(4, 3) for image in images)
        return [self.directions(pixels.astype(int)) for pixels in quarters]

    def embed_words(self, texts: Sequence[str]) -> list[FloatMatrix]:
        return [self.directions(np.array([rgb(w) for w in text.split()])) for text in texts]

    def directions(self, pixels: np.ndarray) -> FloatMatrix:
        known = np.array([rgb(name) for name in COLOURS])
        far = np.abs(pixels[:, None] - known).sum(axis=2)
        return np.eye(4, dtype=np.float32)[far.argmin(axis=1)]


def rgb(name: str) -> tuple[int, ...]:
    return tuple(255 * int(part) for part in COLOURS[name].split())


def page(*quarters: str) -> Page:
    """A page of four colours, left to right and top to bottom."""
    places = ["0 421", "298 421", "0 0", "298 0"]
    drawn = (
        f"{COLOURS[name]} rg {place} 298 421 re f"
        for name, place in zip(quarters, places, strict=True)
    )
    return Page(content="\n".join(drawn).encode())


ONE_SPOT = page("red", "blue", "green", "green")
PLAIN_WITH_RED = page("white", "white", "white", "red")
RED, BLUE, PLAIN = page(*["red"] * 4), page(*["blue"] * 4), page(*["white"] * 4)


@pytest.fixture
def settings(either_engine: Settings) -> Settings:
    """Settings of a new home, on either engine."""
    return either_engine


@pytest.fixture
def patches(monkeypatch: pytest.MonkeyPatch) -> Patches:
    """Whatever checkpoint of `colpali` is asked for, it is this."""
    embedding = Patches()
    monkeypatch.setattr("app.encoders.colpali.load", lambda *_: embedding)
    monkeypatch.setattr("app.encoders.has_torch", lambda: True)
    return embedding


@pytest.fixture(scope="module")
def minilm() -> Any:
    return load_minilm(None, Settings(device="cpu"))


@pytest.fixture(autouse=True)
def _load_once(monkeypatch: pytest.MonkeyPatch, minilm: Any) -> None:
    """One copy of the text embedding serves every test: loading it takes as long as ten tests."""
    monkeypatch.setattr("app.store.models.load_text_embedding", lambda *_: minilm)


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A folder with one document of four pages."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    (folder / "flags.pdf").write_bytes(pdf(RED, ONE_SPOT, BLUE, PLAIN))
    return folder


def bring(path: Path, settings: Settings, page: str | None = "colpali", **options: Any) -> Report:
    options = {"image": "palette", "text": "minilm"} | options
    return ingest(path, "shelf", settings, page=page, **options)


def search(settings: Settings, words: str, **options: Any) -> Found:
    with open_collection("shelf", settings) as opened:
        return Searcher(opened, settings).search(Search(words=words, **options))


def scores(found: Found) -> dict[str, float]:
    """What the pages' own signal says of each hit, best first."""
    return {hit.path: hit.signals["page"].score for hit in found.hits}


def stored(settings: Settings) -> dict[str, Point]:
    """Everything in the collection, by record id."""
    with open_collection("shelf", settings) as opened:
        points = opened.fetch(
            [id_ for _, id_ in opened.record_ids(None)], vectors=opened.manifest.spaces
        )
    return {point.payload["record_id"]: point for point in points.values()}


# ---- searching


@pytest.mark.parametrize("mode", ["hybrid", "text-to-image"])
def test_a_page_scores_the_share_of_the_words_that_it_shows(
    shelf: Path, settings: Settings, patches: Patches, mode: str
) -> None:
    bring(shelf, settings)
    found = search(settings, "red blue", mode=mode)
    assert found.hits[0].path == "flags.pdf#page=2"
    assert scores(found) == {
        "flags.pdf#page=2": pytest.approx(1, abs=HALF_PRECISION),
        "flags.pdf#page=1": pytest.approx(0.5, abs=HALF_PRECISION),
        "flags.pdf#page=3": pytest.approx(0.5, abs=HALF_PRECISION),
        "flags.pdf#page=4": pytest.approx(0, abs=HALF_PRECISION),
    }
    assert found.notices == []  # palette reads no words, but the pages were asked


def test_a_score_does_not_grow_with_the_question(
    shelf: Path, settings: Settings, patches: Patches
) -> None:
    bring(shelf, settings)
    for words in ("red", "red red red red"):
        assert scores(search(settings, words, top_k=1)) == {
            "flags.pdf#page=1": pytest.approx(1, abs=HALF_PRECISION)
        }


def test_a_threshold_is_on_that_mean_cosine(
    shelf: Path, settings: Settings, patches: Patches
) -> None:
    bring(shelf, settings)
    assert list(scores(search(settings, "red blue", min_score=0.9))) == ["flags.pdf#page=2"]


def test_pictures_that_are_no_pages_are_found_too(
    squares: Path, settings: Settings, patches: Patches
) -> None:
    bring(squares, settings)
    found = search(settings, "blue", mode="text-to-image", top_k=1)
    assert scores(found) == {"blue.png": pytest.approx(1, abs=HALF_PRECISION)}


def test_many_searches_at_once_find_what_each_would(
    shelf: Path, settings: Settings, patches: Patches
) -> None:
    bring(shelf, settings)
    searches = [Search(words="red blue"), Search(words="white"), Search(words="blue")]
    with open_collection("shelf", settings) as opened:
        together = Searcher(opened, settings).search_many(searches)
        alone = [Searcher(opened, settings).search(each) for each in searches]
    assert [scores(found) for found in together] == [scores(found) for found in alone]  # type: ignore[arg-type]


def test_two_stages_find_what_one_does(
    shelf: Path, settings: Settings, patches: Patches, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(shelf, settings)
    one = scores(search(settings, "red blue"))
    monkeypatch.setattr("app.store.collection.EXACT_PAGES", 3)
    assert scores(search(settings, "red blue")) == one


def test_beyond_the_limit_only_the_nearest_means_are_scored(
    tmp_path: Path, settings: Settings, patches: Patches, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A page with one spot of red has red at .5 of its mean's length, one half red at .7.
    (tmp_path / "flags.pdf").write_bytes(
        pdf(page("red", "blue", "green", "white"), page("red", "red", "green", "green"), PLAIN)
    )
    bring(tmp_path / "flags.pdf", settings)
    monkeypatch.setattr("app.store.collection.EXACT_PAGES", 2)
    monkeypatch.setattr("app.encoders.maxsim.FIRST_STAGE", 1)
    monkeypatch.setattr("app.encoders.maxsim.SPREAD", 1)
    found = search(settings, "red", mode="text-to-image", top_k=1)
    assert list(scores(found)) == ["flags.pdf#page=2"]


# ---- writing


def test_the_same_again_changes_nothing_and_loads_no_model(
    shelf: Path, settings: Settings, patches: Patches, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(shelf, settings)
    before = stored(settings)
    assert before["shelf/flags.pdf#page=2"].vectors.keys() == {"image", "page", "page_mean"}
    monkeypatch.setattr("app.store.models.load_page_embedding", None)
    for same in ("colpali", None):  # left out, a collection keeps its own
        assert bring(shelf, settings, page=same).unchanged == 4
    assert stored(settings) == before


def test_a_page_is_embedded_as_the_picture_that_is_kept_of_it(
    shelf: Path, patches: Patches, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, seen = Settings(), []

    def remember(self: Patches, images: Sequence[Image.Image]) -> list[FloatMatrix]:
        seen.extend(image.tobytes() for image in images)
        return embed(self, images)

    embed = Patches.embed_images
    monkeypatch.setattr(Patches, "embed_images", remember)
    bring(shelf, settings)
    kept = [open_image(file).tobytes() for file in settings.home.glob("pages/*/*/*")]
    assert sorted(seen) == sorted(kept)
    assert len(kept) == 4


def test_of_a_changed_document_only_new_pages_are_embedded(
    shelf: Path, settings: Settings, patches: Patches
) -> None:
    bring(shelf, settings)
    before = stored(settings)
    (shelf / "flags.pdf").write_bytes(pdf(page("green", "red", "red", "red"), RED, ONE_SPOT))
    patches.embedded = 0
    bring(shelf, settings, allow_removals=True)
    after = stored(settings)
    assert patches.embedded == 1
    for was, is_now in ((1, 2), (2, 3)):
        now = after[f"shelf/flags.pdf#page={is_now}"].vectors
        assert now["page"] == before[f"shelf/flags.pdf#page={was}"].vectors["page"]


def test_a_changed_caption_and_a_new_name_keep_a_picture_s_vectors(
    squares: Path, settings: Settings, patches: Patches
) -> None:
    bring(squares, settings, page="colpali")
    before = stored_squares(settings)
    patches.embedded = 0
    file = squares / "metadata.json"
    file.write_text(file.read_text().replace("a red square", "a crimson tile"))
    (squares / "blue.png").rename(squares / "navy.png")
    file.write_text(file.read_text().replace(".\\\\blue.png", "navy.png"))
    bring(squares, settings)
    after = stored_squares(settings)
    assert patches.embedded == 0
    for space in ("page", "page_mean"):
        assert after["red.png"].vectors[space] == before["red.png"].vectors[space]
        assert after["navy.png"].vectors[space] == before["blue.png"].vectors[space]


def stored_squares(settings: Settings) -> dict[str, Point]:
    return {name.removeprefix("squares/"): point for name, point in stored(settings).items()}


def test_stopped_half_way_it_goes_on_and_embeds_no_page_twice(
    tmp_path: Path, settings: Settings, patches: Patches, monkeypatch: pytest.MonkeyPatch
) -> None:
    shades = [page("red", "blue", "green", name) for name in COLOURS]
    pages = [*shades, RED, BLUE, PLAIN, page("blue", "green", "red", "red"), PLAIN_WITH_RED]
    (tmp_path / "flags.pdf").write_bytes(pdf(*pages))
    embed = Patches.embed_images

    def stop_at_the_second_batch(self: Patches, images: Any) -> list[FloatMatrix]:
        if self.embedded:
            raise KeyboardInterrupt
        return embed(self, images)

    with monkeypatch.context() as patch:
        patch.setattr(Patches, "embed_images", stop_at_the_second_batch)
        first = bring(tmp_path / "flags.pdf", settings)
    assert (first.interrupted, first.new) == (True, 8)
    second = bring(tmp_path / "flags.pdf", settings)
    assert (second.interrupted, second.new, second.unchanged) == (False, 1, 8)
    assert patches.embedded == 9
    assert all("page" in point.vectors for point in stored(settings).values())


def test_what_llama_index_writes_has_vectors_of_its_parts_too(
    squares: Path, settings: Settings, patches: Patches
) -> None:
    from llama_index.core.schema import ImageNode

    bring(squares, settings)
    with open_index("shelf", settings) as index:
        index.insert_nodes([ImageNode(image_path=str(squares / "red.png"), text="mine")])
    found = search(settings, "red", mode="text-to-image", top_k=2)
    assert [round(score, 3) for score in scores(found).values()] == [1, 1]


# ---- with and without


def test_a_collection_without_a_page_embedding_is_as_it_was(
    squares: Path, settings: Settings, patches: Patches
) -> None:
    bring(squares, settings, page=None)
    assert patches.embedded == 0
    assert stored(settings)["squares/red.png"].vectors.keys() == {"image", "text", "keywords"}
    found = search(settings, "red blue", mode="text-to-image")
    assert found.notices == ["palette cannot read words into pictures: the captions were searched"]
    with pytest.raises(QueryError, match="no signal 'page'"):
        search(settings, "red", weights={"page": 1})


def test_a_manifest_from_before_there_were_pages_is_read(shelf: Path, patches: Patches) -> None:
    settings = Settings()
    bring(shelf, settings, page=None)
    file = settings.collections_folder / "shelf" / "manifest.json"
    older = json.loads(file.read_text())
    del older["page"]
    file.write_text(json.dumps(older))
    assert bring(shelf, settings, page=None).unchanged == 4
    with open_collection("shelf", settings) as opened:
        assert opened.manifest.page is None


def test_a_page_embedding_is_chosen_once_and_another_needs_a_rebuild(
    shelf: Path, settings: Settings, patches: Patches, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(shelf, settings, page=None)
    with pytest.raises(CollectionMismatchError, match=r"without a page embedding.*--rebuild"):
        bring(shelf, settings)
    bring(shelf, settings, rebuild=True)
    assert "page" in stored(settings)["shelf/flags.pdf#page=1"].vectors
    monkeypatch.setattr(Patches, "model_id", "colpali:others")
    with pytest.raises(CollectionMismatchError, match=r"built with .*colpali:patches"):
        bring(shelf, settings, page="colpali:others")
    with pytest.raises(CollectionMismatchError, match=r"built with colpali:patches"):
        search(settings, "red")


def test_a_model_of_another_kind_is_no_page_embedding(shelf: Path, settings: Settings) -> None:
    with pytest.raises(
        SettingsError, match="'palette' embeds image, not page; choose one of colpali"
    ):
        bring(shelf, settings, page="palette")


def test_info_shows_the_page_embedding_and_its_weight_if_there_is_one(
    shelf: Path, patches: Patches
) -> None:
    settings = Settings()
    bring(shelf, settings, page=None)
    with open_collection("shelf", settings) as opened:
        described = describe_collection(opened)
    assert "page" not in described["models"]
    assert "page" not in described["weights"]
    bring(shelf, settings, rebuild=True)
    with open_collection("shelf", settings) as opened:
        described = describe_collection(opened)
    assert described["models"]["page"] == "colpali:patches (4 dimensions)"
    assert described["weights"]["page"] == 1
    assert "  page     colpali:patches (4 dimensions)" in list(description_lines(described))
