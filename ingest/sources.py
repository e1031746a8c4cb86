"""Sources: a path and what a collection remembers → what is read, under which label, and told."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from shlex import quote

from app.core.collection import Collection
from app.core.errors import SourceError
from app.core.manifest import Manifest, SourceEntry, TextKind
from app.core.messages import counted
from app.core.records import Field
from ingest.dataset import Source, default_label, load
from ingest.dataset_file import NAME
from ingest.rows import examples


def read_sources(
    path: Path,
    label: str | None,
    manifest: Manifest | None,
    *,
    rebuild: bool,
    notice: Callable[[str], None],
) -> list[Source]:
    """Read the source at `path`; in a rebuild, every source of the collection.

    Records are small; their pictures stay on disk. What was guessed is told of a source that is
    new, `told_guesses` has it of the others.
    """
    kept = None if rebuild else manifest
    fields = kept.fields if kept else ()
    sources: list[Source] = []
    for name, where in _paths(_resolved(path), label, manifest, rebuild).items():
        sources.append(source := load(where, label=name, known_fields=fields))
        guesses = told_guesses(source) if kept is None or name not in kept.sources else []
        text_kind = kept.text_kind if kept else sources[0].text_kind
        for told in (*guesses, *_overruled(source, label, fields, text_kind), *source.notices):
            notice(f"{name}: {told}")
        fields = source.fields  # those known so far, then new ones
    return sources


def told_guesses(source: Source) -> list[str]:
    """Return what was guessed as one notice, if anything was."""
    guessed = ", ".join(f"{part} = {guess}" for part, guess in source.guesses.items())
    return [f"guessed {guessed}; {NAME} can say otherwise"] if guessed else []


def told_of_others(source: Source, collection: Collection) -> Iterator[str]:
    """Yield what to tell of a new source beside those that are there: moved, or the same once more.

    A folder that was given another name, or one of its metadata files, is another source.
    """
    label, name = quote(source.label), collection.name
    for other, entry in collection.manifest.sources.items():
        if not entry.path.exists():
            yield (
                f"source {other!r} is no longer at {entry.path}. If {source.label!r} is the same:"
                f" sightline remove {name} --source {quote(other)}; another time, ingest it from"
                f" its new place with --label {quote(other)}"
            )
    twice = _twice(source, collection)
    if twice:
        yield (
            f"{counted(twice, 'picture')} of {source.label!r} are in the collection already, by"
            f" another source, and will be found twice. If that is not meant: sightline remove"
            f" {name} --source {label}"
        )


def _twice(source: Source, collection: Collection) -> int:
    """Count the records whose files, or pages, another source has under the same path."""
    sources = collection.manifest.sources
    roots = {label: entry.root for label, entry in sources.items()}
    if not any(_overlap(root, source.root) for root in roots.values()):
        return 0
    known = {
        roots[payload["source"]] / payload["record_id"].removeprefix(f"{payload['source']}/")
        for _, payload in collection.ledger()
        if payload["source"] in roots
    }
    return sum(source.root / record.path in known for record in source.records)


def _overlap(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)


def _overruled(
    source: Source, label: str | None, known: Sequence[Field], text_kind: TextKind
) -> Iterator[str]:
    """Say which keys of dataset.toml a collection overrules, for it was made otherwise."""
    given = source.given
    if label is None and given.label not in (None, source.label):
        yield (
            f"label = {given.label!r} in {NAME} comes too late: the collection has this source as"
            f" {source.label!r}; to change that, remove the collection and ingest again"
        )
    if "text" in given.model_fields_set and given.text != text_kind:
        yield (
            f"text = {given.text!r} in {NAME} comes too late for how words weigh: the collection"
            f" was made with {text_kind!r}; --rebuild decides anew, by its first source"
        )
    fixed = [field for field in known if given.types.get(field.name, field.type) != field.type]
    if fixed:
        told = examples(f"{field.name!r} as {field.type}" for field in fixed)
        yield (
            f"[types] in {NAME} comes too late: the collection has {told}; --rebuild decides anew,"
            " by the first source with that column"
        )


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
