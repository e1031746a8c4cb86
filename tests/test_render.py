"""Render: lines of a terminal that a long path does not swamp."""

from dataclasses import replace
from pathlib import Path

from app.render import found_lines, shown_path
from app.retrieval.retriever import Found
from tests.test_figures import hit


def test_a_long_path_keeps_its_beginning_and_its_end() -> None:
    path = "holiday/" + "a folder in a folder/" * 40 + "IMG_0001.jpg"
    found = replace(hit(Path("a/b.png")), path=path, others=(path,))
    line, others, *_ = found_lines(Found([found]))
    assert line.startswith("  1  0.500  holiday/a folder")
    assert line.endswith("/IMG_0001.jpg")
    assert len(line) == 112
    assert len(others) < 120


def test_what_is_no_letter_does_not_make_a_path_longer() -> None:
    assert len(shown_path("\x1b" * 500 + ".jpg")) == 100
    assert shown_path("a/b.jpg") == "a/b.jpg"
