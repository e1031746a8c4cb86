"""Documents: every page that can be had comes in, once, and stays in step with its document."""

import os
import random
import shutil
import signal
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from app.encoders.palette import Palette
from app.media import isolated, page_pictures
from app.media.images import open_image
from app.model.errors import SourceError
from app.model.points import Point
from app.model.settings import Settings
from app.store.collection import open_collection, remove_collection
from app.workspace.describe import describe_collection
from ingest import Report, ingest
from ingest.decode import MAX_DEATHS, Decoders
from tests.ingest.test_pipeline import counts, start_ingest, stored, wait_for_points
from tests.pdfs import Page, pdf, stream, words_of
from tests.workers import decodes_in_a_hurry, makes_only_pixels

BOMB = Page(content=b"/X Do")
"""A page that draws a form, which draws itself twice, and so on."""


def bomb(*pages: Page | str) -> bytes:
    """A document in which such pages have what they need."""
    twice = (
        "/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 1000 0 R >> >>"
    )
    resources = "/XObject << /X 1000 0 R >>"
    return pdf(*pages, resources=resources, objects={1000: stream(b"/X Do /X Do", twice)})


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A folder with one document of five pages."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    (folder / "report.pdf").write_bytes(pdf(*words_of(5), title="A report"))
    return folder


def bring(path: Path, settings: Settings, **options: Any) -> Report:
    return ingest(path, "squares", settings, image="palette", text="minilm", **options)


def codes(report: Report) -> dict[str, str]:
    return {skip.source: skip.code for skip in report.skipped}


def kept(settings: Settings) -> list[Path]:
    """The pictures of pages that are kept, of all collections."""
    return sorted(settings.home.glob("pages/*/*/*"))


