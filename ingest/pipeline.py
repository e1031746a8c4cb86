"""Pipeline: plan → decode → embed → upsert → sweep → report. The whole of the writing side."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, product
from pathlib import Path
from threading import Lock

from app.encoders import OFFLINE, bm25, is_offline
from app.filters.conditions import AllOf, Compare, Exists
from app.media.inside import inside
from app.media.isolated import in_this_process, require_guard
from app.media.picture_files import content_hash
from app.model.errors import (
    CollectionBusyError,
    CollectionError,
    CollectionForeignError,
    ServiceUnavailableError,
    SettingsError,
    SourceError,
)
from app.model.messages import counted
from app.model.records import FileState, Record, Skip, page_content
from app.model.report import Report, Watch
from app.model.settings import Settings
from app.store.collection import (
    Collection,
    begin_collection,
    find_manifest,
    open_collection,
    unreadable_folder,
)
from app.store.manifest import Manifest, SourceEntry
from app.store.models import Models
from app.store.payload import file_state, point_id
from ingest.dataset import Source
from ingest.decode import OCR, Decoders
from ingest.ocr import require_ocr
from ingest.passages import told_unread
from ingest.plan import LedgerEntry, Plan, make_plan
from ingest.sampling import average_words, told_of_length
from ingest.sources import (
    find_alike,
    read_sources,
    refuse_moved,
    told_guesses,
    told_of_alike,
    told_of_silence,
)
from ingest.telling import tell, telling
from ingest.unreadable import Known, Stamp, memory_of, recall, remember, skip_of
from ingest.write import Writer

DEFAULT_IMAGE = "clip"
DEFAULT_TEXT = "sentence"
LOST_LIMIT = 0.2
"""Share of a source's records, or of those with captions, that may lose them unasked."""

COMPARED = 64
"""Files that a thread compares at a time: one by one, handing them over takes half of it all."""

MAKING_SECONDS = 60.0
"""From when a collection is begun on a server until its first records are in, with slow models."""

Names = tuple[str | None, str | None, str | None]
"""Of an image, a text and a page embedding; None for what is not asked for."""


def ingest(
    path: Path,
    collection: str,
    settings: Settings,
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
    watch: Watch | None = None,
) -> Report:
    """Bring a collection in step with a source on disk; the same again changes nothing.

    `image`, `text` and `page` name embeddings; left out, a collection keeps its own, and a new one
    has none for pages; `offline` stands for those that come with the installation. `ocr` reads
    pages without a text layer, if it has not before; what it read stays, also without it, and a
    `rebuild` without it is refused. A new source that looks like one that is gone is refused,
    unless `label` says which it is. What cannot be read is in the report, with its reason; `strict`
    raises the first instead. Ctrl-C ends with a report of what is in.
    Raises SettingsError, SourceError, EmbeddingError, CollectionError before anything is written.
    """
    started = time.monotonic()
    if offline and (image or text):
        raise SettingsError("--offline chooses the embeddings; leave out --image and --text")
    if settings.workers != 0:
        require_guard()
    if ocr:
        require_ocr()
    report = Report(collection)
    watch = watch or Watch()
    run = _Run(settings, watch, label, strict, allow_removals, rebuild, ocr, offline, report)
    try:
        with in_this_process(settings.workers == 0), telling(watch.step):
            manifest = run.manifest()
            try:
                run.bring(path, manifest, (image, text, page))
            except CollectionBusyError:
                if manifest is not None or not (made := run.made_by_another()):
                    raise
                run.bring(path, made, (image, text, page))
    except KeyboardInterrupt:
        report.interrupted = True
    report.seconds = round(time.monotonic() - started, 3)
    return report


