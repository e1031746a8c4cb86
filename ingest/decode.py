"""Decode: pictures and pages → pixels, or vectors where the embedding is as cheap, on all cores.

Worker processes are spawned, never forked: a fork over an open shard hangs. One that dies with a
hostile file takes nothing along: the pictures of its job are tried again one by one.
"""

import hashlib
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from app.encoders import ImageEmbedding, SeeingEmbedding, load_image_embedding, spec_of
from app.media import isolated
from app.media.images import open_with_place
from app.media.inside import inside
from app.media.isolated import Died, Worker, call_alone, deadline
from app.media.page_pictures import as_kept, keep
from app.media.pages import keeping_open, picture_share, render_page
from app.model.cores import usable_cores
from app.model.errors import SettingsError, SourceError
from app.model.records import Place
from app.model.settings import Settings
from ingest.folder import reason_of
from ingest.ocr import read_words
from ingest.passages import Unread, joined, readable, says_little

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


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded picture: its vector if a worker made that, else its pixels; its EXIF place.

    Of a page the pixels are the JPEG that is kept of it, 0.25 MB instead of 5 to hand over. Of a
    page also its text as words, a hash of what it shows and says without OCR, what gave its words,
    and whether its text layer is broken. `seen` is what a worker's embedding names of it.
    """

    pixels: "Image.Image | bytes | None"
    vector: list[float] | None
    place: Place | None = None
    text: str = ""
    page_hash: str = ""
    read_by: str = ""
    unread: Unread = ""
    seen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a picture could not be read, without its name, as several files may have its bytes."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class DecodeTask:
    """A picture file, or a page of a document with the place where its picture is to be kept.

    It is opened only if it lies in its `root` then: since it was found it may have become a link.

    OCR reads a page whose text layer says nothing or little, unless its hash is among the `known`;
    without those, none.
    """

    file: Path
    page: int | None = None
    keep_at: Path | None = None
    known: frozenset[str] | None = None
    root: Path | None = None


Job = Future[list[Decoded | Failure]]

_LOST = Failure(
    "decoder_crashed",
    f"{MAX_DEATHS} pages before it could not be drawn, so the rest was left out; save it again",
)


class Decoders:
    """Processes that decode for one image embedding, if any. Use it as a context manager."""

    def __init__(self, embedding: str, settings: Settings) -> None:
        self._embedding = embedding
        self._settings = settings
        number = usable_cores() if settings.workers is None else settings.workers
        prepare = partial(_decode_chunk, (), embedding, settings)
        self._workers = [Worker(_times(settings), prepare) for _ in range(number)]
        self._idle = deque(self._workers)
        self._threads = ThreadPoolExecutor(number or 1)  # each waits for a worker
        self._suspects = Worker(_times(settings), prepare)
        self._deaths: Counter[Path] = Counter()
        self._ocr_deaths: Counter[Path] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in (*self._workers, self._suspects):
            worker.stop()
        self._threads.shutdown()

    def start(self, files: int) -> None:
        """Start the processes that so many files will need, ahead of the files."""
        for _ in range(min(len(self._workers), -(-files // CHUNK))):
            self._send(())

    def decode(self, wanted: Iterable[DecodeTask]) -> Iterator[Decoded | Failure]:
        """Yield each picture or failure in order, holding only a few chunks at a time."""
        waiting: deque[tuple[tuple[DecodeTask, ...], Job]] = deque()
        pictures = CHUNK if spec_of(self._embedding).in_workers else PIXEL_CHUNK
        for chunk in _chunks(wanted, pictures):
            waiting.append((chunk, self._submit(chunk)))
            if len(waiting) > AHEAD * len(self._workers):
                yield from self._result(*waiting.popleft())
        while waiting:
            yield from self._result(*waiting.popleft())

    def _submit(self, chunk: tuple[DecodeTask, ...]) -> Job:
        chunk = tuple(map(self._spared, chunk))
        if any(map(self._is_lost, chunk)):
            return _known([self._alone(wanted) for wanted in chunk])
        return self._send(chunk)

    def _send(self, chunk: tuple[DecodeTask, ...]) -> Job:
        if self._workers:
            return self._threads.submit(self._in_worker, chunk)
        return _known(_decode_chunk(chunk, self._embedding, self._settings))

    def _in_worker(self, chunk: tuple[DecodeTask, ...]) -> list[Decoded | Failure]:
        worker = self._idle.pop()  # as many as threads: there is one
        try:
            return worker.call(*self._job(chunk))
        finally:
            self._idle.append(worker)

    def _job(
        self, chunk: tuple[DecodeTask, ...]
    ) -> tuple[Callable[[], list[Decoded | Failure]], float]:
        """Return what a worker is to do, and the processor time that all of it may take."""
        times = sum(1 if wanted.known is None else 1 + OCR_TIMES for wanted in chunk)
        job = partial(_decode_chunk, chunk, self._embedding, self._settings)
        return job, times * _seconds(self._settings)

    def _result(self, chunk: tuple[DecodeTask, ...], job: Job) -> list[Decoded | Failure]:
        try:
            results = job.result()
        except Died:
            return [self._alone(wanted) for wanted in chunk]
        # Also of a lost document what was under way already, so that every run ends the same.
        return [
            _LOST if self._is_lost(wanted) else result
            for wanted, result in zip(chunk, results, strict=True)
        ]

    def _is_lost(self, wanted: DecodeTask) -> bool:
        return self._deaths[wanted.file] >= MAX_DEATHS

    def _alone(self, wanted: DecodeTask) -> Decoded | Failure:
        """Decode one file alone in a process, to find out which one crashes it."""
        if self._is_lost(wanted):
            return _LOST
        wanted = self._spared(wanted)
        try:
            return call_alone(self._suspects, *self._job((wanted,)))[0]
        except SourceError as error:
            if wanted.known is not None:  # then its picture, at least
                self._ocr_deaths[wanted.file] += 1
                return self._alone(replace(wanted, known=None))
            self._deaths[wanted.file] += 1
            return Failure(error.code, str(error))

    def _spared(self, wanted: DecodeTask) -> DecodeTask:
        """Turn OCR off for a document over whose pages processes have crashed."""
        is_spared = self._ocr_deaths[wanted.file] >= MAX_DEATHS
        return replace(wanted, known=None) if is_spared else wanted


def _known(results: list[Decoded | Failure]) -> Job:
    job: Job = Future()
    job.set_result(results)
    return job


def _chunks(wanted: Iterable[DecodeTask], pictures: int) -> Iterator[tuple[DecodeTask, ...]]:
    """Divide files into jobs; a page for OCR, which takes seconds, is a job by itself."""
    rest = iter(wanted)
    for first in rest:
        size = 1 if first.known is not None else CHUNK if first.page else pictures
        yield first, *islice(rest, size - 1)


def _times(settings: Settings) -> float:
    """Return the factor by which the limits for 100 megapixels are raised."""
    return max(1.0, settings.max_megapixels / 100)


def _seconds(settings: Settings) -> float:
    """Return the processor time that one picture may take."""
    return _times(settings) * isolated.MAX_SECONDS


# ---- in the workers, if there are any


def _decode_chunk(
    chunk: tuple[DecodeTask, ...], embedding: str, settings: Settings
) -> list[Decoded | Failure]:
    cheap = _loaded(embedding, settings) if spec_of(embedding).in_workers else None
    with keeping_open():
        return [_decode_one(each, cheap, settings) for each in chunk]


def _decode_one(
    wanted: DecodeTask, cheap: ImageEmbedding | None, settings: Settings
) -> Decoded | Failure:
    seconds = _seconds(settings)
    try:
        with deadline(seconds):
            image, found = _open(wanted, settings.max_megapixels)
    except SourceError as error:
        return Failure(error.code, reason_of(error, wanted.file.name))
    if wanted.known is not None and found.unread and found.page_hash not in wanted.known:
        with deadline(seconds * OCR_TIMES):
            found = _read(image, found)
    if cheap is None:
        return found
    if isinstance(cheap, SeeingEmbedding):
        rows, (seen,) = cheap.see([image])
    else:
        rows, seen = cheap.embed_images([image]), ()
    return replace(found, pixels=None, vector=rows[0].tolist(), seen=seen)


def _open(wanted: DecodeTask, max_megapixels: float) -> "tuple[Image.Image, Decoded]":
    if wanted.root is not None:
        inside(wanted.root, wanted.file.relative_to(wanted.root).as_posix())
    if wanted.page is None:
        image, place = open_with_place(wanted.file, max_megapixels=max_megapixels)
        return image, Decoded(image, None, place)
    image, layer = render_page(wanted.file, wanted.page)
    jpeg, text = as_kept(image), readable(layer or "")
    if wanted.keep_at:
        with suppress(OSError):  # a full disk, say: it can be drawn again
            keep(jpeg, wanted.keep_at)
    page_hash = hashlib.sha256(jpeg + text.encode()).hexdigest()[:32]
    unread = _unread(wanted.file, wanted.page, layer, text)
    return image, Decoded(jpeg, None, None, text, page_hash, "" if unread else LAYER, unread)


def _unread(file: Path, page: int, layer: str | None, text: str) -> Unread:
    if layer is None:
        return "broken"
    if not text:
        return "none"
    return "little" if says_little(text, partial(picture_share, file, page)) else ""


def _read(image: "Image.Image", page: Decoded) -> Decoded:
    try:
        words = readable(read_words(image))
    except SettingsError:
        raise
    except Exception:  # noqa: BLE001 - its picture is worth having; the report says so
        return page
    unread: Unread = "" if words else "nothing"
    return replace(page, text=joined(page.text, words), read_by=OCR, unread=unread)


@lru_cache(maxsize=1)
def _loaded(embedding: str, settings: Settings) -> ImageEmbedding:
    return load_image_embedding(embedding, settings)
