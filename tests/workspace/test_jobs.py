"""Jobs: an ingest in a process of its own, which may fail, be cancelled or be killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from app import Search, Settings, Workspace
from app.model.errors import CollectionMismatchError, SightlineError, SourceError
from app.workspace.jobs import Job
from tests.conftest import make_squares
from tests.workspace.conftest import make_rows

ROOT = Path(__file__).parents[2]

SECONDS = 120.0


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A folder of more pictures than are stored at once."""
    return make_rows(tmp_path / "many", [{"caption": f"square {n}"} for n in range(400)])


def started(workspace: Workspace, folder: Path, collection: str = "mine", **asked: bool) -> Job:
    return workspace.start_ingest(folder, collection, image="palette", text="minilm", **asked)


def until(is_so: Callable[[], object]) -> None:
    end = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def until_some_are_in(job: Job) -> None:
    until(lambda: job.progress.done > 0 or job.wait(0))
    assert job.state == "running"


def test_a_job_ingests_and_reports(either_engine: Settings, squares: Path) -> None:
    (squares / "red.png").write_bytes(b"")
    with Workspace(either_engine) as workspace:
        job = started(workspace, squares, "squares")
        assert (job.state, job.report, job.error) == ("running", None, None)
        assert workspace.jobs() == [job]
        assert job.wait(SECONDS)
        assert (job.state, job.error, job.collection) == ("done", None, "squares")
        assert job.report is not None
        assert (job.report.read, job.report.new, job.report.interrupted) == (3, 2, False)
        assert [(skip.source, skip.code) for skip in job.report.skipped] == [
            ("red.png", "empty_file")
        ]
        assert job.step == "making it fast to search"
        assert any("guessed" in notice for notice in job.notices)
        assert workspace.search("squares", Search("a blue square")).hits[0].path == "blue.png"


def test_what_it_fails_of_is_the_same_error(workspace: Workspace, squares: Path) -> None:
    wrong = workspace.start_ingest(squares, "squares", image="clip")
    missing = workspace.start_ingest(squares / "nowhere", "squares")
    assert wrong.wait(SECONDS)
    assert missing.wait(SECONDS)
    assert (wrong.state, missing.state) == ("failed", "failed")
    with pytest.raises(CollectionMismatchError) as same:
        workspace.ingest(squares, "squares", image="clip")
    assert (type(wrong.error), str(wrong.error)) == (CollectionMismatchError, str(same.value))
    with pytest.raises(SourceError) as same_source:
        workspace.ingest(squares / "nowhere", "squares")
    assert isinstance(missing.error, SourceError)
    assert (missing.error.code, str(missing.error)) == (
        same_source.value.code,
        str(same_source.value),
    )


def test_a_cancelled_one_keeps_what_is_in_and_the_next_goes_on(
    either_engine: Settings, many: Path
) -> None:
    with Workspace(either_engine) as workspace:
        job = started(workspace, many)
        until_some_are_in(job)
        assert (job.step, job.progress.total) == ("reading and embedding", 400)
        assert job.progress.rate > 0
        job.cancel()
        job.cancel()
        assert job.wait(SECONDS)
        assert (job.state, job.error) == ("cancelled", None)
        assert job.report is not None
        assert job.report.interrupted
        is_in = job.report.new
        assert 0 < is_in < 400
        assert workspace.describe("mine")["records"] == is_in
        job = started(workspace, many)
        assert job.wait(SECONDS)
        assert job.report is not None
        assert (job.report.new, job.report.unchanged) == (400 - is_in, is_in)


def test_one_that_is_killed_takes_nothing_along(either_engine: Settings, many: Path) -> None:
    with Workspace(either_engine) as workspace:
        job = started(workspace, many)
        until_some_are_in(job)
        os.kill(job.pid, signal.SIGKILL)
        assert job.wait(SECONDS)
        assert (job.state, job.report) == ("failed", None)
        assert str(job.error) == (
            f"the process that ingested {many} was ended by SIGKILL (memory may have run out);"
            " nothing stored is lost, and the same command goes on from there"
        )
        is_in = workspace.describe("mine")["records"]
        assert 0 < is_in < 400
        assert workspace.search("mine", Search(where='caption.contains("square")')).hits


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="Linux lists processes so")
def test_the_processes_that_read_its_files_end_with_it(processes: Settings, many: Path) -> None:
    with Workspace(processes) as workspace:
        job = started(workspace, many)
        until_some_are_in(job)
        tasks = Path(f"/proc/{job.pid}/task").glob("*/children")
        readers = [int(pid) for task in tasks for pid in task.read_text().split()]
        assert len(readers) >= 2
        os.kill(job.pid, signal.SIGKILL)
        assert job.wait(SECONDS)
    until(lambda: all(map(is_gone, readers)))


