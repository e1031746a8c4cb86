"""Terminal: a person hears of a step that takes long, and of none that ends at once."""

import time
from pathlib import Path

import pytest

from app.cli import terminal
from app.cli.terminal import watching
from app.model.settings import Settings
from ingest import Watch, ingest


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make long what takes a fifth of a second."""
    monkeypatch.setattr(terminal, "HUSH_SECONDS", 0.2)
    monkeypatch.setattr(terminal, "TICK_SECONDS", 0.02)


@pytest.mark.usefixtures("quick")
def test_a_step_that_takes_long_is_told_once_in_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    with watching() as watch:
        watch.step("reading a table")
        for done in range(40):
            watch.step(f"comparing files: {done} of 40")
            time.sleep(0.01)
    assert capsys.readouterr().err.count("comparing files: ") == 1


@pytest.mark.usefixtures("quick")
def test_each_long_step_is_told_and_records_with_their_rate(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal, "PROGRESS_SECONDS", 0.4)
    with watching() as watch:
        watch.step("reading a table")
        time.sleep(0.5)
        watch.step("reading and embedding")
        time.sleep(0.4)
        watch.progress(3, 12)
        time.sleep(0.6)
    told = capsys.readouterr().err
    assert "reading a table …\n" in told
    assert "reading and embedding …\n" in told
    assert "reading and embedding: 3 of 12 records, " in told
    assert " left …\n" in told


def test_what_ends_at_once_is_not_heard(capsys: pytest.CaptureFixture[str]) -> None:
    with watching() as watch:
        watch.step("reading a table")
        watch.progress(1, 2)
    assert capsys.readouterr().err == ""


def test_an_ingest_says_what_it_does(squares: Path, settings: Settings) -> None:
    heard: list[str] = []
    models = {"image": "palette", "text": "minilm"}
    ingest(squares, "squares", settings, watch=Watch(step=heard.append), **models)
    assert [step.partition(":")[0] for step in dict.fromkeys(heard)] == [
        "reading 'squares'",
        "looking through 'squares'",
        "reading tables and documents",
        "loading the models, and opening the collection",
        "reading what is stored",
        *["comparing files"] * 3,
        "reading and embedding",
        "removing what is gone",
        "making it fast to search",
    ]
