"""One holder at a time for a collection on this machine. The lock ends with its process.

The operating system holds the lock (flock, through filelock), so a killed process leaves nothing to
clean up; the note beside it only says who it was.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from app.media.private import make_private, tighten
from app.model.errors import CollectionBusyError, CollectionChangedError, CollectionError

Purpose = Literal["read", "write"]

CAN_SHARE = sys.platform != "win32"
"""Whether a lock can be shared, which the copies of readers need."""

STILL = ".still"
"""The ending of a second lock, which is held while what is guarded is copied or changed."""

WANTED = ".wanted"
"""The ending of a file that is there while a writer waits."""

WAIT_SECONDS = 5.0
"""How long a reader, or a writer that meets a reader, waits. A search holds a shard for ~0.3 s."""

SHARE_SECONDS = 0.5
"""How long a reader waits for another reader, before it takes a copy: most are done by then."""

COPY_SECONDS = 30.0
"""How long a reader waits while what it is to copy is changed or opened."""

OPEN_SECONDS = 5.0
"""How long a reader that opens or closes it waits for copies that are being made."""

STILL_SECONDS = 600.0
"""How long a writer waits for those; 500 MB take 1 or 2 s."""


@contextmanager
def hold(file: Path, purpose: Purpose, what: str) -> Iterator[bool]:
    """Hold `file` while the block runs. A writer that meets a writer is refused at once.

    Yields whether it is held. A reader that meets a writer, or a reader that stays such as a
    notebook, does not hold it: it reads a copy that is made under `keep_still`.
    A reader needs nothing that can be written: see `_try_reading`.
    Raises CollectionBusyError, naming the process that holds it; CollectionError when a writer
    finds a folder that cannot be written to.
    """
    note = file.with_suffix(".holder")
    with ExitStack() as held:
        if purpose == "write" or _is_writable(file):
            _require_writable(file)
            share = purpose == "read" and CAN_SHARE
            with _wanted(file) if purpose == "write" else nullcontext():
                if not _acquire(lambda: _try_alone(file, held), note, purpose, what, share=share):
                    yield False
                    return
            held.callback(tighten, file)
            held.callback(_forget, note)
            with suppress(OSError):  # the disk is full; the note only helps a message
                note.write_text(json.dumps({"pid": os.getpid(), "purpose": purpose}))
        elif file.exists():
            _acquire(lambda: _try_reading(file, held), note, purpose, what)
        yield True


@contextmanager
def keep_still(
    file: Path, what: str, *, changing: bool, seconds: float | None = None
) -> Iterator[None]:
    """Keep what a lock guards as it is on disk, while the block copies it, or is `changing` it.

    Between two changes of a writer it is what a kill would leave, and that is whole. A reader
    changes it too, as it opens it. Raises CollectionBusyError after so many seconds.
    """
    still = file.with_suffix(STILL)
    if not _is_made(still):
        if not changing:
            raise CollectionBusyError(
                f"{what} is being read by another process, and cannot be copied to be read beside"
                f" it: {still} cannot be written. Wait for that process"
            )
        yield  # where no copy can be made, none is being made
        return
    with ExitStack() as held:
        deadline = time.monotonic() + (seconds or COPY_SECONDS)
        while not (_try_alone(still, held) if changing else _try_reading(still, held)):
            if time.monotonic() > deadline:
                raise CollectionBusyError(
                    f"{what} is still being written or copied by another process; wait for that,"
                    " and run the command again"
                )
            time.sleep(0.01)
        yield


def is_wanted(file: Path) -> bool:
    """Whether a writer waits for those who read what a lock guards, and was not killed."""
    with suppress(OSError):
        return time.time() - file.with_suffix(WANTED).stat().st_mtime < 2 * WAIT_SECONDS
    return False


def is_free(file: Path) -> bool:
    """Whether nobody holds it. Who looks has it for a moment: not often, or writers meet that."""
    with ExitStack() as held, suppress(OSError):
        return _try_reading(file, held)
    return False


@contextmanager
def _wanted(file: Path) -> Iterator[None]:
    """Mark, within the block, that a writer waits."""
    wanted = file.with_suffix(WANTED)
    _is_made(wanted)
    try:
        yield
    finally:
        _forget(wanted)


def refuse_second(name: str, manifest: object) -> None:
    """Refuse to make a collection that another process made between the look and the lock."""
    if manifest is not None:
        raise CollectionBusyError(
            f"collection {name!r} was made by another process just now; run the command again"
        )


def made_anew(name: str) -> CollectionChangedError:
    """Return the error for a collection that has changed since it was found."""
    return CollectionChangedError(
        f"another process has just removed collection {name!r}, or made it again with other models;"
        " run the command again"
    )


def _acquire(
    take: Callable[[], bool], note: Path, purpose: Purpose, what: str, *, share: bool = False
) -> bool:
    """Wait until it is taken. False tells one who would `share` it that another has it."""
    started = time.monotonic()
    deadline = started + WAIT_SECONDS
    while not take():
        pid, other = _holder(note)
        if share and (other == "write" or time.monotonic() > started + SHARE_SECONDS):
            return False
        if (purpose, other) == ("write", "write") or time.monotonic() > deadline:
            raise CollectionBusyError(
                f"{what} is held by process {pid or 'that just started'}"
                f" ({'ingest' if other == 'write' else 'search'}); wait for it, or stop it."
                " With a Qdrant server (--qdrant URL) many processes can share a collection."
            )
        time.sleep(0.05)
    return True


def _require_writable(file: Path) -> None:
    try:
        make_private(file.parent)
    except OSError as error:
        raise _unwritable(file.parent, error.strerror) from error
    if not _is_writable(file):
        raise _unwritable(file.parent, "it is read only, or another's")


def _unwritable(folder: Path, why: str | None) -> CollectionError:
    return CollectionError(
        f"{folder} cannot be written to: {why}. Nothing was changed; free it, or choose another"
        " place with --home FOLDER or SIGHTLINE_HOME"
    )


def _is_writable(file: Path) -> bool:
    return os.access(file if file.exists() else file.parent, os.W_OK)


def _try_alone(file: Path, held: ExitStack) -> bool:
    lock = FileLock(file, thread_local=False)  # opened in one thread, closed in another
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    held.callback(lock.release)
    return True


def _is_made(file: Path) -> bool:
    with suppress(OSError):  # read-only, full, or another's
        file.touch()
        tighten(file)
        return os.access(file, os.W_OK)
    return False


def _try_reading(file: Path, held: ExitStack) -> bool:
    """Share the lock of a collection on a read-only disk: who sees that disk otherwise may write.

    filelock opens its file for writing, so this is the system's own call.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return True
    opened = held.enter_context(file.open("rb"))
    with suppress(BlockingIOError):
        fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return True
    opened.close()
    return False


def _forget(note: Path) -> None:
    with suppress(OSError):
        note.unlink(missing_ok=True)


def _holder(note: Path) -> tuple[int | None, str | None]:
    try:
        holder = json.loads(note.read_text())
        return int(holder["pid"]), str(holder["purpose"])
    except (OSError, ValueError, TypeError, KeyError, OverflowError):
        return None, None  # the holder is between taking the lock and writing its note
