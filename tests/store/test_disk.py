"""Reading needs no writing: a home on a disk that is read-only or full, and what a full one allows.

The disks are real ones in memory, which only root can mount; without that the tests skip.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.model.settings import Settings
from app.store.collection import find_manifest
from app.store.engines import copies
from tests.conftest import Run

SIZE_MIB = 600


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    if not mounted("-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "tmpfs", place):
        pytest.skip("a disk can only be mounted by root")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def mounted(*options: object) -> bool:
    command = ["mount", *map(str, options)]
    return sys.platform == "linux" and not subprocess.run(command, capture_output=True).returncode


@pytest.fixture
def home(disk: Path, squares: Path, sightline: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home on that disk, with a collection of two sources."""
    monkeypatch.setenv("SIGHTLINE_HOME", str(disk / "home"))
    for label in ("one", "two"):
        arguments = (squares, "-c", "squares", "--offline", "--label", label)
        assert sightline("ingest", *arguments).code == 0
    return disk / "home"


def fill(disk: Path) -> None:
    """Leave not a byte."""
    with (disk / "filler").open("wb") as filler:
        try:
            for size in (1 << 20, 1 << 12):
                while True:
                    filler.write(bytes(size))
                    filler.flush()
        except OSError:
            pass
    with (disk / "filler-2").open("wb", buffering=0) as filler:
        try:
            while True:
                filler.write(bytes(64))
        except OSError:
            pass


READ = (
    ("search", "a green square", "-c", "squares", "-k", "1"),
    ("search", "-c", "squares", "--where", 'shade == "green"', "-k", "1"),
    ("info", "squares"),
    ("collections",),
)


@pytest.mark.parametrize("command", ["ingest", "remove"])
def test_a_read_only_home_that_is_to_be_written_to_is_named(
    command: str, disk: Path, home: Path, squares: Path, sightline: Run
) -> None:
    assert mounted("-o", "remount,ro", disk)
    arguments = {
        "ingest": ("ingest", squares, "-c", "new", "--offline"),
        "remove": ("remove", "squares", "--yes"),
    }
    ran = sightline(*arguments[command])
    assert ran.code == 1
    told = f"{home / 'collections'} cannot be written to: it is read only, or another's"
    assert f"{told}. Nothing was changed" in ran.err


def test_a_home_that_cannot_be_made_is_named(
    disk: Path, squares: Path, sightline: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mounted("-o", "remount,ro", disk)
    monkeypatch.setenv("SIGHTLINE_HOME", str(disk / "none"))
    ran = sightline("ingest", squares, "-c", "new", "--offline")
    assert ran.code == 1
    assert "cannot be written to: Read-only file system. Nothing was changed" in ran.err


def test_a_first_ingest_that_is_refused_leaves_no_folder(
    disk: Path, squares: Path, sightline: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGHTLINE_HOME", str(disk / "home"))
    fill(disk)
    ran = sightline("ingest", squares, "-c", "new", "--offline")
    assert (ran.code, "Nothing is lost" in ran.err) == (1, True)
    collections = disk / "home" / "collections"
    assert [each for each in collections.iterdir() if each.is_dir()] == []


@pytest.mark.parametrize("command", READ, ids=lambda command: " ".join(command[:2]))
def test_a_read_only_home_is_read(
    command: tuple[str, ...], disk: Path, home: Path, sightline: Run
) -> None:
    before = sightline(*command)
    assert mounted("-o", "remount,ro", disk)
    after = sightline(*command)
    assert (after.code, without_disk(after.out)) == (0, without_disk(before.out))


@pytest.mark.parametrize("command", READ, ids=lambda command: " ".join(command[:2]))
def test_a_home_on_a_full_disk_is_read(
    command: tuple[str, ...], disk: Path, home: Path, sightline: Run
) -> None:
    before = sightline(*command)
    fill(disk)
    after = sightline(*command)
    assert (after.code, without_disk(after.out)) == (0, without_disk(before.out))


def without_disk(text: str) -> str:
    """Leave out the size: on a disk in memory a hole in a file takes room once it is read."""
    return "\n".join(line for line in text.splitlines() if "MB on disk" not in line)


def test_a_copy_that_was_read_leaves_nothing(
    disk: Path, home: Path, sightline: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mounted("-o", "remount,ro", disk)
    place = tmp_path / "elsewhere"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    assert sightline(*READ[0]).code == 0
    assert list(place.iterdir()) == []


def test_a_copy_keeps_the_holes_of_files(tmp_path: Path) -> None:
    shard = tmp_path / "shard"
    shard.mkdir()
    with (shard / "chunk").open("wb") as file:
        file.truncate(64 << 20)
        file.seek(32 << 20)
        file.write(b"in the middle")
    (shard / "empty").touch()
    with copies.readable_copy(shard) as copy:
        assert copy is not None
        found = (copy / "chunk").stat()
        assert (found.st_size, (copy / "empty").stat().st_size) == (64 << 20, 0)
        assert found.st_blocks * 512 < 1 << 20
        assert (copy / "chunk").read_bytes() == (shard / "chunk").read_bytes()


def test_a_full_disk_can_be_freed(disk: Path, home: Path, sightline: Run) -> None:
    fill(disk)
    ran = sightline("remove", "squares", "--source", "two", "--yes")
    assert ran.code == 1
    assert "`sightline remove NAME` frees a whole collection, and needs no space" in ran.err
    assert sightline("info", "squares").code == 0
    assert sightline("remove", "squares", "--yes").code == 0
    assert sightline("collections", "--json").json == {"collections": []}


@pytest.mark.parametrize("free_mib", [0, 60, 200])
def test_a_rebuild_without_room_loses_nothing(
    free_mib: int, disk: Path, home: Path, squares: Path, sightline: Run
) -> None:
    before = sightline("search", "a green square", "-c", "squares").out
    fill(disk)
    with (disk / "filler").open("r+b") as filler:
        filler.truncate(filler.seek(0, 2) - (free_mib << 20))
    ran = sightline("ingest", squares, "-c", "squares", "--label", "one", "--rebuild")
    assert ran.code == 1
    assert "Nothing is lost: free some space and run the same command again" in ran.err
    assert sightline("search", "a green square", "-c", "squares").out == before
    (disk / "filler").unlink()
    ran = sightline("ingest", squares, "-c", "squares", "--label", "one", "--rebuild", "--json")
    assert ran.json["new"] == 6
    manifest = find_manifest("squares", Settings())
    assert manifest is not None
    assert sorted(manifest.sources) == ["one", "two"]
