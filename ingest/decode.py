"""Decode: pictures and pages → pixels, or vectors where the embedding is as cheap, on all cores.

Worker processes are spawned, never forked: a fork over an open shard hangs. One that dies with a
hostile file takes nothing along: its pictures are tried again one by one. The parent holds one end
of a pipe; when it lets go of it, or dies, the workers stop.
"""

import hashlib
import logging
import multiprocessing
import os
import signal
import threading
import time
import warnings
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from app.core.embeddings import ImageEmbedding, load_image_embedding, spec_of
from app.core.errors import SettingsError, SourceError
from app.core.images import open_with_place
from app.core.isolated import deadline, limit_memory, sparing_children, too_much
from app.core.page_pictures import as_kept, keep
from app.core.pages import keeping_open, render_page
from app.core.records import Place
from app.core.settings import Settings
from ingest.folder import reason_of
from ingest.ocr import read_words
from ingest.passages import readable

if TYPE_CHECKING:
    from PIL import Image

CHUNK = 8
"""Files a job: a job costs 0.2 ms, a picture at least 1 ms."""

PIXEL_CHUNK = 2
"""The same where their pixels go to a model: up to 12 MB each, for 16 workers 1.2 GB ahead."""

AHEAD = 3
"""Jobs under way for each worker, so that none waits while the model embeds; bounds memory too."""

MAX_DEATHS = 3
"""Pages of one document that may end a process each; then the rest of it is left out, for a
thousand that each take all the time there is would take a night."""

OCR_TIMES = 5
"""What the words of a page may take beside its picture: 1,000 cells, or 96 lines from edge to edge
in letters of 11 pixels, take 65 s on two cores that four others use."""

LAYER, OCR = "layer", "ocr"
"""What gave the words of a page, or was asked for them last."""

