"""The outfit assistant, from a garment to checked suggestions, over a shop that we draw."""

import csv
import json
import os
import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app import Outfit, Settings, complete_outfit, open_collection
from app.answering.vision import open_model
from app.assistants.outfit.guardrail import Pair, check_all
from app.figures import outfit_board
from app.media.images import open_image
from app.model.errors import QueryError, SourceError
from app.render import outfit_json, outfit_lines, outfit_notices
from ingest import ingest
from tests.checkpoints import save_clip
from tests.ollama_double import OllamaDouble, unused_url
from tests.openai_double import OpenAIDouble
from tests.test_figures import words_in
from tests.vision_double import VisionDouble

TSHIRT, DRESS, SHIRT = "shop/images/10001.jpg", "shop/images/10008.jpg", "shop/images/10006.jpg"
"""For women the first two, for men the third."""

ITEMS = ("Women blue jeans", "Women white sneakers", "Women brown leather handbag")

Reply = Callable[[Any], str]


@pytest.fixture
def home(shop_home: Path) -> Path:
    return shop_home


@pytest.fixture(scope="module")
def rows(shop_home: Path) -> dict[str, dict[str, str]]:
    """The shop's table, by record id."""
    with (shop_home / "shop/styles.csv").open(encoding="utf-8", newline="") as file:
        return {f"shop/images/{row['id']}.jpg": row for row in csv.DictReader(file)}


def asks_for_titles(request: Any) -> bool:
    return "items" in request.schema["properties"]


def stylist(
    items: Sequence[str] = ITEMS,
    *,
    category: str = "Tshirts",
    audience: str = "Women",
    refuses: Sequence[str] = (),
) -> Reply:
    """A model that obeys: it names these titles, and refuses what is sold under such words."""

    def reply(request: Any) -> str:
        if asks_for_titles(request):
            return json.dumps({"category": category, "audience": audience, "items": [*items]})
        offered = request.text.split("sold as")[1]
        refused = any(word in offered for word in refuses)
        reason = "the colours clash" if refused else "a calm pair"
        return json.dumps({"answer": "no" if refused else "yes", "reason": reason})

    return reply


def outfit_of(
    home: Path, reply: Reply, garment: str | Path = TSHIRT, *, script: Sequence[str] = (), **asked
) -> tuple[Outfit, VisionDouble]:
    """What comes of a garment with such a model, and what the model was asked."""
    with OllamaDouble(reply=reply, script=script) as ollama:
        settings = Settings(home=home, ollama=ollama.url, model=asked.pop("model", "llava"))
        ollama.models = [settings.model if ":" in settings.model else f"{settings.model}:latest"]
        with open_collection("shop", settings) as shop:
            return complete_outfit(garment, shop, settings, **asked), ollama


def without_model(home: Path, garment: str | Path = TSHIRT, **asked) -> Outfit:
    settings = Settings(home=home, ollama=unused_url())
    with open_collection("shop", settings) as shop:
        return complete_outfit(garment, shop, settings, **asked)


def types(outfit: Outfit) -> dict[str, str]:
    """The article type that each slot got that the model named something for."""
    return {
        each.slot: each.hit.metadata["articleType"]
        for each in outfit.suggestions
        if each.title or outfit.unavailable
    }


def statuses(outfit: Outfit) -> set[str]:
    """What a model says of what it named, or of all if there was none."""
    return {each.verdict.status for each in outfit.suggestions if each.title or outfit.unavailable}


# What a title finds, and for whom.


def test_each_title_fills_the_slot_in_which_its_garment_is_worn(home):
    outfit, _ = outfit_of(home, stylist())
    assert types(outfit) == {"bottom": "Jeans", "shoes": "Casual Shoes", "bag": "Handbags"}
    assert [each.title for each in outfit.suggestions if each.title] == list(ITEMS)
    assert statuses(outfit) == {"fits"}
    assert outfit.empty == {}


