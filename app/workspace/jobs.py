"""Jobs: an ingest in a process of its own, watched from this one, and what became of it.

A crash of the engine, such as SIGBUS on a full disk, ends that process alone. It is given its work
by its stdin, so that no key of the settings stands on a command line.
"""

import json
import secrets
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, Literal, NamedTuple

from pydantic import SecretStr

from app.model import errors
from app.model.errors import SightlineError, SourceError
from app.model.records import Skip
from app.model.report import Report
from app.model.settings import Settings

State = Literal["running", "done", "failed", "cancelled"]

MAX_NOTICES = 200
"""The latest of a job that are kept."""

MAX_ENDED = 50
"""Jobs that have ended and are remembered."""

END_SECONDS = 30.0
"""What a cancelled job gets to store what it has read, and to end, before it is killed."""

WHY = {"SIGKILL": " (memory may have run out)", "SIGBUS": " (the disk may be full)"}
"""What a process may have been ended by a signal for."""

_ROOT = Path(__file__).parents[2]

_CODE = (
    "import sys; sys.path.insert(0, sys.argv[1]); from app.workspace.ingest_job import main; main()"
)
"""No `-m`: the processes that read files would import that module too, as the main one."""


class Progress(NamedTuple):
    """How many records of a step are through, of how many, and how many a second."""

    done: int = 0
    total: int | None = None
    rate: float = 0.0


class Job:
    """An ingest that runs, or ran, in a process of its own; threads may share it.

    `step` says what it is doing, `notices` what a person should know. Once it has ended there is
    its `report`, or the `error` that it failed of, of the type that `ingest` raises.
    """

    def __init__(
        self,
        path: Path,
        collection: str,
        settings: Settings,
        options: dict[str, Any],
        on_end: Callable[[], object],
    ) -> None:
        self.id = secrets.token_hex(8)
        self.path = path
        self.collection = collection
        self.state: State = "running"
        self.step = "starting"
        self.progress = Progress()
        self.report: Report | None = None
        self.error: SightlineError | None = None
        self._notices: deque[str] = deque(maxlen=MAX_NOTICES)
        self._rebuilds = bool(options.get("rebuild"))
        self._on_end = on_end
        self._since = time.monotonic()
        self._ended = Event()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CODE, str(_ROOT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in a terminal is for this process to answer
        )
        asked = {
            "path": str(path),
            "collection": collection,
            "settings": {name: _plain(getattr(settings, name)) for name in Settings.model_fields},
            "options": options,
        }
        assert self._process.stdin is not None
        with suppress(OSError):  # it has died already, which its watcher tells
            self._process.stdin.write(json.dumps(asked).encode() + b"\n")
            self._process.stdin.flush()
        Thread(target=self._watch, daemon=True).start()

    def __repr__(self) -> str:
        step = f": {self.step}, {self.progress.done:,}" if self.state == "running" else ""
        return f"<Job {self.id} into {self.collection!r}, {self.state}{step}>"

    @property
    def pid(self) -> int:
        """The process that ingests."""
        return self._process.pid

    @property
    def notices(self) -> tuple[str, ...]:
        """What a person should know of it so far; of very many the latest."""
        return tuple(self._notices)

    def cancel(self) -> None:
        """Have it end as Ctrl-C does: what is in stays, and the report says so."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()

    def wait(self, timeout: float | None = None) -> bool:
        """Return whether it has ended, within so many seconds; `state` says how."""
        return self._ended.wait(timeout)

    def end(self) -> None:
        """Cancel it, and wait until it has ended; one that does not is killed."""
        self.cancel()
        if not self.wait(END_SECONDS):
            self.error = self._death(f"did not end within {END_SECONDS:g} s, and was killed")
            self._process.kill()
            self.wait(END_SECONDS)

    def _watch(self) -> None:
        """Take up what the process tells until it ends."""
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                with suppress(ValueError):  # half a line, of a process that was killed
                    self._take_up(json.loads(line))
        code = self._process.wait()
        if self.report is None and self.error is None:
            self.error = self._death(_told(code))
        self.cancel()  # which closes the pipe
        try:
            self._on_end()
        finally:
            interrupted = self.report is not None and self.report.interrupted
            self.state = "failed" if self.error else "cancelled" if interrupted else "done"
            self._ended.set()

    def _take_up(self, told: dict[str, Any]) -> None:
        match told:
            case {"step": str(text)}:
                if text.partition(":")[0] != self.step.partition(":")[0]:
                    self._since, self.progress = time.monotonic(), Progress()
                self.step = text
            case {"progress": [int(done), int(total)]}:
                spent = max(time.monotonic() - self._since, 1e-6)
                self.progress = Progress(done, total, done / spent)
            case {"notice": str(text)}:
                self._notices.append(text)
            case {"report": dict(counts)}:
                skipped = [Skip(**skip) for skip in counts.pop("skipped")]
                self.report = Report(**counts, skipped=skipped)
            case {"error": dict(error)}:
                self.error = _error(error)

    def _death(self, how: str) -> SightlineError:
        """Return what tells that the process could not say what became of it, and what to do."""
        left = "nothing stored is lost, and the same command goes on from there"
        if self._rebuilds:
            left = "the collection is as it was, and the same command begins again"
        return SightlineError(f"the process that ingested {self.path} {how}; {left}")


class Jobs:
    """The jobs of a workspace: all that run, and the last of those that have ended."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._jobs: list[Job] = []

    def add(self, job: Job) -> Job:
        """Remember a job, and forget the oldest that have ended."""
        with self._lock:
            ended = [each for each in self._jobs if each.state != "running"]
            stale = {id(each) for each in ended[: max(0, len(ended) - MAX_ENDED)]}
            self._jobs = [each for each in self._jobs if id(each) not in stale] + [job]
        return job

    def all(self) -> list[Job]:
        """Return them, the latest first."""
        with self._lock:
            return self._jobs[::-1]

    def end(self) -> None:
        """Cancel those that run, all at once, and wait for them."""
        running = [job for job in self.all() if job.state == "running"]
        for job in running:
            job.cancel()
        for job in running:
            job.end()


def _told(code: int) -> str:
    """Say how a process ended, by its exit code."""
    name = {-each.value: each.name for each in signal.Signals}.get(code)
    return f"was ended by {name}{WHY.get(name, '')}" if name else f"ended with code {code}"


def _plain(value: object) -> object:
    """Return a setting as JSON has it."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return str(value.expanduser().absolute()) if isinstance(value, Path) else value


def _error(told: dict[str, str]) -> SightlineError:
    """Return the error of a name, as it was raised in the other process."""
    kind = getattr(errors, told["type"], SightlineError)
    if kind is SourceError:
        return SourceError(told["code"], told["message"])
    error = kind(told["message"])
    assert isinstance(error, SightlineError)
    return error
