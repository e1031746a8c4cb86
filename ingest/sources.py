"""Sources: a path and what a collection remembers → what is read, under which label, and told."""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from app.encoders import spec_of
from app.media.inside import quoted
from app.model.errors import SourceError
from app.model.messages import counted
from app.model.records import Field, Record
from app.store.manifest import Manifest, SourceEntry, TextKind
from ingest.dataset import Source, default_label, load_source
from ingest.dataset_file import DATASET_FILE
from ingest.plan import LedgerEntry, Plan
from ingest.rows import examples
from ingest.telling import tell
from ingest.unreadable import Known

MOST = 0.5
"""Of a source's contents. Where more of them came in again it is rather the same source than
another one: to be wrong about that costs an option, to miss it doubles the collection."""

PAGE_MARK = re.compile(r"#page=\d+$")


def read_sources(
    path: Path,
    label: str | None,
    manifest: Manifest | None,
    *,
    collection: str,
    rebuild: bool,
    unreadable: Callable[[str], Mapping[str, Known]],
    notice: Callable[[str], None],
) -> list[Source]:
    """Read the source at `path`; in a rebuild, every source of the collection.

    Records are small; their pictures stay on disk. `unreadable` gives what is remembered of a
    label. What was guessed is told of a source that is new, `told_guesses` has it of the others.
    """
    kept = None if rebuild else manifest
    fields = kept.fields if kept else ()
    sources: list[Source] = []
    where = _resolved(path)
    paths = {label or _label(where, manifest.sources if manifest else {}): where}
    if rebuild:
        paths = _with_all(paths, manifest, collection)
    for name, where in paths.items():
        tell(f"reading {quoted(where.name)}")
        source = load_source(where, label=name, known_fields=fields, unreadable=unreadable(name))
        sources.append(source)
        guesses = told_guesses(source) if kept is None or name not in kept.sources else []
        text_kind = kept.text_kind if kept else sources[0].text_kind
        for told in (*guesses, *_overruled(source, label, fields, text_kind), *source.notices):
            notice(f"{name}: {told}")
        fields = source.fields  # those known so far, then new ones
    return sources


def told_guesses(source: Source) -> list[str]:
    """Return what was guessed as one notice, if anything was."""
    guessed = ", ".join(f"{part} = {guess}" for part, guess in source.guesses.items())
    return [f"guessed {guessed}; {DATASET_FILE} can say otherwise"] if guessed else []


def told_of_silence(source: Source, image: str) -> Iterator[str]:
    """Yield a notice if words will find no picture of it: none has a caption, nor is one read."""
    is_silent = source.records and not any(r.said or r.page for r in source.records)
    if is_silent and not spec_of(image).reads_words:
        yield (
            f"none of its pictures has a caption, and {image} reads no words, so words will not"
            f" find them: search with --image, or name a column of captions in {DATASET_FILE}"
        )


@dataclass(frozen=True, slots=True)
class Alike:
    """Another source, with the number of its files that are in this one too, by content.

    `files` is their number, `records` that of the records of this source that show them; `share`
    is how much of the other source is here and no longer where that source has it, from 0 to 1.
    """

    label: str
    entry: SourceEntry
    files: int
    records: int
    share: float


def find_alike(
    source: Source,
    plan: Plan,
    everything: Iterable[tuple[str, str, LedgerEntry]],
    sources: Mapping[str, SourceEntry],
) -> list[Alike]:
    """Return the other sources that have files of this one, the one to which most is lost first.

    `everything` is as `make_plan` has it. What is the same is told by hashes that the plan has
    anyway; a file is looked for on disk only where its content came in again.
    """
    fresh = {picture.file.content_hash: picture.records for picture in plan.pictures}
    stored: dict[str, dict[str, Path]] = defaultdict(dict)
    for _, label, known in everything:
        if label != source.label and label in sources and known.file.content_hash:
            stored[label][known.file.content_hash] = _file(known, label, sources[label])
    found = [
        _alike(label, sources[label], contents, fresh)
        for label, contents in stored.items()
        if contents.keys() & fresh.keys()
    ]
    return sorted(found, key=lambda other: (-other.share, -other.files, other.label))


def _alike(
    label: str,
    entry: SourceEntry,
    contents: Mapping[str, Path],
    fresh: Mapping[str, Sequence[Record]],
) -> Alike:
    common = contents.keys() & fresh.keys()
    if entry.is_there:
        lost = sum(not os.path.exists(contents[each]) for each in common)  # noqa: PTH110 - as there
    else:
        lost = len(common)
    return Alike(
        label,
        entry,
        len({fresh[each][0].file for each in common}),
        sum(len(fresh[each]) for each in common),
        lost / len(contents),
    )