def _models(
    manifest: Manifest | None,
    names: Names,
    rebuild: bool,
    offline: bool,
    settings: Settings,
) -> Models:
    """The models asked for, by the names of image, text and page embedding.

    If they are a collection's own, they need no loading to be known.
    """
    own = _own_names(manifest)
    if offline and (manifest is None or rebuild or not all(map(is_offline, own[:2]))):
        names = (OFFLINE["image"], OFFLINE["text"], names[2])
    asked = (names[0] or own[0], names[1] or own[1], names[2] or own[2])
    if manifest and not rebuild:
        if asked == own:
            return Models.of(manifest, settings)
        manifest.require_kinds(*asked)  # what can be told before a model is loaded, or fetched
    image, text, page = asked
    return Models(image, text, settings, page=page)


def _own_names(manifest: Manifest | None) -> tuple[str, str, str | None]:
    if manifest is None:
        return DEFAULT_IMAGE, DEFAULT_TEXT, None
    return manifest.image.name, manifest.text.name, manifest.page.name if manifest.page else None


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
        opened = open_collection(name, settings, purpose="write")
        try:
            _refuse_changed(opened, sources, models)
        except BaseException:
            opened.close()
            raise
        return opened
    image, text, page = models.fingerprint()
    first = sources[0]
    made = Manifest(
        image=image,
        text=text,
        page=page,
        keywords=f"bm25:{bm25.LANGUAGE}",
        average_length=average_words([rec for source in sources for rec in source.records]),
        text_kind=first.text_kind,
        fields=first.fields,
        sources={source.label: _entry(source) for source in sources},
    )
    return begin_collection(name, made, settings, replace=rebuild)


def _refuse_changed(opened: Collection, sources: Sequence[Source], models: Models) -> None:
    """Refuse what another process has changed while files were read and models loaded."""
    opened.manifest.require_models(opened.name, *models.fingerprint())
    for known, new in product(opened.fields, (new for each in sources for new in each.fields)):
        if known != new and (known.name == new.name or known.slug == new.slug):
            raise CollectionBusyError(
                f"another process has just given collection {opened.name!r} the column"
                f" {known.name!r}, and this source has one like it; run the command again"
            )


def _entry(source: Source) -> SourceEntry:
    given = source.given
    return SourceEntry(path=source.path, root=source.root, scales=given.scales, extras=given.extras)


def _count_skips(report: Report, sources: Sequence[Source]) -> None:
    report.skipped = [skip for source in sources for skip in source.skips]
    report.read = len(report.skipped)