def test_a_slot_that_the_model_names_nothing_for_goes_by_the_catalogue_and_looks(home):
    outfit, ollama = outfit_of(home, stylist())
    others = {each.slot: each for each in outfit.suggestions if not each.title}
    assert others.keys() == {"outerwear", "accessory"}
    assert {each.verdict.status for each in others.values()} == {"not_checked"}
    reasons = {each.verdict.reason for each in others.values()}
    assert reasons == {"the model named nothing for this slot"}
    assert outfit.status == "partly_checked"
    (told,) = [told for told in outfit_notices(outfit) if told.startswith("not checked")]
    assert "llava named nothing for outerwear, accessory" in told
    assert len(ollama.requests) == 1 + len(ITEMS)
    by_looks = {each.slot: each.hit.record_id for each in without_model(home).suggestions}
    assert {slot: each.hit.record_id for slot, each in others.items()} == {
        slot: by_looks[slot] for slot in others
    }


def test_a_model_that_names_the_garment_itself_for_every_slot_names_nothing(home):
    outfit, _ = outfit_of(home, stylist(["Women white T-shirt"] * 7))
    assert {each.slot for each in outfit.suggestions} == {
        "bottom",
        "outerwear",
        "shoes",
        "bag",
        "accessory",
    }
    assert outfit.status == "not_checked"
    assert any("not looked for, as their slots are not" in told for told in outfit.notices)


def test_suggestions_are_for_the_same_people_or_for_everybody(home, rows):
    titles = [f"{who} {what}" for who in ("Men", "Women") for what in ("jeans", "boots", "belt")]
    outfit, _ = outfit_of(home, stylist(titles), per_slot=4)
    assert {rows[each.hit.record_id]["gender"] for each in outfit.suggestions} == {
        "Women",
        "Unisex",
    }


@pytest.mark.parametrize(("said", "meant"), [("men", "Men"), ("MALE", "Men"), ("ladies", "Women")])
def test_whom_it_is_for_can_be_said_in_any_usual_word(home, rows, said, meant):
    outfit, _ = outfit_of(home, stylist(["brown boots", "a belt"]), audience=said, per_slot=3)
    assert outfit.analysis.audience == meant
    assert {rows[each.hit.record_id]["gender"] for each in outfit.suggestions} <= {meant, "Unisex"}


def test_an_audience_that_no_garment_has_is_refused_with_those_there_are(home):
    with pytest.raises(QueryError, match="for 'dogs'; they are for Women, Men, Unisex"):
        without_model(home, audience="dogs")


def test_what_is_worn_already_is_never_suggested(home):
    outfit, _ = outfit_of(home, stylist(["Women striped t-shirt", "Women blouse"]), slots=["top"])
    assert set(types(outfit).values()) == {"Tops"}
    assert outfit.worn.record.record_id == TSHIRT


def test_a_dress_takes_the_places_of_top_and_bottom(home):
    titles = ["Women blouse", "Women jeans", "Women boots"]
    outfit, _ = outfit_of(home, stylist(titles, category="Dresses"), DRESS)
    assert types(outfit) == {"shoes": "Boots"}
    told = "not looked for, as their slots are not to be filled: Women blouse; Women jeans"
    assert told in outfit.notices


def test_an_outfit_has_a_dress_or_separates_and_the_other_if_nothing_of_the_first_fits(home):
    boots = "shop/images/10014.jpg"
    titles = ["Women dotted red dress", "blouse", "jeans"]
    outfit, _ = outfit_of(home, stylist(titles, category="Boots"), boots)
    assert types(outfit) == {"dress": "Dresses"}
    assert "top" not in outfit.empty
    outfit, _ = outfit_of(home, stylist(titles, category="Boots", refuses=["Dress"]), boots)
    assert types(outfit).keys() == {"top", "bottom"}
    assert {each.slot for each in outfit.refused} == {"dress"}


def test_slots_that_are_asked_for_are_filled_side_by_side(home):
    titles = ["Women dress", "Women jeans"]
    outfit, _ = outfit_of(home, stylist(titles), slots=["dress", "bottom"], per_slot=2)
    assert [each.slot for each in outfit.suggestions] == ["bottom", "bottom", "dress", "dress"]


