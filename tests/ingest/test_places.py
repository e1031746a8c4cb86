"""A place is in the row, in the file name, or in a file beside the picture."""

import pytest

from app.model.records import Place
from ingest.places import compile_pattern, guess_pattern, place_of, read_name, read_sidecar

SEED = "{lat}_{lon}_{id}_{city}"


def test_a_file_name_says_place_id_and_city():
    name = read_name("a/1.27_103.79_50f5_Sing_apore_x.JPG", SEED)
    assert name.place == Place(1.27, 103.79)
    assert name.values == {"id": "50f5", "city": "Sing_apore_x"}


def test_south_and_west_keep_their_signs():
    assert read_name("img_-33.867,-70.667.jpg", "img_{lat},{lon}").place == Place(-33.867, -70.667)


def test_a_name_that_does_not_fit_says_nothing():
    name = read_name("nounderscore.JPG", SEED)
    assert not name.fits
    assert (name.values, name.place) == ({}, None)


def test_a_name_whose_place_is_nowhere_does_not_fit_and_keeps_what_else_it_says():
    name = read_name("103.79_1.27_50f5_Singapore.jpg", SEED)
    assert not name.fits
    assert (name.values, name.place) == ({"id": "50f5", "city": "Singapore"}, None)


def test_a_pattern_is_guessed_when_half_of_the_names_fit():
    fitting, other = "1.2_103.8_id_City.jpg", "other.jpg"
    assert guess_pattern([fitting, other]) == SEED
    assert guess_pattern([fitting, other, other]) is None
    assert guess_pattern([]) is None


@pytest.mark.parametrize(
    "pattern", ["no fields", "{lat}_{lat}", "{}_{b}", "{lat_{lon}", "{lat}_{lon", "a}{b}"]
)
def test_a_pattern_without_usable_fields_is_refused(pattern):
    with pytest.raises(ValueError, match="braces"):
        compile_pattern(pattern)


@pytest.mark.parametrize("values", [("91", "0"), ("0", "0"), ("nan", "1"), ("1,5", "2"), (None, 1)])
def test_what_is_nowhere_on_the_earth_is_no_place(values):
    assert place_of(*values) is None


def test_a_sidecar_is_two_numbers(tmp_path):
    file = tmp_path / "a.gps"
    file.write_text("37.79261017 -122.39679718\n")
    assert read_sidecar(file) == Place(37.79261017, -122.39679718)
    file.write_bytes(b"\xff\xfe garbage")
    assert read_sidecar(file) is None
