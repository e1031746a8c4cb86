"""What a test has done in another process, and that process finds by importing this file."""

import os
import time
from pathlib import Path


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


def sleep_beside(file: Path) -> None:
    file.write_text(str(os.getpid()))
    time.sleep(60)
