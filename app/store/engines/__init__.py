"""Engines: where the points of a collection are kept, searched and counted.

`edge` is the Qdrant engine inside this process, `server` a Qdrant server or cluster. Both keep the
same points, so that `Collection` need not know which one it stands on.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from app.filters.compile import FilterJson
from app.model.points import Point, Query, ScoredId

STRANGERS = (
    "collection %r has points that Sightline did not write, or whose payload is lost: they are left"
    " out. If they are records of yours, --rebuild makes them again"
)
"""Another program may write on a server; and a replica that restarts can leave empty payloads
(github.com/qdrant/qdrant/issues/4627)."""

SCROLL_SIZE = 4096
"""Points a page; 50,000 take 0.34 s."""

IndexKind = Literal["keyword", "integer", "float", "datetime", "geo"]


@dataclass(frozen=True, slots=True)
class Spaces:
    """The named vectors of a collection: sizes of dense and of multi-row ones, names of sparse.

    `late` ones have hundreds of rows a point: they are kept at half precision and on disk, and
    score the sum of the best products, not of cosines, so that a question's rows may be weighed.
    """

    dense: Mapping[str, int]
    rows: Mapping[str, int]
    sparse: Sequence[str]
    late: Mapping[str, int] = field(default_factory=dict)


class Placement(NamedTuple):
    """How a server distributes a collection: its shards, copies of each shard, and nodes."""

    shards: int
    replicas: int
    nodes: int


class Engine(Protocol):
    """The methods of both engines. Filters come from `compile_filter`; None passes everything."""

    is_shared: bool
    """Whether other programs can read what it keeps."""

    def create(
        self,
        spaces: Spaces,
        indexes: Mapping[str, IndexKind],
        manifest: dict[str, Any],
        *,
        replace: bool = False,
    ) -> None:
        """Make an empty collection and hold it for writing; nobody else sees it before `publish`.

        Raises CollectionBusyError if there is one that is not to be replaced: another was first.
        """

    def publish(self) -> None:
        """Put the collection that `create` made in its place, in one step, and delete the old one.

        Until then, and if it is closed before, what was there is whole. Once more does nothing.
        """

    def hold(self, source: str) -> None:
        """Lock a source against other writers until `close`. Raises CollectionBusyError."""

    def open(self) -> None:
        """Open the collection for reading and writing. Raises CollectionError."""

    @property
    def is_wanted(self) -> bool:
        """Whether readers should close it: a writer waits, or they read an old copy."""

    def require_free(self) -> None:
        """Wait for who holds it, as `open` does. Raises CollectionBusyError."""

    def close(self) -> None:
        """Release everything; acknowledged writes are durable without it."""

    def drop(self) -> None:
        """Delete the collection and its manifest."""

    def read_manifest(self) -> dict[str, Any] | None:
        """Return what `create` or `write_manifest` stored; None when there is no collection.

        Raises CollectionError for what is damaged, or somebody else's.
        """

    def change_manifest(self, before: dict[str, Any], after: dict[str, Any]) -> None:
        """Write the difference between two manifests, all or nothing; changes by others stay."""

    def add_index(self, key: str, kind: IndexKind) -> None:
        """Index a payload key; once more does nothing."""

    def indexed(self) -> set[str]:
        """Return the payload keys that have an index."""

    def upsert(self, points: Sequence[Point]) -> None:
        """Write whole points: vectors and payload that were there are replaced."""

    def set_payload(self, id_: str, payload: dict[str, Any]) -> None:
        """Set some payload keys of one point and leave the rest."""

    def delete(self, ids: Sequence[str]) -> None:
        """Delete points; ids that are not there do not matter."""

    def search(
        self, queries: Sequence[Query], *, limit: int, filter: FilterJson | None
    ) -> list[list[ScoredId]]:
        """Run all queries as one batch under one filter: one best-first list for each.

        `narrowed` has what that is for each.
        """

    def fetch(self, ids: Sequence[str], *, vectors: Sequence[str] = ()) -> list[Point]:
        """Return points by id, in no order, with the named vectors; missing ones are left out."""

    def scroll(
        self, keys: Sequence[str], filter: FilterJson | None = None, *, size: int = SCROLL_SIZE
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield id and the named top-level payload keys of every point that passes, by id.

        They are read `size` at a time.
        """

    def ordered(
        self, key: str, limit: int, filter: FilterJson | None = None, *, descending: bool = False
    ) -> list[tuple[str, dict[str, Any]]]:
        """Return ids and payloads by the value of an ordered index; of equal ones in any order.

        Points without a value there are left out.
        """

    def count(self, filter: FilterJson | None = None) -> int:
        """Count the points that pass, exactly."""

    def commonest(
        self, key: str, limit: int, filter: FilterJson | None = None
    ) -> list[tuple[str, int]]:
        """Return the commonest values of a keyword-indexed key, with how many of what passes."""

    def optimise(self) -> None:
        """Optimise a large collection for search. May take minutes."""

    def compact(self, spaces: Spaces, indexes: Mapping[str, IndexKind]) -> None:
        """Free the disk space of points that were overwritten, where that is much."""

    def size_bytes(self) -> int | None:
        """Bytes on disk; None when the engine cannot tell."""

    def placement(self) -> Placement | None:
        """How a server distributes it; None for the embedded engine."""


def narrowed(filter: FilterJson | None, query: Query) -> FilterJson | None:
    """Return a filter that passes, of what it did, only the points that a query names.

    >>> narrowed({"must": []}, Query("image", [1.0], among=("a",)))
    {'must': [{'has_id': ['a']}, {'must': []}]}
    """
    if query.among is None:
        return filter
    return {"must": [{"has_id": [*query.among]}, *([] if filter is None else [filter])]}
