"""Lease: one writer at a time for each source of a collection that several machines share.

A writer notes in the collection's metadata who it is, and a number that it raises every few
seconds. A writer that meets such a note watches the number: it rises, so it is refused; it stands
still, so its holder is dead and the note is taken over. No clock of another machine is trusted. On
one machine the process table tells at once.

Metadata knows no compare-and-set. So a writer notes itself, waits longer than a write takes, and
looks who is there: the algorithm is Fischer's (Lamport, "A fast mutual exclusion algorithm", 1987,
section 2). Two that begin at the same moment may both be refused; never do both go on.
"""

import logging
import os
import socket
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

from app.model.errors import CollectionBusyError, SightlineError

logger = logging.getLogger(__name__)

KEY = "sightline.lease."
"""How the keys of such notes begin in a collection's metadata; the source's label follows."""

EVERYTHING = "*"
"""In place of a label: no other writer at all, as for a rebuild."""

BEAT_SECONDS = 10.0

DEAD_SECONDS = 35.0
"""A number that stands still this long is of a dead writer: three beats, and the time of a call."""

SETTLE_SECONDS = 0.25
"""Between noting oneself and looking who is there: at least, and three times what the note took."""

Metadata = dict[str, Any]

_living: set[str] = set()
"""Who holds something in this process: a note that could not be taken back is of none of them."""