def vectors(points: dict[str, Point]) -> dict[str, Any]:
    return {record_id: point.vectors for record_id, point in points.items()}


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pictures are embedded at a time, by the writer: what decodes makes only pixels."""
    numbers: list[int] = []
    embed = Palette.embed_images

    def counted(self: Palette, images: Any) -> Any:
        numbers.append(len(images))
        return embed(self, images)

    monkeypatch.setattr("ingest.decode._decode_chunk", makes_only_pixels)
    monkeypatch.setattr(Palette, "embed_images", counted)
    return numbers


# ---- what comes in


def test_each_page_is_a_record_with_its_words_and_its_picture(
    shelf: Path, settings: Settings
) -> None:
    assert counts(bring(shelf, settings)) == (5, 0, 0, 0, 0)
    points = stored(settings)
    assert points.keys() == {f"shelf/report.pdf#page={n}" for n in range(1, 6)}
    second = points["shelf/report.pdf#page=2"]
    assert second.payload["captions"] == ["Page 2 as it was"]
    assert second.payload["page"] == 2
    assert second.payload["fields"] == {
        "document": "report.pdf",
        "page": 2.0,
        "title": "A report",
        "pages": 5.0,
    }
    with open_collection("squares", settings) as opened:
        record = opened.stored(second.payload)
        assert record.text == "Page 2 as it was"
        assert open_image(record.picture).size == (1086, 1536)
        assert opened.manifest.text_kind == "pages"


def test_documents_and_pictures_stand_side_by_side(shelf: Path, settings: Settings) -> None:
    Image.new("RGB", (40, 60), "red").save(shelf / "red.png")
    Image.new("RGB", (40, 60), "blue").save(shelf / "scan.pdf")
    assert counts(bring(shelf, settings)) == (7, 0, 0, 0, 0)
    scan = stored(settings)["shelf/scan.pdf#page=1"]
    assert scan.payload["captions"] == []
    assert scan.vectors.keys() == {"image"}


@pytest.mark.parametrize("name", ["notes.csv", "notes.json"])
def test_a_table_about_something_else_does_not_send_the_pictures_away(
    name: str, shelf: Path, settings: Settings
) -> None:
    Image.new("RGB", (40, 60), "red").save(shelf / "red.png")
    bring(shelf, settings)
    rows = "name,notes\nAnna,on holiday\n"
    (shelf / name).write_text(rows if name == "notes.csv" else '[{"name": "Anna", "notes": "x"}]')
    assert counts(bring(shelf, settings)) == (0, 0, 6, 0, 0)


def test_beside_documents_too_metadata_says_which_pictures_count(
    shelf: Path, settings: Settings
) -> None:
    for colour in ("red", "blue"):
        Image.new("RGB", (40, 60), colour).save(shelf / f"{colour}.png")
    (shelf / "named.csv").write_text("file,caption\nred.png,a square\n")
    (shelf / "notes.csv").write_text("name,notes\nAnna,on holiday\n")
    assert counts(bring(shelf, settings)) == (6, 0, 0, 0, 0)
    assert "shelf/blue.png" not in stored(settings)


def test_a_document_that_cannot_be_opened_is_named_once_also_where_a_row_names_it(
    shelf: Path, settings: Settings
) -> None:
    Image.new("RGB", (40, 60), "red").save(shelf / "red.png")
    (shelf / "empty.pdf").write_bytes(b"")
    (shelf / "pageless.pdf").write_bytes(pdf())
    (shelf / "m.csv").write_text(
        "file,caption\nred.png,a square\nempty.pdf,a report\npageless.pdf,another\n"
    )
    (shelf / "dataset.toml").write_text('image = "file"')
    report = bring(shelf, settings)
    assert counts(report) == (6, 0, 0, 2, 0)
    assert codes(report) == {"empty.pdf": "empty_file", "pageless.pdf": "damaged_pdf"}


def test_one_document_alone_is_a_source(shelf: Path, settings: Settings) -> None:
    assert counts(bring(shelf / "report.pdf", settings)) == (5, 0, 0, 0, 0)
    assert "report/report.pdf#page=1" in stored(settings)


def test_what_is_no_document_is_told_and_costs_no_other_anything(
    shelf: Path, settings: Settings
) -> None:
    outside = shelf.parent / "outside.pdf"
    outside.write_bytes(pdf("not in the shelf"))
    (shelf / "linked.pdf").symlink_to(outside)
    (shelf / "lost.pdf").symlink_to("nothing.pdf")
    (shelf / "empty.pdf").touch()
    (shelf / "text.pdf").write_text("a text")
    (shelf / "cut.pdf").write_bytes(pdf("cut off")[:200])
    (shelf / "locked.pdf").write_bytes(pdf("locked", password="secret"))
    (shelf / "none.pdf").write_bytes(pdf())
    (shelf / "really.jpg").write_bytes(pdf("a document called a picture"))
    Image.new("RGB", (9, 9), "red").save(shelf / "photo.pdf", "JPEG")
    os.mkfifo(shelf / "pipe.pdf")
    (shelf / "folder.pdf").mkdir()
    (shelf / "folder.pdf" / "inner.pdf").write_bytes(pdf("within"))
    with zipfile.ZipFile(shelf / "more.zip", "w") as archive:
        archive.writestr("zipped.pdf", pdf("zipped"))
    report = bring(shelf, settings)
    assert codes(report) == {
        "linked.pdf": "path_outside_root",
        "lost.pdf": "missing_picture",
        "empty.pdf": "empty_file",
        "text.pdf": "not_a_pdf",
        "cut.pdf": "damaged_pdf",
        "locked.pdf": "encrypted_pdf",
        "none.pdf": "damaged_pdf",
        "really.jpg": "not_an_image",
        "photo.pdf": "not_a_pdf",
        "pipe.pdf": "not_a_picture",
    }
    reasons = {skip.source: skip.reason for skip in report.skipped}
    assert reasons["really.jpg"].endswith("a PDF; call it .pdf")
    assert reasons["locked.pdf"] == "the document needs a password; save a copy without one"
    assert report.new == 6
    assert "shelf/folder.pdf/inner.pdf#page=1" in stored(settings)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "one.pdf: it has no bytes"),
        (
            b"a text",
            "one.pdf: it is called .pdf but is not a PDF; give it the ending of what it is",
        ),
        (pdf("x", password="x"), "one.pdf: the document needs a password; save a copy without one"),
    ],
)
def test_a_document_that_is_no_source_is_named(
    content: bytes, told: str, shelf: Path, settings: Settings
) -> None:
    (shelf / "one.pdf").write_bytes(content)
    with pytest.raises(SourceError) as caught:
        bring(shelf / "one.pdf", settings)
    assert str(caught.value) == told


def test_a_document_called_a_picture_is_read_when_it_is_named(
    shelf: Path, settings: Settings
) -> None:
    (shelf / "really.jpg").write_bytes(pdf("a document called a picture"))
    assert counts(bring(shelf / "really.jpg", settings)) == (1, 0, 0, 0, 0)


def test_an_archive_of_documents_is_no_source(shelf: Path, settings: Settings) -> None:
    with zipfile.ZipFile(shelf / "more.zip", "w") as archive:
        archive.writestr("zipped.pdf", pdf("zipped"))
    with pytest.raises(SourceError, match=r"more\.zip is neither"):
        bring(shelf / "more.zip", settings)


@pytest.mark.parametrize("becomes", ["nothing", "a folder", "text", "shorter"])
def test_a_document_that_changes_under_the_ingest_loses_what_is_no_longer_there(
    becomes: str, shelf: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    prey = shelf / "prey.pdf"
    prey.write_bytes(pdf("one", "two"))
    decode = Decoders.decode

    def swap_then_decode(self: Decoders, wanted: Any) -> Any:
        wanted = list(wanted)
        prey.unlink()
        if becomes == "a folder":
            prey.mkdir()
        elif becomes != "nothing":
            prey.write_bytes(pdf("one") if becomes == "shorter" else b"a text")
        return decode(self, wanted)

    monkeypatch.setattr(Decoders, "decode", swap_then_decode)
    expected = {"nothing": "missing_file", "a folder": "unreadable_file", "text": "not_a_pdf"}
    report = bring(shelf, settings)
    code = expected.get(becomes, "no_such_page")
    lost = [2] if becomes == "shorter" else [1, 2]
    assert codes(report) == {f"prey.pdf#page={n}": code for n in lost}
    assert report.new == 5 + 2 - len(lost)


def test_pages_that_take_too_much_are_told_and_the_others_come_in(
    shelf: Path, processes: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shelf / "hostile.pdf").write_bytes(bomb("first", BOMB, "third"))
    hurry(monkeypatch)
    report = bring(shelf, processes)
    assert codes(report) == {"hostile.pdf#page=2": "decoder_crashed"}
    assert "more than 0.5 s of processor time" in report.skipped[0].reason
    assert report.new == 7


def test_a_document_of_such_pages_is_left_out_after_some(
    shelf: Path, processes: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shelf / "hostile.pdf").write_bytes(bomb("first", *[BOMB] * 17, "last"))
    hurry(monkeypatch)
    report = bring(shelf, processes)
    reasons = [skip.reason for skip in report.skipped]
    assert len(reasons) == 18
    assert sum("the rest was left out" in reason for reason in reasons) == 18 - MAX_DEATHS
    assert report.new == 6


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every file half a second, here and in the workers."""
    isolated.call(int)  # started
    monkeypatch.setattr(isolated, "MAX_SECONDS", 0.5)
    monkeypatch.setattr("ingest.decode._decode_chunk", decodes_in_a_hurry)


