"""Isolated: what a file does to the other process is an error here, and the next call works."""

import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from app.media import isolated
from app.media.isolated import Died, Worker, call, call_alone, deadline
from app.media.pages import read_document
from app.model.errors import SettingsError, SourceError
from tests import odd_calls
from tests.pdfs import pdf


def crashes(*asked: object) -> bool:
    try:
        call(*asked)  # type: ignore[arg-type]
    except SourceError as error:
        return error.code == "decoder_crashed"
    return False


def test_a_call_gives_its_result_and_one_process_serves_many() -> None:
    assert call(odd_calls.number_of_process) == call(odd_calls.number_of_process) != os.getpid()


def test_an_error_comes_as_it_was_raised(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        call(read_document, tmp_path / "gone.pdf")
    assert caught.value.code == "missing_file"
    with pytest.raises(ValueError, match="as it was written"):
        call(odd_calls.fail)


def test_a_process_that_ends_is_an_error_and_the_next_call_has_another(tmp_path: Path) -> None:
    file = tmp_path / "good.pdf"
    file.write_bytes(pdf("good"))
    assert crashes(odd_calls.end)
    assert call(read_document, file).pages == 1


def test_a_process_that_ended_between_two_calls_is_nobody_s_fault() -> None:
    os.kill(call(odd_calls.number_of_process), signal.SIGKILL)
    time.sleep(0.1)
    assert call(odd_calls.sleep, 0) == "awake"


def test_what_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    call(odd_calls.sleep, 0)
    monkeypatch.setattr(isolated, "MAX_SECONDS", 0.3)
    started = time.monotonic()
    assert crashes(odd_calls.sleep, 60)
    assert time.monotonic() - started < 30  # half of what it takes


def test_only_a_process_s_own_time_counts_as_long_as_the_clock_s_is_not_ten_times_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(isolated, "MAX_SECONDS", 0.3)
    assert call(odd_calls.sleep, 0.9) == "awake"
    with pytest.raises(SourceError, match=r"more than 0\.3 s of processor time"):
        call(odd_calls.work, 60)
    with pytest.raises(SourceError, match="not read within 3 s"):
        call(odd_calls.sleep, 60)


def test_a_process_that_stops_is_waited_for_no_longer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(isolated, "MAX_SECONDS", 0.05)
    monkeypatch.setattr(isolated, "END_SECONDS", 0.5)
    with pytest.raises(SourceError, match="not read within 1 s"):
        call(odd_calls.end_by, signal.SIGSTOP, tmp_path / "noted")


def test_half_an_answer_is_waited_for_no_longer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(isolated, "HALF_MESSAGE_SECONDS", 1)
    worker = Worker()
    killed = partial(odd_calls.end_in_mid_answer, signal.SIGKILL, tmp_path / "killed")
    assert call_alone(worker, killed, 60) == bytes(1 << 20)  # from another, for that may be chance
    stopped = partial(odd_calls.end_in_mid_answer, signal.SIGSTOP, tmp_path / "stopped")
    with pytest.raises(Died):
        worker.call(stopped, 60)
    worker.stop()


def test_a_call_whose_process_is_killed_is_tried_three_times(tmp_path: Path) -> None:
    assert call(odd_calls.end_by, signal.SIGKILL, tmp_path / "twice", 2) == "alive"
    with pytest.raises(SourceError, match=r"each of 3 processes .* was killed by SIGKILL"):
        call(odd_calls.end_by, signal.SIGKILL, tmp_path / "always")
    assert (tmp_path / "always").read_bytes() == b"..."


def test_a_process_that_crashes_is_tried_once_and_told_as_it_was(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"killed by SIGSEGV.* 4 GiB or reads a damaged file"):
        call(odd_calls.end_by, signal.SIGSEGV, tmp_path / "noted")
    assert (tmp_path / "noted").read_bytes() == b"."
    with pytest.raises(SourceError, match="ended with exit code 1"):
        call(odd_calls.end)


def test_what_cannot_be_handed_over_is_an_error_and_the_process_goes_on() -> None:
    before = call(odd_calls.number_of_process)
    with pytest.raises(TypeError, match="cannot be handed over"):
        call(odd_calls.unpicklable)
    assert call(odd_calls.number_of_process) == before


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_what_takes_too_much_memory_has_none() -> None:
    with pytest.raises(MemoryError):
        call(odd_calls.take, 5)
    assert call(odd_calls.take, 1) == 1 << 30


def test_calls_from_many_threads_wait_for_each_other_and_none_is_blamed_for_another() -> None:
    asked = [(odd_calls.end,) if n % 4 == 0 else (odd_calls.sleep, 0) for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda each: crashes(*each), asked)) == [n % 4 == 0 for n in range(8)]


