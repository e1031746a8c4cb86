"""The board of an outfit: what stands where on it, and that nothing that is shown can break it."""

import json
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from PIL import Image

from app.assistants.outfit.analysis import Analysis
from app.assistants.outfit.assembly import Suggestion
from app.assistants.outfit.complete import Outfit
from app.assistants.outfit.guardrail import Verdict, VerdictStatus
from app.assistants.outfit.worn import Worn
from app.figures import outfit_board
from app.model.garments import SLOTS, Slot
from tests.conftest import COLOURS, Run
from tests.ollama_double import OllamaDouble
from tests.test_figures import hit, words_in


def suggestion(
    file: Path,
    slot: Slot = "shoes",
    name: str = "white sneakers",
    reason: str = "calm",
    status: VerdictStatus = "fits",
) -> Suggestion:
    return Suggestion(slot, hit(file, name), "a title", Verdict(status, reason))


def outfit_of(
    garment: Path,
    suggestions: Sequence[Suggestion] = (),
    *,
    name: str = "a pink T-shirt",
    category: str | None = "Tshirts",
    audience: str | None = "Women",
    model: str = "llava",
    **more: Any,
) -> Outfit:
    worn = Worn(garment, hit(garment, name), category, audience)
    said = {"refused": (), "empty": ()} | more
    return Outfit(worn, Analysis(category, audience), tuple(suggestions), model=model, **said)


def text_at(board: Figure, words: str) -> Bbox:
    """Where a line of these words stands, in pixels from the lower left corner."""
    (text,) = [text for text in board.findobj(Text) if text.get_text() == words]
    return text.get_window_extent()


def picture_of(board: Figure, colour: str) -> Axes:
    """Where the square of a colour is shown."""
    (axes,) = [
        axes
        for axes in board.axes
        if axes.images and tuple(np.asarray(axes.images[0].get_array())[0, 0]) == COLOURS[colour]
    ]
    return axes


def test_the_garment_stands_at_the_left_the_largest_with_what_it_is_below_it(squares):
    board = outfit_board(outfit_of(squares / "red.png", [suggestion(squares / "blue.png")]))
    garment, found = (picture_of(board, colour).bbox for colour in ("red", "blue"))
    assert garment.x1 < found.x0
    assert garment.width > 2 * found.width
    assert garment.y0 > text_at(board, "Tshirts").y1 > text_at(board, "for Women").y1
    assert text_at(board, "a pink T-shirt").y0 > garment.y1


def test_a_suggestion_stands_under_its_slot_and_above_its_name_verdict_and_reason(squares):
    board = outfit_board(outfit_of(squares / "red.png", [suggestion(squares / "blue.png")]))
    picture = picture_of(board, "blue").bbox
    assert text_at(board, "shoes").y0 > picture.y1
    below = [text_at(board, words) for words in ("white sneakers", "✓ fits", "calm")]
    heights = [picture.y0, *(words.y0 for words in below)]
    assert heights == sorted(heights, reverse=True)
    assert all(words.x0 == pytest.approx(picture.x0, abs=2) for words in below)


def test_several_for_a_slot_stand_side_by_side_under_one_name(squares):
    both = [suggestion(squares / f"{colour}.png", "bag") for colour in ("green", "blue")]
    board = outfit_board(outfit_of(squares / "red.png", both))
    first, second = (picture_of(board, colour).bbox for colour in ("green", "blue"))
    assert first.y0 == second.y0
    assert first.x1 < second.x0
    assert text_at(board, "bag").x0 == pytest.approx(first.x0, abs=2)


@pytest.mark.parametrize("counts", ["1", "2", "11", "3", "21", "111", "1111", "14", "22", "23"])
def test_few_suggestions_fill_the_width_beside_the_garment(squares, counts):
    found = [
        suggestion(squares / "blue.png", slot)
        for slot, count in zip(SLOTS, counts, strict=False)
        for _ in range(int(count))
    ]
    board = outfit_board(outfit_of(squares / "red.png", found))
    board.draw_without_rendering()
    ends = [axes.bbox.x1 for axes in board.axes]
    assert max(ends) == pytest.approx(board.bbox.x1 - 0.3 * board.dpi, abs=2)
    assert picture_of(board, "red").bbox.height <= 5 * board.dpi


def test_slots_stand_beside_the_garment_and_what_has_no_room_there_below_it(squares):
    found = [suggestion(squares / "blue.png", slot) for slot in SLOTS for _ in range(2)]
    board = outfit_board(outfit_of(squares / "red.png", found))
    garment = picture_of(board, "red").bbox
    top, bottom, shoes = (text_at(board, slot) for slot in ("top", "bottom", "shoes"))
    assert garment.x1 < top.x0 < bottom.x0
    assert top.y0 == bottom.y0
    assert shoes.x1 < garment.x1
    assert shoes.y1 < garment.y0


