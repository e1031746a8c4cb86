"""Captions come as lists, as lists written as text, and broken; none is lost."""

import pytest

from ingest.captions import parse_captions


@pytest.mark.parametrize(
    ("value", "captions"),
    [
        ("a street", ["a street"]),
        ("['a street']", ["a street"]),
        ("[\"it's a dog's street\"]", ["it's a dog's street"]),
        ('["it\'s JSON", "two"]', ["it's JSON", "two"]),
        ("['two', 'captions', 'two']", ["two", "captions"]),
        (["one", None, "two"], ["one", "two"]),
        ("['unterminated", ["['unterminated"]),
        ("[broken] [brackets]", ["[broken] [brackets]"]),
        ("[1, 2]", ["[1, 2]"]),
        ("['line one \\nline two']", ["line one line two"]),
        ("line one \\n line two\nthree", ["line one line two three"]),
        (r"['\d is no escape']", [r"\d is no escape"]),
        ("[" * 5000 + "]" * 5000, ["[" * 5000 + "]" * 5000]),
        (None, []),
        (float("nan"), []),
        ("", []),
        ([], []),
        ("[]", []),
        ("['']", []),
        ("\ud800", ["?"]),
    ],
)
def test_captions_are_read(value, captions):
    assert parse_captions(value) == captions


@pytest.mark.parametrize("value", [123, {"text": "x"}, True, [1]])
def test_what_holds_no_caption_is_told_apart_from_an_empty_one(value):
    assert parse_captions(value) is None


def test_a_long_caption_stays_whole():
    words = " ".join(["street"] * 150_000)
    assert parse_captions(f"['{words}']") == [words]
