"""The demo's outfit: a script answers where no model can be reached, and is called a script."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from data import demo
from data.garments.catalogue import make_garments
from data.stand_in import GARMENT, MODEL, reply
from tests.conftest import Drawn
from tests.ollama_double import OllamaDouble

SLOTS = ["bottom", "outerwear", "shoes", "bag", "accessory"]


@pytest.fixture
def said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    drawn: Drawn,
) -> Callable[[], str]:
    """What the demo prints of the shop, run in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "make_shop", lambda into: shutil.copytree(drawn("shop"), into))
    demo.FIGURES.mkdir(parents=True)

    def run() -> str:
        demo.shop()
        return capsys.readouterr().out

    return run


def test_the_script_was_written_for_a_dotted_blouse():
    (garment,) = (each for each in make_garments(60, 7) if each.id == GARMENT)
    assert garment.name.endswith("Women Dotted Blue Blouse")


def test_where_no_model_is_reached_a_script_answers_and_it_is_said_before_and_after(said):
    before, command, after = said().partition("$ sightline outfit")
    assert command
    assert "none was reached: Ollama does not answer" in before
    assert f"So {MODEL} answers in its place: a script written for this one garment" in before
    assert f"status: checked; model: {MODEL}" in after
    assert "no model has looked at this outfit" in after.splitlines()[-1]
    assert Path("build/demo/outfit.png").is_file()

    taken, _, refused = after.partition("refused:\n")
    assert [line.split()[0] for line in taken.splitlines() if line.endswith("  fits")] == SLOTS
    assert re.findall(r"two patterns in one outfit, dotted and (\w+)", refused) == [
        "checked",
        "striped",
    ]


def test_where_a_model_is_reached_it_is_asked_and_no_script_is_spoken_of(said, monkeypatch):
    with OllamaDouble(reply=reply) as ollama:
        monkeypatch.setenv("SIGHTLINE_OLLAMA", ollama.url)
        out = said()
    assert "status: checked; model: llava" in out
    assert len(ollama.requests) == 8  # a list of titles, and seven pairs
    assert "script" not in out


def test_a_model_that_cannot_fill_in_a_form_does_not_end_the_demo(said, monkeypatch):
    with OllamaDouble(reply="It is a nice blouse.") as ollama:
        monkeypatch.setenv("SIGHTLINE_OLLAMA", ollama.url)
        assert "status: not checked; llava gave no answer that can be used" in said()
