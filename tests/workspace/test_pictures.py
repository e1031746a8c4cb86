"""Pictures and thumbnails of records: upright, never enlarged, made once, kept within a bound."""

import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from app import Settings, Workspace
from app.model.errors import QueryError, SourceError
from tests.pdfs import pdf


def opened(webp: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(webp))
    assert image.format == "WEBP"
    return image


def kept(settings: Settings) -> list[Path]:
    return sorted(settings.home.rglob("*.webp"))


def ingested(folder: Path, settings: Settings) -> Workspace:
    workspace = Workspace(settings)
    workspace.ingest(folder, "mine", image="palette", text="minilm")
    return workspace


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A photograph that lies on its side, red at its top, and a small one."""
    folder = tmp_path / "photos"
    folder.mkdir()
    image = Image.new("RGB", (1600, 800), "blue")
    image.paste("red", (0, 0, 200, 800))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter clockwise to be upright: left becomes top
    image.save(folder / "large.jpg", exif=exif)
    Image.new("RGB", (100, 50), "green").save(folder / "small.png")
    return folder


def test_a_picture_is_the_file_itself(workspace: Workspace, squares: Path) -> None:
    assert workspace.picture("squares", "squares/red.png") == squares / "red.png"
    assert workspace.picture("squares", "red.png") == squares / "red.png"
    with pytest.raises(QueryError, match="neither a file nor a record"):
        workspace.picture("squares", "white.png")
    (squares / "red.png").unlink()
    with pytest.raises(SourceError, match="is not there"):
        workspace.picture("squares", "red.png")


def test_a_thumbnail_is_upright_and_never_enlarged(photos: Path, either_engine: Settings) -> None:
    with ingested(photos, either_engine) as workspace:
        large = opened(workspace.thumbnail("mine", "large.jpg"))
        assert large.size == (160, 320)
        assert large.getpixel((80, 5)) > (200, 0, 0)
        assert opened(workspace.thumbnail("mine", "large.jpg", 1024)).size == (512, 1024)
        assert opened(workspace.thumbnail("mine", "small.png", 1024)).size == (100, 50)
        with pytest.raises(QueryError, match="320 or 1,024 pixels, not 640"):
            workspace.thumbnail("mine", "small.png", 640)


def test_it_is_made_once_and_again_for_what_changed(photos: Path, settings: Settings) -> None:
    with ingested(photos, settings) as workspace:
        first = workspace.thumbnail("mine", "small.png")
        (made,) = kept(settings)
        assert made.stat().st_mode & 0o077 == 0
        made.write_bytes(b"kept")
        assert workspace.thumbnail("mine", "small.png") == b"kept"
        Image.new("RGB", (100, 50), "white").save(photos / "small.png")
        os.utime(photos / "small.png", (1, 1))
        assert workspace.thumbnail("mine", "small.png") not in (first, b"kept")


def test_what_is_kept_goes_with_the_record_and_the_collection(
    photos: Path, settings: Settings
) -> None:
    with ingested(photos, settings) as workspace:
        workspace.thumbnail("mine", "small.png")
        workspace.thumbnail("mine", "large.jpg", 1024)
        (photos / "large.jpg").unlink()
        workspace.ingest(photos, "mine", allow_removals=True)
        assert len(kept(settings)) == 1
        workspace.remove("mine")
        assert kept(settings) == []


def test_no_more_is_kept_than_the_bound_allows(
    photos: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.workspace.pictures.TRIM_EVERY", 1)
    monkeypatch.setattr("app.media.page_pictures.MAX_BYTES", 0)
    with ingested(photos, settings) as workspace:
        assert opened(workspace.thumbnail("mine", "small.png")).size == (100, 50)
        assert kept(settings) == []


def test_where_nothing_can_be_kept_it_is_made_each_time(
    photos: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("app.media.page_pictures.keep", refuse)
    with ingested(photos, settings) as workspace:
        assert opened(workspace.thumbnail("mine", "small.png")).size == (100, 50)


def test_a_page_is_shown_as_a_picture(tmp_path: Path, settings: Settings) -> None:
    folder = tmp_path / "shelf"
    folder.mkdir()
    (folder / "report.pdf").write_bytes(pdf("rain fell on 41 days"))
    with ingested(folder, settings) as workspace:
        picture = workspace.picture("mine", "report.pdf#page=1")
        assert picture.suffix == ".jpg"
        picture.unlink()  # it is drawn again
        assert max(opened(workspace.thumbnail("mine", "report.pdf#page=1")).size) == 320


def test_a_damaged_picture_is_told(photos: Path, processes: Settings) -> None:
    with ingested(photos, processes) as workspace:
        (photos / "small.png").write_bytes(b"no picture")
        with pytest.raises(SourceError, match=r"small\.png is not a picture of a known format"):
            workspace.thumbnail("mine", "small.png")


def test_threads_may_ask_for_one_at_once(photos: Path, settings: Settings) -> None:
    with ingested(photos, settings) as workspace, ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: workspace.thumbnail("mine", "large.jpg"), range(32)))
        assert len({*made}) == 1
        assert [file.name[0] == "." for file in kept(settings)] == [False]