def test_a_rebuild_that_is_killed_leaves_what_was_there(settings: Settings, many: Path) -> None:
    with Workspace(settings) as workspace:
        assert started(workspace, many).wait(SECONDS)
        job = started(workspace, many, rebuild=True)
        until_some_are_in(job)
        os.kill(job.pid, signal.SIGBUS)
        assert job.wait(SECONDS)
        assert "SIGBUS (the disk may be full); the collection is as it was" in str(job.error)
        assert workspace.describe("mine")["records"] == 400


def test_threads_search_while_it_runs(either_engine: Settings, squares: Path, many: Path) -> None:
    with Workspace(either_engine) as workspace:
        workspace.ingest(squares, "squares", image="palette", text="minilm")
        job = started(workspace, many, "squares")
        searches = 0
        while not job.wait(0):
            assert workspace.search("squares", Search("a red square")).hits[0].path == "red.png"
            searches += 1
        assert searches > 3
        assert job.report is not None
        assert job.report.new == 400
        assert workspace.search("squares", Search(where='caption.contains("9")')).passing == 1


def test_a_workspace_that_closes_ends_its_jobs(settings: Settings, many: Path) -> None:
    with Workspace(settings) as workspace:
        job = started(workspace, many)
        until_some_are_in(job)
    assert job.state == "cancelled"
    with pytest.raises(ProcessLookupError):
        os.kill(job.pid, 0)


def test_a_closed_workspace_starts_none(settings: Settings, many: Path) -> None:
    workspace = Workspace(settings)
    workspace.close()
    with pytest.raises(SightlineError, match="is closed"):
        workspace.start_ingest(many, "many")


def test_one_that_does_not_end_is_killed(
    settings: Settings, many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.workspace.jobs.END_SECONDS", 0.2)
    with Workspace(settings) as workspace:
        job = started(workspace, many)
        until_some_are_in(job)
        os.kill(job.pid, signal.SIGSTOP)
    assert job.wait(SECONDS)
    assert job.state == "failed"
    assert "did not end within 0.2 s, and was killed; nothing stored is lost" in str(job.error)


PARENT = """
import sys, time
from app import Settings, Workspace

workspace = Workspace(Settings(home=sys.argv[1]))
job = workspace.start_ingest(sys.argv[2], "mine", image="palette", text="minilm")
while not job.progress.done:
    time.sleep(0.01)
print(job.pid, flush=True)
time.sleep(600)
"""


def test_it_ends_when_the_process_that_began_it_is_gone(settings: Settings, many: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(settings.home), str(many)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()

    until(lambda: is_gone(pid))
    with Workspace(settings) as workspace:
        assert 0 < workspace.describe("mine")["records"] < 400
        assert workspace.ingest(many, "mine").interrupted is False


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="Linux shows command lines")
def test_no_key_stands_on_its_command_line(settings: Settings, many: Path) -> None:
    key = "key-8c1f"
    settings = settings.model_copy(update={"vision_api_key": SecretStr(key)})
    with Workspace(settings) as workspace:
        job = started(workspace, many)
        until_some_are_in(job)
        proc = Path(f"/proc/{job.pid}")
        assert b"ingest_job" in (proc / "cmdline").read_bytes()
        assert key.encode() not in (proc / "cmdline").read_bytes()
        assert key.encode() not in (proc / "environ").read_bytes()


def test_nothing_is_printed(
    settings: Settings, squares: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with Workspace(settings) as workspace:
        assert started(workspace, squares).wait(SECONDS)
    assert capfd.readouterr() == ("", "")


def test_the_last_that_ended_are_remembered(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.workspace.jobs.MAX_ENDED", 1)
    folder = make_squares(tmp_path / "one", {"white": (255, 255, 255)})
    with Workspace(settings) as workspace:
        jobs = []
        for _ in range(3):
            jobs.append(started(workspace, folder))
            assert jobs[-1].wait(SECONDS)
        assert workspace.jobs() == jobs[:0:-1]
        assert len({job.id for job in jobs}) == 3


def test_an_error_that_is_a_bug_is_told(settings: Settings, squares: Path) -> None:
    with Workspace(settings) as workspace:
        job = workspace.start_ingest(squares, "mine", image=7)  # type: ignore[arg-type]
        assert job.wait(SECONDS)
        assert type(job.error) is SightlineError
        assert "this is a bug in sightline (" in str(job.error)
