"""The sample collection: what is drawn is what the caption says, in the format of real ones."""

import ast
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.make_sample import Scene, caption_of, draw, make_sample, make_scenes, scores_of
from data.scenes import CAR_COLOURS, NUMBERS, SCORES

SEED = 7
SCENES = make_scenes(60, SEED)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sample(tmp_path_factory.mktemp("sample"), count=6, seed=SEED)


@pytest.fixture(scope="module")
def rows(sample: Path) -> list[dict[str, str]]:
    return json.loads((sample / "metadata.json").read_bytes())


def reddish(picture: Image.Image) -> int:
    """How many pixels have far more red in them than green and blue."""
    red, green, blue = (np.asarray(band, dtype=int) for band in picture.split())
    return int(((red > 120) & (red > 1.9 * green) & (red > 1.9 * blue)).sum())


def plain_street(**told: object) -> Scene:
    """A Lisbon street at noon with nothing in it but what is told."""
    lisbon = next(scene for scene in SCENES if scene.city.name == "Lisbon")
    empty = Scene(
        lisbon.city, lisbon.lat, lisbon.lon, lisbon.id, 11, "noon", "clear", "pastel row houses"
    )
    return replace(empty, **told)


def test_the_same_seed_gives_the_same_metadata_and_the_same_pictures(sample, tmp_path):
    again = make_sample(tmp_path, count=6, seed=SEED)
    names = sorted(path.relative_to(sample) for path in sample.rglob("*.*"))
    assert len(names) == 7
    for name in names:
        assert (again / name).read_bytes() == (sample / name).read_bytes()


def test_another_seed_gives_other_scenes():
    assert make_scenes(3, 1) != make_scenes(3, 2)


def test_sixty_scenes_are_shared_by_three_cities_with_all_times_in_each():
    for city in ("Amsterdam", "Lisbon", "Melbourne"):
        there = [scene for scene in SCENES if scene.city.name == city]
        assert len(there) == 20
        assert {scene.time for scene in there} == {"morning", "noon", "sunset", "night"}


def test_every_value_is_a_string_and_lines_end_as_on_windows(sample, rows):
    assert {type(value) for row in rows for value in row.values()} == {str}
    text = (sample / "metadata.json").read_bytes()
    assert text.count(b"\r\n") == text.count(b"\n") > 0


def test_a_path_has_a_backslash_and_its_picture_lies_there(sample, rows):
    for row in rows:
        assert row["Relative Path"] == f"./streets\\{row['Image Name']}"
        with Image.open(sample / row["Relative Path"].replace("\\", "/")) as picture:
            assert picture.size == (640, 480)


def test_a_picture_is_named_by_latitude_longitude_id_and_city(rows):
    for row in rows:
        name = re.fullmatch(
            r"(-?\d+\.\d{6})_(-?\d+\.\d{6})_([0-9a-f]{24})_(\w+)\.JPG", row["Image Name"]
        )
        assert name is not None
        assert (float(name[1]) < 0) == (name[4] == "Melbourne")
        assert (float(name[2]) < 0) == (name[4] == "Lisbon")


def test_a_caption_is_a_list_of_one_written_as_text(rows):
    for row, scene in zip(rows, make_scenes(6, SEED), strict=True):
        assert ast.literal_eval(row["Caption"]) == [caption_of(scene)]


def test_scores_are_numbers_from_0_to_10_written_as_text(rows):
    for row in rows:
        assert all(0 <= float(row[name]) <= 10 for name in SCORES)


def test_no_caption_comes_twice():
    assert len({caption_of(scene) for scene in SCENES}) == 60


def test_the_first_scene_is_the_red_car_at_sunset():
    assert caption_of(SCENES[0]).startswith("a red car")
    assert caption_of(SCENES[0]).endswith("at sunset")


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.id[:6])
def test_a_caption_names_what_the_scene_holds_and_nothing_else(scene):
    caption = caption_of(scene)
    assert scene.buildings in caption
    assert scene.time in caption or f"on a foggy {scene.time}" in caption
    for colour in CAR_COLOURS:
        assert (f"a {colour} car" in caption) == (colour in scene.cars)
    assert ("awning" in caption) == bool(scene.shop)
    assert scene.shop in caption
    if scene.tree_count > 1:
        assert f"{NUMBERS[scene.tree_count]} {scene.trees}" in caption
    for word, there in (
        ("trees?", scene.tree_count),
        ("person" if scene.people == 1 else "people", scene.people),
        ("bicycle", scene.bicycles),
        ("street lamps", scene.lamps),
        ("zebra crossing", scene.crossing),
        ("stone bridge", scene.bridge),
        ("umbrella", scene.people and scene.weather == "rain"),
        ("fog", scene.weather == "fog"),
        ("rain", scene.weather == "rain"),
    ):
        assert bool(re.search(rf"\b{word}", caption)) == bool(there), word


def test_a_red_car_is_really_there():
    without = reddish(draw(plain_street()))
    assert reddish(draw(plain_street(cars=("blue",)))) < without + 500  # its rear lights
    assert reddish(draw(plain_street(cars=("red",)))) > without + 2_000


@pytest.mark.parametrize(
    "told",
    [
        {"tree_count": 1},
        {"people": 1},
        {"bicycles": 1},
        {"lamps": True},
        {"crossing": True},
        {"bridge": True},
        {"shop": "bakery"},
        {"weather": "rain"},
        {"time": "night"},
    ],
    ids=str,
)
def test_whatever_the_caption_adds_changes_the_picture(told):
    before, after = (np.asarray(draw(plain_street(**more)), dtype=int) for more in ({}, told))
    assert (abs(after - before).max(axis=2) > 24).sum() > 400


def test_scores_follow_from_what_is_there():
    def change(name: str, **told: object) -> float:
        return scores_of(plain_street(**told))[name] - scores_of(plain_street())[name]

    # The noise is the same for both scenes (one seed), so the rule shows exactly.
    assert change("more beautiful", tree_count=4) == pytest.approx(4 * 0.25)
    assert change("safer", time="night") == pytest.approx(-1.0 - 1.5)  # night, and no lamps
    assert change("safer", time="night", lamps=True) == pytest.approx(-1.0 + 0.5)
    assert change("livelier", people=3) == pytest.approx(3 * 0.5 + 1.0)  # and no longer quiet
