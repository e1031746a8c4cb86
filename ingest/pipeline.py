"""Pipeline: plan → decode → embed → upsert → sweep → report. The whole of the writing side."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeVar

from app.core import keywords
from app.core.collection import (
    Collection,
    create_collection,
    find_manifest,
    open_collection,
)
from app.core.engines import Point, Vector
from app.core.errors import CollectionError, SourceError
from app.core.images import content_hash
from app.core.manifest import Manifest, SourceEntry
from app.core.models import Models
from app.core.nodes import FileState, payload_of, point_id
from app.core.records import Field, Place, Record, Skip
from app.core.settings import Settings
from ingest.dataset import Source, default_label, load
from ingest.decode import Decoded, Decoders, Failure
from ingest.plan import Picture, Plan, Stored, by_content, make_plan, same_stat

BATCH = 32
"""Pictures that are embedded together, and points that are written together."""

DEFAULT_IMAGE = "clip"
DEFAULT_TEXT = "sentence"
OFFLINE_IMAGE = "palette"
OFFLINE_TEXT = "minilm"

LOST_LIMIT = 0.2
"""Share of a source's records that an ingest may remove without being told that it may."""


@dataclass(slots=True)
class Report:
    """What an ingest did: read = new + changed + unchanged + skipped; gone stands beside it."""

    collection: str
    read: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    gone: int = 0
    skipped: list[Skip] = field(default_factory=list)
    seconds: float = 0.0
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told what while an ingest runs: progress in pictures, and notices."""

    progress: Callable[[int, int], None] = lambda _done, _total: None
    notice: Callable[[str], None] = lambda _text: None


def ingest(
    path: Path,
    collection: str,
    settings: Settings,
    *,
    image: str | None = None,
    text: str | None = None,
    label: str | None = None,
    rebuild: bool = False,
    allow_removals: bool = False,
    strict: bool = False,
    watch: Watch | None = None,
) -> Report:
    """Bring a collection in step with a source on disk; the same again changes nothing.

    `image` and `text` name embeddings; left out, a collection keeps its own. What cannot be read is
    in the report, with its reason; `strict` raises the first instead. Ctrl-C ends with a report of
    what is in. Raises SourceError, EmbeddingError, CollectionError before anything is written.
    """
    started = time.monotonic()
    run = _Run(settings, watch or Watch(), strict, allow_removals)
    manifest = run.manifest(collection, rebuild)
    paths = _paths(_resolved(path), label, manifest, rebuild)
    fields = manifest.fields if manifest and not rebuild else ()
    sources: list[Source] = []
    for name, where in paths.items():
        sources.append(run.read(where, name, fields))
        fields = sources[-1].fields  # those known so far, then new ones
    report = Report(collection)
    if manifest is None and not any(source.records for source in sources):
        run.watch.notice(f"nothing to take in {path}: no collection was made")
        _count_skips(report, sources)
        return report
    models = _models(manifest, image, text, rebuild, settings)
    with _opened(collection, manifest, sources, models, rebuild, settings) as opened:
        for source in sources:
            run.bring_in_step(opened, source, models, report)
            if report.interrupted:
                break
        opened.settle()
    report.seconds = round(time.monotonic() - started, 3)
    return report


def _resolved(path: Path) -> Path:
    """Return the whole path. It is kept as text, so one that is none is refused."""
    try:
        resolved = path.resolve()
        str(resolved).encode()
    except UnicodeEncodeError as error:
        raise SourceError(
            "bad_path", f"the path {str(path)!r} is not Unicode: rename that folder or file"
        ) from error
    except (OSError, RuntimeError, ValueError):  # a loop of links, a NUL: `load` says so
        return path
    return resolved


def _paths(
    path: Path, label: str | None, manifest: Manifest | None, rebuild: bool
) -> dict[str, Path]:
    """Which sources to read, by label: the one given; in a rebuild, every one of the collection."""
    known = manifest.sources if manifest else {}
    name = label or _label(path, known)
    if not rebuild:
        return {name: path}
    paths = {other: entry.path for other, entry in known.items()} | {name: path}
    for other, where in paths.items():
        if other != name and not where.exists():
            raise SourceError(
                "missing_source",
                f"a rebuild reads every source again, but {other!r} is no longer at {where}."
                " Put it back, or remove the collection and ingest what there is",
            )
    return paths


def _label(path: Path, known: Mapping[str, SourceEntry]) -> str:
    """The label under which this path is known; a moved source keeps its own; else a free one."""
    for label, entry in known.items():
        if entry.path == path:
            return label
    wanted = default_label(path)
    candidates = (wanted, *(f"{wanted}-{number}" for number in range(2, len(known) + 3)))
    return next(
        label for label in candidates if label not in known or not known[label].path.exists()
    )


def _models(
    manifest: Manifest | None,
    image: str | None,
    text: str | None,
    rebuild: bool,
    settings: Settings,
) -> Models:
    """The models asked for; a collection's own, which need no loading to be known, if they are."""
    own = (manifest.image.name, manifest.text.name) if manifest else (DEFAULT_IMAGE, DEFAULT_TEXT)
    asked = (image or own[0], text or own[1])
    if manifest and not rebuild and asked == own:
        return Models.of(manifest, settings)
    return Models(*asked, settings)


