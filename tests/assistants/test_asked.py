"""A search that asks for the rest of an outfit is told of the command that finds it."""

import pytest

from app.assistants.outfit.asked import asks_what_goes_with
from tests.conftest import Run


@pytest.mark.parametrize(
    "words",
    [
        "what goes with this jacket",
        "What would go well with a black skirt?",
        "which shoes match",
        "which shoes match this dress?",
        "what matches these trousers",
        "what can I wear with a denim shirt?",
        "which bag pairs with it",
        "which trousers should I combine with my blazer",
    ],
)
def test_a_question_for_what_goes_with_something(words):
    assert asks_what_goes_with(words)


@pytest.mark.parametrize(
    "words",
    [
        "",
        "a red jacket",
        "a dress with a matching belt",
        "shirt worn with jeans",
        "a football match",
        "what is worn at a wedding",
        "which pictures match the description",
        "which photos go with the second page",
        "what does she wear",
        "which shirts are made with cotton",
        "clothes that go with",
    ],
)
def test_a_description_of_clothes_is_no_such_question(words):
    assert not asks_what_goes_with(words)


def test_the_command_is_named_where_there_are_garments(shop_home, monkeypatch, sightline: Run):
    monkeypatch.setenv("SIGHTLINE_HOME", str(shop_home))
    asked = sightline("search", "which shoes match", "-c", "shop", "--json").json
    assert asked["notices"][-1].endswith("sightline outfit PICTURE --collection shop")
    plain = sightline("search", "shoes with a matching bag", "-c", "shop", "--json").json
    assert not any("outfit" in notice for notice in plain["notices"])


def test_a_collection_of_other_things_has_no_outfit(squares, sightline: Run):
    sightline("ingest", squares, "-c", "squares", "--offline")
    asked = sightline("search", "which square goes with red", "-c", "squares", "--json").json
    assert not any("outfit" in notice for notice in asked["notices"])
