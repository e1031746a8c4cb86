"""Collection: points under one name, the same on both engines. Written by ingest, read by all."""

import hashlib
import logging
import math
import re
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice, pairwise
from pathlib import Path
from threading import RLock
from typing import Any, Self

from app.encoders import spec_of
from app.encoders.maxsim import EXACT_PAGES, PAGE, PAGE_MEAN, in_two_stages
from app.filters.compile import FilterJson, compile_filter
from app.filters.conditions import AllOf, Between, Compare, Condition, key_of
from app.media import page_pictures
from app.media.private import secure_home
from app.model.errors import (
    CollectionError,
    CollectionForeignError,
    CollectionMissingError,
    EmbeddingError,
    SettingsError,
)
from app.model.messages import did_you_mean
from app.model.points import Point, Query, ScoredId
from app.model.records import Field
from app.model.settings import Settings
from app.store.engines import SCROLL_SIZE, STRANGERS, Engine, IndexKind, Placement, Spaces
from app.store.engines.lock import Purpose, made_anew
from app.store.manifest import Manifest, SourceEntry
from app.store.payload import INDEXES, LEDGER, SEEN_INDEXES, field_indexes, is_sound
from app.store.stored import StoredRecord, read_stored

logger = logging.getLogger(__name__)

COLLECTION_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")

UNIT_TOLERANCE = 1e-3