def test_ctrl_c_waits_for_no_answer_and_none_comes_to_the_next_call(tmp_path: Path) -> None:
    file = tmp_path / "pid"

    def interrupt() -> None:
        while not file.exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        call(odd_calls.sleep_beside, file)
    assert call(odd_calls.sleep, 0) == "awake"


# ---- how it starts


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Let processes be killed as they start, as often as DEATHS says; each leaves a dot here."""
    monkeypatch.setattr(isolated, "_serve", odd_calls.serve_after_deaths)
    monkeypatch.setenv("NOTED", str(tmp_path / "noted"))
    return tmp_path / "noted"


def test_a_process_that_is_killed_as_it_starts_is_started_again(
    noted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEATHS", "4")
    assert Worker().call(partial(odd_calls.sleep, 0), 60) == "awake"
    assert noted.read_bytes() == b"...."


def test_one_that_is_always_killed_is_told_so(noted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEATHS", "1000")
    monkeypatch.setattr(isolated, "STARTS", 3)
    with pytest.raises(SettingsError, match="was killed by SIGKILL, 3 times in a row") as caught:
        Worker().call(partial(odd_calls.sleep, 0), 60)
    assert "__main__" not in str(caught.value)
    assert noted.read_bytes() == b"..."


@pytest.mark.parametrize(
    ("serve", "told"),
    [
        (odd_calls.exit_with_seven, "ended with exit code 7 before it was ready"),
        (odd_calls.start_slowly, r"took longer than 0\.1 s before it was ready"),
    ],
)
def test_one_that_does_not_start_is_told_as_it_was(
    serve: Callable[..., None], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolated, "_serve", serve)
    if serve is odd_calls.start_slowly:
        monkeypatch.setattr(isolated, "START_SECONDS", 0.1)
    with pytest.raises(SettingsError, match=told) as caught:
        Worker().call(partial(odd_calls.sleep, 0), 60)
    assert "__main__" not in str(caught.value)


def test_one_that_was_stopped_starts_no_more() -> None:
    worker = Worker()
    assert worker.call(partial(odd_calls.sleep, 0), 60) == "awake"
    worker.stop()
    with pytest.raises(CancelledError):
        worker.call(partial(odd_calls.sleep, 0), 60)


# ---- without a process


def test_in_this_process_a_call_is_a_plain_call_that_leaves_its_limits_and_signals_alone() -> None:
    def ours() -> tuple[object, ...]:
        handlers = [signal.getsignal(each) for each in signal.valid_signals()]
        return handlers, signal.getitimer(signal.ITIMER_PROF), warnings.filters[:]

    before = ours()
    with isolated.in_this_process(True):
        assert call(odd_calls.number_of_process) == os.getpid()
        with isolated.in_this_process(False), deadline(0.01):
            assert call(odd_calls.sleep, 0.1) == "awake"
    assert ours() == before
    assert call(odd_calls.number_of_process) != os.getpid()


# ---- how its parent ends


SCRIPT = """
from pathlib import Path
from app.media.isolated import call
from tests.odd_calls import sleep_beside
{guard}call(sleep_beside, Path({file!r}))
"""


def start(folder: Path, guard: str) -> "subprocess.Popen[str]":
    script = folder / "script.py"
    script.write_text(SCRIPT.format(guard=guard, file=str(folder / "pid")))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen(
        [sys.executable, script], env=environment, stderr=subprocess.PIPE, text=True
    )


def test_a_process_ends_at_once_when_its_parent_is_killed(tmp_path: Path) -> None:
    parent = start(tmp_path, "if __name__ == '__main__': ")
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        time.sleep(0.05)
    started = time.monotonic()
    parent.kill()
    parent.communicate()  # until the other lets go of stderr as well
    assert time.monotonic() - started < 30  # half of what it takes


def test_a_script_without_a_main_guard_is_told_so(tmp_path: Path) -> None:
    script = start(tmp_path, "")
    assert "if __name__ == '__main__':" in script.communicate(timeout=300)[1].splitlines()[-1]
    assert script.returncode == 1
