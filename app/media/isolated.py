"""Isolated: a function that a hostile file can end → its result, or an error, from another process.

A `Worker` is such a process, with a pipe of its own: one that dies takes no other along. It ends
itself when a file takes too much time or memory, and ends with its parent. No wait is endless.
"""

import logging
import multiprocessing
import os
import signal
import socket
import struct
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import lru_cache, partial
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from multiprocessing.resource_tracker import ensure_running
from multiprocessing.spawn import get_preparation_data
from pathlib import Path
from threading import Lock, Thread
from typing import ParamSpec, TypeVar, cast

from app.model.errors import SettingsError, SourceError

MAX_MEMORY_BYTES = 4 << 30
"""Of address space, beside the 0.2 GiB that a process has taken when it starts. Of pictures of 99
megapixels floats in a TIFF take 2.0 GiB, WebP 2.0, 16-bit grey 1.9, RGBA 1.5, JPEG 0.8."""

MAX_SECONDS = 60.0
"""Of processor time, for one picture or page. The slowest picture of 99 megapixels, a 16-bit PNG,
takes 10 s; a dense map's page 3."""

WALL_TIMES = 10
"""How much longer it may take by the clock, where others use the processor or the disk is slow."""

START_SECONDS = 300.0
"""What a process gets to start. It takes one, on a machine that is short of all more than 60."""

STARTS = 20
"""How often a process is started that is killed before it is ready: by a lack of memory, say."""

TRIES = 3
"""How often a file may be in a process that is killed from outside, with no other file in it. Of
one killed at random that is nobody's fault; of one that takes all memory it is the file's."""

HALF_MESSAGE_SECONDS = 60
"""After which half a message is given up: its other half is in a process that was stopped."""

END_SECONDS = 5.0
"""What a process gets to be gone after it was killed, or let go of its pipe; it takes .01."""

OUTSIDE = {"SIGKILL", "SIGTERM", "SIGINT", "SIGHUP"}
"""What others end a process with, the system among them when memory runs out."""

WORKER_NAME = "sightline-worker"

UNGUARDED = 113
"""The exit code of a worker that was about to run its parent's script a second time."""

P = ParamSpec("P")
T = TypeVar("T")


class Died(Exception):  # noqa: N818 - it is told as a SourceError, or answered by another try
    """A process ended during a call. The message says what became of the file that it read."""

    def __init__(self, how: str, message: str, *, is_from_outside: bool) -> None:
        super().__init__(message)
        self.how = how
        self.is_from_outside = is_from_outside


