"""Written files: what a user names is written whole, and nothing of theirs is written over."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from PIL import Image

from app.figures import write_figure
from app.model.errors import SettingsError
from app.model.settings import Settings
from app.workspace.page_file import PAGE_FILE_SUFFIXES as PAGE_SUFFIXES
from app.workspace.page_file import write_page
from app.written import check_target, is_ours, write_whole
from tests.pdfs import pdf

Sightline = Callable[..., Any]

Writer = Callable[..., object]


def figure(file: Path, *, force: bool = False) -> None:
    write_figure(Figure(), file, force=force)


def page(file: Path, *, force: bool = False) -> None:
    document = file.parent / "d.pdf"
    document.write_bytes(pdf("a page"))
    write_page(str(document), 1, Settings(), out=file, side=64, force=force)


WRITERS = [
    *[(figure, suffix) for suffix in (".png", ".jpg", ".jpeg", ".pdf", ".svg", ".PNG")],
    *[(page, suffix) for suffix in PAGE_SUFFIXES],
]


@pytest.mark.parametrize(("write", "suffix"), WRITERS)
def test_what_was_written_may_be_written_again(write: Writer, suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"out{suffix}"
    write(file)
    assert is_ours(file)
    write(file)
    file.write_bytes(b"theirs")
    with pytest.raises(SettingsError, match=r"Sightline did not make it; .* --force"):
        write(file)
    assert file.read_bytes() == b"theirs"
    write(file, force=True)
    assert is_ours(file)
    assert {each.name for each in tmp_path.iterdir()} - {"d.pdf"} <= {file.name, "home"}


@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_a_photo_and_an_empty_file_are_the_user_s_own(kind: str, tmp_path: Path) -> None:
    photo = tmp_path / f"photo.{kind}"
    Image.new("RGB", (640, 480)).save(photo)
    empty = tmp_path / f"empty.{kind}"
    empty.touch()
    for file in (photo, empty):
        before = file.read_bytes()
        with pytest.raises(SettingsError, match=f"{file.name} is there already"):
            figure(file)
        assert file.read_bytes() == before


@pytest.mark.parametrize("force", [False, True])
def test_links_pipes_and_folders_are_never_written_to(force: bool, tmp_path: Path) -> None:
    target = tmp_path / "theirs.png"
    figure(target)  # even if what it leads to is ours
    (tmp_path / "link.png").symlink_to(target)
    (tmp_path / "dangling.png").symlink_to(tmp_path / "absent.png")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    before = target.read_bytes()
    for name, says in {
        "link": "is a link",
        "dangling": "is a link",
        "loop": "is a link",
        "pipe": "it is not a file",
        "folder": "it is a folder",
    }.items():
        with pytest.raises(SettingsError, match=rf"{name}\.png .*{says}"):
            figure(tmp_path / f"{name}.png", force=force)
    assert target.read_bytes() == before
    assert not (tmp_path / "absent.png").exists()


def test_a_device_is_no_file() -> None:
    with pytest.raises(SettingsError, match="it is not a file"):
        check_target(Path("/dev/null"), [""], force=True)


def test_a_failure_leaves_what_was_there_and_nothing_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "out.png"
    figure(file)
    before = file.read_bytes()

    def fill(to: Path) -> None:
        to.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(SettingsError, match="cannot be written: No space left on device"):
        write_whole(file, fill)
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_has_the_mode_that_the_user_s_files_have(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        figure(tmp_path / "new.png")
        (tmp_path / "new.png").chmod(0o664)
        assert stat.S_IMODE((tmp_path / "new.png").stat().st_mode) == 0o664
        figure(tmp_path / "new.png")
        figure(tmp_path / "other.png")
    finally:
        os.umask(before)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert modes == {"new.png": 0o664, "other.png": 0o640}


# ---- the commands


@pytest.mark.parametrize(
    "command",
    [
        ("search", "a red square", "-c", "missing", "--figure"),
        ("ask", "Which is red?", "-c", "missing", "--figure"),
        ("outfit", "red.png", "-c", "missing", "--figure"),
        ("pages", "missing.pdf", "1", "--out"),
    ],
)
def test_a_target_is_refused_before_the_work(
    command: tuple[str, ...], tmp_path: Path, sightline: Sightline
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"theirs")
    ran = sightline(*command, photo)
    assert ran.code == 1
    assert f"{photo} is there already" in ran.err
    assert "--force" in ran.err
    assert "missing" in sightline(*command, photo, "--force").err  # then the work begins
    assert photo.read_bytes() == b"theirs"


def test_a_figure_can_be_drawn_again_by_the_same_command(
    squares: Path, tmp_path: Path, sightline: Sightline
) -> None:
    sightline("ingest", squares, "-c", "s", "--offline")
    command = ("search", "a red square", "-c", "s", "--figure", tmp_path / "hits.jpg")
    assert [sightline(*command).code for _ in range(2)] == [0, 0]
    photo = squares / "red.png"
    before = photo.read_bytes()
    assert sightline(*command[:-1], photo).code == 1
    assert photo.read_bytes() == before
    assert sightline(*command[:-1], photo, "--force").code == 0
    assert is_ours(photo)


def test_a_page_without_a_name_for_it_writes_over_nothing_either(
    tmp_path: Path, sightline: Sightline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("d.pdf").write_bytes(pdf("a page"))
    assert [sightline("pages", "d.pdf", "1").err for _ in range(2)] == ["wrote d-1.png\n"] * 2
    Path("d-1.png").write_bytes(b"theirs")
    assert "d-1.png is there already" in sightline("pages", "d.pdf", "1").err
    Path("d-1.png").unlink()
    Path("d-1.png").symlink_to("elsewhere.png")
    assert "d-1.png is a link" in sightline("pages", "d.pdf", "1", "--force").err
    assert not Path("elsewhere.png").exists()
