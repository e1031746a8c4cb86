"""Decode: picture files → pixels, or vectors where the embedding is as cheap, on all cores.

Worker processes are spawned, never forked: a fork over an open shard hangs. One that dies with a
hostile file takes nothing along: its pictures are tried again one by one.
"""

import logging
import multiprocessing
import os
import signal
import threading
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from app.core.embeddings import ImageEmbedding, load_image_embedding, spec_of
from app.core.errors import SettingsError, SourceError
from app.core.images import open_with_place
from app.core.records import Place
from app.core.settings import Settings

if TYPE_CHECKING:
    from PIL import Image

CHUNK = 8
"""Files a job: a job costs 0.2 ms, a picture at least 1 ms."""

AHEAD = 3
"""Jobs under way for each worker, so that none waits while the model embeds; bounds memory too."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture that was read: its vector if a worker made it, else its pixels; its EXIF place."""

    pixels: "Image.Image | None"
    vector: list[float] | None
    place: Place | None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a picture could not be read."""

    code: str
    reason: str


Job = Future[list[Decoded | Failure]]


class Decoders:
    """A pool of decoding processes for one image embedding. Use it as a context manager."""

    def __init__(self, embedding: str, settings: Settings) -> None:
        self._embedding = embedding
        self._settings = settings
        self._workers = os.cpu_count() or 1
        self._pool: ProcessPoolExecutor | None = None
        self._suspects: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        for pool in (self._pool, self._suspects):
            if pool is not None:
                pool.shutdown(wait=error is None, cancel_futures=True)

    def start(self, files: int) -> None:
        """Start the processes that so many files will need, ahead of the files."""
        self._pool = self._pool or _pool(self._workers)
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
        self._pool = self._pool or _pool(self._workers)
        try:
            return self._send(self._pool, chunk)
        except BrokenProcessPool:  # by a chunk before this one
            self._pool = _pool(self._workers)
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
            return Failure("decoder_crashed", f"{file.name} ended the process that decoded it")

    def _started(self) -> ProcessPoolExecutor:
        """Tell a hostile file from a script that every worker runs again, and dies of."""
        pool = _pool(1)
        try:
            self._send(pool, ()).result()
        except BrokenProcessPool as error:
            raise SettingsError(
                "the processes that decode pictures end as soon as they start. A script that"
                " ingests must do so under `if __name__ == '__main__':`, for they import it"
            ) from error
        return pool

    def _send(self, pool: ProcessPoolExecutor, chunk: tuple[Path, ...]) -> Job:
        return pool.submit(_decode_chunk, chunk, self._embedding, self._settings)


def _pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        workers, mp_context=multiprocessing.get_context("spawn"), initializer=_start_worker
    )


def _chunks(files: Iterable[Path]) -> Iterator[tuple[Path, ...]]:
    rest = iter(files)
    while chunk := tuple(islice(rest, CHUNK)):
        yield chunk


# ---- in the workers


def _start_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent to answer
    warnings.simplefilter("ignore")  # what a decoder thinks of a file is in the report, or nothing
    logging.basicConfig(handlers=[logging.NullHandler()])
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker holds both ends of its queue, so without this it would outlive a killed parent."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _decode_chunk(
    files: tuple[Path, ...], embedding: str, settings: Settings
) -> list[Decoded | Failure]:
    cheap = _loaded(embedding, settings) if spec_of(embedding).in_workers else None
    return [_decode_one(file, cheap, settings.max_megapixels) for file in files]


def _decode_one(
    file: Path, cheap: ImageEmbedding | None, max_megapixels: float
) -> Decoded | Failure:
    try:
        image, place = open_with_place(file, max_megapixels=max_megapixels)
    except SourceError as error:
        return Failure(error.code, str(error))
    if cheap is None:
        return Decoded(image, None, place)
    return Decoded(None, cheap.embed_images([image])[0].tolist(), place)


@lru_cache(maxsize=1)
def _loaded(embedding: str, settings: Settings) -> ImageEmbedding:
    return load_image_embedding(embedding, settings)
