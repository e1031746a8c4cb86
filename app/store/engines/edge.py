"""Edge: the Qdrant engine inside this process. A folder holds a shard and a manifest.

Its lock lies beside the folder and is never removed: one that goes with what it guards can be held
twice. Only what is ours in a folder is ever removed, by its name.

The manifest names the shard that counts. One that replaces it is built beside it, and takes its
place when the manifest is written: a rename, before which the old one is whole, after which the new
one is. What a killed run left beside it goes when the folder is next opened for writing.
"""

import json
import logging
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from itertools import chain, count
from pathlib import Path
from typing import Any

import qdrant_edge as q

from app.filters.compile import FilterJson
from app.media.private import make_private, tighten
from app.model.errors import CollectionBusyError, CollectionError
from app.model.points import FirstStage, Point, Query, ScoredId, Vector
from app.store.engines import SCROLL_SIZE, IndexKind, Spaces, narrowed
from app.store.engines.copies import readable_copy
from app.store.engines.edge_filters import edge_filter
from app.store.engines.lock import (
    OPEN_SECONDS,
    STILL_SECONDS,
    Purpose,
    hold,
    is_free,
    is_wanted,
    keep_still,
    made_anew,
    refuse_second,
)

logger = logging.getLogger(__name__)

MIN_FREE_BYTES = 256 << 20
"""A full disk kills the process with SIGBUS inside the engine: refuse to write well before that."""

MIN_FREE_TO_OPEN_BYTES = 96 << 20
"""Opening a shard takes 37 MB where holes in files are filled when read (tmpfs), and a delete some
more; half of that ends the process with SIGBUS."""

COPY_TRIES, COPY_PAUSE_SECONDS = 5, 0.1
"""How often a reader copies what another holds, where files vanish meanwhile, and the pauses."""

COPY_AGE_SECONDS, COPY_AGE_FACTOR = 5.0, 20.0
"""How old the copy that a reader reads may be; of a large one, as a multiple of what it takes."""

LOOK_SECONDS = 0.5
"""How often it is looked whether the one that holds it beside a copy is still there."""

LOG = "wal"
"""The folder of a shard's write-ahead log."""

LEAST_LOG_BYTES = 1 << 19
"""Of less, nobody minds that most of it is of points that were written over since."""

NUMBER_BYTES = 5
"""Of a vector's number in the log, which is CBOR."""

COPIED = 64
"""Points that are copied at a time."""

MANIFEST = "manifest.json"

SHARD = "shard"
"""The key of the manifest's file that names the shard, and the name of the first one."""

SHARD_NAME = re.compile(rf"{SHARD}(-[0-9]+)?")

LEFT = (f"{MANIFEST}.new", "lock", "lock.holder")
"""What may lie in a folder beside its shards and manifest; the lock did, at first."""

_BYTES = q.ScalarQuantizationConfig(type=q.ScalarType.Int8, quantile=0.99, memory=q.Memory.Cold)
"""What `optimise` keeps of each vector beside it: bytes, which a scan reads 6 times faster.

`Cold`, here and everywhere, leaves on the disk what nobody asks for. Of 40,000 records an opening
takes .14 s of CPU and the first search by picture .2 more; with `Cached` .28 and .05, with
`Pinned` 1.1 and .01, and then the memory is this process's own. Later searches take the same.
"""

_INDEXES: Mapping[IndexKind, Any] = {
    "keyword": q.KeywordIndexParams(memory=q.Memory.Cold),
    "integer": q.IntegerIndexParams(memory=q.Memory.Cold),
    "float": q.FloatIndexParams(memory=q.Memory.Cold),
    "datetime": q.DatetimeIndexParams(memory=q.Memory.Cold),
    "geo": q.GeoIndexParams(memory=q.Memory.Cold),
}

RESCORED, OVERSAMPLING = 500, 4.0
"""So many of the best by bytes, and so many for each that is asked for, get their true cosines,
in 0.2 ms. The ten best were then the true ten for all of 2,000 queries over 40,000 near copies of
real pictures, and where 400 vectors lie within .0004 of each other; by four for each alone, even
the one that was asked with came first there for two in five. Among more than that which lie so
near, some of the ten may be others of them."""

