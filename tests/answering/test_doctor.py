"""The doctor finds what is wrong, says what to do, and is not fooled by a blind model."""

from pathlib import Path

import numpy as np
import pytest

from app.answering.vision import Limits
from app.model.settings import Settings
from app.workspace.doctor import COLOURS, DIGITS, Check, diagnose, draw_card
from tests.ollama_double import OllamaDouble, unused_url
from tests.vision_double import ChatRequest

QUICK = Limits(connect=5, idle=10, total=30, attempts=2, wait=0.01)


def look(request: ChatRequest) -> str:
    """Really see: name the card that is nearest to the picture, pixel by pixel."""
    shown = np.asarray(request.pictures[0], dtype=float)
    distances = {
        (colour, digit): np.abs(np.asarray(draw_card(colour, digit), dtype=float) - shown).mean()
        for colour in COLOURS
        for digit in DIGITS
    }
    colour, digit = min(distances, key=distances.__getitem__)
    return f"A {colour.title()} card with the digit {digit}."


def examine(folder: Path, ollama: OllamaDouble, **settings: object) -> dict[str, Check]:
    checks = diagnose(Settings(home=folder, ollama=ollama.url, **settings), limits=QUICK)
    assert all(check.fix for check in checks if check.status != "ok")
    return {check.name: check for check in checks}


def test_all_is_well_with_a_model_that_sees(tmp_path):
    with OllamaDouble(reply=look) as ollama:
        checks = examine(tmp_path, ollama)
    for name in ("disk", "engine", "model minilm", "ollama", "vision model", "context", "sight"):
        assert checks[name].status == "ok", checks[name]
    assert "0.32.15" in checks["ollama"].detail
    assert "contact sheet" in checks["context"].detail
    assert len(ollama.requests) == 2


@pytest.mark.parametrize(
    "reply",
    [
        "It is a picture of a street.",
        "A red card with the digit 4.",
        "red green blue yellow 2 3 4 5 6 7 9",
        "",
    ],
)
def test_model_that_answers_without_seeing_is_a_problem(tmp_path, reply):
    with OllamaDouble(reply=reply) as ollama:
        checks = examine(tmp_path, ollama)
    assert checks["sight"].status == "problem"
    assert "qwen2.5vl" in checks["sight"].fix


def test_model_without_eyes_is_a_problem(tmp_path):
    with OllamaDouble(script=["img-to-text-model"]) as ollama:
        checks = examine(tmp_path, ollama)
    assert "cannot see pictures" in checks["sight"].detail


def test_ollama_that_is_not_there_says_how_to_start_it(tmp_path):
    checks = diagnose(Settings(home=tmp_path, ollama=unused_url()), limits=QUICK)
    last = checks[-1]
    assert (last.name, last.status) == ("ollama", "problem")
    assert "ollama serve" in last.fix


def test_url_that_is_none_is_a_problem_too(tmp_path):
    last = diagnose(Settings(home=tmp_path, ollama="ftp://x"), limits=QUICK)[-1]
    assert (last.name, last.status) == ("ollama", "problem")


def test_missing_model_says_what_to_pull(tmp_path):
    with OllamaDouble() as ollama:
        checks = examine(tmp_path, ollama, model="gemma3:12b")
    assert checks["vision model"].fix == "Run `ollama pull gemma3:12b`"
    assert "sight" not in checks


def test_old_ollama_is_to_be_updated(tmp_path):
    with OllamaDouble(reply=look, version="0.16.3") as ollama:
        checks = examine(tmp_path, ollama)
    assert checks["ollama"].status == "note"


def test_context_that_holds_no_picture_is_a_problem(tmp_path):
    with OllamaDouble(reply=look, context_length=2048) as ollama:
        checks = examine(tmp_path, ollama)
    assert checks["context"].status == "problem"


def test_several_pictures_fit_where_the_model_takes_them(tmp_path):
    with OllamaDouble(reply=look, models=["gemma3:4b"]) as ollama:
        checks = examine(tmp_path, ollama, model="gemma3:4b")
    assert "8 pictures at once" in checks["context"].detail


def test_a_home_below_a_file_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with OllamaDouble(reply=look) as ollama:
        checks = examine(tmp_path / "file" / "home", ollama)
    assert checks["disk"].status == "problem"


def test_doctor_leaves_nothing_behind(tmp_path):
    with OllamaDouble(reply=look) as ollama:
        examine(tmp_path / "home", ollama)
    assert list(tmp_path.iterdir()) == []


def test_qdrant_server_that_is_not_there_is_a_problem(tmp_path):
    with OllamaDouble(reply=look) as ollama:
        checks = examine(tmp_path, ollama, qdrant=unused_url())
    assert checks["engine"].status == "problem"
    assert "docker run" in checks["engine"].fix


def test_what_is_no_qdrant_is_a_problem(tmp_path):
    with OllamaDouble(reply=look) as ollama:
        checks = examine(tmp_path, ollama, qdrant=ollama.url)
    assert checks["engine"].status == "problem"


def test_what_cuts_an_answer_off_is_not_put_into_the_model_s_mouth(tmp_path):
    with OllamaDouble(reply="", thought="Green? Blue?", script=["length"] * 4) as ollama:
        checks = examine(tmp_path, ollama)
    assert "gave no answer: the model wrote down its thoughts" in checks["sight"].detail
    assert "said" not in checks["sight"].detail


def test_what_the_user_says_of_context_and_pictures_is_told(tmp_path):
    with OllamaDouble(reply=look, models=["gemma3:4b"]) as ollama:
        checks = examine(tmp_path, ollama, model="gemma3:4b", context=8192, max_images=3)
    assert checks["context"].detail.startswith("8,192 tokens: 3 pictures at once")


def test_what_a_server_says_of_a_model_is_told(tmp_path):
    with OllamaDouble(reply=look, family="qwen35", capabilities=("vision", "thinking")) as ollama:
        checks = examine(tmp_path, ollama)
    told = "of family qwen35, trained on 32,768 tokens, thinks, and is told not to"
    assert told in checks["vision model"].detail
