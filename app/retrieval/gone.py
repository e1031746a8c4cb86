"""Gone: hits whose picture is not on this machine → notices about them; see `app/store/gone.py`."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from shlex import quote

from app.retrieval.hits import Hit
from app.store.collection import Collection


def told_of_gone(hits: Sequence[Hit], collection: Collection) -> list[str]:
    """Return one notice of how many hits have lost their pictures, and what to do."""
    gone = [hit for hit in hits if hit.gone]
    if not gone:
        return []
    told = f"{len(gone):,} of {len(hits):,} hits come last, as their pictures are gone"
    if len(gone) == len(hits):
        all_ = f"the pictures of all {len(hits):,} hits are"
        told = f"{all_ if len(hits) > 1 else 'its picture is'} gone"
    return [f"{told}: {where_gone(gone, collection)}"]


def where_gone(gone: Iterable[Hit], collection: Collection) -> str:
    """Yield, for each source with missing pictures, what is wrong and what to do."""
    return "; ".join(_where_gone(Counter(hit.source for hit in gone), collection))


def _where_gone(labels: Iterable[str], collection: Collection) -> Iterator[str]:
    sources = collection.manifest.sources
    for label in labels:
        if label not in sources:
            yield "files that were written to the index are not there; write them again"
        elif sources[label].is_there:
            yield f"files have left {sources[label].path}; ingest it again"
        else:
            yield (
                f"source {label!r} is not at {sources[label].path} on this machine; bring it back,"
                f" or ingest it from its new place with --label {quote(label)}"
            )