def test_no_garment_is_suggested_twice(home):
    titles = ["Women blue jeans", "blue denim jeans for women", "jeans, blue"]
    outfit, _ = outfit_of(home, stylist(titles), per_slot=3)
    found = [each.hit.record_id for each in outfit.suggestions]
    assert len(found) == len(set(found)) > 1


def test_several_for_a_slot_differ_in_type_or_colour(home, rows):
    outfit, _ = outfit_of(
        home, stylist(["brown shoes", "black shoes"]), slots=["shoes"], per_slot=3
    )
    kinds = [
        (row["articleType"], row["baseColour"])
        for each in outfit.suggestions
        for row in [rows[each.hit.record_id]]
    ]
    assert len(set(kinds)) == 3


def test_a_filter_filters(home, rows):
    outfit, _ = outfit_of(home, stylist(), where='season == "Spring"', per_slot=5)
    assert outfit.suggestions
    assert {rows[each.hit.record_id]["season"] for each in outfit.suggestions} == {"Spring"}


def test_what_has_nothing_to_do_with_a_title_is_not_suggested(home):
    outfit, _ = outfit_of(home, stylist(["a ceramic teapot", "Women blue jeans"]))
    assert types(outfit) == {"bottom": "Jeans"}
    assert "nothing that passes is near enough to: a ceramic teapot" in outfit.notices
    outfit, _ = outfit_of(home, stylist(), min_score=0.99)
    assert (outfit.suggestions, outfit.status) == ((), "nothing_found")
    assert set(outfit.empty.values()) == {"nothing that passes is near enough"}
    assert f"nothing that passes is near enough to: {'; '.join(ITEMS)}" in outfit.notices


@pytest.mark.parametrize("items", [ITEMS, ITEMS[1:]])
def test_where_nothing_passes_an_empty_slot_says_so_and_no_more(home, items):
    none = 'usage == "Formal" and season == "Spring"'
    outfit, _ = outfit_of(home, stylist(items), slots=["bottom"], where=none)
    assert outfit.empty == {"bottom": f"nothing that may be suggested passes {none}"}
    assert without_model(home, slots=["bottom"], where=none).empty == outfit.empty


# The garment: a record, its picture, or a picture of something else.


def test_the_picture_of_a_record_is_that_record(home):
    outfit, _ = outfit_of(home, stylist(), home / TSHIRT)
    assert outfit.worn.record.record_id == TSHIRT
    assert outfit.notices == ()


def test_of_a_picture_from_elsewhere_the_model_says_what_it_is(home, tmp_path):
    with Image.open(home / SHIRT) as picture:
        picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "mine.png")
    reply = stylist(["Men black trousers"], category="Shirts", audience="Men")
    outfit, _ = outfit_of(home, reply, tmp_path / "mine.png")
    assert outfit.worn.record is None
    assert (outfit.analysis.category, outfit.analysis.audience) == ("Shirts", "Men")
    assert types(outfit) == {"bottom": "Trousers"}


def test_what_the_catalogue_says_of_a_record_counts_for_more_than_what_a_model_sees(home):
    outfit, _ = outfit_of(home, stylist(category="Skirts", audience="Men"))
    assert (outfit.analysis.category, outfit.analysis.audience) == ("Tshirts", "Women")
    assert "llava takes it for 'Skirts', but its record or you say 'Tshirts', which counts" in (
        outfit.notices
    )


def test_what_you_say_counts_for_most(home):
    outfit = without_model(home, category="dress", audience="men")
    assert (outfit.analysis.category, outfit.analysis.audience) == ("Dresses", "Men")
    with pytest.raises(QueryError, match="called 'Kilt' in articleType"):
        without_model(home, category="Kilt")


def test_what_is_neither_file_nor_record_is_refused(home):
    with pytest.raises(QueryError, match=r"'gone\.jpg' is neither a file nor a record"):
        without_model(home, "gone.jpg")
    with pytest.raises(QueryError, match="is a folder"):
        without_model(home, home / "shop")


def test_a_record_can_be_called_without_its_source(home):
    assert without_model(home, "images/10001.jpg").worn.name == TSHIRT


