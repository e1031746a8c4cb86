"""Decode: picture files → pixels, or vectors where the embedding is as cheap, on all cores.

Worker processes are spawned, never forked: a fork over an open shard hangs. One that dies with a
hostile file takes nothing along: its pictures are tried again one by one. The parent holds one end
of a pipe; when it lets go of it, or dies, the workers stop.
"""

import logging
import multiprocessing
import os
import signal
import threading
import time
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from app.core.embeddings import ImageEmbedding, load_image_embedding, spec_of
from app.core.errors import SettingsError, SourceError
from app.core.images import open_with_place
from app.core.records import Place
from app.core.settings import Settings
from ingest.folder import reason_of

if TYPE_CHECKING:
    from PIL import Image

CHUNK = 8
"""Files a job: a job costs 0.2 ms, a picture at least 1 ms."""

AHEAD = 3
"""Jobs under way for each worker, so that none waits while the model embeds; bounds memory too."""

STOP_SECONDS = 0.5
"""What a picture that is being decoded gets to end; 81 megapixels of progressive JPEG take 2.3."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture that was read: its vector if a worker made it, else its pixels; its EXIF place."""

    pixels: "Image.Image | None"
    vector: list[float] | None
    place: Place | None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a picture could not be read; unnamed, for several files may have its bytes."""

    code: str
    reason: str


Job = Future[list[Decoded | Failure]]


class Decoders:
    """A pool of decoding processes for one image embedding. Use it as a context manager."""

    def __init__(self, embedding: str, settings: Settings) -> None:
        self._embedding = embedding
        self._settings = settings
        self._workers = os.cpu_count() or 1
        self._theirs, self._ours = multiprocessing.Pipe(duplex=False)
        self._pool: ProcessPoolExecutor | None = None
        self._suspects: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._ours.close()  # the workers stop
        for pool in (self._pool, self._suspects):
            if pool is not None:
                pool.shutdown(wait=error is None, cancel_futures=True)
        self._theirs.close()

    def start(self, files: int) -> None:
        """Start the processes that so many files will need, ahead of the files."""
        self._pool = self._pool or self._new_pool(self._workers)
        for _ in range(min(self._workers, -(-files // CHUNK))):
            self._send(self._pool, ())

    def decode(self, files: Iterable[Path]) -> Iterator[Decoded | Failure]:
        """Yield what became of each file, in order; at most a few chunks are held at a time."""
        waiting: deque[tuple[tuple[Path, ...], Job]] = deque()
        for chunk in _chunks(files):
            waiting.append((chunk, self._submit(chunk)))
            if len(waiting) > AHEAD * self._workers:
                yield from self._result(*waiting.popleft())
        while waiting:
            yield from self._result(*waiting.popleft())

    def _submit(self, chunk: tuple[Path, ...]) -> Job:
        self._pool = self._pool or self._new_pool(self._workers)
        try:
            return self._send(self._pool, chunk)
        except BrokenProcessPool:  # by a chunk before this one
            self._pool = self._new_pool(self._workers)
            return self._send(self._pool, chunk)

    def _result(self, chunk: tuple[Path, ...], job: Job) -> list[Decoded | Failure]:
        try:
            return job.result()
        except BrokenProcessPool:
            return [self._alone(file) for file in chunk]

    def _alone(self, file: Path) -> Decoded | Failure:
        """Decode one file in a process where no other is, to find the one that ends it."""
        self._suspects = self._suspects or self._started()
        try:
            return self._send(self._suspects, (file,)).result()[0]
        except BrokenProcessPool:
            self._suspects = None
            return Failure("decoder_crashed", "it ended the process that decoded it")

    def _started(self) -> ProcessPoolExecutor:
        """Tell a hostile file from a script that every worker runs again, and dies of."""
        pool = self._new_pool(1)
        try:
            self._send(pool, ()).result()
        except BrokenProcessPool as error:
            raise SettingsError(
                "the processes that decode pictures end as soon as they start. A script that"
                " ingests must do so under `if __name__ == '__main__':`, for they import it"
            ) from error
        return pool

    def _new_pool(self, workers: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            workers,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_start_worker,
            initargs=(self._theirs,),
        )

    def _send(self, pool: ProcessPoolExecutor, chunk: tuple[Path, ...]) -> Job:
        with _sparing_children():
            return pool.submit(_decode_chunk, chunk, self._embedding, self._settings)


@contextmanager
def _sparing_children() -> Iterator[None]:
    """Start processes that Ctrl-C does not reach, not even before their first line: it is ours."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _chunks(files: Iterable[Path]) -> Iterator[tuple[Path, ...]]:
    rest = iter(files)
    while chunk := tuple(islice(rest, CHUNK)):
        yield chunk


# ---- in the workers


_decoding, _stopping = threading.Event(), threading.Event()


def _start_worker(pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent to answer
    warnings.simplefilter("ignore")  # what a decoder thinks of a file is in the report, or nothing
    logging.basicConfig(handlers=[logging.NullHandler()])
    threading.Thread(target=_end_with_parent, args=(pipe,), daemon=True).start()


def _end_with_parent(pipe: Connection) -> None:
    """Stop when the parent closes its end of the pipe, or dies.

    A worker holds both ends of its queue, so without this it would outlive a killed parent. One
    that is no longer decoding may be writing its results: ended then, it would leave the parent
    waiting for the rest of them.
    """
    pipe.poll(None)
    _stopping.set()
    time.sleep(STOP_SECONDS)
    parent = multiprocessing.parent_process()
    if _decoding.is_set() or parent is None or not parent.is_alive():
        os._exit(1)


def _decode_chunk(
    files: tuple[Path, ...], embedding: str, settings: Settings
) -> list[Decoded | Failure]:
    cheap = _loaded(embedding, settings) if spec_of(embedding).in_workers else None
    _decoding.set()
    try:
        megapixels = settings.max_megapixels
        return [_decode_one(file, cheap, megapixels) for file in files if not _stopping.is_set()]
    finally:
        _decoding.clear()


def _decode_one(
    file: Path, cheap: ImageEmbedding | None, max_megapixels: float
) -> Decoded | Failure:
    try:
        image, place = open_with_place(file, max_megapixels=max_megapixels)
    except SourceError as error:
        return Failure(error.code, reason_of(error, file.name))
    if cheap is None:
        return Decoded(image, None, place)
    return Decoded(None, cheap.embed_images([image])[0].tolist(), place)


@lru_cache(maxsize=1)
def _loaded(embedding: str, settings: Settings) -> ImageEmbedding:
    return load_image_embedding(embedding, settings)