def _now() -> float:
    """Seconds that also pass while the machine sleeps, where the system counts them."""
    if hasattr(time, "CLOCK_BOOTTIME"):  # Linux
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class Lease:
    """The write locks of this process on one collection. `read` and `write` access its metadata.

    `write` merges keys, and removes those that are None.
    """

    def __init__(
        self, name: str, read: Callable[[], Metadata], write: Callable[[Metadata], None]
    ) -> None:
        self._name = name
        self._read = read
        self._write = write
        self._holder = uuid.uuid4().hex
        self._parts: set[str] = set()
        self._within: set[str] = set()
        self._beat = 0
        self._beaten = 0.0
        self._is_lost = False
        self._stopped = Event()
        self._thread: Thread | None = None

    def take(self, part: str) -> None:
        """Hold a source, or EVERYTHING. Raises CollectionBusyError when another writer does."""
        if EVERYTHING in self._parts:
            self._within.add(part)
            return
        if part in self._parts:
            return
        dead = self._refuse_living(part, self._read)
        started = time.monotonic()
        self._write({**dict.fromkeys(dead), KEY + part: self._note()})
        time.sleep(max(SETTLE_SECONDS, 3 * (time.monotonic() - started)))
        noted = self._read()
        rivals = self._rivals(noted, part)
        if rivals or not self._is_mine(noted.get(KEY + part)):
            with suppress(SightlineError):
                self._withdraw(noted, {part})
            raise self._busy(next(iter(rivals.values()), noted.get(KEY + part)))
        self.begin(part)

    def begin(self, part: str) -> None:
        """Hold a lock that is noted already, and keep the note alive."""
        self._parts.add(part)
        _living.add(self._holder)
        self._beaten = _now()
        if self._thread is None:
            self._thread = Thread(target=self._keep_beating, daemon=True)
            self._thread.start()

    def first_note(self, part: str) -> Metadata:
        """Return the note for a collection that is made with it: nobody else can have one there."""
        return {KEY + part: self._note()}

    def narrow(self) -> None:
        """Release the lock on everything, and keep those on sources that were taken since."""
        self._write({KEY + EVERYTHING: None} | {KEY + part: self._note() for part in self._within})
        self._parts = self._within

    def require(self) -> None:
        """Raise CollectionBusyError if another writer took over, as after this machine slept."""
        if self._parts and _now() - self._beaten > DEAD_SECONDS / 2:
            self._beat_once()
        if self._is_lost:
            raise CollectionBusyError(
                f"this process stood still too long, and another writes collection {self._name!r}"
                " now; what it wrote is safe. Run the command again when the other has ended"
            )

    def release(self) -> None:
        """Remove our notes; one that cannot be removed expires by itself."""
        _living.discard(self._holder)
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(timeout=BEAT_SECONDS)
            self._thread = None
        if self._parts:
            with suppress(SightlineError):  # a server that is gone, say; or the collection
                self._withdraw(self._read(), self._parts)
        self._parts = set()
        self._stopped = Event()

    def owns(self, metadata: Metadata) -> bool:
        """Tell whether this metadata has a note of ours."""
        return any(self._is_mine(v) for k, v in metadata.items() if k.startswith(KEY))

    def refuse_living(self, read: Callable[[], Metadata]) -> None:
        """Raise CollectionBusyError if somebody else writes what this metadata is of."""
        self._refuse_living(EVERYTHING, read)

    def _note(self) -> dict[str, Any]:
        return {**_me(), "holder": self._holder, "beat": self._beat}

    def _is_mine(self, note: object) -> bool:
        return isinstance(note, Mapping) and note.get("holder") == self._holder

    def _rivals(self, metadata: Metadata, part: str) -> Metadata:
        """Return the notes of others that conflict with ours; invalid ones are ignored."""
        found = {
            key: note if isinstance(note, Mapping) else {}
            for key, note in metadata.items()
            if key.startswith(KEY) and not self._is_mine(note)
        }
        if part == EVERYTHING:
            return found
        return {k: v for k, v in found.items() if k in (KEY + part, KEY + EVERYTHING)}

    def _refuse_living(self, part: str, read: Callable[[], Metadata]) -> list[str]:
        """Return the keys of dead writers' notes. Raises CollectionBusyError for a living one."""
        seen = self._rivals(read(), part)
        unknown = {}
        for key, note in seen.items():
            if (runs := _runs_here(note)) is None:
                unknown[key] = note
            elif runs:
                raise self._busy(note)
        if unknown:
            self._watch(unknown, part, read)
        return list(seen)

    def _watch(self, notes: Metadata, part: str, read: Callable[[], Metadata]) -> None:
        """Wait until these notes have not changed for long enough to be dead."""
        note = next(iter(notes.values()))
        logger.warning(
            "%s may be writing %r: waiting up to %d s to see whether it still runs",
            *(_who(note), self._name, DEAD_SECONDS),
        )
        ends = time.monotonic() + DEAD_SECONDS
        while time.monotonic() < ends:
            time.sleep(min(1.0, DEAD_SECONDS / 10))
            for key, now in self._rivals(read(), part).items():
                if now != notes.get(key):
                    raise self._busy(now)

    def _busy(self, note: Mapping[str, Any] | None) -> CollectionBusyError:
        return CollectionBusyError(
            f"collection {self._name!r} is being written by {_who(note or {})}; wait for it, or"
            " stop it. Other sources of it can be ingested meanwhile, unless it is made again"
        )

    def _withdraw(self, metadata: Metadata, parts: set[str]) -> None:
        mine = [KEY + part for part in parts if self._is_mine(metadata.get(KEY + part))]
        if mine:
            self._write(dict.fromkeys(mine))

    def _keep_beating(self) -> None:
        while not self._stopped.wait(BEAT_SECONDS):
            with suppress(SightlineError):  # the next call says it, or the next beat works
                self._beat_once()

    def _beat_once(self) -> None:
        noted = self._read()
        if not all(self._is_mine(noted.get(KEY + part)) for part in self._parts):
            self._is_lost = True
            return
        self._beat += 1
        self._write({KEY + part: self._note() for part in self._parts})
        self._beaten = _now()


def _me() -> dict[str, Any]:
    """Identify this process, for people and for other processes on this machine."""
    pid = os.getpid()
    return {"host": socket.gethostname(), "pid": pid, "system": _system(), "start": _start(pid)}


def _who(note: Mapping[str, Any]) -> str:
    return f"process {note.get('pid', '?')} on {note.get('host', 'another machine')}"


def _runs_here(note: Mapping[str, Any]) -> bool | None:
    """Whether the process of a note runs; None when it is of another machine, or container."""
    pid, system = note.get("pid"), note.get("system")
    if not isinstance(pid, int) or not system or system != _system():
        return None
    if pid == os.getpid():
        return str(note.get("holder")) in _living
    return bool(note.get("start")) and _start(pid) == note["start"]


def _system() -> str:
    """Return what processes must share for their numbers to mean the same; "" where unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _start(pid: int) -> str:
    """Return when a process started, which tells it from a later one of its number; "" if none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