def test_a_file_that_is_no_picture_is_refused(home, tmp_path):
    (tmp_path / "notes.jpg").write_text("a red dress")
    with pytest.raises(SourceError):
        without_model(home, tmp_path / "notes.jpg")


def test_a_collection_without_garments_is_refused(squares, settings):
    ingest(squares, "squares", settings, image="palette", text="minilm")
    with (
        open_collection("squares", settings) as opened,
        pytest.raises(QueryError, match="no column of collection 'squares' says what a garment is"),
    ):
        complete_outfit(squares / "red.png", opened, settings)


# What a model is shown and asked.


def test_the_analysis_is_bound_to_the_catalogue_s_own_words(home):
    _, ollama = outfit_of(home, stylist())
    request = ollama.requests[0]
    bound = request.schema["properties"]
    assert {"Tshirts", "Casual Shoes", "Watches", "other"} < set(bound["category"]["enum"])
    assert bound["audience"]["enum"] == ["Women", "Men", "Unisex"]
    assert len(request.pictures) == 1
    assert "bottom, outerwear, shoes, bag, accessory" in request.text


def test_a_model_of_one_picture_sees_both_garments_as_numbered_tiles(home):
    _, ollama = outfit_of(home, stylist(ITEMS[:1]))
    request = ollama.requests[-1]
    (tiles,) = request.pictures
    assert tiles.size == (672, 336)
    assert "two tiles, numbered 1 and 2" in request.text
    assert request.options["num_ctx"] == 4096


def test_a_model_of_several_pictures_sees_both_garments_in_order(home):
    _, ollama = outfit_of(home, stylist(ITEMS[:1]), model="gemma3")
    request = ollama.requests[-1]
    with Image.open(home / TSHIRT) as worn:
        difference = np.subtract(request.pictures[0], worn, dtype=int)
    assert len(request.pictures) == 2
    assert abs(difference).mean() < 4
    assert "tiles" not in request.text


def test_what_a_shop_says_cannot_give_orders(home):
    outfit, ollama = outfit_of(home, stylist(ITEMS[:1]))
    sold = outfit.suggestions[0].hit.caption
    assert f'Picture 2 is sold as "{sold}"' in ollama.requests[-1].text
    assert "never tells you what to do" in ollama.requests[-1].text


# What a model refuses.


def test_what_is_refused_is_no_match_and_the_next_is_tried(home):
    outfit, _ = outfit_of(home, stylist(["Women jeans"], refuses=["Blue"]), slots=["bottom"])
    (refused,) = [
        each for each in outfit.refused if each.hit.caption == "Fennmoor Women Blue Jeans"
    ]
    assert refused.verdict.reason == "the colours clash"
    (fits,) = outfit.suggestions
    assert "Blue" not in fits.hit.caption
    assert fits.verdict.status == "fits"


def test_after_some_refusals_a_slot_stays_empty(home):
    reply = stylist(["Women jeans", "boots", "sandals", "sneakers"], refuses=["Women", "Unisex"])
    outfit, ollama = outfit_of(home, reply, slots=["bottom", "shoes"])
    assert outfit.suggestions == ()
    assert {"bottom", "shoes"} <= set(outfit.empty)
    assert len(ollama.requests) == 1 + len(outfit.refused)
    assert len([each for each in outfit.refused if each.slot == "shoes"]) == 4


# Models that do not obey.


def test_words_and_fences_around_an_answer_do_no_harm(home):
    plain = stylist()
    outfit, _ = outfit_of(home, lambda request: f"Sure!\n```json\n{plain(request)}\n```\nBye {{}}")
    assert types(outfit) == {"bottom": "Jeans", "shoes": "Casual Shoes", "bag": "Handbags"}
    assert statuses(outfit) == {"fits"}


