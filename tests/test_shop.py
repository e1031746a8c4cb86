"""The sample shop: what is drawn is what the row says, in the format of fashion catalogues."""

import csv
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.garments.catalogue import COLOURS, KINDS
from data.make_shop import Garment, cut_out, make_garments, make_shop
from ingest.dataset import load_source
from tests.conftest import Drawn

SEED = 7
GARMENTS = make_garments(60, SEED)
HEADER = (
    "id,gender,masterCategory,subCategory,articleType,baseColour,season,year,usage,"
    "productDisplayName"
)
SLOTS = ("top", "bottom", "outerwear", "shoes", "bag", "accessory")


@pytest.fixture(scope="module")
def shop(drawn: Drawn) -> Path:
    return drawn("shop")


@pytest.fixture(scope="module")
def rows(shop: Path) -> list[dict[str, str]]:
    with (shop / "styles.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def suited(gender: str, slot: str) -> list[Garment]:
    return [g for g in GARMENTS if g.kind.slot == slot and g.gender in (gender, "Unisex")]


@cache
def shape_of(garment: Garment) -> np.ndarray:
    return np.asarray(cut_out(garment).getchannel("A")) > 127


def commonest_colour(picture: Image.Image, shape: np.ndarray) -> str:
    """The table's colour that is nearest to most of the pixels in a shape."""
    pixels = np.asarray(picture.convert("RGB"), dtype=int)[shape]
    table = np.array(list(COLOURS.values()))
    nearest = ((pixels[:, None] - table) ** 2).sum(axis=2).argmin(axis=1)
    return list(COLOURS)[np.bincount(nearest).argmax()]


def test_the_same_seed_gives_the_same_bytes_and_fewer_are_the_first_of_many(shop, tmp_path):
    again = make_shop(tmp_path, count=6, seed=SEED)
    table = (again / "styles.csv").read_bytes()
    assert (shop / "styles.csv").read_bytes().startswith(table)
    pictures = sorted((again / "images").iterdir())
    assert len(pictures) == 6
    for picture in pictures:
        assert picture.read_bytes() == (shop / "images" / picture.name).read_bytes()


def test_another_seed_gives_other_garments():
    assert make_garments(21, 1) != make_garments(21, 2)


def test_the_table_has_the_columns_of_fashion_catalogues(shop, rows):
    assert (shop / "styles.csv").read_text(encoding="utf-8").splitlines()[0] == HEADER
    assert len(rows) == 60


def test_every_row_has_its_picture_and_every_picture_a_row(shop, rows):
    names = [picture.name for picture in (shop / "images").iterdir()]
    assert sorted(names) == sorted(f"{row['id']}.jpg" for row in rows)
    with Image.open(shop / "images" / names[0]) as picture:
        assert (picture.format, picture.size) == ("JPEG", (240, 320))


def test_a_name_says_brand_gender_pattern_colour_and_kind(rows):
    assert Garment(
        10001, KINDS[0], "Women", "Bramble", "Navy Blue", "Striped", "Casual", "Summer", 2024
    ).name == "Bramble Women Striped Navy Blue T-shirt"  # fmt: skip
    assert len({row["productDisplayName"] for row in rows}) == 60
    for row in rows:
        assert f" {row['gender']} " in row["productDisplayName"]
        assert f" {row['baseColour']} " in row["productDisplayName"]


@pytest.mark.parametrize("gender", ["Women", "Men"])
def test_every_slot_has_two_garments_for_women_and_two_for_men(gender):
    assert [slot for slot in SLOTS if len(suited(gender, slot)) < 2] == []


def test_dresses_stand_for_top_and_bottom_and_are_womens():
    assert {garment.gender for garment in GARMENTS if garment.kind.slot == "dress"} == {"Women"}
    assert {kind.slot for kind in KINDS} == {*SLOTS, "dress"}


@pytest.mark.parametrize("gender", ["Women", "Men"])
@pytest.mark.parametrize("usage", ["Casual", "Formal"])
def test_one_can_dress_for_leisure_and_for_the_office(gender, usage):
    for slot in ("top", "bottom", "shoes"):
        assert usage in {garment.usage for garment in suited(gender, slot)}


@pytest.mark.parametrize("garment", GARMENTS, ids=lambda garment: garment.name)
def test_the_colour_of_the_row_is_the_commonest_in_the_picture(shop, garment):
    with Image.open(shop / "images" / f"{garment.id}.jpg") as picture:
        assert commonest_colour(picture, shape_of(garment)) == garment.colour


def test_seasons_and_years_are_spread(rows):
    assert len(Counter(row["season"] for row in rows)) == 4
    assert len(Counter(row["year"] for row in rows)) == 3


def test_it_is_read_as_a_catalogue(shop, rows):
    source = load_source(shop)
    first = source.records[0]
    assert len(source.records) == 60
    assert first.path == "images/10001.jpg"
    assert first.sayings[0] == rows[0]["productDisplayName"]
