"""What a test has done in another process, and that process finds by importing this file."""

import os
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from app.media import isolated


def end() -> None:
    os._exit(1)


def sleep(seconds: float) -> str:
    time.sleep(seconds)
    return "awake"


def take(gibibytes: int) -> int:
    return len(bytearray(gibibytes << 30))


def fail() -> None:
    raise ValueError("as it was written")


def number_of_process() -> int:
    return os.getpid()


def work(seconds: float) -> None:
    """Use the processor for so long."""
    while time.process_time() < seconds:
        pass


def end_by(number: int, file: Path, times: int = 10**6) -> str:
    """End this process by a signal, as long as `file` has not noted so many ends."""
    with file.open("ab") as noted:
        if noted.tell() < times:
            noted.write(b".")
            noted.flush()
            os.kill(os.getpid(), number)
    return "alive"


def end_in_mid_answer(number: int, file: Path) -> bytes:
    """Once, write half of what is returned and end, or stop, by a signal."""
    send = Connection._send  # type: ignore[attr-defined]

    def send_half(self: Connection, answer: Any) -> None:
        try:
            file.open("xb").close()
        except FileExistsError:  # another process was first: the rest would be waited for a minute
            send(self, answer)
        else:
            send(self, answer[: len(answer) // 2])
            end_by(number, file, 1)

    if not file.exists():
        Connection._send = send_half  # type: ignore[attr-defined]
    return bytes(1 << 20)


def unpicklable() -> Any:
    return lambda: None


serve = isolated._serve


def serve_after_deaths(*given: Any) -> None:
    """Be killed as a process starts, as often as DEATHS says in the file that it names."""
    end_by(signal.SIGKILL, Path(os.environ["NOTED"]), int(os.environ["DEATHS"]))
    serve(*given)


def exit_with_seven(*_: Any) -> None:
    os._exit(7)


def start_slowly(*_: Any) -> None:
    time.sleep(60)


def sleep_beside(file: Path) -> None:
    file.write_text(str(os.getpid()))
    time.sleep(60)