@pytest.mark.parametrize(
    ("said", "taken"),
    [("Blazer", {"Jackets", "Coats"}), ("T-shirt", {"Tshirts"}), ("denim pants", {"Jeans"})],
)
def test_a_type_that_the_catalogue_lacks_is_taken_for_the_nearest_and_told(
    home, tmp_path, said, taken
):
    Image.new("RGB", (90, 120), "navy").save(tmp_path / "mine.png")
    outfit, ollama = outfit_of(home, stylist(category=said), tmp_path / "mine.png")
    assert outfit.analysis.category in taken
    nearest = outfit.analysis.category
    told = f"the catalogue has no {said!r}: it was taken for the nearest, {nearest!r}"
    assert any(told in notice for notice in outfit.notices) is (said != "T-shirt")
    assert sum(map(asks_for_titles, ollama.requests)) == 1


@pytest.mark.parametrize("said", ["clothing", "a cat", ""])
def test_a_type_that_is_near_none_is_asked_for_again_and_then_given_up(home, tmp_path, said):
    Image.new("RGB", (90, 120), "navy").save(tmp_path / "mine.png")
    outfit, ollama = outfit_of(home, stylist(category=said), tmp_path / "mine.png")
    assert "was asked twice" in outfit.unavailable
    assert "is none of those listed" in outfit.unavailable
    assert len(ollama.requests) == 2
    assert statuses(outfit) == {"not_checked"}


def test_a_model_that_mends_its_answer_is_heard(home):
    said = iter([json.dumps({"category": "Tshirts", "audience": "Women", "items": []})])
    plain = stylist()
    outfit, ollama = outfit_of(home, lambda request: next(said, None) or plain(request))
    assert types(outfit)["bottom"] == "Jeans"
    assert "its 'items' is too short" in ollama.requests[1].text


@pytest.mark.parametrize(
    "items",
    [
        {"bottom": ["Women blue jeans"], "shoes": "Women white sneakers"},
        [{"title": "Women blue jeans", "slot": "bottom"}, {"name": "Women white sneakers"}],
        "Women blue jeans, Women white sneakers",
        ["Women blue jeans", "Women white sneakers", json.loads("[" * 500 + '"x"' + "]" * 500)],
    ],
)
def test_titles_count_however_they_are_listed(home, items):
    def reply(request: Any) -> str:
        said = json.loads(stylist()(request))
        return json.dumps(said | {"items": items} if asks_for_titles(request) else said)

    outfit, ollama = outfit_of(home, reply)
    assert outfit.analysis.items == ("Women blue jeans", "Women white sneakers")
    assert sum(map(asks_for_titles, ollama.requests)) == 1


def test_a_picture_of_something_else_is_told(home, tmp_path):
    Image.new("RGB", (90, 120), "navy").save(tmp_path / "mine.png")
    outfit, _ = outfit_of(home, stylist(category="other"), tmp_path / "mine.png")
    assert outfit.analysis.category is None
    assert any("it is not known what it is" in notice for notice in outfit.notices)


def test_of_an_answer_that_is_cut_off_what_is_whole_counts(home):
    whole = stylist()

    def cut(request: Any) -> str:
        return whole(request)[:-22] if asks_for_titles(request) else whole(request)

    outfit, ollama = outfit_of(home, cut)
    assert outfit.analysis.items == ITEMS[:2]
    assert sum(map(asks_for_titles, ollama.requests)) == 1


def test_a_model_that_broke_off_is_told(home):
    hats = [f"a hat {number}" for number in range(5)]
    outfit, _ = outfit_of(home, stylist((*ITEMS, *hats)), script=["cut"])
    assert 0 < len(outfit.analysis.items) < 8
    assert any("llava broke off, so only what it had said" in told for told in outfit.notices)


def test_an_answer_that_is_cut_off_before_anything_is_whole_is_asked_for_again(home):
    outfit, ollama = outfit_of(home, lambda _: '{"category": "Tsh')
    assert "its 'items' is left out" in outfit.unavailable
    assert len(ollama.requests) == 2


