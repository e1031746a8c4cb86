"""One holder at a time for a collection on this machine. The lock ends with its process.

The operating system holds the lock (flock, through filelock), so a killed process leaves nothing to
clean up; the note beside it only says who it was.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from app.core.errors import CollectionBusyError

Purpose = Literal["read", "write"]

WAIT_SECONDS = 5.0
"""How long a reader, or a writer that meets a reader, waits. A search holds a shard for ~0.3 s."""


@contextmanager
def hold(file: Path, purpose: Purpose, what: str) -> Iterator[None]:
    """Hold `file` while the block runs. A writer that meets a writer is refused at once.

    Raises CollectionBusyError, naming the process that holds it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    note = file.with_suffix(".holder")
    lock = FileLock(file, thread_local=False)  # opened in one thread, closed in another
    _acquire(lock, note, purpose, what)
    try:
        note.write_text(json.dumps({"pid": os.getpid(), "purpose": purpose}))
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()


def refuse_second(name: str, manifest: object) -> None:
    """Refuse to make a collection that another process made between the look and the lock."""
    if manifest is not None:
        raise CollectionBusyError(
            f"collection {name!r} was made by another process just now; run the command again"
        )


def _acquire(lock: FileLock, note: Path, purpose: Purpose, what: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            lock.acquire(timeout=0)
            return
        except Timeout as error:
            pid, other = _holder(note)
            if (purpose, other) == ("write", "write") or time.monotonic() > deadline:
                raise CollectionBusyError(
                    f"{what} is held by process {pid or 'that just started'}"
                    f" ({'ingest' if other == 'write' else 'search'}); wait for it, or stop it."
                    " With a Qdrant server (--qdrant URL) many processes can share a collection."
                ) from error
        time.sleep(0.05)


def _holder(note: Path) -> tuple[int | None, str | None]:
    try:
        holder = json.loads(note.read_text())
        return int(holder["pid"]), str(holder["purpose"])
    except (OSError, ValueError, KeyError):
        return None, None  # the holder is between taking the lock and writing its note
