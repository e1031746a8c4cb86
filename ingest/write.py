"""Write: a plan → decoded, embedded and stored, a batch at a time. What is written stays."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from app.encoders import bm25
from app.encoders.maxsim import PAGE, PAGE_MEAN, page_vectors
from app.media import page_pictures
from app.media.images import open_image
from app.model.points import Point, Vector
from app.model.records import FileState, Place, Record, Skip
from app.store.collection import Collection
from app.store.models import Models
from app.store.payload import file_state, payload_of, point_id
from app.store.stored import node_content
from ingest.decode import OCR, Decoded, Decoders, DecodeTask, Failure
from ingest.passages import Unread, caption_of
from ingest.plan import PendingPicture, Plan, by_hash

if TYPE_CHECKING:
    from PIL import Image

RECORD_BATCH = 32
"""Pictures that are embedded together, and points that are written together."""

PAGE_BATCH = 8
"""The same where pages are embedded part by part, or read by OCR: that takes seconds each, and what
a kill undoes is a batch; and of the former each has up to 5 MB as it is handed to the engine."""

SHOWN = {"image", PAGE, PAGE_MEAN}
"""What is embedded of a picture, whatever is said of it."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Ready:
    """A record with the vectors that it has already, its picture's at least."""

    record: Record
    file: FileState
    vectors: dict[str, Vector]
    exif_place: Place | None = None
    seen: tuple[str, ...] = ()

    @property
    def spoken(self) -> bool:
        """Whether its words are embedded already."""
        return "text" in self.vectors


