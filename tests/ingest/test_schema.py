"""What a column is, is decided by the whole column."""

from datetime import UTC, datetime

import pytest

from app.model.records import Field, free_slug
from ingest.schema import infer_types, typed, valid_json


def type_of(*values):
    return infer_types({"column": values}).get("column")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["4.51", "3", "-1e5"], "number"),
        ([4.5, "9.5", 10], "number"),
        (["4.5", "", None, "n/a", "NaN"], "number"),
        (["inf", "1e400", "4.5"], "number"),
        (["true", "False", True], "boolean"),
        (["yes", "no"], "words"),
        (["1", 0], "number"),
        (["2026-11-21", "2026-11-21T08:30:00Z"], "time"),
        (["2010:01:27 14:05:15", ""], "time"),
        (["Singapore", "Zürich"], "words"),
        ([["a", "b"], ["c"]], "words"),
        (["12", "12a", "Singapore"], "words"),
        (["", None, "n/a", []], None),
        ([{"a": 1}], None),
        ([[1, 2]], None),
    ],
)
def test_a_column_is_what_most_of_it_is(values, expected):
    assert type_of(*values) == expected


@pytest.mark.parametrize("text", ["007", "1,5", "٣", "1_000", "0x1f", "+6591234567", "1 2", "."])
def test_what_only_resembles_a_number_is_words(text):
    assert type_of(text) == "words"


def test_integers_that_floats_cannot_tell_apart_are_words():
    assert type_of(2**53) == "number"
    assert type_of(2**53 + 1) == "words"
    assert type_of("9007199254740993") == "words"
    assert type_of("9" * 5000) == "words"


def test_values_get_the_type_of_their_column():
    assert typed("4.51", "number") == 4.51
    assert type(typed("2011", "number")) is int
    assert typed("TRUE", "boolean") is True
    assert [typed(value, "boolean") for value in ("Yes", "n", 1, "0", " on ")] == [
        *(True, False, True, False, True)
    ]
    assert typed(2, "boolean") is typed("maybe", "boolean") is None
    assert typed("2010:01:27 14:05:15", "time") == datetime(2010, 1, 27, 14, 5, 15, tzinfo=UTC)
    assert typed("2026-11-21", "time") == datetime(2026, 11, 21, tzinfo=UTC)
    assert typed(12, "words") == "12"
    assert typed(["a", "b"], "words") == ["a", "b"]


@pytest.mark.parametrize("value", [None, "", " ", "n/a", "NaN", float("nan"), float("inf"), "1e400",
                                   "٣", "1,5", True])  # fmt: skip
def test_what_is_no_number_is_missing_in_a_column_of_numbers(value):
    assert typed(value, "number") is None


def test_the_thirtieth_of_february_is_no_time():
    assert typed("2026-02-30", "time") is None
    assert typed("0000:00:00 00:00:00", "time") is None


@pytest.mark.parametrize(
    ("name", "slug"),
    [("more beautiful", "more_beautiful"), ("Größe (m)", "größe_m"), ("a.b", "a_b"), ("", "field"),
     ("$where", "where"), ("ключ", "ключ")],
)  # fmt: skip
def test_a_slug_is_easily_typed(name, slug):
    assert free_slug(name, ()) == slug


def test_a_known_field_keeps_its_type_and_dataset_toml_overrides_the_vote():
    known = [Field("score", "score", "number")]
    types = infer_types({"score": ["a"], "house": ["1"]}, types={"house": "words"}, known=known)
    assert types == {"score": "number", "house": "words"}


def test_nested_values_are_valid_json():
    value = {"a": [float("nan"), {"b": "\ud800"}], "deep": [[[[[[[[[1]]]]]]]]]}
    assert valid_json(value)["a"] == [None, {"b": "?"}]
    assert "…" in str(valid_json(value)["deep"])