def _opened(
    name: str,
    manifest: Manifest | None,
    sources: Sequence[Source],
    models: Models,
    rebuild: bool,
    settings: Settings,
) -> Collection:
    """Open the collection for writing, or make it. Models load first: their errors cost nothing."""
    if manifest is not None and not rebuild:
        manifest.require_models(name, *models.fingerprint())
        return open_collection(name, settings, purpose="write")
    image, text = models.fingerprint()
    first = sources[0]
    captions = ("\n".join(record.captions) for record in first.records)
    made = Manifest(
        image=image,
        text=text,
        keywords=f"bm25:{keywords.LANGUAGE}",
        average_length=keywords.average_length(captions),
        text_kind=first.text_kind,
        fields=first.fields,
        # All of them from the start: a rebuild that is killed must still know what to read again.
        sources={source.label: _entry(source) for source in sources},
    )
    return create_collection(name, made, settings, replace=rebuild)


def _entry(source: Source) -> SourceEntry:
    return SourceEntry(path=source.path, root=source.root)


def _count_skips(report: Report, sources: Sequence[Source]) -> None:
    report.skipped = [skip for source in sources for skip in source.skips]
    report.read = len(report.skipped)


@dataclass(frozen=True, slots=True)
class _Run:
    """How one ingest is to go about it."""

    settings: Settings
    watch: Watch
    strict: bool
    allow_removals: bool

    def manifest(self, collection: str, rebuild: bool) -> Manifest | None:
        """What is there; a rebuild goes on without one that cannot be read."""
        try:
            return find_manifest(collection, self.settings)
        except CollectionError as error:
            if not rebuild:
                raise
            self.watch.notice(f"made again from this source alone, for {error}")
            return None

    def read(self, path: Path, label: str, fields: Sequence[Field]) -> Source:
        """Read a source whole: its records are small, its pictures stay on disk."""
        source = load(path, label=label, known_fields=fields)
        if source.guesses:
            guessed = ", ".join(f"{part} = {guess}" for part, guess in source.guesses.items())
            self.watch.notice(f"{source.label}: guessed {guessed}; dataset.toml can say otherwise")
        for notice in source.notices:
            self.watch.notice(f"{source.label}: {notice}")
        if source.skips:
            self.refuse_if_strict(source.skips[0])
        return source

    def refuse_if_strict(self, skip: Skip) -> None:
        if self.strict:
            raise SourceError(skip.code, f"{skip.source}: {skip.reason} (--strict)")

    def bring_in_step(
        self, collection: Collection, source: Source, models: Models, report: Report
    ) -> None:
        """Plan, write and sweep one source, and count it in the report."""
        known = {field.name for field in collection.fields}
        collection.remember(
            fields=[field for field in source.fields if field.name not in known],
            sources={source.label: _entry(source)},
        )
        plan, skips = self._plan(collection, source)
        self._refuse_losses(plan.lost, plan.stored, source)
        writer = _Writer(collection, models, self, plan)
        try:
            writer.write()
            stale = plan.gone | (plan.changed & writer.failed)
            self._refuse_losses(stale - plan.moved, plan.stored, source)
            collection.delete(sorted(stale))
            report.gone += len(stale)
        except KeyboardInterrupt:
            report.interrupted = True
            writer.flush()
        self._count(report, plan, writer, [*source.skips, *skips])

    def _count(self, report: Report, plan: Plan, writer: "_Writer", skips: list[Skip]) -> None:
        report.new += len(plan.new & writer.done)
        report.changed += len(plan.changed & writer.done)
        report.unchanged += len(plan.unchanged)
        report.skipped += [*skips, *writer.skips]
        report.read = report.new + report.changed + report.unchanged + len(report.skipped)

    def _plan(self, collection: Collection, source: Source) -> tuple[Plan, list[Skip]]:
        everything = list(_stored(collection))
        own = {id_: known for id_, label, known in everything if label == source.label}
        files: dict[str, FileState] = {}
        skips: list[Skip] = []
        for record in source.records:
            try:
                files[record.record_id] = _file_state(record, own.get(point_id(record.record_id)))
            except OSError as error:
                skip = Skip(record.path, "unreadable_file", f"cannot be read: {error.strerror}")
                self.refuse_if_strict(skip)
                skips.append(skip)
        return make_plan(source.records, files, own, by_content(everything)), skips

    def _refuse_losses(self, lost: frozenset[str], before: int, source: Source) -> None:
        if len(lost) > LOST_LIMIT * before and not self.allow_removals:
            raise CollectionError(
                f"{len(lost)} of {before} records of source {source.label!r} are no longer in"
                f" {source.path}: more than a fifth, so none was removed. If that is meant, add"
                " --allow-removals; if a disk or folder is missing, bring it back"
            )


