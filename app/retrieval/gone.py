"""Gone: records whose picture is not on this machine → which they are, and what is told of them.

Nothing is deleted for it: a disk that is not plugged in comes back, and a collection on a server
may have sources of another machine.
"""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import Any

from app.core.collection import Collection
from app.core.conditions import AllOf, Condition, Exists, Not, OneOf
from app.core.errors import SourceError
from app.core.inside import inside
from app.core.messages import counted
from app.core.records import document_of
from app.retrieval.hits import Hit


def is_gone(payload: Mapping[str, Any], collection: Collection) -> bool:
    """Whether what a record shows is not on this machine; one of words alone shows nothing.

    A page is there as long as its document is, or the picture that was kept of it. Of a path that
    leads out of its source nobody is told whether something is there.
    """
    label, path, page = payload.get("source"), payload.get("path"), payload.get("page")
    source = collection.manifest.sources.get(label or "")
    if not path or (label and source is None):
        return False
    if page is not None and _exists(collection.page_picture(payload.get("content_hash", ""))):
        return False
    try:
        file = inside(source.root, document_of(path, page)) if source else Path(path)
    except SourceError:
        return False
    return not _exists(file)


def outside_dead_sources(collection: Collection) -> Condition | None:
    """Return a filter that leaves out sources that are not there; None if all are.

    Pages pass, for their pictures were kept.
    """
    sources = collection.manifest.sources
    dead = tuple(label for label, entry in sources.items() if not entry.is_there)
    if not dead:
        return None
    return Not(AllOf((OneOf("source", dead), Not(Exists("page")))))


def told_of_gone(hits: Sequence[Hit], collection: Collection) -> list[str]:
    """Return as one notice how many hits have lost their picture, and what to do."""
    gone = [hit for hit in hits if hit.gone]
    if not gone:
        return []
    told = f"{len(gone):,} of {counted(len(hits), 'hit')} come last, as their pictures are gone"
    if len(gone) == len(hits):
        told = f"the pictures of all {counted(len(hits), 'hit')} are gone"
    return [f"{told}: {where_gone(gone, collection)}"]


def where_gone(gone: Iterable[Hit], collection: Collection) -> str:
    """Say of each source with pictures that are gone what is amiss with it, and what to do."""
    return "; ".join(_where_gone(Counter(hit.label for hit in gone), collection))


def _where_gone(labels: Iterable[str], collection: Collection) -> Iterator[str]:
    sources = collection.manifest.sources
    for label in labels:
        if label not in sources:
            yield "files that were written to the index are not there; write them anew"
        elif sources[label].is_there:
            yield f"files have left {sources[label].path}; ingest it again"
        else:
            yield (
                f"source {label!r} is not at {sources[label].path} on this machine; bring it back,"
                f" or ingest it from its new place with --label {quote(label)}"
            )


def _exists(file: Path) -> bool:
    return os.path.exists(file)  # noqa: PTH110 - pathlib raises where a folder may not be read
