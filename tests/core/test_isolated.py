"""Isolated: what a file does to the other process is an error here, and the next call works."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.core import isolated
from app.core.errors import SourceError
from app.core.isolated import call
from app.core.pages import read_document
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


SCRIPT = """
from pathlib import Path
from app.core.isolated import call
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