@dataclass(frozen=True, slots=True)
class _Run:
    """How one ingest is to go about it, and what it did so far."""

    settings: Settings
    watch: Watch
    label: str | None
    strict: bool
    allow_removals: bool
    rebuild: bool
    ocr: bool
    offline: bool
    report: Report

    def manifest(self) -> Manifest | None:
        """What is there; a rebuild goes on without one that cannot be read."""
        try:
            return find_manifest(self.report.collection, self.settings)
        except CollectionError as error:
            if not self.rebuild or isinstance(error, CollectionForeignError):
                raise
            self.watch.notice(f"made again from this source alone, because {error}")
            return None

    def made_by_another(self) -> Manifest | None:
        """Wait for the manifest of a collection that another process is just making on a server."""
        name, ends = self.report.collection, time.monotonic() + MAKING_SECONDS
        if not self.settings.qdrant:
            return None
        self.watch.notice(f"another process is making {name!r}: waiting for its first records")
        while (made := find_manifest(name, self.settings)) is None and time.monotonic() < ends:
            time.sleep(1)
        return made

    def bring(
        self,
        path: Path,
        manifest: Manifest | None,
        names: Names,
    ) -> None:
        """Read what is to be read, and write it with the models asked for, if there is any."""
        self.refuse_forgetting(manifest)
        sources = read_sources(
            path,
            self.label,
            manifest,
            collection=self.report.collection,
            rebuild=self.rebuild,
            unreadable=self.unreadable,
            notice=self.watch.notice,
        )
        self.refuse_if_strict(*(skip for source in sources for skip in source.skips))
        if manifest is None and not any(source.records for source in sources):
            self.nothing_taken(path)
            _count_skips(self.report, sources)
        else:
            models = _models(manifest, names, self.rebuild, self.offline, self.settings)
            if self.offline and models.image_name != OFFLINE["image"]:
                self.watch.notice(
                    f"it was made with {models.image_name} and keeps that; --rebuild --offline"
                    f" makes it again with {OFFLINE['image']}, by which words find pictures"
                )
            self.write(manifest, sources, models)

    def unreadable(self, label: str) -> Mapping[str, Known]:
        """What is remembered of a source; nothing in a rebuild, which reads all anew."""
        return {} if self.rebuild else recall(self.memory(label), self.settings)

    def memory(self, label: str) -> Path:
        """Where it is remembered which files of a source could not be read."""
        return memory_of(unreadable_folder(self.report.collection, self.settings), label)

    def nothing_taken(self, path: Path) -> None:
        self.watch.notice(f"nothing was taken from {path}: no collection was made")

    def refuse_if_strict(self, *skips: Skip) -> None:
        if skips and self.strict:
            skip = skips[0]
            raise SourceError(skip.code, f"{skip.source}: {skip.reason} (--strict)")

    def refuse_forgetting(self, manifest: Manifest | None) -> None:
        """Refuse a rebuild that would throw away what took OCR long to read."""
        if manifest is None or not self.rebuild or self.ocr:
            return
        name = self.report.collection
        try:
            with open_collection(name, self.settings) as opened:
                read = sum(known.file.read_by == OCR for _, _, known in _stored(opened))
        except CollectionBusyError:
            raise
        except CollectionError:  # its store is lost, and so are the words: hence the rebuild
            return
        if read:
            raise SettingsError(
                f"the words of {counted(read, 'page')} in collection {name!r} were read by OCR,"
                " and a rebuild without --ocr would lose them. Add --ocr to read them again, or"
                f" remove the collection first: sightline remove {name}"
            )

    def write(self, manifest: Manifest | None, sources: Sequence[Source], models: Models) -> None:
        """Bring every source in. What a rebuild makes takes the old one's place at the end."""
        name, settings = self.report.collection, self.settings
        # Where pages are embedded too, the workers hand on pixels, also where they could embed.
        with Decoders(models.page_name or models.image_name, settings) as decoders:
            stored = 0 if manifest is None or self.rebuild else manifest.points
            new = sum(len(source.records) for source in sources) - stored
            decoders.start(max(0, new))  # a guess: they start while models load and files are read
            tell("loading the models, and opening the collection")
            with _opened(name, manifest, sources, models, self.rebuild, settings) as opened:
                try:
                    for source in sources:
                        self.bring_in_step(opened, source, models, decoders)
                except KeyboardInterrupt:
                    opened.settle(finished=False)
                    raise
                except ServiceUnavailableError as error:
                    raise type(error)(f"{error}. {self._so_far()}") from error
                finally:
                    is_empty = manifest is None and not self.report.new
                    # Where another process made it meanwhile, there is one, and it is gone on with.
                    if is_empty and not isinstance(sys.exception(), CollectionBusyError):
                        self.nothing_taken(sources[0].path)
                if not is_empty:
                    tell("making it fast to search")
                    opened.settle()

    def _so_far(self) -> str:
        """Say what of an ingest that breaks off is safe."""
        if self.rebuild:
            return "The collection is as it was"
        done = self.report.new + self.report.changed
        return f"{counted(done, 'record')} of this run are stored; run the same command to go on"

    def bring_in_step(
        self, collection: Collection, source: Source, models: Models, decoders: Decoders
    ) -> None:
        """Plan, write and sweep one source, and count it in the report."""
        collection.hold(source.label)
        tell("reading what is stored")
        everything = list(_stored(collection))
        plan, skips, stamps = self._plan(everything, source, self.unreadable(source.label))
        for told in self._told_of_new(collection, source, plan, everything):
            self.watch.notice(f"{source.label}: {told}")
        if not plan.stored:
            for told in told_of_silence(source, collection.manifest.image.name):
                self.watch.notice(f"{source.label}: {told}")
        if plan.changed or plan.gone:  # perhaps by a guess that is another than the last time
            for guess in told_guesses(source):
                self.watch.notice(f"{source.label}: {guess}")
        was = collection.manifest.sources.get(source.label)
        self._refuse_losses(plan.lost, plan.stored, source, was)
        self._refuse_silence(plan.bare, collection, source)
        columns = {field.name for field in collection.fields}
        collection.remember(
            fields=[field for field in source.fields if field.name not in columns],
            sources={source.label: _entry(source)},
        )
        writer = Writer(
            plan,
            collection,
            models,
            decoders,
            skip=self.refuse_if_strict,
            progress=self.watch.progress,
        )
        tell("reading and embedding")
        try:
            writer.write()
            tell("removing what is gone")
            stale = plan.gone | (plan.changed & writer.failed)
            self._refuse_losses(stale - plan.moved.keys(), plan.stored, source, was)
            collection.delete(sorted(stale))
            self.report.gone += len(stale)
            stamps |= source.stamps
            every = [*source.skips, *skips, *writer.skips]
            kept = ((skip, stamps[skip.source]) for skip in every if skip.source in stamps)
            remember(self.memory(source.label), self.settings, kept)
        except KeyboardInterrupt:
            writer.flush()
            raise
        finally:
            self._count(plan, writer, [*source.skips, *skips])
            for told in told_unread(writer.unread, ocr=self.ocr):
                self.watch.notice(f"{source.label}: {told}")

    def _count(self, plan: Plan, writer: Writer, skips: list[Skip]) -> None:
        report = self.report
        report.new += len(plan.new & writer.done)
        report.changed += len(plan.changed & writer.done - writer.same)
        report.unchanged += len(plan.unchanged | writer.same)
        report.skipped += [*skips, *writer.skips]
        report.read = report.new + report.changed + report.unchanged + len(report.skipped)

    def _told_of_new(
        self,
        collection: Collection,
        source: Source,
        plan: Plan,
        everything: Sequence[tuple[str, str, LedgerEntry]],
    ) -> list[str]:
        """Return what to tell of a source that is new, or at another place than it was.

        Raises SourceError if it is new and looks like one that is gone, and no label says which.
        """
        was = collection.manifest.sources.get(source.label)
        if was is not None and was.path == source.path:
            return []
        alike = find_alike(source, plan, everything, collection.manifest.sources)
        if was is not None:
            return [*told_of_alike(source, alike, collection.name)]
        if self.label is None:
            refuse_moved(source, alike)
        length = told_of_length(source.records, collection.manifest.average_length)
        return [*told_of_alike(source, alike, collection.name), *length]

    def _plan(
        self,
        everything: Sequence[tuple[str, str, LedgerEntry]],
        source: Source,
        unreadable: Mapping[str, Known],
    ) -> tuple[Plan, list[Skip], dict[str, Stamp]]:
        """Return what is to be done, what cannot be read, and the stamp of each file by path."""
        own = {id_: known for id_, label, known in everything if label == source.label}
        files: dict[str, FileState] = {}
        stamps: dict[str, Stamp] = {}
        skips: list[Skip] = []
        pool = ThreadPoolExecutor()  # hashing lets go of the interpreter
        records = source.records
        parts = [records[at : at + COMPARED] for at in range(0, len(records), COMPARED)]
        try:
            found = pool.map(lambda part: _file_states(part, own, unreadable), parts)
            states = zip(records, chain.from_iterable(found), strict=True)
            for done, (record, (state, stamp)) in enumerate(states):
                tell(f"comparing files: {done:,} of {len(records):,}")
                if stamp is not None:
                    stamps[record.path] = stamp
                if isinstance(state, FileState):
                    files[record.record_id] = state
                    continue
                self.refuse_if_strict(state)
                skips.append(state)
        finally:
            pool.shutdown(cancel_futures=True)  # after Ctrl-C the rest is not wanted
        plan = make_plan(records, files, own, everything, ocr=self.ocr)
        return plan, skips, stamps

    def _refuse_losses(
        self, lost: frozenset[str], before: int, source: Source, was: SourceEntry | None
    ) -> None:
        if len(lost) > LOST_LIMIT * before and not self.allow_removals:
            raise CollectionError(
                f"{source.path} has lost {len(lost):,} of the {counted(before, 'record')} of source"
                f" {source.label!r}: more than a fifth, so none was removed. If that is meant, add"
                " --allow-removals; if a disk or folder is missing, bring it back"
                f"{_another(source, was)}{_first_skip(source)}"
            )

    def _refuse_silence(self, bare: frozenset[str], collection: Collection, source: Source) -> None:
        """Guard captions as records are guarded: a lost metadata file leaves the pictures."""
        if not bare or self.allow_removals:
            return
        spoken = AllOf((Compare("source", "==", source.label), Exists("words.caption")))
        captioned = {id_ for _, id_ in collection.record_ids(spoken)}
        lost = bare & captioned
        if len(lost) > LOST_LIMIT * len(captioned):
            raise CollectionError(
                f"{source.path} no longer has captions for {len(lost):,} of the"
                f" {counted(len(captioned), 'record')} of source {source.label!r} that had them:"
                " more than a fifth, so nothing was changed. If that is meant, add"
                " --allow-removals; if metadata is missing, bring it back"
                f"{_first_skip(source)}"
            )