def test_what_was_refused_is_counted_and_not_shown(squares):
    refused = [suggestion(squares / "blue.png", "bag", "a loud bag", "clash", "does_not_fit")] * 3
    fits = suggestion(squares / "green.png")
    board = outfit_board(outfit_of(squares / "red.png", [fits], refused=tuple(refused)))
    assert "3 refused by llava, and not shown" in words_in(board)
    assert "loud" not in words_in(board)
    assert "clash" not in words_in(board)
    assert len(board.axes) == 2


def test_empty_slots_are_named_on_one_line(squares):
    found = [suggestion(squares / "blue.png")]
    board = outfit_board(
        outfit_of(squares / "red.png", found, empty=dict.fromkeys(("bag", "accessory"), "nothing"))
    )
    line = text_at(board, "empty: bag, accessory")
    assert line.y1 < min(axes.bbox.y0 for axes in board.axes)
    assert "empty" not in words_in(outfit_board(outfit_of(squares / "red.png", found)))


def test_that_a_model_gave_nothing_that_can_be_used_is_said_at_the_top(squares):
    found = [suggestion(squares / "blue.png", reason="it said so", status="not_checked")]
    outfit = outfit_of(squares / "red.png", found, unavailable="it said so", unusable=True)
    words = "not checked: llava gave no answer that can be used"
    board = outfit_board(outfit)
    assert text_at(board, words).y0 > picture_of(board, "red").bbox.y1


def test_that_no_model_took_part_is_said_at_the_top_and_its_reason_not_at_each(squares):
    why = "Ollama does not answer"
    found = [suggestion(squares / "blue.png", reason=why, status="not_checked")]
    board = outfit_board(outfit_of(squares / "red.png", found, unavailable=why))
    assert text_at(board, "not checked: no model took part").y0 > picture_of(board, "red").bbox.y1
    assert text_at(board, "not checked")
    assert why not in words_in(board)
    assert "fits" not in words_in(board)


def test_what_alone_was_not_checked_says_why(squares):
    failed = suggestion(squares / "blue.png", "bag", "a bag", "no JSON came", "not_checked")
    fits = suggestion(squares / "green.png")
    words = words_in(outfit_board(outfit_of(squares / "red.png", [fits, failed])))
    assert "1 of 2 checked by llava" in words
    assert "not checked no JSON came" in words


def test_what_no_title_led_to_says_by_what_it_was_found(squares):
    unchecked = Verdict("not_checked", "no model")
    bag = Suggestion("bag", hit(squares / "blue.png", "a bag"), "", unchecked, ("usage",))
    hat = Suggestion("accessory", hit(squares / "green.png", "a hat"), "", unchecked)
    words = words_in(outfit_board(outfit_of(squares / "red.png", [bag, hat])))
    assert "no model; found by the catalogue's word, then by its looks" in words
    assert "no model; found by looks" in words


def test_a_model_that_gave_no_verdict_took_part_all_the_same(squares):
    failed = suggestion(squares / "blue.png", status="not_checked")
    words = words_in(outfit_board(outfit_of(squares / "red.png", [failed])))
    assert "not checked: llava gave no verdict on these" in words
    assert "no model" not in words


def test_where_each_was_checked_the_board_says_by_whom(squares):
    words = words_in(outfit_board(outfit_of(squares / "red.png", [suggestion(squares / "x.png")])))
    assert "each checked by llava" in words
    assert "not checked" not in words


def test_a_board_of_nothing_shows_the_garment_and_says_so(squares):
    board = outfit_board(outfit_of(squares / "red.png", empty=dict.fromkeys(SLOTS, "nothing")))
    assert picture_of(board, "red")
    words = words_in(board)
    assert "0 suggestions" in words
    assert "Nothing was found to go with it." in words
    assert "checked" not in words


def test_pictures_that_are_gone_are_grey_tiles_that_say_so(squares):
    found = [suggestion(squares / "gone.png", name="it was here")]
    words = words_in(outfit_board(outfit_of(squares / "gone too.png", found)))
    assert words.count("cannot be opened") == 2
    assert "missing file" in words
    assert "it was here" in words


def test_a_garment_of_which_nothing_is_known_is_called_by_its_file(squares):
    worn = Worn(squares / "red.png", None, None, None)
    board = outfit_board(Outfit(worn, Analysis(None, None), (), (), (), "llava"))
    assert text_at(board, "red.png")
    assert text_at(board, "something to wear")
    assert " for None" not in words_in(board)