def _stored(collection: Collection) -> Iterator[tuple[str, str, Stored]]:
    """Point id, source's label and what is known, of every record."""
    for id_, payload in collection.ledger():
        file = FileState(
            payload.get("content_hash", ""), payload.get("size", -1), payload.get("mtime_ns", -1)
        )
        known = Stored(payload["record_id"], file, payload.get("metadata_hash", ""))
        yield id_, payload["source"], known


def _file_state(record: Record, before: Stored | None) -> FileState:
    """Return the state of a record's file; its bytes are read only if size or time changed."""
    stat = record.file.stat()
    if before is not None and same_stat(before, stat.st_size, stat.st_mtime_ns):
        return before.file
    return FileState(content_hash(record.file), stat.st_size, stat.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class _Ready:
    """A record whose picture has its vector."""

    record: Record
    file: FileState
    image: Vector
    exif_place: Place | None


class _Writer:
    """Carries a plan out, a batch at a time. What it has written stays, however it ends."""

    def __init__(self, collection: Collection, models: Models, run: _Run, plan: Plan) -> None:
        self._collection = collection
        self._models = models
        self._run = run
        self._plan = plan
        self._total = sum(len(picture.records) for picture in plan.pictures)
        self._ready: list[_Ready] = []
        self.done: set[str] = set()
        self.failed: set[str] = set()
        self.skips: list[Skip] = []

    def write(self) -> None:
        """Decode, embed and write every picture of the plan; then note the files' new times."""
        known = [picture for picture in self._plan.pictures if picture.reuse is not None]
        for batch in _batched(known):
            self._write_known(batch)
        fresh = [picture for picture in self._plan.pictures if picture.reuse is None]
        with Decoders(self._models.image_name, self._run.settings) as decoders:
            results = decoders.decode(picture.records[0].file for picture in fresh)
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
        self._run.watch.progress(len(self.done) + len(self.skips), self._total)

    def _write_known(self, batch: Sequence[Picture]) -> None:
        """Bytes that are stored already, under this name or another: their vector serves again."""
        ids = [picture.reuse or "" for picture in batch]
        stored = self._collection.fetch(ids, vectors=["image"])
        for picture, id_ in zip(batch, ids, strict=True):
            exif = stored[id_].payload.get("exif_place")
            self._add(picture, stored[id_].vectors["image"], Place(*exif) if exif else None)
        self.flush()

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
            self._run.refuse_if_strict(skip)
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


T = TypeVar("T")


def _batched(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(islice(rest, BATCH)):
        yield batch
