"""Sharing: a notebook that keeps an embedded collection open, and a terminal, both read it."""

import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest
from PIL import Image

from app.model.errors import CollectionBusyError, QueryError
from app.model.settings import Settings
from app.retrieval.search import Search, Searcher
from app.store.collection import open_collection
from app.store.engines import edge, lock
from app.store.engines.copies import readable_copy
from app.workspace import Workspace
from ingest import ingest
from tests.conftest import Run, make_squares

pytestmark = pytest.mark.skipif(not lock.CAN_SHARE, reason="locks cannot be shared on Windows")

NOTEBOOK = """
    import sys
    from app import Search, Searcher, Settings, open_collection

    with open_collection("squares", Settings()) as opened:
        searcher = Searcher(opened, Settings())
        for line in sys.stdin:
            print(searcher.search(Search(where="exists(caption)")).passing, flush=True)
"""


@pytest.fixture
def home(squares: Path, settings: Settings) -> Settings:
    ingest(squares, "squares", settings, image="palette", text="minilm")
    return settings


@contextmanager
def notebook() -> Iterator[subprocess.Popen[str]]:
    """Another process that has searched the collection, and keeps it open."""
    command = [sys.executable, "-c", textwrap.dedent(NOTEBOOK)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert answer(process) == 3
        yield process
        assert answer(process) == 3  # it was not disturbed
        process.stdin.close()


def answer(process: subprocess.Popen[str]) -> int:
    process.stdin.write("\n")
    process.stdin.flush()
    return int(process.stdout.readline())


def state(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_second_reader_gets_its_answer_beside_a_first(home: Settings, sightline: Run) -> None:
    with notebook():
        before = state(home.collections_folder / "squares")
        ran = sightline("search", "a red square", "-c", "squares", "--json")
        assert ran.json["hits"][0]["path"] == "red.png"
        assert state(home.collections_folder / "squares") == before


def test_two_handles_of_one_process_read_at_once(home: Settings) -> None:
    with open_collection("squares", home) as one, open_collection("squares", home) as other:
        assert (one.count(), other.count()) == (3, 3)
        assert Searcher(other, home).search(Search(words="red")).hits[0].path == "red.png"
        one.close()
        assert other.count() == 3


def test_a_writer_still_waits_for_a_reader_that_holds_it(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "WAIT_SECONDS", 0.2)
    with notebook() as other, pytest.raises(CollectionBusyError, match=rf"{other.pid}.*search"):
        open_collection("squares", home, purpose="write")


def test_a_reader_of_a_copy_keeps_no_writer_waiting(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_collection("squares", home) as one, open_collection("squares", home) as other:
        assert (one.count(), other.count()) == (3, 3)
        one.close()
        with open_collection("squares", home, purpose="write") as writing:
            writing.delete([id_ for _, id_ in writing.record_ids(None)][:1])
            assert (writing.count(), other.count()) == (2, 3)


def test_nothing_is_copied_while_it_is_written(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "COPY_SECONDS", 0.2)
    file = home.collections_folder / ".squares.lock"
    with lock.keep_still(file, "squares", changing=True):  # noqa: SIM117 - one after the other
        with pytest.raises(CollectionBusyError, match="written or copied"):
            with lock.keep_still(file, "squares", changing=False):
                pass
    with lock.keep_still(file, "squares", changing=False):
        with lock.keep_still(file, "squares", changing=False):
            pass
        with (
            pytest.raises(CollectionBusyError, match="written or copied"),
            lock.keep_still(file, "squares", changing=True, seconds=0.2),
        ):
            pass


def test_a_home_that_nobody_may_write_to_is_read(home: Settings) -> None:
    folder = home.collections_folder / "squares"
    for each in (*folder.rglob("*"), folder):
        each.chmod(0o500 if each.is_dir() else 0o400)
    with readable_copy(folder / "shard") as copy:
        assert copy is not None
        modes = {each.stat().st_mode & 0o700 for each in (copy, *copy.rglob("*"))}
    assert modes <= {0o600, 0o700}


def test_constant_readers_give_way_to_a_writer(home: Settings) -> None:
    ended = Event()

    def search(workspace: Workspace) -> int:
        while not ended.is_set():
            assert workspace.search("squares", "a red square").hits
        return 1

    with Workspace(home) as workspace, ThreadPoolExecutor(4) as pool:
        searching = [pool.submit(search, workspace) for _ in range(4)]
        try:
            for _ in range(3):
                open_collection("squares", home, purpose="write").close()
        finally:
            ended.set()
        assert [each.result() for each in searching] == [1] * 4


INGEST = """
    import sys
    from pathlib import Path
    from app import Settings
    from ingest import ingest

    for number in range(int(sys.argv[2])):
        folder = Path(sys.argv[1]) / f"more-{number}"
        settings = Settings(workers=0)
        ingest(folder, "squares", settings, image="palette", text="minilm")
    print("done")
"""


def test_an_ingest_keeps_no_search_waiting(home: Settings, tmp_path: Path) -> None:
    shades = {f"red-{depth}": (depth, 10, 10) for depth in range(0, 250, 25)}
    for number in range(5):
        make_squares(tmp_path / f"more-{number}", shades)
    command = [sys.executable, "-c", textwrap.dedent(INGEST), str(tmp_path), "5"]
    counts = []
    with subprocess.Popen(command, cwd=Path(__file__).parents[2]) as writing:
        while writing.poll() is None:
            with open_collection("squares", home) as opened:
                found = Searcher(opened, home).search(Search("a red square", where="shade != 'x'"))
                assert found.hits
                counts.append(found.passing)
    assert writing.returncode == 0
    with open_collection("squares", home) as opened:
        counts.append(opened.count())
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (3, 53)
    assert len(counts) > 4


def test_where_no_disk_has_room_for_a_copy_that_is_said(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.store.engines.copies._has_room", lambda folder, needed: False)
    with (
        open_collection("squares", home) as one,
        open_collection("squares", home) as other,
    ):
        assert one.count() == 3
        with pytest.raises(CollectionBusyError, match="no disk has room for a copy"):
            other.count()


def test_a_copy_of_which_a_file_vanishes_is_made_again(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge, "COPY_PAUSE_SECONDS", 0)
    copying, failed = edge.readable_copy, []

    @contextmanager
    def vanishing(shard: Path) -> Iterator[Path | None]:
        if len(failed) < missing:
            failed.append(shard)
            raise shutil.Error([(".atomicwriteerZPaj", "", "No such file or directory")])
        with copying(shard) as copy:
            yield copy

    monkeypatch.setattr(edge, "readable_copy", vanishing)
    with open_collection("squares", home) as one:
        assert one.count() == 3
        missing = 2
        with open_collection("squares", home) as other:
            assert other.count() == 3
        missing = 99
        with (
            open_collection("squares", home) as other,
            pytest.raises(CollectionBusyError, match=r"atomicwrite.*run the command again"),
        ):
            other.count()


def test_a_reader_does_not_close_while_it_is_copied(home: Settings) -> None:
    file = home.collections_folder / ".squares.lock"
    opened = open_collection("squares", home)
    assert opened.count() == 3
    closing = Thread(target=opened.close)
    with lock.keep_still(file, "squares", changing=False):
        closing.start()
        closing.join(0.5)
        assert closing.is_alive()
    closing.join()


def captioned(folder: Path, **shades: str) -> Path:
    """A folder of one grey square for each name, with a column `shade`."""
    folder.mkdir(exist_ok=True)
    for number, name in enumerate(shades):
        Image.new("RGB", (8, 8), (number, 90, 90)).save(folder / f"{name}.png")
    rows = [f"{name}.png,a {name} square,{shade}" for name, shade in shades.items()]
    (folder / "m.csv").write_text("\n".join(["image,caption,shade", *rows]))
    return folder


def test_a_filter_is_read_by_the_columns_there_are_when_it_is_searched_with(
    tmp_path: Path, settings: Settings
) -> None:
    folder = captioned(tmp_path / "greys", one="1", two="2")
    ingest(folder, "greys", settings, image="palette", text="minilm")
    with open_collection("greys", settings) as opened:
        searcher = Searcher(opened, settings)
        captioned(folder, one="1", two="dark")  # a column of numbers becomes one of words
        ingest(folder, "greys", settings, rebuild=True)
        with pytest.raises(QueryError, match="shade holds words"):
            searcher.search(Search("square", where="shade != 1"))


def test_a_search_knows_the_source_that_came_while_its_models_were_loaded(
    home: Settings, tmp_path: Path
) -> None:
    with open_collection("squares", home) as opened:
        folder = captioned(tmp_path / "greys", grey="dark")
        ingest(folder, "squares", home)
        (hit,) = Searcher(opened, home).search(Search("grey", top_k=1)).hits
        assert hit.file == folder / "grey.png"


def test_a_copy_has_the_columns_it_had_when_it_was_made(home: Settings, tmp_path: Path) -> None:
    with open_collection("squares", home) as one, open_collection("squares", home) as other:
        assert (one.count(), other.count()) == (3, 3)
        before = other.engine.read_manifest()
        one.close()
        ingest(captioned(tmp_path / "greys", grey="dark"), "squares", home)
        assert other.engine.read_manifest() == before
        assert one.engine.read_manifest() != before
