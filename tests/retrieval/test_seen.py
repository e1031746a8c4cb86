"""Seen: what lite0 takes to be on a picture is shown and filtered by, and told as a guess."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app import Search, Settings, Workspace
from app.encoders import lite0
from app.render import found_lines, hit_json
from app.retrieval.hits import Hit
from app.retrieval.retriever import Found


@pytest.fixture
def seeing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that sees a ski on what is white, and a fig on anything else."""

    def seen(_: lite0.Lite0, image: Image.Image) -> tuple[np.ndarray, np.ndarray]:
        name = "ski" if image.convert("RGB").getpixel((0, 0)) == (255, 255, 255) else "fig"
        classes = np.zeros(1000, np.float32)
        classes[lite0.class_names().index(name)] = 20
        return np.ones(lite0.FEATURES, np.float32), classes

    monkeypatch.setattr(lite0.Lite0, "_seen", seen)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("white", "green"):
        Image.new("RGB", (32, 32), name).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def workspace(either_engine: Settings, seeing: None, pictures: Path):
    with Workspace(either_engine) as opened:
        assert opened.ingest(pictures, "mine", offline=True).new == 2
        yield opened


def paths(workspace: Workspace, where: str) -> list[str]:
    return [hit.path for hit in workspace.search("mine", Search(where=where)).hits]


def test_what_is_seen_can_be_filtered_by(workspace: Workspace) -> None:
    assert paths(workspace, 'seen.contains("ski")') == ["white.png"]
    assert paths(workspace, 'seen == "fig"') == ["green.png"]
    assert paths(workspace, "exists(seen)") == ["green.png", "white.png"]


def test_words_find_what_is_seen_and_it_is_told_as_a_guess(workspace: Workspace) -> None:
    found = workspace.search("mine", Search("people ski down a mountain", top_k=1))
    (hit,) = found.hits
    assert (hit.path, hit.seen, hit.captions, hit.text) == ("white.png", ("ski",), (), "")
    assert [line.strip() for line in found_lines(found)][1] == "perhaps ski"
    assert hit_json(hit, 1)["seen"] == ["ski"]
    assert found.notices == []


def test_a_caption_is_shown_in_its_place() -> None:
    hit = Hit(id="1", record_id="a", path="a.png", captions=("a slope",), seen=("ski",))
    assert "perhaps" not in "".join(found_lines(Found([hit])))


def test_another_name_or_caption_keeps_it(workspace: Workspace, pictures: Path) -> None:
    (pictures / "white.png").rename(pictures / "snow.png")
    (pictures / "metadata.jsonl").write_text(
        '{"image": "snow.png", "caption": "a slope"}\n{"image": "green.png", "caption": "a meadow"}'
    )
    assert workspace.ingest(pictures, "mine", offline=True, allow_removals=True).gone == 1
    assert paths(workspace, 'seen == "ski"') == ["snow.png"]
    assert paths(workspace, 'seen == "fig" and caption.contains("meadow")') == ["green.png"]


def test_that_nothing_comes_near_is_no_want_of_captions(workspace: Workspace) -> None:
    far = workspace.search("mine", Search("people ski down a mountain", min_score=0.99))
    assert (far.hits, far.notices) == ([], [])
    unsaid = workspace.search("mine", Search("people ski down a mountain", mode="text"))
    assert [notice.partition(": ")[2] for notice in unsaid.notices] == [
        "leave out --mode text, and lite0 looks for them on the pictures"
    ]