def test_a_suggestion_without_a_name_is_called_by_its_file(squares):
    found = [suggestion(squares / "blue.png", name="")]
    assert text_at(outfit_board(outfit_of(squares / "red.png", found)), "blue.png")


def test_of_a_hundred_for_one_slot_twelve_are_shown_and_the_others_counted(squares):
    bag = suggestion(squares / "green.png", "bag")
    found = [*[suggestion(squares / "blue.png")] * 100, bag]
    board = outfit_board(outfit_of(squares / "red.png", found))
    assert len(board.axes) == 1 + 12 + 1
    assert "… and 88 more" in words_in(board)
    named = text_at(board, "bag")
    assert named.x0 == pytest.approx(picture_of(board, "green").bbox.x0, abs=2)


@pytest.mark.parametrize(
    "text",
    [
        r"from $5 to $9, $\frac{1$",
        "红色连衣裙 夏季新款 🚗",
        "a\x00b\x1b[2J\u202e\u200d\ud800",
        "unbroken" * 40,
        " \n\t ",
        "",
    ],
)
def test_any_words_are_drawn_as_they_stand(squares, text):
    found = [
        suggestion(squares / "blue.png", "bag", text, text),
        suggestion(squares / "blue.png", "bag", text, text, "not_checked"),
    ]
    said = {"name": text, "category": text, "audience": text, "model": text}
    refused = tuple(found)
    # A warning or an error of matplotlib's own notation would fail the test.
    words = words_in(outfit_board(outfit_of(squares / "red.png", found, refused=refused, **said)))
    assert "✓ fits" in words
    if "$5" in text:
        assert words.count("from $5 to $9") >= 4


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """One that is square, one very wide, one very high, and one that is gone."""
    sizes = {"square": (80, 80), "wide": (900, 20), "high": (20, 900)}
    for name, size in sizes.items():
        Image.new("RGB", size, COLOURS["green"]).save(tmp_path / f"{name}.png")
    return [tmp_path / f"{name}.png" for name in (*sizes, "gone")]


@pytest.mark.parametrize("garment", range(4))
@pytest.mark.parametrize("counts", ["", "1", "11111", "1111111", "4444444", "2131", "51", "33333"])
def test_nothing_lies_on_anything_else_or_leaves_the_board(pictures, garment, counts):
    found = [
        suggestion(pictures[place % 4], slot, "Women wide WWW " * 20, "they go together " * place)
        for slot, count in zip(SLOTS, counts, strict=False)
        for place in range(int(count))
    ]
    refused = (suggestion(pictures[0], status="does_not_fit"),)
    name = "a name of 300 signs " * 15
    outfit = outfit_of(
        pictures[garment], found, name=name, empty=dict.fromkeys(SLOTS, "nothing"), refused=refused
    )
    board = outfit_board(outfit)
    FigureCanvasAgg(board)  # else each text is measured by a renderer of its own, of 18 MB
    parts = [*(axes.bbox for axes in board.axes), *(ink(text) for text in board.texts)]
    assert len(board.axes) == 1 + len(found)
    assert all(board.bbox.x0 < part.x0 and part.x1 < board.bbox.x1 for part in parts)
    assert all(board.bbox.y0 < part.y0 and part.y1 < board.bbox.y1 for part in parts)
    assert not [pair for pair in combinations(parts, 2) if overlap(*pair)]


def ink(text: Text) -> Bbox:
    """The box of a line, less a pixel around it."""
    return text.get_window_extent().padded(-1)


def overlap(one: Bbox, other: Bbox) -> bool:
    return one.x0 < other.x1 and other.x0 < one.x1 and one.y0 < other.y1 and other.y0 < one.y1


def test_the_command_line_writes_the_board_of_a_shop(shop_home, tmp_path, sightline: Run):
    def reply(request: Any) -> str:
        if "items" in request.schema["properties"]:
            return json.dumps({"category": "Tshirts", "audience": "Women", "items": ["Blue jeans"]})
        return json.dumps({"answer": "yes", "reason": "calm"})

    picture, board = shop_home / "shop/images/10001.jpg", tmp_path / "outfit.png"
    asked = ["outfit", picture, "-c", "shop", "--home", shop_home, "--figure", board]
    asked += ["--slots", "bottom"]
    with OllamaDouble(reply=reply) as ollama:
        ran = sightline(*asked, "--ollama", ollama.url)
    assert ran.code == 0
    assert f"wrote {board}" in ran.err
    with Image.open(board) as image:
        assert image.format == "PNG"
        assert image.width == 9 * 160  # inches, and dots an inch
