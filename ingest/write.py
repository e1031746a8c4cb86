"""Write: a plan → decoded, embedded and stored, a batch at a time. What is written stays."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from app.core import keywords
from app.core.collection import Collection
from app.core.engines import Point, Vector
from app.core.models import Models
from app.core.nodes import FileState, payload_of, point_id
from app.core.records import Place, Record, Skip
from ingest.decode import Decoded, Decoders, Failure
from ingest.plan import Picture, Plan

BATCH = 32
"""Pictures that are embedded together, and points that are written together."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Ready:
    """A record whose picture has its vector."""

    record: Record
    file: FileState
    image: Vector
    exif_place: Place | None


class Writer:
    """Carries a plan out. However it ends, `done`, `failed` and `skips` say how far it came.

    `skip` is told of each picture that cannot be read, and may raise; `progress` of how many
    records of how many are through.
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
        self.done: set[str] = set()
        self.failed: set[str] = set()
        self.skips: list[Skip] = []

    def write(self) -> None:
        """Decode, embed and write every picture of the plan; then note the files' new times."""
        known = [picture for picture in self._plan.pictures if picture.reuse is not None]
        fresh = [picture for picture in self._plan.pictures if picture.reuse is None]
        for batch in _batched(known):
            fresh += self._write_known(batch)
        results = self._decoders.decode(picture.records[0].file for picture in fresh)
        for decoded in _batched(zip(fresh, results, strict=True)):
            self._write_fresh(decoded)
        for id_, file in self._plan.touched.items():
            times = {"size": file.size, "mtime_ns": file.mtime_ns}
            self._collection.engine.set_payload(id_, times)

    def flush(self) -> None:
        """Embed the captions of what is ready, and write it."""
        texts = iter(self._embedded([text for r in self._ready for text in r.record.captions]))
        points = [self._point(ready, texts) for ready in self._ready]
        if points:
            self._collection.upsert(points)
        self.done |= {point.id for point in points}
        self._ready = []
        self._progress(len(self.done) + len(self.skips), self._total)

    def _write_known(self, batch: Sequence[Picture]) -> list[Picture]:
        """Bytes that are stored already, under this name or another: their vector serves again.

        Returns those whose vector this very run has replaced, as when a.jpg became b.jpg and b.jpg
        became c.jpg.
        """
        ids = [picture.reuse or "" for picture in batch]
        stored = self._collection.fetch(ids, vectors=["image"])
        replaced = []
        for picture, id_ in zip(batch, ids, strict=True):
            if stored[id_].payload.get("content_hash") != picture.file.content_hash:
                replaced.append(picture)
                continue
            exif = stored[id_].payload.get("exif_place")
            self._add(picture, stored[id_].vectors["image"], Place(*exif) if exif else None)
        self.flush()
        return replaced

    def _write_fresh(self, batch: Sequence[tuple[Picture, Decoded | Failure]]) -> None:
        images = [r.pixels for _, r in batch if isinstance(r, Decoded) and r.pixels is not None]
        embedded = iter(self._models.image.embed_images(images).tolist() if images else ())
        for picture, result in batch:
            if isinstance(result, Failure):
                self._skip(picture, result)
            else:
                vector = next(embedded) if result.vector is None else result.vector
                self._add(picture, vector, result.place)
        self.flush()

    def _skip(self, picture: Picture, failure: Failure) -> None:
        for record in picture.records:
            skip = Skip(record.path, failure.code, failure.reason)
            self._on_skip(skip)
            self.skips.append(skip)
            self.failed.add(point_id(record.record_id))

    def _add(self, picture: Picture, image: Vector, exif_place: Place | None) -> None:
        self._ready += [
            _Ready(record, picture.file, image, exif_place) for record in picture.records
        ]

    def _embedded(self, texts: Sequence[str]) -> list[list[float]]:
        return list(self._models.text.embed_documents(texts).tolist()) if texts else []

    def _point(self, ready: _Ready, texts: Iterator[list[float]]) -> Point:
        """Build the point of a record; its captions' vectors are the next of `texts`."""
        record = ready.record
        vectors: dict[str, Vector] = {"image": ready.image}
        if record.captions:
            vectors["text"] = list(islice(texts, len(record.captions)))
            average = self._collection.manifest.average_length
            if sparse := keywords.embed_document("\n".join(record.captions), average):
                vectors["keywords"] = sparse
        payload = payload_of(record, ready.file, self._collection.fields, ready.exif_place)
        return Point(point_id(record.record_id), vectors, payload)


def _batched(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(islice(rest, BATCH)):
        yield batch