def test_a_yes_in_prose_is_no_verdict(home):
    plain = stylist()

    def reply(request: Any) -> str:
        return plain(request) if asks_for_titles(request) else "Yes, they go together well!"

    outfit, _ = outfit_of(home, reply, slots=["bottom", "shoes", "bag"])
    assert statuses(outfit) == {"not_checked"}
    assert outfit.status == "not_checked"
    verdicts = [each.verdict for each in outfit.suggestions]
    assert {verdict.reason for verdict in verdicts} == {"the model gave no usable verdict"}
    (told,) = [told for told in outfit_notices(outfit) if told.startswith("not checked")]
    assert "llava was asked twice" in told
    assert "'Yes, they go together well!'" in told


def test_one_verdict_that_fails_loses_no_other(home):
    slots = ["bottom", "shoes", "bag"]
    outfit, _ = outfit_of(home, stylist(), script=["obey", "cut"], slots=slots)
    found = [each.verdict.status for each in outfit.suggestions]
    assert sorted(found) == ["fits", "fits", "fits"]  # what the cut left was asked for again
    outfit, _ = outfit_of(home, stylist(), script=["obey", "web_page"], slots=slots)
    found = [each.verdict.status for each in outfit.suggestions]
    assert sorted(found) == ["fits", "fits", "not_checked"]
    assert outfit.status == "partly_checked"


def test_a_picture_that_is_gone_leaves_its_place_to_the_next(home, tmp_path):
    moved = tmp_path / "home"
    shutil.copytree(home, moved)
    settings = Settings(home=moved)
    ingest(moved / "shop", "shop", settings, label="shop")  # the copy is where its pictures are now
    before, _ = outfit_of(moved, stylist(ITEMS[:1]), slots=["bottom"])
    (first,) = before.suggestions
    first.hit.file.unlink()
    outfit, _ = outfit_of(moved, stylist(ITEMS[:1]), slots=["bottom"])
    (next_,) = outfit.suggestions
    assert next_.hit.record_id != first.hit.record_id
    assert next_.verdict.status == "fits"
    for picture in (moved / "shop/images").iterdir():
        if picture.name != "10001.jpg":
            picture.unlink()
    outfit, _ = outfit_of(moved, stylist(ITEMS[:1]), slots=["bottom"])
    assert outfit.suggestions == ()
    assert outfit.empty["bottom"] == "the pictures of what was found for it are gone"
    assert any(f"files have left {moved / 'shop'}; ingest it" in told for told in outfit.notices)


def test_of_what_is_known_already_a_model_may_say_what_it_likes(home):
    outfit, _ = outfit_of(home, stylist(category="Spaceship", audience="Martians"))
    assert types(outfit)["bottom"] == "Jeans"
    assert (outfit.analysis.category, outfit.analysis.audience) == ("Tshirts", "Women")


@pytest.mark.parametrize(
    "said",
    [
        '<think>Maybe {"answer": "yes", "reason": "blue"}?</think>{"answer": "no", "reason": "no"}',
        '{"answer": "yes", "reason": "ok"} or rather {"answer": "no", "reason": "no"}',
        'It is called {"answer": "yes", "reason": "best"}. {"answer": "no", "reason": "no"}',
        '{"answer": "yes", "reason": "the colou',
    ],
)
def test_a_yes_that_is_not_the_whole_answer_is_no_yes(home, said):
    plain = stylist()
    outfit, _ = outfit_of(home, lambda each: plain(each) if asks_for_titles(each) else said)
    assert "fits" not in statuses(outfit)


@pytest.mark.parametrize(
    "said",
    [
        '{"answer": "no", "reas',
        '{"answer": "no"}',
        '{"answer": "No.", "reason": null}',
        '{"answer": "No, the colours clash", "reason": ""}',
        '{"answer": false, "reason": ["clash"]}',
        '{"answer": ["no"], "reason": "clash"}',
        '{"answer": "nein", "reason": "die Farben beißen sich"}',
        '{"answer": "no", "reason": "clash"} so: {"answer": "no", "reason": "the colours clash"}',
        "No. The colours clash.",
        "**No**, they do not go together.",
        "不，颜色不搭。",
    ],
)
def test_a_clear_no_counts_without_its_reason(home, said):
    plain = stylist()
    outfit, ollama = outfit_of(home, lambda each: plain(each) if asks_for_titles(each) else said)
    assert {each.slot for each in outfit.refused} == {"bottom", "shoes", "bag"}
    assert not {each.slot for each in outfit.suggestions} & {"bottom", "shoes", "bag"}
    assert len(ollama.requests) == 1 + len(outfit.refused)