class Collection:
    """A collection, opened when it is used. Use it as a context manager, or close it.

    Models take seconds to load, and while one search holds the embedded engine others wait; so it
    is opened when first needed, and again after `release`. Threads may read it at once. One that
    was just made is open, and unseen by others until it is published.
    """

    def __init__(
        self,
        name: str,
        engine: Engine,
        manifest: Manifest,
        pages: Path,
        *,
        is_open: bool = False,
        replaces: bool = False,
    ) -> None:
        self.name = name
        self.manifest = manifest
        self._engine = engine
        self._is_open = is_open
        self._version = object()
        self._gate = RLock()
        self._users = 0
        self._used_at = 0.0
        self._replaces = replaces
        self._running: set[str] = set()
        self._has_strangers = False
        self.pages = pages

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the collection, so that others can open it."""
        with self._gate:
            self._engine.close()
            self._is_open = False

    def release(self, *, idle_seconds: float = 0.0) -> None:
        """Let go of it unless a thread reads it, or did within so many seconds."""
        with self._gate:
            if not self._users and time.monotonic() - self._used_at >= idle_seconds:
                self.close()

    @property
    def is_wanted(self) -> bool:
        """Whether it should be let go of: a writer waits, or what is read is a copy of old."""
        return self._engine.is_wanted

    def refresh(self) -> None:
        """Take up what others have changed, if it is not open; what is open cannot have changed.

        Raises CollectionChangedError for what was made anew with other models, or removed.
        """
        with self._gate:
            if not self._is_open:
                self._take_up()

    @property
    def engine(self) -> Engine:
        """The open engine. Raises as `open`."""
        self.open()
        return self._engine

    def open(self) -> None:
        """Open the engine, and take up the manifest as it is then; once more does nothing.

        Raises CollectionBusyError, CollectionError for a store that is lost.
        """
        with self._gate:
            if self._is_open:
                return
            self._engine.open()
            self._is_open, self._version = True, object()
            try:
                self._take_up()
                self._refuse_loss()
            except BaseException:
                self.close()
                raise

    def version(self) -> object:
        """Open it, and return what tells this time from the next; None of what others may write.

        While it is open no other process can write the embedded engine's, nor a copy of it.
        """
        if self.is_shared:
            return None
        with self._in_use():
            return self._version

    @contextmanager
    def _in_use(self) -> Iterator[Engine]:
        """The open engine, which `release` lets be meanwhile."""
        with self._gate:
            self.open()
            self._users += 1
        try:
            yield self._engine
        finally:
            with self._gate:
                self._users -= 1
                self._used_at = time.monotonic()

    def _take_up(self) -> None:
        """Take up what others have changed since it was found, now that it is held.

        Refuses what was made again with other models, or removed.
        """
        made = _manifest(self.name, self._engine)
        if made is None or made.models != self.manifest.models:
            raise made_anew(self.name)
        self.manifest = made

    def _refuse_loss(self) -> None:
        if self.manifest.points and not self._engine.count():
            raise CollectionError(
                f"collection {self.name!r} had {self.manifest.points} records and now has none: its"
                f" store was lost. Make it again: sightline ingest … --collection {self.name}"
                " --rebuild"
            )

    @property
    def fields(self) -> tuple[Field, ...]:
        """The columns that can be filtered by."""
        return self.manifest.fields

    def hold(self, source: str) -> None:
        """Keep other writers from a source of it. Raises CollectionBusyError."""
        self.engine.hold(source)

    def upsert(self, points: Sequence[Point]) -> None:
        """Write whole points. Raises EmbeddingError for a vector that no search could find."""
        spaces = _spaces(self.manifest)
        for point in points:
            _check_vectors(point, spaces)
        self.engine.upsert(points)
        if not self._replaces:
            self.publish()

    def delete(self, ids: Sequence[str]) -> None:
        """Delete points, with all their vectors; ids that are not there do not matter."""
        if ids and self.manifest.points and self.engine.count() <= len(ids):
            self._update(points=0)  # first: a store that is empty before would be taken for lost
        self.engine.delete(ids)

    def search(
        self,
        queries: Sequence[Query],
        *,
        limit: int,
        where: Condition | None = None,
        spare: int = 0,
    ) -> list[list[ScoredId]]:
        """Run all queries as one batch under one filter: one best-first list for each.

        `spare` are returned beyond the limit, to see whether they score as the last does.
        Where over 2,000 records pass, pages are first looked for by the mean of their vectors.
        """
        staged = [self._staged(query, limit, where) for query in queries]
        with self._in_use() as engine:
            return engine.search(staged, limit=limit + spare, filter=self._compiled(where))

    def fetch(self, ids: Sequence[str], *, vectors: Sequence[str] = ()) -> dict[str, Point]:
        """Return the points that exist, by id."""
        with self._in_use() as engine:
            found = engine.fetch(ids, vectors=vectors)
        return {
            point.id: point
            for point in found
            if self._is_ours(point.payload) and "_node_content" in point.payload
        }

    def stored(self, payload: Mapping[str, Any]) -> StoredRecord:
        """Return the record of a payload, with a picture that may be opened on this machine."""
        return read_stored(
            payload, self.manifest.sources, self.pages, is_trusted=not self.is_shared
        )

    def page_picture(self, content_hash: str) -> Path:
        """Return where the picture of a page is kept, if it is."""
        return page_pictures.picture_file(self.pages, content_hash)

    def size_bytes(self) -> int | None:
        """Bytes on disk, with the pictures of pages; None when the engine cannot tell."""
        with self._in_use() as engine:
            stored = engine.size_bytes()
        return None if stored is None else stored + page_pictures.size_bytes(self.pages)

    @property
    def is_shared(self) -> bool:
        """Whether programs other than this one read it: then it is kept as they expect."""
        return self._engine.is_shared

    def placement(self) -> Placement | None:
        """Return how a server spreads it; None for the embedded engine."""
        with self._in_use() as engine:
            return engine.placement()

    def ledger(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield point id and what is known of its file."""
        with self._in_use() as engine:
            for id_, payload in engine.scroll(LEDGER):
                if self._is_ours(payload):
                    yield id_, payload

    def record_ids(self, where: Condition | None) -> list[tuple[str, str]]:
        """Return (record id, point id) of all that passes, by record id."""
        with self._in_use() as engine:
            found = engine.scroll(("record_id",), self._compiled(where))
            return sorted(
                (payload["record_id"], id_) for id_, payload in found if self._is_ours(payload)
            )

    def first(
        self, where: Condition | None, limit: int | None, *, keys: Sequence[str] = ("record_id",)
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield id and the named payload keys of the first that pass, by id; without limit, of all.

        `keys` has "record_id", by which our points are known.
        """
        size = min(limit or SCROLL_SIZE, SCROLL_SIZE)
        with self._in_use() as engine:
            found = engine.scroll(keys, self._compiled(where), size=max(size, 1))
            yield from islice(((id_, each) for id_, each in found if self._is_ours(each)), limit)

    def ordered(
        self, key: str, limit: int, where: Condition | None = None, *, descending: bool = False
    ) -> list[tuple[str, dict[str, Any]]]:
        """Return id and payload of those that have a value at a key of numbers or times, by it."""
        with self._in_use() as engine:
            found = engine.ordered(key, limit, self._compiled(where), descending=descending)
        return [(id_, payload) for id_, payload in found if self._is_ours(payload)]

    def count(self, where: Condition | None = None) -> int:
        """Count the records that pass."""
        with self._in_use() as engine:
            return engine.count(self._compiled(where))

    def count_source(self, label: str) -> int:
        """Count the records of one source."""
        return self.count(Compare("source", "==", label))

    def histogram(
        self, key: str, edges: Sequence[float] | Sequence[datetime], where: Condition | None = None
    ) -> list[int]:
        """Count what passes from each edge to below the next; the last part has its end too.

        20 parts of 5,000 records take 2 ms.
        """
        passing = () if where is None else (where,)
        parts: Sequence[tuple[Any, Any]] = [*pairwise(edges)]
        return [
            self.count(AllOf((*passing, Between(key, low, high, closed=number == len(parts)))))
            for number, (low, high) in enumerate(parts, 1)
        ]

    def commonest(
        self, field: Field, limit: int = 5, where: Condition | None = None
    ) -> list[tuple[str, int]]:
        """Return the commonest values of a column of words or booleans, with their counts."""
        with self._in_use() as engine:
            return engine.commonest(key_of("fields", field.slug), limit, self._compiled(where))

    def extremes(self, field: Field, where: Condition | None = None) -> tuple[Any, Any] | None:
        """Return least and greatest value of a column of numbers or times; None when empty."""
        key = key_of("fields", field.slug)
        ends = [*self.ordered(key, 1, where), *self.ordered(key, 1, where, descending=True)]
        values = [payload["fields"][field.slug] for _, payload in ends]
        return (values[0], values[1]) if len(values) == 2 else None

    def remember(
        self, *, fields: Sequence[Field] = (), sources: Mapping[str, SourceEntry] | None = None
    ) -> None:
        """Take up new columns, with their indexes, and new or moved sources.

        Until `settle` ends the ingest, the sources are known to be unfinished: not all may be in.
        """
        for key, kind in field_indexes(fields).items():
            self.engine.add_index(key, kind)
        begun = {
            label: entry.model_copy(update={"unfinished": True})
            for label, entry in (sources or {}).items()
        }
        self._running |= begun.keys()
        self._update(
            fields=(*self.manifest.fields, *fields),
            sources={**self.manifest.sources, **begun},
        )

    def forget(self, label: str) -> int:
        """Delete the records of one source, and what is remembered of it; return their number.

        Raises CollectionError when no source is called so.
        """
        sources = dict(self.manifest.sources)
        if sources.pop(label, None) is None:
            known = ", ".join(sources) or "none"
            raise CollectionError(
                f"collection {self.name!r} has no source {label!r}{did_you_mean(label, sources)}"
                f" (there is: {known})"
            )
        self.hold(label)
        gone = [id_ for _, id_ in self.record_ids(Compare("source", "==", label))]
        self.delete(gone)
        self._update(sources=sources, points=self.engine.count())
        self.settle()
        return len(gone)

    def settle(self, *, finished: bool = True) -> None:
        """End an ingest: remember the count, tidy up, make a large collection fast to search.

        What was made beside another takes its place if it is `finished`, and else never will.
        """
        if self._replaces and not finished:
            return
        self._update(points=self.engine.count(), sources=self._settled(finished))
        if finished:
            self.publish()
            self.engine.optimise()
            self.engine.compact(_spaces(self.manifest), _indexes(self.manifest))
        if self.pages.is_dir():
            contents = (payload.get("content_hash", "") for _, payload in self.ledger())
            page_pictures.remove_unused(self.pages, contents)

    def publish(self) -> None:
        """Let what was begun take its place, in one step; once more does nothing."""
        self.engine.publish()
        self._replaces = False

    def _settled(self, finished: bool) -> dict[str, SourceEntry]:
        ended = self._running if finished else set()
        return {
            label: entry.model_copy(update={"unfinished": False}) if label in ended else entry
            for label, entry in self.manifest.sources.items()
        }

    def _is_ours(self, payload: Mapping[str, Any]) -> bool:
        """Tell our points from what else a server may hold; the first of those is told."""
        if is_sound(payload):
            return True
        if not self._has_strangers:
            self._has_strangers = True
            logger.warning(STRANGERS, self.name)
        return False

    def _staged(self, query: Query, limit: int, where: Condition | None) -> Query:
        if query.space != PAGE or query.among or self.count(where) <= EXACT_PAGES:
            return query
        return in_two_stages(query, limit)

    def _update(self, **changes: object) -> None:
        changed = self.manifest.model_copy(update=changes)
        if changed != self.manifest:
            self.engine.change_manifest(self.manifest.write(), changed.write())
            self.manifest = changed

    def _compiled(self, where: Condition | None) -> FilterJson | None:
        return None if where is None else compile_filter(where)


def create_collection(name: str, manifest: Manifest, settings: Settings) -> Collection:
    """Make an empty collection and hold it for writing.

    Raises CollectionBusyError when there is one: another process was first.
    """
    made = begin_collection(name, manifest, settings)
    made.publish()
    return made


def begin_collection(
    name: str, manifest: Manifest, settings: Settings, *, replace: bool = False
) -> Collection:
    """Begin a collection that takes its place with its first points.

    One that is to `replace` another is made beside it, and takes its place when it is settled.
    Closed before that, either leaves no trace. Raises as `create_collection`.
    """
    _sweep(settings)
    engine = _engine(name, settings, "write")
    indexes = _indexes(manifest)
    try:
        engine.create(_spaces(manifest), indexes, manifest.write(), replace=replace)
    except BaseException:
        engine.close()
        raise
    pages = _pages(name, settings)
    return Collection(name, engine, manifest, pages, is_open=True, replaces=replace)


def open_collection(name: str, settings: Settings, *, purpose: Purpose = "read") -> Collection:
    """Open a collection that exists; for writing, the engine is held from now on.

    Raises CollectionMissingError, CollectionMismatchError (another format); CollectionBusyError
    when the engine is opened, or at once if its first ingest has begun and stored nothing yet.
    """
    engine = _engine(name, settings, purpose)
    manifest = _manifest(name, engine)
    if manifest is None:
        engine.require_free()  # its first ingest may be at it, with nothing stored yet
        manifest = _manifest(name, engine)
    if manifest is None:
        raise CollectionMissingError(
            f"{_missing(name, settings)}. Make it: sightline ingest PATH --collection {name}"
        )
    collection = Collection(name, engine, manifest, _pages(name, settings))
    if purpose == "write":
        collection.open()  # which may find more columns than there were a moment ago
        indexes = _indexes(collection.manifest)
        for key in indexes.keys() - collection.engine.indexed():  # made before it was one of them
            collection.engine.add_index(key, indexes[key])
    return collection


def find_manifest(name: str, settings: Settings) -> Manifest | None:
    """Return what a collection remembers without opening it; None when there is none."""
    engine = _engine(name, settings, "read")
    try:
        return _manifest(name, engine)
    finally:
        engine.close()


def collection_names(settings: Settings) -> list[str]:
    """Return the names of the collections that exist, in order."""
    if settings.qdrant:
        from app.store.engines.connection import Connection
        from app.store.engines.server import names_on_server

        with Connection(settings.qdrant, settings) as connection:
            return names_on_server(connection)
    folder = settings.collections_folder
    found = folder.iterdir() if folder.is_dir() else iter(())
    return sorted(entry.name for entry in found if (entry / "manifest.json").is_file())


def remove_collection(name: str, settings: Settings) -> None:
    """Delete a collection, also a damaged one. Raises CollectionMissingError if there is none."""
    engine = _engine(name, settings, "write")
    try:
        there = engine.read_manifest() is not None
    except CollectionForeignError:
        raise
    except CollectionError:  # damaged: all the more to be removed
        there = True
    if there:
        engine.drop()
    _sweep(settings)
    if not there:
        raise CollectionMissingError(_missing(name, settings))
    shutil.rmtree(_pages(name, settings), ignore_errors=True)
    shutil.rmtree(unreadable_folder(name, settings), ignore_errors=True)


def _sweep(settings: Settings) -> None:
    """Remove what killed runs left; on a server, whoever writes a collection does."""
    if not settings.qdrant:
        from app.store.engines.edge import remove_unfinished

        remove_unfinished(settings.collections_folder)


def unreadable_folder(name: str, settings: Settings) -> Path:
    """Return where it is remembered which files could not be read: a cache, which may be lost."""
    return _cache("unreadable", name, settings)


def _pages(name: str, settings: Settings) -> Path:
    """The folder with a collection's thumbnails and pages as pictures: a cache, may be lost."""
    return _cache("pages", name, settings)


def _cache(kind: str, name: str, settings: Settings) -> Path:
    digest = hashlib.sha256((settings.qdrant or "embedded").encode()).hexdigest()[:12]
    return settings.home.expanduser() / kind / digest / name


def _manifest(name: str, engine: Engine) -> Manifest | None:
    stored = engine.read_manifest()
    return None if stored is None else Manifest.read(name, stored)


def _engine(name: str, settings: Settings, purpose: Purpose) -> Engine:
    if not COLLECTION_NAME.fullmatch(name):
        raise SettingsError(
            f"{name!r} cannot be the name of a collection: it takes 1 to 64 of a-z, 0-9, '.', '_'"
            " and '-', beginning with a letter or a digit"
        )
    if purpose == "write":
        secure_home(settings.home.expanduser())
    if settings.qdrant:
        from app.store.engines.connection import Connection
        from app.store.engines.server import ServerEngine

        return ServerEngine(
            Connection(settings.qdrant, settings),
            name,
            purpose=purpose,
            shards=settings.qdrant_shards,
            replicas=settings.qdrant_replicas,
        )
    from app.store.engines.edge import EdgeEngine

    return EdgeEngine(settings.collections_folder / name, purpose)


def _missing(name: str, settings: Settings) -> str:
    known = collection_names(settings)
    there = ", ".join(known) or "none yet"
    return f"there is no collection {name!r}{did_you_mean(name, known)} (there is: {there})"


def _indexes(manifest: Manifest) -> dict[str, IndexKind]:
    """The payload keys that filters use."""
    seen = SEEN_INDEXES if spec_of(manifest.image.name).sees else {}
    return INDEXES | seen | field_indexes(manifest.fields)


def _spaces(manifest: Manifest) -> Spaces:
    """The vectors of a collection: pages have theirs only where a page embedding was chosen."""
    page = manifest.page.dimensions if manifest.page else None
    return Spaces(
        dense={"image": manifest.image.dimensions} | ({PAGE_MEAN: page} if page else {}),
        rows={"text": manifest.text.dimensions},
        sparse=("keywords",),
        late={PAGE: page} if page else {},
    )


def _check_vectors(point: Point, spaces: Spaces) -> None:
    """Refuse what the engines would take and never find: wrong sizes, NaN, zero vectors."""
    several = {**spaces.rows, **spaces.late}
    for space, size in (*spaces.dense.items(), *several.items()):
        if space not in point.vectors:
            continue
        vector: Any = point.vectors[space]
        for row in (vector or [[]]) if space in several else [vector]:
            length = math.hypot(*row)  # 2 µs; the way over a numpy array and its norm takes 12
            if len(row) != size or not abs(length - 1) < UNIT_TOLERANCE:
                raise EmbeddingError(
                    f"the {space} embedding gave {len(row)} numbers of length {length:.3g} for"
                    f" {point.payload.get('record_id')!r}; {size} of length 1 are needed."
                    " Nothing of this batch was stored"
                )
