"""Workspace: the one way in. Collections and models of this process, shared by its threads."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar
from weakref import ref

from app.model.errors import (
    CollectionChangedError,
    CollectionError,
    CollectionMissingError,
    SightlineError,
)
from app.model.settings import Settings
from app.retrieval.retriever import Found
from app.retrieval.search import Search, Searcher
from app.store.collection import (
    Collection,
    collection_names,
    find_manifest,
    open_collection,
    remove_collection,
)
from app.store.models import Tell
from app.workspace.held import Held
from app.workspace.jobs import Job, Jobs

if TYPE_CHECKING:
    from app.answering.answer import Answer
    from app.answering.evidence import Evidence
    from app.assistants.outfit.complete import Outfit
    from app.model.garments import Slot
    from app.model.points import Point
    from app.model.report import Report, Watch
    from app.retrieval.hits import Hit
    from app.workspace.doctor import Check
    from app.workspace.export import Exported
    from app.workspace.facets import Facet

EXPORTED = 500
"""Records that are read at a time."""

IDLE_SECONDS = 2.0
"""After which a collection is let go of: a writer waits for 5 s, and opening takes .1 to .5 s."""

MAX_REMEMBERED_HITS = 100
"""Of a search that is remembered; a page of a document takes some 10 KB."""

Result = TypeVar("Result")


class Summary(NamedTuple):
    """A collection as it is listed: its records, or what is amiss with it.

    One of which the last ingest did not end, or goes on, is unfinished and may have more records.
    """

    name: str
    records: int | None
    problem: str = ""
    unfinished: bool = False


class Workspace:
    """All that Sightline does, for a notebook, a script, threads, the command line.

    A collection is opened when it is first used and shared by all threads. Once none has used it
    for two seconds it is let go of, so that another process may ingest into it; it is opened again
    when next used. While another process writes it, a copy is read, as it was a moment before. Its
    models are loaded once, and stay. Nothing is printed: `on_step` is told of what takes seconds.
    Close it, or use `with`.

    Every method raises CollectionMissingError where there is no such collection, and those that
    write CollectionBusyError while another process writes it.
    """

    def __init__(self, settings: Settings | None = None, *, on_step: Tell | None = None) -> None:
        self.settings = settings or Settings()
        self._on_step = on_step
        self._lock = Lock()
        self._held: dict[str, Held] = {}
        self._closed = Event()
        self._jobs = Jobs()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of all collections, also while they are used, and end its jobs as Ctrl-C does."""
        self._closed.set()
        self._jobs.end()
        for held in self._all():
            held.end()

    def search(self, collection: str, search: Search | str) -> Found:
        """Return the records that answer best; a string is words.

        Raises QueryError, SourceError for a picture.
        """
        from app.assistants.outfit.asked import told_of_outfit

        search = Search(search) if isinstance(search, str) else search
        remembered = self._of(collection).remembered

        def find(searcher: Searcher) -> Found:
            found = searcher.search(search)
            hints = told_of_outfit(search, searcher.collection)
            return replace(found, notices=[*found.notices, *hints])

        def recall(searcher: Searcher) -> Found:
            version = searcher.collection.version
            question = search.key if search.top_k <= MAX_REMEMBERED_HITS else None
            return remembered.answer(version, question, lambda: find(searcher), _are_there)

        found = self._with(collection, recall)
        return replace(found, hits=[*found.hits], notices=[*found.notices])  # theirs to change

    def search_many(
        self, collection: str, searches: Sequence[Search]
    ) -> list[Found | SightlineError]:
        """Return what `search` would for each, or its error; what they need is embedded at once."""
        return self._with(collection, lambda searcher: searcher.search_many(searches))

    def ask(
        self,
        collection: str,
        question: str,
        search: Search | None = None,
        *,
        on_evidence: "Callable[[tuple[Evidence, ...]], None] | None" = None,
        on_text: Tell | None = None,
    ) -> "tuple[Found, Answer]":
        """Return what was found, and what a vision model says from it to a question.

        `search` has all that is asked beside the question, such as a filter, and a picture that the
        question is about. `on_evidence` and `on_text` are told as `app.answer` tells them. That no
        model answers is a status of the answer.
        """
        from app.answering.answer import answer
        from app.media.images import open_image

        search = replace(search or Search(), words=question)
        found = self.search(collection, search)
        picture = None
        if search.image:
            picture = open_image(Path(search.image), max_megapixels=self.settings.max_megapixels)
        return found, answer(
            question,
            found.hits,
            settings=self.settings,
            query_image=picture,
            on_evidence=on_evidence,
            on_text=on_text,
            on_step=self._on_step,
        )

    def outfit(
        self,
        collection: str,
        garment: str | Path,
        *,
        audience: str | None = None,
        category: str | None = None,
        slots: "Sequence[Slot] | None" = None,
        per_slot: int = 1,
        where: str | None = None,
        min_score: float | None = None,
    ) -> "Outfit":
        """Return what goes with a garment, a picture's path or a record id; see complete_outfit."""
        from app.answering.vision import discard
        from app.assistants.outfit.complete import complete_outfit

        return self._with(
            collection,
            lambda searcher: complete_outfit(
                garment,
                searcher.collection,
                self.settings,
                searcher=searcher,
                audience=audience,
                category=category,
                slots=slots,
                per_slot=per_slot,
                where=where,
                min_score=min_score,
                on_step=self._on_step or discard,
            ),
        )

    def record(self, collection: str, record_id: str) -> "Hit":
        """Return one record by its id. Raises QueryError where there is none."""
        return self._with(collection, lambda searcher: searcher.record(record_id))

    def picture(self, collection: str, record_id: str) -> Path:
        """Return the picture of a record; of a page, that which is kept of it.

        Raises QueryError where there is no such record, SourceError for one that may not be opened.
        """
        from app.workspace.pictures import picture_of, point_of

        return picture_of(*self._with(collection, lambda found: point_of(found, record_id)))

    def thumbnail(self, collection: str, record_id: str, side: int = 320) -> bytes:
        """Return its picture as a WebP, upright, with at most 320 or 1,024 pixels on a side.

        It is made once and kept, as many as a bound allows. Raises as `picture`.
        """
        from app.workspace.pictures import point_of, thumbnail_of

        found = self._with(collection, lambda searcher: point_of(searcher, record_id))
        return thumbnail_of(*found, side, self.settings)

    @contextmanager
    def reading(self, collection: str) -> Iterator[Collection]:
        """The collection itself, to read what is not asked of it here."""
        with self._of(collection).reading() as searcher:
            yield searcher.collection

    def describe(self, collection: str) -> dict[str, Any]:
        """Return counts, sources, models, weights, columns and disk of a collection."""
        from app.workspace.describe import describe_collection

        return self._with(collection, lambda searcher: describe_collection(searcher.collection))

    def facets(
        self,
        collection: str,
        search: Search | None = None,
        *,
        columns: Sequence[str] | None = None,
        limit: int = 10,
    ) -> "list[Facet]":
        """Return of each column, or of those named, what it holds: values or bins, with counts.

        Counted are the records that pass the filter of a search: its where, near and also.
        """
        from app.workspace.facets import facets_of

        search = search or Search()
        remembered = self._of(collection).remembered
        named = None if columns is None else tuple(columns)
        key = Search(where=search.where, near=search.near, also=search.also).key
        question = key and ("facets", key, named, limit)

        def recall(searcher: Searcher) -> "list[Facet]":
            where = searcher.condition(search)
            find = partial(facets_of, searcher.collection, where, columns=named, limit=limit)
            return remembered.answer(searcher.collection.version, question, find)

        return [*self._with(collection, recall)]

    def collections(self) -> list[Summary]:
        """Return the collections that there are; a damaged one hides none of the others."""
        return [self._summary(name) for name in collection_names(self.settings)]

    def page(
        self,
        document: str,
        page: int | None = None,
        *,
        collection: str | None = None,
        out: Path | None = None,
        side: int | None = None,
        force: bool = False,
    ) -> Path:
        """Write a page of a document as a picture, and return the file; see write_page."""
        from app.media.pages import PAGE_SIDE
        from app.workspace.page_file import write_page

        return write_page(
            *(document, page, self.settings),
            collection=collection,
            out=out,
            side=side or PAGE_SIDE,
            force=force,
        )

    def export(
        self,
        collection: str,
        out: str | Path,
        search: Search | None = None,
        *,
        force: bool = False,
    ) -> "Exported":
        """Write records to a `.csv`, a `.jsonl`, or with their pictures to a `.zip` or a folder.

        A folder can be ingested again, a ZIP once it is unpacked; PDFs are in it whole. Written is
        all that passes a filter, by record id; of a search that is ranked, sorted or grouped its
        hits, in their order. What is there is replaced with `force` alone. Another process may
        write the collection meanwhile. Raises SettingsError for `out`, and what `search` raises.
        """
        from app.workspace.export import check_out, write_export

        out, search = Path(out), search or Search()
        check_out(out, force=force)
        return write_export(out, self._records(collection, search))

    def _records(
        self, collection: str, search: Search
    ) -> "Iterator[tuple[Collection, Point, float | None]]":
        """Yield what `export` writes; between batches others may write the collection."""
        if search.is_listed:
            ids = [(hit.id, hit.score) for hit in self.search(collection, search).hits]
        else:
            passing = self._with(
                collection,
                lambda found: found.collection.record_ids(found.condition(search)),
            )
            ids = [(id_, None) for _, id_ in passing]
        for start in range(0, len(ids), EXPORTED):
            batch = ids[start : start + EXPORTED]
            read = partial(_fetched, [id_ for id_, _ in batch])
            opened, points = self._with(collection, read)
            yield from ((opened, points[i], score) for i, score in batch if i in points)

    def ingest(
        self,
        path: str | Path,
        collection: str,
        *,
        image: str | None = None,
        text: str | None = None,
        page: str | None = None,
        label: str | None = None,
        rebuild: bool = False,
        allow_removals: bool = False,
        strict: bool = False,
        ocr: bool = False,
        offline: bool = False,
        watch: "Watch | None" = None,
    ) -> "Report":
        """Bring a collection in step with a source on disk; see `ingest.ingest`.

        Threads that search it meanwhile find what was stored a moment before. Ctrl-C ends it with
        what is in: it is no KeyboardInterrupt, but the report is `interrupted`.
        """
        from ingest.pipeline import ingest

        held = self._of(collection)
        held.leave()
        try:
            return ingest(
                *(Path(path), collection, self.settings),
                image=image,
                text=text,
                page=page,
                label=label,
                rebuild=rebuild,
                allow_removals=allow_removals,
                strict=strict,
                ocr=ocr,
                offline=offline,
                watch=watch,
            )
        finally:
            held.leave()  # of the copy, which is out of date now

    def start_ingest(
        self,
        path: str | Path,
        collection: str,
        *,
        image: str | None = None,
        text: str | None = None,
        page: str | None = None,
        label: str | None = None,
        rebuild: bool = False,
        allow_removals: bool = False,
        strict: bool = False,
        ocr: bool = False,
        offline: bool = False,
    ) -> Job:
        """Begin what `ingest` does in a process of its own, and return at once.

        Whatever it fails of, this process goes on; it is cancelled when the workspace closes, and
        also where this process ends without closing it.
        """
        if self._closed.is_set():
            raise SightlineError("this workspace is closed; ingest with one that is open")
        options = {"image": image, "text": text, "page": page, "label": label}
        flags = {"rebuild": rebuild, "allow_removals": allow_removals, "strict": strict}
        flags |= {"ocr": ocr, "offline": offline}
        where = Path(path).absolute(), collection, self.settings
        # Of the copy that is read meanwhile, which is out of date then.
        job = Job(*where, {**options, **flags}, on_end=lambda: self._of(collection).leave())
        return self._jobs.add(job)

    def jobs(self) -> list[Job]:
        """Return the jobs that run, and the last of those that have ended; the latest first."""
        return self._jobs.all()

    def remove(self, collection: str, source: str | None = None) -> int | None:
        """Delete a collection; or one source of it, and return how many records that were."""
        held = self._of(collection)
        held.leave()
        try:
            if source is None:
                remove_collection(collection, self.settings)
                return None
            with open_collection(collection, self.settings, purpose="write") as opened:
                return opened.forget(source)
        finally:
            held.leave()  # of the copy, which is out of date now

    def doctor(self) -> "list[Check]":
        """Look at everything an answer needs: one finding each, with what to do about it."""
        from app.workspace.doctor import diagnose

        return diagnose(self.settings)

    def _with(self, collection: str, job: Callable[[Searcher], Result]) -> Result:
        """Do a job on a collection; once more, if another process has made that anew meanwhile."""
        held = self._of(collection)
        try:
            with held.reading() as searcher, suppress(CollectionChangedError):
                return job(searcher)
            with held.reading() as searcher:
                return job(searcher)
        except CollectionMissingError:
            with self._lock:
                self._held.pop(collection, None)
            raise

    def _of(self, name: str) -> Held:
        with self._lock:
            if not self._held:
                Thread(target=_let_go, args=(ref(self), self._closed), daemon=True).start()
            held = self._held.setdefault(name, Held(name, self.settings, self._on_step))
        if self._closed.is_set():
            held.end()
        return held

    def _all(self) -> list[Held]:
        with self._lock:
            return [*self._held.values()]

    def _release(self) -> None:
        for held in self._all():
            held.release(idle_seconds=IDLE_SECONDS)

    def _summary(self, name: str) -> Summary:
        try:
            manifest = find_manifest(name, self.settings)
        except CollectionError as error:
            return Summary(name, None, str(error))
        if manifest is None:
            return Summary(name, None)
        return Summary(name, manifest.points, unfinished=manifest.unfinished)


def _are_there(found: Found) -> bool:
    """Tell whether pictures that were there still are, and none has come back."""
    shown = ((hit.file, hit.gone) for hit in found.hits)
    return all(file is None or os.path.exists(file) != gone for file, gone in shown)  # noqa: PTH110


def _fetched(ids: Sequence[str], searcher: Searcher) -> "tuple[Collection, dict[str, Point]]":
    return searcher.collection, searcher.collection.fetch(ids)


def _let_go(workspace: "ref[Workspace]", closed: Event) -> None:
    """Release what nobody uses, for as long as there is a workspace."""
    while not closed.wait(IDLE_SECONDS / 2) and (there := workspace()):
        there._release()
        del there
