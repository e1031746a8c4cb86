"""Unreadable: what could not be read is told each time, and read again only when it changed."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from app.model.settings import Settings
from app.store.collection import remove_collection, unreadable_folder
from ingest import Report, ingest, unreadable
from ingest.decode import Decoders
from ingest.loaders import pdf_pages
from tests.pdfs import pdf


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are decoded."""
    names: list[str] = []
    decode = Decoders.decode

    def noting(self: Decoders, wanted: Any) -> Any:
        found = list(wanted)
        names.extend(each.file.name for each in found)
        return decode(self, found)

    monkeypatch.setattr(Decoders, "decode", noting)
    return names


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of a picture, one that is cut off, and one that is none."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("whole", "cut"):
        Image.effect_noise((64, 64), 50).save(folder / f"{name}.png")
    (folder / "cut.png").write_bytes((folder / "cut.png").read_bytes()[:900])
    (folder / "none.png").write_text("no picture")
    return folder


def bring(folder: Path, settings: Settings, **options: Any) -> Report:
    return ingest(folder, "pictures", settings, image="palette", text="minilm", **options)


def memories(settings: Settings) -> list[Path]:
    return list(unreadable_folder("pictures", settings).glob("*"))


def test_what_could_not_be_read_is_told_again_and_not_read_again(
    pictures: Path, either_engine: Settings, opened: list[str]
) -> None:
    first = bring(pictures, either_engine)
    assert sorted(opened) == ["cut.png", "none.png", "whole.png"]
    opened.clear()
    for _ in range(2):
        again = bring(pictures, either_engine)
        assert (again.read, again.unchanged, again.gone) == (3, 1, 0)
        assert sorted(again.skipped, key=str) == sorted(first.skipped, key=str)
    assert opened == []


def test_a_file_that_changed_is_read_and_the_other_stays_known(
    pictures: Path, settings: Settings, opened: list[str]
) -> None:
    bring(pictures, settings)
    opened.clear()
    Image.new("RGB", (64, 64), "navy").save(pictures / "none.png")
    assert (bring(pictures, settings).new, opened) == (1, ["none.png"])
    opened.clear()
    bring(pictures, settings)
    assert opened == []


@pytest.mark.parametrize(
    "change",
    [
        lambda monkeypatch: monkeypatch.setattr(unreadable, "version", lambda _: "99"),
        lambda monkeypatch: monkeypatch.setattr(unreadable, "PIXELS", 99),
    ],
)
def test_another_decoder_reads_all_again(
    change: Any, pictures: Path, settings: Settings, opened: list[str], monkeypatch: Any
) -> None:
    bring(pictures, settings)
    opened.clear()
    change(monkeypatch)
    bring(pictures, settings)
    assert sorted(opened) == ["cut.png", "none.png"]


def test_a_higher_limit_reads_what_was_too_large(
    pictures: Path, settings: Settings, opened: list[str]
) -> None:
    tight = settings.model_copy(update={"max_megapixels": 0.001})
    assert {skip.code for skip in bring(pictures, tight).skipped} >= {"too_many_pixels"}
    assert bring(pictures, settings).new == 1


def test_a_rebuild_reads_all_again(pictures: Path, settings: Settings, opened: list[str]) -> None:
    bring(pictures, settings)
    opened.clear()
    bring(pictures, settings, rebuild=True)
    assert sorted(opened) == ["cut.png", "none.png", "whole.png"]


def test_a_picture_that_broke_leaves_and_is_not_read_again(
    pictures: Path, settings: Settings, opened: list[str]
) -> None:
    for number in range(9):
        Image.new("RGB", (64, 64), (20 * number, 0, 0)).save(pictures / f"{number}.png")
    bring(pictures, settings)
    (pictures / "3.png").write_text("broken since")
    assert bring(pictures, settings).gone == 1
    opened.clear()
    assert (bring(pictures, settings).gone, opened) == (0, [])


