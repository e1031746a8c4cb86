"""The workspace: one way in, for a notebook, a script and threads, while others write."""

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from PIL import Image

from app import Search, Settings, Workspace, open_collection
from app.model.errors import CollectionMissingError, QueryError, SettingsError, SourceError
from app.model.report import Watch
from tests.conftest import COLOURS, make_squares
from tests.ollama_double import OllamaDouble
from tests.pdfs import pdf


def paths(workspace: Workspace, words: str = "", **asked: object) -> list[str]:
    return [hit.path for hit in workspace.search("squares", Search(words, **asked)).hits]


def test_words_a_picture_and_a_filter_find(workspace: Workspace, squares: Path) -> None:
    assert paths(workspace, "a red square")[0] == "red.png"
    assert paths(workspace, image=squares / "blue.png")[0] == "blue.png"
    assert paths(workspace, where='shade == "green"') == ["green.png"]
    found = workspace.search_many("squares", [Search("red", top_k=1), Search()])
    assert found[0].hits[0].path == "red.png"
    assert isinstance(found[1], QueryError)


def test_what_was_found_and_the_answer_come_together(workspace: Workspace, squares: Path) -> None:
    shown: list[object] = []
    with OllamaDouble(reply="A red square [1].") as ollama:
        settings = workspace.settings.model_copy(update={"ollama": ollama.url})
        with Workspace(settings) as asking:
            asked = Search(where='shade == "red"')
            found, said = asking.ask("squares", "Which is red?", asked, on_evidence=shown.append)
    assert [hit.path for hit in found.hits] == ["red.png"]
    assert (said.status, said.text, said.citations) == ("answered", "A red square [1].", (1,))
    assert shown == [said.evidence]


def test_a_record_a_description_and_a_list(workspace: Workspace) -> None:
    record = workspace.record("squares", "squares/red.png")
    assert (record.path, record.metadata["shade"]) == ("red.png", "red")
    assert workspace.record("squares", "red.png") == record
    with pytest.raises(QueryError, match="neither a file nor a record"):
        workspace.record("squares", "white.png")
    assert workspace.describe("squares")["records"] == 3
    assert workspace.collections() == [("squares", 3, "", False)]


def test_a_page_is_written_as_a_picture(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "report.pdf").write_bytes(pdf("rain fell on 41 days"))
    out = Workspace(settings).page(str(tmp_path / "report.pdf"), 1, out=tmp_path / "1.png", side=64)
    with Image.open(out) as picture:
        assert max(picture.size) == 64


def test_a_source_is_removed_and_then_the_collection(workspace: Workspace) -> None:
    assert paths(workspace, "square")
    assert workspace.remove("squares", "squares") == 3
    assert workspace.collections() == [("squares", 0, "", False)]
    assert workspace.remove("squares") is None
    with pytest.raises(CollectionMissingError):
        workspace.search("squares", Search("red"))


def test_it_finds_what_it_ingested_itself(workspace: Workspace, squares: Path) -> None:
    assert paths(workspace, where='shade == "red"') == ["red.png"]
    Image.new("RGB", (64, 64), "white").save(squares / "white.png")
    (squares / "metadata.json").unlink()
    assert workspace.ingest(squares, "squares", allow_removals=True).new == 1
    assert "white.png" in paths(workspace, image=squares / "white.png")


def test_nothing_is_printed(
    workspace: Workspace, capfd: pytest.CaptureFixture[str], squares: Path
) -> None:
    workspace.ingest(squares, "squares")
    workspace.search("squares", Search("red"))
    workspace.ask("squares", "red?")
    workspace.doctor()
    assert capfd.readouterr() == ("", "")


# ---- threads


def test_sixteen_threads_search_one_collection_at_once(workspace: Workspace, squares: Path) -> None:
    searches = [
        *(Search(f"a {name} square", top_k=1) for name in COLOURS),
        *(Search(image=squares / f"{name}.png", top_k=1) for name in COLOURS),
        *(Search(where=f'shade == "{name}"') for name in COLOURS),
    ] * 10
    expected = [f"{name}.png" for name in COLOURS] * 30

    def first(search: Search) -> str:
        return workspace.search("squares", search).hits[0].path

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(first, searches)) == expected


