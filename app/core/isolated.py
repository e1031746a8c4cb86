"""Isolated: a function that a hostile file can end → its result, or an error, from another process.

The process is spawned when first needed and kept. It is ended when it takes too long, ends itself
when it takes too much memory, and ends with its parent; the next call starts another.
"""

import multiprocessing
import os
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from threading import Lock, Thread
from typing import ParamSpec, TypeVar

from app.core.errors import SettingsError, SourceError

MAX_MEMORY_BYTES = 4 << 30
"""Of address space, beside the 0.2 GiB that a process has taken when it starts. Of pictures of 99
megapixels floats in a TIFF take 2.0 GiB, WebP 2.0, 16-bit grey 1.9, RGBA 1.5, JPEG 0.8."""

MAX_SECONDS = 60.0
"""For one picture or page. The slowest picture of 99 megapixels, a 16-bit PNG, takes 10 s on two
busy cores; a dense map's page 3."""

START_SECONDS = 60.0
"""What a process gets to start; it takes one."""

P = ParamSpec("P")
T = TypeVar("T")


def call(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function of some module in the other process, one call at a time.

    Raises what it raises; SourceError decoder_crashed when it took too long, or ended its process.
    """
    with _one_at_a_time:
        process, pipe = _running()
        try:
            pipe.send(partial(function, *args, **kwargs))
            if not pipe.poll(MAX_SECONDS):
                raise TimeoutError
            result, error = pipe.recv()
        except (EOFError, OSError) as error:  # a TimeoutError is an OSError
            _end(process)
            raise SourceError("decoder_crashed", too_much()) from error
        except BaseException:  # Ctrl-C: what it would still send is no answer to the next call
            _end(process)
            raise
    if error is not None:
        raise error
    return result  # type: ignore[no-any-return]


def too_much() -> str:
    """Say why a process that read a file is no more."""
    return (
        f"it took more than {MAX_SECONDS:g} s or {MAX_MEMORY_BYTES >> 30} GiB to read, or ended the"
        " process that read it; save it anew, smaller or simpler"
    )


def limit_memory(times: float = 1.0) -> None:
    """Let this process take so much more address space, where the system knows how to."""
    try:
        import resource

        limit = _address_space() + round(times * MAX_MEMORY_BYTES)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    except (ImportError, ValueError, OSError):  # Windows; macOS, which refuses
        return


@contextmanager
def deadline(times: float = 1.0) -> Iterator[None]:
    """End this process if the block takes longer: C code can be stopped in no other way."""
    if not hasattr(signal, "setitimer"):  # Windows
        yield
        return
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, times * MAX_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


@contextmanager
def sparing_children() -> Iterator[None]:
    """Start processes that Ctrl-C does not reach, not even before their first line: it is ours."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_one_at_a_time = Lock()


def _running() -> tuple[SpawnProcess, Connection]:
    process, pipe = _process()
    if not process.is_alive():
        _process.cache_clear()
        process, pipe = _process()
    return process, pipe


@lru_cache(maxsize=1)
def _process() -> tuple[SpawnProcess, Connection]:
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(theirs,), daemon=True)
    try:
        with sparing_children():
            process.start()
        theirs.close()
        if not ours.poll(START_SECONDS):
            raise TimeoutError
        ours.recv()
    except (EOFError, OSError) as error:
        raise SettingsError(
            "the process that reads documents ends as soon as it starts. A script that reads them"
            " must do so under `if __name__ == '__main__':`, for such processes import it"
        ) from error
    return process, ours


def _end(process: SpawnProcess) -> None:
    process.kill()
    process.join()
    _process.cache_clear()


# ---- in the other process


def _serve(pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent to answer
    warnings.simplefilter("ignore")  # what a decoder thinks of a file is in its error, or nothing
    limit_memory()
    Thread(target=_end_with_parent, daemon=True).start()
    pipe.send(None)
    while True:
        pipe.send(_outcome(pipe.recv()))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(0)


def _outcome(function: Callable[[], T]) -> tuple[T | None, Exception | None]:
    try:
        return function(), None
    except Exception as error:  # noqa: BLE001 - raised where the function was called
        return None, error


def _address_space() -> int:
    """Bytes that this process has taken; 0 where it cannot tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        return 0
    import resource

    return pages * resource.getpagesize()