_PLAN = q.EdgeOptimizersConfig(indexing_threshold=10_000, default_segment_number=8)
"""`optimise` leaves up to 10,000 KB of new vectors as they are: 5,000 of 512 numbers. Each opening
indexes them anew, in .2 s of CPU; optimised they take .03 s. And it may leave 8 parts, so that it
need not do again what it did: 5,000 new ones beside 50,000 take 4 s, and as one part 25 s."""

_NO_GRAPH = q.HnswIndexConfig(m=0, ef_construct=100, full_scan_threshold=10_000)
"""No HNSW: its graph can miss what a scan finds (recall@10 of .20 on such vectors, at 50,000)."""

_BEST_ROW = q.MultiVectorConfig(q.MultiVectorComparator.MaxSim)


class EdgeEngine:
    """A shard on disk. `open` takes the lock that readers and writers share, `close` returns it."""

    is_shared = False

    def __init__(self, folder: Path, purpose: Purpose) -> None:
        self._folder = folder
        self._purpose: Purpose = purpose
        self._held = ExitStack()
        self._locked = False
        self._is_guest = False
        self._copied: dict[str, Any] | None = None
        self._copy_is_good_until = self._look_again_at = 0.0
        self._shard: q.EdgeShard | None = None
        self._beside: tuple[Path, dict[str, Any]] | None = None

    @property
    def shard(self) -> q.EdgeShard:
        """The open shard, for those who want Qdrant itself."""
        if self._shard is None:
            raise CollectionError(f"{self._folder.name!r} is closed; open it again")
        return self._shard

    def create(
        self,
        spaces: Spaces,
        indexes: Mapping[str, IndexKind],
        manifest: dict[str, Any],
        *,
        replace: bool = False,
    ) -> None:
        self._hold()
        if not replace:
            refuse_second(self._folder.name, self.read_manifest())
        self._check_space()
        make_private(self._folder)
        names = chain([SHARD], (f"{SHARD}-{number}" for number in count(2)))
        path = next(self._folder / name for name in names if not (self._folder / name).exists())
        self._close_shard()
        self._beside = path, manifest
        try:
            self._shard = q.EdgeShard.create(str(path), _config(spaces))
            for key, kind in indexes.items():
                self.add_index(key, kind)
        except Exception as error:
            raise CollectionError(f"cannot make {path}: {error}") from error

    def publish(self) -> None:
        if self._beside is not None:
            path, manifest = self._beside
            self.shard.flush()
            with self._changing():
                self._write(manifest, path.name)
                self._beside = None
                self._sweep()

    def hold(self, source: str) -> None:
        """Nothing to do: a writer holds the whole collection."""

    def open(self) -> None:
        self._hold()
        if self._shard is None:
            try:
                self._shard = self._loaded()
            except CollectionError:
                self.close()
                raise
            except Exception as error:
                self.close()
                raise CollectionError(
                    f"{self._path} cannot be opened ({error}); if it is damaged, make it again:"
                    f" sightline ingest … --collection {self._folder.name} --rebuild"
                ) from error

    def require_free(self) -> None:
        if not self._locked and self._folder.exists():  # else nobody can hold it
            with hold(self._lock, "read", self._name) as is_held:
                if not is_held:
                    raise CollectionBusyError(
                        f"{self._name} is being made, and nothing is in it yet;"
                        " search it again in a moment"
                    )

    @property
    def is_wanted(self) -> bool:
        if not self._is_guest:
            return is_wanted(self._lock)
        now = time.monotonic()
        if self._shard is not None and now > self._look_again_at:
            self._look_again_at = now + LOOK_SECONDS
            if is_free(self._lock):  # who wrote it is done
                self._copy_is_good_until = now
        return self._shard is not None and now >= self._copy_is_good_until

    def close(self) -> None:
        self._close_shard()
        if self._beside is not None:  # it was not to be: what it should replace stays
            shutil.rmtree(self._beside[0], ignore_errors=True)
            self._beside = None
            self._remove_folder()
        self._held.close()
        self._locked = self._is_guest = False
        self._copied = None

    def drop(self) -> None:
        self._hold()
        self._close_shard()
        with self._changing():
            # The manifest goes first: a folder without one is no collection, but what is left of it
            (self._folder / MANIFEST).unlink(missing_ok=True)
            self._sweep()
            self._remove_folder()
        self.close()

    def clear(self) -> None:
        """Remove what a killed run left of a collection that is none."""
        self._hold()  # which sweeps
        if not (self._folder / MANIFEST).exists():
            self._remove_folder()
        self.close()

    def read_manifest(self) -> dict[str, Any] | None:
        if self._beside is not None:
            return self._beside[1]
        stored = self._stored()
        return None if stored is None else {k: v for k, v in stored.items() if k != SHARD}

    def change_manifest(self, before: dict[str, Any], after: dict[str, Any]) -> None:
        if self._beside is not None:
            self._beside = self._beside[0], after
        else:
            with self._changing():
                self._write(after, self._path.name)

    def add_index(self, key: str, kind: IndexKind) -> None:
        self._update(q.UpdateOperation.create_field_index(key, _INDEXES[kind]))

    def indexed(self) -> set[str]:
        return set(self.shard.info().payload_schema)

    def upsert(self, points: Sequence[Point]) -> None:
        self._check_space()
        native = [
            q.Point(
                id=point.id,
                vector={space: _native(vector) for space, vector in point.vectors.items()},
                payload=point.payload,
            )
            for point in points
        ]
        self._update(q.UpdateOperation.upsert_points(native))

    def set_payload(self, id_: str, payload: dict[str, Any]) -> None:
        self._update(q.UpdateOperation.set_payload([id_], payload))

    def delete(self, ids: Sequence[str]) -> None:
        if ids:
            self._update(q.UpdateOperation.delete_points(list(ids)))

    def search(
        self, queries: Sequence[Query], *, limit: int, filter: FilterJson | None
    ) -> list[list[ScoredId]]:
        native = [edge_filter(narrowed(filter, query)) for query in queries]
        requests = [
            q.QueryRequest(
                limit=limit,
                query=_nearest(query),
                prefetches=[_prefetch(query.first, passing)] if query.first else [],
                filter=passing,
                params=_rescored(limit),
            )
            for query, passing in zip(queries, native, strict=True)
        ]
        results = self.shard.query_batch(q.QueryBatchRequest(requests))
        return [[ScoredId(str(hit.id), hit.score) for hit in hits] for hits in results]

    def fetch(self, ids: Sequence[str], *, vectors: Sequence[str] = ()) -> list[Point]:
        found = self.shard.retrieve(list(ids), True, list(vectors) or False)
        return [
            Point(str(point.id), _plain(point.vector or {}), point.payload or {}) for point in found
        ]

    def scroll(
        self, keys: Sequence[str], filter: FilterJson | None = None, *, size: int = SCROLL_SIZE
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        native, offset = edge_filter(filter), None
        while True:
            points, offset = self.shard.scroll(
                q.ScrollRequest(
                    offset=offset,
                    limit=size,
                    filter=native,
                    with_payload=list(keys) or False,
                    with_vector=False,
                )
            )
            for point in points:
                yield str(point.id), point.payload or {}
            if offset is None:
                return

    def count(self, filter: FilterJson | None = None) -> int:
        return int(self.shard.count(q.CountRequest(exact=True, filter=edge_filter(filter))))

    def commonest(
        self, key: str, limit: int, filter: FilterJson | None = None
    ) -> list[tuple[str, int]]:
        response = self.shard.facet(
            q.FacetRequest(key, limit, exact=True, filter=edge_filter(filter))
        )
        return [(str(hit.value), hit.count) for hit in response.hits]

    def ordered(
        self, key: str, limit: int, filter: FilterJson | None = None, *, descending: bool = False
    ) -> list[tuple[str, dict[str, Any]]]:
        order = q.OrderBy(key, q.Direction.Desc if descending else q.Direction.Asc)
        points, _ = self.shard.scroll(
            q.ScrollRequest(
                limit=limit, filter=edge_filter(filter), with_payload=True, order_by=order
            )
        )
        return [(str(point.id), point.payload or {}) for point in points]

    def optimise(self) -> None:
        # What a killed run left behind is of no use, and Edge lets it lie.
        with self._changing():
            shutil.rmtree(self._path / "temp_segments", ignore_errors=True)
        free, needed = self._free_bytes(), 2 * self.size_bytes()  # 1.1 times as much are written
        if free < needed:
            logger.warning(
                "%r is stored, but not made faster to search: %s MiB are free where it lies, and"
                " that takes %s for a moment. Free some, and run the same command again",
                *(self._folder.name, free >> 20, needed >> 20),
            )
        else:
            with self._changing():
                self.shard.optimize()

    def compact(self, spaces: Spaces, indexes: Mapping[str, IndexKind]) -> None:
        # The engine keeps up to 64 MiB of what was written, also when it is safe in its segments,
        # and takes no call to let go of it. So the points are written anew, beside it.
        self._shorten_log()
        names = [*spaces.dense, *spaces.rows, *spaces.sparse, *spaces.late]
        manifest, old = self.read_manifest(), self._path
        if manifest is None or not self._is_mostly_log(names):
            return
        if self._free_bytes() - MIN_FREE_BYTES < 2 * _disk_bytes(old):
            return
        self.create(spaces, indexes, manifest, replace=True)
        with self._changing():
            source = q.EdgeShard.load(str(old))
        try:
            for points in _batches(source, names):
                self.upsert(points)
        finally:
            with self._changing():
                source.close()
        self.publish()
        self._shorten_log()

    def _shorten_log(self) -> None:
        """Have an opening read nothing of the log again but the change that nothing is deleted.

        It reads all from the last change on of which a flush knew that it is safe in the segments;
        a flush knows it of those before the last one. 5,000 records in one change took .3 s.
        """
        self._update(q.UpdateOperation.delete_points([]))
        with self._changing():
            self.shard.flush()

    def _is_mostly_log(self, names: Sequence[str]) -> bool:
        """Tell whether the log is larger than all else, and twice what the points need in it."""
        log = _disk_bytes(self._path / LOG)
        if log < LEAST_LOG_BYTES or log < _disk_bytes(self._path) - log:
            return False
        sample = next(_batches(self.shard, names), [])
        written = sum(map(_log_bytes, sample)) / max(1, len(sample))
        return log > 2 * self.count() * written

    def size_bytes(self) -> int:
        return _disk_bytes(self._folder)

    def placement(self) -> None:
        return None

    @property
    def _name(self) -> str:
        return f"collection {self._folder.name!r}"

    @property
    def _lock(self) -> Path:
        return self._folder.with_name(f".{self._folder.name}.lock")

    @property
    def _path(self) -> Path:
        """The shard that counts: the one beside it, once that is begun."""
        if self._beside is not None:
            return self._beside[0]
        name = str((self._stored() or {}).get(SHARD, SHARD))
        if not SHARD_NAME.fullmatch(name):  # it may come from somebody else's home
            raise self._damaged()
        return self._folder / name

    def _stored(self) -> dict[str, Any] | None:
        """Return the manifest's file; beside a copy, as it was when that was made."""
        if self._copied is not None:
            return self._copied
        file = self._folder / MANIFEST
        try:
            return dict(json.loads(file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (TypeError, ValueError, RecursionError) as error:  # no JSON, or no object
            raise self._damaged() from error

    def _damaged(self) -> CollectionError:
        file = self._folder / MANIFEST
        return CollectionError(f"{file} is damaged; make the collection again with --rebuild")

    def _write(self, manifest: dict[str, Any], shard: str) -> None:
        text = json.dumps({**manifest, SHARD: shard}, ensure_ascii=False, indent=1)
        new = self._folder / f"{MANIFEST}.new"
        with new.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())  # else a power cut may leave an empty file under the name
        new.replace(self._folder / MANIFEST)

    def _loaded(self) -> q.EdgeShard:
        """Open the shard, or a copy of it. Nobody copies it meanwhile: opening writes into it."""
        if self._stored() is None:
            raise made_anew(self._folder.name)
        if self._is_guest:
            return self._loaded_copy()
        with self._changing():
            return q.EdgeShard.load(str(self._readable()))

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Keep others from copying it meanwhile."""
        seconds = STILL_SECONDS if self._purpose == "write" else OPEN_SECONDS
        with keep_still(self._lock, self._name, changing=True, seconds=seconds):
            yield

    def _update(self, operation: q.UpdateOperation) -> None:
        """Change the shard. Nobody copies what is made beside another."""
        with nullcontext() if self._beside else self._changing():
            self.shard.update(operation)

    def _loaded_copy(self) -> q.EdgeShard:
        """Open a copy of what another holds; once more where that wrote into it meanwhile.

        It keeps still while it opens and closes, but a process may end without either.
        """
        for left in reversed(range(COPY_TRIES)):
            begun = time.monotonic()
            try:
                with keep_still(self._lock, self._name, changing=False):
                    if (copied := self._stored()) is None:
                        raise made_anew(self._folder.name)
                    copy = self._held.enter_context(readable_copy(self._path))
                if copy is None:
                    raise CollectionBusyError(
                        f"{self._name} is being used by another process, and no disk has room for"
                        " a copy to read beside it; wait for that process, or free some space"
                    )
                shard = q.EdgeShard.load(str(copy))
            except CollectionError:
                raise
            except Exception as error:
                if not left:
                    raise CollectionBusyError(
                        f"{self._name} is being used by another process, and could not be copied to"
                        f" be read beside it ({error}); run the command again"
                    ) from error
                time.sleep(COPY_PAUSE_SECONDS)
            else:
                took = time.monotonic() - begun
                self._copy_is_good_until = begun + max(COPY_AGE_SECONDS, COPY_AGE_FACTOR * took)
                self._look_again_at = begun + LOOK_SECONDS
                self._copied = copied
                return shard
        raise AssertionError("a last try returns or raises")

    def _readable(self) -> Path:
        """Return the shard, or a copy of it: the engine writes also where it only reads."""
        if self._purpose == "write":
            self._check_space(MIN_FREE_TO_OPEN_BYTES)
            return self._path
        short = self._free_bytes() < MIN_FREE_BYTES
        if not short and os.access(self._path, os.W_OK):
            return self._path
        copy = self._held.enter_context(readable_copy(self._path))
        return copy or self._path

    def _hold(self) -> None:
        if not self._locked:
            self._is_guest = not self._held.enter_context(
                hold(self._lock, self._purpose, self._name)
            )
            self._held.callback(tighten, self._folder)
            self._locked = True
            if self._purpose == "write":
                self._sweep()

    def _sweep(self) -> None:
        """Remove what killed runs left: shards that the manifest does not name."""
        try:
            kept = None if self._beside is None and self._stored() is None else self._path
        except CollectionError:  # a damaged manifest: any of them may be the one that counts
            return
        if kept is not None and not kept.is_dir():  # so may they if that one is not there
            return
        for left in shards_in(self._folder):
            if left != kept:
                shutil.rmtree(left, ignore_errors=True)

    def _remove_folder(self) -> None:
        """Remove a folder in which nothing is left but what was ours in it."""
        for name in LEFT:
            (self._folder / name).unlink(missing_ok=True)
        with suppress(OSError):  # a collection, or something of the user's
            self._folder.rmdir()

    def _close_shard(self) -> None:
        if self._shard is None:
            return
        with ExitStack() as still:
            if not self._is_guest and self._beside is None:
                with suppress(CollectionBusyError):  # a copy that takes so long is made again
                    still.enter_context(self._changing())
            self._shard.close()  # which writes into it
        self._shard = None

    def _free_bytes(self) -> int:
        there = self._folder if self._folder.exists() else self._folder.parent
        return shutil.disk_usage(there).free

    def _check_space(self, least: int = MIN_FREE_BYTES) -> None:
        free = self._free_bytes()
        if free < least:
            raise CollectionError(
                f"only {free >> 20} MiB are free where {self._folder} lies; at least"
                f" {least >> 20} MiB are needed. Nothing is lost: free some space and run the same"
                " command again. `sightline remove NAME` frees a whole collection, and needs no"
                " space to do so"
            )


def _disk_bytes(folder: Path) -> int:
    """Return what files take; the holes in those of the engine take nothing."""
    taken = 0
    for parent, _, files in os.walk(folder):
        for file in files:
            with suppress(FileNotFoundError):  # a writer is at it
                taken += (Path(parent) / file).stat().st_blocks * 512
    return taken


def _log_bytes(point: Point) -> int:
    """Return about what a point takes in the log."""
    parts = (part for vector in point.vectors.values() for part in vector)
    numbers = sum(len(part) if isinstance(part, list) else 1 for part in parts)
    return NUMBER_BYTES * numbers + len(json.dumps(point.payload))


def _batches(shard: q.EdgeShard, spaces: Sequence[str]) -> Iterator[list[Point]]:
    """Yield all points of a shard with their vectors, some at a time."""
    offset = None
    while True:
        request = q.ScrollRequest(
            offset=offset, limit=COPIED, with_payload=True, with_vector=list(spaces)
        )
        found, offset = shard.scroll(request)
        if found:
            yield [
                Point(str(each.id), _plain(each.vector or {}), each.payload or {}) for each in found
            ]
        if offset is None:
            return


def shards_in(folder: Path) -> list[Path]:
    """Return the shards that lie in a folder, by their names."""
    found = folder.iterdir() if folder.is_dir() else iter(())
    return [each for each in found if SHARD_NAME.fullmatch(each.name) and each.is_dir()]


def remove_unfinished(collections: Path) -> None:
    """Remove what killed runs left of collections that are none, unless somebody is at it."""
    for folder in collections.iterdir() if collections.is_dir() else ():
        if shards_in(folder) and not (folder / MANIFEST).exists():
            with suppress(CollectionBusyError):
                EdgeEngine(folder, "write").clear()


def _config(spaces: Spaces) -> q.EdgeConfig:
    dense = {name: _cosine(size) for name, size in spaces.dense.items()}
    rows = {name: _cosine(size, _BEST_ROW) for name, size in spaces.rows.items()}
    late = {name: _late(size) for name, size in spaces.late.items()}
    words = q.EdgeSparseVectorParams(modifier=q.Modifier.Idf, memory=q.Memory.Cold)
    sparse = dict.fromkeys(spaces.sparse, words)
    return q.EdgeConfig(
        vectors={**dense, **rows, **late},
        sparse_vectors=sparse,
        hnsw_config=_NO_GRAPH,
        optimizers=_PLAN,
    )


def _cosine(size: int, rows: q.MultiVectorConfig | None = None) -> q.EdgeVectorParams:
    return q.EdgeVectorParams(
        size=size,
        distance=q.Distance.Cosine,
        multivector_config=rows,
        quantization_config=_BYTES,
        memory=q.Memory.Cold,
    )


def _late(size: int) -> q.EdgeVectorParams:
    """Half the disk of full precision, and scores within .00005 of it.

    No bytes beside it in memory: for 2,000 pages they would be 180 MB.
    """
    return q.EdgeVectorParams(
        size=size,
        distance=q.Distance.Dot,
        multivector_config=_BEST_ROW,
        datatype=q.VectorStorageDatatype.Float16,
        memory=q.Memory.Cold,
    )


def _nearest(query: Query | FirstStage) -> Any:  # noqa: ANN401 - a query of the engine
    return q.Query.Nearest(_native(query.vector), using=query.space)


def _prefetch(first: FirstStage, filter: q.Filter | None) -> q.Prefetch:
    """Filtered too: what does not pass must not take the place of what does."""
    return q.Prefetch(
        limit=first.limit, query=_nearest(first), filter=filter, params=_rescored(first.limit)
    )


def _rescored(limit: int) -> q.SearchParams:
    oversampling = max(OVERSAMPLING, RESCORED / limit)
    return q.SearchParams(quantization=q.QuantizationSearchParams(False, True, oversampling))


def _native(vector: Vector) -> Any:  # noqa: ANN401 - a NamedVector of the engine
    if isinstance(vector, tuple):
        return q.SparseVector(indices=vector[0], values=vector[1])
    return vector


def _plain(vectors: Any) -> dict[str, Vector]:  # noqa: ANN401 - by name, as we always ask
    return {
        name: (list(vector.indices), list(vector.values))
        if isinstance(vector, q.SparseVector)
        else vector
        for name, vector in vectors.items()
    }
