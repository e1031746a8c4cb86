"""The outfit assistant, from a picture to checked suggestions, over a shop that we draw."""

import json
from pathlib import Path
from typing import Any

import pytest

from app import Settings, complete_outfit, open_collection
from app.assistants.outfit.complete import Outfit
from data.make_shop import make_shop
from ingest import ingest
from tests.ollama_double import OllamaDouble

WORN = "10001"  # a T-shirt for women


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the drawn shop in it, ingested once."""
    folder = tmp_path_factory.mktemp("outfits")
    make_shop(folder / "shop")
    ingest(folder / "shop", "shop", Settings(home=folder), image="palette", text="minilm")
    return folder


def stylist(
    *items: str, category: str = "Tshirts", audience: str = "Women", refuses: str = "nothing at all"
):
    """A model that names these titles, and refuses what is sold under a name with `refuses`."""

    def reply(request: Any) -> str:
        if "items" in request.schema["properties"]:
            said = {"category": category, "audience": audience, "items": items}
            return json.dumps(said)
        refused = refuses in request.text
        answer = "no" if refused else "yes"
        return json.dumps({"answer": answer, "reason": "they clash" if refused else "calm"})

    return reply


def outfit_of(home: Path, reply: Any, garment: str = f"shop/images/{WORN}.jpg", **asked) -> Outfit:
    with OllamaDouble(reply=reply) as ollama:
        settings = Settings(home=home, ollama=ollama.url)
        with open_collection("shop", settings) as shop:
            return complete_outfit(garment, shop, settings, **asked)


def test_each_free_slot_gets_the_best_garment_that_a_title_finds(home):
    outfit = outfit_of(home, stylist("Women blue jeans", "Women white sneakers"))
    found = {each.slot: each for each in outfit.suggestions}
    assert found.keys() == {"bottom", "shoes"}
    assert found["bottom"].hit.caption.endswith("Jeans")
    assert found["bottom"].title == "Women blue jeans"
    assert [each.verdict.status for each in outfit.suggestions] == ["fits", "fits"]
    assert outfit.is_checked
    assert set(outfit.empty) == {"outerwear", "bag", "accessory"}
