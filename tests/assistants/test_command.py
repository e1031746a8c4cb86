"""`sightline outfit`: what it prints, and with which exit code."""

import json
from pathlib import Path

import pytest

from ingest import ingest
from tests.conftest import Run
from tests.ollama_double import OllamaDouble, unused_url

TSHIRT = "shop/images/10001.jpg"


@pytest.fixture
def home(shop_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home with the shop, as the environment names it."""
    monkeypatch.setenv("SIGHTLINE_HOME", str(shop_home))
    return shop_home


def reply(request) -> str:
    """A model that likes all but blue."""
    if "items" in request.schema["properties"]:
        items = ["Women blue jeans", "Women white sneakers"]
        return json.dumps({"category": "Tshirts", "audience": "Women", "items": items})
    blue = "Blue" in request.text.split("sold as")[1]
    said = ("no", "too much blue \x1b[2J") if blue else ("yes", "calm and light")
    return json.dumps(dict(zip(("answer", "reason"), said, strict=True)))


def test_it_prints_what_fits_and_below_it_what_was_refused(home, sightline: Run):
    asked = ["outfit", TSHIRT, "-c", "shop", "--slots", "bottom,shoes"]
    with OllamaDouble(reply=reply) as ollama:
        ran = sightline(*asked, "--ollama", ollama.url)
    assert ran.code == 0
    shown, refused = ran.out.split("refused:")
    assert shown.startswith(
        f"{TSHIRT}: Tshirts, Women\nllava named: Women blue jeans; Women white sneakers\n"
    )
    assert "fits" in shown
    assert "calm and light" in shown
    assert "Blue" not in shown
    assert "Fennmoor Women Blue Jeans: too much blue \\x1b[2J" in refused
    assert ran.out.endswith("status: checked; model: llava\n")
    assert "asking llava what it is" in ran.err
    assert "checked 2 of 2" in ran.err


def test_a_program_gets_one_object(home, sightline: Run):
    with OllamaDouble(reply=reply) as ollama:
        ran = sightline("outfit", TSHIRT, "-c", "shop", "--ollama", ollama.url, "--json")
    said = ran.json
    assert (said["garment"], said["record_id"]) == (TSHIRT, TSHIRT)
    assert said["status"] == "partly_checked"
    assert said["analysis"] == {
        "category": "Tshirts",
        "audience": "Women",
        "items": ["Women blue jeans", "Women white sneakers"],
    }
    shoes = next(each for each in said["suggestions"] if each["slot"] == "shoes")
    assert (shoes["verdict"], shoes["title"]) == ("fits", "Women white sneakers")
    assert shoes["signals"]["text"]["cosine"] > 0.5
    assert {each["verdict"] for each in said["refused"]} == {"does_not_fit"}
    assert (shoes["found_by"], shoes["shared"]) == ("title", {})


def test_a_slot_that_the_model_names_nothing_for_is_told_and_ends_with_3(home, sightline: Run):
    asked = ["outfit", TSHIRT, "-c", "shop", "--slots", "bag,shoes"]
    with OllamaDouble(reply=reply) as ollama:
        ran = sightline(*asked, "--ollama", ollama.url)
        said = sightline(*asked, "--ollama", ollama.url, "--json").json
    assert ran.code == 3
    assert "not checked: llava named nothing for bag" in ran.err
    assert "goes with it by usage Casual" in ran.out
    assert ran.out.endswith("status: partly checked; model: llava\n")
    bag = next(each for each in said["suggestions"] if each["slot"] == "bag")
    assert (bag["verdict"], bag["title"]) == ("not_checked", "")
    assert bag["reason"] == "the model named nothing for this slot"
    assert bag["found_by"] == "catalogue"
    assert bag["shared"]["usage"] == "Casual"


def test_without_a_model_it_shows_what_there_is_and_ends_with_3(home, sightline: Run):
    ran = sightline("outfit", home / TSHIRT, "-c", "shop", "--ollama", unused_url())
    assert ran.code == 3
    assert "nothing is checked" in ran.err
    assert "looks like the picture" in ran.out
    assert " fits" not in ran.out
    assert ran.out.endswith("status: not checked; no model took part\n")


def test_a_verdict_that_failed_is_told_and_ends_with_3(home, sightline: Run):
    with OllamaDouble(reply=reply, script=["obey", "web_page", "web_page"]) as ollama:
        ran = sightline("outfit", TSHIRT, "-c", "shop", "--ollama", ollama.url)
    assert ran.code == 3
    assert "not checked: the server at" in ran.err


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--slots", "shoe"], 2, "there is no slot 'shoe'; the slots are top, bottom"),
        (["--slots", " ,"], 2, "it takes some of top, bottom"),
        (["--for", ""], 1, "no garment is for ''"),
        (["--per-slot", "0"], 2, "--per-slot"),
        (["--for", "dogs"], 1, "no garment is for 'dogs'; they are for Women, Men, Unisex"),
        (["--category", "Skirt suit"], 1, "did you mean 'Skirts'?"),
        (["--where", "colour == 'red'"], 1, "no field is called colour"),
        (["--min-score", "5"], 1, "a cosine is from -1 to 1"),
        (["--figure", "outfit.doc"], 1, "does not say what to write"),
    ],
)
def test_what_cannot_be_is_refused_before_a_model_is_asked(
    home, sightline: Run, arguments, code, told
):
    with OllamaDouble(reply=reply) as ollama:
        ran = sightline("outfit", TSHIRT, "-c", "shop", "--ollama", ollama.url, *arguments)
    assert ran.code == code
    assert told in ran.err
    assert ollama.requests == []


def test_a_model_that_cannot_say_what_it_sees_is_no_model(home, sightline: Run):
    with OllamaDouble(reply="It is lovely.") as ollama:
        ran = sightline("outfit", TSHIRT, "-c", "shop", "--ollama", ollama.url, "--json")
    assert ran.code == 3
    assert "It is lovely." in ran.json["notices"][0]
    assert ran.json["status"] == "not_checked"


def test_a_model_that_was_heard_is_not_said_to_have_taken_no_part(home, sightline: Run):
    with OllamaDouble(reply="It is lovely.") as ollama:
        ran = sightline("outfit", TSHIRT, "-c", "shop", "--ollama", ollama.url)
    assert "It is lovely." in ran.err
    assert ran.out.endswith("status: not checked; llava gave no answer that can be used\n")


def test_info_says_which_column_plays_which_part(home, sightline: Run):
    told = "category = articleType, audience = gender, colour = baseColour, usage = usage,"
    assert f"outfit   {told} season = season\n" in sightline("info", "shop").out
    assert sightline("info", "shop", "--json").json["outfit"]["category"] == "articleType"


def test_info_says_nothing_of_garments_where_there_are_none(squares, settings, sightline: Run):
    ingest(squares, "squares", settings, image="palette", text="minilm")
    assert sightline("info", "squares", "--json").json["outfit"] is None
    assert "outfit" not in sightline("info", "squares").out