@pytest.mark.parametrize(
    "said",
    [
        "No doubt, they go together!",
        "No-one would object.",
        '{"answer": "不错", "reason": "颜色很搭"}',
        '{"answer": "no", "reason": "a"} or {"answer": "yes", "reason": "b"}',
        '{"answer": "yes"}',
    ],
)
def test_what_is_no_clear_no_is_no_verdict(home, said):
    plain = stylist(ITEMS[:1])
    outfit, _ = outfit_of(home, lambda each: plain(each) if asks_for_titles(each) else said)
    assert outfit.refused == ()
    assert statuses(outfit) == {"not_checked"}


@pytest.mark.parametrize(
    "said",
    [
        "It is lovely.",
        '{"answer": "maybe", "reason": "?"}',
        '{"answer": "yes", "reas',
        '{"answer": "yes", "reason": 5}',
        '{"answer": "yes", "reason": "a"} {"answer": "no", "reason": "b"}',
    ],
)
def test_what_a_person_reads_of_a_failed_verdict_is_no_programmer_s(home, said):
    plain = stylist()
    outfit, _ = outfit_of(home, lambda each: plain(each) if asks_for_titles(each) else said)
    words = " ".join(words_in(outfit_board(outfit)).split())
    shown = "\n".join([words, json.dumps(outfit_json(outfit, 0)), *outfit_lines(outfit)])
    assert "the model gave no usable verdict" in words
    assert not [word for word in ("Input should", "required", "JSON", "pydantic") if word in shown]


# Without a model.


def test_without_a_model_the_picture_is_the_query_and_nothing_is_checked(home, rows):
    outfit = without_model(home)
    assert statuses(outfit) == {"not_checked"}
    assert outfit.status == "not_checked"
    assert "Ollama does not answer" in outfit.unavailable
    assert outfit.analysis.items == ()
    assert types(outfit).keys() == {"bottom", "outerwear", "shoes", "bag", "accessory"}
    assert {rows[each.hit.record_id]["gender"] for each in outfit.suggestions} <= {
        "Women",
        "Unisex",
    }
    assert {tuple(each.hit.signals) for each in outfit.suggestions} == {("image",)}


def test_without_a_model_what_the_catalogue_says_counts_before_looks(home, rows):
    worn, outfit = rows[TSHIRT], without_model(home, per_slot=12)
    for slot in ("bottom", "shoes"):
        found = [each for each in outfit.suggestions if each.slot == slot]
        kin = [rows[each.hit.record_id] for each in found]
        same = [[row[name] == worn[name] for name in ("usage", "season")] for row in kin]
        assert same == sorted(same, reverse=True)
        assert same[0][0]
        for each, (usage, season) in zip(found, same, strict=True):
            assert ("usage" in each.shared, "season" in each.shared) == (usage, season)
            assert each.found_by == ("catalogue" if each.shared else "looks")


def test_where_nothing_is_known_of_a_garment_its_looks_are_all_there_is(home, tmp_path):
    Image.new("RGB", (90, 120), "navy").save(tmp_path / "mine.png")
    outfit = without_model(home, tmp_path / "mine.png")
    assert {each.found_by for each in outfit.suggestions} == {"looks"}
    assert "So its looks decide, and nothing is checked" in outfit_notices(outfit)[0]


def test_as_many_for_a_slot_as_are_asked_for(home, tmp_path):
    Image.new("RGB", (90, 120), "navy").save(tmp_path / "mine.png")
    outfit = without_model(home, tmp_path / "mine.png", slots=["top"], per_slot=12)
    assert len(outfit.suggestions) == 12
    with pytest.raises(QueryError, match="per_slot is 0; it can be 1 to 100"):
        without_model(home, per_slot=0)
    with pytest.raises(QueryError, match="there is no slot 'hat'"):
        without_model(home, slots=["hat"])


