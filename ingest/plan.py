"""Plan: records and what is stored → what is new, changed, unchanged or gone. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from app.model.records import FileState, Record
from app.store.payload import metadata_hash, point_id


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """The ledger's entry of one record: the state of its file, and a hash of its metadata."""

    record_id: str
    file: FileState
    metadata_hash: str


@dataclass(slots=True)
class PendingPicture:
    """A picture that needs a vector, with every record that shows it.

    `reuse` is the id of a stored point with the same bytes: its vector serves.
    """

    file: FileState
    records: list[Record] = field(default_factory=list)
    reuse: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What an ingest has to do. Ids are point ids."""

    pictures: list[PendingPicture]
    new: frozenset[str]
    changed: frozenset[str]
    unchanged: frozenset[str]
    touched: dict[str, FileState]
    """Unchanged but for the file's time: only that is noted."""
    gone: frozenset[str]
    moved: dict[str, str]
    """Those of `gone` whose bytes, by their hash, are there under another name: no loss."""
    spoken: frozenset[str]
    """The hashes of all bytes that something is said of."""
    pages: Mapping[str, FileState]
    """Each page in the collection, by point id."""
    ocr: bool
    """Whether pages without words are to be read by OCR."""

    @property
    def stored(self) -> int:
        """How many records of the source there were."""
        return len(self.unchanged) + len(self.changed) + len(self.gone)

    @property
    def lost(self) -> frozenset[str]:
        """The records that would leave the collection."""
        return self.gone - self.moved.keys()

    @property
    def bare(self) -> frozenset[str]:
        """The stored records that come back, changed or moved, without a caption."""
        said = [r for p in self.pictures for r in p.records if _speaks(r)]
        ids = {point_id(record.record_id) for record in said}
        moved = {id_ for id_, content in self.moved.items() if content not in self.spoken}
        return frozenset(self.changed - ids | moved)


def make_plan(
    records: Sequence[Record],
    files: Mapping[str, FileState],
    stored: Mapping[str, LedgerEntry],
    everything: Sequence[tuple[str, str, LedgerEntry]],
    *,
    ocr: bool = False,
) -> Plan:
    """Compare records with what is stored of their source.

    `files` is by record id; a record without one could not be read and is neither kept nor new.
    `stored` is by point id; `everything` has point id, source's label and what is known of every
    record in the collection. With `ocr`, pages that it has not seen yet are no longer the same.
    """
    new: set[str] = set()
    changed: set[str] = set()
    unchanged: set[str] = set()
    touched: dict[str, FileState] = {}
    pictures: dict[str, PendingPicture] = {}
    contents = ((known.file.content_hash, id_, known.file) for id_, _, known in everything)
    elsewhere = by_hash(contents, ocr=ocr)
    for record in records:
        file = files.get(record.record_id)
        if file is None:
            continue
        id_ = point_id(record.record_id)
        before = stored.get(id_)
        if before and _same(before, file, record) and not (ocr and before.file.unread):
            unchanged.add(id_)
            if before.file != file:
                touched[id_] = file
            continue
        (changed if before else new).add(id_)
        picture = pictures.setdefault(file.content_hash, PendingPicture(file))
        picture.records.append(record)
        picture.reuse = elsewhere.get(file.content_hash)
    here = [(r, file) for r in records if (file := files.get(r.record_id))]
    contents_here = {file.content_hash for _, file in here}
    gone = stored.keys() - new - changed - unchanged
    hashes = {id_: stored[id_].file.content_hash for id_ in gone}
    return Plan(
        pictures=list(pictures.values()),
        new=frozenset(new),
        changed=frozenset(changed),
        unchanged=frozenset(unchanged),
        touched=touched,
        gone=frozenset(gone),
        # Also what an ingest that was killed has brought under its new name already.
        moved={id_: content for id_, content in hashes.items() if content in contents_here},
        spoken=frozenset(file.content_hash for record, file in here if _speaks(record)),
        pages={id_: known.file for id_, _, known in everything if known.file.page_hash},
        ocr=ocr,
    )


def _speaks(record: Record) -> bool:
    """Tell whether a record has any text; a page may have, as long as it is not opened."""
    return bool(record.captions or record.page)


def _same(before: LedgerEntry, file: FileState, record: Record) -> bool:
    same_bytes = before.file.content_hash == file.content_hash
    return same_bytes and before.metadata_hash == metadata_hash(record)


def by_hash(stored: Iterable[tuple[str, str, FileState]], *, ocr: bool = False) -> dict[str, str]:
    """Return one point id for each hash from (hash, point id, file), the same in every run.

    Of pages alike, one that was read goes before one that was not; that is no good to `ocr`.
    """
    found: dict[str, tuple[bool, str]] = {}
    for hashed, id_, file in stored:
        if hashed and not (ocr and file.unread):
            choice = (file.unread, id_)
            found[hashed] = min(choice, found.get(hashed, choice))
    return {hashed: id_ for hashed, (_, id_) in found.items()}