# ---- in step


def test_the_same_again_changes_nothing_and_opens_no_page(
    shelf: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(shelf, settings)
    before = stored(settings)
    monkeypatch.setattr(Decoders, "_send", None)
    monkeypatch.setattr("ingest.pipeline.content_hash", None)
    assert counts(bring(shelf, settings)) == (0, 0, 5, 0, 0)
    assert stored(settings) == before


def test_a_touched_document_is_unchanged_and_its_time_is_noted(
    shelf: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(shelf, settings)
    os.utime(shelf / "report.pdf", ns=(1, 1_000_000_000))
    monkeypatch.setattr(Decoders, "_send", None)
    assert counts(bring(shelf, settings)) == (0, 0, 5, 0, 0)
    times = {point.payload["mtime_ns"] for point in stored(settings).values()}
    assert times == {1_000_000_000}


def test_of_a_changed_document_only_the_changed_page_is_embedded(
    shelf: Path, settings: Settings, embedded: list[int]
) -> None:
    bring(shelf, settings)
    before = stored(settings)
    embedded.clear()
    (shelf / "report.pdf").write_bytes(pdf(*words_of(5, changed=[3]), title="A report"))
    assert counts(bring(shelf, settings)) == (0, 1, 4, 0, 0)
    assert sum(embedded) == 1
    after = stored(settings)
    third = "shelf/report.pdf#page=3"
    assert after[third].payload["captions"] == ["Page 3 changed"]
    del before[third], after[third]
    assert vectors(after) == vectors(before)
    assert len(kept(settings)) == 5


def test_of_pages_that_move_up_none_is_embedded_again(
    shelf: Path, settings: Settings, embedded: list[int]
) -> None:
    bring(shelf, settings)
    before = stored(settings)
    embedded.clear()
    words = words_of(5)
    (shelf / "report.pdf").write_bytes(pdf(*words[:2], "put in", *words[2:], title="A report"))
    assert counts(bring(shelf, settings)) == (1, 3, 2, 0, 0)
    assert sum(embedded) == 1
    after = stored(settings)
    for n in (3, 4, 5):
        moved = after[f"shelf/report.pdf#page={n + 1}"]
        assert moved.vectors == before[f"shelf/report.pdf#page={n}"].vectors
        assert moved.payload["captions"] == [words[n - 1]]


def test_a_renamed_document_is_not_drawn_again(
    shelf: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(shelf, settings)
    before = stored(settings)
    (shelf / "report.pdf").rename(shelf / "final.pdf")
    monkeypatch.setattr(Decoders, "_send", None)
    monkeypatch.setattr("app.media.page_pictures.restore", None)
    assert counts(bring(shelf, settings)) == (5, 0, 0, 0, 5)
    after = stored(settings)
    for n in range(1, 6):
        one, other = after[f"shelf/final.pdf#page={n}"], before[f"shelf/report.pdf#page={n}"]
        assert one.vectors == other.vectors
        assert one.payload["captions"] == other.payload["captions"]
        assert one.payload["fields"]["document"] == "final.pdf"
    assert len(kept(settings)) == 5


def test_two_copies_of_a_document_that_change_alike_stay_two(
    shelf: Path, settings: Settings
) -> None:
    shutil.copy(shelf / "report.pdf", shelf / "copy.pdf")
    bring(shelf, settings)
    for name in ("a new one", "copy", "report"):
        (shelf / f"{name}.pdf").write_bytes(pdf(*words_of(5, changed=[1]), title="A report"))
    assert counts(bring(shelf, settings)) == (5, 2, 8, 0, 0)


def test_a_deleted_document_goes_with_its_pictures(shelf: Path, settings: Settings) -> None:
    (shelf / "short.pdf").write_bytes(pdf("short"))
    bring(shelf, settings)
    assert len(kept(settings)) == 6
    (shelf / "short.pdf").unlink()
    assert counts(bring(shelf, settings)) == (0, 0, 5, 0, 1)
    assert len(kept(settings)) == 5


def test_a_page_that_broke_is_a_skip_and_leaves(shelf: Path, settings: Settings) -> None:
    (shelf / "long.pdf").write_bytes(pdf(*words_of(20)))
    bring(shelf, settings)
    whole = (shelf / "report.pdf").read_bytes()
    (shelf / "report.pdf").write_bytes(whole.replace(b"/Kids [4 0 R", b"/Kids [1 0 R"))
    report = bring(shelf, settings)
    assert codes(report) == {"report.pdf#page=1": "damaged_page"}
    assert counts(report) == (0, 0, 24, 1, 1)


def test_killed_anywhere_and_run_again_it_ends_in_the_same_collection(tmp_path: Path) -> None:
    folder = tmp_path / "shelf"
    folder.mkdir()
    for name in "abc":
        (folder / f"{name}.pdf").write_bytes(pdf(*(f"{name} {word}" for word in words_of(10))))
    start_ingest(folder, tmp_path / "unbroken").communicate()
    process = start_ingest(folder, tmp_path / "broken")
    wait_for_points(tmp_path / "broken", process)
    time.sleep(random.Random(3).random() * 0.7)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    start_ingest(folder, tmp_path / "broken").communicate()
    unbroken = stored(Settings(home=tmp_path / "unbroken"))
    broken = stored(Settings(home=tmp_path / "broken"))
    assert len(unbroken) == 30
    assert {key: point.payload for key, point in broken.items()} == {
        key: point.payload for key, point in unbroken.items()
    }
    for key, point in unbroken.items():
        assert broken[key].vectors["image"] == pytest.approx(point.vectors["image"], abs=1e-5)
    assert [file.name for file in kept(Settings(home=tmp_path / "broken"))] == [
        file.name for file in kept(Settings(home=tmp_path / "unbroken"))
    ]


# ---- the pictures of pages


def show(settings: Settings, page: int) -> Path:
    """Where the picture of a page of the report is, as a search finds it."""
    with open_collection("squares", settings) as opened:
        point = stored_in(opened)[f"shelf/report.pdf#page={page}"]
        return opened.stored(point.payload).picture


def stored_in(opened: Any) -> dict[str, Point]:
    ids = [id_ for _, id_ in opened.record_ids(None)]
    return {point.payload["record_id"]: point for point in opened.fetch(ids).values()}


def test_a_page_of_a_document_that_changed_or_went_is_told_to_be_as_it_was(
    shelf: Path, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    bring(shelf, settings)
    show(settings, 2)
    assert caplog.messages == []
    (shelf / "report.pdf").write_bytes(pdf(*words_of(5, changed=[2])))
    show(settings, 2)
    (shelf / "report.pdf").unlink()
    show(settings, 2)
    told = "report.pdf, page 2 is shown as it was ingested: the document"
    assert caplog.messages == [f"{told} has changed since", f"{told} is gone since"]


def test_a_picture_that_was_lost_is_drawn_again_as_it_was(shelf: Path, settings: Settings) -> None:
    bring(shelf, settings)
    before = {file: file.read_bytes() for file in kept(settings)}
    shutil.rmtree(settings.home / "pages")
    for page in range(1, 6):
        assert show(settings, page).is_file()
    assert {file: file.read_bytes() for file in kept(settings)} == before


@pytest.mark.parametrize("becomes", ["another", "nothing", "hostile"])
def test_a_picture_of_a_document_that_is_another_now_is_not_shown(
    becomes: str,
    shelf: Path,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    bring(shelf, settings)
    shutil.rmtree(settings.home / "pages")
    (shelf / "report.pdf").unlink()
    if becomes != "nothing":
        (shelf / "report.pdf").write_bytes(pdf("another") if becomes == "another" else bomb(BOMB))
    assert not show(settings, 1).exists()
    expected = "No such file" if becomes == "nothing" else "it has changed since; ingest it again"
    assert f"report.pdf, page 1 cannot be shown: {expected}" in caplog.text.replace(
        "[Errno 2] ", ""
    )


def test_a_touched_document_is_still_shown(shelf: Path, settings: Settings) -> None:
    bring(shelf, settings)
    shutil.rmtree(settings.home / "pages")
    os.utime(shelf / "report.pdf")
    assert show(settings, 1).is_file()


def test_pictures_keep_within_their_limit_and_those_used_last_stay(
    shelf: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(shelf, settings)
    for seconds, file in enumerate(kept(settings)):
        os.utime(file, (seconds, seconds))
    used = show(settings, 3)
    size = max(file.stat().st_size for file in kept(settings))
    page_pictures.trim(used.parent, 2 * size)
    assert used in kept(settings)
    assert len(kept(settings)) == 2
    monkeypatch.setattr(page_pictures, "MAX_BYTES", 3 * size)
    (shelf / "long.pdf").write_bytes(pdf(*words_of(12)))
    bring(shelf, settings)
    assert 0 < sum(file.stat().st_size for file in kept(settings)) <= 3 * size


def test_what_a_killed_process_left_unfinished_goes_in_time(
    shelf: Path, settings: Settings
) -> None:
    bring(shelf, settings)
    folder = kept(settings)[0].parent
    old, new = folder / ".old.jpg.1", folder / ".new.jpg.2"
    for file in (old, new):
        file.touch()
    os.utime(old, (1, 1))
    bring(shelf, settings)
    assert not old.exists()
    assert new.exists()


def test_pictures_count_as_disk_and_go_with_their_collection(
    shelf: Path, settings: Settings
) -> None:
    bring(shelf, settings)
    with open_collection("squares", settings) as opened:
        with_pictures = opened.size_bytes() or 0
        assert describe_collection(opened)["disk_mb"] == round(with_pictures / 1e6, 1)
        pictures = sum(file.stat().st_size for file in kept(settings))
        shutil.rmtree(opened.pages)
        assert (opened.size_bytes() or 0) == with_pictures - pictures
    bring(shelf, settings)
    show(settings, 1)
    remove_collection("squares", settings)
    assert kept(settings) == []


def test_a_folder_that_takes_no_pictures_costs_only_those(shelf: Path, settings: Settings) -> None:
    (settings.home / "pages").mkdir(parents=True)
    (settings.home / "pages" / page_folder(settings)).write_text("in the way")
    assert counts(bring(shelf, settings)) == (5, 0, 0, 0, 0)


def page_folder(settings: Settings) -> str:
    from app.store.collection import _pages

    return _pages("squares", settings).parent.name