def call(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function of some module in the other process, one call at a time.

    Raises what it raises; SourceError decoder_crashed when it took too long, or ended its process.
    """
    asked = partial(function, *args, **kwargs)
    with _one_at_a_time:
        if _in_this_process.get():
            return asked()
        return call_alone(_worker(), partial(_limited, MAX_SECONDS, asked), MAX_SECONDS)


@contextmanager
def in_this_process(is_here: bool) -> Iterator[None]:
    """Within the block, let `call` be a plain call: no process, and no protection."""
    before = _in_this_process.set(is_here or _in_this_process.get())
    try:
        yield
    finally:
        _in_this_process.reset(before)


def call_alone(worker: "Worker", function: Callable[[], T], seconds: float) -> T:
    """Call a function that reads one file, alone in a worker, so that a crash is that file's.

    If it was killed from outside, that may be chance: it gets TRIES. Raises SourceError
    decoder_crashed, and what the function raises.
    """
    for tried in range(1, TRIES + 1):
        try:
            return worker.call(function, seconds)
        except Died as died:
            if not died.is_from_outside:
                raise SourceError("decoder_crashed", str(died)) from died
            if tried == TRIES:
                told = (
                    f"each of {TRIES} processes that read it {died.how}; if memory ran out, save"
                    " it again, smaller or simpler, else ingest again"
                )
                raise SourceError("decoder_crashed", told) from died
    raise AssertionError


class Worker:
    """A process that serves one call at a time: started when needed, and again when it has died."""

    def __init__(self, times: float = 1.0, prepare: Callable[[], object] = bool) -> None:
        """Take how many times the usual limits its files have, and what it calls as it starts.

        That is the place for imports and for loading: what kills it then is no file.
        """
        self._times = times
        self._prepare = prepare
        self._process: SpawnProcess | None = None
        self._pipe: Connection | None = None
        self._starting = Lock()
        self._is_stopped = False

    def call(self, function: Callable[[], T], seconds: float) -> T:
        """Call a function in the process, which may take so much processor time.

        Raises what it raises; Died when the process ended meanwhile; SettingsError when none could
        be started; CancelledError after `stop`.
        """
        self._start_if_need_be()
        patience = seconds * WALL_TIMES + END_SECONDS  # the process itself ends a little sooner
        return cast(T, self._answer(patience, function))

    def stop(self) -> None:
        """End the process, also in mid-call in another thread, and start no other."""
        with self._starting:
            self._is_stopped = True
            process = self._process
        if process is not None:
            process.kill()
            process.join(END_SECONDS)

    def _start_if_need_be(self) -> None:
        if self._process and self._process.is_alive():
            return
        self._end()
        for _ in range(STARTS):
            self._start()
            try:
                self._answer(START_SECONDS)
            except Died as died:
                how = died.how
                if not died.is_from_outside:
                    raise SettingsError(_told_of_start(how)) from died
            else:
                return
        raise SettingsError(_told_of_start(f"{how}, {STARTS} times in a row,"))

    def _start(self) -> None:
        require_guard()
        spawn = multiprocessing.get_context("spawn")
        with self._starting:
            if self._is_stopped:
                raise CancelledError
            ours, theirs = spawn.Pipe()
            _end_silences(ours)
            serve = (theirs, self._times, self._prepare)
            process = spawn.Process(target=_serve, args=serve, name=WORKER_NAME, daemon=True)
            try:
                with sparing_children():
                    process.start()
            except OSError as error:
                raise SettingsError(_told_of_start(f"cannot be started ({error})")) from error
            theirs.close()  # now the pipe ends when the process does
            self._process, self._pipe = process, ours

    def _answer(self, patience: float, function: Callable[[], object] | None = None) -> object:
        """Wait for the result of a function that is sent first, or of what the process prepares."""
        assert self._pipe is not None
        try:
            if function is not None:
                self._pipe.send(function)
            if not self._pipe.poll(patience):
                raise TimeoutError
            result, problem = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise self._death(error, patience) from error
        except BaseException:  # Ctrl-C: what it would still send is no answer to the next call
            self._end()
            raise
        if problem is not None:
            raise problem
        return result

    def _death(self, error: Exception, patience: float) -> Died:
        """End the process if it still runs, and return how it died."""
        is_late = isinstance(error, TimeoutError | BlockingIOError)
        code = self._end(0.0 if is_late else END_SECONDS)
        return _death_of(code, self._times, patience if is_late else None)

    def _end(self, wait_seconds: float = 0.0) -> int | None:
        """End the process, after a moment to end by itself, and return its exit code."""
        process, pipe, self._process, self._pipe = self._process, self._pipe, None, None
        if process is None or pipe is None:
            return None
        process.join(wait_seconds)
        if process.is_alive():
            process.kill()
            process.join(END_SECONDS)
        pipe.close()
        return process.exitcode


def _death_of(code: int | None, times: float, waited: float | None) -> Died:
    """Return how a process died, by its exit code or because it took too long."""
    name = _signal_name(code)
    simpler = "save it again, smaller or simpler"
    if waited is not None or name == "SIGALRM":
        waited = waited or times * MAX_SECONDS * WALL_TIMES
        how = f"took longer than {waited:g} s"
        return Died(how, f"it was not read within {waited:g} s; {simpler}", is_from_outside=False)
    if name == "SIGPROF":
        spent = f"took more than {times * MAX_SECONDS:g} s of processor time"
        return Died(spent, f"it {spent} to read; {simpler}", is_from_outside=False)
    how = f"was killed by {name}" if name else f"ended with exit code {code}"
    told = f"the process that read it {how}, as one does that needs more than"
    told += f" {times * MAX_MEMORY_BYTES / (1 << 30):g} GiB or reads a damaged file; {simpler}"
    return Died(how, told, is_from_outside=code is None or name in OUTSIDE)


def _signal_name(code: int | None) -> str:
    if code is None or code >= 0:
        return ""
    try:
        return signal.Signals(-code).name
    except ValueError:  # a real-time signal
        return f"signal {-code}"


def _told_of_start(how: str) -> str:
    if how.endswith(f" {UNGUARDED}"):
        return _NO_GUARD
    return (
        f"a process that reads files {how} before it was ready. It first imports the script that"
        " it was started from; what that printed, if anything, stands above. SIGHTLINE_WORKERS=0"
        " reads files without such processes, and without their protection"
    )


_NO_GUARD = (
    "the processes that read files import the script that starts them, and would run all of it"
    " again. A script that ingests or reads documents must do so under `if __name__ == '__main__':`"
)


def require_guard() -> None:
    """Raise SettingsError in a script without a `__main__` guard; end a worker that imports it."""
    try:
        get_preparation_data(WORKER_NAME)
    except RuntimeError as error:
        if multiprocessing.current_process().name == WORKER_NAME:
            os._exit(UNGUARDED)  # the parent tells, once
        raise SettingsError(_NO_GUARD) from error


def limit_memory(times: float = 1.0) -> None:
    """Limit the address space that this process may take from now on, where the system can."""
    try:
        import resource

        limit = _address_space() + round(times * MAX_MEMORY_BYTES)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    except (ImportError, ValueError, OSError):  # Windows; macOS, which refuses
        return


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """End this process if the block takes so much processor time, or WALL_TIMES that by the clock.

    C code can be stopped in no other way. Only a worker is ended: in another process, no limit is.
    """
    if not (_is_worker and hasattr(signal, "setitimer")):  # Windows has none
        yield
        return
    timers = {
        (signal.SIGPROF, signal.ITIMER_PROF): seconds,
        (signal.SIGALRM, signal.ITIMER_REAL): seconds * WALL_TIMES,
    }
    for (number, timer), limit in timers.items():
        signal.signal(number, signal.SIG_DFL)
        signal.setitimer(timer, limit)
    try:
        yield
    finally:
        for _, timer in timers:
            signal.setitimer(timer, 0)


@contextmanager
def sparing_children() -> Iterator[None]:
    """Within the block, start processes that the terminal's signals do not reach."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    ensure_running()  # multiprocessing's own helper; one that starts later unblocks Ctrl-C again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _TERMINAL)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_silences(pipe: Connection) -> None:
    """Wait for the rest of a message no longer than HALF_MESSAGE_SECONDS, in both directions."""
    if os.name != "posix":  # there it is no socket
        return
    with socket.socket(fileno=os.dup(pipe.fileno())) as same:
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            same.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", HALF_MESSAGE_SECONDS, 0))