def test_a_document_that_cannot_be_opened_is_told_again_and_opened_when_it_changed(
    pictures: Path, either_engine: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []
    read = pdf_pages.read_document

    def noting(file: Path) -> Any:
        names.append(file.name)
        return read(file)

    monkeypatch.setattr(pdf_pages, "read_document", noting)
    broken = {"empty": b"", "locked": pdf("Page 1", password="x"), "pageless": pdf()}
    for name, content in broken.items():
        (pictures / f"{name}.pdf").write_bytes(content)
    first = bring(pictures, either_engine)
    assert sorted(names) == ["empty.pdf", "locked.pdf", "pageless.pdf"]
    names.clear()
    for _ in range(2):
        assert sorted(bring(pictures, either_engine).skipped, key=str) == sorted(
            first.skipped, key=str
        )
    assert names == []
    (pictures / "locked.pdf").write_bytes(pdf("Page 1"))
    assert (bring(pictures, either_engine).new, names) == (1, ["locked.pdf"])
    names.clear()
    bring(pictures, either_engine, rebuild=True)
    assert sorted(names) == ["empty.pdf", "locked.pdf", "pageless.pdf"]


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"read_by": 1}', "[" * 9999, '{"files": {"a": 1}}']
)
def test_a_memory_that_is_damaged_is_none(
    text: str, pictures: Path, settings: Settings, opened: list[str]
) -> None:
    bring(pictures, settings)
    opened.clear()
    (memory,) = memories(settings)
    memory.write_text(text)
    assert len(bring(pictures, settings).skipped) == 2
    assert sorted(opened) == ["cut.png", "none.png"]


def test_a_memory_with_another_code_is_none(pictures: Path, settings: Settings) -> None:
    bring(pictures, settings)
    (memory,) = memories(settings)
    kept = json.loads(memory.read_text())
    kept["files"]["whole.png"] = [[1, 2, 3, 4], "made_up", "it is mine"]
    memory.write_text(json.dumps(kept))
    assert unreadable.recall(memory, settings) == {}


@pytest.mark.parametrize(
    "entry",
    [
        *('[Infinity, 1, "broken_image", "x"]', '[1, 2, "broken_image", "x"]', "null", "7", '"x"'),
        *('[[Infinity, 1, 1, 1], "broken_image", "x"]', '[[1, 1e999, 1, 1], "broken_image", "x"]'),
        *('[[NaN, 1, 1, 1], "broken_image", "x"]', '[["1_0", 1, 1, 1], "broken_image", "x"]'),
        *('[[1, 1, 1], "broken_image", "x"]', '[[1, 1, 1, 1], ["broken_image"], "x"]'),
        *('[[1, 1, 1, 1], "broken_image", null]', '{"stamp": 1}', f"[{'9' * 5000}]"),
    ],
)
def test_a_memory_of_anything_that_json_can_hold_is_none(
    entry: str, tmp_path: Path, settings: Settings
) -> None:
    memory = tmp_path / "memory.json"
    read_by = json.dumps(unreadable._decoders(settings))
    memory.write_text(f'{{"read_by": {read_by}, "files": {{"a.png": {entry}}}}}')
    assert unreadable.recall(memory, settings) == {}


@pytest.mark.skipif(os.name != "posix", reason="only there it is kept when a file changed")
@pytest.mark.parametrize("in_place", [True, False])
def test_a_file_that_was_mended_is_read_though_size_and_time_are_as_before(
    in_place: bool, pictures: Path, settings: Settings
) -> None:
    broken, whole = pictures / "none.png", (pictures / "whole.png").read_bytes()
    broken.write_bytes(whole[:40] + bytes(len(whole) - 40))
    was = broken.stat()
    assert "none.png" in {skip.source for skip in bring(pictures, settings).skipped}
    if in_place:
        broken.write_bytes(whole)
    else:
        other = pictures.with_name("other")
        other.write_bytes(whole)
        other.replace(broken)
    os.utime(broken, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert bring(pictures, settings).new == 1


def test_the_memory_is_bounded_private_and_goes_with_the_collection(
    pictures: Path, settings: Settings, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unreadable, "MAX_FILES", 1)
    bring(pictures, settings)
    opened.clear()
    assert len(bring(pictures, settings).skipped) == 2
    assert len(opened) == 1
    (memory,) = memories(settings)
    assert os.name != "posix" or memory.stat().st_mode & 0o77 == 0
    remove_collection("pictures", settings)
    assert memories(settings) == []