def test_threads_search_while_a_thread_ingests(workspace: Workspace, squares: Path) -> None:
    more = make_squares(squares.parent / "more", {"white": (255, 255, 255)})
    begun, ended = Event(), Event()

    def wait(_done: int, _total: int) -> None:
        begun.set()
        assert ended.wait(60)

    with ThreadPoolExecutor(8) as pool:
        found = [pool.submit(paths, workspace, "a red square", top_k=1) for _ in range(40)]
        ingested = pool.submit(workspace.ingest, more, "squares", watch=Watch(progress=wait))
        assert begun.wait(60)
        meanwhile = [pool.submit(paths, workspace, "a red square", top_k=1) for _ in range(40)]
        assert [each.result() for each in (*found, *meanwhile)] == [["red.png"]] * 80
        assert not ingested.done()
        ended.set()
        assert ingested.result().new == 1
    assert len(paths(workspace, "square", top_k=9)) == 4


def test_a_string_is_words_and_a_path_may_be_one(workspace: Workspace, squares: Path) -> None:
    assert workspace.search("squares", "a red square").hits[0].path == "red.png"
    picture = Search(image=str(squares / "blue.png"))
    assert workspace.search("squares", picture).hits[0].path == "blue.png"
    assert workspace.ingest(str(squares), "squares").unchanged == 3
    with pytest.raises(QueryError, match="a radius in km"):
        workspace.search("squares", Search("red", near=(1.3, 103.8)))


# ---- other processes


