"""A home is its owner's alone, whoever made it, and however it was written to."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.media.private import make_private, secure_home, tighten
from app.model.settings import Settings
from app.retrieval.search import Search, Searcher
from app.store.collection import open_collection
from ingest import ingest
from tests.pdfs import pdf

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="modes are POSIX's"),
    # The stand-in has no payload indexes and says so; a real server has them.
    pytest.mark.filterwarnings("ignore:Payload indexes have no effect:UserWarning"),
]


@pytest.fixture(autouse=True)
def _usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def open_to_others(home: Path) -> list[str]:
    """What in a home, or of it, anybody but its owner may do something with."""
    return [str(path) for path in (home, *home.rglob("*")) if mode(path) & 0o077]


def with_page(folder: Path) -> Path:
    (folder / "report.pdf").write_bytes(pdf("a page"))
    return folder


def bring(folder: Path, settings: Settings) -> None:
    ingest(folder, "c", settings, image="palette", text="minilm")


def test_a_home_that_is_made_is_its_owner_s_alone(
    either_engine: Settings, squares: Path, tmp_path: Path
) -> None:
    settings = either_engine.model_copy(update={"home": tmp_path / "new" / "data" / "home"})
    bring(with_page(squares), settings)
    assert len(list(settings.home.rglob("*.jpg"))) == 1
    assert open_to_others(settings.home) == []
    assert mode(tmp_path / "new") == mode(settings.home) == 0o700


def test_a_search_leaves_nothing_open_either(squares: Path, settings: Settings) -> None:
    bring(with_page(squares), settings)
    next(settings.home.rglob("*.jpg")).unlink()
    with open_collection("c", settings) as opened:
        Searcher(opened, settings).search(Search("a page", top_k=1))
    assert list(settings.home.rglob("*.jpg")) != []  # drawn again
    assert open_to_others(settings.home) == []


def loosen(home: Path) -> None:
    for path in (home, *home.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def test_a_home_of_before_is_tightened_when_it_is_written_to(
    squares: Path, settings: Settings
) -> None:
    bring(with_page(squares), settings)
    ingest(squares, "other", settings, image="palette", text="minilm")
    loosen(settings.home)
    bring(squares, settings)
    assert open_to_others(settings.home) == []


def test_a_home_that_the_user_made_is_tightened_where_it_holds_nothing_else(
    squares: Path, settings: Settings
) -> None:
    settings.home.mkdir()
    bring(squares, settings)
    assert open_to_others(settings.home) == []


def test_a_folder_with_other_things_keeps_its_mode_and_ours_in_it_are_tightened(
    squares: Path, settings: Settings
) -> None:
    settings.home.mkdir()
    (settings.home / "notes.txt").touch()
    bring(squares, settings)
    loosen(settings.home)
    bring(squares, settings)
    assert mode(settings.home) == 0o755
    assert mode(settings.home / "notes.txt") == 0o644
    assert open_to_others(settings.home / "collections") == []


def test_a_home_that_a_group_shares_stays_shared(squares: Path, settings: Settings) -> None:
    os.umask(0o002)
    settings.home.mkdir()
    settings.home.chmod(0o2775)
    bring(with_page(squares), settings)
    assert mode(settings.home) == 0o2775
    for path in settings.home.rglob("*"):
        wanted = 0o2070 if path.is_dir() else 0o040
        assert mode(path) & wanted == wanted, path


def test_links_are_not_followed(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    (theirs / "deep").mkdir(parents=True)
    (tmp_path / "home" / "collections").mkdir(parents=True)
    (tmp_path / "home" / "collections" / "link").symlink_to(theirs)
    secure_home(tmp_path / "home")
    assert (mode(theirs), mode(theirs / "deep")) == (0o755, 0o755)


def test_a_home_that_cannot_be_tightened_can_be_read(
    squares: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(squares, settings)
    loosen(settings.home)

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuse)
    with open_collection("c", settings) as opened:
        assert opened.count() == 3


def test_nothing_is_made_where_nothing_is(
    settings: Settings, sightline: Callable[..., Any]
) -> None:
    assert sightline("remove", "c", "--yes").code == 1
    assert not settings.home.exists()


def test_a_folder_is_made_once(tmp_path: Path) -> None:
    make_private(tmp_path / "a" / "b")
    make_private(tmp_path / "a" / "b")
    (tmp_path / "a" / "b" / "file").touch()
    tighten(tmp_path / "a" / "b" / "file")
    assert mode(tmp_path / "a" / "b" / "file") == 0o600