_TERMINAL = {signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGINT)}
"""What a terminal sends to all that it runs, for Ctrl-C and when it closes. SIGTERM is how
multiprocessing itself ends what still runs when its parent ends."""

_one_at_a_time = Lock()

_in_this_process = ContextVar("_in_this_process", default=False)


@lru_cache(maxsize=1)
def _worker() -> Worker:
    return Worker()


# ---- in the other process


_is_worker = False


def _serve(pipe: Connection, times: float, prepare: Callable[[], object]) -> None:
    global _is_worker
    _is_worker = True
    for number in _TERMINAL:  # they are for the parent to answer
        signal.signal(number, signal.SIG_IGN)
    warnings.simplefilter("ignore")  # what a decoder thinks of a file is in its error, or nothing
    logging.basicConfig(handlers=[logging.NullHandler()])
    limit_memory(times)
    Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, ConnectionError):  # the parent is gone
        _send(pipe, _outcome(prepare))
        while True:
            _send(pipe, _outcome(_received_function(pipe)))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(0)


def _received_function(pipe: Connection) -> Callable[[], object]:
    """Return the function to call; if it cannot be imported, one that raises the error."""
    try:
        return pipe.recv()  # type: ignore[no-any-return]
    except (EOFError, ConnectionError):
        raise
    except Exception as error:  # noqa: BLE001 - raised where the function was called
        return partial(_raise, error)


def _raise(error: Exception) -> None:
    raise error


def _outcome(function: Callable[[], object]) -> tuple[object, Exception | None]:
    try:
        return function(), None
    except Exception as error:  # noqa: BLE001 - raised where the function was called
        return None, error


def _send(pipe: Connection, outcome: tuple[object, Exception | None]) -> None:
    try:
        pipe.send(outcome)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - what cannot be pickled is told by its words
        pipe.send((None, TypeError(f"{outcome[1] or outcome[0]!r} cannot be handed over: {error}")))


def _limited(seconds: float, function: Callable[[], T]) -> T:
    with deadline(seconds):
        return function()


def _address_space() -> int:
    """Bytes that this process has taken; 0 where it cannot tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        return 0
    import resource

    return pages * resource.getpagesize()