STOP_SECONDS = 0.5
"""What a picture that is being decoded gets to end; 81 megapixels of progressive JPEG take 2.3."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture that was read: its vector if a worker made it, else its pixels; its EXIF place.

    Of a page the pixels are the JPEG that is kept of it, 0.25 MB instead of 5 to hand over. Of a
    page also its text as words, a hash of what it shows and says without OCR, what gave its words,
    and whether its text layer is broken.
    """

    pixels: "Image.Image | bytes | None"
    vector: list[float] | None
    place: Place | None = None
    text: str = ""
    page_hash: str = ""
    read_by: str = ""
    is_broken: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a picture could not be read; unnamed, for several files may have its bytes."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """A picture file, or a page of a document with the place where its picture is to be kept.

    OCR reads a page without words, unless its hash is among the `known`; without those, none.
    """

    file: Path
    page: int | None = None
    keep_at: Path | None = None
    known: frozenset[str] | None = None


Job = Future[list[Decoded | Failure]]

_LOST = Failure(
    "decoder_crashed",
    f"{MAX_DEATHS} pages before it could not be drawn, so the rest was left out; save it anew",
)


class Decoders:
    """A pool of decoding processes for one image embedding. Use it as a context manager."""

    def __init__(self, embedding: str, settings: Settings) -> None:
        self._embedding = embedding
        self._settings = settings
        self._workers = os.cpu_count() or 1
        self._theirs, self._ours = multiprocessing.Pipe(duplex=False)
        self._pool: ProcessPoolExecutor | None = None
        self._suspects: ProcessPoolExecutor | None = None
        self._deaths: Counter[Path] = Counter()
        self._ocr_deaths: Counter[Path] = Counter()

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

    def decode(self, wanted: Iterable[Wanted]) -> Iterator[Decoded | Failure]:
        """Yield what became of each, in order; at most a few chunks are held at a time."""
        waiting: deque[tuple[tuple[Wanted, ...], Job]] = deque()
        pictures = CHUNK if spec_of(self._embedding).in_workers else PIXEL_CHUNK
        for chunk in _chunks(wanted, pictures):
            waiting.append((chunk, self._submit(chunk)))
            if len(waiting) > AHEAD * self._workers:
                yield from self._result(*waiting.popleft())
        while waiting:
            yield from self._result(*waiting.popleft())

    def _submit(self, chunk: tuple[Wanted, ...]) -> Job:
        chunk = tuple(map(self._spared, chunk))
        if any(map(self._is_lost, chunk)):
            known: Job = Future()
            known.set_result([self._alone(wanted) for wanted in chunk])
            return known
        self._pool = self._pool or self._new_pool(self._workers)
        try:
            return self._send(self._pool, chunk)
        except BrokenProcessPool:  # by a chunk before this one
            self._pool = self._new_pool(self._workers)
            return self._send(self._pool, chunk)

    def _result(self, chunk: tuple[Wanted, ...], job: Job) -> list[Decoded | Failure]:
        try:
            results = job.result()
        except BrokenProcessPool:
            return [self._alone(wanted) for wanted in chunk]
        # Also of a lost document what was under way already, so that every run ends the same.
        return [
            _LOST if self._is_lost(wanted) else result
            for wanted, result in zip(chunk, results, strict=True)
        ]

    def _is_lost(self, wanted: Wanted) -> bool:
        return self._deaths[wanted.file] >= MAX_DEATHS

    def _alone(self, wanted: Wanted) -> Decoded | Failure:
        """Decode one in a process where no other is, to find the one that ends it."""
        if self._is_lost(wanted):
            return _LOST
        wanted = self._spared(wanted)
        self._suspects = self._suspects or self._started()
        try:
            return self._send(self._suspects, (wanted,)).result()[0]
        except BrokenProcessPool:
            self._suspects = None
            if wanted.known is not None:  # then its picture, at least
                self._ocr_deaths[wanted.file] += 1
                return self._alone(replace(wanted, known=None))
            self._deaths[wanted.file] += 1
            return Failure("decoder_crashed", too_much())

    def _spared(self, wanted: Wanted) -> Wanted:
        """Spare a document OCR that ended a process over some of its pages."""
        is_spared = self._ocr_deaths[wanted.file] >= MAX_DEATHS
        return replace(wanted, known=None) if is_spared else wanted

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
            initargs=(self._theirs, _times(self._settings)),
        )

    def _send(self, pool: ProcessPoolExecutor, chunk: tuple[Wanted, ...]) -> Job:
        with sparing_children():
            return pool.submit(_decode_chunk, chunk, self._embedding, self._settings)


def _chunks(wanted: Iterable[Wanted], pictures: int) -> Iterator[tuple[Wanted, ...]]:
    """Divide files into jobs; what OCR may read for seconds is one alone."""
    rest = iter(wanted)
    for first in rest:
        size = 1 if first.known is not None else CHUNK if first.page else pictures
        yield first, *islice(rest, size - 1)


# ---- in the workers


_decoding, _stopping = threading.Event(), threading.Event()


def _times(settings: Settings) -> float:
    """Return how many times the limits that 100 megapixels need are to be had."""
    return max(1.0, settings.max_megapixels / 100)


def _start_worker(pipe: Connection, times: float) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent to answer
    limit_memory(times)
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
    chunk: tuple[Wanted, ...], embedding: str, settings: Settings
) -> list[Decoded | Failure]:
    cheap = _loaded(embedding, settings) if spec_of(embedding).in_workers else None
    _decoding.set()
    try:
        with keeping_open():
            return [_decode_one(each, cheap, settings) for each in chunk if not _stopping.is_set()]
    finally:
        _decoding.clear()


def _decode_one(
    wanted: Wanted, cheap: ImageEmbedding | None, settings: Settings
) -> Decoded | Failure:
    times = _times(settings)
    try:
        with deadline(times):
            image, found = _open(wanted, settings.max_megapixels)
    except SourceError as error:
        return Failure(error.code, reason_of(error, wanted.file.name))
    if wanted.known is not None and not found.text and found.page_hash not in wanted.known:
        with deadline(times * OCR_TIMES):
            found = _read(image, found)
    if cheap is None:
        return found
    return replace(found, pixels=None, vector=cheap.embed_images([image])[0].tolist())


def _open(wanted: Wanted, max_megapixels: float) -> "tuple[Image.Image, Decoded]":
    if wanted.page is None:
        image, place = open_with_place(wanted.file, max_megapixels=max_megapixels)
        return image, Decoded(image, None, place)
    image, layer = render_page(wanted.file, wanted.page)
    jpeg, text = as_kept(image), readable(layer or "")
    if wanted.keep_at:
        with suppress(OSError):  # a full disk, say: it can be drawn again
            keep(jpeg, wanted.keep_at)
    page_hash = hashlib.sha256(jpeg + text.encode()).hexdigest()[:32]
    read_by = LAYER if text else ""
    return image, Decoded(jpeg, None, None, text, page_hash, read_by, is_broken=layer is None)


def _read(image: "Image.Image", page: Decoded) -> Decoded:
    try:
        return replace(page, text=readable(read_words(image)), read_by=OCR)
    except SettingsError:
        raise
    except Exception:  # noqa: BLE001 - its picture is worth having; the report says so
        return page


@lru_cache(maxsize=1)
def _loaded(embedding: str, settings: Settings) -> ImageEmbedding:
    return load_image_embedding(embedding, settings)