def _another(source: Source, was: SourceEntry | None) -> str:
    """Say what to do if a source only has the name of one that lay elsewhere."""
    if was is None or was.path == source.path:
        return ""
    return (
        f". {source.label!r} was ingested from {was.path}; if this is another source, name it:"
        " --label NAME"
    )


def _first_skip(source: Source) -> str:
    """Name what may be the cause of a loss: something that could not be read."""
    if not source.skips:
        return ""
    skip, more = source.skips[0], len(source.skips) - 1
    told = f". Not read: {skip.source}: {skip.reason}"
    return f"{told}, and {more:,} more" if more else told


def _stored(collection: Collection) -> Iterator[tuple[str, str, LedgerEntry]]:
    """Point id, source's label and what is known, of every record."""
    for id_, payload in collection.ledger():
        known = LedgerEntry(
            payload["record_id"], file_state(payload), payload.get("metadata_hash", "")
        )
        yield id_, payload["source"], known


def _file_states(
    records: Sequence[Record], own: Mapping[str, LedgerEntry], unreadable: Mapping[str, Known]
) -> list[tuple[FileState | Skip, Stamp | None]]:
    return [_file_state(record, own, unreadable) for record in records]


def _file_state(
    record: Record, own: Mapping[str, LedgerEntry], unreadable: Mapping[str, Known]
) -> tuple[FileState | Skip, Stamp | None]:
    """Return the state of a record's file; its bytes are read only if size or time changed."""
    before = own.get(point_id(record.record_id))
    try:
        stamp = Stamp.of(record.file.stat())
        if before is not None and before.file.is_unchanged(stamp.size, stamp.mtime_ns):
            return before.file, stamp
        skip = skip_of(unreadable, record.path, stamp)
        if before is None and skip is not None:
            return skip, stamp
        # Since it was found it may have become a link.
        inside(record.root, record.file.relative_to(record.root).as_posix())
        contents = _content_hash(record, stamp.size, stamp.mtime_ns)
        return FileState(contents, stamp.size, stamp.mtime_ns), stamp
    except SourceError as error:
        return Skip(record.path, error.code, str(error)), None
    except OSError as error:
        told = f"it cannot be read: {error.strerror}"
        return Skip(record.path, "unreadable_file", told), None


def _content_hash(record: Record, size: int, mtime_ns: int) -> str:
    if record.page is None:
        return content_hash(record.file)
    with _one_hashes:  # of the threads that each have a page of it; the others find it done
        return page_content(_document_hash(record.file, size, mtime_ns), record.page)


_one_hashes = Lock()


@lru_cache(maxsize=8)
def _document_hash(file: Path, size: int, mtime_ns: int) -> str:
    """Hash a document once for all its pages, which come one after another."""
    return content_hash(file)