def test_once_it_is_idle_another_may_write(
    squares: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.workspace.IDLE_SECONDS", 0.05)
    with Workspace(settings) as reading, Workspace(settings) as writing:
        writing.ingest(squares, "squares", image="palette", text="minilm")
        assert paths(reading, "a red square")[0] == "red.png"
        more = make_squares(squares.parent / "more", {"white": (255, 255, 255)})
        assert writing.ingest(more, "squares").new == 1
        assert len(paths(reading, "square", top_k=9)) == 4


def test_what_another_brought_meanwhile_is_known(
    squares: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.workspace.IDLE_SECONDS", 0.05)
    with Workspace(settings) as reading, Workspace(settings) as writing:
        writing.ingest(squares, "squares", image="palette", text="minilm")
        assert paths(reading, "a red square")[0] == "red.png"
        time.sleep(0.3)
        more = make_squares(squares.parent / "more", {"white": (255, 255, 255)})
        rows = json.loads((more / "metadata.json").read_text())
        (more / "metadata.json").write_text(json.dumps([row | {"depth": 7} for row in rows]))
        writing.ingest(more, "squares")
        assert paths(reading, where="depth == 7") == ["white.png"]
        assert reading.record("squares", "more/white.png").path == "white.png"
        assert set(reading.describe("squares")["sources"]) == {"squares", "more"}


def test_a_copy_is_not_read_for_long(
    squares: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.store.engines.edge.COPY_AGE_SECONDS", 0.2)
    monkeypatch.setattr("app.store.engines.edge.COPY_AGE_FACTOR", 0.0)
    with Workspace(settings) as workspace:
        workspace.ingest(squares, "squares", image="palette", text="minilm")
        with open_collection("squares", settings, purpose="write") as writing:
            assert len(paths(workspace, "a square")) == 3  # of a copy
            writing.delete([id_ for _, id_ in writing.record_ids(None)][:1])
        deadline = time.monotonic() + 30
        while len(paths(workspace, "a square")) == 3:
            assert time.monotonic() < deadline


def test_once_who_writes_it_is_done_no_copy_is_read(
    squares: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.store.engines.edge.COPY_AGE_SECONDS", 1000.0)
    monkeypatch.setattr("app.store.engines.edge.LOOK_SECONDS", 0.1)
    with Workspace(settings) as workspace:
        workspace.ingest(squares, "squares", image="palette", text="minilm")
        with open_collection("squares", settings, purpose="write") as writing:
            assert len(paths(workspace, "a square")) == 3  # of a copy
            writing.delete([id_ for _, id_ in writing.record_ids(None)][:1])
            time.sleep(0.2)
            assert len(paths(workspace, "a square")) == 3
        time.sleep(0.2)
        paths(workspace, "a square")
        assert len(paths(workspace, "a square")) == 2


def test_after_it_is_closed_nothing_is_held(squares: Path, settings: Settings) -> None:
    workspace = Workspace(settings)
    workspace.ingest(squares, "squares", image="palette", text="minilm")
    workspace.close()
    assert paths(workspace, "a red square")[0] == "red.png"
    open_collection("squares", settings, purpose="write").close()


def test_an_interrupted_ingest_leaves_the_others_their_collection(
    squares: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Workspace(settings) as workspace:
        workspace.ingest(squares, "squares", image="palette", text="minilm")

        def interrupt(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr("ingest.pipeline.ingest", interrupt)
            with pytest.raises(KeyboardInterrupt):
                workspace.ingest(squares, "squares")
        assert paths(workspace, "a red square")[0] == "red.png"


def test_who_reads_it_may_write_it_in_the_same_thread(
    squares: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.workspace.held.LEAVE_SECONDS", 0.2)
    with Workspace(settings) as workspace:
        workspace.ingest(squares, "squares", image="palette", text="minilm")
        with workspace.reading("squares") as collection:
            assert workspace.ingest(squares, "squares").unchanged == 3
            assert collection.count() == 3
        with open_collection("squares", settings, purpose="write") as opened:
            assert opened.count() == 3  # nobody holds what was opened once more meanwhile


def test_what_another_made_anew_with_other_models_is_searched(
    squares: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.workspace.IDLE_SECONDS", 0.05)
    with Workspace(settings) as reading, Workspace(settings) as writing:
        writing.ingest(squares, "squares", image="palette", text="minilm")
        assert paths(reading, "a red square")[0] == "red.png"
        time.sleep(0.2)
        writing.remove("squares")
        monkeypatch.setattr("app.encoders.palette.Palette.model_id", "palette:other")
        other = make_squares(squares.parent / "other", {"white": (255, 255, 255)})
        writing.ingest(other, "squares", image="palette", text="minilm")
        assert paths(reading, "a white square") == ["white.png"]


def test_a_picture_that_is_no_picture_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(SourceError):
        workspace.search("squares", Search(image=tmp_path / "a.png"))


# ---- memory

SEARCHES = """
import sys
from pathlib import Path
from app import Search, Settings, Workspace

def resident() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

home, folder = map(Path, sys.argv[1:])
pictures = sorted(folder.glob("*.png"))
with Workspace(Settings(home=home)) as workspace:
    for number in range(1300):
        if number == 300:
            before = resident()
        search = [
            Search(f"a red square {number}"),
            Search(image=pictures[number % len(pictures)]),
            Search(where=f"brightness > {number % 7}"),
        ][number % 3]
        workspace.search("squares", search)
    print(resident() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="Linux tells what is resident")
def test_a_thousand_searches_take_no_more_memory(squares: Path, settings: Settings) -> None:
    with Workspace(settings) as workspace:
        workspace.ingest(squares, "squares", image="palette", text="minilm")
    ran = subprocess.run(
        [sys.executable, "-c", SEARCHES, str(settings.home), str(squares)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert float(ran.stdout) < 20


def test_offline_keeps_what_a_collection_was_made_with_if_that_needs_no_network(
    workspace: Workspace, squares: Path
) -> None:
    workspace.ingest(squares, "older", image="palette", text="minilm")
    told: list[str] = []
    again = workspace.ingest(squares, "older", offline=True, watch=Watch(notice=told.append))
    assert again.unchanged == 3
    assert any("--rebuild --offline makes it again with lite0, by which" in line for line in told)
    assert workspace.describe("older")["models"]["image"].startswith("palette")
    workspace.ingest(squares, "older", offline=True, rebuild=True)
    assert workspace.describe("older")["models"]["image"].startswith("lite0")
    with pytest.raises(SettingsError, match="leave out --image"):
        workspace.ingest(squares, "older", offline=True, image="palette")