def _file(known: LedgerEntry, label: str, entry: SourceEntry) -> Path:
    path = known.record_id.removeprefix(f"{label}/")
    return entry.root / (PAGE_MARK.sub("", path) if known.file.page_hash else path)


def refuse_moved(source: Source, alike: Sequence[Alike]) -> None:
    """Raise SourceError if most of a source that is gone came in again: the same, renamed."""
    if not alike or alike[0].share <= MOST:
        return
    other = alike[0]
    where = (
        f"whose files are no longer in {other.entry.path}"
        if other.entry.is_there
        else f"which is not at {other.entry.path} on this machine"
    )
    raise SourceError(
        "moved_source",
        f"{source.path} looks like source {other.label!r}, {where}: the same"
        f" {counted(other.files, 'file')}, {other.share:.0%} of what {other.label!r} has. Nothing"
        f" was changed. --label {quote(other.label)} keeps its records and vectors;"
        f" --label {quote(source.label)} takes it as another source all the same",
    )


def told_of_alike(source: Source, alike: Iterable[Alike], collection: str) -> Iterator[str]:
    """Yield notices of a source whose files are in other sources too, and will be found twice."""
    for other in alike:
        told = (
            f"{counted(other.records, 'picture')} of {source.label!r}"
            f" {'is' if other.records == 1 else 'are'} in the collection"
            f" already, by another source, {other.label!r}"
        )
        label, path = quote(other.label), other.entry.path
        if not other.share:
            yield (
                f"{told}, and will be found twice. If that is not meant: sightline remove"
                f" {collection} --source {quote(source.label)}"
            )
        elif other.entry.is_there:
            yield f"{told}, and some have left {path}: ingest that again, and the old records go"
        else:
            yield (
                f"{told}, which is not at {path} on this machine. If it does not come back:"
                f" sightline remove {collection} --source {label}"
            )


def _overruled(
    source: Source, label: str | None, known: Sequence[Field], text_kind: TextKind
) -> Iterator[str]:
    """Yield notices of keys of dataset.toml that come too late for this collection."""
    given = source.given
    if label is None and given.label not in (None, source.label):
        yield (
            f"label = {given.label!r} in {DATASET_FILE} comes too late: the collection has this"
            f" source as {source.label!r}; to change that, remove the collection and ingest again"
        )
    if "text" in given.model_fields_set and given.text != text_kind:
        yield (
            f"text = {given.text!r} in {DATASET_FILE} comes too late to change how words weigh: the"
            f" collection was made with {text_kind!r}; --rebuild decides again, by its first source"
        )
    fixed = [field for field in known if given.types.get(field.name, field.type) != field.type]
    if fixed:
        told = examples(f"{field.name!r} as {field.type}" for field in fixed)
        yield (
            f"[types] in {DATASET_FILE} comes too late: the collection has {told}; --rebuild"
            " decides again, by the first source with that column"
        )


def _resolved(path: Path) -> Path:
    """Return the absolute path. One that is not valid Unicode is refused, as it is kept as text."""
    try:
        resolved = path.expanduser().resolve()
        str(resolved).encode()
    except UnicodeEncodeError as error:
        raise SourceError(
            "bad_path", f"the path {str(path)!r} is not Unicode: rename that folder or file"
        ) from error
    except (
        OSError,
        RuntimeError,
        ValueError,
    ):  # a loop of links, no such home: `load_source` says so
        return path
    return resolved


def _with_all(
    given: Mapping[str, Path], manifest: Manifest | None, collection: str
) -> dict[str, Path]:
    """Return the paths of every source of a collection. Raises SourceError if one is gone."""
    known = manifest.sources if manifest else {}
    for other, entry in known.items():
        if other not in given and not entry.is_there:
            raise SourceError(
                "missing_source",
                f"a rebuild reads every source again, but {other!r} is no longer at {entry.path}."
                f" Put it back; or, if it moved, rebuild from its new place with --label"
                f" {quote(other)}; or take it out: sightline remove {collection} --source"
                f" {quote(other)}",
            )
    return {other: entry.path for other, entry in known.items()} | dict(given)


def _label(path: Path, known: Mapping[str, SourceEntry]) -> str:
    """The label under which this path is known; a moved source keeps its own; else a free one."""
    for label, entry in known.items():
        if entry.path == path or _is_same_folder(entry.path, path):
            return label
    wanted = default_label(path)
    candidates = (wanted, *(f"{wanted}-{number}" for number in range(2, len(known) + 3)))
    return next(label for label in candidates if label not in known or not known[label].is_there)


def _is_same_folder(known: Path, path: Path) -> bool:
    """Whether two paths lead to one folder: a link, or a disk that does not mind upper case."""
    try:
        return path.is_dir() and known.samefile(path)
    except OSError:
        return False
