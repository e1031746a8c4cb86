"""Pipeline: plan → decode → embed → upsert → sweep → report. The whole of the writing side."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from app.core import keywords
from app.core.collection import (
    Collection,
    create_collection,
    find_manifest,
    open_collection,
)
from app.core.errors import CollectionError, SourceError
from app.core.images import content_hash
from app.core.manifest import Manifest, SourceEntry
from app.core.models import Models
from app.core.nodes import FileState, point_id
from app.core.records import Field, Record, Skip
from app.core.settings import Settings
from ingest.dataset import Source, default_label, load
from ingest.decode import Decoders
from ingest.plan import Plan, Stored, by_content, make_plan, same_stat
from ingest.write import Writer

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
    with Decoders(models.image_name, settings) as decoders:
        if manifest is None or rebuild:  # everything will be decoded; models load meanwhile
            decoders.start(sum(len(source.records) for source in sources))
        with _opened(collection, manifest, sources, models, rebuild, settings) as opened:
            for source in sources:
                run.bring_in_step(opened, source, models, decoders, report)
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
        self,
        collection: Collection,
        source: Source,
        models: Models,
        decoders: Decoders,
        report: Report,
    ) -> None:
        """Plan, write and sweep one source, and count it in the report."""
        known = {field.name for field in collection.fields}
        collection.remember(
            fields=[field for field in source.fields if field.name not in known],
            sources={source.label: _entry(source)},
        )
        plan, skips = self._plan(collection, source)
        self._refuse_losses(plan.lost, plan.stored, source)
        writer = Writer(
            plan,
            collection,
            models,
            decoders,
            skip=self.refuse_if_strict,
            progress=self.watch.progress,
        )
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

    def _count(self, report: Report, plan: Plan, writer: Writer, skips: list[Skip]) -> None:
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
        with ThreadPoolExecutor() as pool:  # hashing lets go of the interpreter
            states = pool.map(lambda record: _file_state(record, own), source.records)
            for record, state in zip(source.records, states, strict=True):
                if isinstance(state, FileState):
                    files[record.record_id] = state
                else:
                    self.refuse_if_strict(state)
                    skips.append(state)
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


def _file_state(record: Record, own: Mapping[str, Stored]) -> FileState | Skip:
    """Return the state of a record's file; its bytes are read only if size or time changed."""
    before = own.get(point_id(record.record_id))
    try:
        stat = record.file.stat()
        if before is not None and same_stat(before, stat.st_size, stat.st_mtime_ns):
            return before.file
        return FileState(content_hash(record.file), stat.st_size, stat.st_mtime_ns)
    except OSError as error:
        return Skip(record.path, "unreadable_file", f"cannot be read: {error.strerror}")