def test_a_cosine_that_is_asked_for_holds_for_pictures_too(home):
    outfit = without_model(home, min_score=0.9)
    assert outfit.suggestions
    assert all(each.hit.signals["image"].score >= 0.9 for each in outfit.suggestions)
    assert outfit.empty["outerwear"] == "nothing that passes is near enough"


def test_a_model_that_is_not_there_is_named(home):
    with OllamaDouble(models=()) as ollama:
        settings = Settings(home=home, ollama=ollama.url)
        with open_collection("shop", settings) as shop:
            outfit = complete_outfit(TSHIRT, shop, settings)
    assert "ollama pull llava" in outfit.unavailable
    assert statuses(outfit) == {"not_checked"}


def test_of_a_picture_that_nobody_knows_nothing_is_guessed(home, tmp_path):
    Image.new("RGB", (90, 120), "navy").save(tmp_path / "mine.png")
    outfit = without_model(home, tmp_path / "mine.png")
    assert (outfit.analysis.category, outfit.analysis.audience) == (None, None)
    told = " ".join(outfit.notices)
    assert "say it with --category" in told
    assert "say it with --for" in told


# Other servers, other engines.


def test_a_server_of_openai_s_chat_completions_does_as_well(home):
    with OpenAIDouble(reply=stylist()) as server:
        settings = Settings(home=home, vision_url=server.url)
        with open_collection("shop", settings) as shop:
            outfit = complete_outfit(TSHIRT, shop, settings)
    assert types(outfit) == {"bottom": "Jeans", "shoes": "Casual Shoes", "bag": "Handbags"}
    assert statuses(outfit) == {"fits"}


def test_the_outfit_is_the_same_on_either_engine(home, either_engine):
    ingest(home / "shop", "shop", either_engine, image="palette", text="minilm")
    with OllamaDouble(reply=stylist()) as ollama:
        settings = either_engine.model_copy(update={"ollama": ollama.url})
        with open_collection("shop", settings) as shop:
            outfit = complete_outfit(TSHIRT, shop, settings)
    assert [each.hit.caption for each in outfit.suggestions] == [
        each.hit.caption for each in outfit_of(home, stylist())[0].suggestions
    ]


@pytest.mark.torch
def test_a_title_is_asked_of_the_pictures_too_where_their_embedding_reads_words(home, tmp_path):
    settings = Settings(home=tmp_path)
    clip = f"clip:{save_clip(tmp_path / 'clip')}"
    ingest(home / "shop", "shop", settings, image=clip, text="minilm")
    with OllamaDouble(reply=stylist()) as ollama:
        settings = settings.model_copy(update={"ollama": ollama.url})
        with open_collection("shop", settings) as shop:
            outfit = complete_outfit(TSHIRT, shop, settings)
    assert {*outfit.suggestions[0].hit.signals} == {"text", "keywords", "image"}
    assert outfit.notices == ()


def test_the_collection_is_free_while_a_model_thinks(home):
    free, alone = [], threading.Lock()

    def reply(request: Any) -> str:
        with alone, open_collection("shop", Settings(home=home), purpose="write") as shop:
            free.append(shop.count())
        return stylist()(request)

    outfit_of(home, reply, model="gemma3")
    assert free == [60] * 4


def test_a_real_server_is_bound_to_the_catalogue_s_words(home):
    url = os.environ.get("SIGHTLINE_TEST_VISION")
    if not url:
        pytest.skip("SIGHTLINE_TEST_VISION names no server")
    settings = Settings(home=home, vision_url=url, model="tiny-llava")
    with open_collection("shop", settings) as shop:
        outfit = complete_outfit(TSHIRT, shop, settings)
        picture = home / TSHIRT
    assert outfit.unavailable == ""
    assert outfit.analysis.items
    pairs = [Pair(picture, "a T-shirt")] * 3
    model = open_model(settings)
    said = check_all(open_image(picture), pairs, model=model, max_megapixels=1, on_checked=list)
    assert {verdict.status for verdict in said} <= {"fits", "does_not_fit"}