class Writer:
    """Executes a plan. However it ends, `done`, `failed` and `skips` say how far it came.

    `same` are those of `done` which show and say what they did before. `unread` are the paths of
    pages whose words are not what they show, by why. `skip` is told of each picture that cannot be
    read, and may raise; `progress` of how many records of how many are through.
    """

    def __init__(
        self,
        plan: Plan,
        collection: Collection,
        models: Models,
        decoders: Decoders,
        *,
        skip: Callable[[Skip], None],
        progress: Callable[[int, int], None],
    ) -> None:
        self._plan = plan
        self._collection = collection
        self._models = models
        self._decoders = decoders
        self._on_skip = skip
        self._progress = progress
        self._total = sum(len(picture.records) for picture in plan.pictures)
        self._ready: list[_Ready] = []
        pages = ((file.page_hash, id_, file) for id_, file in plan.pages.items())
        self._pages = by_hash(pages, ocr=plan.ocr)
        self._known = frozenset(self._pages) if plan.ocr else None
        self._ocr_words: dict[str, str] = {}
        self.done: set[str] = set()
        self.same: set[str] = set()
        self.failed: set[str] = set()
        self.skips: list[Skip] = []
        self.unread: dict[Unread, list[str]] = {}

    def write(self) -> None:
        """Decode, embed and write every picture of the plan; then note the files' new times."""
        known = [picture for picture in self._plan.pictures if picture.reuse is not None]
        fresh = [picture for picture in self._plan.pictures if picture.reuse is None]
        size = PAGE_BATCH if self._models.page_name or self._plan.ocr else RECORD_BATCH
        for batch in _batched(known, size):
            fresh += self._write_known(batch)
        results = self._decoders.decode(self._wanted(picture) for picture in fresh)
        for decoded in _batched(zip(fresh, results, strict=True), size):
            self._write_fresh(decoded)
        for id_, file in self._plan.touched.items():
            times = {"size": file.size, "mtime_ns": file.mtime_ns}
            self._collection.engine.set_payload(id_, times)

    def flush(self) -> None:
        """Embed the words of what is ready, and write it."""
        rows = [[] if ready.spoken else self._rows(ready.record) for ready in self._ready]
        embedded = iter(self._embedded([text for texts in rows for text in texts]))
        points = [
            self._point(ready, list(islice(embedded, len(texts))))
            for ready, texts in zip(self._ready, rows, strict=True)
        ]
        if points:
            self._keep_words([point.id for point in points])
            self._collection.upsert(points)
            if any(ready.record.page for ready in self._ready):
                page_pictures.trim(self._collection.pages)
        self.done |= {point.id for point in points}
        self._ready = []
        self._progress(len(self.done) + len(self.skips), self._total)

    def _keep_words(self, ids: Sequence[str]) -> None:
        """Keep what OCR read of pages that are written over: they may come up under other names."""
        read = [id_ for id_ in ids if (f := self._plan.pages.get(id_)) and f.read_by == OCR]
        for point in self._collection.fetch(read).values() if read else ():
            words = str(node_content(point.payload)["text"])
            self._ocr_words[file_state(point.payload).page_hash] = words

    def _wanted(self, picture: PendingPicture) -> DecodeTask:
        record = picture.records[0]
        keep_at = self._collection.page_picture(picture.file.content_hash) if record.page else None
        known = self._known if record.page else None
        return DecodeTask(record.file, record.page, keep_at, known, record.root)

    def _write_known(self, batch: Sequence[PendingPicture]) -> list[PendingPicture]:
        """Write pictures whose bytes are stored already, under any name, with the stored vectors.

        Returns those whose vector this very run has replaced, as when a.jpg became b.jpg and b.jpg
        became c.jpg.
        """
        ids = [picture.reuse or "" for picture in batch]
        stored = self._collection.fetch(ids, vectors=self._collection.manifest.spaces)
        replaced = []
        for picture, id_ in zip(batch, ids, strict=True):
            if file_state(stored[id_].payload).content_hash == picture.file.content_hash:
                self._reuse(picture, stored[id_])
            else:
                replaced.append(picture)
        self.flush()
        return replaced

    def _reuse(self, picture: PendingPicture, stored: Point) -> None:
        """Add a picture with the stored vectors of the same bytes; a page with all of them."""
        exif = stored.payload.get("exif_place")
        place = Place(*exif) if exif else None
        is_page = picture.records[0].page is not None
        text = str(node_content(stored.payload)["text"]) if is_page else ""
        kept = stored.vectors.keys() if is_page else SHOWN & stored.vectors.keys()
        vectors = {space: stored.vectors[space] for space in kept}
        file = file_state(stored.payload)
        unread: Unread = ("little" if text else "none") if file.unread else ""
        seen = tuple(stored.payload.get("seen", ()))
        found = Decoded(None, None, place, text, file.page_hash, file.read_by, unread, seen)
        self._add(picture, vectors, found)

    def _write_fresh(self, batch: Sequence[tuple[PendingPicture, Decoded | Failure]]) -> None:
        decoded = [result for _, result in batch if isinstance(result, Decoded)]
        known = self._known_pages({result.page_hash for result in decoded})
        new = [result for result in decoded if result.page_hash not in known]
        vectors = iter(self._picture_vectors(new))
        for picture, result in batch:
            if isinstance(result, Failure):
                self._skip(picture, result)
            elif result.page_hash in known:
                self._reuse(picture, known[result.page_hash])
            else:
                self._add(picture, next(vectors), self._with_words(result))
        self.flush()

    def _with_words(self, page: Decoded) -> Decoded:
        words = None if page.read_by else self._ocr_words.get(page.page_hash)
        return page if words is None else replace(page, text=words, read_by=OCR, unread="")

    def _known_pages(self, hashes: set[str]) -> dict[str, Point]:
        """Return a point for each page hash that is stored, under whichever number."""
        ids = [self._pages[page_hash] for page_hash in hashes if page_hash in self._pages]
        spaces = self._collection.manifest.spaces
        found = self._collection.fetch(ids, vectors=spaces) if ids else {}
        return {file_state(point.payload).page_hash: point for point in found.values()}

    def _picture_vectors(self, results: Sequence[Decoded]) -> list[dict[str, Vector]]:
        """Return what is stored of each picture: its vector, and those of its parts if wanted."""
        images = [_picture(result.pixels) for result in results if result.pixels is not None]
        dense = self._image_vectors(results, images)
        found: list[dict[str, Vector]] = [{"image": row} for row in dense]
        if results and (page := self._models.page):
            for vectors, rows in zip(found, page.embed_images(images), strict=True):
                vectors |= page_vectors(rows)
        return found

    def _image_vectors(
        self, results: Sequence[Decoded], images: Sequence["Image.Image"]
    ) -> list[list[float]]:
        """Return the image vectors: those that workers made, else made here."""
        embedded = iter(self._models.image.embed_images(images).tolist() if images else ())
        return [next(embedded) if each.vector is None else each.vector for each in results]

    def _skip(self, picture: PendingPicture, failure: Failure) -> None:
        for record in picture.records:
            skip = Skip(record.path, failure.code, failure.reason)
            self._on_skip(skip)
            self.skips.append(skip)
            self.failed.add(point_id(record.record_id))

    def _add(self, picture: PendingPicture, vectors: dict[str, Vector], found: Decoded) -> None:
        file = replace(picture.file, page_hash=found.page_hash, read_by=found.read_by)
        for record in picture.records:
            id_ = point_id(record.record_id)
            if _says_the_same(self._plan.pages.get(id_), file):
                self.same.add(id_)
            if found.unread:
                self.unread.setdefault(found.unread, []).append(record.path)
            if found.text and not record.captions:
                caption = caption_of(found.text)
                record = replace(record, text=found.text, captions=(caption,))
            self._ready.append(_Ready(record, file, vectors, found.place, found.seen))

    def _rows(self, record: Record) -> list[str]:
        """Return the texts to embed of a record: each caption, or each passage of a page."""
        return self._models.text.split(record.text) if record.text else [*record.sayings]

    def _embedded(self, texts: Sequence[str]) -> list[list[float]]:
        return list(self._models.text.embed_documents(texts).tolist()) if texts else []

    def _point(self, ready: _Ready, rows: list[list[float]]) -> Point:
        record = ready.record
        vectors = dict(ready.vectors)
        if rows:
            vectors["text"] = rows
            average = self._collection.manifest.average_length
            if sparse := bm25.embed_document(record.said, average):
                vectors["keywords"] = sparse
        payload = payload_of(
            record,
            ready.file,
            self._collection.fields,
            ready.exif_place,
            seen=ready.seen,
            on_top=self._collection.is_shared,
        )
        return Point(point_id(record.record_id), vectors, payload)


def _picture(pixels: "Image.Image | bytes") -> "Image.Image":
    return open_image(pixels) if isinstance(pixels, bytes) else pixels


def _says_the_same(before: FileState | None, now: FileState) -> bool:
    known = before and (before.page_hash, before.read_by)
    return known == (now.page_hash, now.read_by)


def _batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
